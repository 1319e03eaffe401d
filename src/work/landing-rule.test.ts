import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { work } from '../contracts/index.ts';
import { judge, judgeTaskChecks, screen } from './landing-rule.ts';

function verdict(change: Partial<work.CheckVerdict> = {}): work.CheckVerdict {
  return {
    check: 'npm test',
    status: 'green',
    cause: '',
    exitCode: change.status === 'red' ? 1 : 0,
    tests: null,
    counts: null,
    findings: [],
    durationMs: 10,
    cached: false,
    tail: '',
    output: null,
    ...change,
  };
}

function task(claims: readonly string[] = []): work.TaskSpec {
  return {
    id: 't',
    title: 't',
    text: '',
    needs: [],
    claims: [...claims],
    checks: [],
    agent: null,
    estimate: 0,
    given: true,
    ...work.WITHOUT_GOAL,
  };
}

function file(path: string, change: Partial<work.FileChange> = {}): work.FileChange {
  return { path, status: 'modified', added: 1, removed: 0, binary: false, ...change };
}

/** A diff of one file: lines that start with + or - as given. */
function diff(path: string, ...lines: readonly string[]): string {
  const added = lines.filter((line) => line.startsWith('+')).length;
  const removed = lines.filter((line) => line.startsWith('-')).length;
  return `diff --git a/${path} b/${path}\n--- a/${path}\n+++ b/${path}\n@@ -1,${removed} +1,${added} @@\n${lines.join('\n')}\n`;
}

const rules = (violations: readonly work.Violation[]): string[] => [...new Set(violations.map((v) => v.rule))];
const red = verdict({ status: 'red' });

function own(status: work.CheckVerdict['status']): work.CheckVerdict {
  return verdict({ check: 'make proof', status, cause: 'no make', exitCode: 2 });
}

function screened(patch: string): work.Violation[] {
  return screen({ files: [file('a.ts'), file('b.ts')], patch }, task());
}

describe('tests that are counted and not named', () => {
  const counted = (passed: number, failed: number, skipped: number): work.CheckVerdict =>
    verdict({ counts: { passed, failed, skipped }, status: failed > 0 ? 'red' : 'green' });
  const refusals = (before: work.CheckVerdict, after: work.CheckVerdict, unstable: string[] = []): string[] =>
    judge([before], [after], unstable).map(({ rule, detail }) => `${rule} ${detail}`);

  it.each([
    ['none missing, none skipped, more passing', counted(5, 0, 1), counted(7, 0, 1), []],
    ['one gone', counted(5, 0, 1), counted(4, 0, 1), ['test-disappeared npm test: 1 fewer tests ran']],
    ['one skipped instead of run', counted(5, 0, 0), counted(4, 0, 1), ['test-skipped npm test: 1 more tests are skipped']],
    ['one more failing where some failed', counted(3, 2, 0), counted(2, 3, 0), ['test-failed npm test: 1 more tests fail']],
    [
      'no counts any more',
      counted(5, 0, 0),
      verdict({ counts: null }),
      ['test-disappeared npm test: its output no longer says how many tests ran'],
    ],
  ])('%s', (_, before, after, expected) => {
    expect(refusals(before, after)).toEqual(expected);
  });
});

