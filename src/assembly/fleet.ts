/**
 * The runs of one repository, for a surface: prepared, started, resumed, read, landed, published, removed. Whatever can be expected
 * to go wrong is an outcome with words for the person; a rejected promise is a defect.
 */
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type host, work } from '../contracts/index.ts';
import { StoreError } from '../ports/index.ts';
import type { HaltLevel } from '../protocol/index.ts';
import {
  ActivityError,
  allocateRun,
  applyLand,
  blameless,
  callHost,
  cacheHome,
  claimedRuns,
  connectWarden,
  direct,
  emptyClaim,
  ensureBranch,
  type ExecResult,
  fileBlobs,
  findOnPath,
  type GitIo,
  openRepository,
  type OpenRepository,
  type Places,
  placesOf,
  planLand,
  readStore,
  type Services,
  removeRun,
  type StoreReading,
  proveEntry,
  verifyLedger,
  type VerifyOptions,
} from '../runtime/embedded/index.ts';
import { deadLettersOf, settleLetter } from './dead-letters.ts';
import { CannotStart, openLive, RunIsLive } from './live.ts';
import { readEvidence, writeWhole } from './evidence.ts';
import { drill } from './drill.ts';
import { Halts } from './halts.ts';
import { prepare } from './prepare.ts';
import { refuse } from './problem.ts';
import { RunProjection } from './projection.ts';
import { explainRun, replayRun, stateAt, writeFork } from './records.ts';
import type {
  DeadLetterDone,
  DrillReport,
  EntryProofReport,
  Explanation,
  Fleet,
  ForkReport,
  HaltReport,
  HaltRow,
  HaltTarget,
  LandReport,
  LedgerReport,
  LiveProcess,
  LiveRun,
  OpenFleet,
  Outcome,
  Prepared,
  Problem,
  PullRequest,
  ReplayReport,
  ResumeLimits,
  ResumeReport,
  RunEvidence,
  RunReading,
  RunRequest,
  RunRow,
  RunView,
} from './run.ts';
import { pureThread, workTable } from './work-table.ts';

const HOST_ANSWERS_MS = 3000;
const FREE_BYTES_MIN = 2 * 1024 ** 3; // clones, outputs and a person's own work share the disk
const FREE_INODES_MIN = 50_000; // a handful of clones of a large repository
const RUNS_KEPT = 20;
const DAYS_KEPT = 7; // older runs than both go when a new one starts, unless their work is in no other branch
const START_MS_MAX = 10 * 60_000; // from a run's number to its first record it takes a second; what is older was killed between them
const FILES_COUNTED_MAX = 200_000; // `status` stays quick; beyond it the size reads as unknown

export const openFleet: OpenFleet = async (cwd) => {
  const io: GitIo = { exec: direct };
  const opened = await openRepository(io, cwd);
  if (!opened.ok) return refuse('missing', opened.message, [], opened.todo);
  return { ok: true, value: new EmbeddedFleet(io, opened) };
};

class EmbeddedFleet implements Fleet {
  readonly repository: string;
  readonly #io: GitIo;
  readonly #opened: OpenRepository;
  readonly #places: Places;
  readonly #halts: Halts;

  constructor(io: GitIo, opened: OpenRepository) {
    this.#io = io;
    this.#opened = opened;
    this.repository = opened.top;
    this.#places = placesOf(opened.top);
    this.#halts = new Halts(this.#places);
  }

