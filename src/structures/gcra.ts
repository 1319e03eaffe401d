/**
 * Rate limits for many keys by the generic cell rate algorithm: two numbers for each key, the time at which its bucket would be
 * full again and its limit. Owns the arithmetic; whoever refuses says why. Exact: times are counted in parts of a millisecond of
 * which every cost is a whole number, so that nothing drifts, at any rate. Source: ITU-T I.371, annex A.
 */
import { assert } from '../kernel/index.ts';

export interface RateLimit {
  /** So many in `perMs`, evenly. */
  readonly count: number;
  readonly perMs: number;
  /** So many at once after a rest. */
  readonly burst: number;
}

export class GcraTable {
  readonly #limits: readonly RateLimit[];
  readonly #limitOf: Uint8Array;
  readonly #fullAt: Float64Array; // in 1/count ms after `origin`
  readonly #origin: number;

  /** All keys begin with limit 0 and a full bucket. No time may be before `origin`. */
  constructor(keys: number, limits: readonly RateLimit[], origin: number) {
    assert(limits.length >= 1 && limits.length <= 256, `${limits.length} limits: 1 to 256`);
    for (const { count, perMs, burst } of limits) {
      const whole = [count, perMs, burst].every((each) => Number.isInteger(each) && each >= 1);
      assert(whole, `a limit of ${count} in ${perMs} ms, burst ${burst}: whole numbers from 1`);
      assert(count <= 1_000_000, `a limit of ${count} in ${perMs} ms: at most 1,000,000, so that 200 years stay exact`);
    }
    this.#limits = limits;
    this.#limitOf = new Uint8Array(keys);
    this.#fullAt = new Float64Array(keys);
    this.#origin = origin;
  }

  /** The key begins anew under this limit, with a full bucket. */
  setLimit(key: number, limit: number): void {
    assert(limit < this.#limits.length, `limit ${limit} of ${this.#limits.length}`);
    this.#limitOf[key] = limit;
    this.#fullAt[key] = 0;
  }

  /** 0 = taken. Else nothing was, and it is the time to wait in whole ms; Infinity when the burst is smaller than the cost. */
  take(key: number, now: number, cost = 1): number {
    const { count, perMs, burst } = this.#limits[this.#limitOf[key]!]!;
    if (cost > burst) return Infinity;
    const at = (now - this.#origin) * count;
    const fullAt = Math.max(this.#fullAt[key]!, at) + cost * perMs;
    const over = fullAt - at - burst * perMs;
    if (over > 0) return Math.ceil(over / count);
    this.#fullAt[key] = fullAt;
    return 0;
  }

  /** What could be taken at once, in whole units. */
  left(key: number, now: number): number {
    const { count, perMs, burst } = this.#limits[this.#limitOf[key]!]!;
    const used = Math.max(0, this.#fullAt[key]! - (now - this.#origin) * count);
    return Math.floor((burst * perMs - used) / perMs);
  }
}
