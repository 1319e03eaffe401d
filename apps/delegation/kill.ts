/**
 * The experiment: the same run, killed with SIGKILL as soon as its first change has landed, then resumed. At the end every task that
 * can be done is on the branch exactly once, and the tests of a fresh clone pass.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeDemonstration } from './repository.ts';

const bin = fileURLToPath(import.meta.resolve('skein/bin'));
const { top, tasks, agents } = makeDemonstration();
const skein = (...args: string[]): string[] => [...process.execArgv, bin, ...args];
const say = (text: string): void => void process.stdout.write(`${text}\n`);

say(`starting the run in ${top}`);
const run = spawn(process.execPath, skein('run', tasks, ...agents, '--max-attempts', '2'), {
  cwd: top,
  stdio: ['ignore', 'ignore', 'pipe'],
});
const killed = new Promise<void>((resolve) => run.once('exit', () => resolve()));
for await (const line of createInterface({ input: run.stderr })) {
  const event = JSON.parse(line) as { type: string; task?: string };
  if (event.type !== 'landed') continue;
  run.kill('SIGKILL');
  say(`kill -9 ${run.pid}, right after ${event.task} landed; agents and checks were in flight`);
  break;
}
await killed;
const listed = spawnSync(process.execPath, skein('runs'), { cwd: top, encoding: 'utf8' });
const [row] = (JSON.parse(listed.stdout) as { runs: { run: string; phase: string; landed: number; tasks: number }[] }).runs;
say(`skein runs: run ${row!.run} is ${row!.phase}, ${row!.landed} of ${row!.tasks} tasks landed`);
say('\nskein resume 1');
const resumed = spawnSync(process.execPath, skein('resume', '1'), { cwd: top, encoding: 'utf8' });
const summary = JSON.parse(resumed.stdout) as { landed: number; tasks: { id: string; state: string }[] };
for (const task of summary.tasks) say(`  ${task.state.padEnd(7)} ${task.id}`);

const git = (cwd: string, ...args: string[]): string => execFileSync('git', args, { cwd, encoding: 'utf8' }).trim();
const landed = git(top, 'log', '--format=%(trailers:key=Skein-Task,valueonly,separator=%x20)', 'main..skein/1')
  .split('\n')
  .filter((id) => id !== '');
const twice = landed.filter((id, at) => landed.indexOf(id) !== at);
const clone = mkdtempSync(join(tmpdir(), 'skein-clone-'));
git(top, 'worktree', 'add', '-q', '--detach', join(clone, 'tree'), 'skein/1');
execFileSync('cp', ['-R', join(top, 'node_modules'), join(clone, 'tree', 'node_modules')]);
const tests = spawnSync('node', ['--test'], { cwd: join(clone, 'tree'), encoding: 'utf8' });
git(top, 'worktree', 'remove', '--force', join(clone, 'tree'));
rmSync(clone, { recursive: true, force: true });
say(
  `\n${landed.length} commits on skein/1, ${twice.length} landed twice, tests of a fresh checkout: ${tests.status === 0 ? 'green' : 'RED'}`,
);
process.exit(tests.status === 0 && twice.length === 0 && landed.length === summary.landed ? 0 : 1);
