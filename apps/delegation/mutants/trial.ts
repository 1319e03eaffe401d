/**
 * Trying mutants: one at a time in each of a few copies of the checkout, first on the test files that see the line, then on what
 * else could. A mutant is killed when a run fails or does not end; the first failure ends the run. The file is put back after
 * each, whatever happens.
 */
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { affectedTests, type ModuleGraph, moduleGraph, narrow, runnerOf, testFiles } from 'skein/checks';
import { runChild } from '../programs/child.ts';
import { plainModule } from '../programs/entry.ts';
import type { Check } from '../programs/probe.ts';
import { seesTypesAlone } from '../programs/sources.ts';
import { EVENT_MARK, readEvents } from '../programs/test-events.ts';
import { applied, type Mutant } from './operators.ts';
import { Reach } from './reach.ts';

export type Fate =
  /** A run failed or hung: the tests noticed. */
  | { readonly fate: 'killed' }
  /** Every test that could notice passed; `ran` says how many files, null = the whole suite. */
  | { readonly fate: 'survived'; readonly ran: number | null }
  /** No test runs the line. */
  | { readonly fate: 'unreached' }
  | { readonly fate: 'undecided' };

/** A test check that was green on the unchanged checkout, and what that run taught. */
interface Suite {
  readonly check: Check;
  readonly tests: readonly string[];
  readonly reach: Reach | null;
  /** ms of the whole unchanged suite. */
  readonly wholeMs: number;
  readonly fileMs: ReadonlyMap<string, number>;
  readonly options: readonly string[];
  /** How a failure looks in what it prints; null = only its exit tells. */
  readonly failure: RegExp | null;
}

