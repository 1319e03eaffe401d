/**
 * A circuit breaker: stops calls to what fails, lets a few through after a while, opens again or closes by how they end.
 * Owns counting and the three states; it makes no call, sets no timer and keeps nothing across a restart. Times are handed in.
 *
 *   closed ──a rule is broken──▶ open ──openMs passed──▶ half-open ──enough probes succeed──▶ closed
 *                                 ▲                          │
 *                                 └── one fails or is silent: openMs doubles, up to its cap
 *
 * Every state has a number. A permit carries it, and the end of a call that began in another state says nothing about this one.
 * Sources: Nygard, Release It!, 2007; seed thresholds by number, share with a minimum volume, and failures in a row.
 */
import { assert } from '../kernel/index.ts';
import { SlidingCounts } from './sliding-counts.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

export interface BreakerRules {
  readonly windowMs: number;
  /** Of the window; it moves by one bucket at a time. */
  readonly buckets: number;
  /** Opens at so many failures in the window, whatever the volume; null = no such rule. */
  readonly failuresMax: number | null;
  /** Opens when so many of a thousand calls in the window failed, at least `volumeMin` of them known; null = no such rule. */
  readonly failurePermilleMax: number | null;
  readonly volumeMin: number;
  /** Opens at so many failures in a row; null = no such rule. */
  readonly consecutiveMax: number | null;
  readonly openMs: number;
  readonly openMsMax: number;
  /** In flight at once while half-open, and as many have to succeed. */
  readonly probes: number;
  /** A probe that is silent for so long failed: else a lost one would block for ever. */
  readonly probeMs: number;
}

export type Admission =
  | { readonly ok: true; readonly permit: number }
  | { readonly ok: false; readonly reason: 'open' | 'probing'; readonly retryAfterMs: number };

const FAILED = 0;
const DONE = 1;

export class CircuitBreaker {
  readonly #rules: BreakerRules;
  readonly #counts: SlidingCounts;
  #state: BreakerState = 'closed';
  #permit = 1;
  #since = 0;
  #openMs: number;
  #inRow = 0;
  #probing = 0;
  #probed = 0;
  #late = 0;

  constructor(rules: BreakerRules) {
    const { windowMs, buckets, openMs, openMsMax, probes, probeMs, failuresMax, failurePermilleMax, consecutiveMax } = rules;
    assert(windowMs % buckets === 0, `a window of ${windowMs} ms has no ${buckets} equal buckets of whole milliseconds`);
    assert(
      openMs >= 1 && openMsMax >= openMs && probes >= 1 && probeMs >= 1,
      'open times, probes and their time-out are at least 1',
    );
    assert((failuresMax ?? failurePermilleMax ?? consecutiveMax) !== null, 'a breaker without a rule never opens');
    this.#rules = rules;
    this.#counts = new SlidingCounts(2, buckets, windowMs / buckets);
    this.#openMs = openMs;
  }

  /** Failed and done calls in the window; `late`: ends of calls that began in another state, since the start. */
  counts(now: number): { readonly failed: number; readonly done: number; readonly inRow: number; readonly late: number } {
    return { failed: this.#counts.sum(FAILED, now), done: this.#counts.sum(DONE, now), inRow: this.#inRow, late: this.#late };
  }

  /** What time alone changes counts from when it happened, not from when somebody asks. */
  state(now: number): BreakerState {
    const { probeMs } = this.#rules;
    if (this.#state === 'half-open' && this.#probing > 0 && now - this.#since >= probeMs) this.#reopen(this.#since + probeMs);
    if (this.#state === 'open' && now - this.#since >= this.#openMs) this.#enter('half-open', this.#since + this.#openMs);
    return this.#state;
  }

  /** A permit goes back into `report` with how the call ended. */
  admit(now: number): Admission {
    const state = this.state(now);
    if (state === 'open') return { ok: false, reason: 'open', retryAfterMs: this.#since + this.#openMs - now };
    if (state === 'half-open') {
      if (this.#probing + this.#probed >= this.#rules.probes)
        return { ok: false, reason: 'probing', retryAfterMs: this.#since + this.#rules.probeMs - now };
      this.#probing += 1;
      this.#since = now; // the time-out counts from the last probe
    }
    return { ok: true, permit: this.#permit };
  }

  report(permit: number, ok: boolean, now: number): BreakerState {
    const state = this.state(now);
    if (permit !== this.#permit) {
      this.#late += 1;
      return state;
    }
    if (state === 'half-open') {
      if (!ok) {
        this.#reopen(now);
        return this.#state;
      }
      this.#probing -= 1;
      this.#probed += 1;
      if (this.#probed === this.#rules.probes) this.#close(now);
      return this.#state;
    }
    this.#counts.add(ok ? DONE : FAILED, now);
    this.#inRow = ok ? 0 : this.#inRow + 1;
    if (!ok && this.#isBroken(now)) this.#enter('open', now);
    return this.#state;
  }

  /** By an operator or a message: open for the first open time, from now on. */
  trip(now: number): void {
    this.#openMs = this.#rules.openMs;
    this.#enter('open', now);
  }

  /** By an operator or a message: closed with nothing counted. */
  reset(now: number): void {
    this.#close(now);
  }

  #isBroken(now: number): boolean {
    const { failuresMax, failurePermilleMax, volumeMin, consecutiveMax } = this.#rules;
    const failed = this.#counts.sum(FAILED, now);
    const volume = failed + this.#counts.sum(DONE, now);
    return (
      (failuresMax !== null && failed >= failuresMax) ||
      (consecutiveMax !== null && this.#inRow >= consecutiveMax) ||
      (failurePermilleMax !== null && volume >= volumeMin && failed * 1000 >= failurePermilleMax * volume)
    );
  }

  #reopen(now: number): void {
    this.#openMs = Math.min(this.#rules.openMsMax, this.#openMs * 2);
    this.#enter('open', now);
  }

  #close(now: number): void {
    this.#openMs = this.#rules.openMs;
    this.#counts.clear();
    this.#inRow = 0;
    this.#enter('closed', now);
  }

  #enter(state: BreakerState, now: number): void {
    this.#state = state;
    this.#since = now;
    this.#permit += 1;
    this.#probing = 0;
    this.#probed = 0;
  }
}
