import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plain, read, readFindings, readNow, readTests, relative } from './index.ts';

/** Printed by the runners named in each row (node 20 and 24, mocha 11, jest 30, ava 6, tape 5, vitest 5, pytest 9, cargo 1.95). */
const RUNNERS: readonly (readonly [string, string, ReturnType<typeof readTests>])[] = [
  [
    'node --test, spec reporter',
    `hello
✔ adds (1.183904ms)
✖ fails here (0.926152ms)
﹣ skipped one (0.184864ms) # SKIP
﹣ skipped for a reason (0.170102ms) # https://github.com/o/r/pull/5
✔ todo one (0.167428ms) # TODO
✔ fails as expected (0.2ms) # EXPECTED FAILURE
▶ suite
  ✔ inner (1.076615ms)
  ▶ deep
    ✔ x y (0.224433ms)
  ✔ deep (2.104498ms)
✔ suite (3.586894ms)
ℹ tests 6
ℹ suites 2
ℹ pass 3
ℹ fail 1
ℹ cancelled 0
ℹ skipped 1
ℹ todo 1
ℹ duration_ms 89.503048

✖ failing tests:

test at n.test.js:3:1
✖ fails here (0.926152ms)
  AssertionError [ERR_ASSERTION]: 1 == 2
`,
    {
      tests: {
        adds: 'pass',
        'fails here': 'fail',
        'skipped one': 'skip',
        'skipped for a reason': 'skip',
        suite: 'pass',
        'suite > deep': 'pass',
        'suite > deep > x y': 'pass',
        'suite > inner': 'pass',
        'todo one': 'skip',
        'fails as expected': 'pass',
      },
      counts: { passed: 3, failed: 1, skipped: 2 },
    },
  ],
  [
    'node --test, TAP',
    `TAP version 13
# hello
# Subtest: adds
ok 1 - adds
  ---
  duration_ms: 1.155312
  ...
# Subtest: suite
    # Subtest: inner \\# one
    ok 1 - inner \\# one
      ---
      duration_ms: 0.977979
      ...
    # Subtest: bad
    not ok 2 - bad
    # Subtest: later
    ok 3 - later # SKIP no time
    1..3
not ok 2 - suite
1..2
# tests 4
# suites 1
# pass 2
# fail 1
# cancelled 0
# skipped 1
# todo 0
`,
    {
      tests: { adds: 'pass', suite: 'fail', 'suite > bad': 'fail', 'suite > inner # one': 'pass', 'suite > later': 'skip' },
      counts: { passed: 2, failed: 1, skipped: 1 },
    },
  ],
  [
    'tape',
    `TAP version 13
# first
ok 1 is one
ok 2 should be truthy
# second
not ok 3 is two
  ---
    operator: equal
  ...

1..3
# tests 3
# pass  2
# fail  1
`,
    {
      tests: { 'first > is one': 'pass', 'first > should be truthy': 'pass', 'second > is two': 'fail' },
      counts: { passed: 2, failed: 1, skipped: 0 },
    },
  ],
  [
    'mocha',
    `

  ✔ root
  suite
    ✔ ok one (41ms)
    1) bad
    - sk
    deep
      ✔ d


  3 passing (4ms)
  1 pending
  1 failing

  1) suite
       bad:

      AssertionError [ERR_ASSERTION]: 1 == 2
`,
    {
      tests: { root: 'pass', 'suite > bad': 'fail', 'suite > deep > d': 'pass', 'suite > ok one': 'pass', 'suite > sk': 'skip' },
      counts: { passed: 3, failed: 1, skipped: 1 },
    },
  ],
  [
    'jest --verbose',
    `  console.log
    log line

      at Object.log (j.test.js:1:50)

FAIL ./j.test.js
  ✓ root
  ✎ todo later
  suite
    ✓ ok one (14 ms)
    ✕ bad (2 ms)
    ○ skipped sk
    deep
      ✓ d

  ● suite › bad

    expect(received).toBe(expected) // Object.is equality

PASS ./k.test.js
  ✓ root

Test Suites: 1 failed, 1 passed, 2 total
Tests:       1 failed, 1 skipped, 1 todo, 4 passed, 7 total
Snapshots:   0 total
Time:        0.499 s
`,
    {
      tests: {
        './j.test.js > later': 'skip',
        './j.test.js > root': 'pass',
        './j.test.js > suite > bad': 'fail',
        './j.test.js > suite > deep > d': 'pass',
        './j.test.js > suite > ok one': 'pass',
        './j.test.js > suite > sk': 'skip',
        './k.test.js > root': 'pass',
      },
      counts: { passed: 4, failed: 1, skipped: 2 },
    },
  ],
  [
    'ava',
    `
  - [skip] sk
  - [todo] later
  ✔ ok one (101ms)
  ✘ [fail]: bad
  ─

  bad

  1 test failed
  1 test skipped
  1 test todo
`,
    { tests: { bad: 'fail', later: 'skip', 'ok one': 'pass', sk: 'skip' }, counts: { passed: 1, failed: 1, skipped: 2 } },
  ],
  [
    'vitest, verbose reporter in colour',
    ` \u001B[32m✓\u001B[39m v.test.js\u001B[2m > \u001B[22msuite\u001B[2m > \u001B[22mok one\u001B[32m 2\u001B[2mms\u001B[22m\u001B[39m
 \u001B[31m×\u001B[39m v.test.js\u001B[2m > \u001B[22msuite\u001B[2m > \u001B[22mbad\u001B[32m 6\u001B[2mms\u001B[22m\u001B[39m
\u001B[31m   → expected 1 to be 2 // Object.is equality\u001B[39m
 \u001B[2m\u001B[90m↓\u001B[39m\u001B[22m v.test.js\u001B[2m > \u001B[22msk
 \u001B[2m\u001B[90m□\u001B[39m\u001B[22m v.test.js\u001B[2m > \u001B[22mlater

\u001B[2m Test Files \u001B[22m \u001B[1m\u001B[31m1 failed\u001B[39m\u001B[22m\u001B[90m (1)\u001B[39m
\u001B[2m      Tests \u001B[22m \u001B[1m\u001B[31m1 failed\u001B[39m\u001B[22m\u001B[2m | \u001B[22m\u001B[32m1 passed\u001B[39m | 1 skipped | 1 todo\u001B[90m (4)\u001B[39m
`,
    {
      tests: {
        'v.test.js > later': 'skip',
        'v.test.js > sk': 'skip',
        'v.test.js > suite > bad': 'fail',
        'v.test.js > suite > ok one': 'pass',
      },
      counts: { passed: 1, failed: 1, skipped: 2 },
    },
  ],
  [
    'vitest, default reporter: counts alone',
    ` ✓ v.test.js (6 tests | 1 skipped) 11ms
 ✓ w.test.js (2 tests) 3ms

 Test Files  2 passed (2)
      Tests  7 passed | 1 skipped (8)
`,
    { tests: null, counts: { passed: 7, failed: 0, skipped: 1 } },
  ],
  [
    'pytest -v',
    `collecting ... collected 5 items

test_a.py::test_ok PASSED                                                [ 14%]
test_a.py::test_bad FAILED                                               [ 28%]
test_a.py::test_sk SKIPPED (no)                                          [ 42%]
test_a.py::test_p[a - b] PASSED                                          [ 85%]
test_a.py::TestC::test_m XFAIL                                           [100%]

=========================== short test summary info ============================
PASSED test_a.py::test_ok
FAILED test_a.py::test_bad - assert 1 == 2
SKIPPED [1] test_a.py:4: no
============== 1 failed, 2 passed, 1 skipped, 1 xfailed in 0.91s ===============
`,
    {
      tests: {
        'test_a.py::TestC::test_m': 'skip',
        'test_a.py::test_bad': 'fail',
        'test_a.py::test_ok': 'pass',
        'test_a.py::test_p[a - b]': 'pass',
        'test_a.py::test_sk': 'skip',
      },
      counts: { passed: 2, failed: 1, skipped: 2 },
    },
  ],
  [
    'pytest -q with its short summary',
    `.Fs                                                                      [100%]
=========================== short test summary info ============================
PASSED test_a.py::test_ok
FAILED test_a.py::test_bad - assert 1 == 2
SKIPPED [1] test_a.py:4: no
1 failed, 1 passed, 1 skipped in 0.10s
`,
    {
      tests: { 'test_a.py: no': 'skip', 'test_a.py::test_bad': 'fail', 'test_a.py::test_ok': 'pass' },
      counts: { passed: 1, failed: 1, skipped: 1 },
    },
  ],
  [
    'cargo test',
    `running 3 tests
test tests::ig ... ignored
test tests::ok ... ok
test tests::bad ... FAILED

failures:

---- tests::bad stdout ----

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.13s
`,
    {
      tests: { 'tests::bad': 'fail', 'tests::ig': 'skip', 'tests::ok': 'pass' },
      counts: { passed: 1, failed: 1, skipped: 1 },
    },
  ],
  [
    'go test -v',
    `=== RUN   TestA
--- PASS: TestA (0.00s)
=== RUN   TestB
=== RUN   TestB/sub_one
    b_test.go:9: want 1
--- FAIL: TestB (0.00s)
    --- FAIL: TestB/sub_one (0.00s)
FAIL
FAIL	example.com/m/b	0.002s
--- SKIP: TestC (0.00s)
ok  	example.com/m/c	(cached)
?   	example.com/m/d	[no test files]
`,
    {
      tests: {
        'example.com/m/b TestA': 'pass',
        'example.com/m/b TestB': 'fail',
        'example.com/m/b TestB/sub_one': 'fail',
        'example.com/m/c TestC': 'skip',
      },
      counts: { passed: 1, failed: 2, skipped: 1 },
    },
  ],
];

