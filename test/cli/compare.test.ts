import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { RunReading, RunView } from '../../src/assembly/index.ts';
import { Comparison } from '../../src/surfaces/cli/schema.ts';
import { attempt, fleetOf, skein, spec, task, T0, view } from './fake.ts';

const plain = { env: { NO_COLOR: '1' }, width: 120 };

const run = (number: string, tasks: Parameters<typeof view>[0], base?: string): RunView => {
  const made = view(tasks);
  const changed = base === undefined ? {} : { base, baseTree: base };
  return { ...made, run: { ...made.run, spec: { ...made.run.spec, ...spec({ run: number, ...changed }) } } };
};

const refused = { outcome: 'refused', cost: 100_000, durationMs: 30_000 } as const;
const first = run('1', [
  task('parse', 'fix the parser', { attempts: [attempt({ ...refused, fence: 1 }), attempt({ fence: 2 })] }),
  task('lex', 'speed up', { state: 'open', attempts: [attempt(refused), attempt({ outcome: 'agent-failed', filesTotal: 0 })] }),
]);
const second = run('2', [
  task('parse', 'fix the parser', { attempts: [attempt({ agent: 'codex', cost: null })] }),
  task('lex', 'speed up', { attempts: [attempt({ agent: 'codex', cost: null, durationMs: 20_000 })] }),
]);

const world = (...views: readonly RunView[]) =>
  fleetOf({
    read: async (number) => {
      const found = views.find((each) => each.run.spec.run === number);
      if (found === undefined) throw new Error(`nobody asked for run ${number}`);
      const disk = { usedBytes: null, freeBytes: null };
      const value: RunReading = { view: found, state: 'stored', asOf: T0 + 252_000, processes: [], disk };
      return { ok: true, value };
    },
    rows: [{ run: '2', phase: 'finished', reason: 'done', startedAt: T0, tasks: 2, landed: 2, branch: 'skein/2' }],
  });

describe('skein compare', () => {
  test('puts two runs of the same tasks side by side, what was said against what was verified', async () => {
    const { code, out } = await skein(['compare', '1', '2'], { ...plain, world: world(first, second) }).done;
    expect(code).toBe(0);
    expect(out.replaceAll('\n', ' ')).toContain(
      'run 1 (claude) landed 1 of 2 tasks in 3 min of work for $1.04; it called 3 done. run 2 (codex) landed 2 of 2 tasks in 1 min 20 s of work for a cost it did not tell; it called 2 done.',
    );
    expect(out).not.toContain('not the same');
    expect(out).toMatch(/run 1 \(claude\) +1 +3 +4 +3 +1 +3 min +\$1\.04/);
    expect(out).toMatch(/run 2 \(codex\) +2 +0 +2 +2 +2 +1 min 20 s +unknown/);
    expect(out).toMatch(/lex +refused after 2, 1 min 30 s, \$0\.52 +landed, 20 s/);
  });

  test('says when they were not asked the same question, and compares what is common', async () => {
    const other = run('2', [task('parse', 'fix the parser'), task('docs', 'write it down')], 'e'.repeat(40));
    const { out } = await skein(['compare', '1', '2'], { tty: 'none', world: world(first, other) }).done;
    const document: unknown = JSON.parse(out);
    expect(Check(Comparison, document)).toBe(true);
    expect(document).toMatchObject({
      comparable: false,
      differences: [
        'run 1 started from a1b2c3d4e, run 2 from eeeeeeeee',
        'only run 1 had 1 task: lex',
        'only run 2 had 1 task: docs',
      ],
      tasks: [{ id: 'parse' }],
      totals: [{ tasks: 1, landed: 1, saidDone: 2, verified: 1 }, { tasks: 1 }],
    });
  });

  test('with one run compares its agents, each by its own attempts', async () => {
    const mixed = run('2', [
      task('parse', 'fix the parser', {
        attempts: [
          attempt({ agent: 'cheater', outcome: 'refused' }),
          attempt({ agent: 'infer', outcome: 'outscored' }),
          attempt({ fence: 2 }),
        ],
      }),
      task('lex', 'speed up', { attempts: [attempt({})] }),
    ]);
    const { out } = await skein(['compare'], { ...plain, world: world(mixed) }).done;
    expect(out).toContain('claude landed 2 of 2 tasks, called 2 done; cheater landed 0 of 1 task, called 1 done;');
    expect(out).toMatch(/cheater +0 +1 +1 +1 +0 +0 /);
    expect(out).toMatch(/claude +2 +0 +2 +2 +2 +0 /);
    expect(out).toMatch(/infer +0 +0 +1 +1 +0 +1 /);
    expect(out).toContain('not the same question: 1 of 2 tasks were tried by all 3 agents');
    expect(out).toMatch(/lex +landed, 1 min, \$0\.42 +not tried +not tried/);
  });

  test('a run in which nobody tried anything says so', async () => {
    const { out } = await skein(['compare', '2'], { ...plain, world: world(run('2', [])) }).done;
    expect(out).toContain('Nobody tried anything that could be compared.');
  });
});
