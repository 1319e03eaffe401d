import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { makePlan, type Plan, type PlanInput, spell } from './plan.ts';

const MINUTE = 60_000;

const task = (id: string, change: Partial<work.TaskSpec> = {}): work.TaskSpec => ({
  id,
  title: id,
  text: '',
  needs: [],
  claims: [],
  checks: [],
  agent: null,
  estimate: 5 * MINUTE,
  given: true,
  ...work.WITHOUT_GOAL,
  ...change,
});

const agent = (name: string, attemptPrice: number | null = 0): work.AgentSpec => ({
  name,
  kind: 'shell',
  argv: ['true'],
  resume: [],
  usage: 'none',
  passEnv: [],
  timeout: 60_000,
  attemptPrice,
  network: false,
  only: null,
});

const check = (name: string): work.CheckSpec => ({
  name,
  command: name,
  directory: '',
  kind: 'build',
  timeout: 60_000,
  source: 'test',
});

function input(
  agentsMax: number,
  checks: string[] = [],
  change: Partial<PlanInput> = {},
  limits: Partial<work.Limits> = {},
): PlanInput {
  return {
    agents: [agent('a')],
    checks: checks.map((name) => check(name)),
    limits: { agentsMax, checksMax: 1, attemptsMax: 3, wallTime: 600 * MINUTE, costMax: null, ...limits },
    ...change,
  };
}

function planOf(tasks: work.TaskSpec[], given: PlanInput): Plan {
  const plan = makePlan(tasks, given);
  if (!plan.ok) throw new Error(plan.problems.join('\n'));
  return plan;
}

