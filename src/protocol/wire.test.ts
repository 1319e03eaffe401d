import fc from 'fast-check';
import { type TSchema, Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { orderNumber, RouteOrder, valueUnderSchema } from '../../test/fixtures/envelopes.ts';
import { hex, utf8 } from '../kernel/index.ts';
import { defineContract } from './contract.ts';
import { KEYS_MAX, STRING_BYTES_MAX } from './limits.ts';
import { ANY_SHAPE, compileShape, type Shape } from './wire.ts';
import { Reader, Writer } from './wire-lanes.ts';

const shapeOf = (schema: TSchema): Shape => compileShape(defineContract('a.event.b.v1', schema));

/** Both lanes, or why it could not be written. */
function written(shape: Shape, value: unknown): { numbers: Uint8Array; text: Uint8Array } | string {
  const to = new Writer();
  if (!shape.write(value, to)) return to.problem;
  const numbers = to.bytes.slice(0, to.at);
  const start = to.at;
  return to.flushText() < 0 ? to.problem : { numbers, text: to.bytes.slice(start, to.at) };
}

/** What the lanes say, or why they cannot be read. */
function read(
  shape: Shape,
  numbers: Uint8Array | readonly number[],
  text: Uint8Array | string = '',
): { value: unknown } | string {
  const bytes = Uint8Array.from([...numbers, ...(typeof text === 'string' ? utf8(text) : text)]);
  const from = new Reader(bytes, 0, numbers.length, numbers.length, bytes.length);
  const value = shape.read(from);
  return from.isDone ? { value } : from.problem || 'something is left over';
}

function thereAndBack(shape: Shape, value: unknown): unknown {
  const lanes = written(shape, value);
  return typeof lanes === 'string' ? lanes : read(shape, lanes.numbers, lanes.text);
}

describe('a payload on the wire', () => {
  it('comes back as it was, under whatever schema takes it', () => {
    fc.assert(
      fc.property(valueUnderSchema, ({ schema, value }) => {
        expect(thereAndBack(shapeOf(schema), value)).toEqual({ value });
      }),
      { numRuns: 500 },
    );
  });

  it('holds no field name and no type, in an order that both hosts know', () => {
    const lanes = written(compileShape(RouteOrder), orderNumber(7).data);
    if (typeof lanes === 'string') throw new Error(lanes);
    expect(hex(lanes.numbers)).toBe(
      [
        '00', // neither note nor parent
        '05', // account: 5 characters
        '45', // limits.slippage: sign and 5
        '00', // limits.urgent
        '4059500000000000', // price
        '08', // quantity, never negative
        '01', // side: the second
        '05', // symbol: 5 characters
        '020104', // two tags, of 1 and 4 characters
      ].join(''),
    );
    expect(new TextDecoder().decode(lanes.text)).toBe('acc-7SKEINafast');
  });

  it('is refused when it would not come back as it was', () => {
    const Point = Type.Object({ x: Type.Integer(), y: Type.Optional(Type.Integer()) }, { additionalProperties: false });
    const cases: [TSchema, unknown, RegExp][] = [
      [Point, { x: 1, z: 2 }, /a field that its contract does not know/],
      [Point, { y: 1 }, /the field x is missing/],
      [Point, [1], /is no object/],
      [Point, { x: 1.5 }, /is not the integer/],
      [Point, { x: 2 ** 53 }, /is not the integer/],
      [Type.Integer({ minimum: 0 }), -1, /is not the whole number/],
      [Type.Number(), Number.NaN, /no finite number/],
      [Type.Any(), Number.POSITIVE_INFINITY, /no finite number/],
      [Type.Any(), [undefined], /undefined, which JSON does not have/],
      [Type.Any(), { a: new Map() }, /no plain object/],
      [Type.Any(), JSON.parse('{"__proto__":1}'), /a field named __proto__/],
      [Type.Record(Type.String(), Type.Integer()), { constructor: 1 }, /a field named constructor/],
      [Type.String(), 'half \ud800', /half a surrogate pair/],
      [Type.Array(Type.String()), ['\ud83d', '\ude00'], /half a surrogate pair/],
      [Type.String(), 'in \ud800 the middle', /half a surrogate pair/],
      [Type.Union([Type.Literal('a'), Type.Literal('b')]), 'c', /none of those/],
      [Type.Object({ toString: Type.String() }, { additionalProperties: false }), {}, /the field toString is missing/],
    ];
    for (const [schema, value, why] of cases) expect(written(shapeOf(schema), value)).toMatch(why);
    expect(thereAndBack(shapeOf(Point), { x: 1, y: undefined }), 'undefined is a field that is not there').toEqual({
      value: { x: 1 },
    });
  });

  it('is at most 64 levels deep, the envelope counted', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)]);
    expect(thereAndBack(ANY_SHAPE, nested(63))).toEqual({ value: nested(63) });
    expect(written(ANY_SHAPE, nested(64))).toMatch('deeper than 64 levels');
    const bytes = (levels: number): number[] => [...Array.from({ length: levels }, () => [6, 1]).flat(), 3, 0];
    expect(read(ANY_SHAPE, bytes(63))).toEqual({ value: nested(63) });
    expect(read(ANY_SHAPE, bytes(64))).toMatch('deeper than 64 levels');
    expect(read(ANY_SHAPE, bytes(100_000))).toMatch('deeper than 64 levels');
  });

  it('has strings of at most 256 KiB of UTF-8', () => {
    for (const [fits, not] of [
      ['x'.repeat(STRING_BYTES_MAX), 'x'.repeat(STRING_BYTES_MAX + 1)],
      ['€'.repeat(STRING_BYTES_MAX / 3), `${'€'.repeat(STRING_BYTES_MAX / 3)}é`],
    ] as const) {
      expect(thereAndBack(shapeOf(Type.String()), fits)).toEqual({ value: fits });
      expect(written(shapeOf(Type.String()), not)).toMatch('longer than 256 KiB');
      const length: number[] = [];
      for (let rest = not.length; ; rest = rest >> 7) {
        length.push(rest > 127 ? (rest & 127) | 128 : rest);
        if (rest <= 127) break;
      }
      expect(read(shapeOf(Type.String()), length, not)).toMatch('longer than 256 KiB');
    }
  });

  it('has objects of at most 1,024 fields, none of them twice', () => {
    const wide = (fields: number): unknown => Object.fromEntries(Array.from({ length: fields }, (_, i) => [`k${i}`, null]));
    for (const shape of [ANY_SHAPE, shapeOf(Type.Record(Type.String(), Type.Null()))]) {
      expect(thereAndBack(shape, wide(KEYS_MAX))).toEqual({ value: wide(KEYS_MAX) });
      expect(written(shape, wide(KEYS_MAX + 1))).toMatch('1025 fields, the limit is 1024');
    }
    expect(read(shapeOf(Type.Record(Type.String(), Type.Null())), [0x81, 0x08, 0], '')).toMatch('1025 fields');
    expect(read(ANY_SHAPE, [7, 2, 1, 0, 1, 0], 'aa')).toMatch('the same field twice');
    expect(read(ANY_SHAPE, [7, 1, 9, 0], '__proto__')).toMatch('a field named __proto__');
  });
});

