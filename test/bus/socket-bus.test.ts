/** The bus between real processes of one machine. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Envelope,
  FRAME_BYTES_MAX,
  type FrameBuilder,
  openFrame,
  type Refusal,
  WireTable,
} from '../../src/protocol/index.ts';
import { SocketHub, SocketSpoke } from '../../src/runtime/embedded/index.ts';
import { type FrameLine, Outgoing, readUnits } from '../../src/runtime/embedded/socket-frames.ts';
import type { Order } from './spoke.ts';
import * as fleet from './terms.ts';
import { member, nameOf, Say, say } from './terms.ts';

const CHILD = nameOf(fleet.CHILD);
const PARENT = nameOf(fleet.HUB);
const POLL_MS = 5; // what another process did is asked for, and it has to get some time to do it
const SPOKE = fileURLToPath(new URL('./spoke.ts', import.meta.url));

let directory = '';
let path = '';
let hub: SocketHub;
let children: ChildProcess[] = [];
let undelivered: { readonly envelope: Envelope; readonly refusal: Refusal }[] = [];
let heard: Envelope[] = [];

const makeHub = (): SocketHub =>
  new SocketHub({
    identity: member(fleet.HUB).identity,
    path,
    now: Date.now,
    onUndelivered: (envelope, refusal) => undelivered.push({ envelope, refusal }),
  });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'skein-bus-'));
  path = join(directory, 'bus.sock');
  [children, undelivered, heard] = [[], [], []];
  hub = makeHub();
  await hub.listen();
  hub.attach(PARENT, (envelope) => heard.push(envelope) > 0);
});

afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await hub.close();
  rmSync(directory, { recursive: true });
});

async function start(...joins: string[]): Promise<ChildProcess> {
  const child = fork(SPOKE, [path, ...joins], { execArgv: ['--conditions=skein-source'], stdio: 'inherit' });
  children.push(child);
  await once(child, 'message');
  hub.send(say(PARENT, CHILD, -1, 0)); // waits in the hub until the child has attached
  await until(() => heard.some((envelope) => n(envelope) === -1));
  heard.length = 0;
  return child;
}

const order = (child: ChildProcess, what: Order): void => void child.send(what);
const n = (envelope: Envelope): number => (envelope.data as { n: number }).n;

async function reported(child: ChildProcess): Promise<readonly number[]> {
  order(child, { do: 'report' });
  const [answer] = (await once(child, 'message')) as [{ readonly got: readonly number[] }];
  return answer.got;
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await after(POLL_MS);
}

describe('the bus between processes', () => {
  it('carries messages both ways, in order in each lane, to addresses, groups and pools', async ({ annotate }) => {
    await annotate('starts a real process');
    const child = await start('sk.r.g.all', 'sk.r.q.work');
    hub.join(PARENT, 'sk.r.g.all');
    hub.join(PARENT, 'sk.r.q.work');
    for (let i = 0; i < 3000; i++) hub.send(say(PARENT, CHILD, i));
    order(child, { do: 'send', audience: PARENT, from: 0, count: 3000 });
    await until(async () => heard.length >= 3000 && (await reported(child)).length >= 3001);
    expect(await reported(child)).toEqual([-1, ...Array.from({ length: 3000 }, (_, i) => i)]);
    for (let lane = 0; lane < 4; lane++) {
      const inLane = heard.filter(({ priority }) => priority === lane).map(n);
      expect(inLane).toEqual(Array.from({ length: 750 }, (_, i) => i * 4 + lane));
    }
    heard.length = 0;
    order(child, { do: 'send', audience: 'sk.r.g.all', from: 10_000, count: 10 });
    order(child, { do: 'send', audience: 'sk.r.q.work', from: 20_000, count: 100 });
    const pooled = async (): Promise<number[]> => [...(await reported(child)), ...heard.map(n)].filter((each) => each >= 20_000);
    await until(async () => (await pooled()).length >= 100);
    expect(new Set(await pooled()).size).toBe(100);
    expect((await reported(child)).filter((each) => each >= 10_000 && each < 20_000)).toHaveLength(10);
    expect(heard.filter((each) => n(each) >= 10_000 && n(each) < 20_000)).toHaveLength(10);
    expect(heard.some((each) => n(each) >= 20_000)).toBe(true);
    expect(undelivered).toEqual([]);
  });

  it('hears control while a receiver in another process refuses bulk, and sends it no more than a turn ahead', async ({
    annotate,
  }) => {
    await annotate('starts a real process');
    const child = await start();
    order(child, { do: 'room', room: 0 });
    for (let i = 0; i < 2000; i++) hub.send(say(PARENT, CHILD, i, 3));
    await until(() => hub.pressured(CHILD));
    hub.send(say(PARENT, CHILD, 5000, 0));
    await until(() => heard.some((envelope) => n(envelope) === 5000)); // the answer of the child
    expect(hub.pressured(CHILD)).toBe(true);
    order(child, { do: 'room', room: 10_000 });
    await until(async () => (await reported(child)).length >= 2002);
    expect((await reported(child)).filter((each) => each >= 0 && each < 5000)).toEqual(Array.from({ length: 2000 }, (_, i) => i));
  });

  it('gives what a killed member of a pool had not taken to another one, and loses nothing of an address', async ({
    annotate,
  }) => {
    await annotate('starts and kills real processes');
    const first = await start('sk.r.q.work');
    order(first, { do: 'room', room: 5 });
    for (let i = 0; i < 100; i++) hub.send(say(PARENT, 'sk.r.q.work', i));
    for (let i = 1000; i < 1100; i++) hub.send(say(PARENT, CHILD, i));
    await until(async () => (await reported(first)).length >= 6);
    const took = await reported(first);
    first.kill('SIGKILL');
    await once(first, 'exit');
    hub.join(PARENT, 'sk.r.q.work');
    const missing = (): number[] =>
      Array.from({ length: 100 }, (_, i) => i).filter((i) => !took.includes(i) && !heard.some((envelope) => n(envelope) === i));
    await until(() => missing().length === 0);
    const second = await start();
    const own = async (): Promise<number[]> => [...new Set((await reported(second)).filter((each) => each >= 1000))];
    const expected = Array.from({ length: 100 }, (_, i) => 1000 + i).filter((i) => !took.includes(i));
    await until(async () => (await own()).length >= expected.length);
    expect((await own()).filter((each) => expected.includes(each))).toEqual(expected);
  });

  it('goes on after the hub was gone, with what was sent meanwhile, and tells the sender what could not be delivered', async ({
    annotate,
  }) => {
    await annotate('starts a real process');
    const child = await start();
    await hub.close();
    order(child, { do: 'send', audience: PARENT, from: 0, count: 200 });
    await reported(child);
    hub = makeHub();
    await hub.listen();
    hub.attach(PARENT, (envelope) => heard.push(envelope) > 0);
    await until(() => new Set(heard.map(n)).size >= 200);
    hub.send(say(PARENT, CHILD, 7, 0));
    await until(() => heard.filter((envelope) => n(envelope) === 7).length >= 2);
    const late = { ...say(CHILD, CHILD, 8), time: Date.now() - 700_000 };
    hub.send(late);
    const [told] = (await once(child, 'message')) as [{ readonly undelivered: number; readonly refusal: Refusal }];
    expect(told).toMatchObject({ undelivered: 8, refusal: { reason: 'expired' } });
  });

  it('refuses to listen where another process does, and replaces what a dead one left', async () => {
    await expect(makeHub().listen()).rejects.toThrow(/another process listens/);
    await hub.close();
    writeFileSync(path, ''); // nobody answers at it, as at the socket of a process that was killed
    hub = makeHub();
    await hub.listen();
    expect(lstatSync(path).isSocket()).toBe(true);
  });

  it('ends a connection that does not speak frames, with a reason, and serves the others', async () => {
    const broken: Refusal[] = [];
    await hub.close();
    hub = new SocketHub({
      identity: member(fleet.HUB).identity,
      path,
      now: Date.now,
      onUndelivered: () => {},
      onBroken: (refusal) => broken.push(refusal),
    });
    await hub.listen();
    const noise = connect(path);
    noise.resume(); // it is told why
    noise.write('GET / HTTP/1.1\r\nhost: nobody\r\n\r\n'.repeat(50));
    await once(noise, 'close');
    expect(broken).toMatchObject([{ reason: 'corrupt' }]);
    const spoke = new SocketSpoke({
      identity: member(fleet.OTHER).identity,
      hub: PARENT,
      path,
      now: Date.now,
      onUndelivered: () => {},
    });
    const got: Envelope[] = [];
    hub.attach(PARENT, (envelope) => got.push(envelope) > 0);
    spoke.send(say(nameOf(fleet.OTHER), PARENT, 1));
    await until(() => got.length === 1);
    spoke.close();
  });
});

/** Frames that are sealed by nothing: what is looked at here is what waits and what is under way. */
const TABLE = new WireTable([Say]);
const line = (socket: Socket): FrameLine => ({
  socket,
  table: TABLE,
  seal: (builder: FrameBuilder) =>
    builder.seal(
      { authentication: 'stub', key: new Uint8Array(0), sequence: 1, from: fleet.HUB, to: null, incarnation: 1 },
      () => new Uint8Array(8),
    ),
});
const outgoingOf = (): Outgoing => new Outgoing({ now: Date.now, before: () => null, onRefused: () => expect.unreachable() });

