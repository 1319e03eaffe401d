/**
 * Runs activity functions and turns whatever happens to them into exactly one outcome, in a later turn of the event loop.
 * The first of result, cancel and deadline decides; a function told to stop keeps its place until it has stopped, so that its
 * workspace and its slot are free when the outcome says so, but only for `graceMs`. Knows nothing of rooms or policy.
 */
import { assert, canonicalJson, InvariantError, type Millis } from '../../kernel/index.ts';
import type { Activities, ActivityRequest, Outcome } from '../../ports/index.ts';
import { ActivityError, type ActivityFunction, type ActivityIo, blameless, InterruptedError } from './activity.ts';
import type { Blobs } from './blobs.ts';
import { callAt, embeddedClock } from './clock.ts';
import type { Exec } from './exec.ts';
import type { PureThread } from './pure.ts';

const AT_ONCE = 64; // for a name without a bound of its own: processes are bounded by the work room, this only stops a flood
const QUEUE_MAX = 4096; // for each name: twice the tasks of the largest plan
const OUTCOME_BYTES_MAX = 1024 * 1024; // 500 tasks that a probe found; a room keeps them in records of their own
const DETAIL_CHARS_MAX = 4096;
const GRACE_MS = 10_000; // the warden needs 5 s to end a group that ignores SIGTERM

export type ActivityTable = Readonly<Record<string, ActivityFunction<never, unknown>>>;

export interface ActivitiesOptions {
  readonly table: ActivityTable;
  readonly exec: Exec;
  readonly blobs: Blobs;
  /** Where activities of kind `pure` are computed; without it they are looked up in the table like all others. */
  readonly pure?: PureThread;
  /** How many of one name run at the same time; 64 where nothing is said. */
  readonly atOnce?: Readonly<Record<string, number>>;
  /** Host time, for deadlines. */
  readonly now?: () => Millis;
  readonly graceMs?: number;
}

interface Attempt {
  readonly request: ActivityRequest;
  readonly done: (outcome: Outcome) => void;
  readonly abort: AbortController;
  disarm: () => void;
  /** What cancel or deadline decided while the function has not stopped yet. */
  decided: Outcome | null;
}

interface Line {
  readonly name: string;
  readonly waiting: Attempt[];
  running: number;
}

