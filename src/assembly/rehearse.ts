/**
 * A rehearsal: the plan of a run played through the real room `work` on the simulated runtime, in virtual time, with a stated model of
 * agents and checks instead of agents and checks. It says how long, how many attempts and how much to expect before anybody is paid.
 * Nothing in it was done: no process, no file, no clock, and no task is ever called done. The same input gives the same answer.
 *
 * Modelled: clone and setup, an attempt's time (log-normal), attempts that fail or are refused and are made again, the landing queue with
 * `checksMax` gates of measured or assumed length. Not modelled: conflicts between tasks, checks that disturb each other, endpoints that
 * throttle. Those only make it longer.
 */
import { work } from '../contracts/index.ts';
import { idSource, type Millis, type Random, sha256Hex } from '../kernel/index.ts';
import type { Outcome, RecordWrite } from '../ports/index.ts';
import { makeEnvelope } from '../protocol/index.ts';
import {
  type ActivityScene,
  type ActivityStep,
  EPOCH,
  type Scenario,
  type SimActivity,
  SimHost,
  simulate,
  type Simulation,
} from '../runtime/simulation/index.ts';
import { WorkRoom } from '../work/index.ts';
import type { Prepared } from './run.ts';

/** Every assumption; all of it is shown with the result. */
export interface RehearsalModel {
  /** Middle time of an attempt where a task has no estimate of its own, ms. */
  readonly attemptMs: number;
  /** Nine of ten attempts take at most this many times the middle one. */
  readonly spread: number;
  /** Share of attempts whose change the checks refuse, and of those that end without one. */
  readonly refusedShare: number;
  readonly failedShare: number;
  /** Of a check that no earlier run has measured, and of the setup, ms. */
  readonly checkMs: number;
  readonly setupMs: number;
  /** Micro-units of one attempt, from the cheapest to the dearest agent that declares one; null = unknown. */
  readonly attemptPrice: { readonly low: number; readonly high: number } | null;
  readonly seed: string;
}

export const REHEARSAL_MODEL: RehearsalModel = {
  attemptMs: 5 * 60_000, // what a plan assumes too
  spread: 2.2,
  refusedShare: 0.3, // published agents resolve half to four fifths of single, well-described tasks
  failedShare: 0.05,
  checkMs: 30_000,
  setupMs: 20_000,
  attemptPrice: null,
  seed: 'rehearsal',
};

/** What half, and nine tenths, of the runs stay within. */
export interface Spread {
  readonly p50: number;
  readonly p90: number;
}

/** What half, and nine tenths, of the runs reach. */
export interface AtLeast {
  readonly p50: number;
  readonly p10: number;
}

export interface Rehearsal {
  readonly mode: 'rehearsal';
  /** Virtual runs behind the figures. */
  readonly runs: number;
  readonly model: RehearsalModel;
  /** All checks of one landing, one after another, and how much of that was measured. */
  readonly gate: { readonly ms: number; readonly measured: number; readonly checks: number };
  readonly tasks: number;
  readonly agentsAtOnce: number;
  /** Without a time box. */
  readonly makespanMs: Spread;
  readonly attempts: Spread;
  /** Tasks that would end on the branch; the others would be left to a person. */
  readonly wouldLand: AtLeast;
  /** Those of them that would be there when the time box ends. */
  readonly wouldLandInTime: AtLeast;
  /** Micro-units for all attempts; null = unknown. */
  readonly cost: { readonly low: number; readonly high: number } | null;
  /** Middle makespan by agents at once. */
  readonly byAgents: readonly { readonly agents: number; readonly makespanMs: number }[];
  /** More agents than this would end it less than a tenth sooner. */
  readonly agentsThatPay: number;
}

export type RehearsalResult = { readonly ok: true; readonly rehearsal: Rehearsal } | { readonly ok: false; readonly why: string };

const TASKS_MAX = 100; // beyond it a rehearsal would take longer than a person waits for an answer
const WORK_MS = 300; // of this processor, for all runs with the agents asked for; as much again for the other numbers of agents
const RUNS_MAX = 25;
const RUNS_MIN = 3;
const PAYS_SHARE = 0.9;
const TIME_MAX: Millis = 400 * 24 * 60 * 60_000;
const CLONE_MS = 500;
const GIT_MS = 20;

