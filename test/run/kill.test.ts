import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { detectSandbox } from '../../src/runtime/embedded/index.ts';
import { git, repository } from './repositories.ts';
import { inspect, KILLED, round } from './rounds.ts';

const { mode } = await detectSandbox();
const ROUNDS = 5;
const BASE = process.env.SKEIN_CHAOS_SEED ?? '1';

describe.concurrent('kill -9 of host, warden or both', () => {
  it.for(Array.from({ length: ROUNDS }, (_, i) => `${BASE}/${i}`))(
    'at an instant drawn from seed %s leaves a green branch and a run that resume completes',
    { timeout: 60_000 },
    async (seed, { annotate }) => {
      await annotate('a real run, killed and resumed, beside four others');
      await round(seed, 1, KILLED, mode !== 'none');
    },
  );
});

describe('what looks at a run after a kill', () => {
  const land = (top: string, task: string, text = ''): void => {
    writeFileSync(join(top, `${task}.txt`), task);
    if (text !== '') writeFileSync(join(top, 'check.js'), text);
    git(top, 'add', '-A');
    git(top, 'commit', '-q', '--allow-empty', '-m', `land\n\nSkein-Run: 1\nSkein-Task: ${task} 1`);
  };
  it.each<[string, RegExp, (top: string) => void]>([
    ['a task that landed twice', /landed twice/, (top) => land(top, 'one')],
    ['a red branch', /check\.js/, (top) => land(top, 'two', 'process.exit(1)')],
    ['a commit that is not a task', /length/, (top) => void git(top, 'commit', '-q', '--allow-empty', '-m', 'stray')],
    ['a merge', /one parent/, (top) => void git(top, 'merge', '-q', '--no-ff', '--allow-unrelated-histories', 'other')],
    ['a landing without a record of the run', /toEqual|deeply equal/, () => {}],
  ])('sees %s', (_, message, plant) => {
    const top = repository('plant', { 'check.js': '' });
    git(top, 'switch', '-q', '--orphan', 'other');
    git(top, 'commit', '-q', '--allow-empty', '-m', 'other');
    git(top, 'switch', '-q', '-c', 'skein/1', 'main');
    land(top, 'one');
    plant(top);
    expect(() => inspect(top, '1')).toThrow(message);
  });
});
