import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../kernel/index.ts';
import { canonicalWith } from './batch.ts';

it('an object with one field as text is the same canonical JSON as the object with that field as a value', () => {
  const value = fc.jsonValue({ noUnicodeString: false, maxDepth: 4 }).filter((one) => {
    try {
      canonicalJson(one);
      return true;
    } catch {
      return false; // a float
    }
  });
  const rest = fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    value,
  );
  fc.assert(
    fc.property(rest, fc.constantFrom('data', 'payload', 'a', ''), value, (object, field, inner) => {
      const plain = { ...object, gone: undefined };
      expect(canonicalWith(plain, field, canonicalJson(inner))).toBe(canonicalJson({ ...plain, [field]: inner }));
    }),
  );
});
