/**
 * Seeded randomness: xoshiro128** over 32-bit integers, one stream per purpose.
 * A stream is named, not numbered, so that one more draw in one place never changes the draws in another.
 * Source: Blackman and Vigna, xoshiro128** 1.1.
 */
import { assert } from './assert.ts';

export interface Random {
  /** An integer in [0, 2^32). */
  uint32(): number;
  /** An integer in [0, bound), unbiased; bound in 1..2^32. */
  below(bound: number): number;
  /** A multiple of 2^-32 in [0, 1). */
  unit(): number;
  /** True with probability `share` (0..1). */
  chance(share: number): boolean;
  /** An independent stream for another purpose. */
  stream(name: string): Random;
}

export function seededRandom(seed: string): Random {
  // cyrb128: spreads the name over four words; it only has to separate names, not to resist anybody.
  let a = 1779033703;
  let b = 3144134277;
  let c = 1013904242;
  let d = 2773480762;
  for (let i = 0; i < seed.length; i++) {
    const k = seed.charCodeAt(i);
    a = b ^ Math.imul(a ^ k, 597399067);
    b = c ^ Math.imul(b ^ k, 2869860233);
    c = d ^ Math.imul(c ^ k, 951274213);
    d = a ^ Math.imul(d ^ k, 2716044179);
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  if ((a | b | c | d) === 0) a = 1; // the all-zero state is the one xoshiro never leaves
  return new Xoshiro128(seed, a >>> 0, b >>> 0, c >>> 0, d >>> 0);
}

/** Exported for its test against the reference implementation; everybody else names a seed. */
export class Xoshiro128 implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string, a: number, b: number, c: number, d: number) {
    this.#seed = seed;
    this.#a = a;
    this.#b = b;
    this.#c = c;
    this.#d = d;
  }

  uint32(): number {
    const times5 = Math.imul(this.#b, 5);
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  below(bound: number): number {
    if (!(Number.isInteger(bound) && bound >= 1 && bound <= 4294967296))
      assert(false, `below(${bound}): the bound is an integer in 1..2^32`);
    const limit = 4294967296 - (4294967296 % bound);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % bound;
  }

  unit(): number {
    return this.uint32() / 4294967296;
  }

  chance(share: number): boolean {
    return this.unit() < share;
  }

  stream(name: string): Random {
    return seededRandom(`${this.#seed}/${name.length}:${name}`); // the length keeps `a`, `b` apart from `a/b`
  }
}
