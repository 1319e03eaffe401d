import { describe, expect, test } from 'vitest';
import { readDiff } from './diff.ts';
import { tellTale } from './tell-tale.ts';

const change = readDiff(
  'diff --git a/lib/a.js b/lib/a.js\n--- a/lib/a.js\n+++ b/lib/a.js\n@@ -7,3 +7,4 @@\n one\n+// eslint-disable-next-line no-empty\n-two\n+two()\n three\n',
);
const hitOf = (found: ReturnType<typeof tellTale>): string | undefined => found?.lines.find((line) => line.hit)?.text;

describe('what gave an attempt away', () => {
  test('is the added line that the refusal quotes, with its neighbours', () => {
    const found = tellTale('lib/a.js: // eslint-disable-next-line no-empty', change, '');
    expect([found?.at, hitOf(found)]).toEqual(['lib/a.js:8', '// eslint-disable-next-line no-empty']);
    expect(found?.lines[0]).toMatchObject({ text: 'one', mark: ' ' });
  });

  test('is the line whose number the refusal names, of the new file', () => {
    expect(hitOf(tellTale('lib/a.js:9: not true, called with a string', change, ''))).toBe('two()');
  });

  test('is what the check printed about the test that failed, else the first failure in it', () => {
    const output = 'ok 1 - starts\nnot ok 2 - parses nothing\n  expected 1, got 2\n';
    const found = tellTale('npm test: suite > parses nothing', [], output);
    expect([found?.at, hitOf(found)]).toEqual(['what the check printed', 'not ok 2 - parses nothing']);
    expect(hitOf(tellTale('npm run build: exit code 1', [], 'building\nsrc/a.ts(1,2): error TS2322: no\n'))).toContain('TS2322');
  });

  test('is nothing where no line can be found: the refusal stands alone', () => {
    expect(tellTale('package-lock.json', change, '')).toBeNull();
    expect(tellTale('lib/a.json: something', change, 'all is well')).toBeNull();
  });
});
