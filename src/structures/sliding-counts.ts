/**
 * Counts over the last stretch of time in fixed memory: a ring of buckets, several counters side by side (successes and failures,
 * say). Exact for the buckets that it covers: the current one and the `buckets - 1` before it; what is older is gone at once.
 * Times are handed in; a time before the newest one counts into the newest, so that a clock that stands still loses nothing.
 */
import { assert } from '../kernel/index.ts';

export class SlidingCounts {
  readonly bucketMs: number;
  readonly #buckets: number;
  readonly #lanes: number;
  readonly #counts: Float64Array; // bucket-major
  readonly #sums: Float64Array;
  #newest = -1; // number of the newest bucket since time 0; -1 before the first

  constructor(lanes: number, buckets: number, bucketMs: number) {
    assert(
      lanes >= 1 && buckets >= 1 && bucketMs >= 1,
      `${lanes} counters in ${buckets} buckets of ${bucketMs} ms: at least one each`,
    );
    this.bucketMs = bucketMs;
    this.#buckets = buckets;
    this.#lanes = lanes;
    this.#counts = new Float64Array(lanes * buckets);
    this.#sums = new Float64Array(lanes);
  }

  add(lane: number, now: number, count = 1): void {
    this.#advance(now);
    this.#counts[(this.#newest % this.#buckets) * this.#lanes + lane]! += count;
    this.#sums[lane]! += count;
  }

  sum(lane: number, now: number): number {
    this.#advance(now);
    return this.#sums[lane]!;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sums.fill(0);
  }

  /** O(buckets that end), at most the ring once. */
  #advance(now: number): void {
    const bucket = Math.floor(now / this.bucketMs);
    if (bucket <= this.#newest) return;
    if (this.#newest === -1 || bucket - this.#newest >= this.#buckets) {
      this.clear();
    } else {
      for (let gone = this.#newest + 1; gone <= bucket; gone++) {
        const at = (gone % this.#buckets) * this.#lanes;
        for (let lane = 0; lane < this.#lanes; lane++) {
          this.#sums[lane]! -= this.#counts[at + lane]!;
          this.#counts[at + lane] = 0;
        }
      }
    }
    this.#newest = bucket;
  }
}

/** How many a second, over the last `buckets * bucketMs`; the current bucket counts as what has passed of it. */
export class SlidingRate {
  readonly #counts: SlidingCounts;
  readonly #buckets: number;

  constructor(buckets: number, bucketMs: number) {
    assert(buckets >= 2, 'a rate needs two buckets: the current one may have just begun');
    this.#counts = new SlidingCounts(1, buckets, bucketMs);
    this.#buckets = buckets;
  }

  add(now: number, count = 1): void {
    this.#counts.add(0, now, count);
  }

  perSecond(now: number): number {
    const { bucketMs } = this.#counts;
    return (this.#counts.sum(0, now) * 1000) / ((this.#buckets - 1) * bucketMs + (now % bucketMs) + 1);
  }
}