  prepare(request: RunRequest): Promise<Outcome<Prepared>> {
    return prepare(this.#io, this.#opened, request);
  }

  async start(prepared: Prepared, { record = false } = {}): Promise<Outcome<LiveRun>> {
    const problem = (await this.#halts.refusal(null)) ?? (await this.#roomOnDisk());
    if (problem !== null) return { ok: false, problem };
    await this.prune({ keep: RUNS_KEPT, days: DAYS_KEPT, dryRun: false });
    const run = await allocateRun(this.#io, this.repository, prepared.spec.base);
    await ensureBranch(this.#io, this.repository, run, prepared.spec.base);
    const spec: work.RunSpec = { ...prepared.spec, run, branch: `refs/heads/skein/${run}` };
    const live = await this.#live({
      repository: this.repository,
      run,
      beginning: { kind: 'start', spec },
      passEnv: spec.passEnv,
      limits: spec.limits,
      asOf: 0,
      record,
    });
    if (!live.ok) await this.drop(run, { force: false }); // it holds nothing yet
    return live;
  }

  async resume(run: string, changed: ResumeLimits): Promise<Outcome<LiveRun>> {
    const stored = await this.#stored(run);
    if (!stored.ok) return stored;
    const { view, reading } = stored.value;
    if (reading.owner !== null) return liveProblem(run, reading.owner);
    const problem = (await this.#halts.refusal(run)) ?? (await this.#roomOnDisk());
    if (problem !== null) return { ok: false, problem };
    const { limits: before, passEnv } = view.run.spec;
    const limits: work.Limits = {
      agentsMax: changed.agentsMax ?? before.agentsMax,
      checksMax: before.checksMax,
      attemptsMax: changed.attemptsMax ?? before.attemptsMax,
      wallTime: changed.wallTimeMs ?? before.wallTime,
      costMax: changed.costMax ?? before.costMax,
    };
    return this.#live({
      repository: this.repository,
      run,
      beginning: { kind: 'resume', limits },
      passEnv,
      limits,
      asOf: reading.asOf,
    });
  }

  async #live(options: Parameters<typeof openLive>[0]): Promise<Outcome<LiveRun>> {
    try {
      return { ok: true, value: await openLive(options) };
    } catch (error) {
      if (error instanceof RunIsLive || (error instanceof StoreError && error.code === 'busy')) {
        return refuse('refused', error.message, [], `skein status ${options.run}`);
      }
      if (error instanceof CannotStart)
        return refuse('missing', error.message, [], `then skein ${options.beginning.kind === 'start' ? 'run' : 'resume'} again`);
      if (error instanceof StoreError)
        return refuse(
          'missing',
          error.message,
          [],
          `the records of run ${options.run} are in ${this.#places.store(options.run)}`,
        );
      throw error;
    }
  }

  halt(target: HaltTarget, level: HaltLevel, reason: string): Promise<Outcome<HaltReport>> {
    return this.#halts.order(target, level, reason);
  }

  resumeHalt(id: string, reason: string): Promise<Outcome<ResumeReport>> {
    return this.#halts.resume(id, reason);
  }

  thaw(target: HaltTarget): Promise<Outcome<readonly ResumeReport[]>> {
    return this.#halts.thaw(target);
  }

  halts(): Promise<Outcome<readonly HaltRow[]>> {
    return this.#halts.list();
  }

