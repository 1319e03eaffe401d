import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectSandbox } from '../../src/runtime/embedded/index.ts';
import { killHard, wardenOf } from '../run/process.ts';
import { fleetOf, git, repository, request, shell } from '../run/repositories.ts';
import { inspect, KILLED, round, SHORT } from '../run/rounds.ts';

const { mode } = await detectSandbox();
const ROUNDS = 3;
const BASE = process.env.SKEIN_CHAOS_SEED ?? '1';

describe.concurrent('kill -9 of host, warden or both', () => {
  it.for(Array.from({ length: ROUNDS }, (_, i) => `${BASE}/${i}`))(
    'at an instant drawn from seed %s leaves a green branch and a run that resume completes',
    { timeout: 60_000 },
    async (seed, { annotate }) => {
      await annotate('a real run, killed and resumed, beside two others');
      await round(seed, 1, KILLED, mode !== 'none', SHORT);
    },
  );
});

it('a warden killed under both baselines: they are made again, and what was green still guards', async ({ annotate }) => {
  await annotate('a whole run with a check of a third of a second');
  const top = repository('baseline', { 'a.txt': 'a\n', 'check.sh': 'sleep 0.3; grep -q a a.txt\n' });
  const fleet = await fleetOf(top);
  const check = { name: 'check', command: 'sh check.sh', directory: '', kind: null, timeoutMs: null, source: 'test' };
  const saboteur = [shell('saboteur', 'echo nothing > b.txt; : > a.txt')];
  const wish = request(top, { messages: ['improve'], agents: saboteur, checks: [check], attemptsMax: 1 });
  const prepared = await fleet.prepare(wish);
  if (!prepared.ok) throw new Error(prepared.problem.what);
  const live = await fleet.start(prepared.value);
  if (!live.ok) throw new Error(live.problem.what);
  for (;;) {
    // oxlint-disable-next-line no-await-in-loop -- one look after another
    const read = await fleet.read('1');
    if (read.ok && read.value.processes.filter(({ command }) => command.includes('check.sh')).length === 2) break;
  }
  killHard(wardenOf(process.pid)!);
  const { run, tasks } = await live.value.ended;
  expect(run).toMatchObject({ phase: 'finished', reason: 'done', landed: 0 });
  expect(run.baseline).toMatchObject({ serial: false, verdicts: [{ status: 'green' }] });
  expect(tasks[0]!.attempts[0]!.violations).toMatchObject([{ rule: 'green-turned-red' }]);
}, 60_000);

describe('what looks at a run after a kill', () => {
  const land = (top: string, task: string, text = ''): void => {
    writeFileSync(join(top, `${task}.txt`), task);
    if (text !== '') writeFileSync(join(top, 'check.sh'), text);
    git(top, 'add', '-A');
    git(top, 'commit', '-q', '--allow-empty', '-m', `land\n\nSkein-Run: 1\nSkein-Task: ${task} 1`);
  };
  it.each<[string, RegExp, (top: string) => void]>([
    ['a task that landed twice', /landed twice/, (top) => land(top, 'one')],
    ['a red branch', /check\.sh/, (top) => land(top, 'two', 'exit 1')],
    ['a commit that is not a task', /length/, (top) => void git(top, 'commit', '-q', '--allow-empty', '-m', 'stray')],
    ['a merge', /one parent/, (top) => void git(top, 'merge', '-q', '--no-ff', '--allow-unrelated-histories', 'other')],
    ['a landing without a record of the run', /toEqual|deeply equal/, () => {}],
  ])('sees %s', (_, message, plant) => {
    const top = repository('plant', { 'check.sh': '' });
    git(top, 'switch', '-q', '--orphan', 'other');
    git(top, 'commit', '-q', '--allow-empty', '-m', 'other');
    git(top, 'switch', '-q', '-c', 'skein/1', 'main');
    land(top, 'one');
    plant(top);
    expect(() => inspect(top, '1')).toThrow(message);
  });
});
