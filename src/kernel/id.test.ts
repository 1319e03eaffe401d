import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idSource, isId } from './id.ts';

const hosts = fc.string({
  unit: fc.constantFrom(...Array.from({ length: 16 }, (_, i) => i.toString(16))),
  minLength: 12,
  maxLength: 12,
});
const incarnations = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('ids', () => {
  it('hold the host, the incarnation and a counter from one', () => {
    const ids = idSource('00000000002a', 7);
    expect(ids.next()).toBe('00000000002a00000007000000000001');
    expect(ids.next()).toBe('00000000002a00000007000000000002');
  });

  it('count on beyond four digits', () => {
    const ids = idSource('00000000002a', 7);
    for (let n = 1; n < 65_535; n++) ids.next();
    const next = Array.from({ length: 3 }, () => ids.next().slice(20));
    expect(next).toEqual(['00000000ffff', '000000010000', '000000010001']);
  });

  it('sort in the order in which one host made them, over its incarnations too', () => {
    const property = fc.property(hosts, fc.integer({ min: 0, max: 2 ** 32 - 2 }), (host, incarnation) => {
      const made = [incarnation, incarnation + 1].flatMap((each) => {
        const ids = idSource(host, each);
        return Array.from({ length: 300 }, () => ids.next());
      });
      expect(made.toSorted()).toEqual(made);
      expect(new Set(made).size).toBe(made.length);
      expect(made.every(isId)).toBe(true);
    });
    fc.assert(property, { numRuns: 20 });
  });

  it('of different hosts or incarnations are never the same', () => {
    const maker = fc.tuple(hosts, incarnations);
    const distinct = fc.uniqueArray(maker, { selector: String, minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(distinct, (makers) => {
        const all = makers.flatMap(([host, incarnation]) => {
          const ids = idSource(host, incarnation);
          return [ids.next(), ids.next()];
        });
        return new Set(all).size === all.length;
      }),
    );
  });

  it('are refused for a host or an incarnation that does not fit', () => {
    expect(() => idSource('2a', 1)).toThrow('12 hexadecimal digits');
    expect(() => idSource('00000000002A', 1)).toThrow('12 hexadecimal digits');
    expect(() => idSource('00000000002a', 2 ** 32)).toThrow('32-bit integer');
    expect(() => idSource('00000000002a', -1)).toThrow('32-bit integer');
    expect(isId('00000000002A00000007000000000001')).toBe(false);
  });
});
