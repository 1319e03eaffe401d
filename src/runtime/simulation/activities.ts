/**
 * Activities on virtual time. A handler is a generator: each `yield` names a point between two of its effects, and a crash,
 * a cancel or a deadline may fall on any of them. Exactly one outcome comes for each start while the host lives; when it
 * dies the outcome is lost, and the activity may stop there or go on for some steps as an orphan.
 */
import type { Millis, Random } from '../../kernel/index.ts';
import type { Activities, ActivityRequest, Outcome } from '../../ports/index.ts';
import type { Scheduled, Timeline } from './timeline.ts';

/** A point inside an activity: what is done so far has a name, what comes next happens `wait` ms later. */
export interface ActivityStep {
  readonly at: string;
  readonly wait: Millis;
}

export interface ActivityScene {
  readonly request: ActivityRequest;
  /** Drawn for this start alone: a re-run draws anew. */
  readonly random: Random;
}

export interface SimActivity<P = never, R = unknown> {
  /** `finally` blocks run when the activity is ended from outside. */
  run(payload: P, scene: ActivityScene): Generator<ActivityStep, Outcome<R>, void>;
  /** False for what the warden kills with its host: it never takes another step. */
  readonly orphan: boolean;
}

export interface SimActivitiesOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly table: ReadonlyMap<string, SimActivity>;
  /** Host time, in which deadlines are; default: virtual time. */
  readonly now?: () => Millis;
  readonly resultDelayMax?: () => Millis;
  readonly activityFailed?: () => number;
  readonly orphanStep?: () => number;
  /** Called at each named point of an activity whose host lives; false = the host just died there. */
  readonly reaches?: (request: ActivityRequest, step: string) => boolean;
}

interface Running {
  readonly request: ActivityRequest;
  readonly steps: Generator<ActivityStep, Outcome, void>;
  /** null after the host that wants to know has died. */
  done: ((outcome: Outcome) => void) | null;
  /** Steps until an injected failure; -1 = none. */
  failIn: number;
  /** The activity has ended and this is what it reached; the news is on its way. */
  outcome: Outcome | null;
  orphan: boolean;
  cancelling: boolean;
  next: Scheduled | null;
  deadline: Scheduled | null;
}

const CANCEL_LATENCY_MAX: Millis = 2000; // SIGTERM, a grace period, SIGKILL

export class SimActivities implements Activities {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #table: ReadonlyMap<string, SimActivity>;
  readonly #now: () => Millis;
  readonly #resultDelayMax: () => Millis;
  readonly #activityFailed: () => number;
  readonly #orphanStep: () => number;
  readonly #reaches: (request: ActivityRequest, step: string) => boolean;
  readonly #running = new Set<Running>();
  /** By idempotency key: every run of an activity draws anew, and nothing else changes what it draws. */
  readonly #starts = new Map<string, number>();

  constructor(options: SimActivitiesOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#table = options.table;
    this.#now = options.now ?? (() => options.timeline.now);
    this.#resultDelayMax = options.resultDelayMax ?? (() => 1);
    this.#activityFailed = options.activityFailed ?? (() => 0);
    this.#orphanStep = options.orphanStep ?? (() => 0);
    this.#reaches = options.reaches ?? (() => true);
  }

  /** Activities whose host still waits for them. */
  get waiting(): number {
    let count = 0;
    for (const running of this.#running) if (!running.orphan) count += 1;
    return count;
  }

  /** Activities of this name that run, for a living host, and that nobody asked to end. */
  inHand(name: string): number {
    let count = 0;
    for (const { request, orphan, cancelling, outcome } of this.#running)
      if (request.name === name && !orphan && !cancelling && outcome === null) count += 1;
    return count;
  }

  start(request: ActivityRequest, done: (outcome: Outcome) => void): void {
    const activity = this.#table.get(request.name);
    const starts = (this.#starts.get(request.idempotencyKey) ?? 0) + 1;
    this.#starts.set(request.idempotencyKey, starts);
    const random = this.#random.stream(`${request.idempotencyKey}/${starts}`);
    const running: Running = {
      request,
      steps: activity === undefined ? missing(request) : activity.run(request.payload as never, { request, random }),
      done,
      failIn: random.chance(this.#activityFailed()) ? random.below(5) : -1,
      outcome: null,
      orphan: false,
      cancelling: false,
      next: null,
      deadline: null,
    };
    this.#running.add(running);
    running.next = this.#timeline.after(1, () => this.#advance(running));
    if (request.deadline !== null) {
      running.deadline = this.#timeline.after(Math.max(1, request.deadline - this.#now()), () =>
        this.#end(running, { status: 'timed-out', detail: `${request.name} ${request.key} reached its deadline` }),
      );
    }
  }

  cancel(room: string, key: string, fence: number): void {
    for (const running of this.#running) {
      const { request } = running;
      if (running.orphan || request.room !== room || request.key !== key || request.fence !== fence) continue;
      running.cancelling = true;
      // Killing takes a moment, and the activity may be faster.
      this.#timeline.after(1 + this.#random.below(CANCEL_LATENCY_MAX), () =>
        this.#end(running, { status: 'cancelled', detail: `${request.name} ${key} was cancelled` }),
      );
    }
  }

  /** The host died: no outcome is delivered any more, and each activity may go on for a while. */
  crash(): void {
    for (const running of this.#running) {
      running.done = null;
      running.deadline?.cancel();
      const lingers = running.outcome === null && this.#table.get(running.request.name)?.orphan === true;
      running.orphan = true;
      if (!lingers || !this.#random.chance(this.#orphanStep())) this.#kill(running);
    }
  }

  /** What a starting host does first: nothing of its earlier life acts after this. */
  reap(): void {
    for (const running of this.#running) if (running.orphan) this.#kill(running);
  }

  #advance(running: Running): void {
    running.next = null;
    if (running.failIn === 0 && !running.orphan) {
      this.#end(running, { status: 'failed', retryable: true, detail: `${running.request.name} lost its process` });
      return;
    }
    if (running.failIn > 0) running.failIn -= 1;
    const step = running.steps.next();
    if (step.done === true) {
      const failed: Outcome = { status: 'failed', retryable: true, detail: `${running.request.name} lost its result` };
      this.#end(running, running.failIn >= 0 && !running.orphan ? failed : step.value);
      return;
    }
    if (running.orphan) {
      if (!this.#random.chance(this.#orphanStep())) this.#kill(running);
      else running.next = this.#timeline.after(step.value.wait, () => this.#advance(running));
      return;
    }
    running.next = this.#timeline.after(step.value.wait, () => this.#advance(running));
    this.#reaches(running.request, step.value.at);
  }

  /** The first end counts; its news takes a moment, in which the host may die. */
  #end(running: Running, outcome: Outcome): void {
    if (running.outcome !== null || !this.#running.has(running)) return;
    running.outcome = outcome;
    running.next?.cancel();
    running.deadline?.cancel();
    running.steps.return({ status: 'cancelled', detail: 'ended from outside' });
    if (running.orphan) {
      this.#running.delete(running);
      return;
    }
    running.next = this.#timeline.after(this.#random.below(this.#resultDelayMax()), () => {
      this.#running.delete(running);
      running.done?.(outcome);
    });
  }

  #kill(running: Running): void {
    running.next?.cancel();
    running.steps.return({ status: 'cancelled', detail: 'killed with its host' });
    this.#running.delete(running);
  }
}

// oxlint-disable-next-line require-yield -- it fails before its first step
function* missing(request: ActivityRequest): Generator<ActivityStep, Outcome, void> {
  return { status: 'failed', retryable: false, detail: `no activity is called ${request.name}` };
}
