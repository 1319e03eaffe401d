/**
 * Named tests and counts out of what a runner printed. Every runner prints a summary of its own kind: it tells which reader
 * applies, so text that a test itself prints is not taken for a verdict of another runner. Readers never throw and look at
 * each line a bounded number of times.
 */
import type { work } from '../../../../contracts/index.ts';
import { indentation, lines } from './text.ts';

export interface TestReport {
  readonly tests: Readonly<Record<string, work.TestState>> | null;
  readonly counts: NonNullable<work.CheckVerdict['counts']> | null;
}

type Named = readonly [name: string, state: work.TestState];
type Counts = NonNullable<work.CheckVerdict['counts']>;

interface Reader {
  /** True when the output is of this runner. */
  readonly knows: (line: string) => boolean;
  readonly read: (all: readonly string[]) => { readonly named: readonly Named[]; readonly counts: Counts | null };
}

/** More names than this are not kept one by one: counts decide. */
const TESTS_MAX = 200_000;
const NAME_MAX = 500;

export function readTests(text: string): TestReport {
  const all = lines(text);
  const named: Named[] = [];
  let counts: Counts | null = null;
  for (const reader of READERS) {
    if (!all.some(reader.knows)) continue;
    const found = reader.read(all);
    for (const one of found.named) named.push(one);
    if (found.counts !== null) counts = sum(counts, found.counts);
  }
  if (named.length > TESTS_MAX) return { tests: null, counts };
  const tests = named.length === 0 ? null : numbered(named);
  // A runner that names only some of its tests (failures, files) says nothing about the rest: then only its counts are used.
  if (tests === null || counts === null) return { tests, counts };
  const complete = named.length >= counts.passed + counts.failed + counts.skipped;
  return { tests: complete ? tests : null, counts };
}

/** Equal names get numbers, worst state first, so that the order in which parallel tests end does not matter. */
function numbered(named: readonly Named[]): Record<string, work.TestState> {
  const states = new Map<string, work.TestState[]>();
  for (const [name, state] of named) {
    const key = name.length > NAME_MAX ? `${name.slice(0, NAME_MAX)}…` : name;
    const list = states.get(key);
    if (list === undefined) states.set(key, [state]);
    else list.push(state);
  }
  const order: Record<work.TestState, number> = { fail: 0, skip: 1, pass: 2 };
  const rows: [string, work.TestState][] = [];
  for (const [name, list] of states)
    list
      .toSorted((a, b) => order[a] - order[b])
      .forEach((state, index) => rows.push([index === 0 ? name : `${name} (${index + 1})`, state]));
  return Object.fromEntries(rows.toSorted((a, b) => (a[0] < b[0] ? -1 : 1)));
}

function sum(a: Counts | null, b: Counts): Counts {
  return a === null ? b : { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

function countsOf(named: readonly Named[]): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, state] of named) counts[state === 'pass' ? 'passed' : state === 'fail' ? 'failed' : 'skipped'] += 1;
  return counts;
}

/** `3 passed | 1 failed` and its cousins: the number before each word. */
function tally(line: string, words: Readonly<Record<string, keyof Counts>>): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const match of line.matchAll(/(\d+)\s+([a-z]+)/gi)) {
    const kind = words[match[2]!.toLowerCase()];
    if (kind !== undefined) counts[kind] += Number(match[1]);
  }
  return counts;
}

const WORDS: Readonly<Record<string, keyof Counts>> = {
  passed: 'passed',
  passing: 'passed',
  failed: 'failed',
  failing: 'failed',
  error: 'failed',
  errors: 'failed',
  skipped: 'skipped',
  todo: 'skipped',
  pending: 'skipped',
  ignored: 'skipped',
  xfailed: 'skipped',
  xpassed: 'passed',
};

/** Keeps the headings above a line by their indentation. */
class Headings {
  readonly #open: { readonly depth: number; readonly name: string }[] = [];

