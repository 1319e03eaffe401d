/**
 * The landing rule: nothing green turns red, no test disappears or is skipped, no finding is added, no edit outside the
 * claim, none to lock files or CI, no new suppression. Owns the judgement alone: `judge` compares verdicts, `screen` reads
 * the change. It runs no check, reads no file and never throws, whatever an agent hands in.
 *
 * `screen` reads text, so it errs towards refusing; a person may claim a file by name to allow what is refused otherwise.
 * It cannot see a test that was hollowed out but still passes: the measured detection power of the checks is the bound.
 */
import { type Glob, compileGlob } from '../structures/index.ts';
import type { work } from '../contracts/index.ts';
import { type AddedLine, readPatch, type RemovedLine } from './patch.ts';

/** More violations than this are counted, not listed: nobody reads the rest and records stay small. */
const VIOLATIONS_MAX = 64;
const DETAIL_MAX = 300;

export interface ScreenOptions {
  /** Characters of patch above which a change is refused as too large for anybody to have meant. */
  readonly patchMax?: number;
  readonly filesMax?: number;
  /** Binary files are refused unless a claim names them; true lets them pass. */
  readonly binary?: boolean;
}

/** 2 MiB: a thousand times a usual change, and still read within a second. */
const PATCH_MAX = 2 * 1024 * 1024;
const FILES_MAX = 2_000;

class Violations {
  readonly list: work.Violation[] = [];
  #more = 0;

  add(rule: work.Violation['rule'], detail: string): void {
    if (this.list.length < VIOLATIONS_MAX) this.list.push({ rule, detail: clip(detail, DETAIL_MAX) });
    else this.#more++;
  }

