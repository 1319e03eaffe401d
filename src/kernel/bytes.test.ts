import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, equalBytes, fromHex, fromUtf8, hex, utf8, utf8Into } from './bytes.ts';

const bytes = fc.uint8Array({ maxLength: 64 });

describe('bytes', () => {
  it('come back from hexadecimal as they were', () => {
    fc.assert(fc.property(bytes, (content) => equalBytes(fromHex(hex(content))!, content)));
    expect(hex(new Uint8Array([0, 1, 0xab, 255]))).toBe('0001abff');
  });

  it('are not read from text that is no lower-case hexadecimal', () => {
    expect(fromHex('abc')).toBeNull();
    expect(fromHex('AB')).toBeNull();
    expect(fromHex('0g')).toBeNull();
    expect(fromHex('')).toEqual(new Uint8Array(0));
  });

  it('come back from UTF-8 text as they were, also after a leading byte order mark', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => fromUtf8(utf8(text)) === text));
    expect(fromUtf8(utf8('\uFEFFhello'))).toBe('\uFEFFhello');
  });

  it('are written where they belong, whole characters only', () => {
    const into = new Uint8Array(6);
    expect(utf8Into('a€é', into)).toBe(6);
    expect(fromUtf8(into)).toBe('a€é');
    expect(utf8Into('€é', into.subarray(0, 4)), 'the last one has no room').toBe(3);
  });

  it('that are not UTF-8 are refused', () => {
    expect(() => fromUtf8(new Uint8Array([0xc3, 0x28]))).toThrow(TypeError);
  });

  it('are equal exactly when their hexadecimal is equal', () => {
    fc.assert(fc.property(bytes, bytes, (a, b) => equalBytes(a, b) === (hex(a) === hex(b))));
  });

  it('are joined in order', () => {
    fc.assert(fc.property(fc.array(bytes), (parts) => hex(concat(...parts)) === parts.map(hex).join('')));
  });
});
