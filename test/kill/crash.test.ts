/**
 * The landing of a commit has three sides that a crash may fall on: before the branch moves, after it moved and before that is on
 * record, and long after, when what a dead host had started still runs. A `git` in front of the real one kills the host there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { leftOver, skein, until } from '../run/process.ts';
import { git, repository } from '../run/repositories.ts';

const FILES = {
  'check.sh': 'test -f check.sh\n',
  'skein.yaml': 'checks: ["sh check.sh"]\nagents:\n  honest: { command: "touch $SKEIN_TASK", price: 0 }\n',
  'tasks.md': ['one', 'two', 'three'].map((id) => `- [ ] ${id} (id: ${id}, agent: honest)\n`).join(''),
};

/** Kills the host at the first landing that it meets while the file `kill` names a side; what it ran is kept beside it. */
function gitThatKills(top: string): { readonly directory: string; at(side: 'before' | 'after'): void; ran(): string[] } {
  const directory = join(dirname(top), 'bin');
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  const side = join(directory, 'side');
  const ran = join(directory, 'ran');
  mkdirSync(directory);
  writeFileSync(
    join(directory, 'git'),
    `#!/bin/sh
case "$*" in *" update-ref "*"skein: land "*) ;; *) exec ${real} "$@";; esac
[ -f ${side} ] || exec ${real} "$@"
when=$(cat ${side}); rm ${side}
for word; do printf '%s\\0' "$word"; done > ${ran}
[ $when = before ] || ${real} "$@"
kill -9 $(ps -o ppid= -p $PPID)
exec sleep 95
`,
  );
  chmodSync(join(directory, 'git'), 0o755);
  return {
    directory,
    at: (when) => writeFileSync(side, when),
    ran: () => readFileSync(ran, 'utf8').split('\0').slice(0, -1),
  };
}

const landed = (top: string): string[] => {
  const tasks = git(top, 'log', '--format=%(trailers:key=Skein-Task,valueonly,separator=)', 'main..skein/1').split('\n');
  return tasks.filter((line) => line !== '').map((line) => line.split(' ')[0]!);
};

it('merged but open, closed task merged after restart: a crash on either side of a landing lands everything once', async ({
  annotate,
}) => {
  await annotate('four sittings of a real process');
  const top = repository('crash', FILES);
  const shim = gitThatKills(top);
  const path = { PATH: `${shim.directory}${delimiter}${process.env.PATH}` };

  shim.at('before');
  const first = await skein(top, ['run', 'tasks.md', '-a', 'honest'], path).ended;
  expect(first.signal).toBe('SIGKILL');
  expect(landed(top)).toEqual([]);
  const stale = shim.ran();
  await until('everything of the dead host is gone', () => leftOver(top).length === 0, 5000);

  shim.at('after');
  const second = await skein(top, ['resume', '1'], path).ended;
  expect(second.signal).toBe('SIGKILL');
  expect(landed(top)).toHaveLength(1);
  const [merged] = landed(top);
  const open = JSON.parse((await skein(top, ['status', '--json']).ended).out) as {
    summary: { tasks: { id: string; state: string }[] };
  };
  expect(open.summary.tasks.find(({ id }) => id === merged)!.state).toBe('landing');

  const last = await skein(top, ['resume', '1'], path).ended;
  expect([last.code, last.document.phase, last.document.landed]).toEqual([0, 'finished', 3]);
  expect(landed(top).toSorted()).toEqual(['one', 'three', 'two']);
  expect(last.document.tasks.every(({ attempts }) => attempts.length === 1)).toBe(true);

  // The landing that the first host had started, and that nobody waited for: its time is over.
  const tip = git(top, 'rev-parse', 'skein/1');
  const late = spawnSync('git', stale, {
    cwd: join(top, '.git'),
    env: { PATH: process.env.PATH, GIT_DIR: join(top, '.git') },
    encoding: 'utf8',
  });
  expect(late.status).not.toBe(0);
  expect(late.stderr).toMatch(/cannot lock ref|is at/);
  expect(git(top, 'rev-parse', 'skein/1')).toBe(tip);
  expect(existsSync(join(top, '.skein', 'run', '1.json'))).toBe(false);
});
