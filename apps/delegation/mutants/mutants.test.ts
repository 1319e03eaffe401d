import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import ts from 'typescript-classic';
import { afterEach, describe, expect, it } from 'vitest';
import { programArgv } from '../programs/entry.ts';
import { check, type Fixture, fixture } from '../programs/fixture.ts';
import { applied, mutantsOf, sedOf } from './operators.ts';
import { interval, sampleOf } from './sample.ts';

let made: Fixture | null = null;
afterEach(() => made?.remove());
const probe = programArgv(import.meta.url, './probe');
const says = (text: string, path = 'lib/a.js'): string[] =>
  mutantsOf(ts, path, text).map((mutant) => `${mutant.line}: ${mutant.says}`);

/** Ten places that its test watches, one that it does not, one that no test runs. */
const WATCHED = `exports.sign = (n) => {
  if (n === 0) return 'zero'
  if (n < 0) return 'minus'
  return n === 1 ? 'one' : 'plus'
}
exports.page = (n) => {
  if (n > 100) return 'long'
  return 'short'
}
exports.never = (a, b) => {
  return a.length === b.length
}
exports.both = (a, b) => a === 1 || b === 1
exports.next = (i) => i + 1
exports.flag = true
exports.guard = (x) => {
  if (x.off && x.why) return x.why
  return 'on'
}
`;
const TEST = `const { test } = require('node:test'); const assert = require('node:assert'); const own = require('../lib/own.js')
test('sign', () => assert.deepEqual([-1, 0, 1, 2].map(own.sign), ['minus', 'zero', 'one', 'plus']))
test('page', () => assert.deepEqual([1, 200].map(own.page), ['short', 'long']))
test('both', () => assert.deepEqual([own.both(1, 0), own.both(0, 1), own.both(0, 0)], [true, true, false]))
test('next', () => { assert.equal(own.next(1), 2); assert.equal(own.flag, true); assert.equal(own.guard({}), 'on') })
`;

describe('what tests notice', () => {
  it('is measured on real runs, and names the lines that are not watched with a command that shows it', async ({ annotate }) => {
    await annotate('some twenty runs of a real test runner');
    const repo = (made = fixture({
      'lib/own.js': WATCHED,
      'test/own.test.js': TEST,
      'test/other.test.js': "require('node:test')('other', () => {})",
    }));
    const { findings, tasks, measures, stderr } = await repo.probe(probe, {
      goal: 'mutants',
      checks: [check('node --test', 'tests')],
    });
    expect(stderr).toBe('');
    expect(findings.map(({ title }) => title).toSorted()).toEqual([
      'lib/own.js:11: no test runs `a.length === b.length`',
      'lib/own.js:17: no test runs `return x.why`',
      'lib/own.js:7: a test would not notice if > were >=',
    ]);
    expect(measures).toMatchObject([
      {
        name: 'detection-power',
        unit: '%',
        text: expect.stringMatching(
          /^\d+ of \d+ \(\d+ %, 95 % interval \d+-\d+ %\) operator mutants were killed by node --test$/,
        ),
      },
    ]);
    const page = findings.find(({ line }) => line === 7)!;
    expect(page.show).toBe("sed -i.orig '7s/>/>=/' lib/own.js && node --test; mv lib/own.js.orig lib/own.js");
    const task = tasks.find(({ id }) => id === 'unwatched-lib-own.js-7')!;
    expect(task).toMatchObject({
      rivals: [],
      judge: [],
      claims: ['test/**'],
      title: 'write a test that fails when > is >= at lib/own.js:7',
    });
    expect(repo.read('lib/own.js')).toBe(WATCHED);

    // The task's own check is red until such a test is there.
    const passes = (): boolean => {
      try {
        execFileSync('sh', ['-c', task.checks[0]!], {
          cwd: repo.top,
          stdio: 'ignore',
        });
        return true;
      } catch {
        return false;
      }
    };
    expect(passes()).toBe(false);
    repo.write({ 'test/own.test.js': TEST.replace('[1, 200].map(own.page), [', "[1, 100, 200].map(own.page), ['short', ") });
    expect(passes()).toBe(true);
    expect(repo.read('lib/own.js')).toBe(WATCHED);
  });

  it('is not measured where a test check is not green, there is none, or nothing can be changed', async ({ annotate }) => {
    await annotate('the probe is started five times');
    const repo = (made = fixture({
      'lib/own.js': WATCHED,
      'test/own.test.js': TEST.replace("'minus', 'zero'", "'zero', 'zero'"),
    }));
    const tests = check('node --test', 'tests');
    const notes = async (question: object): Promise<readonly string[]> =>
      (await repo.probe(probe, { goal: 'mutants', checks: [tests], ...question })).notes;
    const other = check('node --test other', 'tests');
    const verdict = { check: other.name, status: 'red', cause: '', exitCode: 1, tests: null, counts: null, findings: [] };
    const rest = { durationMs: 1, cached: false, tail: '', output: null };
    expect(await notes({ checks: [other], baseline: [{ ...verdict, ...rest }] })).toEqual([
      'detection power: not measured (node --test other: not green at the base)',
    ]);
    expect(await notes({ checks: [] })).toEqual(['detection power: not measured (no check runs tests)']);
    expect(await notes({ files: ['test/own.test.js'] })).toEqual([
      'detection power: not measured (no JavaScript or TypeScript source of its own)',
    ]);
    expect((await notes({ deadline: Date.now() + 2000 }))[0]).toMatch(
      /^detection power: not measured \(the tests take 500 ms, and .* were left\)$/,
    );
    expect(await notes({})).toEqual([
      'detection power: not measured (node --test is not green in this checkout before anything is changed)',
    ]);
  });
});

