/**
 * One round of violence on a real run: started as a person starts it, killed with `kill -9` at an instant drawn from the seed,
 * looked at while nothing lives, resumed, maybe killed again, and compared with what an undisturbed run comes to.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { placesOf, readStore, verifyLedger } from '../../src/runtime/embedded/index.ts';
import { type Ended, killHard, leftOver, skein, type Skein, until, wardenOf } from './process.ts';
import { git, repository, temporary } from './repositories.ts';

const HONEST = ['alpha', 'beta', 'gamma', 'epsilon', 'zeta'] as const;
const SABOTEUR = 'omega';

/** Three tasks insert at the same place of one file, so changes meet in the queue; the check knows what must not change. */
const FILES: Readonly<Record<string, string>> = {
  'sum.js': 'module.exports = (a, b) => a + b;\n',
  'shared.txt': 'first\nlast\n',
  'check.js': `const { readFileSync } = require('fs');
const shared = readFileSync('shared.txt', 'utf8');
if (require('./sum.js')(2, 3) !== 5) throw new Error('sum');
if (!shared.startsWith('first') || !shared.endsWith('last\\n') || shared.includes('<<<<')) throw new Error('shared');
`,
  // 50 to 290 ms, by the length of the title.
  'honest.sh': `sleep "0.$(printf %02d $(( 5 + \${#SKEIN_TASK} % 25 )))"
name=$(echo "$SKEIN_TASK" | cut -d' ' -f1)
case $SKEIN_TASK in
  *shared*) awk -v name="$name" '{ print } NR == 1 { print name }' shared.txt > new && mv new shared.txt;;
  *) echo "$name" > "$name.txt";;
esac
`,
  'skein.yaml': `
checks: ["node check.js"]
agents:
  honest: { command: "sh honest.sh", price: 0 }
  saboteur: { command: "sleep 0.05; echo 'module.exports = (a, b) => a - b;' > sum.js", price: 0 }
limits: { attempts: 2, agents: 3, checks: 2, minutes: 2 }
`,
  'tasks.md': `
- [ ] alpha shared (id: alpha, agent: honest)
- [ ] beta is a little longer (id: beta, agent: honest)
- [ ] gamma shared after the first (id: gamma, agent: honest, needs: alpha)
- [ ] epsilon shared as well (id: epsilon, agent: honest)
- [ ] zeta at the end of it all (id: zeta, agent: honest, needs: beta, gamma)
- [ ] omega improves the sum (id: omega, agent: saboteur)
`,
};

export const RUN: readonly string[] = ['run', 'tasks.md', '-a', 'honest', '-a', 'saboteur'];
/** Lines that such a run writes at the least; later instants find it over, which is an instant too. */
const LINES = 80;
const DELAY_MS_MAX = 120; // lines come ten times a second: the delay reaches the instants between them
const KILLED_MS_MAX = 5000;

export function smallRepository(name: string): string {
  return repository(name, FILES);
}

type Victim = 'host' | 'warden' | 'both';
export interface Blow {
  readonly victim: Victim;
  /** After so many lines of its stderr, and so long. */
  readonly line: number;
  readonly delayMs: number;
}

/** Instants, not positions in time: the same seed strikes in the same phase of the run on a machine of any speed. */
export function blowsOf(seed: string, most: number): Blow[] {
  const random = seededRandom(seed).stream('blows');
  return Array.from({ length: 1 + random.below(most) }, () => ({
    victim: (['host', 'warden', 'both'] as const)[random.below(3)]!,
    line: random.below(LINES),
    delayMs: random.below(DELAY_MS_MAX),
  }));
}

/** The number that was taken last; a run that was killed before its first record keeps its number and is begun anew. */
function newest(top: string): string {
  const taken = git(top, 'for-each-ref', '--format=%(refname:lstrip=3)', 'refs/skein/base/').split('\n');
  return String(Math.max(1, ...taken.map(Number)));
}

