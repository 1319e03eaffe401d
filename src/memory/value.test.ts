import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from './lanes.ts';
import { readValue, skipValue, type Value, valueProblem, writeValue } from './value.ts';

const written = (value: Value): Uint8Array => {
  const to = new ByteWriter();
  writeValue(to, value);
  return to.taken();
};

const values = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.integer({ min: -100_000, max: 100_000 }).map((each) => each / 1000),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 4 }),
  ),
})).value;

describe('a value as bytes', () => {
  it('is read as the same value, with nothing left over, and goes past it in the same length', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = written(value);
        const [read, skipped] = [new ByteReader(bytes), new ByteReader(bytes)];
        expect(readValue(read)).toEqual(value);
        skipValue(skipped);
        expect([read.at, skipped.at, skipped.bad]).toEqual([bytes.length, bytes.length, false]);
        expect(written(readValue(new ByteReader(bytes)))).toEqual(bytes);
      }),
      { seed: 7, numRuns: 500 },
    );
  });

  it('is refused or read, never thrown at, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const from = new ByteReader(bytes);
        skipValue(from);
        if (!from.bad) expect(() => readValue(new ByteReader(bytes))).not.toThrow();
      }),
      { seed: 8, numRuns: 2000 },
    );
  });

  it('takes few bytes for what is common: short decimals, short texts, whole numbers', () => {
    expect([0.87, 'twelve chars', 1_800_000_000_000, null].map((each) => written(each).length)).toEqual([4, 13, 7, 1]);
  });

  it('says of what it cannot keep why not', () => {
    expect([NaN, Infinity, {}, undefined, [[[[[[[[[1]]]]]]]]]].map((each) => valueProblem(each))).toEqual([
      'NaN is no number that can be compared',
      'Infinity is no number that can be compared',
      'a object is no value',
      'a undefined is no value',
      'lists go 8 deep',
    ]);
  });
});
