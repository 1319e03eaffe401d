/**
 * The activities `work.probe` and `work.vet`: programs of goals in private checkouts, in the sandbox and without network. What they
 * print is read and bounded here; what it means for a run is the room's to decide.
 */
import { mkdir, open, readFile, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction, type ActivityIo } from '../activity.ts';
import { lineSplitter } from '../agents/lines.ts';
import {
  affectedTests,
  type Checkout,
  type Checks,
  moduleGraph,
  narrow,
  runCheck,
  type RunCheck,
  runnerOf,
  testFiles,
  textCache,
  verdictKey,
} from '../checks/index.ts';
import { childEnv, languageEnv } from '../environment/index.ts';
import type { ExecResult } from '../exec.ts';
import type { Places } from '../places.ts';
import { readJudgeAnswer, readProbeLine } from './line.ts';

const FINDINGS_MAX = 500;
const TASKS_MAX = 500;
const MEASURES_MAX = 100;
const NOTES_MAX = 50;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const KEEP_BYTES = 4 * 1024 * 1024;
const JUDGE_MS_MAX = 120_000; // a warm verdict takes 0.3 s, a cold one of a large package some 20
const FAILURE_MAX = 16 * 1024;
const HEAD_BYTES = 8192; // licence headers are long, and marks stand below them
const ATTRIBUTES_BYTES = 64 * 1024;
const FILES_MAX = 50_000;
const CHANGED_MAX = 500;
const LISTING_BYTES = 32 * 1024 * 1024;
const WHOLE_MS = 5000; // a test check that takes less is run whole
const PART_MAX = 0.5; // of the test files: more than half is nearly the whole
const VIOLATIONS_MAX = 20;

/** One `.gitattributes`. */
export interface Attributes {
  /** Relative to the top; '' = top. */
  readonly directory: string;
  readonly text: string;
}

export interface ProbeNeeds {
  readonly checks: Checks;
  readonly places: Places;
  /** Variables that lead to the run's services. */
  readonly services: () => Promise<Readonly<Record<string, string>>>;
  /** From the repository's files and attribute files to whether people write one of them, by its path and its beginning. */
  readonly handWritten: (paths: readonly string[], attributes: readonly Attributes[]) => (path: string, head: string) => boolean;
  readonly failureText: (violations: readonly work.Violation[]) => string;
  /** Of this package: what an older one found is asked again. */
  readonly version: string;
  /** Called with each finding as it is printed, before anything is durable: for people who watch. */
  readonly onFinding?: (probe: string, finding: work.Finding) => void;
}

/** Where what a probe leaves for agents and judges is: it goes with the run's clones. */
export function sharedOf(places: Places, run: string): string {
  return join(places.workspaces(run), 'shared');
}

/** An answer as it is kept. */
interface Kept {
  readonly result: work.ProbeResult;
  /** ms that it was given. */
  readonly allowed: number;
}

/** An answer with notes says what it could not do, most often for want of time: with so much more it is asked again. */
const MORE_TIME = 1.25;

export function probeActivity(needs: ProbeNeeds): ActivityFunction<work.ProbePayload, work.ProbeResult> {
  return async (payload, io) => {
    const began = performance.now();
    const { probe } = payload;
    const changes = await changesOf(payload.repository, payload.commit, io);
    const key = await keyOf(payload, changes, needs, io);
    const timeoutMs = Math.min(probe.timeout, Math.max(1000, payload.budget));
    const kept = key === null ? null : await textCache(needs.places.verdicts).get(key);
    if (kept !== null) {
      const { result: answer, allowed } = JSON.parse(kept) as Kept;
      if (answer.notes.length === 0 || timeoutMs < allowed * MORE_TIME) {
        for (const finding of answer.findings) needs.onFinding?.(probe.name, finding);
        return { ...answer, durationMs: Math.round(performance.now() - began) };
      }
    }
    const shared = await made(sharedOf(needs.places, payload.run));
    const { result, broke } = await needs.checks.within(
      payload,
      `probe ${probe.name}`,
      io,
      async (checkout, options, { failed }) => {
        if (failed !== null) throw new ActivityError(failed.cause, { retryable: false });
        const question: work.ProbeQuestion = {
          goal: probe.goal,
          argument: probe.argument,
          workspace: checkout.directory,
          files: await handWritten(checkout.directory, needs, options),
          checks: payload.checks,
          baseline: JSON.parse((await io.blobs.get(payload.baseline)).toString('utf8')) as work.CheckVerdict[],
          changes,
          shared,
          deadline: Date.now() + timeoutMs,
          sandbox: payload.sandbox,
        };
        const found = new Found(probe, needs.onFinding);
        const lines = lineSplitter((line) => found.add(line));
        const ran = await program(probe.argv, checkout, options, {
          file: ['SKEIN_PROBE_FILE', question],
          variables: await needs.services(),
          timeoutMs: timeoutMs + 2000, // it is told its deadline, and ends by itself
          writable: [shared],
          onStdout: (chunk) => lines.push(chunk),
        });
        lines.end();
        if (io.signal.aborted) throw new ActivityError(`probe ${probe.name} was cancelled`, { retryable: true });
        return {
          result: found.result(ran, Math.round(performance.now() - began)),
          broke: ran.ended !== 'timed-out' && ran.exitCode !== 0,
        };
      },
    );
    if (key !== null && !broke)
      await textCache(needs.places.verdicts).put(key, JSON.stringify({ result, allowed: timeoutMs } satisfies Kept));
    return result;
  };
}