  done(): work.Violation[] {
    const last = this.list.at(-1);
    if (this.#more > 0 && last) this.list[this.list.length - 1] = { ...last, detail: `${last.detail} (and ${this.#more} more)` };
    return this.list;
  }
}

function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`;
}

// ---- verdicts ---------------------------------------------------------------------------------------------------------

/**
 * What the candidate tree lost against the baseline. `unstable` names what disagreed between two runs of the same tree: tests, as
 * `check: test` or `test`, and checks that name no tests. Their failures do not count, but they must still exist. `mends` names checks
 * that must be better than before.
 */
export function judge(
  baseline: readonly work.CheckVerdict[],
  candidate: readonly work.CheckVerdict[],
  unstable: readonly string[],
  mends: readonly string[] = [],
): work.Violation[] {
  const found = new Violations();
  const shaky = new Set(unstable);
  const now = new Map(candidate.map((verdict) => [verdict.check, verdict]));
  for (const check of mends) {
    const before = baseline.find((verdict) => verdict.check === check);
    const after = now.get(check);
    if (before === undefined || after === undefined || !isBetter(before, after, shaky))
      found.add('not-mended', `${check}: no test that failed passes now and no finding is gone`);
  }
  for (const before of baseline) {
    // What could not run at the baseline protects nothing; the plan names it as unavailable.
    if (before.status === 'unavailable') continue;
    const after = now.get(before.check);
    if (after === undefined) {
      found.add('check-could-not-run', `${before.check} was not run`);
      continue;
    }
    if (after.status === 'unavailable') {
      found.add('check-could-not-run', `${before.check}: ${after.cause || 'no cause was given'}`);
      continue;
    }
    compareTests(before, after, shaky, found);
    compareFindings(before, after, found);
    if (before.status !== 'green' || after.status === 'green') continue;
    // Red may come from unstable tests alone; a check as a whole is excused only where it names no tests.
    const excused = before.tests === null ? shaky.has(before.check) : onlyUnstableFailed(after, shaky);
    if (after.status === 'red' && excused) continue;
    const how = after.status === 'timed-out' ? 'did not end in time' : `exit code ${after.exitCode ?? 'none'}`;
    found.add('green-turned-red', `${before.check}: ${how}${after.cause === '' ? '' : `, ${after.cause}`}`);
  }
  return found.done();
}

/** Red that became green, fewer tests that fail, or fewer findings. */
function isBetter(before: work.CheckVerdict, after: work.CheckVerdict, shaky: ReadonlySet<string>): boolean {
  if (after.status === 'green' && before.status !== 'green') return true;
  const compared = (before.status === 'red' || before.status === 'green') && (after.status === 'red' || after.status === 'green');
  if (!compared) return false;
  const [was, is] = [failing(before, shaky), failing(after, shaky)];
  return (was !== null && is !== null && is < was) || after.findings.length < before.findings.length;
}

function failing({ check, tests, counts }: work.CheckVerdict, shaky: ReadonlySet<string>): number | null {
  if (tests === null) return counts?.failed ?? null;
  return Object.entries(tests).filter(([test, state]) => state === 'fail' && !isShaky(check, test, shaky)).length;
}

/** A task's own checks have no baseline: each has to be green. */
export function judgeTaskChecks(verdicts: readonly work.CheckVerdict[]): work.Violation[] {
  const found = new Violations();
  for (const { check, status, cause, exitCode } of verdicts) {
    if (status === 'unavailable') found.add('check-could-not-run', `${check}: ${cause || 'no cause was given'}`);
    else if (status === 'timed-out') found.add('task-check-failed', `${check}: did not end in time`);
    else if (status === 'red') found.add('task-check-failed', `${check}: exit code ${exitCode ?? 'none'}`);
  }
  return found.done();
}

function isShaky(check: string, test: string, shaky: ReadonlySet<string>): boolean {
  return shaky.has(test) || shaky.has(`${check}: ${test}`);
}

function compareTests(before: work.CheckVerdict, after: work.CheckVerdict, shaky: ReadonlySet<string>, found: Violations): void {
  if (before.tests === null) return compareCounts(before, after, shaky, found);
  // A run that was cut short names no tests: that is one violation, not one per test.
  if (after.status === 'timed-out') {
    if (before.status !== 'green') found.add('test-disappeared', `${before.check} did not end in time: its tests are unknown`);
    return;
  }
  if (after.tests === null) {
    if (Object.keys(before.tests).length > 0)
      found.add('test-disappeared', `${before.check}: no test is named in its output any more`);
    return;
  }
  for (const [test, state] of Object.entries(before.tests)) {
    const name = `${before.check}: ${test}`;
    const then = Object.hasOwn(after.tests, test) ? after.tests[test] : undefined;
    if (then === undefined) found.add('test-disappeared', name);
    else if (then === 'skip' && state !== 'skip') found.add('test-skipped', name);
    else if (then === 'fail' && state !== 'fail' && !isShaky(before.check, test, shaky)) found.add('test-failed', name);
  }
  for (const [test, state] of Object.entries(after.tests)) {
    if (Object.hasOwn(before.tests, test)) continue;
    if (state === 'fail' && !isShaky(before.check, test, shaky)) found.add('test-failed', `${before.check}: ${test} (new)`);
    if (state === 'skip') found.add('test-skipped', `${before.check}: ${test} (new)`);
  }
}

/** For runners whose output names no tests: none may be missing, skipped or failing that was not before. */
function compareCounts(before: work.CheckVerdict, after: work.CheckVerdict, shaky: ReadonlySet<string>, found: Violations): void {
  if (before.counts === null || after.status === 'timed-out') return;
  const { check, counts: was } = before;
  const is = after.counts;
  if (is === null) {
    if (was.passed + was.failed + was.skipped > 0)
      found.add('test-disappeared', `${check}: its output no longer says how many tests ran`);
    return;
  }
  const missing = was.passed + was.failed + was.skipped - (is.passed + is.failed + is.skipped);
  if (missing > 0) found.add('test-disappeared', `${check}: ${missing} fewer tests ran`);
  if (is.skipped > was.skipped) found.add('test-skipped', `${check}: ${is.skipped - was.skipped} more tests are skipped`);
  if (is.failed > was.failed && !shaky.has(check))
    found.add('test-failed', `${check}: ${is.failed - was.failed} more tests fail`);
}

function compareFindings(before: work.CheckVerdict, after: work.CheckVerdict, found: Violations): void {
  const left = new Map<string, number>();
  for (const finding of before.findings) left.set(finding, (left.get(finding) ?? 0) + 1);
  for (const finding of after.findings) {
    const had = left.get(finding) ?? 0;
    if (had > 0) left.set(finding, had - 1);
    else found.add('finding-added', `${before.check}: ${finding}`);
  }
}

function onlyUnstableFailed(after: work.CheckVerdict, shaky: ReadonlySet<string>): boolean {
  const failed = Object.entries(after.tests ?? {}).filter(([, state]) => state === 'fail');
  return failed.length > 0 && failed.every(([test]) => isShaky(after.check, test, shaky));
}

// ---- the change -------------------------------------------------------------------------------------------------------

const lockFiles = new Set([
  'package-lock.json',
  'npm-shrinkwrap.json',
  'pnpm-lock.yaml',
  'yarn.lock',
  'bun.lock',
  'bun.lockb',
  'deno.lock',
  'cargo.lock',
  'go.sum',
  'go.work.sum',
  'poetry.lock',
  'pdm.lock',
  'uv.lock',
  'pipfile.lock',
  'composer.lock',
  'gemfile.lock',
  'mix.lock',
  'pubspec.lock',
  'packages.lock.json',
  'gradle.lockfile',
  'flake.lock',
  'package.resolved',
]);

const ciFiles: readonly RegExp[] = [
  /^\.(github|gitlab|circleci|buildkite|woodpecker|husky|forgejo|gitea|semaphore|teamcity|tekton)\//,
  /^\.(gitlab-ci|travis|drone|appveyor|cirrus|woodpecker|pre-commit-config)\.ya?ml$/,
  /^(azure-pipelines|bitbucket-pipelines|appveyor|cloudbuild|buildspec|wercker|codecov|\.codecov|lefthook|\.lefthook)[^/]*\.ya?ml$/,
  /(^|\/)jenkinsfile[^/]*$/,
  /^\.ci\//,
];

/** What decides how the repository is checked out, or belongs to the runtime. */
const ownFiles =
  /(^|\/)(\.gitattributes|\.gitmodules|\.gitignore|\.mailmap|\.git|\.lfsconfig)(\/|$)|^(\.skein(\/|$)|skein\.ya?ml$)/;

/** Files that define a check: who edits them may make any check green. Matched on the lower-case base name. */
const checkFiles: readonly RegExp[] = [
  /^package\.json$/,
  /^[jt]sconfig[^/]*\.json$/,
  /^(eslint|biome|oxlint|prettier|stylelint|rome|xo|standard|knip|commitlint|lint-staged|dprint|deno)(\.config|rc)?\.(jsonc?|[cm]?[jt]s|ya?ml|toml)$/,
  /^\.(eslint|oxlint|prettier|stylelint|oxfmt|dprint|jshint|jscs|mocha|nyc|c8|tap|taprc|swc|babel)(rc|ignore)?(\.(jsonc?|[cm]?[jt]s|ya?ml|toml))?$/,
  /^(vite|vitest|jest|mocha|ava|tap|playwright|cypress|karma|wdio|babel|nyc|c8|stryker)[^/]*\.(config|conf|workspace|setup)\.(json|[cm]?[jt]sx?|ya?ml)$/,
  /^vitest\.(workspace|projects)\.[cm]?[jt]s(on)?$/,
  /^(pytest\.ini|\.pytest\.ini|tox\.ini|setup\.cfg|setup\.py|pyproject\.toml|noxfile\.py|conftest\.py|\.coveragerc|mypy\.ini|\.mypy\.ini|\.flake8|\.pylintrc|pylintrc|ruff\.toml|\.ruff\.toml|pyrightconfig\.json)$/,
  /^(gnumakefile|makefile|\.?justfile|taskfile\.ya?ml|rakefile|\.rspec|\.rubocop[^/]*\.yml|phpunit[^/]*\.xml[^/]*|phpstan[^/]*\.neon[^/]*)$/,
  /\.mk$/,
  /^(\.golangci\.ya?ml|\.golangci\.toml|clippy\.toml|\.clippy\.toml|rustfmt\.toml|\.rustfmt\.toml|build\.rs|deny\.toml|nextest\.toml|cargo\.toml|go\.mod)$/,
  /^(nx|turbo|lerna)\.json$|^pnpm-workspace\.yaml$|^\.npmrc$|^\.yarnrc(\.yml)?$|^bunfig\.toml$|^\.nvmrc$|^\.node-version$|^\.tool-versions$/,
];

interface Mark {
  readonly name: string;
  readonly pattern: RegExp;
  /** Means something else outside test files: `{ skip: true }` is also an option of data fetchers. */
  readonly testsOnly?: boolean;
}

const testFile =
  /(^|\/)(tests?|__tests__|specs?|e2e|testing)\/|[._-](test|tests|spec|e2e|cy)\.[^/]+$|(^|\/)tests?[_.][^/]*$|_test\.[^/]+$|tests?\.(java|kt|cs|swift|scala)$/;
/** Prose may speak of suppressions; nothing runs it. */
const prose = /\.(md|markdown|txt|rst|adoc)$/;

// Each pattern is linear: no nested repetition, and lines are cut before they are matched.
const suppressions: readonly Mark[] = [
  { name: 'eslint-disable', pattern: /\beslint-disable(-next-line|-line)?\b/g },
  { name: 'oxlint-disable', pattern: /\boxlint-disable(-next-line|-line)?\b/g },
  { name: 'eslint rule comment', pattern: /\/\*\s{0,8}eslint\s{1,8}[\w@/-]{1,80}\s{0,4}:\s{0,4}(off|0|\[)/g },
  { name: 'biome-ignore', pattern: /\b(biome|rome)-ignore(-all|-start)?\b/g },
  { name: 'deno-lint-ignore', pattern: /\bdeno-lint-ignore(-file)?\b/g },
  { name: 'tslint:disable', pattern: /\btslint:disable/g },
  { name: 'stylelint-disable', pattern: /\bstylelint-disable/g },
  { name: 'prettier-ignore', pattern: /\b(prettier|oxfmt|dprint)-ignore\b/g },
  { name: '@ts-ignore', pattern: /@ts-ignore\b/g },
  { name: '@ts-expect-error', pattern: /@ts-expect-error\b/g },
  { name: '@ts-nocheck', pattern: /@ts-nocheck\b/g },
  { name: '@flow suppression', pattern: /\$Flow(FixMe|Ignore|ExpectedError)\b|@noflow\b/g },
  { name: '# noqa', pattern: /#\s{0,4}(flake8|ruff)?:?\s{0,4}noqa\b/gi },
  { name: '# type: ignore', pattern: /#\s{0,4}type:\s{0,4}ignore\b/g },
  { name: '# pyright: ignore', pattern: /#\s{0,4}(pyright|mypy|pyre)\s{0,2}[:-]\s{0,4}(ignore|fixme|basic|ignore-errors)\b/g },
  { name: '# pylint: disable', pattern: /#\s{0,4}pylint:\s{0,4}(disable|skip-file)/g },
  { name: '# nosec', pattern: /#\s{0,4}nosec\b/g },
  { name: 'pragma: no cover', pattern: /pragma:?\s{0,4}no\s{0,4}(cover|branch)\b/gi },
  { name: '//nolint', pattern: /\/\/\s{0,2}nolint\b/g },
  { name: '//lint:ignore', pattern: /\/\/\s{0,2}lint:(file-)?ignore\b/g },
  { name: '#[allow(', pattern: /#!?\[\s{0,4}(cfg_attr\([^\]]{0,80})?(allow|expect)\s{0,4}\(/g },
  { name: '@SuppressWarnings', pattern: /@(file:)?Suppress(Warnings|FBWarnings)?\s{0,4}\(/g },
  {
    name: '#pragma warning disable',
    pattern: /#pragma\s{1,4}(warning\s{1,4}disable|GCC\s{1,4}diagnostic\s{1,4}ignored|clang\s{1,4}diagnostic\s{1,4}ignored)/g,
  },
  { name: 'rubocop:disable', pattern: /\brubocop:(disable|todo)\b/g },
  { name: 'phpcs:ignore', pattern: /\b(phpcs:(ignore|disable)|@phpstan-ignore|@psalm-suppress)/g },
  { name: 'shellcheck disable', pattern: /\bshellcheck\s{1,4}disable=/g },
  { name: 'swiftlint:disable', pattern: /\bswiftlint:disable/g },
  { name: 'coverage ignore', pattern: /\b(istanbul|c8|v8|node:coverage)\s{1,4}(ignore|disable)\b/g },
  { name: 'NOSONAR', pattern: /\bNOSONAR\b/g },
  { name: 'NOLINT', pattern: /\/\/\s{0,4}NOLINT(NEXTLINE|BEGIN)?\b/g },
];

const jsTest = String.raw`(?:describe|suite|context|specify|scenario|it|test|bench)`;
const skips: readonly Mark[] = [
  {
    name: 'test skipped or narrowed',
    pattern: new RegExp(
      String.raw`\b${jsTest}(?:\.(?:concurrent|sequential|serial|each|describe|parallel|step)){0,4}\.(?:skip|only|todo|fails|failing|fixme|skipIf|runIf)\b`,
      'g',
    ),
  },
  {
    name: 'test skipped or narrowed',
    pattern:
      /(^|[^\w.$])((xit|xtest|xdescribe|xcontext|xspecify)\s{0,4}(\(|\.each)|(fit|fdescribe|fcontext)\s{0,4}\(\s{0,8}['"`])/g,
  },
  {
    name: 'test skipped or narrowed',
    pattern: /\b(describe|suite|context|it|test)\s{0,4}\[\s{0,4}['"`](skip|only|todo|fails|failing|fixme)\b/g,
  },
  { name: 'test skipped or narrowed', pattern: /\b(t|tt|ctx|context|test|this|suite)\.(skip|todo)\s{0,4}\(/g, testsOnly: true },
  {
    name: 'test skipped or narrowed',
    pattern:
      /(^|[{,])\s{0,200}['"]?((skip|only|todo|fails)['"]?\s{0,4}:\s{0,4}(true|1|!0)\b|(skip|todo)['"]?\s{0,4}:\s{0,4}['"`])/g,
    testsOnly: true,
  },
  {
    name: 'pytest or unittest skip',
    pattern: /\bpytest\s{0,2}\.\s{0,2}(mark\s{0,2}\.\s{0,2}(skip|skipif|xfail)|skip|xfail|importorskip)\b/g,
  },
  { name: 'pytest or unittest skip', pattern: /@\s{0,2}unittest\s{0,2}\.\s{0,2}(skip|skipIf|skipUnless|expectedFailure)\b/g },
  { name: 'pytest or unittest skip', pattern: /\.skipTest\s{0,2}\(|\braise\s{1,4}(unittest\.)?SkipTest\b/g },
  { name: 'pytest or unittest skip', pattern: /@(skip|skipIf|skipUnless|expectedFailure)\b/g, testsOnly: true },
  { name: 'collection switched off', pattern: /\b(collect_ignore(_glob)?\s{0,4}[=+]|__test__\s{0,4}=\s{0,4}False)/g },
  { name: 'go test skip', pattern: /\b(t|tb|b|f|tt)\.(Skip|SkipNow|Skipf)\s{0,2}\(/g },
  { name: 'go build tag', pattern: /^\s{0,4}\/\/\s{0,2}(go:build|\+build)\s{1,4}(ignore|never|skip|false)/g },
  { name: '#[ignore]', pattern: /#\[\s{0,4}(cfg_attr\([^\]]{0,80})?ignore\b/g },
  { name: '@Disabled', pattern: /@(Disabled|Ignore|DisabledIf|EnabledIf)\b/g, testsOnly: true },
  {
    name: 'test skipped',
    pattern: /\bXCTSkip(If|Unless)?\b|@(module)?tag\s{1,4}:?skip\b|\bAssert\.(Ignore|Inconclusive)\s{0,2}\(/g,
  },
  { name: 'test skipped', pattern: /\bSkip\s{0,4}=\s{0,4}["$@n]|\[\s{0,4}Ignore\b/g, testsOnly: true },
  { name: 'markTestSkipped', pattern: /\bmarkTest(Skipped|Incomplete)\s{0,2}\(/g },
  { name: 'rspec skip', pattern: /^\s{0,200}(xit|xdescribe|xcontext|fit|fdescribe|pending|skip)\s{1,4}['"]/g, testsOnly: true },
];

const LINE_MAX = 16_384; // longer lines are generated; added ones are refused, because nothing reads them
const QUOTED_MAX = 32; // mentions in strings looked at per line; a line with more is no text about tests

/** Every mark holds one of these: most lines hold none and skip the fifty patterns. */
const anyMark =
  /ignore|disable|skip|only|todo|fail|fixme|noqa|nolint|lint|nosec|allow|expect|suppress|pragma|sonar|no(check|flow)|flow|pyright|mypy|pyre|xit|xtest|xdescribe|xcontext|xspecify|fit|fdescribe|fcontext|runif|incomplete|enabledif|pending|__test__|build/i;

/** What may not land whatever the checks say. `patch` is unified git diff text. Never throws. O(patch). */
export function screen(
  change: { readonly files: readonly work.FileChange[]; readonly patch: string },
  task: work.TaskSpec,
  options: ScreenOptions = {},
): work.Violation[] {
  const found = new Violations();
  const claims = task.claims.map((claim) => compileGlob(claim)).filter((glob) => glob.ok);
  if (change.files.length === 0 && change.patch.trim() === '') {
    found.add('empty-change', 'no file was changed');
    return found.done();
  }
  const patchMax = options.patchMax ?? PATCH_MAX;
  const filesMax = options.filesMax ?? FILES_MAX;
  if (change.patch.length > patchMax) found.add('too-large', `a diff of ${change.patch.length} characters, at most ${patchMax}`);
  if (change.files.length > filesMax) found.add('too-large', `${change.files.length} files, at most ${filesMax}`);

  const patch = readPatch(change.patch.slice(0, patchMax));
  // The patch also tells where a renamed file came from: taking a test away under a claim of its new home is an edit outside.
  const paths = new Set([...change.files.map((file) => file.path), ...patch.paths]);
  for (const path of [...paths].slice(0, filesMax)) screenPath(path, task.claims.length > 0, claims, found);
  for (const file of change.files) {
    if (file.binary && options.binary !== true && file.status !== 'deleted' && !names(claims, file.path)) {
      found.add('too-large', `${file.path} is binary: it cannot be read before it lands`);
    }
  }
  for (const path of patch.links) found.add('outside-claim', `${path} became a symbolic link or a submodule`);
  screenLines(patch.added, patch.removed, found);
  return found.done();
}

type Claim = Extract<Glob, { ok: true }>;

/** The claim ends in the very name of the file: the person who wrote it meant this file, not all that a wildcard sweeps up. */
function names(claims: readonly Claim[], path: string): boolean {
  return claims.some((claim) => claim.matches(path) && tail(claim.pattern) === tail(path));
}

function tail(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).toLowerCase();
}

function screenPath(path: string, hasClaims: boolean, claims: readonly Claim[], found: Violations): void {
  // File systems that ignore case would read `.GitHub/` as `.github/`.
  const lower = path.normalize('NFC').toLowerCase();
  const base = tail(lower);
  if (lockFiles.has(base)) found.add('lock-file', path);
  else if (ciFiles.some((pattern) => pattern.test(lower))) found.add('ci-file', path);
  else if (hasClaims && !claims.some((claim) => claim.matches(path))) found.add('outside-claim', path);
  else if (names(claims, path)) return;
  else if (ownFiles.test(lower)) found.add('outside-claim', `${path} decides what git or Skein does: claim it by name`);
  else if (checkFiles.some((pattern) => pattern.test(base)))
    found.add('outside-claim', `${path} defines a check: claim it by name`);
}

/** A mark that was removed elsewhere in the same change was moved, not added. */
function screenLines(added: readonly AddedLine[], removed: readonly RemovedLine[], found: Violations): void {
  const gone = new Map<string, number>();
  for (const line of removed) for (const mark of marksIn(line)) gone.set(mark.key, (gone.get(mark.key) ?? 0) + 1);
  for (const line of added) {
    const at = `${line.path}:${line.number}`;
    if (line.text.length > LINE_MAX)
      found.add('too-large', `${at} is a line of ${line.text.length} characters, at most ${LINE_MAX}`);
    if (/^(<{7}|>{7}|\|{7})( |$)/.test(line.text)) found.add('conflict-markers', at);
    for (const mark of marksIn(line)) {
      const moved = gone.get(mark.key) ?? 0;
      if (moved > 0) gone.set(mark.key, moved - 1);
      else found.add(mark.rule, `${at} ${mark.name}: ${clip(line.text.trim(), 120)}`);
    }
  }
}

interface Found {
  readonly rule: 'suppression-added' | 'skip-added';
  readonly name: string;
  /** The mark and what stands behind it: the same again elsewhere is the same mark moved. */
  readonly key: string;
}

/** At most one mark of a name per line. */
function marksIn(line: { readonly path: string; readonly text: string }): Found[] {
  const path = line.path.toLowerCase();
  if (prose.test(path)) return [];
  const text = line.text.slice(0, LINE_MAX);
  if (!anyMark.test(text)) return [];
  const isTest = testFile.test(path);
  const found = new Map<string, Found>();
  const keep = (rule: Found['rule'], name: string, index: number): void => {
    if (!found.has(name)) found.set(name, { rule, name, key: `${name}\n${text.slice(index).replace(/\s+/g, ' ').trim()}` });
  };
  // A suppression counts even inside a string: several linters look for it anywhere in the line.
  for (const { name, pattern } of suppressions) {
    const match = text.matchAll(pattern).next().value;
    if (match) keep('suppression-added', name, match.index);
  }
  for (const { name, pattern, testsOnly } of skips) {
    if (testsOnly === true && !isTest) continue;
    let quoted = 0;
    for (const match of text.matchAll(pattern)) {
      if (quoted++ < QUOTED_MAX && inString(text, match.index)) continue;
      keep('skip-added', name, match.index);
      break;
    }
  }
  return [...found.values()];
}

/**
 * True between the quotes of a string that opens and closes in this line: text about a skip is no skip. Only a quote where an
 * expression may begin opens a string, so that an apostrophe in a comment does not hide what follows. Whoever still gets
 * past this meets `judge`, which sees the test missing.
 */
function inString(text: string, index: number): boolean {
  let open = '';
  for (let i = 0; i < index; i++) {
    const char = text[i]!;
    if (char === '\\') i++;
    else if (open !== '') {
      if (char === open) open = '';
    } else if ((char === '"' || char === "'" || char === '`') && /^[\s([{,:=+!|&?;<>]?$/.test(text[i - 1] ?? '')) open = char;
  }
  return open !== '' && text.indexOf(open, index) > 0;
}
