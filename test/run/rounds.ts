/**
 * One round of violence on a real run: started as a person starts it, killed with `kill -9` at an instant drawn from the seed,
 * looked at while nothing lives, resumed, maybe killed again, and compared with what an undisturbed run comes to.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { work } from '../../src/contracts/index.ts';
import { seededRandom } from '../../src/kernel/index.ts';
import { placesOf, readStore, type StoreReading, verifyLedger } from '../../src/runtime/embedded/index.ts';
import { type Ended, environment, killHard, leftOver, skein, type Skein, until, wardenOf } from './process.ts';
import { git, repository, temporary } from './repositories.ts';

const SABOTEUR = 'omega';

interface Story {
  readonly files: Readonly<Record<string, string>>;
  readonly honest: readonly string[];
  /** What such a run writes, about; later instants find it over, which is an instant too. */
  readonly lines: number;
}

/** The check knows what must not change. It takes milliseconds: what is killed here is Skein. */
const FILES: Readonly<Record<string, string>> = {
  'sum.sh': 'echo $(($1 + $2))\n',
  'shared.txt': 'first\nlast\n',
  'check.sh': `test "$(sh sum.sh 2 3)" = 5 || { echo sum; exit 1; }
test "$(head -n 1 shared.txt)/$(tail -n 1 shared.txt)" = first/last && ! grep '<<<<' shared.txt
`,
  // 50 to 290 ms, by the length of the title.
  'honest.sh': `sleep "0.$(printf %02d $(( 5 + \${#SKEIN_TASK} % 25 )))"
name=\${SKEIN_TASK%% *}
case $SKEIN_TASK in
  *shared*) { head -n 1 shared.txt; echo "$name"; tail -n +2 shared.txt; } > new && mv new shared.txt;;
  *) echo "$name" > "$name.txt";;
esac
`,
};

function story(lines: number, attempts: number, tasks: string): Story {
  const config = `
checks: ["sh check.sh"]
agents:
  honest: { command: "sh honest.sh", price: 0 }
  saboteur: { command: "sleep 0.05; echo 'echo $(($1 - $2))' > sum.sh", price: 0 }
limits: { attempts: ${attempts}, agents: 3, checks: 2, minutes: 2 }
`;
  const honest = [...tasks.matchAll(/id: (\w+), agent: honest/g)].map(([, id]) => id!);
  return { files: { ...FILES, 'skein.yaml': config, 'tasks.md': tasks }, honest, lines };
}

/** Tasks insert at the same place of one file, so changes meet in the queue. */
export const SHORT: Story = story(
  32,
  1,
  `
- [ ] alpha shared (id: alpha, agent: honest)
- [ ] gamma shared (id: gamma, agent: honest)
- [ ] omega improves the sum (id: omega, agent: saboteur, needs: alpha)
`,
);

/** The same with more to keep in order: longer waits, second attempts, a task that needs two. */
export const LONG: Story = story(
  80,
  2,
  `
- [ ] alpha shared (id: alpha, agent: honest)
- [ ] beta is a little longer (id: beta, agent: honest)
- [ ] gamma shared after the first (id: gamma, agent: honest, needs: alpha)
- [ ] epsilon shared as well (id: epsilon, agent: honest)
- [ ] zeta at the end of it all (id: zeta, agent: honest, needs: beta, gamma)
- [ ] omega improves the sum (id: omega, agent: saboteur)
`,
);

const RUN: readonly string[] = ['run', 'tasks.md', '-a', 'honest', '-a', 'saboteur'];
const DELAY_MS_MAX = 120; // lines come ten times a second: the delay reaches the instants between them
const KILLED_MS_MAX = 5000;

/** What dies by `kill -9`; or the signal that the host is sent instead. */
type Victim = 'host' | 'warden' | 'both' | 'SIGTERM' | 'SIGHUP' | 'SIGINT';
export const KILLED: readonly Victim[] = ['host', 'warden', 'both'];
export const KILLED_OR_TOLD: readonly Victim[] = [...KILLED, 'SIGTERM', 'SIGHUP', 'SIGINT'];
interface Blow {
  readonly victim: Victim;
  /** After so many lines of its stderr, and so long. */
  readonly line: number;
  readonly delayMs: number;
}