function readFrames(peer: Socket, onFrame: (envelopes: readonly Envelope[]) => void): void {
  readUnits(
    peer,
    (unit) => {
      const opened = openFrame(unit, TABLE, () => null);
      if (!opened.ok) return expect.unreachable();
      onFrame(
        opened.value.messages.map((message) => {
          const read = message.envelope();
          return read.ok ? read.value : expect.unreachable();
        }),
      );
    },
    () => expect.unreachable(),
  );
}

describe('frames over a connection', () => {
  it('leave one in the memory of the socket when nobody reads, whatever is pushed, and come all when somebody does', async () => {
    const server = createServer();
    const other = join(directory, 'slow.sock');
    server.listen(other);
    await once(server, 'listening');
    const accepted = once(server, 'connection');
    const socket = connect(other);
    const [peer] = (await accepted) as [Socket];
    peer.pause();
    const outgoing = outgoingOf();
    outgoing.connect(line(socket), () => true);
    const text = 'x'.repeat(10_000);
    let pushed = 0;
    for (; pushed < 1000; pushed++) {
      outgoing.push(say(PARENT, CHILD, pushed, 2, text));
      if (pushed % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(socket.writableLength).toBeLessThanOrEqual(FRAME_BYTES_MAX);
    expect(outgoing.size).toBe(pushed);
    const got: number[] = [];
    let frames = 0;
    readFrames(peer, (envelopes) => {
      got.push(...envelopes.map(n));
      outgoing.acknowledged((frames += 1));
    });
    peer.resume();
    await until(() => got.length >= pushed && outgoing.size === 0);
    expect(got).toEqual(Array.from({ length: pushed }, (_, i) => i));
    socket.destroy();
    peer.destroy();
    server.close();
  });

  it('send again what was not acknowledged when the connection ended, first and in order, on the next one', async () => {
    const server = createServer();
    const other = join(directory, 'cut.sock');
    server.listen(other);
    await once(server, 'listening');
    const outgoing = outgoingOf();
    const hear = async (acknowledge: number, enough: number): Promise<number[]> => {
      const accepted = once(server, 'connection');
      const socket = connect(other);
      const [peer] = (await accepted) as [Socket];
      const got: number[] = [];
      readFrames(peer, (envelopes) => got.push(...envelopes.map(n)));
      outgoing.connect(line(socket), (envelope) => n(envelope) !== 3);
      await until(() => got.length >= enough);
      outgoing.acknowledged(acknowledge);
      outgoing.disconnect();
      for (const each of [socket, peer]) each.destroy();
      return got;
    };
    for (let i = 0; i < 300; i++) outgoing.push(say(PARENT, CHILD, i)); // frames of 256 and 44
    expect(await hear(1, 299)).toEqual(Array.from({ length: 300 }, (_, i) => i).filter((i) => i !== 3));
    for (let i = 300; i < 310; i++) outgoing.push(say(PARENT, CHILD, i));
    expect(await hear(2, 53)).toEqual(Array.from({ length: 53 }, (_, i) => 257 + i));
    expect(outgoing.size).toBe(0);
    server.close();
  });
});
