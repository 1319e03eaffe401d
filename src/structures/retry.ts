/**
 * Whether and when to try again: exponential backoff with full jitter, so that callers who failed together do not come back
 * together, within a number of tries, a deadline and a budget that all callers share. Pure: times and draws come in.
 * Sources: Brooker, "Exponential Backoff And Jitter", 2015; Google, Site Reliability Engineering, chapter 21 (retry budgets).
 */
import { assert, type Random } from '../kernel/index.ts';

export interface RetryPolicy {
  readonly baseMs: number;
  readonly capMs: number;
  /** The first try counts. */
  readonly triesMax: number;
}

export type Retry =
  | { readonly ok: true; readonly at: number; readonly waitMs: number }
  | { readonly ok: false; readonly reason: 'tries' | 'deadline' | 'budget' };

export interface FailedTry {
  /** Tries that failed, this one included: from 1. */
  readonly failures: number;
  readonly now: number;
  /** A try that would begin at it or later is pointless; Infinity = none. */
  readonly deadline: number;
  /** What the other side asked for; never shortened, and jitter comes on top. null = nothing. */
  readonly retryAfterMs: number | null;
}

export function nextRetry(policy: RetryPolicy, failure: FailedTry, random: Random, budget: RetryBudget | null = null): Retry {
  const { failures, now, deadline, retryAfterMs } = failure;
  assert(failures >= 1, `a retry after ${failures} failures`);
  if (failures >= policy.triesMax) return { ok: false, reason: 'tries' };
  const waitMs = (retryAfterMs ?? 0) + fullJitter(failures - 1, policy.baseMs, policy.capMs, random.unit());
  if (now + waitMs >= deadline) return { ok: false, reason: 'deadline' };
  if (budget !== null && !budget.take()) return { ok: false, reason: 'budget' };
  return { ok: true, at: now + waitMs, waitMs };
}

/** ms, an integer in 0..min(cap, base * 2^failures); `unit` is a draw in [0, 1), `failures` counts from 0. */
export function fullJitter(failures: number, baseMs: number, capMs: number, unit: number): number {
  let most = Math.min(capMs, baseMs);
  for (let i = 0; i < failures && most < capMs; i++) most = Math.min(capMs, most * 2);
  return Math.floor(unit * (most + 1));
}

/**
 * Keeps retries a small share of the calls to one place: when all fail, load grows by that share and not by the number of tries.
 * Every first try pays in, every retry takes out. Nothing is timed: without traffic there is nothing to retry.
 */
export class RetryBudget {
  readonly #permille: number;
  readonly #most: number;
  #left: number;

  /** `permille` retries for a thousand calls in the long run, and `burst` saved up at most; it begins with those. */
  constructor(permille: number, burst: number) {
    assert(permille >= 0 && burst >= 1, `a budget of ${permille} in a thousand, ${burst} at once`);
    this.#permille = permille;
    this.#most = burst * 1000;
    this.#left = this.#most;
  }

  /** A first try was made. */
  called(): void {
    this.#left = Math.min(this.#most, this.#left + this.#permille);
  }

  take(): boolean {
    if (this.#left < 1000) return false;
    this.#left -= 1000;
    return true;
  }
}
