/**
 * The plan of a run: who does what when, how long it takes, whether a swarm is worth it. A deterministic compiler without a
 * model: the same tasks, agents, checks and limits give the same plan and the same hash. It runs nothing.
 *
 * Modelled: each task occupies one agent slot, then one slot of the landing gate, where all its checks run one after another
 * on its exact tree; what needs it starts when it has passed. Slots are `agentsMax` and `checksMax`.
 *
 *   agent 1   ├─ lexer ─┤├── docs ──┤
 *   agent 2                        ├─ parser ─┤        parser needs lexer: it waits for lexer's checks
 *   gate                 ├─ checks ─┤├ checks ┤├ checks ┤
 *
 * Not modelled: second attempts, conflicts, the baseline before the first task, clones. Those only make it longer.
 */
import { canonicalJson, sha256Hex } from '../kernel/index.ts';
import { buildDag, dagOfNeeds, bounds, heft } from '../structures/index.ts';
import type { work } from '../contracts/index.ts';

/** What earlier runs measured, ms. */
export interface Durations {
  readonly tasks?: Readonly<Record<string, number>>;
  /** An attempt by the agent of that name. */
  readonly agents?: Readonly<Record<string, number>>;
  /** By the name of the check, or by the shell line of a task's own check. */
  readonly checks?: Readonly<Record<string, number>>;
}

export interface PlanInput {
  readonly agents: readonly work.AgentSpec[];
  readonly checks: readonly work.CheckSpec[];
  readonly limits: work.Limits;
  readonly durations?: Durations;
}

/** Times in ms from the start of the first task. */
export interface PlanRow {
  readonly id: string;
  /** Agent slot, from 1. */
  readonly worker: number;
  readonly start: number;
  /** The agent is done; the checks begin when the gate has room. */
  readonly finish: number;
  readonly landed: number;
  readonly estimate: number;
  readonly source: 'given' | 'measured' | 'default';
}

export interface Plan {
  readonly ok: true;
  /** Ids, largest upward rank first: the order in which tasks are started when they are ready. */
  readonly order: readonly string[];
  /** In that order. */
  readonly rows: readonly PlanRow[];
  readonly makespan: number;
  /** One agent, one task after another, each with its checks. */
  readonly sequential: number;
  /** The chain that no number of agents shortens, and its length with checks. */
  readonly criticalPath: readonly string[];
  readonly criticalLength: number;
  /** Time that the checks of all tasks take together, divided by `checksMax`: the run cannot be shorter. */
  readonly gateLength: number;
  /** sequential / makespan; a float, for people: it is not part of the hash. */
  readonly speedup: number;
  readonly swarm: boolean;
  /** One sentence: whether to swarm, and why. */
  readonly verdict: string;
  /** Attempts if every task fails as often as it may. */
  readonly attemptsMost: number;
  /** Their price in micro-units, at most the cap; null = unknown, because an agent declares no price. */
  readonly costMost: number | null;
  /** The estimate used where nothing was given or measured. */
  readonly defaults: { readonly attempt: number; readonly check: number };
  /** SHA-256 of tasks, agents, checks, limits and rows. */
  readonly hash: string;
}

export type PlanResult = Plan | { readonly ok: false; readonly problems: readonly string[] };

const ATTEMPT_DEFAULT = 5 * 60_000; // an agent on a small task; a guess, and shown as one
const CHECK_DEFAULT = 30_000;
const SLOTS_MAX = 64; // more slots than this are planned as this many: the matrix stays small, no laptop runs more
const DURATION_MAX = 30 * 86_400_000;

