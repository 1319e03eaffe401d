import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileGlob } from './glob.ts';

function covers(pattern: string, path: string): boolean {
  const glob = compileGlob(pattern);
  if (!glob.ok) throw new Error(`${pattern} ${glob.why}`);
  return glob.matches(path);
}

function literal(pattern: string): boolean {
  const glob = compileGlob(pattern);
  return glob.ok && glob.literal;
}

describe('a glob', () => {
  it.each([
    ['src/*.ts', 'src/a.ts', true],
    ['src/*.ts', 'src/deep/a.ts', false],
    ['src/**', 'src/deep/a.ts', true],
    ['src/**', 'src', false],
    ['src/**', 'srcs/a.ts', false],
    ['src/**/*.ts', 'src/a.ts', true],
    ['src/**/*.ts', 'src/x/y/a.ts', true],
    ['**/test/**', 'packages/a/test/b.js', true],
    ['**/test/**', 'test/b.js', true],
    ['**/test/**', 'latest/b.js', false],
    ['**', '.github/workflows/ci.yml', true],
    ['**/a', 'b/xa', false],
    ['src/a**b', 'src/aXXb', true],
    ['src/a**b', 'src/aX/Xb', false],
    ['src/', 'src/deep/a.ts', true],
    ['src/', 'src', false],
    ['./src/parser', 'src/parser/lexer.ts', true],
    ['src/parser', 'src/parser', true],
    ['src/parser', 'src/parser2.ts', false],
    ['packages/*/src', 'packages/a/src/b.ts', true],
    ['src/?.ts', 'src/é.ts', true],
    ['src/?.ts', 'src/🎈.ts', true],
    ['src/?.ts', 'src//.ts', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[!a-c]x', 'dx', true],
    ['a[!b]c', 'a/c', false],
    ['[]]x', ']x', true],
    ['src/{a,b/{c,d}}.ts', 'src/b/d.ts', true],
    ['src/{a,b/{c,d}}.ts', 'src/b.ts', false],
    ['{src,test}/**', 'test/x', true],
    ['docs/\\*.md', 'docs/*.md', true],
    ['docs/\\*.md', 'docs/a.md', false],
    ['caf\u00e9/**', 'cafe\u0301/menu', true],
  ])('%s on %s: %s', (pattern, path, expected) => {
    expect(covers(pattern, path)).toBe(expected);
  });

  it.each([
    ['', 'is empty'],
    ['!src/**', 'cannot take away'],
    ['/etc/passwd', 'relative to the top'],
    ['src/../../x', 'leaves the repository'],
    ['{..,a}/x', 'leaves the repository'],
    ['{a,b', 'without }'],
    ['a}', 'without {'],
    ['[a', 'without ]'],
    ['a\\', 'backslash'],
    ['[z-a]', 'backwards'],
    ['{a,b}'.repeat(7), 'alternatives'],
    ['{'.repeat(9) + '}'.repeat(9), 'deeper'],
    ['a'.repeat(1025), 'longer'],
  ])('%s is refused', (pattern, why) => {
    const glob = compileGlob(pattern);
    expect(glob.ok ? 'accepted' : glob.why).toContain(why);
  });

  it('knows whether it names one path', () => {
    expect([literal('package.json'), literal('**/package.json'), literal('{a,b}'), literal('src/')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('takes a step per character whatever the pattern: no blow-up', () => {
    for (const pattern of [
      '*a'.repeat(500),
      '**/*a/'.repeat(150),
      '**/'.repeat(300) + 'b',
      'a*'.repeat(500) + 'b',
      '[a-z]*'.repeat(150) + 'Q',
    ]) {
      const start = performance.now();
      expect(covers(pattern, 'a'.repeat(4_000) + '/' + 'a/'.repeat(48) + 'c')).toBe(false);
      expect(performance.now() - start, pattern.slice(0, 12)).toBeLessThan(5_000);
    }
  });

  it('never throws on any pattern and path', () => {
    const mean = fc.string({ unit: fc.constantFrom('*', '?', '[', ']', '{', '}', ',', '!', '-', '\\', '/', '.', 'a', 'b') });
    fc.assert(
      fc.property(fc.oneof(mean, fc.string({ unit: 'binary' })), fc.string({ unit: 'binary' }), (pattern, path) => {
        const glob = compileGlob(pattern);
        if (glob.ok) glob.matches(path);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with a plain recursive matcher on small cases', () => {
    const part = fc.constantFrom('a', 'b', '*', '?', '**', 'a*', '*b');
    const plain = (pattern: string[], path: string[]): boolean => {
      if (pattern.length === 0) return path.length === 0;
      const [head, ...tail] = pattern as [string, ...string[]];
      if (head === '**' && tail.length === 0) return path.length > 0;
      if (head === '**') return path.some((_, i) => plain(tail, path.slice(i)));
      if (path.length === 0) return false;
      const regex = new RegExp(`^${head.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`);
      return regex.test(path[0]!) && plain(tail, path.slice(1));
    };
    fc.assert(
      fc.property(
        fc.array(part, { minLength: 1, maxLength: 4 }),
        fc.array(fc.constantFrom('a', 'b', 'ab', 'ba'), { minLength: 1, maxLength: 4 }),
        (pattern, path) => {
          const below = /[*?]/.test(pattern.at(-1)!) ? [] : [[...pattern, '**']];
          const expected = [pattern, ...below].some((one) => plain(one, path));
          expect(covers(pattern.join('/'), path.join('/'))).toBe(expected);
        },
      ),
      { numRuns: 500 },
    );
  });
});
