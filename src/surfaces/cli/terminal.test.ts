import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, cells, clean, clip, duration, money, styleFor, table } from './terminal.ts';

const style = (env: Record<string, string> = {}, over = {}): ReturnType<typeof styleFor> =>
  styleFor({ isTTY: true, columns: 80, colors: 24, ...over }, { LANG: 'C.UTF-8', ...env }, 'linux');

const anything = fc.array(fc.integer({ min: 0, max: 0x10_ff_ff })).map((codes) => String.fromCodePoint(...codes));

describe('a terminal', () => {
  test('has no colour with NO_COLOR, without a terminal, or when it is dumb', () => {
    expect(style().paint('alarm', 'x')).toBe('\u001b[38;5;202mx\u001b[0m');
    expect(style({}, { colors: 4 }).paint('conflict', 'x')).toBe('\u001b[35mx\u001b[0m');
    for (const plain of [style({ NO_COLOR: '1' }), style({ TERM: 'dumb' }), style({}, { isTTY: false, colors: 1 })])
      expect(plain.paint('alarm', 'x')).toBe('x');
    expect(style({ NO_COLOR: '' }).paint('strong', 'x')).not.toBe('x');
  });

  test('has symbols only where the locale can show them', () => {
    expect([style().unicode, style({ LC_ALL: 'C' }).unicode, style({ SKEIN_ASCII: '1' }).unicode]).toEqual([true, false, false]);
  });

  test('cannot be driven by what agents print', () => {
    const dirty = '\u001b[2J\u001b]0;owned\u0007red\u001b[31m\r\nline\u202etext\u0000';
    expect(clean(dirty)).toBe('red line text ');
    fc.assert(fc.property(anything, (text) => !/[\p{Cc}\u202a-\u202e]/u.test(clean(text))));
  });

  test('wide letters count two columns, combining ones none', () => {
    expect([cells('abc'), cells('日本'), cells('e\u0301'), cells('👍')]).toEqual([3, 4, 1, 2]);
  });

  test('a table never grows beyond its width while a column can give way', () => {
    const word = fc.string({ maxLength: 60 }).map((text) => clean(text));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), fc.constantFrom(60, 80, 120), (titles, width) => {
        const rows = titles.map((title) => [{ text: '+' }, { text: 'T1' }, { text: title }, { text: '1 file' }]);
        for (const line of table({ ...style({ NO_COLOR: '1' }), width }, rows, [2]))
          expect(cells(line)).toBeLessThanOrEqual(width);
      }),
    );
    expect(clip(style(), 'speed up the lexer', 10)).toBe('speed up …');
    expect(clip(style({ SKEIN_ASCII: '1' }), 'speed up the lexer', 10)).toBe('speed u...');
  });

  test('figures read as people say them', () => {
    expect([duration(800), duration(3100), duration(252_000), duration(600_000), duration(7_500_000)]).toEqual([
      '800 ms',
      '3.1 s',
      '4 min 12 s',
      '10 min',
      '2 h 5 min',
    ]);
    expect([money(0), money(420_000), money(1234), money(5_000_000)]).toEqual(['$0.00', '$0.42', '$0.0012', '$5.00']);
    expect([bytes(null), bytes(999), bytes(1_200_000_000)]).toEqual(['unknown', '999 B', '1.2 GB']);
  });
});