describe('bytes that nobody wrote', () => {
  it('are refused: cut off, left over, or not in the one form of a number', () => {
    expect(read(shapeOf(Type.Integer()), [])).toMatch('ends too early');
    expect(read(shapeOf(Type.Integer()), [1, 1])).toMatch('left over');
    expect(read(shapeOf(Type.String()), [1], 'ab')).toMatch('left over');
    expect(read(shapeOf(Type.String()), [3], 'ab')).toMatch('longer than the text');
    expect(read(shapeOf(Type.String()), [1], Uint8Array.of(0xff))).toMatch('not UTF-8');
    expect(read(shapeOf(Type.Array(Type.String())), [2, 1, 1], '😀')).toMatch('ends inside a character');
    expect(read(shapeOf(Type.Integer({ minimum: 0 })), [0x80, 0])).toMatch('superfluous byte');
    expect(
      read(
        shapeOf(Type.Integer({ minimum: 0 })),
        Array.from({ length: 40 }, () => 0x80),
      ),
    ).toMatch('too large');
    expect(read(shapeOf(Type.Integer()), [64])).toMatch('not in its one form');
    expect(read(shapeOf(Type.Integer()), [0x80, 0])).toMatch('not in its one form');
    expect(read(shapeOf(Type.Number()), [0x7f, 0xf8, 0, 0, 0, 0, 0, 0])).toMatch('not finite');
    expect(read(shapeOf(Type.Boolean()), [2])).toMatch('none of those');
    expect(read(shapeOf(Type.Union([Type.String(), Type.Integer()])), [2, 0])).toMatch('none of the alternatives');
    expect(read(shapeOf(Type.Object({ a: Type.Optional(Type.Integer()) }, { additionalProperties: false })), [2])).toMatch(
      'claims a field',
    );
    expect(read(ANY_SHAPE, [8])).toMatch('unknown kind 8');
  });

  it('cannot claim a billion items that take no space', () => {
    const billion = [0x80, 0x94, 0xeb, 0xdc, 0x03];
    for (const item of [Type.Null(), Type.Literal('x'), Type.Object({}, { additionalProperties: false })]) {
      expect(read(shapeOf(Type.Array(item)), [6, ...billion, 0])).toMatch('ends too early');
    }
  });

  it('never throw and never take long, whatever they are', () => {
    fc.assert(
      fc.property(
        valueUnderSchema,
        fc.uint8Array({ maxLength: 40 }),
        fc.uint8Array({ maxLength: 8 }),
        ({ schema }, numbers, text) => {
          const shape = shapeOf(schema);
          const got = read(shape, numbers, text);
          if (typeof got === 'string') return;
          expect(thereAndBack(shape, got.value), 'what was accepted can be said again').toEqual(got);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
