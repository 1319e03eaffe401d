import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { connectWarden, detectSandbox } from '../../src/runtime/embedded/index.ts';
import { alive, type Host, mark, say, startHost, until, world } from './world.ts';

const { mode, why } = await detectSandbox();
const namespaces = mode !== 'none';
const place = world();
const killed: (() => void)[] = [];
const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
};
const gone = (pid: number): boolean => {
  try {
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('Z');
  } catch {
    return true;
  }
};

afterEach(() => {
  for (const one of killed.splice(0)) one();
});
afterAll(() => place.remove());

/** In the foreground, in the background, and as a daemon in a session of its own. */
const everywhere = (marked: string): string[] => [
  'sh',
  '-c',
  `sleep ${marked} & (setsid sh -c 'sleep ${marked} & sleep ${marked}' &) ; echo here; sleep ${marked}`,
];

async function run(sandboxed: boolean, hang = false): Promise<Host & { marked: string }> {
  const marked = mark();
  const host = await startHost(place, everywhere(marked), sandboxed ? place.sandbox : undefined, hang);
  killed.push(
    () => kill(host.process.pid!),
    () => kill(host.warden),
  );
  await until('all four of them run', () => alive(marked).length >= 4);
  return { ...host, marked };
}

describe.each([
  ['without a sandbox', false],
  ['in a sandbox (namespaces)', true],
])('%s', (_, sandboxed) => {
  it.skipIf(sandboxed && !namespaces)('kill -9 of the host leaves no process after 5 s, daemons included', async () => {
    const host = await run(sandboxed);
    kill(host.process.pid!);
    await until('everything is gone', () => alive(host.marked).length === 0 && gone(host.warden));
  });

  it.skipIf(sandboxed && !namespaces)('a halt through the socket works while the loop of the host hangs', async () => {
    const host = await run(sandboxed, true);
    expect(await say(host.socket, '{"verb":"status"}')).toMatchObject({ ok: true, halted: false });
    const began = performance.now();
    expect(await say(host.socket, '{"verb":"halt"}')).toEqual({ ok: true, killed: 1 });
    expect(performance.now() - began).toBeLessThan(250);
    await until('everything is gone', () => alive(host.marked).length === 0);
    expect(await say(host.socket, '{"verb":"status"}')).toMatchObject({ halted: true });
  });
});

describe('kill -9 of host and warden at once', () => {
  it.skipIf(!namespaces)(`leaves nothing after 5 s where there are namespaces${why === '' ? '' : ` (${why})`}`, async () => {
    const host = await run(true);
    kill(host.process.pid!);
    kill(host.warden);
    await until('everything is gone', () => alive(host.marked).length === 0);
  });

  it('is made good by the next start without them: groups by the record, daemons by their marker', async () => {
    const host = await run(false);
    kill(host.warden);
    kill(host.process.pid!);
    await until('the warden is gone', () => gone(host.warden));
    expect(alive(host.marked).length).toBeGreaterThan(0);
    const next = await connectWarden({ run: '1', record: place.record, sockets: place.sockets });
    expect(next.cleaned.groups).toBe(1);
    expect(next.cleaned.escaped).toBeGreaterThanOrEqual(2);
    await until('everything is gone', () => alive(host.marked).length === 0);
    await next.close();
  });
});
