import { describe, expect, test } from 'vitest';
import { readDiff } from './diff.ts';
import { inChange, inOutput } from './tell-tale.ts';

const change = readDiff(
  'diff --git a/lib/a.js b/lib/a.js\n--- a/lib/a.js\n+++ b/lib/a.js\n@@ -7,3 +7,4 @@\n one\n+// eslint-disable-next-line no-empty\n-two\n+two()\n three\n',
);
const hitOf = (found: ReturnType<typeof inChange>): string | undefined => found?.lines.find((line) => line.hit)?.text;

describe('what gave an attempt away', () => {
  test('is the added line that the refusal quotes, with its neighbours', () => {
    const found = inChange('lib/a.js: // eslint-disable-next-line no-empty', change);
    expect([found?.at, hitOf(found)]).toEqual(['lib/a.js:8', '// eslint-disable-next-line no-empty']);
    expect(found?.lines[0]).toMatchObject({ text: 'one', mark: ' ' });
  });

  test('is the line whose number the refusal names, of the new file', () => {
    expect(hitOf(inChange('lib/a.js:9: not true, called with a string', change))).toBe('two()');
  });

  test('is what the check printed about the test that failed, else the first failure in it', () => {
    const printed = (check: string, text: string): string =>
      `The change was refused:\n- test-failed: ${check}: suite > parses nothing\n\nOutput of \`${check}\` (exit code 1):\n\`\`\`\n${text}\n\`\`\``;
    const found = inOutput(
      ['npm test: suite > parses nothing'],
      printed('npm test', 'ok 1 - parses nothing yet\nnot ok 2 - parses nothing\n  expected 1, got 2'),
    );
    expect([found?.at, hitOf(found)]).toEqual(['what npm test printed', 'not ok 2 - parses nothing']);
    expect(hitOf(inOutput(['make: exit code 1'], printed('make', 'cc\nsrc/a.ts(1,2): error TS2322: no')))).toContain('TS2322');
  });

  test('is nothing where no line can be found: the refusal stands alone', () => {
    expect(inChange('package-lock.json', change)).toBeNull();
    expect(inChange('lib/a.json: something', change)).toBeNull();
    expect(inOutput(['npm test: exit code 1'], 'The change was refused:\n- green-turned-red: npm test: exit code 1')).toBeNull();
  });
});
