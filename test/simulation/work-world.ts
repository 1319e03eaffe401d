/**
 * The world outside the room `work`, as a model: a repository, workspaces, agents of every temper, checks, a person who starts,
 * stops, resumes and sometimes pushes. Its activities have named points between their effects, so that a crash can fall there.
 * It watches: every invariant of a run is a checker here, named in `CHECKERS`, and each has a planted bug that it must catch.
 */
import { isDeepStrictEqual } from 'node:util';
import { canonicalJson, idSource, type Json, type Millis, type Random, sha256Hex } from '../../src/kernel/index.ts';
import { work } from '../../src/contracts/index.ts';
import { type Contract, makeEnvelope } from '../../src/protocol/index.ts';
import type { ActivityRequest, BlobRef, Outcome, RecordWrite, Room, StoredRecord } from '../../src/ports/index.ts';
import { WorkRoom } from '../../src/work/index.ts';
import {
  type ActivityScene,
  type ActivityStep,
  EPOCH,
  type Scenario,
  type SimActivity,
  SimHost,
  type SimPorts,
  type Simulation,
} from '../../src/runtime/simulation/index.ts';
import {
  changedPaths,
  CHECKS,
  closedItems,
  compare,
  merge,
  RepositoryModel,
  summary,
  suspicious,
  taskOf,
  type Tree,
  verdicts,
} from './repository-model.ts';

export const TEMPERS = [
  'honest',
  'slow',
  'cheater',
  'saboteur',
  'conflicter',
  'heavy',
  'looper',
  'crasher',
  'flaky',
  'stray',
  'toucher',
  'liar',
  'idle',
] as const;
export type Temper = (typeof TEMPERS)[number];

export const CHECKERS = {
  green: 'what was green at baseline is green at every move of the branch',
  'fast-forward': 'the branch moves only from the tip its mover expected, by the commits of its batch',
  'landed-once': 'one commit for each task on the branch',
  screened: 'no change lands that was suspicious, outside its claim, or made while the repository was touched',
  recorded: 'a record says landed exactly when its commit is on the branch',
  durable: 'what was once shown as durable stays',
  acknowledged: 'a message is called taken when that is durable, not before',
  'load-equals': 'load(records) rebuilds what the room holds',
  once: 'an activity of kind once runs once for each fence, and fences grow',
  needs: 'a task starts when its needs are landed and its base contains them',
  concurrency: 'no more agents than limits.agentsMax, no more checks and probes than limits.checksMax',
  rivals: 'who has tasks of its own does no other, and the rivals of a round start from one base',
  best: 'of the candidates that could land the one that closes most lands',
  worthwhile: 'a change that a judge looked at closes something that was open before',
  mended: 'a change that is to mend a check leaves it better than it was',
  probes: 'probes run one at a time, those that come last when no task is left',
  'found-once': 'what a probe found is one task',
  stopped: 'nothing but tidying starts, and no agent runs, once the run is stopped',
  budget: 'no agent starts once the money cap is reached',
  secrets: "nothing of one task's agent reaches another task",
  ended: 'at the end every task has an end and nothing runs',
} as const;

// ---- plan -----------------------------------------------------------------------------------------------------------

export interface Step {
  readonly at: Millis;
  readonly act: 'drain' | 'kill' | 'resume' | 'push';
}

/** Everything about a run that is not a fault. */
export interface Plan {
  readonly tasks: readonly work.TaskSpec[];
  readonly probes: readonly work.ProbeSpec[];
  /** What each probe finds, by its name. */
  readonly finds: Readonly<Record<string, readonly work.TaskSpec[]>>;
  readonly agents: readonly work.AgentSpec[];
  readonly limits: work.Limits;
  readonly files: Tree;
  readonly steps: readonly Step[];
  /** How often the person resumes a run that stopped. */
  readonly resumesMax: number;
  readonly clockOffset: Millis;
  /** 1 = a check takes as long as an agent; more fill the landing queue. */
  readonly checkSlowness: number;
  /** Whether agents mend their ways when told what failed. */
  readonly mends: boolean;
}

export function agentSpec(temper: Temper, attemptPrice: number | null = 0, only: string | null = null): work.AgentSpec {
  return {
    name: only === null ? temper : `${only}-${temper}`,
    kind: 'shell',
    argv: [temper],
    resume: [],
    usage: 'none',
    passEnv: [],
    timeout: 600_000,
    attemptPrice,
    network: false,
    only,
  };
}

export function probeSpec(name: string, options: Partial<work.ProbeSpec> = {}): work.ProbeSpec {
  return {
    name,
    goal: name,
    says: `what ${name} finds`,
    argv: [name],
    argument: null,
    timeout: 600_000,
    when: 'first',
    sandboxed: false,
    keeps: false,
    ...options,
  };
}

/** A task that a probe found: its judge looks at the lines that its rivals close. */
export function judgedTask(id: string, rivals: readonly string[], options: Partial<work.TaskSpec> = {}): work.TaskSpec {
  return taskSpec(id, { given: false, rivals: [...rivals], judge: ['judge'], input: id, ...options });
}

export function taskSpec(id: string, options: Partial<work.TaskSpec> = {}): work.TaskSpec {
  return {
    id,
    title: `do ${id}`,
    text: `do ${id}`,
    needs: [],
    claims: [],
    checks: [],
    agent: null,
    estimate: 1000,
    given: true,
    ...work.WITHOUT_GOAL,
    ...options,
  };
}