/** O(tasks x slots). Never throws on tasks that `parseTasks` returned. */
export function makePlan(tasks: readonly work.TaskSpec[], input: PlanInput): PlanResult {
  const { agents, checks, limits } = input;
  const problems: string[] = [];
  const graph = dagOfNeeds(tasks);
  if (!graph.ok) {
    for (const problem of graph.problems) {
      if (problem.kind === 'cycle') problems.push(`tasks need each other in a circle: ${problem.path.join(' -> ')}`);
      else if (problem.kind === 'unknown') problems.push(`${problem.id} needs ${problem.need}, which is no task of this run`);
      else problems.push(`the id ${problem.id} is used twice`);
    }
  }
  const known = new Map(agents.map((agent) => [agent.name, agent]));
  for (const task of tasks) {
    if (task.agent !== null && !known.has(task.agent))
      problems.push(`${task.id} asks for the agent ${task.agent}, which this run does not have`);
  }
  if (!graph.ok || problems.length > 0) return { ok: false, problems };

  const estimates = tasks.map((task) => estimateOf(task, input));
  const commonGate = checks.reduce((sum, check) => sum + checkTime(check.name, input), 0);
  const gates = tasks.map((task) => task.checks.reduce((sum, check) => sum + checkTime(check, input), commonGate));
  const agentSlots = Math.max(1, Math.min(limits.agentsMax, tasks.length, SLOTS_MAX));
  const gateSlots = Math.max(1, Math.min(limits.checksMax, tasks.length, SLOTS_MAX));

  // Task i is two nodes: 2i the agent's work, 2i+1 its checks. Each runs on its own kind of slot only.
  const from: number[] = [];
  const to: number[] = [];
  const { dag } = graph;
  for (let i = 0; i < tasks.length; i++) {
    from.push(2 * i);
    to.push(2 * i + 1);
    for (let e = dag.successorStart[i]!; e < dag.successorStart[i + 1]!; e++) {
      from.push(2 * i + 1);
      to.push(2 * dag.successor[e]!);
    }
  }
  const built = buildDag(2 * tasks.length, from, to);
  if (!built.ok) return { ok: false, problems: ['the tasks need each other in a circle'] };
  const slots = agentSlots + gateSlots;
  const cost = new Float64Array(2 * tasks.length * slots).fill(Infinity);
  for (let i = 0; i < tasks.length; i++) {
    cost.fill(estimates[i]!.ms, 2 * i * slots, 2 * i * slots + agentSlots);
    cost.fill(gates[i]!, (2 * i + 1) * slots + agentSlots, (2 * i + 2) * slots);
  }
  const problem = { dag: built.dag, processors: slots, cost };
  const schedule = heft(problem);
  const limit = bounds(problem);

  const rows: PlanRow[] = [];
  for (const node of schedule.order) {
    if (node % 2 === 1) continue;
    const i = node / 2;
    rows.push({
      id: tasks[i]!.id,
      worker: schedule.processor[node]! + 1,
      start: schedule.start[node]!,
      finish: schedule.finish[node]!,
      landed: schedule.finish[node + 1]!,
      estimate: estimates[i]!.ms,
      source: estimates[i]!.source,
    });
  }
  const gateTotal = gates.reduce((total, ms) => total + ms, 0);
  const sequential = estimates.reduce((total, estimate) => total + estimate.ms, gateTotal);
  const makespan = schedule.makespan;
  const shape = {
    rows,
    makespan,
    sequential,
    criticalPath: limit.criticalPath.filter((node) => node % 2 === 0).map((node) => tasks[node / 2]!.id),
    criticalLength: limit.criticalLength,
    gateLength: Math.ceil(gateTotal / gateSlots),
  };
  const swarm = sequential * 10 >= makespan * SWARM_TENTHS && tasks.length > 1 && agentSlots > 1;
  return {
    ok: true,
    order: rows.map((row) => row.id),
    ...shape,
    speedup: makespan === 0 ? 1 : sequential / makespan,
    swarm,
    verdict: verdictOf(shape, tasks.length, agentSlots, swarm, limits),
    attemptsMost: tasks.length * limits.attemptsMax,
    costMost: costMost(tasks, known, limits),
    defaults: { attempt: ATTEMPT_DEFAULT, check: CHECK_DEFAULT },
    hash: hashOf(tasks, input, rows),
  };
}

/** Rows in a fixed order need no sorted keys: several times faster than canonical JSON, which the few other parts get. */
function hashOf(tasks: readonly work.TaskSpec[], { agents, checks, limits }: PlanInput, rows: readonly PlanRow[]): string {
  const given = tasks.map((t) => [t.id, t.title, t.text, t.needs, t.claims, t.checks, t.agent, t.estimate, t.given]);
  const planned = rows.map((row) => [row.id, row.worker, row.start, row.finish, row.landed]);
  return sha256Hex(`${canonicalJson({ agents, checks, limits })}\n${JSON.stringify(given)}\n${JSON.stringify(planned)}`);
}

