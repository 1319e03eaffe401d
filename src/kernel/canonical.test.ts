import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from './assert.ts';
import { assertCanonical, canonicalJson } from './canonical.ts';

const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: 'binary', maxLength: 4 }), tie('value'), { maxKeys: 4 }),
  ),
})).value;

/** The same value with every object's keys written in the opposite order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).toReversed();
  return Object.fromEntries(entries.map(([key, each]) => [key, reversed(each)]));
}

describe('canonical JSON', () => {
  it('is the same text in whatever order the keys were written', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(reversed(value)) === canonicalJson(value)));
  });

  it('is JSON that reads back as the same value', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it('sorts by code units and leaves out fields that are undefined', () => {
    expect(canonicalJson({ b: 1, a: [true, null], é: 'x', B: undefined, _: -0 })).toBe('{"_":0,"a":[true,null],"b":1,"é":"x"}');
  });

  it.each([
    ['a float', 0.5],
    ['an integer that is not exact', 2 ** 53],
    ['not a number', Number.NaN],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', Array.from({ length: 3 }).fill(1, 1, 2)],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a big integer', 1n],
    ['a date, which would become {}', new Date(0)],
    ['a map, which would become {}', new Map([[1, 2]])],
    ['bytes, which would become an object of indices', new Uint8Array(2)],
  ])('refuses %s', (_name, value) => {
    expect(() => canonicalJson(value)).toThrow(InvariantError);
    expect(() => canonicalJson({ nested: [value] })).toThrow(InvariantError);
    expect(() => assertCanonical(value)).toThrow(InvariantError);
    expect(() => assertCanonical({ nested: [value] })).toThrow(InvariantError);
  });

  it('refuses a cycle and a depth above 64', () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => canonicalJson(cycle)).toThrow('depth of 64');
    const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);
    expect(canonicalJson(nested(64))).toContain('[1]');
    expect(() => canonicalJson(nested(65))).toThrow('depth of 64');
    expect(() => assertCanonical(nested(64))).not.toThrow();
    expect(() => assertCanonical(nested(65))).toThrow('depth of 64');
    expect(() => assertCanonical(cycle)).toThrow('depth of 64');
  });
});
