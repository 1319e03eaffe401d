/** Who is let on the socket bus, what he may say there, and that one who is cut costs the others nothing. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { Type } from 'typebox';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ContractRegistry,
  type Crypto,
  defineContract,
  type Envelope,
  issueCertificate,
  makeEnvelope,
  type Refusal,
} from '../../src/protocol/index.ts';
import { type SocketBusOptions, SocketHub, type SocketIdentity, SocketSpoke } from '../../src/runtime/embedded/index.ts';
import { AGENT, CHILD, HUB, type Member, member, nameOf, newId, OTHER, say, SayMore, Stop, STRANGER } from './terms.ts';

const POLL_MS = 2;
let directory = '';
let path = '';
let hub: SocketHub;
let spokes: SocketSpoke[] = [];
let heard: Envelope[] = [];
let broken: { readonly refusal: Refusal; readonly peer: string | null }[] = [];
let undelivered: Refusal[] = [];
let projected: string[] = [];
let verdicts: (Refusal | null)[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'skein-refused-'));
  path = join(directory, 'bus.sock');
  [spokes, heard, broken, undelivered, projected, verdicts] = [[], [], [], [], [], []];
  hub = new SocketHub({
    identity: member(HUB).identity,
    path,
    now: Date.now,
    onUndelivered: () => {},
    onBroken: (refusal, peer) => broken.push({ refusal, peer }),
    onProjected: (type, dropped) => projected.push(`${type} ${dropped.join()}`),
  });
  await hub.listen();
  hub.attach(nameOf(HUB), (envelope) => {
    verdicts.push(hub.verify(envelope, false));
    return heard.push(envelope) > 0;
  });
});

afterEach(async () => {
  for (const spoke of spokes) spoke.close();
  await hub.close();
  rmSync(directory, { recursive: true });
});

function joins(of: Member, more: Partial<SocketBusOptions & { hub: string }> = {}): SocketSpoke {
  const spoke = new SocketSpoke({
    identity: of.identity,
    hub: nameOf(HUB),
    path,
    now: Date.now,
    onUndelivered: (_, refusal) => undelivered.push(refusal),
    ...more,
  });
  spokes.push(spoke);
  return spoke;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await after(POLL_MS);
}

function speaking(...contracts: readonly Parameters<ContractRegistry['add']>[0][]): Partial<SocketIdentity> {
  const registry = new ContractRegistry();
  for (const each of contracts) registry.add(each);
  return { contracts: registry };
}

const stop = (source: string): Envelope =>
  makeEnvelope(Stop, { why: 'test' }, { id: newId(), source, time: Date.now(), subject: 'test', audience: nameOf(HUB) });

describe('the hub of a socket bus', () => {
  it('refuses a host that nobody admitted, with a reason that both hear, and serves the others', async () => {
    const why: Refusal[] = [];
    joins(member(STRANGER), { onBroken: (refusal) => why.push(refusal) }).send(say(nameOf(STRANGER), nameOf(HUB), 1));
    const good = joins(member(CHILD));
    good.send(say(nameOf(CHILD), nameOf(HUB), 2));
    await until(() => heard.length === 1 && why.length > 0);
    expect(broken[0]!.refusal).toMatchObject({ reason: 'bad-signature', detail: expect.stringContaining('nobody known here') });
    expect(why[0]!.detail).toContain('the other host says');
    expect(heard.map(({ source }) => source)).toEqual([nameOf(CHILD)]);
  });

  it('refuses the session with a host whose contract of the same version means something else', async () => {
    const fields = Type.Object({ n: Type.String(), text: Type.String() }, { additionalProperties: false });
    const changed = defineContract('test.event.say.v1', fields, { durability: 'ephemeral' });
    joins(member(CHILD, speaking(changed, Stop)));
    await until(() => broken.length > 0);
    expect(broken[0]!.refusal.detail).toMatch(/test\.event\.say\.v1 minor 0 has hash/);
  });

  it('is met only by its own name: a spoke that means another host gets no session', async () => {
    joins(member(CHILD), { hub: nameOf(OTHER) });
    await until(() => broken.length > 0);
    expect(broken[0]!.refusal.reason).toBe('not-for-me');
  });

  it('reads what a newer minor version says without what it does not know, and counts that', async () => {
    const newer = joins(member(CHILD, speaking(SayMore, Stop)));
    const spoken = { id: newId(), source: nameOf(CHILD), time: Date.now(), subject: 'test', audience: nameOf(HUB) };
    newer.send(makeEnvelope(SayMore, { n: 5, text: 'x', loud: true }, spoken));
    await until(() => heard.length === 1);
    expect(heard[0]!.data).toEqual({ n: 5, text: 'x' });
    expect(projected).toEqual(['test.event.say.v1 /loud']);
    expect(verdicts).toEqual([null]);
    expect(hub.verify(heard[0]!, false)).toMatchObject({ reason: 'bad-signature' }); // handed in from elsewhere
  });

  it('refuses what a host says for another one, tells it so, and cuts it when it goes on', async () => {
    const liar = joins(member(CHILD));
    const honest = joins(member(OTHER));
    for (let n = 0; n < 20; n++) liar.send(say(nameOf(OTHER), nameOf(HUB), n));
    await until(() => broken.length > 0 && undelivered.length > 0);
    expect(broken[0]).toMatchObject({ peer: nameOf(CHILD), refusal: { reason: 'bad-signature' } });
    expect(broken[0]!.refusal.detail).toContain('16 messages were refused');
    honest.send(say(nameOf(OTHER), nameOf(HUB), 100));
    await until(() => heard.length === 1);
    expect(heard[0]!.data).toMatchObject({ n: 100 });
  });

  it('lets a host speak for an agent by its certificate, and not without one', async () => {
    const without = joins(member(CHILD));
    without.send(say(AGENT, nameOf(HUB), 1));
    await until(() => undelivered.length === 1);
    expect(undelivered[0]!.detail).toContain('showed no certificate');
    without.close();
    const own = member(CHILD);
    const from = Date.now() - 1000;
    const delegation = { agent: AGENT, host: nameOf(CHILD), kinds: ['event'], from, until: from + 60_000 } as const;
    const certificate = issueCertificate(delegation, own.keys.signer(AGENT, Date.now()));
    joins({ ...own, identity: { ...own.identity, certificates: () => [certificate] } }).send(say(AGENT, nameOf(HUB), 2));
    await until(() => heard.length === 1);
    expect(heard[0]).toMatchObject({ source: AGENT, data: { n: 2 } });
  });

  it('hears an agent that has to sign itself, and gives its signature to whoever gets the message', async () => {
    const far: Envelope[] = [];
    const receiver = joins(member(OTHER));
    receiver.attach(nameOf(OTHER), (envelope) => receiver.verify(envelope, false) === null && far.push(envelope) > 0);
    const sender = joins(member(CHILD));
    sender.send(stop(AGENT));
    sender.send({ ...stop(AGENT), audience: nameOf(OTHER) });
    await until(() => heard.length === 1 && far.length === 1);
    expect(far[0]!.keyId).toHaveLength(32);
    const mute = member(CHILD);
    const wrong = {
      ...mute.identity,
      signer: (name: string, at: number) => mute.keys.signer(name === AGENT ? nameOf(CHILD) : name, at),
    };
    sender.close();
    joins({ ...mute, identity: wrong }).send(stop(AGENT));
    await until(() => undelivered.length > 0);
    expect(undelivered[0]!.detail).toContain(`${nameOf(CHILD)} signed a message of ${AGENT}`);
  });

  it('cuts a connection that brings a recorded frame, one that is not sealed, or one before hello', async () => {
    const recorded: Buffer[] = [];
    let line: Socket | null = null;
    const between = createServer((socket) => {
      line = connect(path);
      socket.on('data', (chunk: Buffer) => {
        recorded.push(chunk);
        line!.write(chunk);
      });
      line.on('data', (chunk: Buffer) => void socket.write(chunk));
      for (const each of [socket, line]) each.on('error', () => {});
      line.on('close', () => socket.destroy());
    });
    const other = join(directory, 'between.sock');
    between.listen(other);
    await once(between, 'listening');
    const spoke = joins(member(CHILD, { frames: 'signature' }), { path: other });
    await until(() => spoke.connected);
    await after(20); // what a connection says of itself
    recorded.length = 0;
    spoke.send(say(nameOf(CHILD), nameOf(HUB), 1));
    await until(() => heard.length === 1);
    const frame = recorded[0]!;
    line!.write(frame);
    await until(() => broken.length === 1);
    expect(broken[0]!.refusal.reason).toBe('duplicate');
    between.close();
    spoke.close();
    const early = connect(path);
    early.resume();
    early.write(frame);
    await once(early, 'close');
    expect(broken.at(-1)!.refusal).toMatchObject({ reason: 'denied', detail: expect.stringContaining('begin with hello') });
    expect(heard).toHaveLength(1);
  });

  it('renews a session before it is over, and messages go on; ends a connection that never says hello', async ({ annotate }) => {
    await annotate('waits for the second in which sessions are looked at');
    await hub.close();
    let ahead = 0;
    const now = (): number => Date.now() + ahead;
    hub = new SocketHub({
      identity: member(HUB).identity,
      path,
      now,
      onUndelivered: () => {},
      onBroken: (refusal, peer) => broken.push({ refusal, peer }),
    });
    await hub.listen();
    hub.attach(nameOf(HUB), (envelope) => heard.push(envelope) > 0);
    const { identity } = member(CHILD);
    const silent = connect(path);
    silent.resume();
    const closed = once(silent, 'close');
    let handshakes = 0;
    const counted: Crypto = {
      ...identity.crypto,
      agreementKeyPair: (seed) => ((handshakes += 1), identity.crypto.agreementKeyPair(seed)),
    };
    const spoke = joins({ ...member(CHILD), identity: { ...identity, crypto: counted } }, { now });
    for (let round = 1; round <= 2; round++) {
      await until(() => handshakes === round);
      spoke.send({ ...say(nameOf(CHILD), nameOf(HUB), round), time: now() });
      await until(() => heard.length === round);
      ahead += 46 * 60_000; // three quarters of a session and a minute
    }
    await closed;
    await until(() => handshakes === 3);
    spoke.send({ ...say(nameOf(CHILD), nameOf(HUB), 3), time: now() });
    await until(() => heard.length === 3);
    expect(heard.map(({ data }) => (data as { n: number }).n)).toEqual([1, 2, 3]);
    expect(broken).toMatchObject([{ peer: null, refusal: { reason: 'timed-out' } }]);
  });
});
