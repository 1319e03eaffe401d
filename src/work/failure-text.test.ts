import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { work } from '../contracts/index.ts';
import { FAILURE_MAX, failureText } from './failure-text.ts';

const verdict = (change: Partial<work.CheckVerdict> = {}): work.CheckVerdict => ({
  check: 'npm test',
  status: 'red',
  cause: '',
  exitCode: 1,
  tests: null,
  counts: null,
  findings: [],
  durationMs: 1,
  cached: false,
  tail: '',
  output: null,
  ...change,
});
const failed: work.Violation = { rule: 'test-failed', detail: 'npm test: parses an empty file' };
const bytes = (text: string): number => new TextEncoder().encode(text).length;

describe('the text of a failure', () => {
  it('names rules, advice, kept edits and the exact output', () => {
    const text = failureText({
      violations: [failed, { rule: 'outside-claim', detail: 'docs/a.md' }],
      verdicts: [
        verdict({ tail: 'not ok 1 - parses an empty file\n# fail 1' }),
        verdict({ check: 'npm run lint', tail: 'was red before' }),
      ],
      edits: { kept: true, files: ['src/a.ts', 'docs/a.md'] },
    });
    expect(text).toBe(
      [
        'The change was refused:',
        '- test-failed: npm test: parses an empty file',
        '- outside-claim: docs/a.md',
        '',
        'What to do:',
        '- Repair the code so that the test passes; do not change what the test demands.',
        '- Undo the edits of files that this task may not change.',
        '',
        'Your edits were kept, the workspace holds them: src/a.ts, docs/a.md.',
        '',
        'Output of `npm test` (exit code 1):',
        '```',
        'not ok 1 - parses an empty file',
        '# fail 1',
        '```',
      ].join('\n'),
    );
  });

  it('says that edits were taken back, and where a conflict is', () => {
    const text = failureText({ violations: [], conflicts: ['src/a.ts'], edits: { kept: false, files: ['src/a.ts'] } });
    expect(text).toContain('In conflict: src/a.ts.');
    expect(text).toContain('Your edits were taken back, these files are as they were before: src/a.ts.');
  });

  it('keeps the first failure and the last lines of a long output', () => {
    const good = Array.from({ length: 20_000 }, (_, i) => `ok ${i} - case`).join('\n');
    const output = `${good}\nnot ok 20000 - the cause\n  expected 1, got 2\n${good}\nnot ok 40000 - a consequence\n${good}\n# tests 60002, failed 2`;
    const text = failureText({ violations: [failed], verdicts: [verdict({ tail: 'short' })], outputs: { 'npm test': output } });
    expect(text).toContain('not ok 20000 - the cause\n  expected 1, got 2');
    expect(text).toContain('characters left out]');
    expect(text.endsWith('# tests 60002, failed 2\n```')).toBe(true);
    expect(bytes(text)).toBeLessThanOrEqual(FAILURE_MAX);
    expect(bytes(text)).toBeGreaterThan(FAILURE_MAX - 200);
  });

  it('has no colours and no control characters, and a fence that its content cannot close', () => {
    const tail = '\u001b[31mFAIL\u001b[0m a\r\n````\nb\u0000\u0007';
    const text = failureText({ violations: [failed], verdicts: [verdict({ tail })] });
    expect(text).toContain('`````\nFAIL a\n````\nb\n`````');
  });

  it('leaves out output that has nothing to do with the refusal', () => {
    const text = failureText({
      violations: [{ rule: 'lock-file', detail: 'yarn.lock' }],
      verdicts: [verdict({ tail: 'old trouble' })],
    });
    expect(text).not.toContain('old trouble');
  });

  it('stays within 16 KiB and never throws, whatever is in it', () => {
    const any = fc.string({ unit: 'binary', maxLength: 200 });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 100 }), any, fc.nat(400), fc.array(any), (details, tail, factor, files) => {
        const text = failureText({
          violations: details.map((detail) => ({ rule: 'test-failed', detail })),
          verdicts: details.slice(0, 6).map((check) => verdict({ check, tail: tail.repeat(factor) })),
          edits: { kept: false, files },
          conflicts: files,
        });
        expect(bytes(text)).toBeLessThanOrEqual(FAILURE_MAX);
        expect(text).not.toMatch(/\p{Surrogate}/u);
      }),
    );
  });
});