const LINTERS: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'tsc',
    `x.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.
error TS18003: No inputs were found in config file.
`,
    ['TS18003: No inputs were found in config file.', "x.ts: TS2322: Type 'string' is not assignable to type 'number'."],
  ],
  [
    'tsc --pretty',
    `\u001B[96mx.ts\u001B[0m:\u001B[93m1\u001B[0m:\u001B[93m7\u001B[0m - \u001B[91merror\u001B[0m\u001B[90m TS2322: \u001B[0mType 'string' is not assignable to type 'number'.

\u001B[7m1\u001B[0m const a: number = 'x';
\u001B[7m \u001B[0m \u001B[91m      ~\u001B[0m

Found 1 error in x.ts:1
`,
    ["x.ts: TS2322: Type 'string' is not assignable to type 'number'."],
  ],
  [
    'eslint, stylish',
    `
/clone/a b/e.js
  1:7   error    'a' is assigned a value but never used  no-unused-vars
  1:12  warning  Unexpected 'debugger' statement         no-debugger

✖ 2 problems (1 error, 1 warning)
`,
    ["a b/e.js: 'a' is assigned a value but never used no-unused-vars", "a b/e.js: Unexpected 'debugger' statement no-debugger"],
  ],
  [
    'oxlint',
    `
  ! eslint(no-debugger): \`debugger\` statement is not allowed
   ,-[x.ts:2:17]
 1 | const a: number = 'x';
   \`----
  help: Remove the debugger statement

  × typescript(no-floating-promises): Promises must be awaited.
   ╭─[src/y.ts:9:3]

Found 1 warning and 1 error.
`,
    [
      'src/y.ts: typescript(no-floating-promises): Promises must be awaited.',
      'x.ts: eslint(no-debugger): `debugger` statement is not allowed',
    ],
  ],
  [
    'clippy',
    `warning: unused variable: \`z\`
 --> src/lib.rs:4:18
  |
4 | pub fn f() { let z = 1; }

error[E0425]: cannot find value \`q\` in this scope
  --> src/lib.rs:9:2

warning: \`x\` (lib) generated 1 warning
`,
    ['src/lib.rs: cannot find value `q` in this scope', 'src/lib.rs: unused variable: `z`'],
  ],
  [
    'path:line:col: message (ruff, flake8, mypy, go vet, eslint unix)',
    `src/a.py:3:1: F401 'os' imported but unused
src/a.py:9: error: Incompatible return value type  [return-value]
./b.go:7:2: unreachable code
12:30:45 starting
see https://example.com:80/x: more
at 10:20: noon
`,
    [
      'b.go: unreachable code',
      "src/a.py: F401 'os' imported but unused",
      'src/a.py: error: Incompatible return value type [return-value]',
    ],
  ],
  [
    'eslint, compact',
    `lib/e.js: line 1, col 7, Error - 'a' is assigned a value but never used. (no-unused-vars)\n\n1 problem\n`,
    ["lib/e.js: 'a' is assigned a value but never used. (no-unused-vars)"],
  ],
  [
    'formatters (prettier, black, ruff format, oxfmt) and standard',
    `Checking formatting...
[warn] src/a.js
[warn] Code style issues found in the above file. Run Prettier with --write to fix.
would reformat src/b.py
Would reformat: src/c.py
src/d.ts (12ms)
  lib/e.js:1:7: 'a' is assigned a value but never used. (no-unused-vars)
`,
    [
      "lib/e.js: 'a' is assigned a value but never used. (no-unused-vars)",
      'src/a.js: not formatted',
      'src/b.py: not formatted',
      'src/c.py: not formatted',
      'src/d.ts: not formatted',
    ],
  ],
  [
    'biome',
    `src/i.js:1:7 lint/correctness/noUnusedVariables  FIXABLE  ━━━━━━━━━━\n\n  ! This variable a is unused.\n`,
    ['src/i.js: lint/correctness/noUnusedVariables'],
  ],
];

