import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildDag, type Dag } from './dag.ts';
import { bounds, cpop, greedy, heft, type Schedule, type ScheduleProblem, speedup, upwardRanks } from './heft.ts';
import { arabnejad, topcuoglu } from '../../test/fixtures/ten-tasks.ts';

function dagOf(size: number, edges: readonly (readonly [number, number, number])[]): Dag {
  const built = buildDag(
    size,
    edges.map((e) => e[0]),
    edges.map((e) => e[1]),
    edges.map((e) => e[2]),
  );
  if (!built.ok) throw new Error('the test gave a cycle');
  return built.dag;
}

/** Needs and communication respected, one task at a time per processor, no better than the bound. */
function expectValid(problem: ScheduleProblem, schedule: Schedule): void {
  const { dag, processors, cost } = problem;
  const close = 1e-6;
  const perProcessor: number[][] = Array.from({ length: processors }, () => []);
  for (let i = 0; i < dag.size; i++) {
    const p = schedule.processor[i]!;
    perProcessor[p]!.push(i);
    expect(schedule.finish[i]! - schedule.start[i]!).toBeCloseTo(cost[i * processors + p]!, 6);
    for (let e = dag.predecessorStart[i]!; e < dag.predecessorStart[i + 1]!; e++) {
      const j = dag.predecessor[e]!;
      const handOver = schedule.processor[j] === p ? 0 : dag.predecessorWeight[e]!;
      expect(schedule.start[i]! + close).toBeGreaterThanOrEqual(schedule.finish[j]! + handOver);
    }
  }
  for (const tasks of perProcessor) {
    tasks.sort((a, b) => schedule.start[a]! - schedule.start[b]! || schedule.finish[a]! - schedule.finish[b]!);
    for (let k = 1; k < tasks.length; k++) {
      expect(schedule.start[tasks[k]!]! + close).toBeGreaterThanOrEqual(schedule.finish[tasks[k - 1]!]!);
    }
  }
  expect(schedule.makespan).toBe(schedule.finish.reduce((a, b) => Math.max(a, b), 0));
  expect(schedule.makespan + close).toBeGreaterThanOrEqual(bounds(problem).lower);
}

/** Edges go from smaller to larger numbers, shuffled by nothing: every graph is acyclic by construction. */
const problems = (communication: number, equal: boolean) =>
  fc
    .tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 5 }))
    .chain(([size, processors]) =>
      fc.tuple(
        fc.constant(size),
        fc.constant(processors),
        fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.nat(communication)), { maxLength: size * 2 }),
        fc.array(fc.nat(50), {
          minLength: equal ? size : size * processors,
          maxLength: equal ? size : size * processors,
        }),
      ),
    )
    .map(([size, processors, pairs, costs]): ScheduleProblem => {
      const edges = pairs.filter(([a, b]) => a !== b).map(([a, b, w]) => [Math.min(a, b), Math.max(a, b), w] as const);
      const cost = Float64Array.from({ length: size * processors }, (_, k) =>
        equal ? costs[Math.floor(k / processors)]! : costs[k]!,
      );
      return { dag: dagOf(size, edges), processors, cost };
    });

describe('the published 10-task example', () => {
  it('has the published upward ranks', () => {
    const ranks = [...upwardRanks(topcuoglu())].map((rank) => Number(rank.toFixed(3)));
    expect(ranks).toEqual([108, 77, 80, 80, 69, 63.333, 42.667, 35.667, 44.333, 14.667]);
  });

  it('takes 80 by HEFT, the last task on P2 from 73 to 80', () => {
    const problem = topcuoglu();
    const schedule = heft(problem);
    expectValid(problem, schedule);
    expect(schedule.makespan).toBe(80);
    expect([schedule.processor[9], schedule.start[9], schedule.finish[9]]).toEqual([1, 73, 80]);
    expect([...schedule.start]).toEqual([0, 27, 9, 18, 28, 26, 38, 57, 56, 73]);
    expect([...schedule.processor]).toEqual([2, 0, 2, 1, 2, 1, 2, 0, 1, 1]);
  });

  it('takes 86 by CPOP, the last task on P2 from 79 to 86', () => {
    const problem = topcuoglu();
    const schedule = cpop(problem);
    expectValid(problem, schedule);
    expect(schedule.makespan).toBe(86);
    expect([schedule.processor[9], schedule.start[9], schedule.finish[9]]).toEqual([1, 79, 86]);
  });

  it('has a sibling that takes 133 by HEFT and 167 by CPOP', () => {
    expectValid(arabnejad(), heft(arabnejad()));
    expect(heft(arabnejad()).makespan).toBe(133);
    expect(cpop(arabnejad()).makespan).toBe(167);
  });

  it('is bounded by its critical path and compared with the best single processor', () => {
    const problem = topcuoglu();
    const limits = bounds(problem);
    expect(limits.criticalPath).toEqual([0, 1, 8, 9]);
    expect(limits.lower).toBe(9 + 13 + 12 + 7);
    expect(limits.sequential).toBe(127);
    expect(speedup(heft(problem), limits)).toBeCloseTo(127 / 80, 12);
  });
});

