import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { languageOf, lengthLanguage, patternOfWords, stringsIncluded } from './pattern.ts';

const included = (inner: string, outer: string): unknown => stringsIncluded([languageOf(inner)!], languageOf(outer));

describe('patterns as languages', () => {
  it.each([
    ['^a$', 'a', { answer: 'yes' }],
    ['a', '^a$', { answer: 'no', example: expect.any(String) }],
    ['^[0-9a-f]{40}$', '^[0-9a-f]{40}([0-9a-f]{24})?$', { answer: 'yes' }],
    ['^\\w+$', '^[A-Za-z0-9_]+$', { answer: 'yes' }],
    ['^[^a]$', '^.$', { answer: 'no', example: '\n' }],
    ['^(?:ab)*$', '^(a|b)*$', { answer: 'yes' }],
    ['^(a|b)*$', '^(ab)*$', { answer: 'no', example: expect.any(String) }],
    ['^a|b$', 'a|b', { answer: 'yes' }],
    ['^\\u0041\\x42$', '^AB$', { answer: 'yes' }],
    ['^(0|[1-9][0-9]*)$', '^[0-9]+$', { answer: 'yes' }],
    ['^[a-c-]$', '^[-abc]$', { answer: 'yes' }],
    ['^a{2,}?$', '^aa+$', { answer: 'yes' }],
    ['[]', '^x$', { answer: 'yes' }],
  ])('%s in %s', (inner, outer, answer) => {
    expect(included(inner, outer)).toEqual(answer);
  });

  it.each(['(a)\\1', '^(?=a)', '\\bword', '(?<n>a)', '\\p{L}', '^(^a)$', 'a{3000}', '(a{1000}){1000}', '[b-a]', 'a**', '\\q'])(
    'knows that it does not know %s',
    (pattern) => expect(languageOf(pattern)).toBeNull(),
  );

  it('counts lengths in characters, together with patterns', () => {
    expect(stringsIncluded([languageOf('^[ab]+$')!, lengthLanguage(0, 3)!], languageOf('^[ab]{1,3}$'))).toEqual({
      answer: 'yes',
    });
    expect(stringsIncluded([languageOf('^[ab]+$')!, lengthLanguage(0, 0)!], null)).toEqual({ answer: 'yes' });
  });

  it('writes words as a pattern that means exactly them', () => {
    const words = ['a.b', '[x]', 'a|b', '', '\\', '^$', '(1+1)*{2}?/'];
    const pattern = new RegExp(patternOfWords(words), 'u');
    expect(words.every((word) => pattern.test(word))).toBe(true);
    expect(languageOf(patternOfWords(words))).not.toBeNull();
    expect(pattern.test('axb')).toBe(false);
  });

  it('agrees with the engine: examples are in one and not in the other, and "yes" has no exception', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\d', '(a|b)', '(?:ab|)');
    const counted = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{1,2}', '{2}')).map(([part, count]) => part + count);
    const pattern = fc
      .tuple(fc.boolean(), fc.array(counted, { maxLength: 4 }), fc.boolean())
      .map(([begins, parts, ends]) => (begins ? '^' : '') + parts.join('') + (ends ? '$' : ''));
    const text = fc.array(fc.constantFrom('a', 'b', '1', '\n', 'é', '😀'), { maxLength: 6 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(pattern, pattern, fc.array(text, { minLength: 10, maxLength: 10 }), (inner, outer, texts) => {
        const said = stringsIncluded([languageOf(inner)!], languageOf(outer));
        const [one, other] = [new RegExp(inner, 'u'), new RegExp(outer, 'u')];
        if (said.answer === 'no') expect([one.test(said.example), other.test(said.example)]).toEqual([true, false]);
        if (said.answer === 'yes') for (const each of texts) expect(!one.test(each) || other.test(each)).toBe(true);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
