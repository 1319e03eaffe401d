/**
 * Checks as activities: the baseline of a run and the checks of one candidate tree. Fresh checkouts, verdicts from the cache where
 * the same tree was judged before, nothing left behind. It measures; the landing rule that is handed in decides.
 */
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction, type ActivityIo } from '../activity.ts';
import type { Places } from '../places.ts';
import { aboutMissing, childEnv, dependencyStamp, missingIgnored, provide, userPath } from '../environment/index.ts';
import { type Checkout, runCheck, type RunCheck, start } from './run.ts';
import { kindOf } from './script.ts';
import { verdictCache, type VerdictCache, verdictKey } from './verdict-cache.ts';

export interface CheckActivities {
  readonly places: Places;
  /** Puts exactly this tree of the repository into a new directory: a clone of its own that shares nothing writable. */
  readonly checkout: (tree: string, into: string, io: ActivityIo) => Promise<void>;
  /** The landing rule. */
  readonly judge: (
    baseline: readonly work.CheckVerdict[],
    candidate: readonly work.CheckVerdict[],
    unstable: readonly string[],
    mends: readonly string[],
  ) => readonly work.Violation[];
  /** What an agent is told about a refused change. */
  readonly failureText: (violations: readonly work.Violation[], verdicts: readonly work.CheckVerdict[]) => string;
  /** The user's environment; that of this process when left out. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly passEnv?: readonly string[];
  /** Told of each verdict of a baseline as its check ends. */
  readonly onVerdict?: (verdict: work.VerdictSummary) => void;
}

const SETUP_TIMEOUT_MS = 600_000;
const TASK_CHECK_TIMEOUT_MS = 600_000;
const FAILURE_MAX = 16 * 1024;
const BASELINE_SHARE = 0.5; // of what is left of the time box: the work wants the rest

/** What both activities need to know about one tree. */
export interface TreeOfRun {
  readonly run: string;
  readonly repository: string;
  readonly tree: string;
  readonly setup: string | null;
  readonly sandbox: work.RunSpec['sandbox'];
}

export interface RunChecks {
  readonly verdicts: readonly work.CheckVerdict[];
  readonly notes: readonly string[];
}

/** How a checkout was made ready: what its `setup` line said when it failed, and what is worth knowing. */
export interface Ready {
  readonly failed: Omit<work.CheckVerdict, 'check'> | null;
  readonly notes: readonly string[];
}

