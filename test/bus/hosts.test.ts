/** Two hosts, each a process with its own store, that talk over the socket bus. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Order, Report } from './host-process.ts';
import { HUB, nameOf, OTHER } from './terms.ts';

const PROCESS = fileURLToPath(new URL('./host-process.ts', import.meta.url));
const POLL_MS = 25;

let directory = '';
let running: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-hosts-'));
  running = [];
});

afterEach(async () => {
  for (const child of running) await kill(child);
  rmSync(directory, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function start(host: string): Promise<ChildProcess> {
  const args = [host, join(directory, `${host}.db`), join(directory, 'bus.sock')];
  const child = fork(PROCESS, args, { execArgv: ['--conditions=skein-source'], stdio: 'inherit' });
  running.push(child);
  await once(child, 'message');
  return child;
}

async function told(child: ChildProcess, order: Order): Promise<unknown> {
  child.send(order);
  if (order.do === 'rotate') return undefined;
  const what = order.do === 'give' ? 'given' : 'report';
  for (;;) {
    const [message] = (await once(child, 'message')) as [Record<string, unknown>];
    if (what in message) return message[what];
  }
}
const report = async (child: ChildProcess): Promise<Report> => (await told(child, { do: 'report' })) as Report;

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await after(POLL_MS);
}

const numbers = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [String(n), 1]));

describe('two hosts over the socket bus', () => {
  it('have every durable message exactly once, whichever of them is killed under load', async ({ annotate }) => {
    await annotate('starts and kills real processes');
    let hub = await start(HUB);
    let spoke = await start(OTHER);
    await told(spoke, { do: 'give', from: 0, count: 400, to: nameOf(HUB) });
    await until(async () => Object.keys((await report(hub)).notes).length > 0);
    await kill(hub);
    hub = await start(HUB);
    await told(spoke, { do: 'give', from: 400, count: 400, to: nameOf(HUB) });
    await told(hub, { do: 'give', from: 0, count: 200, to: nameOf(OTHER) });
    await kill(spoke); // what it was told is durable; what of it has left is not known
    spoke = await start(OTHER);
    await until(async () => (await report(spoke)).owed === 0 && (await report(hub)).owed === 0);
    expect((await report(hub)).notes).toEqual(numbers(800));
    expect((await report(spoke)).notes).toEqual(numbers(200));
    expect([await report(hub), await report(spoke)]).toMatchObject([{ dead: 0 }, { dead: 0 }]);
  });

  it('lose nothing when both change their keys while messages are on the way', async ({ annotate }) => {
    await annotate('starts real processes');
    const [hub, spoke] = [await start(HUB), await start(OTHER)];
    const before = await report(spoke);
    const from = Date.now() + 50;
    for (const host of [HUB, OTHER]) for (const child of [hub, spoke]) await told(child, { do: 'rotate', host, from });
    for (let n = 0; n < 600; n += 50) {
      await told(spoke, { do: 'give', from: n, count: 50, to: nameOf(HUB) });
      await after(POLL_MS);
    }
    await until(async () => (await report(spoke)).owed === 0);
    const now = [await report(hub), await report(spoke)];
    expect(now[0]!.notes).toEqual(numbers(600));
    expect(now).toMatchObject([
      { dead: 0, broken: [] },
      { dead: 0, broken: [] },
    ]);
    expect(now[1]!.keyId).not.toBe(before.keyId);
  });
});
