/**
 * The room `work`: takes one run of tasks from its baseline to its last landed commit. It decides who tries what, in which order,
 * what a failure leads to, what may land, and when to stop; everything it decides about, others do (activities).
 *
 *   task:  waiting ─▶ ready ─▶ preparing ─▶ working ─▶ taking ─▶ vetting ─▶ queued ─▶ landing ─▶ landed
 *                       ▲          (clone)    (agent)    (diff)  (judge, affected tests) │  refused: same agent with its diff and the
 *                       └────────────────────────────────────────────────────────────────┘  error, then a fresh agent with both, then open
 *
 * Rivals take turns on one task from one base; their best candidate is queued, the next best follows when it is refused.
 * Probes look for tasks beside the work, one at a time; a probe takes one of the places of checks, because it wants the same cores:
 * the queue goes first, so a landing never waits for a probe that has not begun.
 *
 * Landing queue: each change is composed on the commit before it in the queue. A check of one commit is a verdict on all up to it:
 * green, they land together by one move of the branch; red, prefixes are checked until the first bad one stands alone on the tip.
 * Only the head is refused, by its own check; when it goes, all that stood on it is composed again.
 *
 * Durable: the records `run`, `task` and `probe`. Soft: nothing but the indexes rebuilt from them.
 * Source: seed 5 (three tiers of recovery), merge queues that speculate (research: SubmitQueue), corrected where agents lose work.
 */
import type { Json, Millis } from '../kernel/index.ts';
import { assert, unreachable } from '../kernel/index.ts';
import { work } from '../contracts/index.ts';
import type { Context, Effects, Outcome, Room, RoomInput, StoredRecord } from '../ports/index.ts';
import type { Contract, Envelope } from '../protocol/index.ts';
import { type Link, nextCheck, riskOf } from './batches.ts';
import { commitMessage } from './commit-message.ts';
import { failureText } from './failure-text.ts';
import { admitted, guestsOf, recordedResult, redTasks, TASKS_MAX } from './found-tasks.ts';
import {
  bestCandidate,
  closes,
  failuresOfRivals,
  followUp,
  nextTry,
  rivalsAgain,
  rivalsOf,
  roundOf,
  share,
  slim,
  vetOf,
} from './rivals.ts';

const ERRORS_MAX = 3; // operating failures in a row before a task is given up for this run
const CONFLICTS_MAX = 5; // times a change may lose the race for its files
const INTERRUPTIONS_MAX = 8; // an agent that takes the host down with it must not do so for ever
const PROBE_TRIES_MAX = 3; // of each sitting
const MOVED_MAX = 5; // times somebody else may move the run's branch
const FILES_IN_RECORD = 50;
const VIOLATIONS_MAX = 50; // a person reads the first ones; the blob has all
const FAILURE_MAX = 16_384;
const BASELINE_FENCES = 16; // of one sitting: its tries, and one more for each cancel that a resume overtook
const RESUME_GRACE: Millis = 5000; // a new sitting says so within this time, else an expired time box stops the run

type RunRecord = work.RunRecord;
type TaskRecord = work.TaskRecord;
type AttemptRecord = work.AttemptRecord;
type ProbeRecord = work.ProbeRecord;
type LandingEntry = work.LandingEntry;
type Step = 'workspace' | 'agent' | 'take' | 'vet' | 'compose' | 'check' | 'land';

export type WorkQuestion = { readonly kind: 'view' };
export interface WorkView {
  readonly run: RunRecord | null;
  readonly tasks: readonly TaskRecord[];
  readonly probes: readonly ProbeRecord[];
}

