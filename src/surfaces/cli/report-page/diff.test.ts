import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readDiff, type Row } from './diff.ts';

const head = (path: string): string => `diff --git a/${path} b/${path}\nindex 1..2 100644\n--- a/${path}\n+++ b/${path}\n`;
const text = (side: Row['before']): string | null => (side === null ? null : side.parts.map((part) => part.text).join(''));
const shown = (rows: readonly Row[]): unknown[] => rows.map(({ before, after }) => [text(before), text(after)]);

describe('a diff as two sides', () => {
  test('a line that changed stands beside what it was, below lines that were put before it', () => {
    const [file] = readDiff(
      `${head('a.js')}@@ -1,2 +1,5 @@ class A {\n keep\n-function end (data) {\n+/**\n+ * @param {string} data\n+ */\n+function end (data = '') {\n`,
    );
    expect(file).toMatchObject({ path: 'a.js', status: 'modified', added: 4, removed: 1 });
    const { rows, head: where } = file!.hunks[0]!;
    expect(where).toBe('class A {');
    expect(shown(rows)).toEqual([
      ['keep', 'keep'],
      [null, '/**'],
      [null, ' * @param {string} data'],
      [null, ' */'],
      ['function end (data) {', "function end (data = '') {"],
    ]);
    expect(rows[4]!.after!.parts.filter((part) => part.differs).map((part) => part.text)).toEqual([" = ''"]);
    expect(rows[4]!.before!.number).toBe(2);
    expect(rows[4]!.after!.number).toBe(5);
  });

  test('files that are new, gone, moved or binary say so', () => {
    const files = readDiff(
      [
        'diff --git a/n b/n\nnew file mode 100644\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x',
        'diff --git a/g b/g\ndeleted file mode 100644\n--- a/g\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n\\ No newline at end of file',
        'diff --git a/old b/new\nsimilarity index 100%\nrename from old\nrename to new',
        'diff --git a/b.png b/b.png\nindex 1..2\nBinary files a/b.png and b/b.png differ\n',
      ].join('\n'),
    );
    expect(files.map(({ path, from, status, added, removed }) => [path, from, status, added, removed])).toEqual([
      ['n', null, 'added', 1, 0],
      ['g', null, 'deleted', 0, 1],
      ['new', 'old', 'moved', 0, 0],
      ['b.png', null, 'binary', 0, 0],
    ]);
  });

  test('a line of a file that looks like a header stays a line', () => {
    const [file, ...more] = readDiff(`${head('a')}@@ -0,0 +1,2 @@\n+diff --git a/x b/x\n+@@ -1 +1 @@\n`);
    expect(more).toEqual([]);
    expect(shown(file!.hunks[0]!.rows)).toEqual([
      [null, 'diff --git a/x b/x'],
      [null, '@@ -1 +1 @@'],
    ]);
  });

  test('every line of any change is there once, in order, on its side', () => {
    const line = fc.constantFrom('a b c d', 'a b c e', 'x', '', 'a b c d e f');
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), fc.array(line, { maxLength: 8 }), (removed, added) => {
        fc.pre(removed.length + added.length > 0);
        const body = [...removed.map((each) => `-${each}`), ...added.map((each) => `+${each}`)].join('\n');
        const rows = readDiff(`${head('a')}@@ -1,${removed.length} +1,${added.length} @@\n${body}\n`)[0]!.hunks[0]!.rows;
        expect(rows.flatMap(({ before }) => (before === null ? [] : [text(before)]))).toEqual(removed);
        expect(rows.flatMap(({ after }) => (after === null ? [] : [text(after)]))).toEqual(added);
        expect(rows.flatMap(({ before }) => before?.number ?? [])).toEqual(removed.map((_, i) => i + 1));
      }),
    );
  });

  test('what is no diff is no file, and never an error', () => {
    expect(readDiff('')).toEqual([]);
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (noise) => void readDiff(`${head('a')}@@ -1,9 +1,9 @@\n${noise}`)));
  });
});