describe('schedules of any graph', () => {
  it('respect needs, communication, processors and the lower bound', () => {
    fc.assert(
      fc.property(problems(30, false), (problem) => {
        expectValid(problem, heft(problem));
        expectValid(problem, heft(problem, { insertion: false }));
        expectValid(problem, cpop(problem));
      }),
      { numRuns: 300 },
    );
  });

  it('by greedy lists never take longer than T1/P + Tinf', () => {
    fc.assert(
      fc.property(problems(0, true), (problem) => {
        const { dag, processors } = problem;
        const cost = Float64Array.from({ length: dag.size }, (_, i) => problem.cost[i * processors]!);
        const schedule = greedy(dag, processors, cost);
        expectValid(problem, schedule);
        const limits = bounds(problem);
        expect(schedule.makespan).toBeLessThanOrEqual(limits.area + limits.criticalLength + 1e-6);
      }),
      { numRuns: 300 },
    );
  });

  it('are the same every time', () => {
    fc.assert(
      fc.property(problems(30, false), (problem) => {
        expect(heft(problem)).toEqual(heft(problem));
      }),
    );
  });

  it('leave a processor alone that cannot run the task', () => {
    const problem = { dag: dagOf(2, [[0, 1, 5]]), processors: 2, cost: Float64Array.of(1, Infinity, Infinity, 1) };
    const schedule = heft(problem);
    expect([...schedule.processor]).toEqual([0, 1]);
    expect(schedule.makespan).toBe(7);
    expect(cpop(problem).makespan).toBe(7);
    expect(() => heft({ ...problem, cost: Float64Array.of(1, 1, Infinity, Infinity) })).toThrow('no processor can run task 1');
  });

  it('fill an idle gap with a later task', () => {
    // 0 -> 1 with a long hand-over leaves processor 1 idle before 1; task 2 fits there.
    const problem = {
      dag: dagOf(3, [[0, 1, 10]]),
      processors: 2,
      cost: Float64Array.of(2, Infinity, Infinity, 20, Infinity, 5),
    };
    expect(heft(problem).start[2]).toBe(0);
    expect(heft(problem, { insertion: false }).start[2]).toBe(32);
  });

  it('of no tasks take no time', () => {
    const problem = { dag: dagOf(0, []), processors: 3, cost: new Float64Array(0) };
    expect(heft(problem).makespan).toBe(0);
    expect(speedup(heft(problem), bounds(problem))).toBe(1);
  });
});

describe('recorded workflows', () => {
  const folder = process.env['SKEIN_VECTORS'] === undefined ? null : join(process.env['SKEIN_VECTORS'], 'workflows');
  const missing = folder === null || !existsSync(folder);
  it.skipIf(missing)('from SKEIN_VECTORS/workflows are scheduled validly and near the bound on 8 processors', () => {
    const names = readdirSync(folder!).filter((name) => name.endsWith('.json'));
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const problem = recorded(JSON.parse(readFileSync(join(folder!, name), 'utf8')) as Recorded, 8);
      const schedule = heft(problem);
      expectValid(problem, schedule);
      expectValid(problem, cpop(problem));
      // Slack for the area, which counts every processor as fast as the fastest.
      expect(schedule.makespan / bounds(problem).lower, name).toBeLessThan(2);
    }
  });
});

/** The parts of WfFormat 1.5 that scheduling needs. */
interface Recorded {
  readonly workflow: {
    readonly specification: {
      readonly tasks: readonly {
        id: string;
        children: string[];
        inputFiles?: string[];
        outputFiles?: string[];
      }[];
      readonly files?: readonly { id: string; sizeInBytes: number }[];
    };
    readonly execution: { readonly tasks: readonly { id: string; runtimeInSeconds: number }[] };
  };
}

/** Processors of speeds 0.5 to 2, links of 1 Gb/s, times in ms. */
function recorded({ workflow }: Recorded, processors: number): ScheduleProblem {
  const { tasks, files = [] } = workflow.specification;
  const at = new Map(tasks.map((task, i) => [task.id, i]));
  const bytes = new Map(files.map((file) => [file.id, file.sizeInBytes]));
  const runtime = new Map(workflow.execution.tasks.map((task) => [task.id, task.runtimeInSeconds * 1000]));
  const edges = tasks.flatMap((task, i) =>
    task.children.map((child) => {
      const j = at.get(child)!;
      const read = new Set(tasks[j]!.inputFiles);
      const shared = (task.outputFiles ?? []).filter((file) => read.has(file));
      return [i, j, shared.reduce((sum, file) => sum + (bytes.get(file) ?? 0), 0) / 125_000] as const;
    }),
  );
  const cost = new Float64Array(tasks.length * processors);
  tasks.forEach((task, i) => {
    for (let p = 0; p < processors; p++) {
      cost[i * processors + p] = runtime.get(task.id)! / (0.5 + (1.5 * p) / Math.max(1, processors - 1));
    }
  });
  return { dag: dagOf(tasks.length, edges), processors, cost };
}
