import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectWarden, type WardenClient } from '../../src/runtime/embedded/index.ts';
import { HELD } from '../../src/runtime/embedded/warden/execution.ts';
import { alive, mark, say, until, type World, world } from './world.ts';

describe('a warden', () => {
  let place: World;
  let warden: WardenClient;
  let restarts = 0;

  beforeAll(async () => {
    place = world('wörk dir');
    const { record, sockets } = place;
    warden = await connectWarden({ run: '7', record, sockets, graceMs: 200, onRestart: () => (restarts += 1) });
  });
  afterAll(async () => {
    await warden.close();
    expect(existsSync(warden.socket)).toBe(false);
    place.remove();
  });

  it('gives back what a program printed, how it ended, and who it was', async () => {
    const script = 'pwd; cat; echo no >/dev/stderr; echo "$SKEIN_RUN $SKEIN_EXEC"; nice; exit 3';
    const result = await warden.exec(['sh', '-c', script], { ...place.options, stdin: 'ünï\n' });
    expect(result).toMatchObject({ ended: 'exit', exitCode: 3, signalName: null, truncated: false, error: '' });
    expect(result.stdout.toString()).toMatch(/^\/.*wörk dir\nünï\n7 [0-9a-f]{12}-\d+\n10\n$/);
    expect(result.stderr.toString()).toBe('no\n');
  });

  it('starts a program from a path with spaces and letters of any alphabet', async () => {
    const path = join(place.options.cwd, 'prögram ✓');
    writeFileSync(path, '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 });
    const result = await warden.exec([path, 'a b', "it's", '', '$HOME'], place.options);
    expect(result.stdout.toString()).toBe("a b|it's||$HOME|");
  });

  it('says in words why a program was not started', async () => {
    const missing = await warden.exec(['no-such-agent'], place.options);
    expect(missing).toMatchObject({ ended: 'not-started', error: 'no-such-agent: not found on PATH' });
    const nowhere = await warden.exec(['true'], { ...place.options, cwd: '/no/such/place' });
    expect(nowhere).toMatchObject({ ended: 'not-started', error: '/no/such/place: no such directory to start true in' });
    const large = await warden.exec(['true', 'x'.repeat(4_000_000)], place.options);
    expect(large).toMatchObject({ ended: 'not-started', error: expect.stringContaining('E2BIG') });
  });

  it('has a program on file before the program runs', async () => {
    const result = await warden.exec(['sh', '-c', `grep -c "\\"pid\\":$$," "${place.record}"`], place.options);
    expect(result.stdout.toString()).toBe('1\n');
  });

  it('never runs a held program whose warden dies before releasing it', async () => {
    const trace = join(place.home, 'ran');
    const child = spawn('/bin/sh', ['-c', HELD, 'held', 'touch', trace], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    const code = new Promise((resolve) => void child.once('exit', resolve));
    (child.stdio[3] as Writable).destroy();
    expect(await code).toBe(125);
    expect(existsSync(trace)).toBe(false);
  });

  it('gives no terminal, no input and a group of its own', async () => {
    const result = await warden.exec(
      ['sh', '-c', 'cat; (: </dev/tty) 2>/dev/null && echo tty; ps -o pgid= -p $$; echo $$'],
      place.options,
    );
    const [group, pid] = result.stdout.toString().trim().split(/\s+/);
    expect(group).toBe(pid);
  });

  it('ends a program at its time-out, and one that ignores SIGTERM after the grace', async () => {
    const [polite, deaf] = [mark(), mark()];
    const results = await Promise.all([
      warden.exec(['sleep', polite], { ...place.options, timeoutMs: 100 }),
      warden.exec(['sh', '-c', `trap "" TERM; sleep ${deaf} & sleep ${deaf}`], { ...place.options, timeoutMs: 100 }),
    ]);
    expect(results.map((result) => [result.ended, result.signalName])).toEqual([
      ['timed-out', 'SIGTERM'],
      ['timed-out', 'SIGKILL'],
    ]);
    expect(results[1].durationMs).toBeGreaterThanOrEqual(300);
    expect([...alive(polite), ...alive(deaf)]).toEqual([]);
  });

  it('ends a program when the caller aborts', async () => {
    const marked = mark();
    const abort = new AbortController();
    const options = { ...place.options, signal: abort.signal, onStdout: () => abort.abort() };
    const result = await warden.exec(['sh', '-c', `echo here; sleep ${marked}`], options);
    expect(result).toMatchObject({ ended: 'cancelled', stdout: Buffer.from('here\n') });
    expect(alive(marked)).toEqual([]);
    expect(await warden.exec(['true'], options)).toMatchObject({ ended: 'cancelled', retryable: false });
  });

  it('leaves nothing of a program that has ended: background jobs, daemons in a session of their own', async () => {
    const marked = mark();
    const script = `(setsid sh -c 'sleep ${marked}' &) ; sleep ${marked} & echo left`;
    const result = await warden.exec(['sh', '-c', script], place.options);
    expect(result).toMatchObject({ ended: 'exit', stdout: Buffer.from('left\n') });
    await until('all of them are gone', () => alive(marked).length === 0);
  });

  it('ends a program that forks and forks', async () => {
    const marked = mark();
    const script = `f() { [ $1 -gt 0 ] && { f $(($1-1)) & f $(($1-1)) & }; sleep ${marked}; }; f 5; wait`;
    const result = await warden.exec(['sh', '-c', script], { ...place.options, timeoutMs: 300 });
    expect(result.ended).toBe('timed-out');
    await until('all of them are gone', () => alive(marked).length === 0);
  });

  it('ends a printer of 1 GB at its limit, with flat memory', async () => {
    const options = { ...place.options, keepBytes: 1_000_000, outputBytesMax: 800_000_000 };
    const result = await warden.exec(['head', '-c', String(2 ** 30), '/dev/zero'], options);
    expect(result).toMatchObject({ ended: 'output-limit', signalName: 'SIGKILL', truncated: true });
    expect(result.stdout.length).toBe(1_000_000);
    if (existsSync('/proc/self/status')) {
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${warden.pid}/status`, 'utf8'))![1];
      // MB. A node that moves buffers this fast peaks at about 200 before it collects; what was printed is four times that.
      expect(Number(peak) / 1024).toBeLessThan(400);
    }
  });

  it('streams to a slow reader without losing a byte', async () => {
    let bytes = 0;
    const result = await warden.exec(['head', '-c', '20000000', '/dev/zero'], {
      ...place.options,
      outputBytesMax: 2 ** 30,
      onStdout: (chunk) => void (bytes += chunk.length),
    });
    expect(result.ended).toBe('exit');
    expect(bytes).toBe(20_000_000);
  });

  it('lists what runs, with memory and label', async () => {
    const marked = mark();
    const abort = new AbortController();
    const options = { ...place.options, label: 'task 4', signal: abort.signal };
    let running: Promise<unknown> = Promise.resolve();
    await new Promise<void>((resolve) => {
      running = warden.exec(['sh', '-c', `echo; sleep ${marked}; :`], { ...options, onStdout: () => resolve() });
    });
    const status = await warden.status();
    expect(status).toMatchObject({ pid: warden.pid, run: '7', halted: false, processes: [{ label: 'task 4' }] });
    expect(status.processes[0]!.rssBytes).toBeGreaterThan(100_000);
    expect(status.processes[0]!.command).toContain(marked);
    expect(await say(warden.socket, '{"verb":"status"}')).toMatchObject({
      ok: true,
      processes: [{ pid: status.processes[0]!.pid }],
    });
    expect(await say(warden.socket, 'what?')).toMatchObject({ ok: false });
    expect(statSync(place.sockets).mode & 0o777).toBe(0o700);
    abort.abort();
    await running;
  });

  it('is started again when it is killed; what ran is gone, and may be run again', async () => {
    const marked = mark();
    const before = warden.pid;
    const options = { ...place.options, onStdout: () => void process.kill(before, 'SIGKILL') };
    const script = `(setsid sleep ${marked} &) ; sleep ${marked} & echo here; sleep ${marked}`;
    const result = await warden.exec(['sh', '-c', script], options);
    expect(result).toMatchObject({ ended: 'cancelled', retryable: true });
    expect(alive(marked)).toEqual([]);
    expect(restarts).toBe(1);
    expect(warden.pid).not.toBe(before);
    expect(await warden.exec(['true'], place.options)).toMatchObject({ ended: 'exit', exitCode: 0 });
  });
});

describe('a halt', () => {
  it('ends everything, and nothing starts after it, not under the next warden either', async () => {
    const place = world();
    const marked = mark();
    const warden = await connectWarden({ run: '8', record: place.record, sockets: place.sockets });
    const result = await warden.exec(['sh', '-c', `echo here; sleep ${marked}`], {
      ...place.options,
      onStdout: () => void warden.halt(),
    });
    expect(result).toMatchObject({ ended: 'cancelled', retryable: true });
    expect(alive(marked)).toEqual([]);
    process.kill(warden.pid, 'SIGKILL');
    const old = warden.pid;
    await until('there is another warden', () => warden.pid !== old && warden.pid !== 0);
    expect(await warden.exec(['true'], place.options)).toMatchObject({
      ended: 'not-started',
      error: expect.stringContaining('halted'),
    });
    await warden.close();
    expect(await warden.exec(['true'], place.options)).toMatchObject({ ended: 'not-started' });
    place.remove();
  });

  it('refuses a directory of sockets with a name too long for one', async () => {
    await expect(connectWarden({ run: '9', record: '/nowhere', sockets: `/tmp/${'x'.repeat(100)}` })).rejects.toThrow(
      'too long for a control socket',
    );
  });
});
