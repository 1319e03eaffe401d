import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { json } from '../../test/fixtures/envelopes.ts';
import { concat, utf8 } from '../kernel/index.ts';
import { findProblem, parseForeignJson } from './depth.ts';
import { DEPTH_MAX, FRAME_BYTES_MAX, KEYS_MAX, STRING_BYTES_MAX } from './limits.ts';

const parse = (text: string): unknown => {
  const parsed = parseForeignJson(utf8(text));
  return parsed.ok ? { value: parsed.value } : `${parsed.refusal.reason}: ${parsed.refusal.detail}`;
};
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
const wide = (keys: number): string => `{${Array.from({ length: keys }, (_, i) => `"k${i}":0`).join()}}`;

describe('JSON of foreigners', () => {
  it('is what JSON.parse makes of it, where nothing speaks against it', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2), (value, indent) => {
        expect(parse(JSON.stringify(value, null, indent))).toEqual({ value });
      }),
    );
  });

  it.each<[string, string, string, RegExp]>([
    ['64 levels', nested(DEPTH_MAX), nested(DEPTH_MAX + 1), /deeper than 64 levels/],
    [
      '64 levels of objects',
      `${'{"a":'.repeat(64)}0${'}'.repeat(64)}`,
      `${'{"a":'.repeat(65)}0${'}'.repeat(65)}`,
      /deeper than 64/,
    ],
    ['1,024 keys in one object', wide(KEYS_MAX), wide(KEYS_MAX + 1), /more than 1024 keys/],
    [
      'strings of 256 KiB',
      `"${'x'.repeat(STRING_BYTES_MAX)}"`,
      `"${'x'.repeat(STRING_BYTES_MAX + 1)}"`,
      /262145 bytes, the limit is 262144/,
    ],
    [
      'strings of 256 KiB behind escapes',
      `"${'\\n'.repeat(STRING_BYTES_MAX)}"`,
      `"${'\\n'.repeat(STRING_BYTES_MAX)}x"`,
      /262145 bytes/,
    ],
    ['characters of three bytes, escaped', `"${'\\u20ac'.repeat(87_381)}x"`, `"${'\\u20ac'.repeat(87_381)}xx"`, /262145 bytes/],
    [
      'pairs of surrogates, escaped',
      `"${'\\ud83d\\ude00'.repeat(65_536)}"`,
      `"${'\\ud83d\\ude00'.repeat(65_536)}x"`,
      /262145 bytes/,
    ],
    ['1 MiB', `${' '.repeat(FRAME_BYTES_MAX - 1)}0`, `${' '.repeat(FRAME_BYTES_MAX)}0`, /1048577 bytes, the limit is 1048576/],
  ])('has at most %s', (_, fits, not, why) => {
    expect(parse(fits)).toEqual({ value: JSON.parse(fits) });
    expect(parse(not)).toMatch(why);
  });

  it('says no key twice in one object, by whatever spelling', () => {
    expect(parse('{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}')).toMatchObject({ value: { a: 1 } });
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"a":[{}],"b":{"c":1},"a":2}',
      '{"":0,"":0}',
      '{"a" : "b", "a" : "c"}',
    ]) {
      expect(parse(text), text).toMatch(/twice in one object/);
    }
    expect(parse('["a","a",{"a":"a"}]'), 'what is no key may be repeated').toEqual({ value: ['a', 'a', { a: 'a' }] });
  });

  it('has no key that would change what an object is, by whatever spelling', () => {
    for (const key of ['__proto__', 'constructor', 'prototype', '\\u005f_proto__', 'con\\u0073tructor']) {
      expect(parse(`[{"a":{"${key}":1}}]`)).toMatch(/a key named (__proto__|constructor|prototype)/);
    }
    expect(parse('["__proto__",{"a":"constructor"}]')).toMatchObject({ value: ['__proto__', { a: 'constructor' }] });
  });

  it('is refused when it is no JSON or no UTF-8, and brackets inside strings count for nothing', () => {
    for (const text of [
      '',
      '{',
      '{"a"}',
      '[1,]',
      'nul',
      '"\\u12"',
      '"open',
      '{"a":1}}',
      '\u{feff}[]',
      "{'a':1}",
      '[1] [2]',
      '"\\',
      '{"\\ud8',
    ]) {
      expect(parse(text), text).toMatch(/^invalid: a JSON document was refused/);
    }
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc0, 0x80, 0x22],
      [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d],
    ]) {
      expect(parseForeignJson(Uint8Array.from(bytes)).ok).toBe(false);
    }
    expect(parse(JSON.stringify('['.repeat(1000)))).toEqual({ value: '['.repeat(1000) });
    expect(parse(JSON.stringify({ '\\"{[': '\\' }))).toEqual({ value: { '\\"{[': '\\' } });
  });

  it('never throws, whatever the bytes', () => {
    const piece = fc
      .constantFrom('{', '}', '[', ']', '"', '\\', ',', ':', '"a"', '\\u00', '1', 'é', ' ', 'true')
      .map((text) => utf8(text));
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.uint8Array({ maxLength: 4 })), { maxLength: 40 }), (parts) => {
        const bytes = concat(...parts);
        const parsed = parseForeignJson(bytes);
        if (parsed.ok) expect(parsed.value).toEqual(JSON.parse(new TextDecoder().decode(bytes)));
      }),
      { numRuns: 1000 },
    );
  });

  it('is looked through in one pass, whatever a million bytes are made of', () => {
    for (const unit of ['[', '"', '\\"', '{"a":', '"a",', '\\u0061']) {
      const bytes = utf8(`["${unit.repeat(Math.floor(1_000_000 / unit.length))}`);
      const start = process.cpuUsage().user;
      findProblem(bytes);
      expect((process.cpuUsage().user - start) / 1e6, unit).toBeLessThan(1);
    }
  });
});