describe('what runners print', () => {
  it.each(RUNNERS)('names tests and counts of %s', (_runner, text, expected) => {
    expect(readTests(plain(text))).toEqual(expected);
  });

  it('numbers equal names by state, whatever order parallel tests ended in', () => {
    const end = '\nℹ tests 3\nℹ pass 2\nℹ fail 1\n';
    const one = readTests(`✔ same (1ms)\n✖ same (2ms)\n✔ same (1ms)${end}`);
    const other = readTests(`✖ same (1ms)\n✔ same (9ms)\n✔ same (3ms)${end}`);
    expect(one).toEqual(other);
    expect(one.tests).toEqual({ same: 'fail', 'same (2)': 'pass', 'same (3)': 'pass' });
  });

  it('names nothing when a runner names only some of its tests', () => {
    expect(readTests('✔ shown (1ms)\nℹ tests 9\nℹ pass 9\n').tests).toBeNull();
  });
});

describe('what linters and compilers print', () => {
  it.each(LINTERS)('normalises findings of %s', (_linter, text, expected) => {
    expect(readFindings(relative(plain(text), ['/clone']))).toEqual(expected);
  });

  it('is the same list when an edit above moved every line', () => {
    const before = readFindings('a.ts(1,7): error TS1: x\na.ts(2,7): error TS1: x\n');
    expect(readFindings('a.ts(11,7): error TS1: x\na.ts(12,9): error TS1: x\n')).toEqual(before);
    expect(before).toHaveLength(2);
  });

  it('is equal for two clones of one tree', () => {
    const [one, other] = ['/c/1/tree', '/c/22/tree'].map((clone) =>
      readFindings(relative(`${clone}/a.js:1:2: broken in file://${clone}/b.js\n`, [clone])),
    );
    expect(one).toEqual(['a.js: broken in b.js']);
    expect(other).toEqual(one);
  });
});