  above(depth: number): string[] {
    while ((this.#open.at(-1)?.depth ?? -1) >= depth) this.#open.pop();
    return this.#open.map((one) => one.name);
  }

  open(depth: number, name: string): void {
    this.above(depth);
    this.#open.push({ depth, name });
  }
}

const path = (above: readonly string[], name: string): string => [...above, name].join(' > ');
const untimed = (text: string): string => text.replace(/\s+\(?\d+(?:\.\d+)?\s?m?s\)?$/, '').trim();

/** node:test, spec reporter: `✔ name (1.2ms)`; `▶` opens a suite and a line with the suite's own verdict closes it. */
const nodeSpec: Reader = {
  knows: (line) => /^ℹ tests \d+$/.test(line),
  read(all) {
    const named: Named[] = [];
    const counts = { passed: 0, failed: 0, skipped: 0 };
    const headings = new Headings();
    let listing = false; // the closing list repeats failures with their details
    for (const line of all) {
      const total = /^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line);
      if (total !== null) {
        counts[total[1] === 'pass' ? 'passed' : total[1] === 'fail' || total[1] === 'cancelled' ? 'failed' : 'skipped'] += Number(
          total[2],
        );
        continue;
      }
      if (line === '✖ failing tests:') listing = true;
      else if (/^[▶✔﹣] /.test(line)) listing = false;
      if (listing) continue;
      const depth = indentation(line);
      const mark = line[depth];
      const rest = line.slice(depth + 1).trim();
      if (mark === '▶') {
        headings.open(depth, untimed(rest));
      } else if (mark === '✔' || mark === '✖' || mark === '﹣' || mark === '⚠') {
        // After the time stands SKIP or TODO, or in their place the reason that the author gave.
        const directive = / # (?:SKIP|TODO)\b|(?<=\([\d.]+m?s\)) # (?!EXPECTED FAILURE)/.exec(rest);
        const name = untimed(directive === null ? rest.replace(/ # EXPECTED FAILURE$/, '') : rest.slice(0, directive.index));
        const state = directive !== null || mark === '﹣' ? 'skip' : mark === '✖' ? 'fail' : 'pass';
        named.push([path(headings.above(depth), name), state]);
      }
    }
    return { named, counts };
  },
};

/** TAP 12 to 14, with `# Subtest:` nesting (node:test, tap) or comment groups (tape). */
const tap: Reader = {
  knows: (line) => /^TAP version \d+$/.test(line),
  read(all) {
    const named: Named[] = [];
    const subtests = all.some((line) => /^\s*# Subtest: /.test(line));
    const headings = new Headings();
    let group = '';
    let counts: Counts | null = null;
    for (const line of all) {
      const depth = indentation(line);
      const rest = line.slice(depth);
      if (rest.startsWith('# Subtest: ')) {
        headings.open(depth, unescape(rest.slice('# Subtest: '.length)));
        continue;
      }
      const total = depth > 0 ? null : /^# (pass|fail|cancelled|skip|skipped|todo)\s+(\d+)$/.exec(rest);
      if (total !== null) {
        counts ??= { passed: 0, failed: 0, skipped: 0 };
        const kind = total[1] === 'pass' ? 'passed' : total[1] === 'fail' || total[1] === 'cancelled' ? 'failed' : 'skipped';
        counts = { ...counts, [kind]: counts[kind] + Number(total[2]) };
        continue;
      }
      if (!subtests && depth === 0 && rest.startsWith('# ') && !/^# (?:tests|ok|time|duration_ms|suites)\b/.test(rest)) {
        group = rest.slice(2).trim();
        continue;
      }
      const result = /^(ok|not ok)\b(?:\s+\d+)?\s*(?:- )?(.*)$/.exec(rest);
      if (result === null || (depth > 0 && !subtests)) continue;
      const directive = /(?:^|\s)# (?:SKIP|TODO)\b/i.exec(result[2]!);
      const text = directive === null ? result[2]! : result[2]!.slice(0, directive.index);
      const name = unescape(text.replace(/\s+# time=.*$/, '').replace(/\s*\{$/, '')) || '(unnamed)';
      const above = headings.above(depth);
      named.push([
        path(subtests || group === '' ? above : [group], name),
        directive !== null ? 'skip' : result[1] === 'ok' ? 'pass' : 'fail',
      ]);
    }
    return { named, counts: counts ?? (named.length === 0 ? null : countsOf(named)) };
  },
};

function unescape(text: string): string {
  return text.replaceAll(/\\([#\\])/g, '$1').trim();
}

/** mocha and jest trees: indented headings with `✓`, `✕`, `1)`, `-`, `○` lines below. */
function tree(all: readonly string[], marks: RegExp, ends: RegExp, file: RegExp | null): Named[] {
  const named: Named[] = [];
  const headings = new Headings();
  let within = file === null;
  let top = '';
  for (const line of all) {
    if (ends.test(line)) {
      within = false;
      if (file === null) break;
    }
    const start = file?.exec(line) ?? null;
    if (start !== null) {
      within = true;
      top = start[1]!;
      headings.above(0);
      continue;
    }
    if (!within || line.trim() === '') continue;
    const depth = indentation(line);
    const mark = marks.exec(line.slice(depth));
    if (mark === null) {
      if (depth >= 2) headings.open(depth, line.trim());
      continue;
    }
    const name = untimed(mark[2]!.replace(/^(?:skipped|todo) /, (word) => (file === null ? word : '')));
    const above = headings.above(depth);
    const sign = mark[1]!;
    named.push([
      path(top === '' ? above : [top, ...above], name),
      /^[-○✎]$/.test(sign) ? 'skip' : /^(?:✕|×|✖|\d+\))$/.test(sign) ? 'fail' : 'pass',
    ]);
  }
  return named;
}

const mocha: Reader = {
  knows: (line) => /^\s+\d+ passing(?: \(.*\))?$/.test(line),
  read(all) {
    const named = tree(all, /^(✔|✓|\d+\)|-)\s+(.*)$/, /^\s+\d+ passing(?: \(.*\))?$/, null);
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const line of all) {
      const match = /^\s+(\d+) (passing|pending|failing)(?: \(.*\))?$/.exec(line);
      if (match !== null)
        counts[match[2] === 'passing' ? 'passed' : match[2] === 'pending' ? 'skipped' : 'failed'] += Number(match[1]);
    }
    return { named, counts };
  },
};

const jest: Reader = {
  knows: (line) => /^Tests:\s+.*\btotal$/.test(line),
  read(all) {
    const summary = all.findLast((line) => /^Tests:\s+.*\btotal$/.test(line))!;
    const named = tree(
      all,
      /^(✓|✕|○|✎)\s+(.*)$/,
      /^\s+● |^Test Suites:|^Summary of all failing tests$/,
      /^(?:PASS|FAIL)\s+(\S+)/,
    );
    const counts = tally(summary, WORDS);
    // Failing files are printed again in the closing summary of a long run.
    return { named: named.length > counts.passed + counts.failed + counts.skipped ? unique(named) : named, counts };
  },
};

function unique(named: readonly Named[]): Named[] {
  return [...new Map(named)];
}

/** vitest: `✓ file > suite > name 2ms` in the verbose reporter; the default one names failures only. */
const vitest: Reader = {
  knows: (line) => /^\s+Tests\s+(?:\d+ (?:passed|failed|skipped|todo)|no tests)/.test(line),
  read(all) {
    const named: Named[] = [];
    let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const line of all) {
      const result = /^\s*([✓×↓□✗])\s+(\S.* > .*)$/.exec(line);
      if (result !== null) {
        const name = untimed(result[2]!.replace(/\s+\[(?:skipped|queued)\]$/, ''));
        named.push([name, result[1] === '✓' ? 'pass' : result[1] === '↓' || result[1] === '□' ? 'skip' : 'fail']);
      } else if (/^\s+Tests\s+\d+ /.test(line)) {
        counts = sum(counts, tally(line, WORDS));
      }
    }
    return { named, counts };
  },
};

const ava: Reader = {
  knows: (line) => /^\s+\d+ tests? (?:passed|failed)$/.test(line),
  read(all) {
    const named: Named[] = [];
    const counts = { passed: 0, failed: 0, skipped: 0 };
    for (const line of all) {
      const result = /^\s+(✔|✘|-)\s+(?:\[(fail|skip|todo|expected fail)\]:?\s+)?(.*)$/.exec(line);
      const total = /^\s+(\d+) (?:tests? (passed|failed|skipped|todo)|known failures?)$/.exec(line);
      if (total !== null)
        counts[total[2] === 'failed' ? 'failed' : total[2] === 'passed' ? 'passed' : 'skipped'] += Number(total[1]);
      else if (result !== null && (result[1] !== '-' || /^(?:skip|todo)$/.test(result[2] ?? '')))
        named.push([untimed(result[3]!), result[1] === '-' ? 'skip' : result[1] === '✘' ? 'fail' : 'pass']);
    }
    // ava prints no number of passed tests beside failures.
    return { named, counts: counts.failed > 0 && counts.passed === 0 ? countsOf(named) : counts };
  },
};

const PYTEST_SUMMARY = /^=*\s*(?:\d+ [a-z]+(?:, )?)+ in [\d.]+s(?: \([\d:]+\))?\s*=*$/;
const PYTEST_STATES: Readonly<Record<string, work.TestState>> = {
  PASSED: 'pass',
  XPASS: 'pass',
  FAILED: 'fail',
  ERROR: 'fail',
  SKIPPED: 'skip',
  XFAIL: 'skip',
};

/** pytest: `path::name PASSED` of -v, or `PASSED path::name` of the short summary. */
const pytest: Reader = {
  knows: (line) => PYTEST_SUMMARY.test(line) || /^=+ no tests ran in /.test(line),
  read(all) {
    const verbose = new Map<string, work.TestState>();
    const short = new Map<string, work.TestState>();
    const skipped: Named[] = [];
    let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const line of all) {
      if (PYTEST_SUMMARY.test(line)) {
        counts = sum(counts, tally(line.slice(0, line.lastIndexOf(' in ')), WORDS));
        continue;
      }
      const full =
        /^(\S+::.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?:\s+\(.*\))?\s*(?:\[\s*\d+%\])?$/.exec(line) ??
        swapped(/^\[gw\d+\] \[\s*\d+%\] (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) (\S+::.*?)\s*$/.exec(line));
      if (full !== null) {
        const [, name = '', said = ''] = full;
        set(verbose, name, PYTEST_STATES[said] ?? 'fail');
      }
      const brief = /^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S+::.*)$/.exec(line);
      if (brief !== null) {
        const name = brief[1] === 'PASSED' ? brief[2]! : brief[2]!.replace(/ - .*$/, '');
        set(short, name.trim(), PYTEST_STATES[brief[1]!]!);
      }
      const skip = /^SKIPPED \[(\d+)\] (.+?):(?:\d+: )?(.*)$/.exec(line);
      if (skip !== null)
        for (let n = Math.min(Number(skip[1]), 1000); n > 0; n -= 1) skipped.push([`${skip[2]}: ${skip[3]!.trim()}`, 'skip']);
    }
    // The short summary is read only where a project's own settings took the -v away again.
    return { named: verbose.size > 0 ? [...verbose] : [...short, ...skipped], counts };
  },
};

/** An error while a test is torn down comes after its PASSED: the worse one stays. */
function set(states: Map<string, work.TestState>, name: string, state: work.TestState): void {
  if (states.get(name) !== 'fail') states.set(name, state);
}

function swapped(match: RegExpExecArray | null): readonly [string, string, string] | null {
  return match === null ? null : [match[0], match[2]!, match[1]!];
}

/** cargo test: `test a::b ... ok`; several binaries follow each other. */
const cargo: Reader = {
  knows: (line) => line.startsWith('test result: '),
  read(all) {
    const named: Named[] = [];
    let counts: Counts = { passed: 0, failed: 0, skipped: 0 };
    for (const line of all) {
      const result = /^test (.+) \.\.\. (ok|FAILED|ignored)\b/.exec(line);
      if (result !== null)
        named.push([
          result[1]!.replace(/ - should panic$/, '').replace(/ \(line \d+\)/, ''),
          result[2] === 'ok' ? 'pass' : result[2] === 'FAILED' ? 'fail' : 'skip',
        ]);
      else if (line.startsWith('test result: '))
        counts = sum(counts, tally(line.slice(0, line.lastIndexOf('; 0 measured') + 1 || line.length), WORDS));
    }
    return { named, counts };
  },
};

/** go test -v: results first, then the package that they belong to. */
const go: Reader = {
  knows: (line) => /^(?:ok|FAIL)\s+\S+\s+(?:[\d.]+s|\(cached\)|\[)|^\s*--- (?:PASS|FAIL|SKIP): /.test(line),
  read(all) {
    const named: Named[] = [];
    let open: Named[] = [];
    for (const line of all) {
      const result = /^\s*--- (PASS|FAIL|SKIP): (.+?)(?: \([\d.]+s\))?$/.exec(line);
      const end = /^(?:ok|FAIL)\s+([\w./~-]+)\s+(?:[\d.]+s|\(cached\)|\[)/.exec(line);
      if (result !== null) open.push([result[2]!, result[1] === 'PASS' ? 'pass' : result[1] === 'FAIL' ? 'fail' : 'skip']);
      if (end !== null) {
        for (const [name, state] of open) named.push([`${end[1]} ${name}`, state]);
        open = [];
      }
    }
    named.push(...open);
    return { named, counts: named.length === 0 ? null : countsOf(named) };
  },
};

const READERS: readonly Reader[] = [nodeSpec, tap, vitest, jest, mocha, ava, pytest, cargo, go];