export function embeddedActivities(options: ActivitiesOptions): Activities {
  const clock = embeddedClock();
  const now = options.now ?? ((): Millis => clock.now());
  const exec = blameless(options.exec);
  const live = new Map<string, Attempt>();
  const lines = new Map<string, Line>();

  const lineOf = (name: string): Line => {
    let line = lines.get(name);
    if (line === undefined) lines.set(name, (line = { name, waiting: [], running: 0 }));
    return line;
  };

  const finish = (attempt: Attempt, outcome: Outcome): void => {
    attempt.disarm();
    live.delete(keyOf(attempt.request));
    attempt.done(outcome);
  };

  /** Decides the outcome of an attempt that has none yet. */
  const stop = (attempt: Attempt, outcome: Outcome): void => {
    if (attempt.decided !== null) return;
    attempt.decided = outcome;
    attempt.disarm();
    const line = lineOf(attempt.request.name);
    const place = line.waiting.indexOf(attempt);
    if (place >= 0) {
      line.waiting.splice(place, 1);
      setImmediate(finish, attempt, outcome);
    } else {
      attempt.abort.abort();
    }
  };

  const next = (line: Line): void => {
    const atOnce = options.atOnce?.[line.name] ?? AT_ONCE;
    while (line.running < atOnce) {
      const attempt = line.waiting.shift();
      if (attempt === undefined) break;
      line.running += 1;
      void run(attempt).then((outcome) => {
        line.running -= 1;
        setImmediate(finish, attempt, outcome); // a host that throws on an outcome must not reject this promise
        return next(line);
      });
    }
    if (line.running === 0 && line.waiting.length === 0) lines.delete(line.name);
  };

  const run = async (attempt: Attempt): Promise<Outcome> => {
    const { request, abort } = attempt;
    const io: ActivityIo = {
      idempotencyKey: request.idempotencyKey,
      signal: abort.signal,
      exec,
      blobs: options.blobs,
    };
    const { pure } = options;
    const perform =
      request.kind === 'pure' && pure !== undefined
        ? (payload: unknown): Promise<unknown> => pure.run(request.name, payload)
        : (options.table[request.name] as ActivityFunction<unknown, unknown>);
    // The function's first part runs in its own turn: a host that starts ten of them goes on handling in between.
    const settled = new Promise((resolve) => setImmediate(resolve))
      .then(() => (attempt.decided === null ? perform(request.payload, io) : null))
      .then((value) => outcomeOf(request.name, value), failureOf);
    let grace: NodeJS.Timeout | undefined;
    const givenUp = new Promise<null>((resolve) => {
      const wait = (): void => void (grace = setTimeout(resolve, options.graceMs ?? GRACE_MS, null));
      abort.signal.addEventListener('abort', wait, { once: true });
    });
    const reached = await Promise.race([settled, givenUp]);
    clearTimeout(grace);
    return attempt.decided ?? reached!; // given up only after it was decided
  };

  return {
    start(request, done) {
      const key = keyOf(request);
      assert(
        !live.has(key),
        `activity ${request.name} of ${request.room}/${request.key} is already running under fence ${request.fence}`,
      );
      const attempt: Attempt = { request, done, abort: new AbortController(), disarm: () => {}, decided: null };
      live.set(key, attempt);
      const known = Object.hasOwn(options.table, request.name) || (request.kind === 'pure' && options.pure !== undefined);
      const refusal = refuse(options.table, request.name, known, lines.get(request.name));
      if (refusal !== null) {
        attempt.decided = refusal;
        setImmediate(finish, attempt, refusal);
        return;
      }
      if (request.deadline !== null) {
        const { deadline } = request;
        attempt.disarm = callAt(now, deadline, () =>
          stop(attempt, {
            status: 'timed-out',
            detail: `${request.name} of ${request.key} did not end by its deadline ${new Date(deadline).toISOString()}`,
          }),
        );
      }
      const line = lineOf(request.name);
      line.waiting.push(attempt);
      next(line);
    },
    cancel(room, key, fence) {
      const attempt = live.get(keyOf({ room, key, fence }));
      if (attempt !== undefined)
        stop(attempt, { status: 'cancelled', detail: `${attempt.request.name} of ${key} was cancelled` });
    },
  };
}

function keyOf({ room, key, fence }: { readonly room: string; readonly key: string; readonly fence: number }): string {
  return `${room}\0${key}\0${fence}`;
}

function refuse(table: ActivityTable, name: string, known: boolean, line: Line | undefined): Outcome | null {
  if (!known) {
    const detail = `no activity is called "${name}"; there are: ${Object.keys(table).join(', ')}`;
    return { status: 'failed', retryable: false, detail };
  }
  if ((line?.waiting.length ?? 0) < QUEUE_MAX) return null;
  const detail = `${QUEUE_MAX} activities ${name} are waiting already: start it again when some have ended`;
  return { status: 'refused', refusal: { reason: 'overloaded', detail } };
}

function outcomeOf(name: string, value: unknown): Outcome {
  try {
    const bytes = Buffer.byteLength(canonicalJson(value ?? null));
    if (bytes <= OUTCOME_BYTES_MAX) return { status: 'done', value: value ?? null };
    const detail = `${name} returned ${bytes} bytes of JSON, over ${OUTCOME_BYTES_MAX}: it has to put bulk into blobs`;
    return { status: 'failed', retryable: false, detail };
  } catch (error) {
    if (!(error instanceof InvariantError)) return failureOf(error);
    return { status: 'failed', retryable: false, detail: `${name} returned what a record cannot hold: ${error.message}` };
  }
}

function failureOf(error: unknown): Outcome {
  const retryable = error instanceof ActivityError && error.retryable;
  const detail = (error instanceof Error ? error.message : String(error)).slice(0, DETAIL_CHARS_MAX);
  if (error instanceof InterruptedError) return { status: 'cancelled', detail };
  return { status: 'failed', retryable, detail };
}