describe('readers', () => {
  const pieces = RUNNERS.flatMap(([, text]) => text.split('\n')).concat(LINTERS.flatMap(([, text]) => text.split('\n')));
  const output = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), { maxLength: 60 })
    .map((lines) => lines.join('\n'));

  it('never throw and say the same twice', () => {
    fc.assert(
      fc.property(output, (text) => {
        const clean = plain(text);
        expect(readTests(clean)).toEqual(readTests(clean));
        expect(readFindings(clean)).toEqual(readFindings(clean));
      }),
      { numRuns: 300 },
    );
  });

  it('read hostile text in time that grows with its length', () => {
    const hostile = ['(1,', '1:1:', ' > ', 'a::b PASSED (', '\u001B[', "Cannot find module '", '1 a1 a', '✔ (', '    '];
    for (const piece of hostile) {
      const text = `ℹ tests 1\nTAP version 13\n 1 passing\n1 passed in 0.1s\n      Tests  1 passed (1)\n${piece.repeat(2_000_000 / piece.length)}\n${`${piece.repeat(40)}\n`.repeat(2_000)}`;
      const started = performance.now();
      readTests(plain(text));
      readFindings(plain(text));
      expect(performance.now() - started).toBeLessThan(2_000);
    }
  });

  it('read long output on a thread of their own, with the same result and the host free meanwhile', async () => {
    const names = Array.from({ length: 15_000 }, (_, n) => `✔ test ${n} of /clone/a.js (1.2ms)`).join('\n');
    const stdout = Buffer.from(`${names}\nℹ tests 15000\nℹ pass 15000\nℹ fail 0\n`);
    const long = { stdout, stderr: Buffer.from('late'), directories: ['/clone'], kind: 'tests' as const };
    let turns = 0;
    const turn = setInterval(() => (turns += 1), 1);
    const [one, other] = await Promise.all([read(long), read(long)]);
    clearInterval(turn);
    expect(turns).toBeGreaterThan(5);
    expect(one).toEqual(readNow(long));
    expect(other).toEqual(one);
    expect(one.counts?.passed).toBe(15_000);
    expect(one.text.length).toBeLessThan(257 * 1024);
  });
});
