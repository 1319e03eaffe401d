import { expect, test } from 'vitest';
import { titleBeside } from './titles.ts';

test('a title is left out only where the id says the same', () => {
  expect(titleBeside('fix-the-parser', 'Fix the parser!')).toBe('');
  expect(titleBeside('T1', 'Fix the parser')).toBe('Fix the parser');
  expect(titleBeside('speed-up-the', 'Speed up the lexer')).toBe('Speed up the lexer');
  expect(titleBeside('x', 'red\u001b[31m')).toBe('red');
});
