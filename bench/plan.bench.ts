/**
 * Claims: a schedule of 2,000 tasks is planned within 5 ms, and the published 10-task table comes out exactly.
 * Baseline in the same run: the same algorithm written plainly, objects and a scan over all busy intervals; beside it the
 * makespan against list scheduling without insertion.
 */
import { buildDag, cpop, heft, type ScheduleProblem, upwardRanks } from '../src/structures/index.ts';
import { seededRandom } from '../src/kernel/index.ts';
import { makePlan, parseTasks } from '../src/work/index.ts';
import { arabnejad, topcuoglu } from '../test/fixtures/ten-tasks.ts';

export interface Row {
  readonly claim: string;
  readonly target: string;
  readonly ours: number;
  readonly unit: string;
  readonly baseline: number;
  readonly ratio: number;
  readonly p50: number;
  readonly p99: number;
  readonly met: boolean;
}

const TASKS = 2_000;
const PROCESSORS = 8;
const ROUNDS = 41;

/** Layers of 20 tasks, each needing up to three of the layer before: the shape of generated workflows. */
function layered(): ScheduleProblem {
  const random = seededRandom('bench/plan');
  const from: number[] = [];
  const to: number[] = [];
  const weight: number[] = [];
  for (let i = 20; i < TASKS; i++) {
    for (let k = random.below(3); k >= 0; k--) {
      from.push((Math.floor(i / 20) - 1) * 20 + random.below(20));
      to.push(i);
      weight.push(random.below(5_000));
    }
  }
  const built = buildDag(TASKS, from, to, weight);
  if (!built.ok) throw new Error('layers have no cycle');
  const cost = Float64Array.from({ length: TASKS * PROCESSORS }, () => 1_000 + random.below(60_000));
  return { dag: built.dag, processors: PROCESSORS, cost };
}

/** HEFT as the paper reads: an object per placed task, every interval of every processor looked at. Returns the makespan. */
function plainHeft(problem: ScheduleProblem): number {
  const { dag, processors, cost } = problem;
  const rank = [...upwardRanks(problem)];
  const order = Array.from(rank.keys()).toSorted((a, b) => rank[b]! - rank[a]! || a - b);
  const placed = new Map<number, { processor: number; start: number; finish: number }>();
  const busy = Array.from({ length: processors }, () => [] as { start: number; finish: number }[]);
  for (const i of order) {
    let best = { processor: -1, start: 0, finish: Infinity };
    for (let p = 0; p < processors; p++) {
      let start = 0;
      for (let e = dag.predecessorStart[i]!; e < dag.predecessorStart[i + 1]!; e++) {
        const before = placed.get(dag.predecessor[e]!)!;
        start = Math.max(start, before.finish + (before.processor === p ? 0 : dag.predecessorWeight[e]!));
      }
      const duration = cost[i * processors + p]!;
      for (const interval of busy[p]!) {
        if (start + duration <= interval.start) break;
        start = Math.max(start, interval.finish);
      }
      if (start + duration < best.finish) best = { processor: p, start, finish: start + duration };
    }
    placed.set(i, best);
    busy[best.processor]!.push(best);
    busy[best.processor]!.sort((a, b) => a.start - b.start);
  }
  return Math.max(...[...placed.values()].map((task) => task.finish));
}

/** The same 2,000 tasks as a task file would give them: layers of 20, up to three needs each. */
function wholePlan(): () => unknown {
  const random = seededRandom('bench/plan/file');
  const lines = Array.from({ length: TASKS }, (_, i) => {
    const needs =
      i < 20 ? [] : Array.from({ length: 1 + random.below(3) }, () => `t${(Math.floor(i / 20) - 1) * 20 + random.below(20)}`);
    return `- [ ] task number ${i} (id: t${i}, needs: ${needs.join(', ')}, claims: src/part${i}/**, estimate: ${1 + random.below(60)}s)`;
  });
  const parsed = parseTasks(lines.join('\n'), 'tasks.md');
  if (!parsed.ok) throw new Error(parsed.problems[0]!.what);
  const limits = { agentsMax: PROCESSORS, checksMax: 2, attemptsMax: 3, wallTime: 600_000, costMax: null };
  return () => makePlan(parsed.tasks, { agents: [], checks: [], limits });
}

function timed(action: () => unknown): { p50: number; p99: number } {
  for (let i = 0; i < 10; i++) action();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const start = performance.now();
    action();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { p50: times[Math.floor(ROUNDS / 2)]!, p99: times[Math.floor(ROUNDS * 0.99)]! };
}

function row(claim: string, target: string, value: number, unit: string, baseline: number, met: boolean): Row {
  return {
    claim,
    target,
    ours: value,
    unit,
    baseline,
    ratio: baseline / value,
    p50: value,
    p99: value,
    met,
  };
}

export default async function planBench(): Promise<Row[]> {
  const problem = layered();
  const ours = timed(() => heft(problem));
  const plain = timed(() => plainHeft(problem));
  const whole = timed(wholePlan());
  const makespan = heft(problem).makespan;
  const listed = heft(problem, { insertion: false }).makespan;
  const table = topcuoglu();
  const second = arabnejad();
  return [
    { ...row('schedule 2,000 tasks on 8 processors', '<= 5 ms', ours.p50, 'ms', plain.p50, ours.p50 <= 5), p99: ours.p99 },
    {
      ...row(
        'the whole plan of 2,000 tasks: names, gate, schedule, verdict, hash',
        '<= 50 ms',
        whole.p50,
        'ms',
        plain.p50,
        whole.p50 <= 50,
      ),
      p99: whole.p99,
    },
    row('makespan with insertion against without', '<= baseline', makespan, 'ms planned', listed, makespan <= listed),
    row(
      'same makespan as the plain implementation',
      'equal',
      makespan,
      'ms planned',
      plainHeft(problem),
      makespan === plainHeft(problem),
    ),
    row('10-task table, HEFT', '= 80', heft(table).makespan, 'time units', 80, heft(table).makespan === 80),
    row('second 10-task table, HEFT', '= 133', heft(second).makespan, 'time units', 133, heft(second).makespan === 133),
    row('second 10-task table, CPOP', '= 167', cpop(second).makespan, 'time units', 167, cpop(second).makespan === 167),
    row('10-task table, CPOP', '= 86', cpop(table).makespan, 'time units', 86, cpop(table).makespan === 86),
  ];
}