describe('a plan', () => {
  it('of independent tasks is a swarm', () => {
    const plan = planOf([task('a'), task('b'), task('c'), task('d')], input(2));
    expect(plan.rows.map((row) => [row.id, row.worker, row.start, row.finish])).toEqual([
      ['a', 1, 0, 5 * MINUTE],
      ['b', 2, 0, 5 * MINUTE],
      ['c', 1, 5 * MINUTE, 10 * MINUTE],
      ['d', 2, 5 * MINUTE, 10 * MINUTE],
    ]);
    expect([plan.makespan, plan.sequential, plan.speedup, plan.swarm]).toEqual([10 * MINUTE, 20 * MINUTE, 2, true]);
    expect(plan.verdict).toBe('Swarm: 2 agents at once need about 10 min instead of 20 min, 2 times sooner.');
  });

  it('starts the longest chain first', () => {
    const plan = planOf([task('small'), task('first'), task('second', { needs: ['first'] })], input(1));
    expect(plan.order).toEqual(['first', 'small', 'second']);
    expect(plan.criticalPath).toEqual(['first', 'second']);
  });

  it('of a chain says that a swarm saves nothing', () => {
    const plan = planOf([task('a'), task('b', { needs: ['a'] }), task('c', { needs: ['b'] })], input(8, ['lint']));
    expect(plan.swarm).toBe(false);
    expect(plan.makespan).toBe(plan.sequential);
    expect(plan.verdict).toBe(
      'No swarm: more agents save little, about 17 min instead of 17 min, because 3 of the 3 tasks wait for each other, 17 min in a row.',
    );
  });

  it('counts the checks at the gate: they run for one change at a time unless more are allowed', () => {
    const tasks = Array.from({ length: 4 }, (_, i) => task(`t${i}`, { estimate: MINUTE }));
    const slow = { durations: { checks: { test: 10 * MINUTE } } };
    const one = planOf(tasks, input(4, ['test'], slow));
    expect(one.makespan).toBe(41 * MINUTE);
    expect(one.swarm).toBe(false);
    expect(one.verdict).toContain('because the checks of all changes alone take 40 min');
    const four = planOf(tasks, input(4, ['test'], slow, { checksMax: 4 }));
    expect(four.makespan).toBe(11 * MINUTE);
    expect(four.swarm).toBe(true);
  });

  it('lets what needs a task wait until its checks have passed', () => {
    const plan = planOf([task('a', { checks: ['make proof'] }), task('b', { needs: ['a'] })], input(2, ['lint']));
    expect(plan.rows.map((row) => [row.id, row.finish, row.landed])).toEqual([
      ['a', 5 * MINUTE, 6 * MINUTE],
      ['b', 11 * MINUTE, 11.5 * MINUTE],
    ]);
  });

  it('takes the given estimate, else what was measured, else a default that it names', () => {
    const durations = { tasks: { b: 2_000 }, agents: { a: 3_000 }, checks: {} };
    const tasks = [task('a', { estimate: 1_000 }), task('b', { estimate: 0 }), task('c', { estimate: 0 })];
    const sources = (given: PlanInput) =>
      planOf(tasks, given)
        .rows.toSorted((x, y) => (x.id < y.id ? -1 : 1))
        .map((row) => [row.estimate, row.source]);
    expect(sources(input(1, [], { durations }))).toEqual([
      [1_000, 'given'],
      [2_000, 'measured'],
      [3_000, 'measured'],
    ]);
    expect(sources(input(1)).at(-1)).toEqual([5 * MINUTE, 'default']);
    expect(planOf(tasks, input(1)).defaults).toEqual({ attempt: 5 * MINUTE, check: 30_000 });
  });

  it('says what everything may cost at most, or that it is unknown', () => {
    const tasks = [task('x'), task('y', { agent: 'dear' })];
    const prices = { agents: [agent('cheap', 10), agent('dear', 1_000)] };
    expect(planOf(tasks, input(2, [], prices)).attemptsMost).toBe(6);
    expect(planOf(tasks, input(2, [], prices)).costMost).toBe(6_000);
    expect(planOf(tasks, input(2, [], prices, { costMax: 50 })).costMost).toBe(50);
    expect(planOf(tasks, input(2, [], { agents: [agent('cheap', 10), agent('dear', null)] })).costMost).toBeNull();
  });

  it('of nothing, of one task, and over the time limit, says so', () => {
    expect(planOf([], input(4)).verdict).toBe('Nothing to do: there is no open task.');
    expect(planOf([task('a')], input(4)).verdict).toBe('No swarm: it is one task, about 5 min with its checks.');
    expect(planOf([task('a'), task('b')], input(1, [], {}, { wallTime: 7 * MINUTE })).verdict).toBe(
      'No swarm: one agent at a time is allowed, about 10 min for 2 tasks; more than the 7 min allowed, the rest is left for a resumed run.',
    );
  });

  it('is refused with the cycle, the missing need or the missing agent named', () => {
    const tasks = [task('a', { needs: ['b'] }), task('b', { needs: ['a'], agent: 'nobody' })];
    expect(makePlan(tasks, input(1))).toEqual({
      ok: false,
      problems: ['tasks need each other in a circle: a -> b -> a', 'b asks for the agent nobody, which this run does not have'],
    });
    expect(makePlan([task('a', { needs: ['x'] })], input(1))).toEqual({
      ok: false,
      problems: ['a needs x, which is no task of this run'],
    });
  });

  it('has one hash for one input, another for any other', () => {
    const tasks = [task('a'), task('b', { needs: ['a'] })];
    const hash = planOf(tasks, input(2, ['lint'])).hash;
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(planOf(structuredClone(tasks), input(2, ['lint'])).hash).toBe(hash);
    expect(planOf(tasks, input(2, ['test'])).hash).not.toBe(hash);
    expect(planOf(tasks, input(3, ['lint'])).hash).not.toBe(hash);
    expect(planOf([task('a'), task('b')], input(2, ['lint'])).hash).not.toBe(hash);
  });

  it('is never shorter than its longest chain or its gate, never longer than one agent, and respects needs', () => {
    const shapes = fc.array(
      fc.record({ estimate: fc.integer({ min: 1, max: 500 }), needs: fc.array(fc.nat(30), { maxLength: 3 }) }),
      {
        maxLength: 30,
      },
    );
    fc.assert(
      fc.property(
        shapes,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 300 }),
        (list, agents, gates, ms) => {
          const tasks = list.map(({ estimate, needs }, i) =>
            task(`t${i}`, { estimate, needs: [...new Set(needs.filter((n) => n < i).map((n) => `t${n}`))] }),
          );
          const plan = planOf(tasks, input(agents, ['lint'], { durations: { checks: { lint: ms } } }, { checksMax: gates }));
          const rows = new Map(plan.rows.map((row) => [row.id, row]));
          expect(rows.size).toBe(tasks.length);
          expect(plan.makespan).toBeGreaterThanOrEqual(Math.max(plan.criticalLength, plan.gateLength));
          expect(plan.makespan).toBeLessThanOrEqual(plan.sequential);
          for (const one of tasks)
            for (const need of one.needs) expect(rows.get(one.id)!.start).toBeGreaterThanOrEqual(rows.get(need)!.landed);
        },
      ),
    );
  });

  it('of 10,000 tasks is made without delay, on more slots than any machine has', () => {
    const tasks = Array.from({ length: 10_000 }, (_, i) => task(`t${i}`, { needs: i > 9 ? [`t${i - 10}`] : [] }));
    const start = performance.now();
    planOf(tasks, input(1_024, ['lint'], {}, { checksMax: 1_024 }));
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('a time', () => {
  it.each([
    [0, '0 ms'],
    [999, '999 ms'],
    [61_000, '61 s'],
    [12.4 * MINUTE, '12 min'],
    [120 * MINUTE, '2 h'],
    [125 * MINUTE, '2 h 5 min'],
  ])('%d ms reads %s', (ms, text) => {
    expect(spell(ms)).toBe(text);
  });
});