/** A task whose text is this: whoever does it breaks a test, however good they are. */
export const BREAKS = 'breaks a test';

export const FILES: Tree = new Map([
  ['.ci/run', 'npm test'],
  ['package-lock.json', '{}'],
  ['src/base.txt', 'base'],
  ['src/shared.txt', 'shared'],
]);

export const PLAN: Plan = {
  tasks: [],
  probes: [],
  finds: {},
  agents: [agentSpec('honest')],
  limits: { agentsMax: 2, checksMax: 2, attemptsMax: 3, wallTime: 2 * 60 * 60_000, costMax: null },
  files: FILES,
  steps: [],
  resumesMax: 0,
  clockOffset: 0,
  checkSlowness: 1,
  mends: true,
};

export function drawPlan(random: Random): Plan {
  const one = <T>(items: readonly T[]): T => items[random.below(items.length)]!;
  const agents = [...new Set([one(TEMPERS), one(TEMPERS), one(TEMPERS), 'honest' as const])].map((temper) =>
    agentSpec(temper, one([0, 0, 0, 50, 100, null])),
  );
  const own = [...new Set([one(TEMPERS), one(TEMPERS), one(TEMPERS), 'honest' as const])].map((temper) =>
    agentSpec(temper, one([0, 0, 0, 50]), 'goal'),
  );
  const names = [...own, ...own, ...agents].map(({ name }) => name);
  const rivals = (): string[] => [...new Set([one(names), one(names), one(names), 'nobody'])];
  const probes: work.ProbeSpec[] = [];
  const finds: Record<string, work.TaskSpec[]> = {};
  for (let n = one([0, 0, 1, 2, 3]); n > 0; n--) {
    const name = `p${n}`;
    probes.push(
      probeSpec(name, {
        when: random.chance(0.4) ? 'last' : 'first',
        sandboxed: random.chance(0.2),
        timeout: one([5000, 600_000]),
      }),
    );
    const found: work.TaskSpec[] = (finds[name] = []);
    for (let k = random.below(4); k > 0; k--) {
      const needs = random.chance(0.2) ? [one([...found.map(({ id }) => id), 't0', 'ghost'])] : [];
      const id = random.chance(0.2) ? 't0' : `${name}-${k}`;
      const judged = random.chance(0.8);
      found.push(
        judgedTask(id, judged ? rivals() : [], {
          title: `${name} finds ${k}`,
          needs,
          input: `${name}-${k}`,
          judge: judged ? ['judge'] : [],
        }),
      );
    }
  }
  const tasks: work.TaskSpec[] = [];
  for (let n = random.chance(0.2) ? 0 : 1 + random.below(9), density = random.unit() * 0.5; n > 0; n--) {
    const id = `t${tasks.length}`;
    tasks.push(
      taskSpec(id, {
        needs: tasks.filter(() => random.chance(density)).map((other) => other.id),
        claims: random.chance(0.2) ? [`src/${id}.txt`] : [],
        checks: random.chance(0.15) ? [`grep done src/${id}.txt`] : [],
        agent: random.chance(0.5) ? one(agents).name : null,
        ...(random.chance(0.2) ? { rivals: rivals(), judge: ['judge'], claims: [], checks: [], input: id } : {}),
      }),
    );
  }
  const files = new Map(FILES);
  if (random.chance(0.3)) files.set('src/old.txt', 'BROKEN before');
  if (random.chance(0.3)) files.set('src/lint.txt', 'any before');
  const steps: Step[] = [];
  for (let n = one([0, 0, 0, 1, 2, 4]); n > 0; n--) {
    steps.push({ at: 1 + random.below(one([1000, 60_000, 600_000])), act: one(['drain', 'kill', 'resume', 'push', 'push']) });
  }
  return {
    tasks,
    probes,
    finds,
    agents: [...agents, ...own],
    limits: {
      agentsMax: 1 + random.below(4),
      checksMax: 1 + random.below(3),
      attemptsMax: one([1, 2, 3, 3, 3]),
      wallTime: one([30_000, 300_000, 7_200_000, 7_200_000, 7_200_000]),
      costMax: one([null, null, null, null, null, 1, 300, 1000, 2000]),
    },
    files,
    steps,
    resumesMax: one([0, 1, 3]),
    clockOffset: random.below(100_000_000),
    checkSlowness: one([1, 1, 5, 20]),
    mends: random.chance(0.6),
  };
}

// ---- planted bugs ---------------------------------------------------------------------------------------------------

/** Where a test may put a bug: between host and ports, around the room, or in the activities. */
export interface Plant {
  tamper?(ports: SimPorts, simulation: Simulation): SimPorts;
  room?(room: WorkRoom, world: WorkWorld): Room;
  /** `work.land` moves the branch whatever it finds. */
  readonly landsBlindly?: boolean;
  /** `work.check` answers without looking. */
  readonly checksNothing?: boolean;
  /** `work.check` does not look whether what was to be mended is better. */
  readonly mendsNothing?: boolean;
  /** `work.take` does not look at the text of a change. */
  readonly screensNothing?: boolean;
}

// ---- world ----------------------------------------------------------------------------------------------------------

const BRANCH = 'refs/heads/skein/1';
const HOST = '5e1f00000001';
const REALM = 'run';
const ITEMS = ['a', 'b', 'c', 'd', 'e'];
const AGENT_COST_MAX = 120;
const STOP_GRACE: Millis = 10_000; // killing takes up to 2 s, the news of it up to 3 s more