describe('mutants', () => {
  it('change comparisons, conditions, bounds, constants and returns', () => {
    expect(
      says(`function f (a, b) {
  if (a.length === 0) return
  for (let i = 0; i < a.length; i++) if (a[i] && b) return b.slice(1)
  const ok = a.length + 1 > 2
  return g(ok)
}`),
    ).toEqual([
      '2: === were !==',
      '2: 0 were 1',
      '2: the early return were gone',
      '3: && were ||',
      '3: undefined were returned instead of b.slice(1)',
      '3: 1 were 2',
      '4: + were -',
      '4: > were >=',
      '5: undefined were returned instead of g(ok)',
    ]);
  });

  it('leave alone what is no behaviour, or the same behaviour', () => {
    expect(
      says(`import { a } from './a' // a === b
/* a && b */ const text = 'a < b' + name + \`\${'x'} === y\`
console.log(a === b); logger.debug(a && b); debug('x', a < b)
if (a) throw new TypeError('bad ' + (a === b))
const least = a < b ? a : b
if (a < b) a = b
list.sort((x, y) => x < y)
if (process.platform === 'win32') go()
/* c8 ignore next */
if (a === b) go()
/* istanbul ignore next */
function never () {
  return a === b
}
// c8 ignore start
go(a === b)
// c8 ignore stop
Object.defineProperty(a, 'b', { enumerable: true })
function sign (n) { if (n === 0) return 'zero'; return n < 0 ? 'minus' : 'plus' }
function done (cb) { return cb(null, 1) }
function list2 (x) { if (Array.isArray(x)) return x; go() }
`),
    ).toEqual(['19: === were !==', '19: the early return were gone']);
    expect(
      says(
        'type A = 1 | true\ninterface B { c: false }\nlet d: true = x as true\ndeclare const e: 1 | 2\nenum F { G = 1 + 2 }',
        'a.ts',
      ),
    ).toEqual([]);
    expect(says('this is not ( a program')).toEqual([]);
  });

  it('are shown by sed as they are made here', () => {
    const text =
      "x === y && y === z || a.slice(1) === `b` && 'it' === \"s\"\nconst p = /a/ && { q: '&&' && r.s[0] === 0 }\nif (a) { return a.b(1) || c }\nreturn later\n";
    const wrapped = `function f () {\n${text}}\n`;
    const all = mutantsOf(ts, 'a.js', wrapped);
    expect(all.length).toBeGreaterThan(12);
    for (const mutant of all) {
      const script = sedOf(wrapped, mutant);
      if (script !== null)
        expect(execFileSync('sed', [script], { input: wrapped, encoding: 'utf8' })).toBe(applied(wrapped, mutant));
    }
  });

  it('are drawn alike for the same tree, without repetition, and their share has an interval that holds it', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer(), { maxLength: 80 }), fc.nat(40), fc.nat(), (all, count, seed) => {
        const sample = sampleOf(all, count, seed);
        expect(sample).toEqual(sampleOf(all, count, seed));
        expect([new Set(sample).size, sample.every((one) => all.includes(one))]).toEqual([Math.min(count, all.length), true]);
      }),
    );
    expect(interval(25, 30).map((share) => Math.round(100 * share))).toEqual([66, 93]);
    expect(interval(30, 30)[1]).toBe(1);
    expect(interval(0, 30)[0]).toBe(0);
  });
});