export class WorkRoom implements Room<RoomInput, WorkQuestion, WorkView> {
  readonly name: string = work.WORK_ROOM;
  readonly recordVersion: number = 1;
  readonly contracts: readonly Contract[] = [work.RunIntent, work.DrainIntent, work.KillIntent, work.ResumeIntent];
  #run: RunRecord | null = null;
  /** In scheduling order. */
  #tasks: Map<string, TaskRecord> = new Map();
  /** In order of what pays first. */
  #probes: Map<string, ProbeRecord> = new Map();
  /** Ids in the landing queue, by position. */
  #queue: string[] = [];
  #context: Context | null = null;
  #out: Effects | null = null;

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    const tasks: TaskRecord[] = [];
    const probes: ProbeRecord[] = [];
    for (const { table, value } of records) {
      if (table === 'run') this.#run = value as unknown as RunRecord;
      else if (table === 'task') tasks.push(value as unknown as TaskRecord);
      else if (table === 'probe') probes.push(value as unknown as ProbeRecord);
    }
    this.#probes = new Map(probes.toSorted((a, b) => a.order - b.order).map((probe) => [probe.spec.name, probe]));
    tasks.sort((a, b) => a.order - b.order);
    this.#tasks = new Map(tasks.map((task) => [task.spec.id, task]));
    this.#queue = tasks
      .filter((task) => task.landing !== null)
      .toSorted((a, b) => a.landing!.position - b.landing!.position)
      .map((task) => task.spec.id);
    if (this.#run === null || !isActive(this.#run)) return;
    out.timer('deadline', Math.max(this.#run.deadline, now + RESUME_GRACE));
  }

  query(_question: WorkQuestion): WorkView {
    return { run: this.#run, tasks: [...this.#tasks.values()], probes: [...this.#probes.values()] };
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    this.#context = context;
    this.#out = out;
    switch (input.kind) {
      case 'message':
        this.#onMessage(input.envelope);
        break;
      case 'timer':
        if (input.key === 'deadline') this.#stop('time', 'the time box is used up', true);
        break;
      case 'activity':
        this.#onOutcome(input.key, input.fence, input.outcome);
        break;
      default:
        unreachable(input);
    }
    this.#advance();
  }

  // ---- intents ------------------------------------------------------------------------------------------------------

  #onMessage(envelope: Envelope): void {
    switch (envelope.type) {
      case work.RunIntent.type:
        return this.#begin(envelope.data as work.RunSpec);
      case work.DrainIntent.type:
        return this.#stop('drained', 'asked to drain', false);
      case work.KillIntent.type:
        return this.#stop('killed', 'asked to stop at once', true);
      case work.ResumeIntent.type:
        return this.#resume((envelope.data as { limits: work.Limits }).limits);
    }
  }

  #begin(spec: work.RunSpec): void {
    if (this.#run !== null) return; // one host, one run: a second copy of the intent changes nothing
    const problem = outOfOrder(spec.tasks);
    if (problem !== null) {
      this.#effects.audit({ kind: 'input.refused', body: { run: spec.run, reason: 'invalid', detail: problem } });
      return;
    }
    const { tasks, ...rest } = spec;
    const now = this.#now;
    this.#putRun({
      spec: rest,
      phase: 'baseline',
      reason: '',
      detail: '',
      cancelling: false,
      tip: spec.base,
      landed: 0,
      startedAt: now,
      deadline: now + spec.limits.wallTime,
      endedAt: null,
      spent: 0,
      unknownCosts: 0,
      baseline: null,
      moved: 0,
      sittings: 1,
    });
    for (const [order, task] of tasks.entries()) this.#putTask(newTask(task, order));
    for (const [order, probe] of spec.probes.entries()) this.#putProbe(newProbe(probe, order, spec.sandbox));
    this.#effects.timer('deadline', now + spec.limits.wallTime);
    const { run, base, planHash, limits, sandbox } = spec;
    this.#effects.audit({
      kind: 'config',
      body: { run, base, planHash, limits, sandbox, tasks: tasks.length },
    });
    this.#startBaseline(1);
  }

  #startBaseline(fence: number): void {
    const { spec } = this.#active;
    const payload: work.BaselinePayload = {
      run: spec.run,
      repository: spec.repository,
      commit: spec.base,
      tree: spec.baseTree,
      checks: spec.checks,
      setup: spec.setup,
      budget: Math.max(0, this.#active.deadline - this.#now),
      sandbox: spec.sandbox,
    };
    this.#effects.perform('baseline', { name: 'work.baseline', kind: 'idempotent', payload, fence, attempt: 1, deadline: null });
  }

  #resume(limits: work.Limits): void {
    const run = this.#run;
    if (run === null) return;
    const deadline = this.#now + limits.wallTime;
    const sittings = run.sittings + 1;
    const settled = !isActive(run);
    this.#putRun({
      ...run,
      spec: { ...run.spec, limits },
      // What was being cancelled is still on its way out; it comes back as an interruption and starts again.
      phase: run.baseline === null ? 'baseline' : 'working',
      reason: '',
      detail: '',
      cancelling: false,
      endedAt: null,
      deadline,
      sittings,
    });
    this.#effects.timer('deadline', deadline);
    this.#effects.audit({ kind: 'config', body: { run: run.spec.run, resumed: sittings, limits } });
    if (run.baseline === null && settled) this.#startBaseline((sittings - 1) * BASELINE_FENCES + 1);
    for (const task of this.#tasks.values()) {
      // A person who resumes gives what was given up another chance, with its failures known.
      if (task.state === 'open')
        this.#putTask({
          ...task,
          state: 'waiting',
          detail: '',
          failures: 0,
          conflicts: 0,
          interruptions: 0,
          errors: 0,
          round: null,
        });
      else if (task.state === 'blocked') this.#putTask({ ...task, state: 'waiting', detail: '' });
    }
    for (const probe of this.#probes.values())
      if (probe.state === 'failed') this.#putProbe({ ...probe, state: 'waiting', detail: '' });
  }

  /** Nothing new starts any more. With `cancel`, agents and checks are ended too; taking a diff or landing one is left to finish. */
  #stop(reason: RunRecord['reason'], detail: string, cancel: boolean): void {
    const run = this.#run;
    if (run === null || !isActive(run)) return;
    if (run.phase === 'draining' && (run.cancelling || !cancel)) return;
    this.#putRun({
      ...run,
      phase: 'draining',
      reason: run.phase === 'draining' ? run.reason : reason,
      detail,
      cancelling: cancel,
    });
    this.#effects.audit({ kind: 'decision', body: { run: run.spec.run, stop: reason, detail } });
    // What a probe may still find would not be worked on any more; it looks again in the next sitting.
    if (run.phase !== 'draining')
      for (const probe of this.#probes.values()) if (probe.state === 'running') this.#effects.cancel(`probe/${probe.spec.name}`);
    if (cancel) for (const key of this.#cancellable(run)) this.#effects.cancel(key);
  }

  /** Keys of what may be in flight and ends when everything is to end; taking a diff, composing and landing are short and finish. */
  #cancellable(run: RunRecord): string[] {
    const keys = run.baseline === null ? ['baseline'] : [];
    for (const task of this.#tasks.values()) {
      if (task.state === 'preparing') keys.push(keyOf(task, 'workspace'));
      else if (task.state === 'working') keys.push(keyOf(task, 'agent'));
      else if (task.state === 'vetting') keys.push(keyOf(task, 'vet'));
      else if (task.landing?.stage === 'checking') keys.push(keyOf(task, 'check'));
    }
    return keys;
  }

  // ---- outcomes -----------------------------------------------------------------------------------------------------

  #onOutcome(key: string, fence: number, outcome: Outcome): void {
    if (key === 'baseline') return this.#onBaseline(fence, outcome as Outcome<work.BaselineResult>);
    const slash = key.indexOf('/');
    const step = key.slice(0, slash);
    if (step === 'discard') return;
    if (step === 'probe') return this.#onProbe(key.slice(slash + 1), fence, outcome as Outcome<work.ProbeResult>);
    const task = this.#tasks.get(key.slice(slash + 1));
    assert(task, `an outcome came for the unknown task ${key}`);
    if (fence !== task.step) return this.#effects.measure('skein_work_stale_outcomes_total', 1);
    switch (step as Step) {
      case 'workspace':
        return this.#onWorkspace(task, outcome as Outcome<work.WorkspaceResult>);
      case 'agent':
        return this.#onAgent(task, outcome as Outcome<work.AgentResult>);
      case 'take':
        return this.#onTake(task, outcome as Outcome<work.TakeResult>);
      case 'vet':
        return this.#onVet(task, outcome as Outcome<work.VetResult>);
      case 'compose':
        return this.#onCompose(task, outcome as Outcome<work.ComposeResult>);
      case 'check':
        return this.#onCheck(task, outcome as Outcome<work.CheckResult>);
      case 'land':
        return this.#onLand(task, outcome as Outcome<work.LandResult>);
      default:
        unreachable(step as never);
    }
  }

  #onBaseline(fence: number, outcome: Outcome<work.BaselineResult>): void {
    const run = this.#active;
    const retryable = outcome.status === 'failed' && outcome.retryable;
    if (outcome.status === 'done') {
      const phase = run.phase === 'baseline' ? 'working' : run.phase;
      const { red: told, ...baseline } = outcome.value;
      this.#putRun({ ...run, phase, baseline });
      if (![...this.#tasks.values()].some(({ spec }) => spec.given)) this.#join(redTasks(baseline, told ?? []));
      const red = outcome.value.verdicts.filter((verdict) => verdict.status !== 'green').map((verdict) => verdict.check);
      this.#effects.audit({
        kind: 'decision',
        body: { run: run.spec.run, baseline: outcome.value.blob.sha256, red, serial: outcome.value.serial },
      });
    } else if (run.phase === 'draining') {
      this.#settle('stopped');
    } else if (fence % BASELINE_FENCES < (outcome.status === 'cancelled' ? INTERRUPTIONS_MAX : retryable ? ERRORS_MAX : 0)) {
      this.#startBaseline(fence + 1);
    } else {
      this.#putRun({ ...run, reason: 'baseline-failed', detail: wordsOf(outcome) });
      this.#settle('finished');
    }
  }

  #onWorkspace(task: TaskRecord, outcome: Outcome<work.WorkspaceResult>): void {
    if (outcome.status !== 'done') return this.#attemptNotMade(task, outcome);
    // While draining, an attempt that has not begun yet does not begin.
    if (this.#active.phase !== 'working')
      return this.#attemptNotMade(task, { status: 'cancelled', detail: 'the run stopped before the agent began' });
    const attempt = lastAttempt(task);
    const { spec } = this.#active;
    const agent = spec.agents.find((each) => each.name === attempt.agent);
    assert(agent, `attempt ${task.spec.id}/${attempt.fence} names the unknown agent ${attempt.agent}`);
    const payload: work.AgentPayload = {
      run: spec.run,
      repository: spec.repository,
      task: task.spec,
      fence: attempt.fence,
      agent,
      workspace: outcome.value.path,
      failures: task.attempts
        .filter((each) => each.failure !== '' && each.fence !== attempt.fence)
        .filter((each) => !this.#rivalled(task) || each.agent === attempt.agent)
        .map((each) => each.failure),
      session: task.session,
      budget: spec.limits.costMax === null ? null : Math.max(0, spec.limits.costMax - this.#active.spent),
      sandbox: spec.sandbox,
    };
    this.#perform(
      { ...task, state: 'working', workspace: outcome.value.path, errors: 0 },
      'agent',
      'work.agent',
      'once',
      payload,
    );
  }

  #onAgent(task: TaskRecord, outcome: Outcome<work.AgentResult>): void {
    if (outcome.status !== 'done') return this.#attemptNotMade(task, outcome);
    const { value } = outcome;
    const attempt = lastAttempt(task);
    this.#charge(attempt, value.cost, value.tokens);
    const violations: work.Violation[] = value.touched.map((detail) => ({ rule: 'repository-touched', detail }));
    const failure = violations.length > 0 ? failureText({ violations }) : wordsOfEnding(value);
    const cost = value.cost ?? priceOf(this.#active, attempt.agent);
    const next = withAttempt(task, { ...attempt, cost, durationMs: value.durationMs, violations, failure });
    this.#take({ ...next, session: value.session });
  }

  #take(task: TaskRecord): void {
    const attempt = lastAttempt(task);
    const { spec } = this.#active;
    const payload: work.TakePayload = {
      run: spec.run,
      repository: spec.repository,
      task: task.spec.id,
      fence: attempt.fence,
      workspace: task.workspace!,
      base: attempt.base,
      spec: task.spec,
    };
    this.#perform({ ...task, state: 'taking' }, 'take', 'work.take', 'idempotent', payload);
  }

  /** What nobody reported counts at the declared price, or as unknown; never as nothing. */
  #charge(attempt: AttemptRecord, reported: number | null, tokens: number | null): void {
    const run = this.#active;
    const declared = priceOf(run, attempt.agent);
    const cost = reported ?? declared;
    this.#putRun({ ...run, spent: run.spent + (cost ?? 0), unknownCosts: run.unknownCosts + (cost === null ? 1 : 0) });
    const body = { run: run.spec.run, agent: attempt.agent, fence: attempt.fence, cost: reported, declared, tokens };
    this.#effects.audit({ kind: 'cost', body });
    const { costMax } = run.spec.limits;
    if (costMax === null) return;
    if (cost === null)
      this.#stop(
        'budget',
        `agent ${attempt.agent} reported no cost and no price is declared for it, but the run has a money cap`,
        false,
      );
    else if (run.spent + cost > costMax) this.#stop('budget', 'the money cap was passed', false);
  }

  #onTake(task: TaskRecord, outcome: Outcome<work.TakeResult>): void {
    if (outcome.status !== 'done') {
      // The agent's work is done and paid for, and still lies in its workspace.
      const errors = task.errors + 1;
      const again = outcome.status === 'cancelled' || (outcome.status === 'failed' && outcome.retryable);
      return again && errors < ERRORS_MAX ? this.#take({ ...task, errors }) : this.#attemptNotMade(task, outcome);
    }
    const attempt = lastAttempt(task);
    const { commit, files, filesTotal, patch } = outcome.value;
    // An agent that could not work changed nothing: how it ended says more than that.
    const found =
      attempt.failure === '' ? outcome.value.violations : outcome.value.violations.filter((one) => one.rule !== 'empty-change');
    const violations = [...attempt.violations, ...found].slice(0, VIOLATIONS_MAX);
    const taken: AttemptRecord = {
      ...attempt,
      change: commit,
      patch,
      files: files.slice(0, share(task.spec, FILES_IN_RECORD)),
      filesTotal,
      violations,
    };
    const next = withAttempt(task, taken);
    if (mayHaveNothing(task.spec) && attempt.failure === '' && violations.length > 0 && onlyEmpty(violations))
      return this.#nothing(next, taken);
    if (violations.length > 0 || attempt.failure !== '') {
      const refused = found.length > 0 ? failureText({ violations: found }) : '';
      const failure = [attempt.failure, refused].filter((part) => part !== '').join('\n\n');
      // A program that failed and changed nothing is told by its own words: that nothing changed follows from them.
      if (attempt.failure !== '' && onlyEmpty(violations))
        return this.#attemptFailed(next, taken, 'agent-failed', [], attempt.failure);
      return this.#attemptFailed(next, taken, 'refused', violations, failure);
    }
    const { spec, baseline } = this.#active;
    const payload: work.VetPayload = {
      run: spec.run,
      repository: spec.repository,
      task: task.spec,
      fence: attempt.fence,
      change: commit,
      tree: outcome.value.tree,
      base: attempt.base,
      paths: files.map(({ path }) => path),
      checks: spec.checks,
      setup: spec.setup,
      baseline: baseline!.blob,
      unstable: baseline!.unstable,
      serial: baseline!.serial,
      sandbox: spec.sandbox,
    };
    this.#perform({ ...next, state: 'vetting' }, 'vet', 'work.vet', 'idempotent', payload);
  }

  #onVet(task: TaskRecord, outcome: Outcome<work.VetResult>): void {
    const attempt = lastAttempt(task);
    if (outcome.status !== 'done') {
      // The workspace still holds what the agent did: it is taken and vetted again, in the next sitting when this one is over.
      const stopped = outcome.status === 'cancelled';
      const errors = task.errors + (stopped ? 0 : 1);
      const interruptions = task.interruptions + (stopped ? 1 : 0);
      const again = stopped ? interruptions < INTERRUPTIONS_MAX : outcome.status === 'failed' && outcome.retryable;
      if (!again || errors >= ERRORS_MAX) return this.#attemptNotMade(task, outcome);
      return this.#putTask({ ...task, state: 'ready', detail: wordsOf(outcome), errors, interruptions });
    }
    const vet = outcome.value;
    const vetted: AttemptRecord = { ...attempt, vet: vetOf(task.spec, vet) };
    const next = { ...withAttempt(task, vetted), errors: 0 };
    if (vet.violations.length > 0) {
      const failure = vet.failure === '' ? failureText({ violations: vet.violations }) : vet.failure;
      return this.#attemptFailed(next, vetted, 'refused', vet.violations, failure);
    }
    if (task.spec.judge.length > 0 && closes(vetted) === 0) return this.#nothing(next, vetted);
    this.#discard(next);
    if (!this.#rivalled(task)) return this.#enqueue(next, vetted);
    const candidate = { ...vetted, outcome: 'candidate' as const, endedAt: this.#now };
    this.#turnOver(withAttempt(next, candidate));
  }

  #enqueue(task: TaskRecord, attempt: AttemptRecord): void {
    const position = Math.max(0, ...this.#queue.map((id) => this.#tasks.get(id)!.landing!.position)) + 1;
    this.#queue.push(task.spec.id);
    const landing = newEntry(position, attempt.fence, attempt.change!, attempt.base);
    this.#putTask({ ...task, state: 'queued', detail: '', workspace: null, landing });
  }

  #onCompose(task: TaskRecord, outcome: Outcome<work.ComposeResult>): void {
    const entry = task.landing!;
    if (outcome.status !== 'done') return this.#landingNotMade(task, outcome);
    const { value } = outcome;
    if (value.ok)
      this.#putTask({ ...task, errors: 0, landing: { ...entry, stage: 'composed', commit: value.commit, tree: value.tree } });
    else this.#putTask({ ...task, errors: 0, landing: { ...entry, stage: 'conflicted', conflicts: value.conflicts } });
  }

  #onCheck(task: TaskRecord, outcome: Outcome<work.CheckResult>): void {
    const entry = task.landing!;
    if (outcome.status !== 'done') return this.#landingNotMade(task, outcome);
    const { violations, failure, verdicts } = outcome.value;
    this.#putTask({
      ...task,
      errors: 0,
      verdicts,
      checkedAs: entry.commit,
      landing: {
        ...entry,
        stage: 'checked',
        violations: violations.slice(0, VIOLATIONS_MAX),
        failure: failure.slice(0, FAILURE_MAX),
      },
    });
  }

  #onLand(task: TaskRecord, outcome: Outcome<work.LandResult>): void {
    if (outcome.status !== 'done') return this.#landingNotMade(task, outcome);
    const run = this.#active;
    // A try cut off by a crash may have moved the branch while this one was looking: then all or some of the batch is there.
    const batch = this.#batchOf(task);
    const { value } = outcome;
    const landed = value.ok ? batch : batch.slice(0, value.landed);
    if (value.ok || landed.length > 0) {
      for (const one of landed) this.#landed(one, landed.at(-1)!);
      // The first of them had landed alone; the others still stand on them.
      if (landed.length < batch.length) this.#notLanded(task, 0);
      return;
    }
    const { found } = value;
    const moved = run.moved + 1;
    if (found === null || moved > MOVED_MAX) {
      const detail =
        found === null
          ? `the branch ${run.spec.branch} was deleted by somebody else; git branch ${run.spec.branch.replace('refs/heads/', '')} ${run.tip} brings it back`
          : `the branch ${run.spec.branch} was moved by somebody else ${moved} times`;
      this.#notLanded(task, 0);
      return this.#stop('landing-refused', detail, false);
    }
    this.#putRun({ ...run, tip: found, moved });
    this.#recompose(0);
  }

  /** What lands by one move of the branch to this task's commit: the queue up to it. */
  #batchOf(task: TaskRecord): TaskRecord[] {
    return this.#queue.slice(0, this.#queue.indexOf(task.spec.id) + 1).map((id) => this.#tasks.get(id)!);
  }

  #landed(task: TaskRecord, { verdicts, checkedAs }: TaskRecord): void {
    const entry = task.landing!;
    const run = this.#active;
    this.#dequeue(task.spec.id);
    const attempt = { ...attemptOf(task, entry), outcome: 'landed' as const, endedAt: this.#now };
    const follow = followUp(task, attempt, (id) => this.#tasks.has(id));
    const attempts = withAttempt(task, attempt).attempts.map((each) =>
      each.outcome === 'candidate' ? { ...each, outcome: 'outscored' as const } : each,
    );
    const over = { state: 'landed' as const, detail: '', landing: null, round: null, commit: entry.commit };
    this.#putTask({ ...task, attempts, verdicts, checkedAs: checkedAs ?? null, ...over });
    if (follow !== null) this.#join([follow]);
    this.#putRun({ ...run, tip: entry.commit, landed: run.landed + 1 });
    const { agent, fence } = attempt;
    const body = {
      run: run.spec.run,
      task: task.spec.id,
      fence,
      agent,
      landed: entry.commit,
      tree: entry.tree,
      checkedAs: checkedAs ?? null,
    };
    this.#effects.audit({ kind: 'effect', body });
  }

  /** The branch did not move: the batch is in the queue as before, its last commit checked. */
  #notLanded(last: TaskRecord, errors: number): void {
    for (const one of this.#batchOf(last)) {
      const stage = one.spec.id === last.spec.id ? 'checked' : 'composed';
      this.#putTask({ ...one, errors: stage === 'checked' ? errors : 0, state: 'queued', landing: { ...one.landing!, stage } });
    }
  }

  // ---- what an outcome leads to -------------------------------------------------------------------------------------

  /** The attempt never got to a result: nobody's failure. It starts again under a new fence, within bounds. */
  #attemptNotMade(task: TaskRecord, outcome: Outcome): void {
    if (task.state === 'working' && outcome.status !== 'refused') this.#charge(lastAttempt(task), null, null);
    const attempt = { ...lastAttempt(task), outcome: 'interrupted' as const, endedAt: this.#now, failure: '' };
    const next = withAttempt(task, attempt);
    this.#discard(next);
    const words = wordsOf(outcome);
    const stopped = outcome.status === 'cancelled' || outcome.status === 'unknown';
    const interruptions = task.interruptions + (stopped ? 1 : 0);
    const errors = task.errors + (stopped ? 0 : 1);
    const terminal =
      (outcome.status === 'failed' && !outcome.retryable) ||
      // A policy that denied it once denies it again; so does a chunk that is not what it was.
      (outcome.status === 'refused' && (outcome.refusal.reason === 'corrupt' || outcome.refusal.reason === 'denied'));
    if (terminal || errors >= ERRORS_MAX || interruptions >= INTERRUPTIONS_MAX) {
      if (this.#rivalled(task)) return this.#turnOver({ ...next, errors: 0, interruptions: 0, workspace: null, detail: words });
      const state = outcome.status === 'refused' ? 'failed' : 'open';
      return this.#giveUp({ ...next, errors, interruptions, workspace: null }, state, words);
    }
    this.#putTask({ ...next, state: 'ready', detail: words, errors, interruptions, workspace: null });
  }

  #attemptFailed(
    task: TaskRecord,
    before: AttemptRecord,
    outcome: AttemptRecord['outcome'],
    violations: readonly work.Violation[],
    failure: string,
  ): void {
    const attempt: AttemptRecord = {
      ...before,
      outcome,
      violations: violations.slice(0, share(task.spec, VIOLATIONS_MAX)),
      failure: failure.slice(0, share(task.spec, FAILURE_MAX)),
      endedAt: this.#now,
    };
    const tried = withAttempt(task, attempt);
    const rivalled = this.#rivalled(task);
    const { agents, limits, run } = this.#active.spec;
    const failures = rivalled ? failuresOfRivals(agents, tried) : task.failures + 1;
    const next = { ...tried, failures, landing: null, workspace: null };
    const rules = [...new Set(violations.map((violation) => violation.rule))];
    this.#effects.audit({
      kind: 'decision',
      body: { run, task: task.spec.id, fence: attempt.fence, agent: attempt.agent, refused: rules, failures },
    });
    if (task.workspace !== null) this.#discard(task);
    const detail =
      violations[0] === undefined
        ? (failure.split('\n')[0] ?? '').slice(0, 500)
        : `${violations[0].rule}: ${violations[0].detail}`.slice(0, 500);
    if (rivalled) return task.landing === null ? this.#turnOver({ ...next, detail }) : this.#chooseNext({ ...next, detail });
    if (failures >= limits.attemptsMax) return this.#giveUp(next, 'open', detail);
    this.#putTask({ ...next, state: 'ready', detail });
  }

  /** It looked and has nothing to propose: no failure, and nothing that another try of the same would change. */
  #nothing(task: TaskRecord, before: AttemptRecord): void {
    const next = withAttempt(task, { ...before, outcome: 'nothing', violations: [], endedAt: this.#now });
    if (task.workspace !== null) this.#discard(task);
    const over = { ...next, errors: 0, landing: null, workspace: null };
    if (this.#rivalled(task)) return task.landing === null ? this.#turnOver(over) : this.#chooseNext(over);
    this.#giveUp(over, 'open', NOTHING_FOUND);
  }

  // ---- rivals -------------------------------------------------------------------------------------------------------

  #rivalled(task: TaskRecord): boolean {
    return rivalsOf(this.#active.spec.agents, task.spec).length > 0;
  }

  /** The one whose turn it was has ended, in whatever way. */
  #turnOver(task: TaskRecord): void {
    const round = roundOf(this.#active.spec.agents, task);
    const next = { ...task, workspace: null, round: { ...round, left: round.left.slice(1) } };
    if (next.round.left.length > 0) return this.#putTask({ ...next, state: 'ready' });
    this.#chooseNext(next);
  }

  /** The best candidate that nobody refused yet; without one, another round for those whom it may help. */
  #chooseNext(task: TaskRecord): void {
    const { agents, limits } = this.#active.spec;
    const best = bestCandidate(task);
    if (best !== null) return this.#enqueue(task, best);
    const left = rivalsAgain(agents, task, limits.attemptsMax, CONFLICTS_MAX);
    const { since } = roundOf(agents, task);
    if (left.length > 0) return this.#putTask({ ...task, state: 'ready', landing: null, round: { base: null, left, since } });
    const found = task.attempts.some(({ outcome, fence }) => fence > since && outcome !== 'nothing');
    this.#giveUp(task, 'open', found && task.detail !== '' ? task.detail : NOTHING_FOUND);
  }

  /** The circuit of this task is open: a senior agent or a person is needed, and all that stands on it waits for that. */
  #giveUp(task: TaskRecord, state: 'open' | 'failed', detail: string): void {
    this.#putTask({ ...task, state, detail, landing: null });
    const lost = new Set([task.spec.id]);
    for (const other of this.#tasks.values()) {
      if (other.state !== 'waiting' || !other.spec.needs.some((id) => lost.has(id))) continue;
      lost.add(other.spec.id);
      this.#putTask({ ...other, state: 'blocked', detail: `needs ${task.spec.id}, which is ${state}` });
    }
  }

  #landingNotMade(task: TaskRecord, outcome: Outcome): void {
    const entry = task.landing!;
    const back: LandingEntry = { ...entry, stage: entry.stage === 'composing' ? 'waiting' : 'composed' };
    const stopped = outcome.status === 'cancelled' || outcome.status === 'unknown';
    const errors = task.errors + (stopped ? 0 : 1);
    if (entry.stage === 'landing' && !stopped && (errors >= ERRORS_MAX || (outcome.status === 'failed' && !outcome.retryable))) {
      // The change is verified; what fails is the user's repository. Stop with everything kept rather than blame the task.
      this.#notLanded(task, 0);
      return this.#stop('landing-refused', wordsOf(outcome), false);
    }
    if (entry.stage === 'landing') return this.#notLanded(task, errors);
    if (errors >= ERRORS_MAX || (outcome.status === 'failed' && !outcome.retryable)) {
      const at = this.#queue.indexOf(task.spec.id);
      this.#dequeue(task.spec.id);
      const attempt = { ...attemptOf(task, entry), outcome: 'interrupted' as const, endedAt: this.#now };
      const next = withAttempt(task, attempt);
      if (this.#rivalled(task)) this.#chooseNext({ ...next, errors: 0, landing: null, detail: wordsOf(outcome) });
      else this.#giveUp({ ...next, errors }, 'open', wordsOf(outcome));
      return this.#recompose(at);
    }
    this.#putTask({ ...task, errors, state: 'queued', landing: back });
  }

  #dequeue(id: string): void {
    this.#queue = this.#queue.filter((each) => each !== id);
  }

  /** From this place in the queue on, what changes stood on is no longer there. */
  #recompose(from: number): void {
    for (const id of this.#queue.slice(from)) {
      const task = this.#tasks.get(id)!;
      const entry = task.landing!;
      if (entry.stage === 'composing') this.#effects.cancel(keyOf(task, 'compose'));
      if (entry.stage === 'checking') this.#effects.cancel(keyOf(task, 'check'));
      // A new step: the outcome of what was cancelled belongs to nobody.
      this.#putTask({
        ...task,
        step: task.step + 1,
        state: 'queued',
        landing: newEntry(entry.position, entry.fence, entry.change, entry.base),
      });
    }
  }

  // ---- tasks and probes ---------------------------------------------------------------------------------------------

  /** Tasks that were found join the run behind those it has. */
  #join(tasks: readonly work.TaskSpec[]): void {
    let order = Math.max(-1, ...[...this.#tasks.values()].map((task) => task.order)) + 1;
    for (const spec of tasks.slice(0, Math.max(0, TASKS_MAX - this.#tasks.size))) this.#putTask(newTask(spec, order++));
  }

  #onProbe(name: string, fence: number, outcome: Outcome<work.ProbeResult>): void {
    const probe = this.#probes.get(name);
    assert(probe, `an outcome came for the unknown probe ${name}`);
    if (fence !== probe.fence || probe.state !== 'running') return this.#effects.measure('skein_work_stale_outcomes_total', 1);
    const run = this.#active;
    const ended = { ...probe, endedAt: this.#now };
    if (outcome.status !== 'done') {
      const again = outcome.status !== 'failed' || outcome.retryable;
      const state = again && fence < PROBE_TRIES_MAX * run.sittings ? 'waiting' : 'failed';
      return this.#putProbe({ ...ended, state: run.phase === 'working' ? state : 'waiting', detail: wordsOf(outcome) });
    }
    const { value } = outcome;
    const given = [...this.#tasks.values()].map((task) => task.spec).filter((spec) => spec.given);
    const guests = guestsOf(this.#active.spec.agents, given);
    const { tasks, refused } = admitted(value.tasks, probe.spec.goal, new Set(this.#tasks.keys()), guests);
    const result = recordedResult({ ...value, notes: [...value.notes, ...refused] });
    this.#putProbe({ ...ended, state: 'done', detail: '', result, tasks: tasks.map(({ id }) => id) });
    this.#join(tasks);
    const found = { findings: result.findings.length + result.more, tasks: tasks.length };
    this.#effects.audit({ kind: 'decision', body: { run: run.spec.run, probe: name, fence, ...found } });
  }

  #startProbe(): void {
    const { spec, phase, deadline, baseline } = this.#active;
    const probes = [...this.#probes.values()];
    const left = deadline - this.#now;
    if (phase !== 'working' || left <= 0 || probes.some(({ state }) => state === 'running')) return;
    if (this.#checking() >= spec.limits.checksMax) return;
    const waiting = (when: work.ProbeSpec['when']): ProbeRecord[] =>
      probes.filter((probe) => probe.state === 'waiting' && probe.spec.when === when);
    const first = waiting('first')[0];
    const last = waiting('last');
    const idle = [...this.#tasks.values()].every((task) => isOver(task.state));
    const probe = first ?? (idle ? last[0] : undefined);
    if (probe === undefined) return;
    const fence = probe.fence + 1;
    // Those that come last share what is left: the first of them must not use up the time of the others.
    const budget = Math.min(probe.spec.timeout, first === undefined ? Math.floor(left / last.length) : left);
    const payload: work.ProbePayload = {
      run: spec.run,
      repository: spec.repository,
      probe: probe.spec,
      fence,
      commit: spec.base,
      tree: spec.baseTree,
      checks: spec.checks,
      setup: spec.setup,
      baseline: baseline!.blob,
      budget,
      sandbox: spec.sandbox,
    };
    this.#putProbe({ ...probe, state: 'running', fence, startedAt: this.#now, endedAt: null, detail: '' });
    const key = `probe/${probe.spec.name}`;
    this.#effects.perform(key, { name: 'work.probe', kind: 'idempotent', payload, fence, attempt: 1, deadline: null });
  }

  #checking(): number {
    return this.#queue.filter((id) => this.#tasks.get(id)!.landing!.stage === 'checking').length;
  }

  #discard(task: TaskRecord): void {
    const { fence } = lastAttempt(task);
    const payload: work.DiscardPayload = { run: this.#active.spec.run, task: task.spec.id, fence };
    this.#effects.perform(`discard/${task.spec.id}/${fence}`, {
      name: 'work.discard',
      kind: 'idempotent',
      payload,
      fence,
      attempt: 1,
      deadline: null,
    });
  }

  // ---- moving on ----------------------------------------------------------------------------------------------------

  /** Starts everything that may start now, and notices when there is nothing left. Called after every input. */
  #advance(): void {
    const run = this.#run;
    if (run === null || !isActive(run) || run.baseline === null) return; // the baseline's outcome comes first, also for a stop
    this.#decideHead();
    this.#pumpQueue();
    this.#startAttempts();
    this.#startProbe();
    this.#finishIfOver();
  }

  #decideHead(): void {
    const id = this.#queue[0];
    if (id === undefined) return;
    const task = this.#tasks.get(id)!;
    const entry = task.landing!;
    const run = this.#active;
    if (entry.onto !== run.tip) return;
    if (entry.stage === 'conflicted') {
      this.#dequeue(id);
      this.#recompose(0);
      if (entry.conflicts.length === 0) {
        const violations: work.Violation[] = [{ rule: 'empty-change', detail: 'what it changes is on the branch already' }];
        const tried = attemptOf(task, entry);
        if (this.#rivalled(task)) this.#nothing(task, tried);
        else this.#attemptFailed(task, tried, 'refused', violations, failureText({ violations }));
        return this.#decideHead();
      }
      const attempt = { ...attemptOf(task, entry), outcome: 'conflict' as const, endedAt: this.#now };
      const conflicts = task.conflicts + 1;
      const detail = `its change no longer applies: ${entry.conflicts.slice(0, 5).join(', ')}`;
      const next = { ...withAttempt(task, attempt), conflicts, landing: null };
      if (this.#rivalled(task)) this.#chooseNext({ ...next, detail });
      else if (conflicts >= CONFLICTS_MAX) this.#giveUp(next, 'open', detail);
      else this.#putTask({ ...next, state: 'ready', detail });
      return this.#decideHead();
    }
    const green = this.#lastGreen();
    if (green !== null) {
      if (run.phase !== 'draining' || run.reason !== 'landing-refused') this.#land(green);
      return;
    }
    if (entry.stage === 'checked') {
      this.#dequeue(id);
      this.#recompose(0);
      const failure = entry.failure === '' ? failureText({ violations: entry.violations }) : entry.failure;
      this.#attemptFailed(task, attemptOf(task, entry), 'refused', entry.violations, failure);
      return this.#decideHead();
    }
    // What stands on a red commit will be composed again: its check only takes the place of one that finds the bad change.
    const red = this.#queue.findIndex((one) => this.#tasks.get(one)!.landing!.stage === 'checked');
    if (red >= 0) this.#cancelChecks(red + 1, this.#queue.length);
  }

  /** Everything up to it may land: its tree was checked and it stands, over those before it, on the tip. */
  #lastGreen(): TaskRecord | null {
    let green: TaskRecord | null = null;
    let onto = this.#active.tip;
    for (const id of this.#queue) {
      const task = this.#tasks.get(id)!;
      const { stage, violations, onto: stands, commit } = task.landing!;
      if (commit === '' || stands !== onto || stage === 'landing') break;
      if (stage === 'checked' && violations.length === 0) green = task;
      onto = commit;
    }
    return green;
  }

  #land(last: TaskRecord): void {
    const { spec, tip } = this.#active;
    const entry = last.landing!;
    const chain: work.LandPayload['chain'][number][] = [];
    const batch = this.#batchOf(last).map(({ spec: { id } }) => id);
    this.#cancelChecks(0, batch.length);
    for (const id of batch) {
      const task = this.#tasks.get(id)!;
      const { fence, commit } = task.landing!;
      chain.push({ task: id, fence, commit });
      this.#putTask({ ...task, state: 'landing', landing: { ...task.landing!, stage: 'landing' } });
    }
    const { repository, branch, run } = spec;
    const task = this.#tasks.get(last.spec.id)!;
    const payload = {
      run,
      repository,
      task: last.spec.id,
      fence: entry.fence,
      branch,
      expected: tip,
      commit: entry.commit,
      chain,
    };
    this.#perform(task, 'land', 'work.land', 'idempotent', payload);
  }

  /** Ends the checks of these places in the queue: nobody needs their verdicts any more. */
  #cancelChecks(from: number, to: number): void {
    for (const id of this.#queue.slice(from, to)) {
      const task = this.#tasks.get(id)!;
      if (task.landing!.stage !== 'checking') continue;
      this.#effects.cancel(keyOf(task, 'check'));
      // A new step: the outcome of what was cancelled belongs to nobody.
      this.#putTask({ ...task, step: task.step + 1, landing: { ...task.landing!, stage: 'composed' } });
    }
  }

  #pumpQueue(): void {
    const { cancelling, tip } = this.#active;
    if (cancelling) return;
    let onto = tip;
    for (const id of this.#queue) {
      const task = this.#tasks.get(id)!;
      const entry = task.landing!;
      if (entry.stage === 'waiting') this.#compose(task, onto);
      if (entry.commit === '') break; // what comes after it needs its commit first
      onto = entry.commit;
    }
    this.#startChecks();
  }

  #compose(task: TaskRecord, onto: string): void {
    const { spec } = this.#active;
    const entry = task.landing!;
    const attempt = attemptOf(task, entry);
    const payload: work.ComposePayload = {
      run: spec.run,
      repository: spec.repository,
      task: task.spec.id,
      fence: attempt.fence,
      change: entry.change,
      base: entry.base,
      onto,
      message: commitMessage(spec.run, task.spec, attempt.fence, attempt.agent, [
        ...spec.checks.map((check) => check.name),
        ...task.spec.checks,
      ]),
      time: Math.floor(this.#now / 1000),
    };
    const composing = { ...task, landing: { ...entry, stage: 'composing' as const, onto } };
    this.#perform(composing, 'compose', 'work.compose', 'idempotent', payload);
  }

  #startChecks(): void {
    const { spec, baseline } = this.#active;
    let places = spec.limits.checksMax - this.#checking();
    for (const probe of this.#probes.values()) if (probe.state === 'running') places -= 1;
    if (places <= 0 || this.#queue.length === 0) return;
    const risk = riskOf(this.#tasks.values());
    for (; places > 0; places--) {
      // What is landing is decided; the batch after it stands on it.
      const batch = this.#queue.map((id) => this.#tasks.get(id)!).filter(({ landing }) => landing!.stage !== 'landing');
      const at = nextCheck(batch.map((task) => linkOf(task, risk)));
      if (at === null) return;
      const task = batch[at]!;
      const { fence, commit, tree } = task.landing!;
      const together = batch.slice(0, at + 1);
      const payload: work.CheckPayload = {
        run: spec.run,
        repository: spec.repository,
        task: task.spec.id,
        fence,
        commit,
        tree,
        checks: spec.checks,
        taskChecks: [...new Set(together.flatMap((one) => one.spec.checks))],
        mends: [...new Set(together.flatMap((one) => one.spec.mends ?? []))],
        setup: spec.setup,
        baseline: baseline!.blob,
        unstable: baseline!.unstable,
        serial: baseline!.serial,
        sandbox: spec.sandbox,
      };
      this.#perform({ ...task, landing: { ...task.landing!, stage: 'checking' } }, 'check', 'work.check', 'idempotent', payload);
    }
  }

  #startAttempts(): void {
    const run = this.#active;
    for (const task of this.#tasks.values()) {
      if (task.state !== 'waiting' && task.state !== 'ready') continue;
      if (nextTry(this.#agentsFor(task), task) === null) {
        this.#giveUp(task, 'open', 'no agent was given for it');
        continue;
      }
      if (task.state === 'ready') continue;
      const needs = task.spec.needs.map((id) => this.#tasks.get(id)!);
      const lost = needs.find((need) => need.state === 'open' || need.state === 'failed' || need.state === 'blocked');
      if (lost !== undefined)
        this.#putTask({ ...task, state: 'blocked', detail: `needs ${lost.spec.id}, which is ${lost.state}` });
      else if (needs.every((need) => need.state === 'landed')) this.#putTask({ ...task, state: 'ready' });
    }
    if (run.phase !== 'working' || this.#now >= run.deadline) return;
    let busy = 0;
    for (const task of this.#tasks.values()) if (isBusy(task)) busy += 1;
    for (const task of this.#tasks.values()) {
      if (busy >= run.spec.limits.agentsMax) return;
      if (task.state !== 'ready') continue;
      if (isTaken(task)) {
        this.#take(task);
        busy += 1;
        continue;
      }
      if (!this.#affordable(task))
        return this.#stop('budget', `the next attempt (${task.spec.id}) would go over the money cap`, false);
      this.#startAttempt(task);
      busy += 1;
    }
  }

  /** With a declared price, what is in flight counts too: a cap is never passed by more than what agents under-declare. */
  #affordable(task: TaskRecord): boolean {
    const run = this.#active;
    const { costMax } = run.spec.limits;
    if (costMax === null) return true;
    const price = priceOf(run, nextTry(this.#agentsFor(task), task)!.agent);
    if (price === null && run.spent >= costMax) return false;
    let committed = run.spent + (price ?? 0);
    for (const other of this.#tasks.values()) {
      if (other.state === 'preparing' || other.state === 'working') committed += priceOf(run, lastAttempt(other).agent) ?? 0;
    }
    return committed <= costMax;
  }

  /** What was found goes to nobody who was asked for a task of a person. */
  #agentsFor(task: TaskRecord): readonly work.AgentSpec[] {
    const { agents } = this.#active.spec;
    if (task.spec.given || task.spec.rivals.length > 0) return agents;
    const free = new Set(
      guestsOf(
        agents,
        [...this.#tasks.values()].map(({ spec }) => spec).filter(({ given }) => given),
      ),
    );
    return agents.filter(({ name, only }) => only !== null || free.has(name));
  }

  #startAttempt(task: TaskRecord): void {
    const { spec, tip } = this.#active;
    const fence = task.fence + 1;
    const { agent, tier, again } = nextTry(this.#agentsFor(task), task)!;
    const rivalled = this.#rivalled(task);
    const round = rivalled ? roundOf(spec.agents, task) : null;
    const base = round?.base ?? tip;
    const attempt: AttemptRecord = {
      fence,
      agent,
      base,
      tier,
      startedAt: this.#now,
      endedAt: null,
      outcome: 'running',
      violations: [],
      failure: '',
      cost: null,
      durationMs: null,
      change: null,
      patch: null,
      files: [],
      filesTotal: 0,
      vet: null,
    };
    const payload: work.WorkspacePayload = {
      run: spec.run,
      repository: spec.repository,
      task: task.spec.id,
      fence,
      base,
      from: again?.change ?? null,
      setup: spec.setup,
    };
    const attempts = [...slim(task), attempt];
    const session = tier === 2 && !rivalled ? task.session : null;
    this.#perform(
      { ...task, fence, attempts, session, round: round === null ? null : { ...round, base }, state: 'preparing', detail: '' },
      'workspace',
      'work.workspace',
      'idempotent',
      payload,
    );
  }

  #finishIfOver(): void {
    const run = this.#active;
    const tasks = [...this.#tasks.values()];
    const probes = [...this.#probes.values()];
    const probing = probes.some(({ state }) => state === 'running');
    const moving =
      probing ||
      tasks.some((task) => isBusy(task) || (task.landing !== null && (IN_FLIGHT.has(task.landing.stage) || !run.cancelling)));
    if (run.phase === 'draining') {
      const stuck =
        run.reason === 'landing-refused' &&
        !probing &&
        !tasks.some((task) => isBusy(task) || (task.landing !== null && IN_FLIGHT.has(task.landing.stage)));
      if (!moving || stuck) this.#settle('stopped');
      return;
    }
    if (moving || probes.some(({ state }) => state === 'waiting')) return;
    if (!tasks.some((task) => task.state === 'waiting' || task.state === 'ready')) {
      this.#putRun({ ...run, reason: 'done' });
      this.#settle('finished');
    }
  }

  #settle(phase: 'stopped' | 'finished'): void {
    const run = this.#active;
    this.#putRun({ ...run, phase, endedAt: this.#now, cancelling: false });
    this.#effects.timer('deadline', null);
    const body = {
      run: run.spec.run,
      phase,
      reason: run.reason,
      tip: run.tip,
      landed: run.landed,
      spent: run.spent,
      unknownCosts: run.unknownCosts,
    };
    this.#effects.audit({ kind: 'checkpoint', body });
  }

  // ---- records ------------------------------------------------------------------------------------------------------

  get #active(): RunRecord {
    assert(this.#run, 'there is no run');
    return this.#run;
  }

  get #now(): Millis {
    return this.#context!.now;
  }

  get #effects(): Effects {
    return this.#out!;
  }

  #putRun(run: RunRecord): void {
    this.#run = run;
    this.#effects.put('run', run.spec.run, run as unknown as Json);
  }

  #putTask(task: TaskRecord): void {
    this.#tasks.set(task.spec.id, task);
    this.#effects.put('task', task.spec.id, task as unknown as Json);
  }

  #putProbe(probe: ProbeRecord): void {
    this.#probes.set(probe.spec.name, probe);
    this.#effects.put('probe', probe.spec.name, probe as unknown as Json);
  }

  #perform<N extends keyof work.WorkActivities>(
    task: TaskRecord,
    step: Step,
    name: N,
    kind: 'idempotent' | 'once',
    payload: work.WorkActivities[N][0],
  ): void {
    const next = { ...task, step: task.step + 1 };
    this.#putTask(next);
    this.#effects.perform(keyOf(next, step), { name, kind, payload, fence: next.step, attempt: 1, deadline: null });
  }
}

const NOTHING_FOUND = 'no agent found a change that closes anything';
const IN_FLIGHT: ReadonlySet<LandingEntry['stage']> = new Set(['composing', 'checking', 'landing']);

function isActive(run: RunRecord): boolean {
  return run.phase !== 'stopped' && run.phase !== 'finished';
}

function isBusy(task: TaskRecord): boolean {
  return task.state === 'preparing' || task.state === 'working' || task.state === 'taking' || task.state === 'vetting';
}

function isOver(state: work.TaskState): boolean {
  return state === 'landed' || state === 'open' || state === 'blocked' || state === 'failed';
}

/** The agent's work is done and lies in its workspace; what stopped was the vetting. */
function isTaken(task: TaskRecord): boolean {
  return task.workspace !== null && task.attempts.at(-1)?.outcome === 'running';
}

/** Where something says what a change is worth, or others compete, an agent may find that there is nothing to do. */
function mayHaveNothing(spec: work.TaskSpec): boolean {
  return spec.judge.length > 0 || spec.rivals.length > 0;
}

function onlyEmpty(violations: readonly work.Violation[]): boolean {
  return violations.every(({ rule }) => rule === 'empty-change');
}

function keyOf(task: TaskRecord, step: Step): string {
  return `${step}/${task.spec.id}`;
}

function linkOf(task: TaskRecord, risk: (agent: string) => number): Link {
  const entry = task.landing!;
  return {
    stage: entry.stage,
    red: entry.stage === 'checked' && entry.violations.length > 0,
    risk: risk(attemptOf(task, entry).agent),
    // Where no judge saw that it closes something, its check alone can say whether it mends what it should.
    alone: task.spec.mends !== null && task.spec.judge.length === 0,
  };
}

function newProbe(spec: work.ProbeSpec, order: number, sandbox: work.RunSpec['sandbox']): ProbeRecord {
  const passed = spec.sandboxed && sandbox !== 'full';
  return {
    spec,
    order,
    state: passed ? 'passed-over' : 'waiting',
    detail: passed ? `it runs changed copies of the code, for which the sandbox has to be full: here it is ${sandbox}` : '',
    fence: 0,
    startedAt: null,
    endedAt: null,
    result: null,
    tasks: [],
  };
}

function newTask(spec: work.TaskSpec, order: number): TaskRecord {
  return {
    spec,
    order,
    state: 'waiting',
    landing: null,
    detail: '',
    fence: 0,
    step: 0,
    failures: 0,
    conflicts: 0,
    interruptions: 0,
    errors: 0,
    session: null,
    workspace: null,
    round: null,
    attempts: [],
    commit: null,
    verdicts: [],
  };
}

function newEntry(position: number, fence: number, change: string, base: string): LandingEntry {
  const nothing = { onto: '', commit: '', tree: '', violations: [], failure: '', conflicts: [] };
  return { position, fence, stage: 'waiting', change, base, ...nothing };
}

function lastAttempt(task: TaskRecord): AttemptRecord {
  const attempt = task.attempts.at(-1);
  assert(attempt, `task ${task.spec.id} has no attempt`);
  return attempt;
}

/** The attempt whose change is in the queue: of rivals not always the last one. */
function attemptOf(task: TaskRecord, { fence }: LandingEntry): AttemptRecord {
  const attempt = task.attempts.find((each) => each.fence === fence);
  assert(attempt, `task ${task.spec.id} has no attempt ${fence}`);
  return attempt;
}

function withAttempt(task: TaskRecord, attempt: AttemptRecord): TaskRecord {
  return { ...task, attempts: task.attempts.map((each) => (each.fence === attempt.fence ? attempt : each)) };
}

function priceOf(run: RunRecord, agent: string): number | null {
  return run.spec.agents.find((each) => each.name === agent)?.attemptPrice ?? null;
}

/** Tasks come in scheduling order: what a task needs stands before it. */
function outOfOrder(tasks: readonly work.TaskSpec[]): string | null {
  const seen = new Set<string>();
  for (const task of tasks) {
    if (seen.has(task.id)) return `the task id ${task.id} is used twice`;
    const missing = task.needs.find((id) => !seen.has(id));
    if (missing !== undefined) return `task ${task.id} needs ${missing}, which does not stand before it`;
    seen.add(task.id);
  }
  return null;
}

function wordsOf(outcome: Outcome): string {
  switch (outcome.status) {
    case 'done':
      return '';
    case 'refused':
      return `${outcome.refusal.reason}: ${outcome.refusal.detail}`.slice(0, 500);
    default:
      return outcome.detail.slice(0, 500);
  }
}

/** What a program said last is mostly why it ended. */
function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)!.trim().slice(0, 200);
  return line === '' ? '' : `: ${line}`;
}

function wordsOfEnding(value: work.AgentResult): string {
  switch (value.ended) {
    case 'exit':
      return value.exitCode === 0
        ? ''
        : `the agent's command exited with ${value.exitCode}${lastLine(value.tail)}\n${value.tail}`;
    case 'timed-out':
      return `the agent was ended after ${Math.round(value.durationMs / 1000)} s without finishing`;
    case 'output-limit':
      return 'the agent was ended because it printed more than is kept';
    case 'loop':
      return 'the agent was ended because it kept repeating the same steps';
    case 'signal':
      return `the agent's process was ended by a signal\n${value.tail}`;
    default:
      return unreachable(value.ended);
  }
}
