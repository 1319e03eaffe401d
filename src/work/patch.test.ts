import { describe, expect, it } from 'vitest';
import { readPatch } from './patch.ts';

describe('a patch', () => {
  it('numbers added lines by the new file and keeps what looks like a header inside a hunk', () => {
    const patch = readPatch(
      'diff --git a/a.sql b/a.sql\nindex 1..2 100644\n--- a/a.sql\n+++ b/a.sql\n@@ -3,3 +3,3 @@\n keep\n--- old comment\n+++ new\n keep\n' +
        'diff --git a/b b/b\nnew file mode 100644\n--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n',
    );
    expect(patch.paths).toEqual(['a.sql', 'b']);
    expect(patch.added).toEqual([
      { path: 'a.sql', number: 4, text: '++ new' },
      { path: 'b', number: 1, text: 'x' },
    ]);
    expect(patch.removed).toEqual([{ path: 'a.sql', text: '-- old comment' }]);
  });

  it('reads quoted names, names with blanks, and carriage returns', () => {
    const patch = readPatch(
      'diff --git "a/caf\\303\\251 \\"x\\".ts" "b/caf\\303\\251 \\"x\\".ts"\n--- "a/caf\\303\\251 \\"x\\".ts"\n+++ "b/caf\\303\\251 \\"x\\".ts"\n@@ -1 +1 @@\n-a\r\n+b\r\n' +
        'diff --git a/with blank.ts b/with blank.ts\n--- a/with blank.ts\t\n+++ b/with blank.ts\t\n@@ -1,0 +2 @@\n+c\n',
    );
    expect(patch.paths).toEqual(['café "x".ts', 'with blank.ts']);
    expect(patch.added.map((line) => line.text)).toEqual(['b', 'c']);
  });

  it('knows both ends of a rename, the target of a copy, a change of mode, a binary and a link', () => {
    const patch = readPatch(
      'diff --git a/old name b/new name\nsimilarity index 90%\nrename from old name\nrename to new name\n' +
        'diff --git a/x b/y\ncopy from x\ncopy to y\n' +
        'diff --git a/run b/run\nold mode 100644\nnew mode 100755\n' +
        'diff --git a/i.png b/i.png\nBinary files a/i.png and b/i.png differ\n' +
        'diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\\ No newline at end of file\n' +
        'diff --git a/sub b/sub\nnew file mode 160000\n--- /dev/null\n+++ b/sub\n@@ -0,0 +1 @@\n+Subproject commit 1\n',
    );
    expect(patch.paths).toEqual(['old name', 'new name', 'y', 'run', 'i.png', 'l', 'sub']);
    expect(patch.links).toEqual(['l', 'sub']);
  });

  it('of garbage is empty', () => {
    expect(readPatch('@@ nothing @@\n+not a diff\n')).toEqual({ paths: [], added: [], removed: [], links: [] });
  });
});