type Steps<R> = Generator<ActivityStep, Outcome<R>, void>;

interface Workspace {
  readonly base: string;
  files: Map<string, string>;
}

export class WorkWorld implements Scenario {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly repository: RepositoryModel = new RepositoryModel();
  readonly host: SimHost;
  readonly #plant: Plant;
  readonly #blobs = new Map<string, Json>();
  readonly #workspaces = new Map<string, Workspace>();
  readonly #ids = idSource('ca11e4000001', 1);
  readonly #base: string;
  readonly #baseVerdicts: readonly work.CheckVerdict[];
  /** Composed commit -> the attempt it comes from. */
  readonly #origin = new Map<string, { readonly task: string; readonly fence: number }>();
  readonly #touched = new Set<string>();
  readonly #fences = new Map<string, number>();
  readonly #agentsRunning = new Map<string, string>();
  #room: WorkRoom | null = null;
  #run: work.RunRecord | null = null;
  #tasks = new Map<string, work.TaskRecord>();
  #probes = new Map<string, work.ProbeRecord>();
  #stepsLeft: number;
  /** Spent as of the last commit but one. */
  #spentBefore = 0;
  #allowed: work.Limits;
  #resumes = 0;

  constructor(simulation: Simulation, plan: Plan, plant: Plant = {}) {
    this.simulation = simulation;
    this.plan = plan;
    this.#allowed = plan.limits;
    this.#plant = plant;
    simulation.details.push(
      canonicalJson({ ...plan, files: [...plan.files.keys()], agents: plan.agents.map(({ name }) => name) }),
    );
    this.#base = this.repository.commit(this.repository.tree(plan.files), null, 'base', 0);
    this.repository.refs.set(BRANCH, this.#base);
    this.#baseVerdicts = verdicts(plan.files);
    this.#stepsLeft = plan.steps.length;
    this.host = new SimHost({
      simulation,
      realm: REALM,
      host: HOST,
      clockOffset: plan.clockOffset,
      rooms: [
        () => {
          this.#room = new WorkRoom();
          return plant.room?.(this.#room, this) ?? this.#room;
        },
      ],
      table: this.#table(),
      permit: (request) => {
        this.#onStart(request);
        return null;
      },
      onCommitted: (writes, loaded) => this.#onCommitted(writes, loaded),
      onAcknowledged: ({ type, idempotencyKey }) => {
        const kept = this.host.store
          .records()
          .some(({ table, value }) => table === 'dedupe' && (JSON.parse(value) as { key: string }).key === idempotencyKey);
        if (!kept) this.#violation('acknowledged', `${type} was called taken and is not on disk`);
      },
      onRefused: (envelope, refusal) => simulation.violation('ended', `${envelope.type} was refused: ${refusal.detail}`),
      ...(plant.tamper === undefined ? {} : { tamper: (ports: SimPorts) => plant.tamper!(ports, simulation) }),
    });
    this.host.start();
    const { timeline } = simulation;
    timeline.after(1, () => this.#send(work.RunIntent, this.#spec()));
    for (const { at, act } of plan.steps) {
      timeline.after(at, () => {
        this.#stepsLeft -= 1;
        this.act(act);
      });
    }
  }

  get run(): work.RunRecord | null {
    return this.#run;
  }

  get tasks(): readonly work.TaskRecord[] {
    return [...this.#tasks.values()].toSorted((a, b) => a.order - b.order);
  }

  get probes(): readonly work.ProbeRecord[] {
    return [...this.#probes.values()].toSorted((a, b) => a.order - b.order);
  }

  get tip(): string {
    return this.repository.refs.get(BRANCH)!;
  }

  /** What the person does. */
  act(act: Step['act']): void {
    this.simulation.record(`person ${act}`);
    switch (act) {
      case 'drain':
        return this.#send(work.DrainIntent, { run: '1' });
      case 'kill':
        return this.#send(work.KillIntent, { run: '1' });
      case 'resume':
        return this.#send(work.ResumeIntent, { run: '1', limits: this.#limits() });
      case 'push': {
        const files = new Map(this.repository.files(this.tip));
        files.set('src/person.txt', `by hand at ${this.simulation.now}`);
        this.repository.refs.set(BRANCH, this.repository.commit(this.repository.tree(files), this.tip, 'by hand', 0));
      }
    }
  }

  // ---- scenario -----------------------------------------------------------------------------------------------------

  calm(): void {
    this.host.start();
  }

  settled(): boolean {
    const phase = this.#run?.phase;
    return (phase === 'stopped' || phase === 'finished') && this.#stepsLeft === 0 && this.host.alive && this.host.idle;
  }

  end(): void {
    const run = this.#run;
    if (run === null) return this.#violation('ended', 'the run was never recorded');
    if (run.phase !== 'finished' && run.phase !== 'stopped') this.#violation('ended', `the run is ${run.phase}`);
    const over: readonly string[] = ['landed', 'open', 'blocked', 'failed'];
    const atRest: readonly string[] =
      run.phase === 'finished' && run.reason !== 'baseline-failed' ? over : [...over, 'waiting', 'ready', 'queued'];
    const landedOnBranch = new Set([...this.repository.history(this.tip)].map(({ message }) => taskOf(message)));
    for (const { spec, state, commit } of this.#tasks.values()) {
      if (!atRest.includes(state)) this.#violation('ended', `task ${spec.id} is ${state} and the run is ${run.phase}`);
      if (landedOnBranch.has(spec.id) !== (state === 'landed') && run.reason !== 'landing-refused')
        this.#violation(
          'recorded',
          `task ${spec.id} is ${state}, its commit is ${landedOnBranch.has(spec.id) ? '' : 'not '}on the branch`,
        );
      if (state === 'landed' && (commit === null || !this.repository.contains(this.tip, commit)))
        this.#violation('recorded', `task ${spec.id} landed as ${commit}, which is not on the branch`);
    }
    const landed = [...this.#tasks.values()].filter(({ state }) => state === 'landed').length;
    for (const { spec, attempts, state } of this.#tasks.values()) {
      const winner = attempts.find(({ outcome }) => outcome === 'landed');
      const worth = ({ base, change }: work.AttemptRecord): number =>
        closedItems(this.repository.files(base), this.repository.files(change!)).length;
      for (const attempt of attempts) {
        if (state === 'landed' && attempt.outcome === 'candidate')
          this.#violation('best', `${spec.id} landed and its attempt ${attempt.fence} is still a candidate`);
        if (winner !== undefined && attempt.outcome === 'outscored' && worth(attempt) > worth(winner))
          this.#violation('best', `${spec.id} landed attempt ${winner.fence}, attempt ${attempt.fence} closes more`);
      }
    }
    for (const { spec, state } of this.#probes.values()) {
      const looked = run.phase !== 'finished' || run.reason === 'baseline-failed' || state !== 'waiting';
      if (state === 'running' || !looked) this.#violation('ended', `probe ${spec.name} is ${state} and the run is ${run.phase}`);
    }
    if (run.landed !== landed) this.#violation('recorded', `the run counts ${run.landed} landed tasks of ${landed}`);
    if (this.#agentsRunning.size > 0) this.#violation('ended', `agents still run: ${[...this.#agentsRunning.keys()].join(', ')}`);
    this.#checkLoad();
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  #spec(): work.RunSpec {
    const { tasks, probes, agents, limits } = this.plan;
    return {
      run: '1',
      repository: '/model',
      base: this.#base,
      baseTree: this.repository.commits.get(this.#base)!.tree,
      branch: BRANCH,
      tasks: [...tasks],
      agents: [...agents],
      checks: [...CHECKS],
      probes: [...probes],
      services: [],
      setup: null,
      limits,
      sandbox: 'none',
      passEnv: [],
      planHash: sha256Hex('plan'),
    };
  }

  /** A person who resumes gives more time and more money. */
  #limits(): work.Limits {
    const { limits } = this.plan;
    this.#allowed = { ...limits, costMax: limits.costMax === null ? null : (this.#run?.spent ?? 0) + limits.costMax };
    return this.#allowed;
  }

  #send<T>(contract: Contract<T>, data: T): void {
    const id = this.#ids.next();
    const time = this.simulation.now + EPOCH + this.plan.clockOffset;
    const audience = `host:${REALM}/${HOST}`;
    this.host.send(
      makeEnvelope(contract, data, { id, source: 'agent:run/person', time, subject: 'run/1', audience, priority: 0 }),
    );
  }

  // ---- what is durable ----------------------------------------------------------------------------------------------

  #onCommitted(writes: readonly RecordWrite[], loaded: boolean): void {
    const before = this.#run;
    this.#spentBefore = loaded ? 0 : (before?.spent ?? 0);
    const seen = this.#tasks;
    if (loaded) {
      this.#run = null;
      this.#tasks = new Map();
      this.#probes = new Map();
    }
    for (const { room, table, key, value } of writes) {
      if (room !== work.WORK_ROOM || value === null) continue;
      if (table === 'run') this.#run = JSON.parse(value) as work.RunRecord;
      if (table === 'probe') this.#probes.set(key, JSON.parse(value) as work.ProbeRecord);
      if (table !== 'task') continue;
      const record = JSON.parse(value) as work.TaskRecord;
      const twin = record.spec.goal === null ? undefined : this.#twinOf(record);
      if (twin !== undefined) this.#violation('found-once', `${key} and ${twin} are the same find: ${record.spec.title}`);
      this.#tasks.set(key, record);
      const { state, commit } = record;
      if (state === 'landed' && (commit === null || !this.repository.contains(this.tip, commit)))
        this.#violation('recorded', `task ${key} says landed as ${commit}, which is not on the branch`);
    }
    if (loaded) {
      if (before !== null && this.#run === null) this.#violation('durable', 'the run was shown and is gone');
      for (const [id, task] of seen) {
        const now = this.#tasks.get(id);
        if (now === undefined || now.step < task.step || now.fence < task.fence)
          this.#violation('durable', `task ${id} was at step ${task.step}, is at ${now?.step ?? 'nothing'} after a restart`);
      }
    } else if (this.host.store.pending === 0 && this.simulation.events % 16 === 0) {
      this.#checkLoad();
    }
    const phase = this.#run?.phase;
    if (phase === before?.phase) return;
    this.simulation.record(`run ${phase} ${this.#run?.reason ?? ''}`.trimEnd());
    if (phase !== 'stopped') return;
    const sitting = this.#run?.sittings;
    this.simulation.timeline.after(STOP_GRACE, () => {
      if (this.#run?.phase !== 'stopped' || this.#run.sittings !== sitting) return;
      for (const name of this.#agentsRunning.keys())
        this.#violation('stopped', `agent ${name} runs ${STOP_GRACE} ms after the stop`);
    });
    if (this.#resumes >= this.plan.resumesMax) return;
    this.#resumes += 1;
    this.#stepsLeft += 1;
    this.simulation.timeline.after(STOP_GRACE * 2, () => {
      this.#stepsLeft -= 1;
      this.act('resume');
    });
  }

  /** Another task, not standing on it, of the same find. */
  #twinOf({ spec }: work.TaskRecord): string | undefined {
    const twins = [...this.#tasks.values()].filter(
      (task) => task.spec.id !== spec.id && task.spec.goal === spec.goal && task.spec.title === spec.title,
    );
    const follows = (a: work.TaskSpec, b: work.TaskSpec): boolean => a.id.startsWith(`${b.id.replace(/\.\d+$/, '')}.`);
    return twins.find((task) => !follows(task.spec, spec) && !follows(spec, task.spec))?.spec.id;
  }

  /** The live room and one rebuilt from what is on disk are the same, whenever nothing is between them. */
  #checkLoad(): void {
    const live = this.#room;
    if (live === null || this.host.store.pending > 0) return;
    const records: StoredRecord[] = this.host.store
      .records()
      .filter(({ room }) => room === work.WORK_ROOM)
      .map(({ table, key, version, value }) => ({ table, key, version, value: JSON.parse(value) as Json }));
    const fresh = new WorkRoom();
    fresh.load(records, this.simulation.now + EPOCH, {
      put: () => {},
      timer: () => {},
      answer: () => {},
      measure: () => {},
      send: refuse,
      perform: refuse,
      cancel: refuse,
      audit: refuse,
    });
    const [was, is] = [live, fresh].map((room) => room.query({ kind: 'view' }));
    if (isDeepStrictEqual(was, is)) return;
    const differs = was!.tasks.filter((held, i) => !isDeepStrictEqual(held, is!.tasks[i])).map(({ spec }) => spec.id);
    this.#violation('load-equals', `records do not give what the room holds: run, probes or tasks ${differs.join(', ')}`);
  }

  // ---- what leaves the host -----------------------------------------------------------------------------------------

  /** Every activity passes here on its way out. */
  #onStart(request: ActivityRequest): void {
    const payload = request.payload as { readonly task?: string | work.TaskSpec };
    const owner = typeof payload.task === 'object' ? payload.task.id : (payload.task ?? '');
    for (const [, of] of JSON.stringify(payload).matchAll(/SECRET-([\w.-]+)/g)) {
      if (of !== owner)
        this.#violation('secrets', `${request.name} of task ${owner || 'none'} holds what the agent of ${of} said`);
    }
    const known = this.#fences.get(request.key) ?? 0;
    if (request.fence < known || (request.fence === known && (request.name === 'work.agent' || request.attempt === 1)))
      this.#violation('once', `${request.key} starts under fence ${request.fence}.${request.attempt} after fence ${known}`);
    this.#fences.set(request.key, Math.max(known, request.fence));
    const phase = this.#run?.phase;
    if ((phase === 'stopped' || phase === 'finished') && request.name !== 'work.discard')
      this.#violation('stopped', `${request.key} starts while the run is ${phase}`);
    if (request.name === 'work.agent') this.#onAgentStart(request.payload as work.AgentPayload);
    if (request.name === 'work.probe') this.#onProbeStart(request.payload as work.ProbePayload);
    if (request.name === 'work.probe' || request.name === 'work.check') {
      const { checksMax } = this.plan.limits;
      const running = this.host.activities.inHand('work.check') + this.host.activities.inHand('work.probe') + 1;
      if (running > checksMax) this.#violation('concurrency', `${running} checks and probes run, the limit is ${checksMax}`);
    }
  }

  #onProbeStart({ probe }: work.ProbePayload): void {
    if (this.host.activities.inHand('work.probe') > 0) this.#violation('probes', `${probe.name} starts beside another probe`);
    const planned = this.plan.probes.find(({ name }) => name === probe.name)!;
    if (planned.sandboxed) this.#violation('probes', `${probe.name} starts without a full sandbox`);
    const over: readonly string[] = ['landed', 'open', 'blocked', 'failed'];
    const busy = [...this.#tasks.values()].find(({ state }) => !over.includes(state));
    if (planned.when === 'last' && busy !== undefined)
      this.#violation('probes', `${probe.name} starts while ${busy.spec.id} is ${busy.state}`);
  }

  /** What the person wrote; of a task that was found, what its record says. */
  #specOf(id: string): work.TaskSpec {
    return this.plan.tasks.find((each) => each.id === id) ?? this.#tasks.get(id)!.spec;
  }

  #onAgentStart({ task: spec, fence, workspace, agent }: work.AgentPayload): void {
    const planned = this.#specOf(spec.id);
    const { only } = this.plan.agents.find(({ name }) => name === agent.name)!;
    if (only !== null && !planned.rivals.includes(agent.name))
      this.#violation('rivals', `${agent.name} starts on ${spec.id}, which does not name it`);
    const { attempts = [], round } = this.#tasks.get(spec.id) ?? {};
    const started = attempts.find(({ fence: at }) => at === fence);
    if (round?.base != null && started !== undefined && started.base !== round.base)
      this.#violation('rivals', `${agent.name} starts on ${spec.id} from another base than its rivals`);
    const agentsMax = this.plan.limits.agentsMax;
    const running = this.host.activities.inHand('work.agent') + 1;
    if (running > agentsMax) this.#violation('concurrency', `${running} agents run, the limit is ${agentsMax}`);
    // What the person allowed, not what the room made of it.
    const costMax = this.plan.limits.costMax === null ? null : this.#allowed.costMax;
    // Agents in flight may cost more than they declared, so the last one may begin with less left than its price: not with nothing.
    // What one batch decides before it hears of a cost is in flight too: only what was spent before that batch counts.
    const left = costMax === null ? null : costMax - this.#spentBefore;
    if (left !== null && (left < 0 || (left === 0 && agent.attemptPrice !== 0)))
      this.#violation('budget', `an agent starts on ${spec.id} with ${this.#spentBefore} of ${costMax} spent`);
    const base = this.#workspaces.get(workspace)?.base;
    for (const need of planned.needs) {
      const there = base !== undefined && [...this.repository.history(base)].some(({ message }) => taskOf(message) === need);
      if (!there) this.#violation('needs', `task ${spec.id} starts on a base without ${need}, which it needs`);
    }
  }

  // ---- activities ---------------------------------------------------------------------------------------------------

  #table(): ReadonlyMap<string, SimActivity> {
    const table = new Map<string, SimActivity>();
    const add = <N extends keyof work.WorkActivities>(
      name: N,
      orphan: boolean,
      run: (payload: work.WorkActivities[N][0], scene: ActivityScene) => Steps<work.WorkActivities[N][1]>,
    ): void => {
      table.set(name, { orphan, run });
    };
    add('work.baseline', true, (payload, scene) => this.#baseline(payload, scene));
    add('work.workspace', true, (payload, scene) => this.#workspace(payload, scene));
    add('work.agent', false, (payload, scene) => this.#agent(payload, scene));
    add('work.take', true, (payload) => this.#take(payload));
    add('work.vet', true, (payload, scene) => this.#vet(payload, scene));
    add('work.probe', true, (payload, scene) => this.#probe(payload, scene));
    add('work.compose', true, (payload) => this.#compose(payload));
    add('work.check', true, (payload, scene) => this.#check(payload, scene));
    add('work.land', true, (payload, scene) => this.#land(payload, scene));
    add('work.discard', true, (payload) => this.#discard(payload));
    return table;
  }

  #blob(content: Json): BlobRef {
    const text = canonicalJson(content);
    const sha256 = sha256Hex(text);
    this.#blobs.set(sha256, content);
    return { sha256, bytes: text.length };
  }

  *#baseline({ commit }: work.BaselinePayload, { random }: ActivityScene): Steps<work.BaselineResult> {
    yield { at: 'cloned', wait: 500 + random.below(5000) };
    const found = verdicts(this.repository.files(commit));
    const blob = this.#blob(found as unknown as Json);
    yield { at: 'stored', wait: 5 };
    return { status: 'done', value: { verdicts: found.map(summary), blob, unstable: [], serial: false, notes: [] } };
  }

  *#workspace({ task: id, fence, base, from }: work.WorkspacePayload, { random }: ActivityScene): Steps<work.WorkspaceResult> {
    const path = `/cache/${id}/${fence}`;
    this.#workspaces.set(path, { base, files: new Map() });
    yield { at: 'empty', wait: 10 + random.below(100) };
    const files = new Map(this.repository.files(base));
    this.#workspaces.set(path, { base, files });
    yield { at: 'checked-out', wait: 5 };
    if (from === null) return { status: 'done', value: { path, applied: false, ms: 1 } };
    const parent = this.repository.commits.get(from)!.parent!;
    const merged = merge(this.repository.files(parent), this.repository.files(from), files);
    if (merged.conflicts.length === 0) this.#workspaces.set(path, { base, files: merged.files });
    return { status: 'done', value: { path, applied: merged.conflicts.length === 0, ms: 1 } };
  }

  *#agent(payload: work.AgentPayload, { random }: ActivityScene): Steps<work.AgentResult> {
    const { task: spec, fence, workspace, failures } = payload;
    const name = `${spec.id}/${fence}`;
    const temper = payload.agent.argv[0] as Temper;
    const mends = this.plan.mends && failures.length > 0;
    const judged = spec.judge.length > 0;
    const own = `src/${judged ? spec.input : spec.id}.txt`;
    const said = `SECRET-${spec.id} said in attempt ${fence}`;
    const space = this.#workspaces.get(workspace);
    if (space === undefined) return { status: 'failed', retryable: false, detail: `there is no workspace ${workspace}` };
    const write = (path: string, text: string): void => void space.files.set(path, text);
    const begun = space.files.get(own);
    const closing = [begun, ...ITEMS.filter(() => random.chance(0.4)).map((item) => `closes ${item}`)]
      .filter((line) => line !== undefined && !(line.startsWith('closes') && begun?.includes(line) === true))
      .join('\n');
    const done = (text: string): void => write(own, judged ? `${closing}${text === '' ? '' : `\n${text}`}` : text);
    const end = (more: Partial<work.AgentResult> = {}): Outcome<work.AgentResult> => ({
      status: 'done',
      value: {
        exitCode: 0,
        ended: 'exit',
        durationMs: 1,
        cost: payload.agent.attemptPrice === null && random.chance(0.3) ? null : random.below(AGENT_COST_MAX),
        tokens: null,
        session: said,
        tail: said,
        output: null,
        touched: [],
        ...more,
      },
    });
    this.#agentsRunning.set(name, workspace);
    try {
      yield { at: 'started', wait: 100 + random.below(temper === 'slow' ? 600_000 : 20_000) };
      if (temper === 'crasher' && !mends) return end({ exitCode: 1 });
      if (temper === 'flaky' && random.chance(0.5)) return end({ exitCode: null, ended: 'signal' });
      if (temper === 'looper' && !mends) {
        done('again and again');
        return end({ ended: 'loop', exitCode: null });
      }
      if (temper === 'idle') return end();
      done(judged ? '' : `${mends ? 'mended' : 'done'} in attempt ${fence}: done`);
      if (spec.mends !== null && random.chance(0.7))
        for (const [path, text] of space.files)
          write(path, text.replaceAll(spec.mends === 'lint' ? 'any' : 'BROKEN', 'repaired'));
      yield { at: 'half-done', wait: 1 + random.below(5000) };
      if (spec.text === BREAKS) done('BROKEN');
      switch (temper) {
        case 'cheater':
          done(mends ? 'done honestly' : random.chance(0.5) ? 'suppress' : 'SKIPPED');
          break;
        case 'liar':
          if (!mends) done('untrue');
          break;
        case 'saboteur':
          if (mends) space.files.set('src/base.txt', 'base');
          else if (random.chance(0.3)) space.files.delete('src/base.txt');
          else write('src/base.txt', random.chance(0.5) ? 'BROKEN' : `any ${spec.id}`);
          break;
        case 'conflicter':
          write('src/shared.txt', `${space.files.get('src/shared.txt') ?? ''}\n${spec.id}`);
          break;
        case 'heavy':
          done(mends ? 'done lightly' : 'done, heavy');
          break;
        case 'stray':
          if (!mends) write(random.chance(0.5) ? 'package-lock.json' : '.ci/run', spec.id);
          break;
        case 'toucher':
          if (mends) break;
          this.#touched.add(name);
          return end({ touched: ['refs/heads/main moved'] });
        default:
      }
      yield { at: 'done', wait: 1 };
      return end();
    } finally {
      this.#agentsRunning.delete(name);
    }
  }

  *#take({ task: id, fence, workspace, base, spec }: work.TakePayload): Steps<work.TakeResult> {
    const space = this.#workspaces.get(workspace);
    if (space === undefined) return { status: 'failed', retryable: false, detail: `there is no workspace ${workspace}` };
    const tree = this.repository.tree(space.files);
    yield { at: 'objects-written', wait: 5 };
    const commit = this.repository.commit(tree, base, `change of ${id}`, fence);
    this.repository.refs.set(`refs/skein/1/${id}/${fence}`, commit);
    yield { at: 'kept', wait: 5 };
    const before = this.repository.files(base);
    const violations =
      this.#plant.screensNothing === true ? [] : [...suspicious(before, space.files), ...strays(spec, before, space.files)];
    const files = changedPaths(before, space.files).map((path) => ({
      path,
      status: 'modified' as const,
      added: 1,
      removed: 0,
      binary: false,
    }));
    return {
      status: 'done',
      value: { commit, tree, files, filesTotal: files.length, patch: this.#blob({ id, fence }), violations },
    };
  }

  *#vet({ task: spec, change, base }: work.VetPayload, { random }: ActivityScene): Steps<work.VetResult> {
    yield { at: 'judged', wait: 50 + random.below(500) };
    const after = this.repository.files(change);
    const closed = spec.judge.length > 0 ? closedItems(this.repository.files(base), after) : [];
    const untrue = spec.judge.length > 0 && [...after.values()].some((text) => text.includes('untrue'));
    const violations: work.Violation[] = untrue ? [{ rule: 'refused-by-judge', detail: 'untrue' }] : [];
    yield { at: 'tested', wait: random.below(3000) };
    const failure = untrue ? `SECRET-${spec.id} is untrue` : '';
    return { status: 'done', value: { closed, more: 0, violations, failure, testFiles: 1, durationMs: 1 } };
  }

  *#probe({ probe }: work.ProbePayload, { random }: ActivityScene): Steps<work.ProbeResult> {
    yield { at: 'checked-out', wait: 10 + random.below(10_000) };
    const tasks = this.plan.finds[probe.name] ?? [];
    yield { at: 'looked', wait: 5 };
    const value = { findings: [], more: 0, tasks, measures: [], notes: [], durationMs: 1 };
    return { status: 'done', value };
  }

  *#compose(payload: work.ComposePayload): Steps<work.ComposeResult> {
    const { change, base, onto, message, time } = payload;
    yield { at: 'read', wait: 5 };
    const merged = merge(this.repository.files(base), this.repository.files(change), this.repository.files(onto));
    if (merged.conflicts.length > 0) return { status: 'done', value: { ok: false, conflicts: merged.conflicts } };
    const tree = this.repository.tree(merged.files);
    yield { at: 'tree-written', wait: 5 };
    const commit = this.repository.commit(tree, onto, message, time);
    this.#origin.set(commit, { task: payload.task, fence: payload.fence });
    yield { at: 'commit-written', wait: 1 };
    return { status: 'done', value: { ok: true, commit, tree } };
  }

  *#check(payload: work.CheckPayload, { random }: ActivityScene): Steps<work.CheckResult> {
    yield { at: 'cloned', wait: 100 + random.below(10_000 * this.plan.checkSlowness) };
    const tree = this.repository.trees.get(payload.tree)!;
    const found = verdicts(tree);
    const baseline = this.#blobs.get(payload.baseline.sha256) as unknown as work.CheckVerdict[];
    const mends = this.#plant.mendsNothing === true ? [] : payload.mends;
    const violations = this.#plant.checksNothing === true ? [] : compare(baseline, found, mends);
    for (const line of payload.taskChecks) {
      const [, word, path] = /^grep (\S+) (\S+)$/.exec(line)!;
      if (tree.get(path!)?.includes(word!) !== true) violations.push({ rule: 'task-check-failed', detail: line });
    }
    const blob = this.#blob(found as unknown as Json);
    yield { at: 'verdicts-stored', wait: 5 };
    const failure =
      violations.length === 0 ? '' : `SECRET-${payload.task} did ${violations.map(({ detail }) => detail).join(', ')}`;
    return { status: 'done', value: { verdicts: found.map(summary), violations, blob, failure } };
  }

  *#land({ branch, expected, commit, chain }: work.LandPayload, { random }: ActivityScene): Steps<work.LandResult> {
    const { refs } = this.repository;
    const landed = (): boolean => this.repository.contains(refs.get(branch)!, commit);
    const already: Outcome<work.LandResult> = { status: 'done', value: { ok: true, commit, already: true } };
    yield { at: 'asked', wait: random.below(200) };
    if (landed()) return already;
    yield { at: 'before-move', wait: random.below(50) };
    if (refs.get(branch) !== expected && this.#plant.landsBlindly !== true) {
      // Whoever lost the race may have lost it to an earlier run of this very activity.
      if (landed()) return already;
      const found = refs.get(branch)!;
      const there = chain.filter((one) => this.repository.contains(found, one.commit)).length;
      return { status: 'done', value: { ok: false, found, landed: there } };
    }
    this.#move(branch, commit, chain);
    yield { at: 'moved', wait: 1 + random.below(50) };
    return { status: 'done', value: { ok: true, commit, already: false } };
  }

  *#discard({ task: id, fence }: work.DiscardPayload): Steps<null> {
    yield { at: 'asked', wait: 5 };
    this.#workspaces.delete(`/cache/${id}/${fence}`);
    yield { at: 'removed', wait: 1 };
    return { status: 'done', value: null };
  }

  // ---- the branch ---------------------------------------------------------------------------------------------------

  #move(branch: string, sha: string, chain: work.LandPayload['chain']): void {
    const tip = this.repository.refs.get(branch)!;
    this.repository.refs.set(branch, sha);
    this.simulation.record(`branch moved to ${sha.slice(0, 8)} for ${chain.map(({ task }) => task).join(', ')}`);
    for (const [i, one] of chain.entries()) this.#onLanded(one.commit, i === 0 ? tip : chain[i - 1]!.commit, one.task);
    const mends = chain.flatMap(({ task }) => this.#specOf(task).mends ?? []);
    for (const { rule, detail } of compare(this.#baseVerdicts, verdicts(this.repository.files(sha)), mends)) {
      const checker = rule === 'not-mended' ? 'mended' : 'green';
      this.#violation(checker, `${chain.map(({ task }) => task).join(', ')} left the branch with ${rule} ${detail}`);
    }
  }

  /** One commit that the branch has now. */
  #onLanded(sha: string, before: string, id: string): void {
    const commit = this.repository.commits.get(sha)!;
    if (commit.parent !== before || taskOf(commit.message) !== id)
      this.#violation('fast-forward', `${sha.slice(0, 8)} of ${id} does not stand on ${before.slice(0, 8)}`);
    const same = [...this.repository.history(sha)].filter(({ message }) => taskOf(message) === id);
    if (same.length > 1) this.#violation('landed-once', `task ${id} is on the branch ${same.length} times`);
    const was = this.repository.files(commit.parent!);
    const is = this.repository.files(sha);
    const spec = this.#specOf(id);
    if (spec.judge.length > 0 && closedItems(was, is).length === 0)
      this.#violation('worthwhile', `${id} landed and closes nothing`);
    const odd = [...suspicious(was, is), ...strays(spec, was, is)];
    if (odd.length > 0) this.#violation('screened', `${id} landed with ${odd[0]!.rule} ${odd[0]!.detail}`);
    const origin = this.#origin.get(sha);
    if (origin !== undefined && this.#touched.has(`${origin.task}/${origin.fence}`))
      this.#violation('screened', `${id} landed from an attempt that touched the repository`);
  }

  #violation(checker: keyof typeof CHECKERS, detail: string): void {
    this.simulation.violation(checker, detail);
  }
}

function refuse(): never {
  throw new Error('only timer, put and measure are allowed while loading');
}

/** Paths that this task may not change. */
function strays(spec: work.TaskSpec, before: Tree, after: Tree): work.Violation[] {
  const found: work.Violation[] = [];
  for (const path of changedPaths(before, after)) {
    if (path === 'package-lock.json') found.push({ rule: 'lock-file', detail: path });
    else if (path.startsWith('.ci/')) found.push({ rule: 'ci-file', detail: path });
    else if (spec.claims.length > 0 && !spec.claims.includes(path)) found.push({ rule: 'outside-claim', detail: path });
  }
  return found;
}