/** Instants, not positions in time: the same seed strikes in the same phase of the run on a machine of any speed. */
function blowsOf(seed: string, most: number, victims: readonly Victim[], { lines }: Story): Blow[] {
  const random = seededRandom(seed).stream('blows');
  return Array.from({ length: 1 + random.below(most) }, () => ({
    victim: victims[random.below(victims.length)]!,
    line: random.below(lines),
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
  execFileSync('sh', ['check.sh'], { cwd: fresh });
  expect(git(top, 'status', '--porcelain')).toBe('');
  return { landed, began: recorded(placesOf(top, environment(top)).store(run), landed) };
}

/** Whether the store holds a run. One that was killed before its first commit holds nothing, and then nothing can have landed. */
function recorded(store: string, landed: readonly string[]): boolean {
  let reading: StoreReading;
  try {
    reading = readStore(store);
  } catch (error) {
    if (!/there is no store|never finished/.test((error as Error).message)) throw error;
    expect(landed).toEqual([]);
    return false;
  }
  expect(verifyLedger(store)).toMatchObject({ sound: true });
  return reading.records.some(({ room, table }) => room === work.WORK_ROOM && table === 'run');
}

/** What an undisturbed run comes to: the honest work landed, the saboteur's open, and the exit code that says so. */
function expectComplete(top: string, ended: Ended, run: string, { honest }: Story): void {
  expect(ended.err.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([]);
  const { document } = ended;
  expect(document, ended.out).toMatchObject({ schema: 'skein.run-summary.v1', run, phase: 'finished', reason: 'done' });
  const states = Object.fromEntries(document.tasks.map((task) => [task.id, task.state]));
  const details = document.tasks.map((task) => `${task.id}: ${task.detail} ${JSON.stringify(task.attempts)}`).join('\n');
  expect(states, details).toEqual({ ...Object.fromEntries(honest.map((id) => [id, 'landed'])), [SABOTEUR]: 'open' });
  expect(ended.code).toBe(1);
  expect(inspect(top, run).landed.toSorted()).toEqual(honest.toSorted());
  expect(document.landed).toBe(honest.length);
  expect(document.tip.commit).toBe(git(top, 'rev-parse', `skein/${run}`));
}

async function strike(running: Skein, { victim, line, delayMs }: Blow): Promise<void> {
  await running.event((_, index) => index >= line);
  await new Promise((resolve) => void setTimeout(resolve, delayMs)); // the instant, not a wait for something
  if (victim.startsWith('SIG')) return running.kill(victim as NodeJS.Signals);
  const warden = victim === 'host' ? null : wardenOf(running.pid);
  if (victim !== 'warden') running.kill('SIGKILL');
  if (warden !== null) killHard(warden);
}

/** Gives back how many blows found something alive. */
export async function round(
  seed: string,
  blowsMost: number,
  victims: readonly Victim[],
  namespaces: boolean,
  told: Story,
): Promise<number> {
  const top = repository('kill', told.files);
  let arguments_ = RUN;
  let killed = 0;
  for (const blow of blowsOf(seed, blowsMost, victims, told)) {
    const running = skein(top, arguments_);
    // oxlint-disable-next-line no-await-in-loop -- one sitting after another
    await strike(running, blow);
    // oxlint-disable-next-line no-await-in-loop
    const ended = await running.ended;
    if (ended.signal === null) {
      // It was over, or only its warden died: then it makes good by itself. Or it was told to stop, and did.
      const { phase } = ended.document;
      if (phase !== 'stopped' || !blow.victim.startsWith('SIG')) expectComplete(top, ended, newest(top), told);
      if (phase === 'stopped' || blow.victim === 'warden') killed += 1;
      expect(leftOver(top)).toEqual([]);
    } else {
      killed += 1;
      // oxlint-disable-next-line no-await-in-loop
      if (blow.victim !== 'both' || namespaces)
        await until('every process is gone', () => leftOver(top).length === 0, KILLED_MS_MAX);
    }
    const run = newest(top);
    arguments_ = inspect(top, run).began ? ['resume', run] : RUN;
  }
  const last = await skein(top, arguments_).ended;
  expectComplete(top, last, newest(top), told);
  expect(leftOver(top)).toEqual([]);
  return killed;
}