  drill(): Promise<Outcome<DrillReport>> {
    return drill(this.#places);
  }

  async read(run: string): Promise<Outcome<RunReading>> {
    const disk = await this.#disk(run);
    const reply = await callHost(this.#places.hostFile(run), { verb: 'status' }, HOST_ANSWERS_MS);
    if (reply.kind === 'answer' && reply.answer.ok && reply.answer.view !== null) {
      const { view, asOf, processes } = reply.answer as unknown as { view: RunView; asOf: number; processes: LiveProcess[] };
      return { ok: true, value: { view, state: 'live', asOf, processes, disk } };
    }
    const stored = await this.#stored(run);
    if (!stored.ok) return stored;
    const { view, reading } = stored.value;
    // A host that is just opening, or hangs, does not answer and is not dead.
    const state = reading.owner === null ? 'stored' : 'live';
    return { ok: true, value: { view, state, asOf: reading.asOf, processes: [], disk } };
  }

  verify(run: string, options: VerifyOptions = {}): Promise<Outcome<LedgerReport>> {
    return this.#logs(run, () => ({ ok: true, value: verifyLedger(this.#places.store(run), options) }));
  }

  prove(run: string, entry: number): Promise<Outcome<EntryProofReport>> {
    return this.#logs(run, () => {
      const value = proveEntry(this.#places.store(run), entry);
      if (value !== null) return { ok: true, value };
      const what = `run ${run} has no ledger entry ${entry} that can be proven`;
      return refuse('missing', what, ['a run of an older version has proofs once it was resumed'], `skein verify ${run}`);
    });
  }

  replay(run: string): Promise<Outcome<ReplayReport>> {
    return this.#logs(run, () => replayRun(this.#places, this.repository, run));
  }

  explain(run: string, subject: string): Promise<Outcome<Explanation>> {
    return this.#logs(run, () => explainRun(this.#places, run, subject));
  }

  async fork(from: string, entry: number): Promise<Outcome<ForkReport>> {
    const state = await this.#logs(from, () => stateAt(this.#places, from, entry));
    if (!state.ok) return state;
    const records = state.value;
    const projection = new RunProjection();
    projection.apply(records, true);
    const view = projection.view();
    if (view === null) {
      const what = `at entry ${entry} run ${from} had not begun: there is nothing to go on with`;
      return refuse('refused', what, [], `skein explain ${from}`);
    }
    const run = await allocateRun(this.#io, this.repository, view.run.spec.base);
    await ensureBranch(this.#io, this.repository, run, view.run.tip);
    await writeFork(this.#places, this.repository, { from, run, entry }, records);
    return { ok: true, value: { run, from, entry, records: records.length, branch: `skein/${run}` } };
  }

  /** Reads the files of a run; what cannot be read is an outcome. */
  async #logs<T>(run: string, look: () => Outcome<T> | Promise<Outcome<T>>): Promise<Outcome<T>> {
    const path = this.#places.store(run);
    if ((await stat(path).catch(() => null)) === null) return this.#without(run);
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return refuse('missing', `the ledger of run ${run} cannot be read: ${error.message}`, [], `the file is ${path}`);
    }
  }

  async deadLetters(run: string): Promise<Outcome<readonly host.DeadLetter[]>> {
    const path = this.#places.store(run);
    if ((await stat(path).catch(() => null)) === null) return this.#without(run);
    try {
      return { ok: true, value: deadLettersOf(path) };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return refuse('missing', `the dead letters of run ${run} cannot be read: ${error.message}`, [], `the file is ${path}`);
    }
  }

  settleDeadLetter(run: string, key: string, action: 'retry' | 'drop'): Promise<Outcome<DeadLetterDone>> {
    return settleLetter({ run, store: this.#places.store(run), hostFile: this.#places.hostFile(run) }, key, action);
  }

  evidence(run: string, commits: readonly string[]): Promise<RunEvidence> {
    return readEvidence(this.#io, this.repository, this.#places.store(run), commits);
  }

  async keepReport(run: string, page: string): Promise<Outcome<string>> {
    const path = this.#report(run);
    try {
      await writeWhole(path, page);
      return { ok: true, value: path };
    } catch (error) {
      return refuse('missing', `the report of run ${run} could not be written: ${(error as Error).message}`, [], '');
    }
  }

  async reportOf(run: string): Promise<string | null> {
    const path = this.#report(run);
    return (await stat(path).catch(() => null)) === null ? null : path;
  }

  #report(run: string): string {
    return join(this.#places.runDirectory(run), 'report.html');
  }

  async list(): Promise<readonly RunRow[]> {
    const names = await readdir(join(this.#places.home, 'runs')).catch(() => [] as string[]);
    const numbers = names.filter((name) => /^[1-9]\d{0,8}$/.test(name));
    const claimed = await claimedRuns(this.#io, this.repository);
    const runs = [...new Set([...numbers, ...claimed])].toSorted((a, b) => Number(b) - Number(a));
    const rows: RunRow[] = [];
    for (const run of runs) {
      const branch = `skein/${run}`;
      const stored = await this.#stored(run);
      if (!stored.ok) {
        rows.push({ run, phase: 'unreadable', reason: stored.problem.what, startedAt: 0, tasks: 0, landed: 0, branch });
        continue;
      }
      const { view, reading } = stored.value;
      const { phase, reason, startedAt, landed } = view.run;
      const over = phase === 'finished' || phase === 'stopped';
      rows.push({
        run,
        phase: over || reading.owner !== null ? phase : 'interrupted',
        reason,
        startedAt,
        tasks: view.tasks.length,
        landed,
        branch,
      });
    }
    return rows;
  }

  async land(run: string, tasks: readonly string[]): Promise<Outcome<LandReport>> {
    const stored = await this.#stored(run);
    if (!stored.ok) return stored;
    const { view } = stored.value;
    if (view.run.landed === 0)
      return refuse('refused', `run ${run} landed nothing, so there is nothing to put on a branch`, [], `skein runs open ${run}`);
    const plan = await planLand(this.#io, this.repository, run, tasks.length === 0 ? undefined : tasks);
    if (!plan.ok) return refuse('refused', plan.message, plan.paths, plan.todo);
    const report = {
      branch: plan.branch.replace('refs/heads/', ''),
      from: plan.from,
      to: plan.to,
      tasks: plan.commits.map((commit) => commit.task),
    };
    if (plan.kind === 'nothing') return { ok: true, value: { ...report, how: 'already there', verdicts: [] } };
    const checked = await this.#recheck(view, plan);
    if (checked.violations.length > 0) {
      const details = checked.violations.map((violation) => `${violation.rule}: ${violation.detail}`);
      return refuse(
        'refused',
        `the work of run ${run} does not pass the checks on today's ${report.branch}`,
        details,
        `skein runs show ${run}`,
      );
    }
    const done = await applyLand(this.#io, this.repository, plan);
    if (!done.ok) return refuse('refused', done.message, done.paths, done.todo);
    const how = plan.kind === 'fastForward' ? 'fast-forward' : 'rebase';
    return { ok: true, value: { ...report, how, verdicts: checked.verdicts } };
  }

  /** The run's checks on exactly the tree that would be landed, against a baseline of today's HEAD. Verdicts already known are used. */
  async #recheck(
    view: RunView,
    plan: {
      readonly from: string;
      readonly to: string;
      readonly tree: string;
      readonly commits: readonly { readonly task: string }[];
    },
  ): Promise<work.CheckResult> {
    const { spec } = view.run;
    const warden = await connectWarden({ run: spec.run, record: join(this.#places.workspaces(spec.run), 'land.jsonl') });
    const pure = pureThread();
    try {
      // Of the table only baseline and checks are used, and those know no services.
      const none: Services = { directory: null, variables: async () => ({}), close: async () => {} };
      const table = workTable({ places: this.#places, passEnv: spec.passEnv, pure, services: () => none, say: () => {} });
      const io = {
        exec: blameless(warden.exec),
        blobs: fileBlobs(this.#places.blobs(spec.run)),
        signal: new AbortController().signal,
        idempotencyKey: `land/${plan.to}`,
      };
      const { run, repository, checks, setup, sandbox } = spec;
      const fromTree = await treeOf(this.#io, this.repository, plan.from);
      const baseline = await table['work.baseline'](
        { run, repository, commit: plan.from, tree: fromTree, checks, setup, budget: spec.limits.wallTime, sandbox },
        io,
      );
      const landed = new Set(plan.commits.map((commit) => commit.task));
      const taskChecks = view.tasks.filter((task) => landed.has(task.spec.id)).flatMap((task) => task.spec.checks);
      const { blob, unstable, serial } = baseline;
      return await table['work.check'](
        {
          run,
          repository,
          task: 'land',
          fence: 0,
          commit: plan.to,
          tree: plan.tree,
          checks,
          taskChecks,
          mends: [],
          setup,
          baseline: blob,
          unstable,
          serial,
          sandbox,
        },
        io,
      );
    } finally {
      await pure.close();
      await warden.close();
    }
  }

  async publish(run: string, text: { readonly title: string; readonly body: string }): Promise<Outcome<PullRequest>> {
    const branch = `skein/${run}`;
    const remote = (await this.#user(['git', 'remote'])).stdout.toString().split('\n')[0] ?? '';
    const commands = [
      `git push ${remote === '' ? '<remote>' : remote} ${branch}`,
      `gh pr create --head ${branch} --title ${quote(text.title)} --body-file -`,
    ];
    if (remote === '') return { ok: true, value: { published: false, why: 'this repository has no remote', commands } };
    if (findOnPath('gh', process.env.PATH ?? '') === null)
      return { ok: true, value: { published: false, why: 'gh is not on PATH', commands } };
    const pushed = await this.#user(['git', 'push', remote, `refs/heads/${branch}:refs/heads/${branch}`]);
    if (pushed.exitCode !== 0)
      return refuse(
        'missing',
        `git push to ${remote} ended with ${pushed.exitCode}`,
        [pushed.stderr.toString().trim()],
        commands[0]!,
      );
    const made = await this.#user(['gh', 'pr', 'create', '--head', branch, '--title', text.title, '--body-file', '-'], text.body);
    if (made.exitCode !== 0)
      return refuse('missing', `gh pr create ended with ${made.exitCode}`, [made.stderr.toString().trim()], commands[1]!);
    return { ok: true, value: { published: true, url: made.stdout.toString().trim().split('\n').at(-1) ?? '' } };
  }

  /** As the person themself, with their whole environment: their credentials, their configuration. */
  #user(argv: readonly string[], stdin?: string): Promise<ExecResult> {
    const env = Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
    );
    return direct(argv, {
      cwd: this.repository,
      env,
      timeoutMs: 120_000,
      keepBytes: 65_536,
      outputBytesMax: 1 << 20,
      ...(stdin === undefined ? {} : { stdin }),
    });
  }

  async drop(run: string, options: { readonly force: boolean }): Promise<Outcome<{ readonly freedBytes: number | null }>> {
    const reply = await callHost(this.#places.hostFile(run), { verb: 'ping' }, HOST_ANSWERS_MS);
    if (reply.kind === 'answer' || reply.kind === 'no-answer')
      return liveProblem(run, reply.kind === 'no-answer' ? reply.pid : null);
    if (!(await this.#known(run))) return unknownRun(run);
    const stored = await this.#stored(run);
    if (stored.ok && stored.value.reading.owner !== null) return liveProblem(run, stored.value.reading.owner);
    const unmerged = await this.#unmerged(run);
    if (unmerged > 0 && !options.force) {
      return refuse(
        'refused',
        `${unmerged} landed commits of run ${run} are in no other branch`,
        [],
        `skein land ${run}, or skein runs drop ${run} --force`,
      );
    }
    const used = await this.#disk(run);
    try {
      await removeRun(this.#io, this.repository, run);
    } catch (error) {
      if (!(error instanceof ActivityError)) throw error;
      return refuse('refused', error.message, [], `then skein runs drop ${run}`);
    }
    await rm(this.#places.workspaces(run), { recursive: true, force: true });
    await rm(this.#places.runDirectory(run), { recursive: true, force: true });
    return { ok: true, value: { freedBytes: used.usedBytes } };
  }

  /** Commits on the run's branch that no other branch holds. */
  async #unmerged(run: string): Promise<number> {
    const listed = await this.#user([
      'git',
      'rev-list',
      '--count',
      `refs/heads/skein/${run}`,
      '--not',
      `--exclude=skein/${run}`,
      '--branches',
      '--remotes',
    ]);
    return listed.exitCode === 0 ? Number(listed.stdout.toString().trim()) : 0;
  }

  async prune(options: { readonly keep: number; readonly days: number; readonly dryRun: boolean }): Promise<readonly string[]> {
    const oldest = Date.now() - options.days * 24 * 60 * 60 * 1000;
    const pruned: string[] = [];
    for (const [index, row] of (await this.list()).entries()) {
      const over = row.phase === 'finished' || row.phase === 'stopped';
      const old = over ? index >= options.keep && row.startedAt <= oldest : await this.#neverBegan(row);
      if (!old) continue;
      if (options.dryRun || (await this.drop(row.run, { force: false })).ok) pruned.push(row.run);
    }
    return pruned;
  }

  /** A run without a store: unknown, or killed when it had only its number. */
  async #without(run: string): Promise<{ readonly ok: false; readonly problem: Problem }> {
    return (await this.#known(run)) ? neverBegan(run) : unknownRun(run);
  }

  async #known(run: string): Promise<boolean> {
    if ((await stat(this.#places.runDirectory(run)).catch(() => null)) !== null) return true;
    return (await claimedRuns(this.#io, this.repository)).includes(run);
  }

  /** Killed between taking its number and its first record, so that nothing of it is worth keeping. */
  async #neverBegan({ run, phase }: RunRow): Promise<boolean> {
    if (phase !== 'unreadable') return false;
    const stored = await this.#stored(run);
    if (stored.ok || stored.problem.kind === 'missing') return false; // records that cannot be read are records
    const claimedAt = await emptyClaim(this.#io, this.repository, run);
    return claimedAt !== null && claimedAt < Date.now() - START_MS_MAX;
  }

  async #stored(run: string): Promise<Outcome<{ readonly view: RunView; readonly reading: StoreReading }>> {
    const path = this.#places.store(run);
    if ((await stat(path).catch(() => null)) === null) return this.#without(run);
    try {
      const reading = readStore(path);
      const projection = new RunProjection();
      projection.apply(reading.records, true);
      const view = projection.view();
      if (view === null) return neverBegan(run);
      return { ok: true, value: { view, reading } };
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return refuse(
        'missing',
        `the records of run ${run} cannot be read: ${error.message}`,
        [],
        `skein runs drop ${run} --force removes it; its commits stay on skein/${run} until then`,
      );
    }
  }

  async #disk(run: string): Promise<RunReading['disk']> {
    const free = await statfs(this.repository).then(
      (fs) => fs.bavail * fs.bsize,
      () => null,
    );
    return { usedBytes: await sizeOf(this.#places.workspaces(run)), freeBytes: free };
  }

  async #roomOnDisk(): Promise<Problem | null> {
    for (const directory of [this.repository, await nearest(cacheHome())]) {
      const fs = await statfs(directory);
      const free = fs.bavail * fs.bsize;
      const next = 'free some space, or set SKEIN_CACHE to a directory on a larger disk; `skein runs prune` removes old runs';
      if (free < FREE_BYTES_MIN)
        return {
          kind: 'missing',
          what: `only ${(free / 1e9).toFixed(1)} GB are free at ${directory}; a run needs 2 GB`,
          details: [],
          next,
        };
      // Some file systems count no inodes and answer 0 of 0.
      if (fs.files > 0 && fs.ffree < FREE_INODES_MIN)
        return { kind: 'missing', what: `only ${fs.ffree} inodes are free at ${directory}`, details: [], next };
    }
    return null;
  }
}

async function treeOf(io: GitIo, cwd: string, commit: string): Promise<string> {
  const env = { PATH: process.env.PATH ?? '', LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' };
  const found = await io.exec(['git', 'rev-parse', `${commit}^{tree}`], {
    cwd,
    env,
    timeoutMs: 30_000,
    keepBytes: 4096,
    outputBytesMax: 65_536,
  });
  return found.stdout.toString().trim();
}

/** Bytes under a directory; null when there is too much to count or it cannot be read. */
async function sizeOf(directory: string): Promise<number | null> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? [] : null,
  );
  if (entries === null || entries.length > FILES_COUNTED_MAX) return null;
  let bytes = 0;
  for (const entry of entries) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return bytes;
}

async function nearest(directory: string): Promise<string> {
  let at = directory;
  while ((await stat(at).catch(() => null)) === null) at = join(at, '..');
  return at;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function unknownRun(run: string): { readonly ok: false; readonly problem: Problem } {
  return refuse('usage', `there is no run ${run} here`, [], '`skein runs` lists the runs of this repository');
}

function neverBegan(run: string): { readonly ok: false; readonly problem: Problem } {
  return refuse('refused', `run ${run} never began: it was ended before its first record`, [], `skein runs drop ${run}`);
}

function liveProblem(run: string, pid: number | null): { readonly ok: false; readonly problem: Problem } {
  const who = pid === null ? 'another process' : `process ${pid}`;
  return refuse('refused', `run ${run} is being worked on by ${who}`, [], `skein status ${run}`);
}
