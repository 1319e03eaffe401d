import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { taskSlug } from './names.ts';
import { linkProblem, Names, pathProblem } from './paths.ts';
import { rooted } from './base.ts';
import { fileChanges } from './take.ts';
import { trailers } from './git.ts';

describe('pathProblem', () => {
  it.each(['a', 'src/ä b.ts', '.github/ci.yml', '.gitignore', 'git~x', 'console.ts', 'a/.gitkeep', '[id]/page.tsx'])(
    'takes %s',
    (path) => {
      expect(pathProblem(path)).toBeNull();
    },
  );
  it.each([
    '.git',
    'a/.GIT/config',
    '.git ',
    '.git.',
    'git~1',
    'GIT~2/x',
    '.g\u200cit',
    '.git::$INDEX_ALLOCATION',
    'a\\b',
    'a\nb',
    'a:b',
    'nul',
    'COM1.txt',
    'a./b',
    '\uFFFD',
  ])('refuses %j', (path) => {
    expect(pathProblem(path)).not.toBeNull();
  });
});

describe('linkProblem', () => {
  it.each([
    ['a', 'b'],
    ['a/b', '../c'],
    ['a/b/c', '../../d/e'],
    ['a', './b/./c'],
    ['a/b', '..'],
  ])('takes %s -> %s', (path, target) => {
    expect(linkProblem(path, target)).toBeNull();
  });
  it.each([
    ['a', '/etc'],
    ['a', '..'],
    ['a/b', '../../c'],
    ['a', 'b/../c'],
    ['a', 'b/../../c'],
    ['a', '.git/config'],
    ['.gitattributes', 'x'],
    ['a', 'C:\\x'],
    ['a', ''],
  ])('refuses %s -> %s', (path, target) => {
    expect(linkProblem(path, target)).not.toBeNull();
  });
  it('lets no link out of the top', () => {
    const part = fc.constantFrom('..', '.', 'a', 'b', '');
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('x', 'y'), { minLength: 1, maxLength: 4 }),
        fc.array(part, { maxLength: 6 }),
        (path, target) => {
          const lands = posix.normalize(posix.join(...path.slice(0, -1), '.', target.join('/')));
          return (
            !(lands.startsWith('..') && !target.join('/').startsWith('/')) ||
            linkProblem(path.join('/'), target.join('/')) !== null
          );
        },
      ),
    );
  });
});

describe('names', () => {
  it('makes of any task id one path component that is safe in a ref and different from all others', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 1 }), (one, two) => {
        expect(taskSlug(one)).toMatch(/^[a-z0-9][a-z0-9_-]{0,49}$/);
        if (one !== two) expect(taskSlug(one)).not.toBe(taskSlug(two));
      }),
    );
    expect([taskSlug('fix-1'), taskSlug('Fix 1').slice(0, 6), taskSlug('../..').slice(0, 5)]).toEqual([
      'fix-1',
      'fix-1-',
      'task-',
    ]);
  });
  it('knows what is one name where case and Unicode form do not count, directories included', () => {
    const names = new Names();
    names.add('Docs/Ä/x.md');
    expect(
      ['docs/y.md', 'Docs/A\u0308/z', 'Docs/Ä/X.md', 'Docs/Ä/x.md', 'Docs/y.md'].map((path) => names.collision(path)),
    ).toEqual(['Docs', 'Docs/Ä', 'Docs/Ä/x.md', null, null]);
  });
});

it('rewrites the ignore rules of a directory so that they mean the same at the top', () => {
  const text = '# words\n\n*.log\n!keep.log\n/out\nsub/x\nbuild/\r\n\\#odd\n';
  expect(rooted(text, 'p[1]/q').split('\n')).toEqual([
    '',
    '',
    '/p\\[1\\]/q/**/*.log',
    '!/p\\[1\\]/q/**/keep.log',
    '/p\\[1\\]/q/out',
    '/p\\[1\\]/q/sub/x',
    '/p\\[1\\]/q/**/build/',
    '/p\\[1\\]/q/**/\\#odd',
    '',
  ]);
  expect(rooted(text, '')).toBe(text);
});

it('reads files out of a raw diff, tabs and line breaks in their names included', () => {
  const raw = [':100644 100644 a b M', 'x\ty', ':100644 100644 a a R100', 'old', 'new\nline', ':100644 100755 a a M', 'run'];
  const counts = ['1\t2\tx\ty', '0\t0\t', 'old', 'new\nline', '-\t-\trun', ''];
  const output = [...raw, ...counts].join('\0');
  expect(fileChanges(output)).toEqual([
    { path: 'x\ty', status: 'modified', added: 1, removed: 2, binary: false },
    { path: 'new\nline', status: 'renamed', added: 0, removed: 0, binary: false },
    { path: 'old', status: 'deleted', added: 0, removed: 0, binary: false },
    { path: 'run', status: 'mode', added: 0, removed: 0, binary: true },
  ]);
});

it('reads trailers from the last paragraph alone', () => {
  expect(trailers('S\n\nSkein-Task: fake 9\n\nSkein-Task: real 1\nSkein-Run: 2\n', 'Skein-Task')).toEqual(['real 1']);
});
