import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashKey, KeyTable } from './key-table.ts';

/** One step of a story: time passes, then a key is added or asked for. */
const Step = fc.record({
  wait: fc.nat(3),
  add: fc.boolean(),
  // Few homes, so that keys collide, wrap around the end and share their low word.
  low: fc.constantFrom(0, 1, 2, 6, 7, 8, 15, -1, -2, 2 ** 31 - 1),
  high: fc.nat(2),
  keep: fc.integer({ min: 1, max: 12 }),
});

describe('a table of keys', () => {
  it('answers like a map from key to expiry, at every size and under every collision', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 24 }), fc.array(Step, { maxLength: 200 }), (capacity, steps) => {
        const table = new KeyTable(capacity);
        const model = new Map<string, number>();
        let now = 2 ** 40; // above 32 bits: both words of an expiry take part
        for (const { wait, add, low, high, keep } of steps) {
          now += wait;
          const key = `${low}/${high}`;
          const live = [...model].filter(([, until]) => until > now);
          const known = (model.get(key) ?? 0) > now;
          if (!add) {
            expect(table.has(low, high, now)).toBe(known);
            continue;
          }
          const expected = known ? 'known' : live.length >= capacity ? 'full' : 'added';
          expect(table.add(low, high, now + keep, now)).toBe(expected);
          if (expected === 'added') model.set(key, now + keep);
          expect(table.size).toBeLessThanOrEqual(capacity);
        }
        for (const [key, until] of model) {
          const [low, high] = key.split('/').map(Number) as [number, number];
          expect(table.has(low, high, now)).toBe(until > now);
        }
      }),
      { seed: 20, numRuns: 300 },
    );
  });

  it('takes exactly as many as it was made for, then says full, and takes again when they expire', () => {
    const table = new KeyTable(1000);
    for (let i = 0; i < 1000; i++) expect(table.add(i, i, 100, 0)).toBe('added');
    expect(table.add(1000, 1000, 100, 99)).toBe('full');
    expect(table.add(7, 7, 100, 99), 'a full table still knows what it holds').toBe('known');
    expect(table.add(1000, 1000, 200, 100)).toBe('added');
  });

  it('has room for 3 million keys in 67 MB', () => {
    expect(new KeyTable(3_000_000).bytes).toBe(67_108_864);
    expect(() => new KeyTable(0)).toThrow('a key table holds 1..');
  });

  it('lets the expired go while others come, however long that goes on', () => {
    const table = new KeyTable(600);
    // 100 keys a millisecond, kept 4 ms: 400 count at once, and the sweep (8 of 1,024 slots a call) adds at most 128.
    const refused: number[] = [];
    for (let i = 0; i < 100_000; i++) {
      const now = Math.floor(i / 100) + 1;
      if (table.add(Math.imul(i, 0x9e3779b1), i, now + 4, now) !== 'added') refused.push(i);
    }
    expect(refused).toEqual([]);
  });
});

describe('the hash of a key', () => {
  const secret = [0x03020100, 0x07060504] as const;
  const of = (bytes: number): string => {
    let text = '';
    for (let i = 0; i < bytes; i += 2) text += String.fromCharCode(i | ((i + 1) << 8));
    const out = new Int32Array(2);
    hashKey(secret, text, out);
    return Buffer.from(out.buffer).toString('hex');
  };

  it('is HalfSipHash-2-4 with 64 bits, as published with its reference implementation', () => {
    expect(of(0)).toBe('218d1f59b9b83cc8');
    expect(of(2)).toBe('064f39ef7c50eb57');
    expect(of(4)).toBe('d5e78a175be52ea1');
    expect(of(6)).toBe('ce3e91358aa2bc25');
    expect(of(8)).toBe('edfee820bce4858c');
    expect(of(62)).toBe('f90b3ab572d46693');
  });

  it('is another one under another secret', () => {
    const out = new Int32Array(4);
    hashKey([1, 2], 'order/17', out.subarray(0, 2));
    hashKey([1, 3], 'order/17', out.subarray(2));
    expect(out[0]).not.toBe(out[2]);
    expect(out[1]).not.toBe(out[3]);
  });
});
