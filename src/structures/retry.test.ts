import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { fullJitter } from './retry.ts';

it('waits anywhere from nothing to a bound that doubles up to its cap', () => {
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
