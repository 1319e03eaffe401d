/**
 * The landing of a commit has three sides that a crash may fall on: before the branch moves, after it moved and before that is on
 * record, and long after, when what a dead host had started still runs. A `git` in front of the real one kills the host there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { leftOver, skein, until } from '../run/process.ts';
import { fleetOf, git, repository } from '../run/repositories.ts';

const FILES = {
  'check.sh': 'test -f check.sh\n',
  'skein.yaml': 'checks: ["sh check.sh"]\nagents:\n  honest: { command: "touch $SKEIN_TASK", price: 0 }\n',
  'tasks.md': ['one', 'two'].map((id) => `- [ ] ${id} (id: ${id}, agent: honest)\n`).join(''),
};

const RUN = ['run', 'tasks.md', '-a', 'honest'];

interface Shim {
  readonly directory: string;
  at(side: 'before' | 'after'): void;
  ran(): string[];
}

/** Kills the host at the first landing that it meets while the file `kill` names a side; what it ran is kept beside it. */
function gitThatKills(top: string): Shim {
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

function crashing(name: string): { readonly top: string; readonly path: { readonly PATH: string }; readonly shim: Shim } {
  const top = repository(name, FILES);
  const shim = gitThatKills(top);
  return { top, path: { PATH: `${shim.directory}${delimiter}${process.env.PATH}` }, shim };
}

/** Everything landed once, and no agent was paid twice. */
async function completes(top: string, path: Readonly<Record<string, string>>): Promise<void> {
  const last = await skein(top, ['resume', '1'], path).ended;
  expect([last.code, last.document.phase, last.document.landed]).toEqual([0, 'finished', 2]);
  expect(landed(top).toSorted()).toEqual(['one', 'two']);
  expect(last.document.tasks.every(({ attempts }) => attempts.length === 1)).toBe(true);
  expect(existsSync(join(top, '.skein', 'run', '1.json'))).toBe(false);
}

const landed = (top: string): string[] => {
  const tasks = git(top, 'log', '--format=%(trailers:key=Skein-Task,valueonly,separator=)', 'main..skein/1').split('\n');
  return tasks.filter((line) => line !== '').map((line) => line.split(' ')[0]!);
};

describe.concurrent('a crash on either side of a landing', () => {
  it('merged but open: what the branch has is closed by the next sitting, and done once', async ({ annotate }) => {
    await annotate('two sittings of a real process');
    const { top, path, shim } = crashing('merged');
    shim.at('after');
    const first = await skein(top, RUN, path).ended;
    expect(first.signal).toBe('SIGKILL');
    expect(landed(top)).toHaveLength(1);
    const open = await (await fleetOf(top)).read('1');
    if (!open.ok) throw new Error(open.problem.what);
    const { spec, state } = open.value.view.tasks.find(({ spec: { id } }) => id === landed(top)[0])!;
    expect([spec.id, state]).toEqual([landed(top)[0], 'landing']);
    await completes(top, path);
  });

  it('closed task merged after restart: a landing that nobody waited for finds its time over', async ({ annotate }) => {
    await annotate('two sittings of a real process');
    const { top, path, shim } = crashing('closed');
    shim.at('before');
    const first = await skein(top, RUN, path).ended;
    expect(first.signal).toBe('SIGKILL');
    expect(landed(top)).toEqual([]);
    const stale = shim.ran();
    await until('everything of the dead host is gone', () => leftOver(top).length === 0, 5000);
    await completes(top, path);
    const tip = git(top, 'rev-parse', 'skein/1');
    const late = spawnSync('git', stale, {
      cwd: join(top, '.git'),
      env: { PATH: process.env.PATH, GIT_DIR: join(top, '.git') },
      encoding: 'utf8',
    });
    expect(late.status).not.toBe(0);
    expect(late.stderr).toMatch(/cannot lock ref|is at/);
    expect(git(top, 'rev-parse', 'skein/1')).toBe(tip);
  });
});
