import classic from 'typescript-classic';
import { describe, expect, it } from 'vitest';
import { withTypes } from './annotate.ts';

const first = (type: string, optional = false) => ({
  kind: 'function' as const,
  place: 0,
  parameters: [{ index: 0, type, optional, rest: false }],
});
const written = (text: string, type = 'string', path = 'x.js'): string => withTypes(classic, path, text, [first(type)]);

describe('a type is written as the authors would', () => {
  it.each([
    ['above a function', 'function f (a) {\n}\n', '/**\n * @param {string} a\n */\nfunction f (a) {\n}\n'],
    ['on one line above a short arrow', 'const f = a => a\n', '/** @param {string} a */\nconst f = a => a\n'],
    [
      'in the indentation of a member',
      'class A {\n\tf (a) {\n\t}\n}\n',
      'class A {\n\t/** @param {string} a */\n\tf (a) {\n\t}\n}\n',
    ],
    [
      'with the line ends of the file',
      'function f (a) {\r\n}\r\n',
      '/**\r\n * @param {string} a\r\n */\r\nfunction f (a) {\r\n}\r\n',
    ],
    [
      'into a block that is there',
      '/**\n * Says.\n */\nfunction f (a) {}\n',
      '/**\n * Says.\n *\n * @param {string} a\n */\nfunction f (a) {}\n',
    ],
    [
      'before the result',
      '/**\n * Says.\n * @returns {void}\n */\nfunction f (a) {}\n',
      '/**\n * Says.\n * @param {string} a\n * @returns {void}\n */\nfunction f (a) {}\n',
    ],
    [
      'into a block of one line',
      '/** Says. */\nfunction f (a) {}\n',
      '/**\n * Says.\n *\n * @param {string} a\n */\nfunction f (a) {}\n',
    ],
    [
      'into a tag without a type',
      '/**\n * @param a - the first\n */\nfunction f (a) {}\n',
      '/**\n * @param {string} a - the first\n */\nfunction f (a) {}\n',
    ],
    [
      'above what tells a tool about the next line',
      '// Why.\n// eslint-disable-next-line no-x\nfunction f (a) {}\n',
      '// Why.\n/** @param {string} a */\n// eslint-disable-next-line no-x\nfunction f (a) {}\n',
    ],
    ['below a comment for people', '// Why.\nfunction f (a) {}\n', '// Why.\n/** @param {string} a */\nfunction f (a) {}\n'],
    ['nowhere, where a block would not count', 'run(function (a) {})\n', 'run(function (a) {})\n'],
    [
      'nowhere, where the comment of the class describes it',
      '/**\n * @param {string} a the name\n */\nclass A {\n  constructor (a) {\n  }\n}\n',
      '/**\n * @param {string} a the name\n */\nclass A {\n  constructor (a) {\n  }\n}\n',
    ],
    [
      'nowhere, where a type is',
      '/** @param {number} a */\nfunction f (a) {}\n',
      '/** @param {number} a */\nfunction f (a) {}\n',
    ],
  ])('%s', (_, before, after) => {
    expect(written(before)).toBe(after);
  });

  it('in TypeScript beside the parameter, with the parentheses that it needs', () => {
    expect(written('const f = a => a', 'string', 'x.ts')).toBe('const f = (a: string) => a');
    expect(withTypes(classic, 'x.ts', 'function f (a) {}', [first('string', true)])).toBe('function f (a?: string) {}');
  });

  it('twice the same as once', () => {
    const once = written('function f (a) {\n}\n');
    expect(written(once)).toBe(once);
  });
});