/** What a probe's answer hangs on; null = it is asked anew each time. */
async function keyOf(
  payload: work.ProbePayload,
  changes: Readonly<Record<string, number>>,
  needs: ProbeNeeds,
  io: ActivityIo,
): Promise<string | null> {
  const { probe } = payload;
  if (!probe.keeps) return null;
  const checks = await needs.checks.keys(payload, payload.checks, io);
  const words = [probe.name, probe.goal, probe.argument, ...probe.argv, needs.version];
  return verdictKey(['probe answer', JSON.stringify([words, changes]), payload.tree, payload.sandbox, ...checks]);
}

/** What was read so far; a probe that is cut off has still said what it said. */
class Found {
  readonly #probe: work.ProbeSpec;
  readonly #onFinding: ProbeNeeds['onFinding'];
  readonly #findings: work.Finding[] = [];
  readonly #tasks: work.TaskSpec[] = [];
  readonly #measures: work.Measure[] = [];
  readonly #notes: string[] = [];
  #more = 0;
  #bad = '';

  constructor(probe: work.ProbeSpec, onFinding: ProbeNeeds['onFinding']) {
    this.#probe = probe;
    this.#onFinding = onFinding;
  }

  add(text: string): void {
    const line = readProbeLine(text, this.#probe.goal);
    if (line === null) return;
    if (line.kind === 'bad') this.#bad ||= line.why;
    else if (line.kind === 'finding' && this.#findings.length < FINDINGS_MAX) {
      this.#findings.push(line.finding);
      this.#onFinding?.(this.#probe.name, line.finding);
    } else if (line.kind === 'task' && this.#tasks.length < TASKS_MAX) this.#tasks.push(line.task);
    else if (line.kind === 'measure' && this.#measures.length < MEASURES_MAX) this.#measures.push(line.measure);
    else if (line.kind === 'note' && this.#notes.length < NOTES_MAX) this.#notes.push(line.note);
    else this.#more += 1;
  }

  result(ran: ExecResult, durationMs: number): work.ProbeResult {
    const said = ran.stderr.toString('utf8').trim().slice(-1000);
    if (ran.ended === 'not-started')
      throw new ActivityError(`probe ${this.#probe.name} did not start: ${ran.error}`, { retryable: ran.retryable ?? false });
    const notes = [...this.#notes];
    if (ran.ended === 'timed-out') notes.push('it used up its time; what it had not looked at is not in here');
    else if (ran.exitCode !== 0) {
      const why = `probe ${this.#probe.name} ended with ${ran.exitCode ?? ran.ended}: ${said}`;
      if (this.#findings.length + this.#tasks.length + this.#measures.length === 0)
        throw new ActivityError(why, { retryable: ran.retryable ?? false });
      notes.push(why);
    }
    if (this.#bad !== '') notes.push(`probe ${this.#probe.name} printed a line that cannot be used: ${this.#bad}`);
    return {
      findings: this.#findings,
      more: this.#more,
      tasks: this.#tasks,
      measures: this.#measures,
      notes: notes.slice(0, NOTES_MAX),
      durationMs,
    };
  }
}

export function vetActivity(needs: ProbeNeeds): ActivityFunction<work.VetPayload, work.VetResult> {
  return async (payload, io) => {
    const began = performance.now();
    const baseline = JSON.parse((await io.blobs.get(payload.baseline)).toString('utf8')) as work.CheckVerdict[];
    const judges = payload.task.judge.length > 0;
    // Tests that disturb each other would accuse a change of what its neighbour did.
    const slow = payload.serial ? [] : payload.checks.filter((check) => pays(check, baseline));
    if (!judges && slow.length === 0)
      return {
        closed: [],
        more: 0,
        violations: [],
        failure: '',
        testFiles: 0,
        durationMs: Math.round(performance.now() - began),
      };
    const seen = await needs.checks.within(payload, 'vet', io, async (checkout, options, { failed }) => {
      if (failed !== null) throw new ActivityError(failed.cause, { retryable: false });
      const judged = judges ? await judge(payload, needs, io, checkout, options) : NOTHING;
      // A judge has the last word on a change that it refuses or that closes nothing: no test needs to run for it.
      const over = judged.violations.length > 0 || (judges && judged.closed.length === 0);
      const tested = over ? UNTESTED : await affected(payload, slow, baseline, checkout, options);
      return { ...judged, violations: [...judged.violations, ...tested.violations], testFiles: tested.files };
    });
    if (io.signal.aborted) throw new ActivityError(`vetting of ${payload.task.id} was cancelled`, { retryable: true });
    const failure = seen.violations.length === 0 ? '' : needs.failureText(seen.violations).slice(0, FAILURE_MAX);
    return { ...seen, failure, durationMs: Math.round(performance.now() - began) };
  };
}

type Judged = Pick<work.VetResult, 'closed' | 'more' | 'violations'>;
const NOTHING: Judged = { closed: [], more: 0, violations: [] };

async function judge(
  payload: work.VetPayload,
  needs: ProbeNeeds,
  io: ActivityIo,
  checkout: Checkout,
  options: RunCheck,
): Promise<Judged> {
  const { task } = payload;
  const shared = await made(sharedOf(needs.places, payload.run));
  const base = { ...payload, tree: `${payload.base}^{tree}` };
  return needs.checks.within(base, 'vet base', io, async (before) => {
    const question: work.JudgeQuestion = {
      workspace: checkout.directory,
      base: before.directory,
      task,
      paths: payload.paths,
      shared,
    };
    const result = await program(task.judge, checkout, options, {
      file: ['SKEIN_JUDGE_FILE', question],
      variables: await needs.services(),
      timeoutMs: JUDGE_MS_MAX,
      writable: [],
      readable: [before.directory],
    });
    if (io.signal.aborted) throw new ActivityError(`vetting of ${task.id} was cancelled`, { retryable: true });
    if (result.ended === 'not-started')
      throw new ActivityError(`the judge of ${task.id} did not start: ${result.error}`, { retryable: result.retryable ?? false });
    const answer = result.exitCode === 0 ? readJudgeAnswer(result.stdout.toString('utf8')) : null;
    if (answer === null) {
      // A change that its judge cannot judge does not land: that is what a judge is for.
      const said = result.stderr.toString('utf8').trim().slice(-500);
      const how = result.ended === 'exit' ? `exit code ${result.exitCode}` : result.ended;
      return { ...NOTHING, violations: [{ rule: 'refused-by-judge', detail: `it could not be judged (${how}): ${said}` }] };
    }
    const violations: work.Violation[] = answer.refused.map(({ rule, detail }) => ({
      rule: 'refused-by-judge',
      detail: `${rule}: ${detail}`,
    }));
    return { closed: answer.closed, more: answer.more, violations };
  });
}

/** Whether running a part of these tests first can save more than it costs: below this the whole is as quick. */
function pays(check: work.CheckSpec, baseline: readonly work.CheckVerdict[]): boolean {
  const verdict = baseline.find((each) => each.check === check.name);
  return check.kind === 'tests' && verdict?.status === 'green' && verdict.durationMs > WHOLE_MS && runnerOf(check) !== null;
}

interface Tested {
  readonly files: number;
  readonly violations: readonly work.Violation[];
}
const UNTESTED: Tested = { files: 0, violations: [] };

/** Runs the tests that import what the change touches, where they are few. What cannot be told apart waits for the full checks. */
async function affected(
  { paths, unstable }: work.VetPayload,
  checks: readonly work.CheckSpec[],
  baseline: readonly work.CheckVerdict[],
  checkout: Checkout,
  options: RunCheck,
): Promise<Tested> {
  if (checks.length === 0) return UNTESTED;
  const read = (path: string): Promise<string | null> => readFile(join(checkout.directory, path), 'utf8').catch(() => null);
  const files = await tracked(checkout.directory, options);
  const graph = await moduleGraph(files, read);
  const violations: work.Violation[] = [];
  let ran = 0;
  for (const check of checks) {
    const tests = testFiles(check, files);
    const seeing = tests === null ? null : affectedTests(graph, tests, paths).tests;
    if (tests === null || seeing === null || seeing.length === 0 || seeing.length > tests.length * PART_MAX) continue;
    const command = narrow(check, seeing);
    if (command === null) continue;
    ran += seeing.length;
    const before = baseline.find((each) => each.check === check.name)!;
    const verdict = await runCheck({ ...check, command }, checkout, options);
    for (const [name, state] of Object.entries(verdict.tests ?? {})) {
      if (state !== 'fail' || before.tests?.[name] !== 'pass' || unstable.includes(`${check.name}: ${name}`)) continue;
      if (violations.length < VIOLATIONS_MAX) violations.push({ rule: 'affected-test-failed', detail: `${check.name}: ${name}` });
    }
  }
  return { files: ran, violations };
}

interface Wish {
  readonly file: readonly [variable: string, question: unknown];
  readonly variables: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly writable: readonly string[];
  readonly readable?: readonly string[];
  readonly onStdout?: (chunk: Buffer) => void;
}

/** A program of a goal at the top of a checkout, with its question in a file. */
async function program(
  argv: readonly string[],
  { directory, source, temp }: Checkout,
  options: RunCheck,
  { file: [variable, question], variables, timeoutMs, writable, readable = [], onStdout }: Wish,
): Promise<ExecResult> {
  const file = join(temp, `${variable.toLowerCase()}.json`);
  await writeFile(file, JSON.stringify(question));
  const language = await languageEnv(directory, source, '', temp);
  const env = childEnv({
    from: options.env,
    temp,
    port: 0,
    passEnv: options.passEnv,
    bins: language.bins,
    extra: { ...language.extra, ...variables, [variable]: file },
  });
  return options.exec(argv, {
    cwd: directory,
    env,
    timeoutMs,
    keepBytes: KEEP_BYTES,
    outputBytesMax: OUTPUT_BYTES_MAX,
    sandbox: { mode: options.sandbox, writable: [directory, temp, ...writable], readable, network: false },
    signal: options.signal,
    ...(onStdout === undefined ? {} : { onStdout }),
  });
}

/** Tracked files that people write, by their names, their first lines and what the repository says of them. */
async function handWritten(directory: string, needs: ProbeNeeds, options: RunCheck): Promise<string[]> {
  const paths = await tracked(directory, options);
  const attributes: Attributes[] = [];
  for (const path of paths.filter((each) => basename(each) === '.gitattributes'))
    attributes.push({
      directory: path.slice(0, -'.gitattributes'.length).replace(/\/$/, ''),
      text: await headOf(join(directory, path), ATTRIBUTES_BYTES),
    });
  const byPeople = needs.handWritten(paths, attributes);
  const found: string[] = [];
  for (const path of paths.slice(0, FILES_MAX)) {
    if (byPeople(path, '') && byPeople(path, await headOf(join(directory, path), HEAD_BYTES))) found.push(path);
  }
  return found;
}

/** How often each file changed lately. A repository that cannot say has no history to go by. */
async function changesOf(repository: string, commit: string, io: ActivityIo): Promise<Record<string, number>> {
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  const bounds = { timeoutMs: 20_000, keepBytes: LISTING_BYTES, outputBytesMax: LISTING_BYTES };
  const lately = ['--since=90.days', '--no-merges', '--max-count=5000', '--name-only', '--no-ext-diff', '--format=', '-z'];
  const log = await io.exec(['git', 'log', ...lately, commit], { cwd: repository, env, ...bounds, plumbing: true });
  if (log.ended !== 'exit' || log.exitCode !== 0) return {};
  const counts = new Map<string, number>();
  for (const path of log.stdout
    .toString('utf8')
    .split('\0')
    .map((each) => each.trim()))
    if (path !== '') counts.set(path, (counts.get(path) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted((a, b) => b[1] - a[1]).slice(0, CHANGED_MAX));
}

/** Files of the checkout: neither links nor submodules. */
async function tracked(directory: string, options: RunCheck): Promise<readonly string[]> {
  const env = { PATH: options.env.PATH ?? '', LC_ALL: 'C' };
  const bounds = { timeoutMs: 60_000, keepBytes: LISTING_BYTES, outputBytesMax: LISTING_BYTES };
  const listed = await options.exec(['git', 'ls-files', '-s', '-z'], { cwd: directory, env, ...bounds, plumbing: true });
  const rows = listed.stdout.toString('utf8').split('\0');
  return rows.filter((row) => row.startsWith('100')).map((row) => row.slice(row.indexOf('\t') + 1));
}

async function headOf(path: string, bytes: number): Promise<string> {
  const file = await open(path).catch(() => null); // a submodule, or a link that leads nowhere
  if (file === null) return '';
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return ''; // a link to a directory
  } finally {
    await file.close();
  }
}

async function made(directory: string): Promise<string> {
  await mkdir(directory, { recursive: true });
  return realpath(directory);
}
