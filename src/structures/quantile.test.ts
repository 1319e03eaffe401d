import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuantileSketch } from './quantile.ts';

const value = fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat());

function sketchOf(values: readonly number[], bits = 7): QuantileSketch {
  const sketch = new QuantileSketch(bits, 53);
  for (const each of values) sketch.add(each);
  return sketch;
}

describe('a quantile sketch', () => {
  it('is within its relative error of the sorted list, and exact for small values', () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 12 }),
        (values, perMillion, bits) => {
          const sorted = values.toSorted((a, b) => a - b);
          const exact = sorted[Math.max(1, Math.ceil((perMillion * values.length) / 1_000_000)) - 1]!;
          const found = sketchOf(values, bits).quantile(perMillion)!;
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact / 2 ** (bits + 1));
          if (exact < 2 ** (bits + 1)) expect(found).toBe(exact);
        },
      ),
    );
  });

  it('merges in any order and grouping to what one sketch of all values is', () => {
    const list = fc.array(value, { maxLength: 30 });
    fc.assert(
      fc.property(list, list, list, (a, b, c) => {
        const all = sketchOf([...a, ...b, ...c]);
        const left = sketchOf(a);
        left.merge(sketchOf(b));
        left.merge(sketchOf(c));
        const inner = sketchOf(c);
        inner.merge(sketchOf(b));
        const right = sketchOf([]);
        right.merge(inner);
        right.merge(sketchOf(a));
        for (const each of [left, right]) {
          expect([...each.entries()]).toEqual([...all.entries()]);
          for (const q of [0, 500_000, 990_000, 1_000_000]) expect(each.quantile(q)).toBe(all.quantile(q));
        }
      }),
    );
  });

  it('counts what is above its largest value as that, and says how many', () => {
    const sketch = new QuantileSketch(4, 10);
    sketch.add(5_000, 3);
    expect([sketch.quantile(1_000_000), sketch.clamped, sketch.count]).toEqual([1_023, 3, 3]);
    expect(new QuantileSketch().quantile(500_000)).toBeNull();
  });

  it('refuses fractions and sketches of another shape', () => {
    expect(() => sketchOf([0.5])).toThrow('0.5 is no whole number');
    expect(() => sketchOf([], 7).merge(sketchOf([], 8))).toThrow('sketches of 7 and 8 bits');
  });
});
