import { describe, expect, test } from 'vitest';
import { creditOf } from '../../src/surfaces/cli/credit.ts';
import type { ReportData } from '../../src/surfaces/cli/report-page/data.ts';
import { reportPage } from '../../src/surfaces/cli/report-page/page.ts';
import { attempt, mixed, task, view } from '../cli/fake.ts';
import { bare, dataOf, nothing, rich, thousand } from './runs.ts';
import { hostile, intruders, PAYLOAD } from './hostile.ts';

const BYTES_MAX = 3_000_000;
const words = (page: string): string =>
  page
    .replaceAll(/<(style|script)>.*?<\/\1>/gs, ' ')
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('\u00a0', ' ')
    .replaceAll(/\s+/g, ' ');

describe('the report of a run', () => {
  test('says first what landed, what was refused, what is left, what passed, how long it took and what it cost', () => {
    const page = words(reportPage(rich()));
    expect(page).toContain('9 of 10 tasks landed, 1 left.');
    expect(page).toContain(
      '5 attempts were refused, among them everything that cheater and saboteur tried. 1 task needs a person. What landed passes npm test and tsc --strict (184 tests), run on exactly that commit. It took 46 s and cost nothing.',
    );
  });

  test('shows the line that gave an attempt away, and says the same reason for one task once', () => {
    const page = reportPage(rich());
    expect(page).toContain('<b>/** @param {any} data */ // eslint-disable-line</b>');
    expect(page).toContain('<b>not ok 41 - form-data &gt; sends a multipart body</b>');
    expect(page).toContain('<b>function end (/** @type {null} */ data) {</b>');
    expect(words(page)).toContain('attempt 1 by infer , attempt 2 by infer , attempt 3 by recorder ; the task is open');
  });

  test('puts detection power beside what was verified, or says that it was not measured', () => {
    expect(words(reportPage(rich()))).toMatch(/Verified means: .* Detection power: 83\.3 % \(25 of 30 operator mutants/);
    expect(words(reportPage(nothing()))).toMatch(/Verified means: .* Detection power: not measured/);
  });

  test('a run that had nothing to do says what was looked at, and that nothing was touched', () => {
    const page = words(reportPage(nothing()));
    expect(page).toContain('Nothing needs doing: both checks are green.');
    expect(page).toContain('412 tests passed. Looked for: findings that its own linter can fix; errors under its own tsconfig;');
    expect(page).toContain('No agent was started, and no file was changed.');
    expect(words(reportPage(bare()))).toContain('No check was found, so nothing can be said about this commit.');
  });

  test('every finding stands under its kind with the command that shows it, and one command stands once', () => {
    const page = reportPage(rich());
    expect(words(page)).toContain('Lines that no test would notice 2');
    expect(page.split('<code>npx eslint --fix-dry-run lib</code>')).toHaveLength(2);
  });

  test('names the ledger entries, the root and how to recompute it', () => {
    const page = words(reportPage(rich()));
    expect(page).toContain('root of 197 entries 9f3c417a7a');
    expect(page).toContain('skein verify 12');
    expect(words(reportPage(bare()))).toContain('The ledger could not be read for this page.');
  });

  test('a diff that is too long or gone is named with the command that prints it, and the limits say so', () => {
    const data = rich();
    const page = words(reportPage({ ...data, evidence: { ...data.evidence, diffs: new Map() } }));
    const commit = data.summary.tasks[0]!.commit!.slice(0, 12);
    expect(page).toContain(`Its text could not be read for this page: git show ${commit}`);
    expect(page).toContain('12 diffs too long for this page or gone');
  });

  test('unfinished, interrupted and unpaid runs are called what they are', () => {
    const data = dataOf(mixed(), new Map(), null);
    expect(words(reportPage(data))).toContain('what it cost is not known in full');
    const over = { ...data.summary, phase: 'interrupted' as const };
    expect(words(reportPage({ ...data, summary: over }))).toContain('Interrupted: 1 of 3 tasks landed, 2 left.');
  });

  test('a thousand tasks stay under 3 MB, and what is left out is counted', () => {
    const page = reportPage(thousand());
    expect(Buffer.byteLength(page)).toBeLessThan(BYTES_MAX);
    expect(words(page)).toMatch(/\d+ more changes landed: they are in the table of all tasks/);
  });

  test('the same data give the same bytes', () => {
    expect(reportPage(rich())).toBe(reportPage(rich()));
  });
});

describe('hostile text in a report', () => {
  test('in every field of the data it stays text', () => {
    const page = reportPage(hostile(rich()));
    expect(page.split('&lt;script&gt;').length).toBeGreaterThan(100);
    expect(intruders(page)).toEqual([]);
  });

  test('is found by the same look where it is not escaped', () => {
    const data = rich();
    const page = reportPage(data);
    for (const planted of [PAYLOAD, '\u202e', '\u001b[31m', '<img src=x>', '<p onclick="x()">'])
      expect(intruders(page.replace('Skip to the report', planted)), planted).not.toEqual([]);
    expect(intruders(page)).toEqual([]);
  });
});

describe('credit of a run', () => {
  const vet = (closed: readonly string[]) => ({
    closed,
    more: 0,
    violations: [],
    failure: '',
    testFiles: 0,
    durationMs: 1,
  });

  test('is shared by all whose sound candidates close what landed, and sums to it', () => {
    const run = view([
      task('t', 'title', {
        attempts: [
          attempt({ agent: 'a', vet: vet(['x', 'y', 'z']), outcome: 'landed' }),
          attempt({ agent: 'b', vet: vet(['x', 'other']), outcome: 'outscored' }),
          attempt({ agent: 'c', vet: vet(['x', 'y']), outcome: 'refused' }),
        ],
      }),
      task('u', 'title', { state: 'open', attempts: [attempt({ agent: 'b', vet: vet(['w']), outcome: 'refused' })] }),
    ]);
    expect(creditOf(run)).toEqual({
      items: 3,
      unlisted: 0,
      shares: [
        { agent: 'a', share: 2.5 },
        { agent: 'b', share: 0.5 },
        { agent: 'c', share: 0 },
      ],
    });
  });

  test('of a larger run sums to the items that were closed', () => {
    const data: ReportData = rich();
    const { items, shares } = creditOf(data.view);
    expect(items).toBeGreaterThan(30);
    expect(shares.reduce((sum, each) => sum + each.share, 0)).toBeCloseTo(items, 9);
  });
});