/** `measured`: ms of each check by name, from an earlier run. Pure; at most about a second. */
export function rehearse(
  prepared: Prepared,
  measured: Readonly<Record<string, number>>,
  model: RehearsalModel = REHEARSAL_MODEL,
  runsMax: number = RUNS_MAX,
): RehearsalResult {
  const { spec } = prepared;
  const { tasks, limits } = spec;
  if (tasks.length === 0) return { ok: false, why: 'there is no task to rehearse' };
  if (tasks.length > TASKS_MAX) return { ok: false, why: `${tasks.length} tasks are more than a rehearsal takes (${TASKS_MAX})` };
  const known = spec.checks.filter(({ name }) => Object.hasOwn(measured, name));
  const gateMs = spec.checks.reduce((sum, { name }) => sum + (measured[name] ?? model.checkMs), 0);
  const gate = { ms: gateMs, measured: known.length, checks: spec.checks.length };

  const sizes = sizesOf(tasks.length, limits.agentsMax);
  const runMs = 1.2 * tasks.length + 0.012 * tasks.length ** 2; // as measured: one virtual run takes about this
  const runs = Math.max(RUNS_MIN, Math.min(runsMax, Math.floor(WORK_MS / runMs)));
  const few = Math.max(1, Math.min(runs, Math.floor(WORK_MS / runMs / sizes.length)));
  const play = (agentsMax: number, count: number): Played[] =>
    Array.from({ length: count }, (_, n) => playOnce(prepared, { ...limits, agentsMax }, gateMs, model, `${model.seed} ${n}`));
  const all = play(limits.agentsMax, runs);
  // The same draws for every number of agents: what differs is the number alone.
  const byAgents = sizes.map((agents) => ({
    agents,
    makespanMs: spread((agents === limits.agentsMax ? all.slice(0, few) : play(agents, few)).map(({ endedAt }) => endedAt)).p50,
  }));
  let agentsThatPay = byAgents[0]!;
  for (const each of byAgents) if (each.makespanMs <= agentsThatPay.makespanMs * PAYS_SHARE) agentsThatPay = each;

  const attempts = spread(all.map((run) => run.attempts));
  const { attemptPrice: price } = model;
  return {
    ok: true,
    rehearsal: {
      mode: 'rehearsal',
      runs,
      model,
      gate,
      tasks: tasks.length,
      agentsAtOnce: limits.agentsMax,
      makespanMs: spread(all.map(({ endedAt }) => endedAt)),
      attempts,
      wouldLand: atLeast(all.map(({ landed }) => landed.length)),
      wouldLandInTime: atLeast(all.map(({ landed }) => landed.filter((at) => at <= limits.wallTime).length)),
      cost: price === null ? null : { low: attempts.p50 * price.low, high: attempts.p90 * price.high },
      byAgents,
      agentsThatPay: agentsThatPay.agents,
    },
  };
}

/** 1, 2, 4, ... up to what there is to do, in larger steps where a run takes long, and the number that the run would have. */
function sizesOf(tasks: number, agentsMax: number): number[] {
  const sizes = (tasks <= 40 ? [1, 2, 4, 8, 16, 32] : [1, 4, 16]).filter((n) => n <= tasks);
  return [...new Set([...sizes, Math.min(agentsMax, tasks)])].toSorted((a, b) => a - b);
}

/** The smallest value that this share of the runs stays within. */
function within(share: number, values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0);
}

function spread(values: readonly number[]): Spread {
  return { p50: within(0.5, values), p90: within(0.9, values) };
}

function atLeast(values: readonly number[]): AtLeast {
  return { p50: within(0.5, values), p10: within(0.1, values) };
}

// ---- one virtual run ------------------------------------------------------------------------------------------------

interface Played {
  /** From the start of the run. */
  readonly endedAt: Millis;
  readonly attempts: number;
  readonly landed: readonly Millis[];
}

const STAND_IN: work.AgentSpec = {
  name: 'agent',
  kind: 'shell',
  argv: ['rehearsed'],
  resume: [],
  usage: 'none',
  passEnv: [],
  timeout: 30 * 60_000,
  attemptPrice: 0,
  network: false,
  only: null,
};

function playOnce(prepared: Prepared, limits: work.Limits, gateMs: number, model: RehearsalModel, seed: string): Played {
  let stage: Stage | null = null;
  const spec: work.RunSpec = {
    ...prepared.spec,
    run: '1',
    branch: 'refs/heads/skein/1',
    // What a task says is not played: left out, because every record of it is written many times.
    tasks: prepared.spec.tasks.map((task) => ({
      ...task,
      title: task.id,
      text: '',
      claims: [],
      agent: null,
      ...work.WITHOUT_GOAL,
    })),
    agents: [STAND_IN],
    probes: [],
    services: [],
    sandbox: 'none',
    limits: { ...limits, wallTime: TIME_MAX, costMax: null },
  };
  // Crash at step 0 = no faults at all.
  simulate({ seed, crashAtStep: 0, storm: TIME_MAX }, (simulation) => (stage = new Stage(simulation, spec, gateMs, model)));
  return stage!.played();
}