describe('judge', () => {
  const stories: readonly [string, work.CheckVerdict[], work.CheckVerdict[], string[], string[]][] = [
    ['all stays green', [verdict()], [verdict()], [], []],
    ['a green check turns red', [verdict()], [red], [], ['green-turned-red']],
    ['a green check hangs', [verdict()], [verdict({ status: 'timed-out', exitCode: null })], [], ['green-turned-red']],
    ['a check that was red stays red', [red], [red], [], []],
    ['a check that was red becomes green', [red], [verdict()], [], []],
    [
      'a check cannot run any more',
      [verdict()],
      [verdict({ status: 'unavailable', cause: 'no vitest' })],
      [],
      ['check-could-not-run'],
    ],
    ['a check was left out', [verdict()], [], [], ['check-could-not-run']],
    ['a check never could run', [verdict({ status: 'unavailable' })], [verdict({ status: 'unavailable' })], [], []],
    ['a new check is red', [verdict()], [verdict(), verdict({ check: 'new', status: 'red' })], [], []],
    [
      'a test fails',
      [verdict({ tests: { a: 'pass', b: 'pass' } })],
      [verdict({ status: 'red', tests: { a: 'pass', b: 'fail' } })],
      [],
      ['test-failed', 'green-turned-red'],
    ],
    [
      'a test disappears while all is green',
      [verdict({ tests: { a: 'pass', b: 'pass' } })],
      [verdict({ tests: { a: 'pass' } })],
      [],
      ['test-disappeared'],
    ],
    [
      'a test is skipped while all is green',
      [verdict({ tests: { a: 'pass' } })],
      [verdict({ tests: { a: 'skip' } })],
      [],
      ['test-skipped'],
    ],
    ['a new test is skipped', [verdict({ tests: {} })], [verdict({ tests: { a: 'skip' } })], [], ['test-skipped']],
    ['a new test passes', [verdict({ tests: { a: 'pass' } })], [verdict({ tests: { a: 'pass', b: 'pass' } })], [], []],
    [
      'a failing test is skipped to look better',
      [verdict({ status: 'red', tests: { a: 'fail' } })],
      [verdict({ tests: { a: 'skip' } })],
      [],
      ['test-skipped'],
    ],
    [
      'a failing test is deleted to look better',
      [verdict({ status: 'red', tests: { a: 'fail' } })],
      [verdict({ tests: {} })],
      [],
      ['test-disappeared'],
    ],
    [
      'a failing test is repaired',
      [verdict({ status: 'red', tests: { a: 'fail' } })],
      [verdict({ tests: { a: 'pass' } })],
      [],
      [],
    ],
    ['a skipped test is enabled and passes', [verdict({ tests: { a: 'skip' } })], [verdict({ tests: { a: 'pass' } })], [], []],
    [
      'red stays red but one more test fails',
      [verdict({ status: 'red', tests: { a: 'fail', b: 'pass' } })],
      [verdict({ status: 'red', tests: { a: 'fail', b: 'fail' } })],
      [],
      ['test-failed'],
    ],
    ['the runner names no tests any more', [verdict({ tests: { a: 'pass' } })], [verdict()], [], ['test-disappeared']],
    [
      'a red check with tests now hangs',
      [verdict({ status: 'red', tests: { a: 'pass' } })],
      [verdict({ status: 'timed-out' })],
      [],
      ['test-disappeared'],
    ],
    [
      'an unstable test fails, alone',
      [verdict({ tests: { a: 'pass', b: 'pass' } })],
      [verdict({ status: 'red', tests: { a: 'fail', b: 'pass' } })],
      ['npm test: a'],
      [],
    ],
    [
      'an unstable test fails and a stable one with it',
      [verdict({ tests: { a: 'pass', b: 'pass' } })],
      [verdict({ status: 'red', tests: { a: 'fail', b: 'fail' } })],
      ['a', 'npm test'],
      ['test-failed', 'green-turned-red'],
    ],
    ['an unstable test is removed', [verdict({ tests: { a: 'pass' } })], [verdict({ tests: {} })], ['a'], ['test-disappeared']],
    ['an unstable check without named tests', [verdict()], [red], ['npm test'], []],
    [
      'red without any failing test is not excused by unstable ones',
      [verdict({ tests: { a: 'pass' } })],
      [verdict({ status: 'red', tests: { a: 'pass' } })],
      ['a'],
      ['green-turned-red'],
    ],
    [
      'a finding is added to a check that was red',
      [verdict({ status: 'red', findings: ['x: y'] })],
      [verdict({ status: 'red', findings: ['x: y', 'x: y'] })],
      [],
      ['finding-added'],
    ],
    [
      'a finding is repaired',
      [verdict({ status: 'red', findings: ['x: y', 'x: y'] })],
      [verdict({ status: 'red', findings: ['x: y'] })],
      [],
      [],
    ],
    [
      'one finding is traded for another',
      [verdict({ findings: ['a: 1'] })],
      [verdict({ findings: ['b: 1'] })],
      [],
      ['finding-added'],
    ],
    [
      'a test named __proto__ disappears',
      [verdict({ tests: JSON.parse('{"__proto__":"pass"}') })],
      [verdict({ tests: {} })],
      [],
      ['test-disappeared'],
    ],
  ];
  it.each(stories)('%s', (_story, baseline, candidate, unstable, expected) => {
    expect(rules(judge(baseline, candidate, unstable))).toEqual(expected);
  });

  it('names check, test and finding, and lists at most 64', () => {
    const tests = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`t${i}`, 'pass' as const]));
    const found = judge([verdict({ tests })], [verdict({ tests: {} })], []);
    expect(found).toHaveLength(64);
    expect(found[0]).toEqual({ rule: 'test-disappeared', detail: 'npm test: t0' });
    expect(found.at(-1)!.detail).toBe('npm test: t63 (and 436 more)');
  });

  it("wants a task's own checks green", () => {
    expect(judgeTaskChecks([own('green'), own('red'), own('timed-out'), own('unavailable')])).toEqual([
      { rule: 'task-check-failed', detail: 'make proof: exit code 2' },
      { rule: 'task-check-failed', detail: 'make proof: did not end in time' },
      { rule: 'check-could-not-run', detail: 'make proof: no make' },
    ]);
  });

  it('accepts a tree that is its own baseline, whatever the verdicts', () => {
    const state = fc.constantFrom('pass' as const, 'fail' as const, 'skip' as const);
    const verdicts = fc.record({
      status: fc.constantFrom('green' as const, 'red' as const, 'unavailable' as const),
      tests: fc.option(fc.dictionary(fc.string(), state)),
      findings: fc.array(fc.string()),
    });
    fc.assert(
      fc.property(verdicts, (change) => {
        expect(judge([verdict(change)], [verdict(change)], [])).toEqual([]);
      }),
    );
  });
});