/** Everything that must be true of a run whenever nobody works on it, and how many of its tasks have landed. */
export function inspect(top: string, run: string): { readonly landed: readonly string[]; readonly began: boolean } {
  const places = placesOf(top, { SKEIN_CACHE: join(top, '..', 'cache') });
  const tip = git(top, 'for-each-ref', '--format=%(objectname)', `refs/heads/skein/${run}`);
  if (tip === '') return { landed: [], began: false };
  const commits = git(top, 'rev-list', '--parents', `main..skein/${run}`)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' '));
  expect(
    commits.every((line) => line.length === 2),
    'every commit has one parent',
  ).toBe(true);
  const landed = git(top, 'log', '--reverse', '--format=%(trailers:key=Skein-Task,valueonly,separator=)', `main..skein/${run}`)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ')[0]!);
  expect(landed).toHaveLength(commits.length);
  expect(new Set(landed).size, `landed twice: ${landed.join(' ')}`).toBe(landed.length);
  const fresh = join(temporary('fresh'), 'clone');
  git(top, 'clone', '-q', '--no-local', '--single-branch', '-b', `skein/${run}`, top, fresh);
  execFileSync(process.execPath, ['check.js'], { cwd: fresh });
  expect(git(top, 'status', '--porcelain')).toBe('');
  let began = true;
  try {
    readStore(places.store(run));
    expect(verifyLedger(places.store(run))).toMatchObject({ sound: true });
  } catch (error) {
    // Killed before its first commit: then nothing can have landed.
    if ((error as { code?: string }).code === undefined) throw error;
    expect(landed).toEqual([]);
    began = false;
  }
  return { landed, began };
}

/** What an undisturbed run comes to: the honest work landed, the saboteur's open, and the exit code that says so. */
export function expectComplete(top: string, ended: Ended, run: string): void {
  expect(ended.err.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
  const { document } = ended;
  expect(document, ended.out).toMatchObject({ schema: 'skein.run-summary.v1', run, phase: 'finished', reason: 'done' });
  const states = Object.fromEntries(document.tasks.map((task) => [task.id, task.state]));
  const details = document.tasks.map((task) => `${task.id}: ${task.detail} ${JSON.stringify(task.attempts)}`).join('\n');
  expect(states, details).toEqual({ ...Object.fromEntries(HONEST.map((id) => [id, 'landed'])), [SABOTEUR]: 'open' });
  expect(ended.code).toBe(1);
  expect(inspect(top, run).landed.toSorted()).toEqual([...HONEST].toSorted());
  expect(document.landed).toBe(HONEST.length);
  expect(document.tip.commit).toBe(git(top, 'rev-parse', `skein/${run}`));
}

async function strike(running: Skein, { victim, line, delayMs }: Blow): Promise<void> {
  await running.event((_, index) => index >= line);
  await new Promise((resolve) => void setTimeout(resolve, delayMs)); // the instant, not a wait for something
  const warden = victim === 'host' ? null : wardenOf(running.pid);
  if (victim !== 'warden') running.kill('SIGKILL');
  if (warden !== null) killHard(warden);
}

/** Gives back how many blows found something alive. */
export async function round(seed: string, blowsMost: number, namespaces: boolean): Promise<number> {
  const top = smallRepository('kill');
  let arguments_ = RUN;
  let killed = 0;
  for (const blow of blowsOf(seed, blowsMost)) {
    const running = skein(top, arguments_);
    // oxlint-disable-next-line no-await-in-loop -- one sitting after another
    await strike(running, blow);
    // oxlint-disable-next-line no-await-in-loop
    const ended = await running.ended;
    if (ended.signal === null) {
      // It was over, or only its warden died: then it makes good by itself.
      expectComplete(top, ended, newest(top));
      if (blow.victim === 'warden') killed += 1;
    } else {
      killed += 1;
      // oxlint-disable-next-line no-await-in-loop
      if (blow.victim === 'host' || namespaces)
        await until('every process is gone', () => leftOver(top).length === 0, KILLED_MS_MAX);
    }
    const run = newest(top);
    arguments_ = inspect(top, run).began ? ['resume', run] : RUN;
  }
  const last = await skein(top, arguments_).ended;
  expectComplete(top, last, newest(top));
  expect(leftOver(top)).toEqual([]);
  return killed;
}
