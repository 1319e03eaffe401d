import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../kernel/index.ts';
import { type FailedTry, fullJitter, nextRetry, RetryBudget } from './retry.ts';

const POLICY = { baseMs: 100, capMs: 1_000, triesMax: 5 };
const FAILURE: FailedTry = { failures: 1, now: 0, deadline: Infinity, retryAfterMs: null };

describe('retries', () => {
  it('wait anywhere from nothing to a bound that doubles up to its cap', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 100_000 }),
        unit,
        (n, base, cap, u) => {
          const wait = fullJitter(n, base, cap, u);
          expect(Number.isInteger(wait)).toBe(true);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(Math.min(cap, base * 2 ** n));
        },
      ),
    );
    expect([0, 1, 2, 3, 9].map((n) => fullJitter(n, 100, 1000, 0.999999))).toEqual([100, 200, 400, 800, 1000]);
  });

  it('spread evenly over the whole bound, and the same seed gives the same waits', () => {
    const waits = (): number[] => {
      const random = seededRandom('spread');
      return Array.from({ length: 4_000 }, () => {
        const retry = nextRetry(POLICY, { ...FAILURE, failures: 2 }, random);
        return retry.ok ? retry.waitMs : Number.NaN;
      });
    };
    const quarters = [0, 0, 0, 0];
    for (const wait of waits()) quarters[Math.min(3, Math.floor(wait / 50))]! += 1;
    for (const count of quarters) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(waits()).toEqual(waits());
  });

  it('end with their tries, before the deadline and with the budget, and say which', () => {
    const random = seededRandom('ends');
    expect(nextRetry(POLICY, { ...FAILURE, failures: 5 }, random)).toEqual({ ok: false, reason: 'tries' });
    const atOnce = { ...POLICY, baseMs: 0 };
    expect(nextRetry(atOnce, { ...FAILURE, now: 6, deadline: 7 }, random)).toEqual({ ok: true, at: 6, waitMs: 0 });
    expect(nextRetry(atOnce, { ...FAILURE, now: 7, deadline: 7 }, random)).toEqual({ ok: false, reason: 'deadline' });
    const empty = new RetryBudget(100, 1);
    empty.take();
    expect(nextRetry(POLICY, FAILURE, random, empty)).toEqual({ ok: false, reason: 'budget' });
  });

  it('never come before the other side asked for, nor at or after the deadline, and then cost no budget', () => {
    fc.assert(
      fc.property(
        fc.nat(2_000),
        fc.nat(2_000),
        fc.integer({ min: 1, max: 4 }),
        fc.string(),
        (after, deadline, failures, seed) => {
          const budget = new RetryBudget(0, 1);
          const retry = nextRetry(POLICY, { failures, now: 50, deadline, retryAfterMs: after }, seededRandom(seed), budget);
          if (retry.ok) {
            expect(retry.at).toBe(50 + retry.waitMs);
            expect(retry.waitMs).toBeGreaterThanOrEqual(after);
            expect(retry.at).toBeLessThan(deadline);
          }
          expect(budget.take()).toBe(!retry.ok);
        },
      ),
    );
  });

  it('stay a tenth of the calls when everything fails', () => {
    const budget = new RetryBudget(100, 10);
    let retries = 0;
    for (let call = 0; call < 10_000; call++) {
      budget.called();
      for (let attempt = 1; attempt < 5 && budget.take(); attempt++) retries += 1;
    }
    expect(retries).toBeGreaterThanOrEqual(1_000);
    expect(retries).toBeLessThanOrEqual(1_010);
  });
});