describe('screen', () => {
  const path = 'src/a.ts';
  it.each<[string, string, string[], string[]]>([
    ['inside the claim', 'src/a.ts', ['src/**'], []],
    ['outside the claim', 'lib/a.ts', ['src/**'], ['outside-claim']],
    ['anything without a claim', 'lib/a.ts', [], []],
    ['a lock file, even claimed', 'package-lock.json', ['package-lock.json'], ['lock-file']],
    ['a lock file below', 'packages/a/Cargo.lock', ['**'], ['lock-file']],
    ['uv and go', 'uv.lock', [], ['lock-file']],
    ['CI, even claimed', '.github/workflows/ci.yml', ['**'], ['ci-file']],
    ['CI in another case, for file systems that ignore it', '.GitHub/Workflows/ci.yml', [], ['ci-file']],
    ['a hook of husky', '.husky/pre-commit', [], ['ci-file']],
    ['gitlab', '.gitlab-ci.yml', [], ['ci-file']],
    ['Jenkins', 'ops/Jenkinsfile', [], ['ci-file']],
    ['package.json unclaimed', 'package.json', [], ['outside-claim']],
    ['package.json swept up by a wildcard', 'package.json', ['**'], ['outside-claim']],
    ['package.json claimed by name', 'package.json', ['package.json'], []],
    ['package.json claimed by name anywhere', 'packages/a/package.json', ['**/package.json'], []],
    ['package.json under a claimed directory', 'packages/a/package.json', ['packages/a'], ['outside-claim']],
    ['tsconfig', 'tsconfig.build.json', ['**'], ['outside-claim']],
    ['eslint', 'eslint.config.mjs', ['**'], ['outside-claim']],
    ['eslint, the old way', '.eslintrc.cjs', ['**'], ['outside-claim']],
    ['vitest', 'vitest.config.ts', ['**'], ['outside-claim']],
    ['pytest', 'pyproject.toml', ['**'], ['outside-claim']],
    ['conftest', 'tests/conftest.py', ['**'], ['outside-claim']],
    ['make', 'Makefile', ['**'], ['outside-claim']],
    ['attributes of git', '.gitattributes', ['**'], ['outside-claim']],
    ['the state of Skein', '.skein/runs/1/store.db', ['**'], ['outside-claim']],
    ['a file that only sounds like configuration', 'src/config.ts', [], []],
    ['a directory that only sounds like CI', 'src/github/client.ts', [], []],
    ['a source named lock', 'src/lock.ts', [], []],
  ])('%s: %s', (_story, changed, claims, expected) => {
    expect(rules(screen({ files: [file(changed)], patch: '' }, task(claims)))).toEqual(expected);
  });

  it.each([
    '// eslint-disable-next-line no-undef',
    '/* eslint-disable */',
    '/* eslint no-undef: 0 */',
    '// oxlint-disable-line',
    '// biome-ignore lint: fine',
    '// @ts-ignore',
    '  // @ts-expect-error later',
    '// @ts-nocheck',
    'x = 1  # noqa: E501',
    'x = 1  # type: ignore[attr]',
    '# pylint: disable=all',
    'x() //nolint:errcheck',
    '#[allow(dead_code)]',
    '#![allow(warnings)]',
    '#[cfg_attr(test, allow(unused))]',
    '@SuppressWarnings("unchecked")',
    '/* istanbul ignore next */',
    '/* c8 ignore start */',
    'def f():  # pragma: no cover',
    'int x; // NOSONAR',
    '# rubocop:disable all',
    '// prettier-ignore',
  ])('refuses a new suppression: %s', (line) => {
    expect(rules(screen({ files: [file(path)], patch: diff(path, `+${line}`) }, task()))).toEqual(['suppression-added']);
  });

  it.each([
    ['src/a.test.ts', "it.skip('works', () => {"],
    ['src/a.test.ts', "describe.only('works', () => {"],
    ['src/a.test.ts', "test.concurrent.skip('works', () => {"],
    ['src/a.test.ts', "it['skip']('works', () => {"],
    ['src/a.test.ts', "it.todo('works')"],
    ['src/a.test.ts', "test.fails('works', () => {"],
    ['src/a.test.ts', "xit('works', () => {"],
    ['src/a.test.ts', "fit('works', () => {"],
    ['src/a.test.ts', "test('works', { skip: true }, () => {"],
    ['src/a.test.ts', "  skip: 'flaky',"],
    ['test/a.js', "t.skip('later')"],
    ['test/a.js', "/* don't */ it.skip('works')"],
    ['src/odd.ts', "it.skipIf(process.env.CI)('works', () => {"],
    ['tests/test_a.py', '@pytest.mark.skip(reason="x")'],
    ['tests/test_a.py', '    pytest.skip("x")'],
    ['tests/test_a.py', '@unittest.skip("x")'],
    ['a_test.go', '\tt.Skip("x")'],
    ['a_test.go', '//go:build ignore'],
    ['src/lib.rs', '    #[ignore]'],
    ['src/test/java/ATest.java', '  @Disabled'],
    ['tests/ATests.cs', '[Fact(Skip = "later")]'],
    ['Tests/ATests.swift', 'throw XCTSkip("later")'],
  ])('refuses a test that is skipped or narrowed in %s: %s', (where, line) => {
    expect(rules(screen({ files: [file(where)], patch: diff(where, `+${line}`) }, task()))).toEqual(['skip-added']);
  });

  it.each([
    ['the word skip in a string', 'src/a.ts', "const verbs = ['skip', 'only'];"],
    ['text about a skipped test', 'src/a.test.ts', "it('reports it.skip( as skipped', () => {"],
    ['an array method named only', 'src/a.ts', 'const one = array.only();'],
    ['a fetch that skips rows', 'src/a.ts', 'await db.find({ skip: 1, take: 5 });'],
    ['a query that is switched off', 'src/a.tsx', 'useQuery(q, { skip: true });'],
    ['a tokenizer that skips', 'src/lexer.ts', 'this.skip(2);'],
    ['a curve that fits', 'src/a.ts', 'function fit(points) {'],
    ['a model that fits', 'src/a.py', 'model.fit(x)'],
    ['a regular test of an expression', 'src/a.ts', 'if (pattern.test(line)) continue;'],
    ['an ordinary new test', 'src/a.test.ts', "it('works', () => {"],
    ['documentation of a suppression', 'docs/a.md', 'Never write // eslint-disable.'],
    ['a heading underlined by equal signs', 'docs/a.rst', '======='],
    ['code about permission', 'src/a.rs', 'fn allow(user: &User) {}'],
    ['a path of disabled things', 'src/a.ts', 'button.disabled = true;'],
  ])('lets an honest change pass: %s', (_story, where, line) => {
    expect(screen({ files: [file(where)], patch: diff(where, `+${line}`) }, task())).toEqual([]);
  });

  it('lets a suppression be removed, and be moved to another file, but not be copied', () => {
    const line = '// eslint-disable-next-line no-undef';
    expect(screened(diff('a.ts', `-${line}`))).toEqual([]);
    expect(screened(diff('a.ts', `-  ${line}`) + diff('b.ts', `+${line}`))).toEqual([]);
    expect(rules(screened(diff('a.ts', `-${line}`) + diff('b.ts', `+${line}`, `+${line}`)))).toEqual(['suppression-added']);
    expect(rules(screened(diff('a.ts', `-${line}`) + diff('b.ts', '+// eslint-disable-next-line')))).toEqual([
      'suppression-added',
    ]);
  });

  it('names file and line of what it refuses', () => {
    const patch = `diff --git a/s.ts b/s.ts\n--- a/s.ts\n+++ b/s.ts\n@@ -10,2 +10,3 @@ fn\n a\n+// @ts-ignore\n b\n`;
    expect(screen({ files: [file('s.ts')], patch }, task())).toEqual([
      { rule: 'suppression-added', detail: 's.ts:11 @ts-ignore: // @ts-ignore' },
    ]);
  });

  it('refuses conflict markers that were left behind', () => {
    const patch = diff(path, '+<<<<<<< HEAD', '+a', '+=======', '+b', '+>>>>>>> theirs');
    expect(screen({ files: [file(path)], patch }, task()).map((v) => v.detail)).toEqual(['src/a.ts:1', 'src/a.ts:5']);
    expect(rules(screen({ files: [file(path)], patch }, task()))).toEqual(['conflict-markers']);
  });

  it('refuses an empty change, a binary, an enormous diff, an endless line, a link', () => {
    expect(rules(screen({ files: [], patch: '' }, task()))).toEqual(['empty-change']);
    expect(rules(screen({ files: [file('a.bin', { binary: true })], patch: '' }, task()))).toEqual(['too-large']);
    expect(screen({ files: [file('a.bin', { binary: true })], patch: '' }, task(['a.bin']))).toEqual([]);
    expect(screen({ files: [file('a.bin', { binary: true, status: 'deleted' })], patch: '' }, task())).toEqual([]);
    expect(rules(screen({ files: [file(path)], patch: diff(path, '+a', '+b') }, task(), { patchMax: 50 }))).toEqual([
      'too-large',
    ]);
    expect(rules(screen({ files: [file(path)], patch: diff(path, `+${'x'.repeat(20_000)}`) }, task()))).toEqual(['too-large']);
    const link = 'diff --git a/src/l b/src/l\nnew file mode 120000\n--- /dev/null\n+++ b/src/l\n@@ -0,0 +1 @@\n+../../secret\n';
    expect(rules(screen({ files: [file('src/l')], patch: link }, task()))).toEqual(['outside-claim']);
  });

  it('sees where a renamed file came from', () => {
    const patch = 'diff --git a/test/a.ts b/src/a.ts\nsimilarity index 100%\nrename from test/a.ts\nrename to src/a.ts\n';
    expect(screen({ files: [file('src/a.ts', { status: 'renamed' })], patch }, task(['src/**']))).toEqual([
      { rule: 'outside-claim', detail: 'test/a.ts' },
    ]);
  });

  it('never throws, whatever the diff', () => {
    const piece = fc.constantFrom(
      'diff --git a/x b/x',
      '--- a/x',
      '+++ b/x',
      '@@ -1 +1,3 @@',
      '+',
      '-',
      ' ',
      '\\',
      '"a/\\303',
      '\n',
      '\r\n',
      'it.skip(',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece).map((all) => all.join('')),
        ),
        fc.array(fc.string()),
        (patch, claims) => {
          screen({ files: [file(patch.slice(0, 20))], patch }, task(claims));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('reads a diff at its bound without delay, hostile lines too', () => {
    for (const line of ["+it.skip('", '+{skip: ', "+'it.only'", '+# noqa', `+${' '.repeat(300)}{`]) {
      const patch = diff(path, ...Array.from({ length: 120 }, () => line.repeat(16_000 / line.length)));
      const start = performance.now();
      screen({ files: [file('test/a.ts')], patch }, task());
      expect(performance.now() - start, line).toBeLessThan(5_000);
    }
  });
});

describe('a check that is to be mended', () => {
  const mended = (before: Partial<work.CheckVerdict>, after: Partial<work.CheckVerdict>, unstable: string[] = []): boolean =>
    !judge([verdict(before)], [verdict(after)], unstable, [verdict(before).check]).some(({ rule }) => rule === 'not-mended');
  const bad = { status: 'red', exitCode: 1 } as const;

  it('has become green, or fewer tests fail, or fewer findings are left', () => {
    expect(mended(bad, { status: 'green' })).toBe(true);
    expect(mended({ ...bad, tests: { a: 'fail', b: 'fail' } }, { ...bad, tests: { a: 'pass', b: 'fail' } })).toBe(true);
    expect(mended({ ...bad, findings: ['x', 'y'] }, { ...bad, findings: ['x'] })).toBe(true);
    expect(mended({ ...bad, findings: ['x'] }, { ...bad, findings: ['x'] })).toBe(false);
    expect(mended({ ...bad, tests: { a: 'fail' } }, { ...bad, tests: { a: 'fail' } })).toBe(false);
  });

  it('is not mended by a test that fails only sometimes, by not ending, or by not being there', () => {
    expect(mended({ ...bad, tests: { a: 'fail', b: 'fail' } }, { ...bad, tests: { a: 'pass', b: 'fail' } }, ['a'])).toBe(false);
    expect(mended(bad, { status: 'timed-out' })).toBe(false);
    expect(judge([], [], [], ['npm test']).map(({ rule }) => rule)).toEqual(['not-mended']);
  });
});
