/**
 * Host time from the machine's clocks. It follows the wall clock forward, also after a sleep of the machine, and goes on at the
 * monotonic rate when the wall clock is set back: deadlines neither fire early nor stop. Timers re-check, because Node's fire up
 * to a millisecond early and treat delays above 2^31 ms as none.
 */
import type { Millis, MonotonicMillis } from '../../kernel/index.ts';
import type { Clock } from '../../ports/index.ts';

const DELAY_MS_MAX = 2 ** 31 - 1;

export interface ClockOptions {
  /** Host time never reads below it: the time of the last commit, so that it does not decrease over a restart either. */
  readonly floor?: Millis;
  /** The machine's clocks; replaced in tests. */
  readonly wall?: () => number;
  readonly monotonic?: () => number;
}

export function embeddedClock(options: ClockOptions = {}): Clock {
  const wall = options.wall ?? Date.now;
  const monotonic = options.monotonic ?? ((): number => performance.now());
  let ahead = (options.floor ?? 0) - monotonic(); // host time minus monotonic time, only ever raised
  const now = (): Millis => {
    const reading = monotonic();
    ahead = Math.max(ahead, wall() - reading);
    return Math.floor(reading + ahead);
  };
  let wake = nothing;
  let disarm = nothing;
  return {
    now,
    monotonic: (): MonotonicMillis => monotonic(),
    wakeAt(at) {
      disarm();
      disarm = at === null ? nothing : callAt(now, at, () => wake());
    },
    onWake(listener) {
      wake = listener;
    },
  };
}

function nothing(): void {}

/** Calls back once, never before `at` and never at once; the answer disarms. */
export function callAt(now: () => Millis, at: Millis, wake: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    timer = setTimeout(check, Math.min(Math.max(0, at - now()), DELAY_MS_MAX));
  };
  const check = (): void => {
    if (now() < at) arm();
    else wake();
  };
  arm();
  return () => clearTimeout(timer);
}
