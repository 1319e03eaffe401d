import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { admitted, recordedResult, redTasks, TASKS_MAX } from './found-tasks.ts';

const task = (id: string, needs: string[] = []): work.TaskSpec => ({
  id,
  title: `do ${id}`,
  text: '',
  needs,
  claims: [],
  checks: [],
  agent: null,
  estimate: 0,
  given: true,
  ...work.WITHOUT_GOAL,
});

describe('what a probe found joins the run', () => {
  it('under ids that nobody has, with needs that follow the new names', () => {
    const { tasks, refused } = admitted([task('a'), task('a'), task('b', ['a', 'given'])], 'types', new Set(['a', 'given']));
    expect(tasks.map(({ id, needs, given, goal }) => [id, needs, given, goal])).toEqual([
      ['a-2', [], false, 'types'],
      ['a-3', [], false, 'types'],
      ['b', ['a-3', 'given'], false, 'types'],
    ]);
    expect(refused).toEqual([]);
  });

  it('without what needs a task that nobody gave, or one that stands behind it', () => {
    const { tasks, refused } = admitted([task('a', ['b']), task('b', ['ghost']), task('c')], 'types', new Set());
    expect(tasks.map(({ id }) => id)).toEqual(['c']);
    expect(refused).toEqual(['task a needs b, which nobody gave', 'task b needs ghost, which nobody gave']);
  });

  it('up to what a probe may find and a run may hold, and says how many were left out', () => {
    const many = Array.from({ length: 600 }, (_, i) => task(`t${i}`));
    expect(admitted(many, 'types', new Set()).tasks).toHaveLength(500);
    expect(admitted(many, 'types', new Set()).refused).toEqual(['100 more tasks are over what a run holds']);
    const full = new Set(Array.from({ length: TASKS_MAX - 1 }, (_, i) => `x${i}`));
    expect(admitted(many, 'types', full).tasks).toHaveLength(1);
  });
});

it('the record of a probe keeps the findings that fit into it and counts the rest', () => {
  const finding = { kind: 'slow', title: 'x'.repeat(1000), detail: '', path: null, line: null, show: 'npm test' };
  const findings = Array.from({ length: 500 }, () => finding);
  const kept = recordedResult({ findings, more: 7, tasks: [task('a')], measures: [], notes: [], durationMs: 1 });
  expect(kept.findings.length + kept.more).toBe(507);
  expect(JSON.stringify(kept).length).toBeLessThan(128 * 1024);
  expect(kept).not.toHaveProperty('tasks');
});

it('a check that is red or does not end is a task in words: what fails, and what it must become', () => {
  const verdict = { cause: '', passed: 3, failed: 0, skipped: 0, findings: 0, durationMs: 1, cached: false };
  const verdicts: work.VerdictSummary[] = [
    { ...verdict, check: 'npm test', status: 'red', failed: 1 },
    { ...verdict, check: 'npm run lint', status: 'green' },
    { ...verdict, check: 'npm: test', status: 'timed-out' },
    { ...verdict, check: 'make', status: 'unavailable' },
  ];
  const tasks = redTasks({ verdicts }, [{ check: 'npm test', lines: ['adds two numbers'] }]);
  expect(tasks.map(({ id, title, mends, given, goal }) => [id, title, mends, given, goal])).toEqual([
    ['red-npm-test', 'make `npm test` green', 'npm test', false, 'red'],
    ['red-npm-test-2', 'make `npm: test` green', 'npm: test', false, 'red'],
  ]);
  expect(tasks[0]!.text).toBe(
    '`npm test` is red, 1 failing test on the commit as it is. Repair the code, not the check.\n\nadds two numbers',
  );
});