/** Runs checks on trees. One per process: it keeps what does not change between trees, and the turn of serial checks. */
export class Checks {
  readonly #options: CheckActivities;
  readonly #cache: VerdictCache;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #node: Promise<string> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CheckActivities) {
    this.#options = options;
    this.#cache = verdictCache(options.places.verdicts);
    this.#env = options.env ?? process.env;
  }

  async keys(of: TreeOfRun, checks: readonly work.CheckSpec[], io: ActivityIo): Promise<readonly string[]> {
    const passed = (this.#options.passEnv ?? []).map((name) => `${name}=${this.#env[name] ?? ''}`).join('\0');
    // Only an answer is kept: a question that was cut off is asked again.
    this.#node ??= this.#nodeVersion(io).catch((error: unknown) => {
      this.#node = null;
      throw error;
    });
    const shared = [
      of.tree,
      of.setup,
      await this.#node,
      `${process.platform} ${process.arch}`,
      of.sandbox,
      userPath(this.#env),
      passed,
      await dependencyStamp(of.repository),
    ];
    return checks.map((check) => verdictKey([...shared, check.command, check.directory, check.kind]));
  }

  /** The kept verdicts when there is one for every check. */
  async kept(keys: readonly string[], checks: readonly work.CheckSpec[]): Promise<readonly work.CheckVerdict[] | null> {
    const found: work.CheckVerdict[] = [];
    for (const [index, key] of keys.entries()) {
      const verdict = await this.#cache.get(key);
      if (verdict === null) return null;
      found.push({ ...verdict, check: checks[index]!.name });
    }
    return found;
  }

  async keep(
    keys: readonly string[],
    verdicts: readonly work.CheckVerdict[],
    except: (verdict: work.CheckVerdict) => boolean = () => false,
  ): Promise<void> {
    for (const [index, verdict] of verdicts.entries())
      if (!verdict.cached && !except(verdict)) await this.#cache.put(keys[index]!, verdict);
  }

  prune(): Promise<void> {
    return this.#cache.prune();
  }

  /** All checks, in order, in one fresh checkout: a later one may stand on what an earlier one built. */
  async fresh(of: TreeOfRun, checks: readonly work.CheckSpec[], label: string, io: ActivityIo): Promise<RunChecks> {
    return this.within(of, label, io, async (checkout, options, { failed, notes }) => {
      const verdicts: work.CheckVerdict[] = [];
      for (const check of checks) {
        if (io.signal.aborted) throw new ActivityError(`checks of ${of.tree} were cancelled`, { retryable: true });
        const verdict = failed === null ? await runCheck(check, checkout, options) : { ...failed, check: check.name };
        verdicts.push(verdict);
        if (label === 'first') this.#options.onVerdict?.(summary(verdict));
      }
      if (io.signal.aborted) throw new ActivityError(`checks of ${of.tree} were cancelled`, { retryable: true });
      return { verdicts, notes };
    });
  }

  /** Runs a job in a fresh checkout that is ready for work, and takes the checkout away again. */
  async within<T>(
    of: TreeOfRun,
    label: string,
    io: ActivityIo,
    job: (checkout: Checkout, options: RunCheck, ready: Ready) => Promise<T>,
  ): Promise<T> {
    const name = createHash('sha256').update(`${of.run}\0${io.idempotencyKey}\0${label}`).digest('hex').slice(0, 12);
    const home = join(this.#options.places.workspaces(of.run), 'checks', name);
    // Short: sockets are made in TMPDIR and their paths end at 107 bytes.
    const temp = join(await realpath(tmpdir()), `skein-${name}`);
    const notes: string[] = [];
    try {
      await clear(io, home, temp); // what a crash left: the same key is the same directory
      await mkdir(home, { recursive: true });
      await mkdir(temp, { recursive: true, mode: 0o700 });
      const directory = join(await realpath(home), 'tree');
      await this.#options.checkout(of.tree, directory, io);
      notes.push(...(await provide(directory, of.repository, join(this.#options.places.prepared, 'links'))).notes);
      const checkout: Checkout = { directory, source: of.repository, temp };
      const options: RunCheck = {
        exec: io.exec,
        blobs: io.blobs,
        sandbox: of.sandbox,
        env: this.#env,
        passEnv: this.#options.passEnv ?? [],
        signal: io.signal,
      };
      const failed = of.setup === null ? null : await setUp(of.setup, checkout, options);
      return await job(checkout, options, { failed, notes });
    } finally {
      await clear(io, home, temp);
    }
  }

  /** Waits for its turn when checks disturb each other (ports, databases). */
  async alone<T>(serial: boolean, job: () => Promise<T>): Promise<T> {
    if (!serial) return job();
    const before = this.#turn;
    const mine = before.then(job, job);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Why checks are red in a clone alone, if ignored files of the user's tree may be the reason. */
  async aboutIgnored(repository: string, verdicts: readonly work.CheckVerdict[], io: ActivityIo): Promise<string[]> {
    const bad = verdicts.filter((verdict) => verdict.status !== 'green');
    if (bad.length === 0) return [];
    const env = childEnv({ from: this.#env, temp: tmpdir(), port: 0 });
    const ignored = await missingIgnored(repository, io.exec, env);
    const said = bad.map((verdict) => `${verdict.cause}\n${verdict.tail}`).join('\n');
    const named = ignored.filter((file) => said.includes(file.path.replace(/\/$/, '')));
    const text = aboutMissing(named.length > 0 ? named : ignored);
    return text === '' ? [] : [`${bad.map((verdict) => verdict.check).join(', ')}: not green in a fresh clone; ${text}`];
  }

  async #nodeVersion(io: ActivityIo): Promise<string> {
    const env = childEnv({ from: this.#env, temp: tmpdir(), port: 0 });
    const result = await io.exec(['node', '--version'], {
      cwd: tmpdir(),
      env,
      timeoutMs: 10_000,
      keepBytes: 256,
      outputBytesMax: 4096,
    });
    return result.ended === 'exit' ? result.stdout.toString('utf8').trim() : 'no node';
  }
}

/** A directory that cannot be taken away costs disk, not a verdict: pruning of old runs meets it again. */
async function clear(io: ActivityIo, ...directories: readonly string[]): Promise<void> {
  for (const directory of directories) {
    try {
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    } catch {
      // Checks leave read-only directories behind: Go's module cache is one.
      const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
      const bounds = { timeoutMs: 60_000, keepBytes: 4096, outputBytesMax: 16 * 1024 * 1024 };
      await io.exec(['chmod', '-R', 'u+rwX', directory], { cwd: '/', env, ...bounds });
      await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    }
  }
}

/** Runs the user's `setup:` line; null when it went well, else the verdict of every check behind it. */
async function setUp(line: string, checkout: Checkout, options: RunCheck): Promise<Omit<work.CheckVerdict, 'check'> | null> {
  const result = await start(line, '', checkout, { ...options, network: true }, SETUP_TIMEOUT_MS);
  if (result.ended === 'exit' && result.exitCode === 0) return null;
  const said = `${result.stdout.toString('utf8')}\n${result.stderr.toString('utf8')}`.trim();
  const how =
    result.ended === 'exit' ? `exit code ${result.exitCode}` : `${result.ended}${result.error === '' ? '' : `: ${result.error}`}`;
  return {
    status: 'unavailable',
    cause: `setup failed (${how}): ${line}`.slice(0, 500),
    exitCode: null,
    tests: null,
    counts: null,
    findings: [],
    durationMs: result.durationMs,
    cached: false,
    tail: said.slice(-4096),
    output: null,
  };
}

// ---- baseline -----------------------------------------------------------------------------------------------------------

export function baselineActivity(checks: Checks): ActivityFunction<work.BaselinePayload, work.BaselineResult> {
  return async (payload, io) => {
    const keys = await checks.keys(payload, payload.checks, io);
    const kept = await checks.kept(keys, payload.checks);
    if (kept !== null) return answer(kept, [], false, await checks.aboutIgnored(payload.repository, kept, io), io);

    const began = performance.now();
    const [first, second] = await together([
      checks.fresh(payload, payload.checks, 'first', io),
      checks.fresh(payload, payload.checks, 'second', io),
    ]);
    let verdicts = first.verdicts;
    let unstable: readonly string[] = [];
    let serial = false;
    const notes = [...new Set([...first.notes, ...second.notes])];
    const disagreed = differences(first.verdicts, second.verdicts);
    if (disagreed.length > 0) {
      // Side by side they may have met at a port or a database: one after the other tells that from a test that is unstable.
      serial = true;
      const both = first.verdicts.map((verdict, index) => merged(verdict, second.verdicts[index]!));
      const again = payload.checks.filter(
        (check, index) => check.kind === 'build' || differences([first.verdicts[index]!], [second.verdicts[index]!]).length > 0,
      );
      const names = new Set(again.map((check) => check.name));
      const took = first.verdicts.filter(({ check }) => names.has(check)).reduce((sum, verdict) => sum + verdict.durationMs, 0);
      if (2 * took > (payload.budget - (performance.now() - began)) * BASELINE_SHARE) {
        // Half a night of baselines helps nobody: what came and went counts as unstable, and is said to be.
        unstable = disagreed;
        verdicts = both;
        const many = disagreed.length === 1 ? 'one result' : `${disagreed.length} results`;
        notes.push(
          `the time box had no room to run them one at a time: ${many} that came and went are not held against a change`,
        );
      } else {
        const third = await checks.fresh(payload, again, 'third', io);
        const fourth = await checks.fresh(payload, again, 'fourth', io);
        unstable = differences(third.verdicts, fourth.verdicts);
        const alone = new Map(third.verdicts.map((verdict, index) => [verdict.check, merged(verdict, fourth.verdicts[index]!)]));
        verdicts = both.map((verdict) => alone.get(verdict.check) ?? verdict);
        const last =
          unstable.length === 0 ? 'one at a time they agree' : `one at a time ${unstable.length} of them still disagree`;
        notes.push(`two runs of the same tree disagreed (${few(disagreed)}); ${last}: checks run one at a time`);
      }
    }
    // A verdict that was not reproduced is not remembered.
    if (!serial) await checks.keep(keys, verdicts);
    await checks.prune();
    notes.push(...(await checks.aboutIgnored(payload.repository, verdicts, io)));
    return answer(verdicts, unstable, serial, notes, io);
  };
}

async function answer(
  verdicts: readonly work.CheckVerdict[],
  unstable: readonly string[],
  serial: boolean,
  notes: readonly string[],
  io: ActivityIo,
): Promise<work.BaselineResult> {
  const blob = await io.blobs.put(JSON.stringify(verdicts));
  return { verdicts: verdicts.map(summary), blob, unstable, serial, notes, red: verdicts.flatMap(redLines) };
}

const RED_LINES = 20; // of each check: enough to begin with, and 256 checks still fit into a record
const RED_LINE_MAX = 200;
const RED_CHECKS_IN_FULL = 16;

/** What a person reads first about a check that is red: names of failing tests, findings, else its last lines. */
function redLines(verdict: work.CheckVerdict, at: number): { check: string; lines: string[] }[] {
  if (verdict.status !== 'red' && verdict.status !== 'timed-out') return [];
  const failing = Object.entries(verdict.tests ?? {}).flatMap(([test, state]) => (state === 'fail' ? [test] : []));
  const said = [...failing, ...verdict.findings];
  const lines = said.length > 0 ? said : verdict.tail.trimEnd().split('\n').slice(-RED_LINES);
  const shown = lines.slice(0, at < RED_CHECKS_IN_FULL ? RED_LINES : 1).map((line) => line.slice(0, RED_LINE_MAX));
  return [{ check: verdict.check, lines: shown }];
}

/** Both jobs end before the first failure is told: neither is left running behind the caller's back. */
async function together<T>(jobs: readonly [Promise<T>, Promise<T>]): Promise<[T, T]> {
  const [a, b] = await Promise.allSettled(jobs);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}

/** What disagrees between two runs of the same tree: `check: test` where tests have names, else the check. */
export function differences(a: readonly work.CheckVerdict[], b: readonly work.CheckVerdict[]): readonly string[] {
  const found: string[] = [];
  for (const [index, one] of a.entries()) {
    const other = b[index]!;
    const names =
      one.tests === null || other.tests === null
        ? []
        : [...new Set([...Object.keys(one.tests), ...Object.keys(other.tests)])].filter(
            (name) => one.tests![name] !== other.tests![name],
          );
    found.push(...names.map((name) => `${one.check}: ${name}`));
    const whole =
      one.status !== other.status ||
      (one.tests === null) !== (other.tests === null) ||
      JSON.stringify(one.counts) !== JSON.stringify(other.counts) ||
      one.findings.join('\n') !== other.findings.join('\n');
    if (names.length === 0 && whole) found.push(one.check);
  }
  return found;
}

/** The stricter baseline of two that disagree: what either run reached counts, except tests that came and went. */
function merged(a: work.CheckVerdict, b: work.CheckVerdict): work.CheckVerdict {
  const better = rank(b.status) > rank(a.status) ? b : a;
  const other = better === a ? b : a;
  const tests =
    better.tests === null || other.tests === null
      ? null
      : Object.fromEntries(
          Object.entries(better.tests)
            .filter(([name]) => other.tests![name] !== undefined)
            .map(([name, state]) => [name, state === 'pass' || other.tests![name] === 'pass' ? 'pass' : state] as const),
        );
  const findings = [...better.findings];
  const left = new Map<string, number>();
  for (const finding of findings) left.set(finding, (left.get(finding) ?? 0) + 1);
  for (const finding of other.findings) {
    const had = left.get(finding) ?? 0;
    if (had > 0) left.set(finding, had - 1);
    else findings.push(finding);
  }
  return { ...better, tests, findings: findings.toSorted() };
}

function rank(status: work.CheckVerdict['status']): number {
  return { green: 3, red: 2, 'timed-out': 1, unavailable: 0 }[status];
}

function few(names: readonly string[]): string {
  return names.length <= 5 ? names.join(', ') : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

// ---- candidate ----------------------------------------------------------------------------------------------------------

export function checkActivity(
  checks: Checks,
  options: Pick<CheckActivities, 'judge' | 'failureText'>,
): ActivityFunction<work.CheckPayload, work.CheckResult> {
  return async (payload, io) => {
    const own = payload.taskChecks.map(taskCheck);
    const wanted = [...payload.checks, ...own];
    const { verdicts } = await runChecks(checks, payload, wanted, payload.serial, payload.unstable, io);
    const baseline = JSON.parse((await io.blobs.get(payload.baseline)).toString('utf8')) as work.CheckVerdict[];
    const shared = verdicts.slice(0, payload.checks.length);
    const violations: work.Violation[] = [...options.judge(baseline, shared, payload.unstable, payload.mends)];
    for (const verdict of verdicts.slice(payload.checks.length))
      if (verdict.status !== 'green')
        violations.push({ rule: 'task-check-failed', detail: `${verdict.check}: ${verdict.cause || verdict.status}` });
    return {
      verdicts: verdicts.map(summary),
      violations,
      blob: await io.blobs.put(JSON.stringify(verdicts)),
      failure: violations.length === 0 ? '' : options.failureText(violations, verdicts).slice(0, FAILURE_MAX),
    };
  };
}

/** Verdicts of exactly this tree, from the cache when all are there. What was unstable at the baseline is never remembered. */
export async function runChecks(
  checks: Checks,
  of: TreeOfRun,
  wanted: readonly work.CheckSpec[],
  serial: boolean,
  unstable: readonly string[],
  io: ActivityIo,
): Promise<RunChecks> {
  const keys = await checks.keys(of, wanted, io);
  const kept = await checks.kept(keys, wanted);
  if (kept !== null) return { verdicts: kept, notes: [] };
  const found = await checks.alone(serial, () => checks.fresh(of, wanted, 'candidate', io));
  await checks.keep(keys, found.verdicts, (verdict) =>
    unstable.some((name) => name === verdict.check || name.startsWith(`${verdict.check}: `)),
  );
  return found;
}

function taskCheck(command: string): work.CheckSpec {
  const name = `task check: ${command}`;
  return {
    name: name.length > 200 ? `${name.slice(0, 199)}…` : name,
    command,
    directory: '',
    kind: kindOf(command, 'test'),
    timeout: TASK_CHECK_TIMEOUT_MS,
    source: 'task checks',
  };
}

export function summary(verdict: work.CheckVerdict): work.VerdictSummary {
  const states = Object.values(verdict.tests ?? {});
  const count = (state: work.TestState): number => states.filter((each) => each === state).length;
  return {
    check: verdict.check,
    status: verdict.status,
    cause: verdict.cause,
    passed: verdict.counts?.passed ?? count('pass'),
    failed: verdict.counts?.failed ?? count('fail'),
    skipped: verdict.counts?.skipped ?? count('skip'),
    findings: verdict.findings.length,
    durationMs: verdict.durationMs,
    cached: verdict.cached,
  };
}
