import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { git, repository, request, runToEnd, shell } from '../run/repositories.ts';

describe('too much of everything', () => {
  it('an agent that prints 1 GB is ended at the bound, and the host stays small', async ({ annotate }) => {
    await annotate('64 MiB pass through the warden before the bound');
    const top = repository('flood', { 'a.txt': 'a\n' });
    const before = process.memoryUsage.rss();
    let most = before;
    const sampler = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
    try {
      const agents = [shell('printer', 'echo b >> a.txt; yes "the same line of forty characters or so..." | head -c 1000000000')];
      const { view } = await runToEnd(top, request(top, { messages: ['print'], agents, attemptsMax: 1 }));
      expect(view.tasks[0]).toMatchObject({
        state: 'open',
        detail: expect.stringMatching(/printed more than is kept/) as unknown,
      });
      expect(git(top, 'rev-parse', 'skein/1')).toBe(git(top, 'rev-parse', 'main'));
    } finally {
      clearInterval(sampler);
    }
    expect(most - before).toBeLessThan(200 * 1024 * 1024);
  });

  it('a repository with a file of 100 MB is worked on, and the file is neither copied into the change nor lost', async ({
    annotate,
  }) => {
    await annotate('four checkouts of 100 MB');
    const top = repository('large', { 'a.txt': 'a\n' });
    const file = openSync(join(top, 'large.bin'), 'w');
    writeSync(file, 'begin');
    ftruncateSync(file, 100 * 1024 * 1024);
    closeSync(file);
    git(top, 'add', '-A');
    git(top, 'commit', '-q', '-m', 'large');
    const agents = [shell('honest', 'echo b >> a.txt; test $(wc -c < large.bin) -eq 104857600')];
    const { view } = await runToEnd(top, request(top, { messages: ['work'], agents, attemptsMax: 1 }));
    expect(view.run).toMatchObject({ phase: 'finished', landed: 1 });
    expect(git(top, 'diff', '--name-only', 'main', 'skein/1')).toBe('a.txt');
    expect(git(top, 'rev-parse', 'skein/1:large.bin')).toBe(git(top, 'rev-parse', 'main:large.bin'));
  });

  it('an agent that makes a file of 100 MB is refused as too large, without the file in the repository', async ({ annotate }) => {
    await annotate('a whole run');
    const top = repository('swell', { 'a.txt': 'a\n' });
    const agents = [shell('sweller', 'echo b >> a.txt; head -c 104857600 /dev/zero > huge.bin')];
    const { view } = await runToEnd(top, request(top, { messages: ['swell'], agents, attemptsMax: 1 }));
    expect(view.tasks[0]!.attempts[0]!.violations).toMatchObject([
      { rule: 'too-large', detail: expect.stringContaining('huge.bin') as unknown },
    ]);
    expect(Number(git(top, 'count-objects', '-v').match(/^size: (\d+)/m)![1])).toBeLessThan(1024);
  });

  it('an agent that forks without end is ended with all its children', async ({ annotate }) => {
    await annotate('its time-out and the grace of 2 s');
    const top = repository('forks', { 'a.txt': 'a\n' });
    const agents = [
      {
        ...shell(
          'forker',
          'f() { sleep 94.5 & setsid sleep 94.5 & }; i=0; while [ $i -lt 200 ]; do f; i=$((i + 1)); done; echo b >> a.txt; wait',
        ),
        timeoutMs: 1500,
      },
    ];
    const { view } = await runToEnd(top, request(top, { messages: ['fork'], agents, attemptsMax: 1 }));
    expect(view.tasks[0]!.state).toBe('open');
    expect(execFileSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' })).not.toContain('sleep 94.5');
  });
});