/** More copies than this fight over one disk. */
const LANES_MAX = 4;
/** A copy of more files than this costs more than it saves. */
const COPIED_FILES_MAX = 20_000;
/** Test files tried before the rest: most mutants die in the first. */
const FIRST_FILES = 3;
const GENERIC_FAILURE = /^[ \t]*(?:✖ |✘ |× |not ok \d(?!.*# (?:TODO|SKIP))|\d+\) )/m;
export class Trials {
  readonly #lanes: string[];
  readonly #suites: readonly Suite[];
  readonly #graph: ModuleGraph;
  readonly #left: () => number;
  readonly #temp: string;

  private constructor(lanes: string[], suites: readonly Suite[], graph: ModuleGraph, left: () => number, temp: string) {
    this.#lanes = lanes;
    this.#suites = suites;
    this.#graph = graph;
    this.#left = left;
    this.#temp = temp;
  }

  /** Runs the unchanged checkout once. A string says why nothing can be tried. */
  static async open(
    top: string,
    checks: readonly Check[],
    paths: readonly string[],
    mutants: readonly Mutant[],
    left: () => number,
  ): Promise<Trials | string> {
    const temp = await mkdtemp(join(tmpdir(), 'mutants-'));
    const usable = checks.filter((check) => !seesTypesAlone(check));
    if (usable.length === 0) return 'no check runs tests';
    const graph = await moduleGraph(paths, (path) => readFile(join(top, path), 'utf8').catch(() => null));
    const copies = copyLanes(top, temp);
    const suites: Suite[] = [];
    for (const check of usable) {
      const suite = await measure(top, check, paths, mutants, join(temp, `coverage-${suites.length}`), left());
      if (typeof suite === 'string') {
        await copies;
        await rm(temp, { recursive: true, force: true });
        return suite;
      }
      suites.push(suite);
    }
    const trials = new Trials([top], suites, graph, left, temp);
    await trials.#addLanes(await copies);
    return trials;
  }

  get lanes(): number {
    return this.#lanes.length;
  }

  /** Known without a trial: no test runs it. */
  isUnreached(mutant: Mutant): boolean {
    return this.#suites.every((suite) => this.#stages(suite, mutant).length === 0);
  }

  get wholeMs(): number {
    return this.#suites.reduce((sum, suite) => sum + suite.wholeMs, 0);
  }

  /** Side by side, in order; `enough` is asked before each. What the time does not allow stays out of the answer. */
  async all(
    mutants: readonly Mutant[],
    told: (mutant: Mutant, fate: Fate) => void,
    enough: () => boolean = () => false,
  ): Promise<void> {
    let next = 0;
    await Promise.all(
      this.#lanes.map(async (lane) => {
        while (next < mutants.length && !enough() && this.#left() > 0) {
          const mutant = mutants[next]!;
          next += 1;
          const fate = await this.#try(mutant, lane);
          if (fate.fate !== 'undecided') told(mutant, fate);
        }
      }),
    );
  }

  async close(): Promise<void> {
    await rm(this.#temp, { recursive: true, force: true });
  }

  async #try(mutant: Mutant, lane: string): Promise<Fate> {
    const stages = this.#suites.flatMap((suite) => this.#stages(suite, mutant));
    if (stages.length === 0) return { fate: 'unreached' };
    const file = join(lane, mutant.path);
    const text = await readFile(file, 'utf8');
    let ran: number | null = 0;
    try {
      await writeFile(file, applied(text, mutant));
      for (const { suite, files } of stages) {
        const { expected, bound } = timesOf(suite, files);
        if (this.#left() < Math.min(bound, expected * 1.5)) return { fate: 'undecided' };
        const ended = await run(lane, suite, files, Math.min(bound, this.#left()));
        if (ended === 'failed') return { fate: 'killed' };
        if (ended === 'hung') return this.#left() > 0 ? { fate: 'killed' } : { fate: 'undecided' };
        ran = files === null || ran === null ? null : ran + files.length;
      }
    } finally {
      await writeFile(file, text);
    }
    return { fate: 'survived', ran };
  }

  /** What is run, in order, until one fails; none = nobody runs the line. */
  #stages(suite: Suite, mutant: Mutant): { readonly suite: Suite; readonly files: readonly string[] | null }[] {
    const { reach } = suite;
    const whole = { suite, files: null };
    if (reach?.ignores(mutant.path) === true) return [];
    if (reach?.exact === true) {
      const { tests, elsewhere } = reach.of(mutant);
      const ordered = nearest(tests, mutant.path, suite.fileMs);
      const stages = [ordered.slice(0, FIRST_FILES), ordered.slice(FIRST_FILES)]
        .filter((files) => files.length > 0)
        .map((files) => ({ suite, files }));
      return elsewhere ? [...stages.slice(0, 1), whole] : stages;
    }
    const seen = affectedTests(this.#graph, suite.tests, [mutant.path]).tests;
    if (seen === null || seen.length === 0 || seen.length > suite.tests.length / 2 || narrow(suite.check, seen) === null)
      return [whole];
    return [{ suite, files: nearest(seen, mutant.path, suite.fileMs).slice(0, FIRST_FILES) }, whole];
  }

  /** A copy counts only when the unchanged tests pass in all lanes at once: they may share a port. */
  async #addLanes(copies: readonly string[]): Promise<void> {
    if (copies.length === 0) return;
    const lanes = [...this.#lanes, ...copies];
    const cheapest = this.#suites.toSorted((a, b) => a.wholeMs - b.wholeMs)[0]!;
    if (this.#left() < cheapest.wholeMs * 6) return;
    const ends = await Promise.all(lanes.map((lane) => run(lane, cheapest, null, 3 * cheapest.wholeMs + 2000)));
    if (ends.every((end) => end === 'passed')) this.#lanes.push(...copies);
  }
}

/** What a run should take, and when it hangs. A runner that does not say how long each file took is given their mean, twice. */
function timesOf({ tests, wholeMs, fileMs }: Suite, files: readonly string[] | null): { expected: number; bound: number } {
  if (files === null) return { expected: wholeMs, bound: 3 * wholeMs + 2000 };
  const silent = fileMs.size === 0;
  const each = (2 * wholeMs * availableParallelism()) / Math.max(1, tests.length);
  const sum = files.reduce((total, path) => total + 400 + (fileMs.get(path) ?? (silent ? each : wholeMs)), 0);
  const expected = Math.min(wholeMs, sum);
  return { expected, bound: silent ? 3 * wholeMs : 3 * expected + 2000 };
}

/** Tests named after the file first, then the quick ones. */
function nearest(tests: readonly string[], path: string, fileMs: ReadonlyMap<string, number>): string[] {
  const name = basename(path).replace(/\..*$/, '');
  const far = (test: string): number => (name !== 'index' && basename(test).includes(name) ? 0 : 1);
  return tests.toSorted((a, b) => far(a) - far(b) || (fileMs.get(a) ?? 0) - (fileMs.get(b) ?? 0));
}

/** Whether its coverage says which test files run a line: the others compile what they run, so that places in it are none in the files. */
export function reachable(check: Check): boolean {
  const runner = runnerOf(check);
  return runner === null || runner === 'node' || runner === 'borp' || runner === 'tap' || seesTypesAlone(check);
}

async function measure(
  top: string,
  check: Check,
  paths: readonly string[],
  mutants: readonly Mutant[],
  coverage: string,
  timeoutMs: number,
): Promise<Suite | string> {
  const runner = runnerOf(check);
  const tests = testFiles(check, paths) ?? [];
  const reach = reachable(check) ? new Reach(coverage, top, mutants, tests) : null;
  const reporter = plainModule(import.meta.url, '../programs/test-events');
  const options = runner === 'node' && !check.command.includes('--test-reporter') ? [`--test-reporter=${reporter}`] : [];
  await reach?.begin();
  const ended = await runChild({
    command: narrow(check, null, { options }) ?? check.command,
    cwd: join(top, check.directory),
    top,
    timeoutMs,
    ...(reach === null ? {} : { env: reach.env }),
  });
  await reach?.end();
  if (ended.ended === 'timed-out') return `${check.name} alone takes longer than the time that is left`;
  if (ended.ended !== 'exit' || ended.code !== 0) return `${check.name} is not green in this checkout before anything is changed`;
  const fileMs = new Map<string, number>();
  for (const event of readEvents(ended.stdout)) {
    const path = event.file.startsWith(`${top}/`) ? event.file.slice(top.length + 1) : event.file;
    if (event.whole) fileMs.set(path, event.ms);
  }
  const failure =
    options.length > 0 ? new RegExp(`^${EVENT_MARK.replaceAll(/[{}"]/g, '\\$&')}.*"state":"fail"`, 'm') : GENERIC_FAILURE;
  return { check, tests, reach, wholeMs: ended.ms, fileMs, options, failure: failure.test(ended.stdout) ? null : failure };
}

async function run(
  lane: string,
  suite: Suite,
  files: readonly string[] | null,
  timeoutMs: number,
): Promise<'passed' | 'failed' | 'hung'> {
  const { check, failure, options } = suite;
  const line = narrow(check, files, { untilFailure: true, options }) ?? check.command;
  let line0 = '';
  const ended = await runChild({
    command: line,
    cwd: join(lane, check.directory),
    top: lane,
    timeoutMs,
    enough: (chunk) => {
      if (failure === null) return false;
      const text = line0 + chunk;
      line0 = text.slice(text.lastIndexOf('\n') + 1).slice(-4096);
      return failure.test(text);
    },
  });
  if (ended.ended === 'timed-out') return 'hung';
  return ended.ended === 'exit' && ended.code === 0 ? 'passed' : 'failed';
}

/** Copies of the checkout with the same installed packages; none where packages link back into the checkout. */
async function copyLanes(top: string, temp: string): Promise<string[]> {
  const wanted = Math.min(LANES_MAX, availableParallelism()) - 1;
  if (wanted < 1) return [];
  const manifest = await readFile(join(top, 'package.json'), 'utf8').catch(() => '{}');
  const names = await readdir(top);
  if (/"workspaces"\s*:/.test(manifest) || names.some((name) => /^(?:pnpm-workspace\.yaml|lerna\.json|\.pnp\.c?js)$/.test(name)))
    return [];
  const lanes: string[] = [];
  let files = 0;
  try {
    for (let n = 1; n <= wanted; n += 1) {
      const lane = join(temp, `lane-${n}`);
      await cp(top, lane, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (path) => {
          if (path === join(top, 'node_modules') || path === join(top, '.git')) return false;
          files += 1;
          if (files > COPIED_FILES_MAX * n) throw new Error('too many files to copy');
          return true;
        },
      });
      if (names.includes('node_modules')) await symlink(join(top, 'node_modules'), join(lane, 'node_modules'));
      lanes.push(lane);
    }
  } catch {
    // one lane does the same, slower
  }
  return lanes;
}
