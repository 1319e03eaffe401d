import fc from 'fast-check';
import { expect, test } from 'vitest';
import { naturalExp, naturalLog } from './math.ts';

test('the logarithm agrees with the standard library to the last places', () => {
  fc.assert(
    fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
      expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(1, Math.abs(Math.log(x))));
    }),
  );
  expect(naturalLog(1)).toBe(0);
});

test('the exponential agrees with the standard library to the last places', () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 700, noNaN: true }), (x) => {
      expect(Math.abs(naturalExp(x) / Math.exp(x) - 1)).toBeLessThanOrEqual(1e-15);
    }),
  );
  expect(naturalExp(0)).toBe(1);
});

test('what has no logarithm is refused', () => {
  for (const x of [0, -1, Number.NaN, Infinity]) expect(() => naturalLog(x)).toThrow('the logarithm of');
  expect(() => naturalExp(Number.NaN)).toThrow('-700 to 700');
});
