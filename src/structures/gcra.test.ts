import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GcraTable, type RateLimit } from './gcra.ts';

const ORIGIN = 1_700_000_000_000;

describe('rate limits', () => {
  it('let a burst through, then an even stream, and say how long to wait', () => {
    const table = new GcraTable(1, [{ count: 2, perMs: 1_000, burst: 3 }], ORIGIN);
    expect([0, 0, 0, 0, 499, 500].map((at) => table.take(0, ORIGIN + at))).toEqual([0, 0, 0, 500, 1, 0]);
    expect(table.take(0, ORIGIN + 500, 4)).toBe(Infinity);
  });

  it('are exact where a millisecond holds no whole number of them', () => {
    const table = new GcraTable(1, [{ count: 7, perMs: 3, burst: 1 }], ORIGIN);
    let taken = 0;
    for (let now = ORIGIN; now < ORIGIN + 3_000; now++) if (table.take(0, now) === 0) taken += 1;
    expect(taken).toBe(3_000); // at most one each ms with a burst of one
    const wide = new GcraTable(1, [{ count: 7, perMs: 3, burst: 7 }], ORIGIN);
    let all = 0;
    for (let now = ORIGIN; now < ORIGIN + 3_000_000; now += 3) while (wide.take(0, now) === 0) all += 1;
    expect(all).toBe(7_000_000);
  });

  it('do what a bucket of tokens in exact fractions does, for every key by itself', () => {
    const limit = fc.record({
      count: fc.integer({ min: 1, max: 1_000_000 }),
      perMs: fc.integer({ min: 1, max: 3_600_000 }),
      burst: fc.integer({ min: 1, max: 20 }),
    });
    const take = fc.tuple(fc.nat(2), fc.oneof(fc.nat(3), fc.nat(100_000)), fc.integer({ min: 1, max: 22 }));
    fc.assert(
      fc.property(fc.array(limit, { minLength: 2, maxLength: 2 }), fc.array(take, { maxLength: 60 }), (limits, takes) => {
        const table = new GcraTable(3, limits, ORIGIN);
        table.setLimit(2, 1);
        const buckets = [limits[0]!, limits[0]!, limits[1]!].map((each) => new Bucket(each));
        let now = ORIGIN;
        for (const [key, after, cost] of takes) {
          now += after;
          const expected = buckets[key]!.take(now, cost);
          expect(table.take(key, now, cost)).toBe(expected);
          expect(table.left(key, now)).toBe(buckets[key]!.left(now));
          if (expected > 1 && expected < Infinity) {
            expect(buckets[key]!.would(now + expected - 1, cost)).toBe(false);
            expect(buckets[key]!.would(now + expected, cost)).toBe(true);
          }
        }
      }),
    );
  });

  it('refuse a limit that is no whole number', () => {
    expect(() => new GcraTable(1, [{ count: 0.5, perMs: 1, burst: 1 }], 0)).toThrow('whole numbers from 1');
  });
});

/** Tokens in 1/perMs, big integers. */
class Bucket {
  readonly limit: RateLimit;
  tokens: bigint;
  at: number = ORIGIN;

  constructor(limit: RateLimit) {
    this.limit = limit;
    this.tokens = BigInt(limit.burst) * BigInt(limit.perMs);
  }

  level(now: number): bigint {
    const full = BigInt(this.limit.burst) * BigInt(this.limit.perMs);
    const level = this.tokens + BigInt(now - this.at) * BigInt(this.limit.count);
    return level > full ? full : level;
  }

  would(now: number, cost: number): boolean {
    return this.level(now) >= BigInt(cost) * BigInt(this.limit.perMs);
  }

  left(now: number): number {
    return Number(this.level(now) / BigInt(this.limit.perMs));
  }

  take(now: number, cost: number): number {
    const need = BigInt(cost) * BigInt(this.limit.perMs);
    if (cost > this.limit.burst) return Infinity;
    const level = this.level(now);
    if (level < need) return Number((need - level + BigInt(this.limit.count) - 1n) / BigInt(this.limit.count));
    [this.tokens, this.at] = [level - need, now];
    return 0;
  }
}
