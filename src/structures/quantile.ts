/**
 * Quantiles of whole numbers (microseconds, bytes, tokens) in fixed memory: a histogram whose buckets grow with the value, so that
 * every answer is within a relative error that is known beforehand. Sketches of one shape merge by addition: in any order, at any
 * number of places, with the same result. Only integers and powers of two, so that every engine agrees.
 * Sources: Masson et al., DDSketch, 2019; Tene, HdrHistogram (the buckets).
 */
import { assert } from '../kernel/index.ts';

const TWO_32 = 4294967296;

export class QuantileSketch {
  readonly #bits: number;
  readonly #valueMax: number;
  readonly #counts: Float64Array;
  #count = 0;
  #min = Infinity;
  #max = -Infinity;
  #clamped = 0;

  /** Relative error at most 2^-(bits + 1), so 0.4 % with 7 bits; values below 2^(bits + 1) are exact. 7 bits up to 2^40: 35 KB. */
  constructor(bits = 7, valueBits = 40) {
    assert(
      bits >= 1 && bits <= 12 && valueBits > bits && valueBits <= 53,
      `a sketch of ${bits} bits for values of ${valueBits} bits`,
    );
    this.#bits = bits;
    this.#valueMax = valueBits === 53 ? Number.MAX_SAFE_INTEGER : powerOfTwo(valueBits) - 1;
    this.#counts = new Float64Array(this.#bucketOf(this.#valueMax) + 1);
  }

  get count(): number {
    return this.#count;
  }

  /** Values above the largest, counted as the largest. */
  get clamped(): number {
    return this.#clamped;
  }

  add(value: number, count = 1): void {
    if (!Number.isSafeInteger(value) || value < 0) assert(false, `${value} is no whole number from 0`);
    if (value > this.#valueMax) this.#clamped += count;
    const kept = Math.min(value, this.#valueMax);
    this.#counts[this.#bucketOf(kept)]! += count;
    this.#count += count;
    if (kept < this.#min) this.#min = kept;
    if (kept > this.#max) this.#max = kept;
  }

  merge(other: QuantileSketch): void {
    const isSame = this.#bits === other.#bits && this.#valueMax === other.#valueMax;
    assert(isSame, `sketches of ${this.#bits} and ${other.#bits} bits have different buckets`);
    for (let bucket = 0; bucket < this.#counts.length; bucket++) this.#counts[bucket]! += other.#counts[bucket]!;
    this.#count += other.#count;
    this.#clamped += other.#clamped;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  /** The value that so many of a million do not exceed: 990,000 is p99; 0 is the smallest. null without values. O(buckets). */
  quantile(perMillion: number): number | null {
    assert(perMillion >= 0 && perMillion <= 1_000_000, `${perMillion} of a million`);
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil((perMillion * this.#count) / 1_000_000));
    let bucket = this.#bucketOf(this.#min);
    for (let passed = this.#counts[bucket]!; passed < rank; passed += this.#counts[bucket]!) bucket += 1;
    return Math.min(this.#max, Math.max(this.#min, this.#middleOf(bucket)));
  }

  /** Bucket and count where there is a count: small enough to send. */
  *entries(): Generator<readonly [bucket: number, count: number]> {
    for (let bucket = 0; bucket < this.#counts.length; bucket++)
      if (this.#counts[bucket] !== 0) yield [bucket, this.#counts[bucket]!];
  }

  // Row 0 holds 0 .. 2^bits - 1 one by one; row r holds 2^bits buckets of width 2^(r-1) from 2^(bits+r-1) on.
  #bucketOf(value: number): number {
    const row = Math.max(0, bitLength(value) - this.#bits);
    if (row === 0) return value;
    const first = powerOfTwo(this.#bits);
    return row * first + (Math.floor(value / powerOfTwo(row - 1)) - first);
  }

  #middleOf(bucket: number): number {
    const first = powerOfTwo(this.#bits);
    const row = Math.floor(bucket / first);
    if (row === 0) return bucket;
    const width = powerOfTwo(row - 1);
    return (first + (bucket % first)) * width + Math.floor(width / 2);
  }
}

function bitLength(value: number): number {
  const high = Math.floor(value / TWO_32);
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(value);
}

function powerOfTwo(exponent: number): number {
  return exponent < 31 ? 1 << exponent : (1 << (exponent - 26)) * 67108864;
}