const HOST = '5e1f00000002';
const REALM = 'rehearsal';

type Steps<R> = Generator<ActivityStep, Outcome<R>, void>;

/** The world outside the room, reduced to time and luck. A tree is the set of changes in it. */
class Stage implements Scenario {
  readonly #simulation: Simulation;
  readonly #spec: work.RunSpec;
  readonly #gateMs: number;
  readonly #model: RehearsalModel;
  readonly #host: SimHost;
  /** Commit or change -> the attempts whose work is in it. */
  readonly #trees = new Map<string, readonly string[]>();
  readonly #flawed = new Set<string>();
  readonly #landed: Millis[] = [];
  /** When each gate is free. */
  readonly #gates: Millis[];
  #attempts = 0;
  #run: work.RunRecord | null = null;

  constructor(simulation: Simulation, spec: work.RunSpec, gateMs: number, model: RehearsalModel) {
    this.#simulation = simulation;
    this.#spec = spec;
    this.#gateMs = gateMs;
    this.#model = model;
    this.#gates = Array<Millis>(spec.limits.checksMax).fill(0);
    this.#host = new SimHost({
      simulation,
      realm: REALM,
      host: HOST,
      rooms: [() => new WorkRoom()],
      table: this.#table(),
      onCommitted: (writes) => this.#onCommitted(writes),
    });
    this.#host.start();
    simulation.timeline.after(1, () => {
      const id = idSource('ca11e4000002', 1).next();
      const time = simulation.now + EPOCH;
      const audience = `host:${REALM}/${HOST}`;
      this.#host.send(
        makeEnvelope(work.RunIntent, spec, { id, source: 'agent:run/rehearsal', time, subject: 'run/1', audience, priority: 0 }),
      );
    });
  }

  calm(): void {}

  settled(): boolean {
    const phase = this.#run?.phase;
    return (phase === 'finished' || phase === 'stopped') && this.#host.idle;
  }

  end(): void {}

  played(): Played {
    const run = this.#run;
    const endedAt = run === null || run.endedAt === null ? TIME_MAX : run.endedAt - run.startedAt;
    return { endedAt, attempts: this.#attempts, landed: this.#landed };
  }

  #onCommitted(writes: readonly RecordWrite[]): void {
    for (const { table, value } of writes) if (table === 'run' && value !== null) this.#run = JSON.parse(value) as work.RunRecord;
  }

  #table(): ReadonlyMap<string, SimActivity> {
    const table = new Map<string, SimActivity>();
    const add = <N extends keyof work.WorkActivities>(
      name: N,
      run: (payload: work.WorkActivities[N][0], scene: ActivityScene) => Steps<work.WorkActivities[N][1]>,
    ): void => void table.set(name, { orphan: false, run });
    add('work.baseline', (_, { random }) => this.#baseline(random));
    add('work.workspace', () => this.#workspace());
    add('work.agent', (payload, { random }) => this.#agent(payload, random));
    add('work.take', (payload) => this.#take(payload));
    add('work.vet', () => this.#vet());
    add('work.compose', (payload) => this.#compose(payload));
    add('work.check', (payload, { random }) => this.#check(payload, random));
    add('work.land', (payload) => this.#land(payload));
    add('work.discard', () => this.#after(GIT_MS, null));
    return table;
  }

  *#after<R>(wait: Millis, value: R): Steps<R> {
    yield { at: 'done', wait };
    return { status: 'done', value };
  }

  /** Twice, as a real one; side by side where there are two gates. */
  *#baseline(random: Random): Steps<work.BaselineResult> {
    const rounds = this.#gates.length > 1 ? 1 : 2;
    yield { at: 'checked', wait: CLONE_MS + this.#setup() + rounds * this.#gate(random) };
    const verdicts = this.#spec.checks.map((check) => verdictOf(check.name));
    return { status: 'done', value: { verdicts, blob: BLOB, unstable: [], serial: false, notes: [] } };
  }

  #workspace(): Steps<work.WorkspaceResult> {
    return this.#after(CLONE_MS + this.#setup(), { path: '/rehearsal', applied: false, ms: 0 });
  }

  *#agent({ task, fence }: work.AgentPayload, random: Random): Steps<work.AgentResult> {
    this.#attempts += 1;
    const middle = task.estimate > 0 ? task.estimate : this.#model.attemptMs;
    const durationMs = Math.min(STAND_IN.timeout - 1, Math.round(middle * logNormal(random, this.#model.spread)));
    const luck = random.unit();
    yield { at: 'worked', wait: durationMs };
    const failed = luck < this.#model.failedShare;
    if (!failed && luck < this.#model.failedShare + this.#model.refusedShare) this.#flawed.add(`${task.id}/${fence}`);
    const exitCode = failed ? 1 : 0;
    const none = { cost: 0, tokens: null, session: null, tail: '', output: null, touched: [] };
    return { status: 'done', value: { ...none, exitCode, ended: 'exit', durationMs } };
  }

  #take({ task, fence }: work.TakePayload): Steps<work.TakeResult> {
    const change = this.#hold('change', [`${task}/${fence}`]);
    const file = { path: `rehearsed/${task}`, status: 'added' as const, added: 1, removed: 0, binary: false };
    return this.#after(GIT_MS, { commit: change, tree: change, files: [file], filesTotal: 1, patch: BLOB, violations: [] });
  }

  #vet(): Steps<work.VetResult> {
    return this.#after(GIT_MS, { closed: [], more: 0, violations: [], failure: '', testFiles: 0, durationMs: GIT_MS });
  }

  #compose({ task, fence, onto }: work.ComposePayload): Steps<work.ComposeResult> {
    const commit = this.#hold('commit', [...(this.#trees.get(onto) ?? []), `${task}/${fence}`]);
    return this.#after(GIT_MS, { ok: true, commit, tree: commit });
  }

  /** Waits for a gate; a tree with a flawed change in it is red. */
  *#check({ task, tree, taskChecks }: work.CheckPayload, random: Random): Steps<work.CheckResult> {
    const now = this.#simulation.now;
    const gate = this.#gates.indexOf(Math.min(...this.#gates));
    const begins = Math.max(now, this.#gates[gate]!);
    const ends = begins + CLONE_MS + this.#gate(random) + taskChecks.length * this.#model.checkMs;
    this.#gates[gate] = ends;
    try {
      yield { at: 'checked', wait: ends - now };
    } finally {
      // Ended from outside: nobody has queued behind it, so the gate is free at once.
      if (this.#gates[gate] === ends) this.#gates[gate] = Math.min(ends, Math.max(begins, this.#simulation.now));
    }
    const bad = (this.#trees.get(tree) ?? []).filter((attempt) => this.#flawed.has(attempt));
    const violations = bad.map((detail) => ({ rule: 'green-turned-red' as const, detail }));
    const verdicts = this.#spec.checks.map((check) => verdictOf(check.name));
    return { status: 'done', value: { verdicts, violations, blob: BLOB, failure: bad.length > 0 ? `refused: ${task}` : '' } };
  }

  *#land({ commit }: work.LandPayload): Steps<work.LandResult> {
    yield { at: 'moved', wait: GIT_MS };
    // One move may carry a chain of changes.
    const landed = this.#trees.get(commit)?.length ?? 0;
    while (this.#landed.length < landed) this.#landed.push(this.#simulation.now);
    return { status: 'done', value: { ok: true, commit, already: false } };
  }

  #hold(what: string, attempts: readonly string[]): string {
    const id = sha256Hex(`${what} ${attempts.join(' ')}`).slice(0, 40);
    this.#trees.set(id, attempts);
    return id;
  }

  #setup(): Millis {
    return this.#spec.setup === null ? 0 : this.#model.setupMs;
  }

  #gate(random: Random): Millis {
    return Math.round(this.#gateMs * (0.9 + 0.2 * random.unit()));
  }
}

const BLOB = { sha256: '0'.repeat(64), bytes: 0 };
const P90 = 1.2816; // the standard normal value that nine tenths stay below

/** Median 1; nine of ten draws are at most `times`. Box and Muller. */
function logNormal(random: Random, times: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit());
  return Math.exp((Math.log(times) / P90) * normal);
}

function verdictOf(check: string): work.VerdictSummary {
  return { check, status: 'green', cause: '', passed: 0, failed: 0, skipped: 0, findings: 0, durationMs: 0, cached: false };
}
