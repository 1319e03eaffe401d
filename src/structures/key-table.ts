/**
 * Remembers keys for a while in a fixed piece of memory: 64 bits of a keyed hash and the time until which they count. For
 * "was this done already?" at a hundred thousand questions a second, where a `Map` of strings takes ten times the memory and
 * its eviction forty times the time. Never grows, never allocates after construction, never forgets a key that still counts:
 * when it holds as many as it may, it says `full`, and whoever asked pushes back.
 *
 * Open addressing with linear probing; a sweep passes a few slots at every `add` and removes what has expired by shifting
 * back (Knuth, TAOCP 3, 6.4, algorithm R), so there are no tombstones. The keyed hash is HalfSipHash-2-4 (Aumasson and Bernstein, 2012): who
 * does not know the secret can neither fill one stretch of the table nor find two keys that count as one. By chance, one of
 * n keys is mistaken for another with n / 2^64: at 3 million keys and 100,000 new ones a second, once in two years.
 */
import { assert } from '../kernel/index.ts';

/** Each slot is four words of 32 bits: hash low, hash high, expiry low, expiry high; an expiry of 0 is an empty slot. */
const WORDS = 4;
const LOAD = 0.75; // probes stay below 3 on average; 3,145,728 keys fill 67 MB
const SWEEP_EACH = 8; // slots passed at an `add`: what has expired is gone after slots / 8 of them
const SWEEP_FULL = 1024; // slots passed where there is no room: about a microsecond for each refusal
const CAPACITY_MAX = 50_331_648; // 1 GiB

/** `known`: it was added before and still counts; `full`: not added, there is no room until something expires. */
export type Added = 'added' | 'known' | 'full';

export class KeyTable {
  readonly capacity: number;
  readonly bytes: number;
  readonly #words: Int32Array;
  readonly #mask: number;
  #cursor = 0;
  #size = 0;

  /** Holds `capacity` keys at once; takes 16 bytes for each of the next power of two above a third more. */
  constructor(capacity: number) {
    assert(
      Number.isInteger(capacity) && capacity > 0 && capacity <= CAPACITY_MAX,
      `a key table holds 1..${CAPACITY_MAX} keys, not ${capacity}`,
    );
    let slots = 8;
    while (slots * LOAD < capacity) slots *= 2;
    this.capacity = capacity;
    this.#words = new Int32Array(slots * WORDS);
    this.#mask = slots - 1;
    this.bytes = this.#words.byteLength;
  }

  /** Keys held, those that have expired and were not yet passed by the sweep included. */
  get size(): number {
    return this.#size;
  }

  /** `low` and `high` as `hashKey` gives them. */
  has(low: number, high: number, now: number): boolean {
    const at = this.#find(low, high);
    return at >= 0 && this.#expiry(at) > now;
  }

  /** Remembers a key while `now < expiresAt` (an integer in 1..2^53 - 1). A key that still counts keeps its expiry. */
  add(low: number, high: number, expiresAt: number, now: number): Added {
    this.#sweep(now);
    let at = this.#find(low, high);
    if (at >= 0) {
      if (this.#expiry(at) > now) return 'known';
    } else {
      if (this.#size >= this.capacity) return 'full';
      at = ~at;
      this.#words[at * WORDS] = low;
      this.#words[at * WORDS + 1] = high;
      this.#size += 1;
    }
    this.#words[at * WORDS + 2] = expiresAt | 0;
    this.#words[at * WORDS + 3] = (expiresAt / 0x1_0000_0000) | 0;
    return 'added';
  }

  /** The slot of the key, or the complement of the empty slot where it belongs. */
  #find(low: number, high: number): number {
    const words = this.#words;
    for (let at = low & this.#mask; ; at = (at + 1) & this.#mask) {
      const word = at * WORDS;
      if (words[word] === low && words[word + 1] === high && !this.#isEmpty(at)) return at;
      if (this.#isEmpty(at)) return ~at;
    }
  }

  #isEmpty(at: number): boolean {
    return (this.#words[at * WORDS + 2]! | this.#words[at * WORDS + 3]!) === 0;
  }

  #expiry(at: number): number {
    return this.#words[at * WORDS + 3]! * 0x1_0000_0000 + (this.#words[at * WORDS + 2]! >>> 0);
  }

  #sweep(now: number): void {
    for (let passed = 0; passed < SWEEP_EACH || (this.#size >= this.capacity && passed < SWEEP_FULL); passed++) {
      if (!this.#isEmpty(this.#cursor) && this.#expiry(this.#cursor) <= now) this.#remove(this.#cursor);
      else this.#cursor = (this.#cursor + 1) & this.#mask; // else what moved into the slot is looked at next
    }
  }

  /** Closes the gap: whatever follows and was displaced past it moves back. */
  #remove(gap: number): void {
    const words = this.#words;
    const mask = this.#mask;
    for (let at = (gap + 1) & mask; !this.#isEmpty(at); at = (at + 1) & mask) {
      const home = words[at * WORDS]! & mask;
      if (((at - home) & mask) < ((at - gap) & mask)) continue; // it would come before its home
      for (let i = 0; i < WORDS; i++) words[gap * WORDS + i] = words[at * WORDS + i]!;
      gap = at;
    }
    for (let i = 0; i < WORDS; i++) words[gap * WORDS + i] = 0;
    this.#size -= 1;
  }
}

/** Two words of 32 bits, drawn once by whoever owns a table; may be kept, must not be known to its peers. */
export type KeySecret = readonly [number, number];

/** HalfSipHash-2-4 of the UTF-16 code units of a text (little endian): 64 bits into `out[0]` (low) and `out[1]` (high). */
export function hashKey([k0, k1]: KeySecret, text: string, out: Int32Array): void {
  let v0 = k0 | 0;
  let v1 = k1 ^ 0xee;
  let v2 = k0 ^ 0x6c796765;
  let v3 = k1 ^ 0x74656462;
  const pairs = text.length >> 1;
  // Two code units a word; then the odd one with the length; then two words of output, four rounds each.
  for (let i = 0; i <= pairs + 2; i++) {
    let word = 0;
    let rounds = 2;
    if (i < pairs) word = text.charCodeAt(2 * i) | (text.charCodeAt(2 * i + 1) << 16);
    else if (i === pairs) word = (text.length % 2 === 1 ? text.charCodeAt(2 * i) : 0) | (text.length << 25);
    else {
      rounds = 4;
      if (i === pairs + 1) v2 ^= 0xee;
      else {
        out[0] = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    v3 ^= word;
    for (; rounds > 0; rounds--) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
    }
    v0 ^= word;
  }
  out[1] = v1 ^ v3;
}