/** A swarm has to end at least 1.3 times sooner: below that, conflicts eat the gain. */
const SWARM_TENTHS = 13;

function estimateOf(task: work.TaskSpec, { agents, durations = {} }: PlanInput): { ms: number; source: PlanRow['source'] } {
  if (task.estimate > 0) return { ms: task.estimate, source: 'given' };
  // A task without an agent of its own goes to the run's agents in turn: the slowest of them is the careful guess.
  const names = task.agent === null ? agents.map((agent) => agent.name) : [task.agent];
  const byAgent = names.map((name) => measured(durations.agents, name) ?? 0).reduce((a, b) => Math.max(a, b), 0);
  const ms = measured(durations.tasks, task.id) ?? (byAgent > 0 ? byAgent : null);
  return ms === null ? { ms: ATTEMPT_DEFAULT, source: 'default' } : { ms, source: 'measured' };
}

function checkTime(name: string, { durations = {} }: PlanInput): number {
  return measured(durations.checks, name) ?? CHECK_DEFAULT;
}

function measured(table: Readonly<Record<string, number>> | undefined, name: string): number | null {
  const ms = table !== undefined && Object.hasOwn(table, name) ? Math.round(table[name]!) : Number.NaN;
  return ms >= 0 && ms <= DURATION_MAX ? ms : null;
}

function costMost(
  tasks: readonly work.TaskSpec[],
  agents: ReadonlyMap<string, work.AgentSpec>,
  limits: work.Limits,
): number | null {
  let dearest: number | null = 0;
  for (const agent of agents.values()) {
    dearest = dearest === null || agent.attemptPrice === null ? null : Math.max(dearest, agent.attemptPrice);
  }
  let total: number | null = 0;
  for (const task of tasks) {
    const price = task.agent === null ? dearest : agents.get(task.agent)!.attemptPrice;
    total = total === null || price === null ? null : total + price * limits.attemptsMax;
  }
  if (total === null) return null;
  const most = Math.min(total, Number.MAX_SAFE_INTEGER);
  return limits.costMax === null ? most : Math.min(most, limits.costMax);
}

function verdictOf(
  plan: Pick<Plan, 'makespan' | 'sequential' | 'criticalPath' | 'criticalLength' | 'gateLength'>,
  tasks: number,
  agentSlots: number,
  swarm: boolean,
  limits: work.Limits,
): string {
  if (tasks === 0) return 'Nothing to do: there is no open task.';
  const late =
    plan.makespan > limits.wallTime
      ? `; more than the ${spell(limits.wallTime)} allowed, the rest is left for a resumed run`
      : '';
  const { makespan, sequential, criticalLength, gateLength } = plan;
  if (tasks === 1) return `No swarm: it is one task, about ${spell(makespan)} with its checks${late}.`;
  if (swarm) {
    const tenths = Math.round((sequential * 10) / makespan);
    const times = tenths % 10 === 0 ? String(tenths / 10) : `${Math.floor(tenths / 10)}.${tenths % 10}`;
    return `Swarm: ${agentSlots} agents at once need about ${spell(makespan)} instead of ${spell(sequential)}, ${times} times sooner${late}.`;
  }
  if (limits.agentsMax === 1)
    return `No swarm: one agent at a time is allowed, about ${spell(makespan)} for ${tasks} tasks${late}.`;
  const why =
    gateLength >= criticalLength
      ? `the checks of all changes alone take ${spell(gateLength)}`
      : `${plan.criticalPath.length} of the ${tasks} tasks wait for each other, ${spell(criticalLength)} in a row`;
  return `No swarm: more agents save little, about ${spell(makespan)} instead of ${spell(sequential)}, because ${why}${late}.`;
}

/** `45 s`, `12 min`, `1 h 5 min`: as precise as an estimate is. */
export function spell(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
