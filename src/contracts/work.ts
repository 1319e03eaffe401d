/**
 * What the room `work` says and hears: the run intent, its control intents, its records as others may read them,
 * and the activities it asks for. Data and types only; money in micro-units of the currency, time in integer ms.
 */
import { type Static, Type } from 'typebox';
import { defineContract, type Contract } from '../protocol/index.ts';
import type { BlobRef } from '../ports/index.ts';

const Sha = Type.String({ pattern: '^[0-9a-f]{40}([0-9a-f]{24})?$' });
const Name = Type.String({ minLength: 1, maxLength: 200 });
const Text = Type.String({ maxLength: 32_768 });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const closed = { additionalProperties: false } as const;

/** One piece of work that a person gave or a check asks for. */
export const TaskSpec = Type.Object(
  {
    id: Name,
    title: Type.String({ minLength: 1, maxLength: 500 }),
    text: Text,
    needs: Type.Array(Name, { maxItems: 256 }),
    /** Globs of the paths it may change; empty = anything but lock files and CI. */
    claims: Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: 256 }),
    /** Extra checks (shell lines) that only this task must pass. */
    checks: Type.Array(Type.String({ minLength: 1, maxLength: 4096 }), { maxItems: 32 }),
    /** Name of the agent that does it; null = the run's agents in turn. */
    agent: Type.Union([Name, Type.Null()]),
    estimate: Count,
    /** True when a person asked for it: the exit code answers for these. */
    given: Type.Boolean(),
    /** The goal that found it: `types`; null = a person wrote it. */
    goal: Type.Union([Name, Type.Null()]),
    /** Agents that all try it from the same base, the best candidate first into the queue. Empty = `agent`, or the run's agents in turn. */
    rivals: Type.Array(Name, { maxItems: 16 }),
    /** Program that says what a candidate closes and why it must be refused; empty = none. */
    judge: Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 64 }),
    /** Check that must be better after it than before: fewer failing tests or findings. Null = none in particular. */
    mends: Type.Union([Name, Type.Null()]),
    /** JSON text for the agents and the judge of its goal; '' = none. */
    input: Type.String({ maxLength: 16_384 }),
  },
  closed,
);
export type TaskSpec = Static<typeof TaskSpec>;

/** What a task has that no goal found. */
export const WITHOUT_GOAL: Pick<TaskSpec, 'goal' | 'rivals' | 'judge' | 'mends' | 'input'> = {
  goal: null,
  rivals: [],
  judge: [],
  mends: null,
  input: '',
};

/** A row of the preset file with the user's choices filled in. `{task}` `{files}` `{failure}` `{workspace}` are replaced as single arguments. */
export const AgentSpec = Type.Object(
  {
    name: Name,
    kind: Type.Union([Type.Literal('shell'), Type.Literal('recorded'), Type.Literal('preset'), Type.Literal('model')]),
    argv: Type.Array(Type.String({ maxLength: 32_768 }), { minItems: 1, maxItems: 256 }),
    /** Arguments added when a session is resumed; `{session}` is replaced. Empty = no sessions. */
    resume: Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 64 }),
    /** How usage and session are read from its output. */
    usage: Type.Union([
      Type.Literal('none'),
      Type.Literal('claude-stream-json'),
      Type.Literal('codex-jsonl'),
      Type.Literal('gemini-json'),
      Type.Literal('aider-text'),
      Type.Literal('skein-jsonl'),
    ]),
    /** Names of variables, otherwise withheld, that this agent needs. */
    passEnv: Type.Array(Name, { maxItems: 64 }),
    timeout: Count,
    /** Declared price of one attempt in micro-units, used where usage is not reported; null = unknown. 0 = costs nothing. */
    attemptPrice: Type.Union([Count, Type.Null()]),
    network: Type.Boolean(),
    /** The goal whose tasks it does, as a rival that its tasks name; null = any task. */
    only: Type.Union([Name, Type.Null()]),
  },
  closed,
);
export type AgentSpec = Static<typeof AgentSpec>;

export const CheckSpec = Type.Object(
  {
    /** Shown to people and used as key: `npm run lint`. */
    name: Name,
    /** One shell line, run by `sh -c` at `directory`. */
    command: Type.String({ minLength: 1, maxLength: 4096 }),
    /** Relative to the top of the repository; '' = top. */
    directory: Type.String({ maxLength: 1024 }),
    /** tests: has a set of named tests or at least a count; findings: prints diagnostics; build: only an exit code. */
    kind: Type.Union([Type.Literal('tests'), Type.Literal('findings'), Type.Literal('build')]),
    timeout: Count,
    /** Where it was found: `package.json scripts.lint`, `skein.yaml checks`. */
    source: Type.String({ maxLength: 1024 }),
  },
  closed,
);
export type CheckSpec = Static<typeof CheckSpec>;

/** A program that looks at the base tree and says what is there to do: NDJSON lines of `ProbeLine` on stdout. */
export const ProbeSpec = Type.Object(
  {
    /** Unique in the run: `types`, `lint`. */
    name: Name,
    goal: Name,
    /** What it looks for, in words: `lines that no test would notice`. */
    says: Type.String({ minLength: 1, maxLength: 200 }),
    argv: Type.Array(Type.String({ maxLength: 4096 }), { minItems: 1, maxItems: 64 }),
    /** What the person added to the goal: a rule file. */
    argument: Type.Union([Type.String({ maxLength: 4096 }), Type.Null()]),
    timeout: Count,
    /** first: after the baseline, beside the work. last: when no task is moving any more. */
    when: Type.Union([Type.Literal('first'), Type.Literal('last')]),
    /** It changes or runs what only a full sandbox may: elsewhere it is passed over, and that is said. */
    sandboxed: Type.Boolean(),
    /** Its answer depends on the tree, the checks and the installed packages alone, and it leaves nothing for others: it is given again. */
    keeps: Type.Boolean(),
  },
  closed,
);
export type ProbeSpec = Static<typeof ProbeSpec>;

/** A long-living program of the run: a warm compiler. Its socket's path is in `SKEIN_SERVICE_<NAME>` of probes, agents, judges and checks. */
export const ServiceSpec = Type.Object(
  {
    /** Lower case letters: `types`. */
    name: Type.String({ pattern: '^[a-z]{1,32}$' }),
    argv: Type.Array(Type.String({ maxLength: 4096 }), { minItems: 1, maxItems: 64 }),
  },
  closed,
);
export type ServiceSpec = Static<typeof ServiceSpec>;

export const Limits = Type.Object(
  {
    agentsMax: Type.Integer({ minimum: 1, maximum: 1024 }),
    checksMax: Type.Integer({ minimum: 1, maximum: 1024 }),
    /** Agent runs per task that count as failures before the circuit opens. */
    attemptsMax: Type.Integer({ minimum: 1, maximum: 100 }),
    /** Time box of one sitting, ms. */
    wallTime: Count,
    /** Money for the whole run in micro-units; null = no cap was given. */
    costMax: Type.Union([Count, Type.Null()]),
  },
  closed,
);
export type Limits = Static<typeof Limits>;

export const RunSpec = Type.Object(
  {
    /** Number of the run in its repository, as text: `12`; its branch is `skein/12`. */
    run: Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
    /** Absolute path of the top of the user's repository. */
    repository: Type.String({ minLength: 1, maxLength: 4096 }),
    base: Sha,
    baseTree: Sha,
    branch: Type.String({ pattern: '^refs/heads/skein/[1-9][0-9]{0,8}$' }),
    tasks: Type.Array(TaskSpec, { maxItems: 10_000 }),
    agents: Type.Array(AgentSpec, { maxItems: 64 }),
    checks: Type.Array(CheckSpec, { maxItems: 256 }),
    /** In order of what pays first. */
    probes: Type.Array(ProbeSpec, { maxItems: 32 }),
    services: Type.Array(ServiceSpec, { maxItems: 8 }),
    /** Shell line that prepares a fresh clone (dependencies), or null. */
    setup: Type.Union([Type.String({ maxLength: 4096 }), Type.Null()]),
    limits: Limits,
    sandbox: Type.Union([Type.Literal('full'), Type.Literal('network only'), Type.Literal('none')]),
    /** Names of variables, otherwise withheld, that every agent and check gets. */
    passEnv: Type.Array(Name, { maxItems: 64 }),
    /** SHA-256 of the canonical plan, printed by `skein plan`. */
    planHash: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  },
  closed,
);
export type RunSpec = Static<typeof RunSpec>;

const Control = Type.Object({ run: Name }, closed);
const Resume = Type.Object({ run: Name, limits: Limits }, closed);

export const RunIntent: Contract<RunSpec> = defineContract('work.intent.run.v1', RunSpec, {
  idempotency: 'run',
  orderingKey: 'run',
});
/** Work in hand finishes and lands, nothing new starts. */
export const DrainIntent: Contract<Static<typeof Control>> = defineContract('work.intent.drain.v1', Control);
/** Everything in flight is cancelled; the run can be resumed. */
export const KillIntent: Contract<Static<typeof Control>> = defineContract('work.intent.kill.v1', Control);
/** A new sitting: a fresh time box, tasks that were interrupted go on. */
export const ResumeIntent: Contract<Static<typeof Resume>> = defineContract('work.intent.resume.v1', Resume);

/** What a probe found to do; checked before it reaches the room, because a probe may be anybody's program. */
export const TaskFound: Contract<TaskSpec> = defineContract('work.event.task-found.v1', TaskSpec);

// ---- verdicts -------------------------------------------------------------------------------------------------------

export type TestState = 'pass' | 'fail' | 'skip';

/** What one check said about one tree. Stored as a blob; records and messages carry the summary. */
export interface CheckVerdict {
  readonly check: string;
  /** unavailable: it could not run at all (missing tool, missing file); `cause` says why. */
  readonly status: 'green' | 'red' | 'timed-out' | 'unavailable';
  readonly cause: string;
  readonly exitCode: number | null;
  /** Named tests with their state, or null when the runner's output names none. */
  readonly tests: Readonly<Record<string, TestState>> | null;
  /** What the runner's own summary counts, or null when it has none: a test that vanishes is seen even where tests have no names. */
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number } | null;
  /** Diagnostics normalised to `path: message`, without line numbers, sorted, repeated as often as they occur. */
  readonly findings: readonly string[];
  readonly durationMs: number;
  readonly cached: boolean;
  /** Last 4 KiB of output, for people. */
  readonly tail: string;
  readonly output: BlobRef | null;
}

export interface VerdictSummary {
  readonly check: string;
  readonly status: CheckVerdict['status'];
  readonly cause: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly findings: number;
  readonly durationMs: number;
  readonly cached: boolean;
}

/** Why a change may not land. `rule` is for machines, `detail` names file, test or finding. */
export interface Violation {
  readonly rule:
    | 'green-turned-red'
    | 'test-failed'
    | 'test-disappeared'
    | 'test-skipped'
    | 'finding-added'
    | 'outside-claim'
    | 'lock-file'
    | 'ci-file'
    | 'suppression-added'
    | 'skip-added'
    | 'conflict-markers'
    | 'empty-change'
    | 'too-large'
    | 'unsafe-path'
    | 'task-check-failed'
    | 'check-could-not-run'
    | 'not-mended'
    | 'refused-by-judge'
    | 'affected-test-failed'
    | 'repository-touched';
  readonly detail: string;
}

// ---- activities -----------------------------------------------------------------------------------------------------
// Each is a name in the runtime's table, a payload and the value of a `done` outcome.

/** idempotent: both baselines of the base tree in fresh clones; `unstable` names what disagreed between the two. */
export interface BaselinePayload {
  readonly run: string;
  readonly repository: string;
  readonly commit: string;
  readonly tree: string;
  readonly checks: readonly CheckSpec[];
  readonly setup: string | null;
  /** ms that are left of the time box. */
  readonly budget: number;
  readonly sandbox: RunSpec['sandbox'];
}
export interface BaselineResult {
  readonly verdicts: readonly VerdictSummary[];
  readonly blob: BlobRef;
  readonly unstable: readonly string[];
  readonly serial: boolean;
  readonly notes: readonly string[];
  /** Of each check that was red or did not end in time, what a person reads first: failing tests, findings or its last lines; at most 20. */
  readonly red?: readonly { readonly check: string; readonly lines: readonly string[] }[];
}

/** idempotent: a private repository at `base`, with the change of an earlier attempt applied when `from` is given. */
export interface WorkspacePayload {
  readonly run: string;
  readonly repository: string;
  readonly task: string;
  readonly fence: number;
  readonly base: string;
  /** Commit of an earlier attempt whose change is put on top of `base`; dropped when it does not apply. */
  readonly from: string | null;
  readonly setup: string | null;
}
export interface WorkspaceResult {
  readonly path: string;
  readonly applied: boolean;
  readonly ms: number;
}

/** once: the agent's process. It gets the workspace, its task and its own failures; nothing of any other agent. */
export interface AgentPayload {
  readonly run: string;
  readonly repository: string;
  readonly task: TaskSpec;
  readonly fence: number;
  readonly agent: AgentSpec;
  readonly workspace: string;
  readonly failures: readonly string[];
  readonly session: string | null;
  /** Micro-units left, null = no cap. */
  readonly budget: number | null;
  readonly sandbox: RunSpec['sandbox'];
}
export interface AgentResult {
  readonly exitCode: number | null;
  /** Why it ended early: nothing, the time-out, output over the bound, a repeating trajectory. */
  readonly ended: 'exit' | 'timed-out' | 'output-limit' | 'loop' | 'signal';
  readonly durationMs: number;
  /** Micro-units; null = not reported. */
  readonly cost: number | null;
  readonly tokens: number | null;
  readonly session: string | null;
  readonly tail: string;
  readonly output: BlobRef | null;
  /** Changes seen in the user's repository while it ran without a sandbox: refs, config, hooks, stash. */
  readonly touched: readonly string[];
}

export interface FileChange {
  readonly path: string;
  readonly status: 'added' | 'modified' | 'deleted' | 'renamed' | 'mode';
  readonly added: number;
  readonly removed: number;
  readonly binary: boolean;
}

/** idempotent: takes the diff out of the workspace into the user's object store under refs/skein/. */
export interface TakePayload {
  readonly run: string;
  readonly repository: string;
  readonly task: string;
  readonly fence: number;
  readonly workspace: string;
  readonly base: string;
  /** For the screening of the change: claims, checks. */
  readonly spec: TaskSpec;
}
export interface TakeResult {
  /** A commit on `base` that holds the change, kept by refs/skein/<run>/<task>/<fence>. */
  readonly commit: string;
  readonly tree: string;
  /** The first 200. */
  readonly files: readonly FileChange[];
  readonly filesTotal: number;
  readonly patch: BlobRef;
  /** Findings that need the text of the change: suppressions, skips, conflict markers, size. */
  readonly violations: readonly Violation[];
}

/**
 * idempotent: what a candidate is worth before it waits for the full checks. The task's judge looks at its tree; the tests that import
 * what it changed run. Where the task has no judge and the tests cannot be told apart, it answers at once.
 */
export interface VetPayload {
  readonly run: string;
  readonly repository: string;
  readonly task: TaskSpec;
  readonly fence: number;
  /** The commit that `take` made, its tree, and the commit it stands on. */
  readonly change: string;
  readonly tree: string;
  readonly base: string;
  /** Paths it changes, the first 200. */
  readonly paths: readonly string[];
  readonly checks: readonly CheckSpec[];
  readonly setup: string | null;
  readonly baseline: BlobRef;
  readonly unstable: readonly string[];
  readonly serial: boolean;
  readonly sandbox: RunSpec['sandbox'];
}
export interface VetResult {
  /** Items that the candidate closes, sorted: diagnostics, findings, tests. At most 500. */
  readonly closed: readonly string[];
  /** Items beyond those. */
  readonly more: number;
  readonly violations: readonly Violation[];
  /** The text its agent is given when it has to try again; at most 16 KiB. */
  readonly failure: string;
  /** Test files that ran because they import what changed; 0 = none could be told apart. */
  readonly testFiles: number;
  readonly durationMs: number;
}

/** Something true about the repository that its owner would want to know. */
export interface Finding {
  /** `fixable`, `type-error`, `flaky`, `slow`, `unwatched`, `untrue-annotation`: for grouping, lower case. */
  readonly kind: string;
  /** One line: `lib/parse.js:12: a test would not notice if < were <=`. */
  readonly title: string;
  readonly detail: string;
  readonly path: string | null;
  readonly line: number | null;
  /** The command that shows it, copyable at the top of the repository. */
  readonly show: string;
}

export interface Measure {
  /** `detection-power`, `strict-errors`, `type-coverage`, `tests-serial`. */
  readonly name: string;
  /** A whole number, because records hold no other; `text` may say it more exactly. */
  readonly value: number;
  /** `%`, `ms`, `errors`. */
  readonly unit: string;
  /** For people: `25 of 30 operator mutants were killed by npm test`. */
  readonly text: string;
}

/** One line that a probe prints. */
export type ProbeLine =
  | { readonly finding: Finding }
  | { readonly task: Omit<TaskSpec, 'given' | 'goal'> }
  | { readonly measure: Measure }
  | { readonly note: string };

/** idempotent: one probe in a private checkout of the base tree. */
export interface ProbePayload {
  readonly run: string;
  readonly repository: string;
  readonly probe: ProbeSpec;
  readonly fence: number;
  readonly commit: string;
  readonly tree: string;
  readonly checks: readonly CheckSpec[];
  readonly setup: string | null;
  readonly baseline: BlobRef;
  /** ms that it may take: the rest of the time box, or less. */
  readonly budget: number;
  readonly sandbox: RunSpec['sandbox'];
}
export interface ProbeResult {
  /** At most 500; `more` counts the rest. */
  readonly findings: readonly Finding[];
  readonly more: number;
  /** At most 500, in scheduling order, with the ids that they need. */
  readonly tasks: readonly TaskSpec[];
  /** At most 100. */
  readonly measures: readonly Measure[];
  /** At most 50. */
  readonly notes: readonly string[];
  readonly durationMs: number;
}

/** What the file named by `SKEIN_PROBE_FILE` holds. */
export interface ProbeQuestion {
  readonly goal: string;
  readonly argument: string | null;
  /** A private checkout that the probe may change; its present directory. */
  readonly workspace: string;
  /** Tracked files that people write: not generated, vendored or minified. */
  readonly files: readonly string[];
  readonly checks: readonly CheckSpec[];
  /** Verdicts of the base tree, in the order of `checks`. */
  readonly baseline: readonly CheckVerdict[];
  /** Commits of the last 90 days by path, where there is a history; the 500 paths with most. */
  readonly changes: Readonly<Record<string, number>>;
  /** Directory that outlives the probe and that agents and judges of the run can read: recordings. */
  readonly shared: string;
  /** Wall-clock ms since the epoch at which it is ended. */
  readonly deadline: number;
  readonly sandbox: RunSpec['sandbox'];
}

/** What the file named by `SKEIN_JUDGE_FILE` holds; the judge prints one `JudgeAnswer` on stdout. */
export interface JudgeQuestion {
  /** A checkout of the candidate's tree; its present directory. */
  readonly workspace: string;
  /** A checkout of the tree that it stands on. */
  readonly base: string;
  readonly task: TaskSpec;
  readonly paths: readonly string[];
  readonly shared: string;
}
export interface JudgeAnswer {
  readonly closed: readonly string[];
  readonly refused: readonly { readonly rule: string; readonly detail: string }[];
}

/** idempotent: the change as one commit on `onto`. The same payload gives the same commit id. */
export interface ComposePayload {
  readonly run: string;
  readonly repository: string;
  readonly task: string;
  readonly fence: number;
  /** The commit that `take` made and the base it stands on. */
  readonly change: string;
  readonly base: string;
  readonly onto: string;
  readonly message: string;
  /** Seconds since the epoch, for author and committer. */
  readonly time: number;
}
export type ComposeResult =
  | { readonly ok: true; readonly commit: string; readonly tree: string }
  /** Paths in conflict; none = nothing is left of the change, because `onto` holds it already. */
  | { readonly ok: false; readonly conflicts: readonly string[] };

/** idempotent: the run's checks, and those of the tasks in the batch, on exactly this tree; compared with the baseline. */
export interface CheckPayload {
  readonly run: string;
  readonly repository: string;
  /** The last of the batch: its commit holds all of them. */
  readonly task: string;
  readonly fence: number;
  readonly commit: string;
  readonly tree: string;
  readonly checks: readonly CheckSpec[];
  readonly taskChecks: readonly string[];
  /** Names of checks that must be better than at the baseline. */
  readonly mends: readonly string[];
  readonly setup: string | null;
  readonly baseline: BlobRef;
  readonly unstable: readonly string[];
  readonly serial: boolean;
  readonly sandbox: RunSpec['sandbox'];
}
export interface CheckResult {
  readonly verdicts: readonly VerdictSummary[];
  readonly violations: readonly Violation[];
  readonly blob: BlobRef;
  /** The text an agent is given when it has to try again; at most 16 KiB. */
  readonly failure: string;
}

/**
 * idempotent: moves the run's branch from `expected` to `commit` by compare-and-swap; the ref is the commit point. All of a batch lands
 * by the one move, or nothing of it.
 */
export interface LandPayload {
  readonly run: string;
  readonly repository: string;
  /** The last of the batch. */
  readonly task: string;
  readonly fence: number;
  readonly branch: string;
  readonly expected: string;
  readonly commit: string;
  /** Every commit from `expected` to `commit`, oldest first, with its task. */
  readonly chain: readonly { readonly task: string; readonly fence: number; readonly commit: string }[];
}
export type LandResult =
  | { readonly ok: true; readonly commit: string; readonly already: boolean }
  /** `landed`: how many of the chain's first commits are on the branch already, by a try whose outcome got lost. */
  | { readonly ok: false; readonly found: string | null; readonly landed: number };

/** idempotent: removes the workspace of an attempt that is over. */
export interface DiscardPayload {
  readonly run: string;
  readonly task: string;
  readonly fence: number;
}

/** Names in the runtime's table of functions, with payload and result. */
export interface WorkActivities {
  'work.baseline': [BaselinePayload, BaselineResult];
  'work.workspace': [WorkspacePayload, WorkspaceResult];
  'work.agent': [AgentPayload, AgentResult];
  'work.take': [TakePayload, TakeResult];
  'work.vet': [VetPayload, VetResult];
  'work.probe': [ProbePayload, ProbeResult];
  'work.compose': [ComposePayload, ComposeResult];
  'work.check': [CheckPayload, CheckResult];
  'work.land': [LandPayload, LandResult];
  'work.discard': [DiscardPayload, null];
}

// ---- records: what projections and people see ------------------------------------------------------------------------

/** How a run stands. `interrupted` is what a dead host's unfinished run is called by those who read it. */
export type RunPhase = 'baseline' | 'working' | 'draining' | 'stopped' | 'finished';

export interface RunRecord {
  /** The tasks have records of their own. */
  readonly spec: Omit<RunSpec, 'tasks'>;
  readonly phase: RunPhase;
  /** Why it is draining, stopped or finished; '' while it works. */
  readonly reason: '' | 'done' | 'time' | 'budget' | 'drained' | 'killed' | 'baseline-failed' | 'landing-refused';
  /** More about the reason, for people. */
  readonly detail: string;
  /** True when what is in flight was cancelled rather than left to finish. */
  readonly cancelling: boolean;
  readonly tip: string;
  readonly landed: number;
  readonly startedAt: number;
  /** End of the present time box. */
  readonly deadline: number;
  readonly endedAt: number | null;
  readonly spent: number;
  /** Attempts whose cost nobody reported and no price was declared for. */
  readonly unknownCosts: number;
  readonly baseline: BaselineResult | null;
  /** Times the branch was found moved by somebody else. */
  readonly moved: number;
  /** 1 for the first `run`, one more for each `resume`. */
  readonly sittings: number;
}

/**
 * waiting (for needs) -> ready -> preparing -> working -> taking -> vetting -> queued (composing and checking) -> landing -> landed;
 * or open (the circuit opened: a senior agent or a person), blocked (a task it needs is open), failed (corrupt input).
 */
export type TaskState =
  | 'waiting'
  | 'ready'
  | 'preparing'
  | 'working'
  | 'taking'
  | 'vetting'
  | 'queued'
  | 'landing'
  | 'landed'
  | 'open'
  | 'blocked'
  | 'failed';

export interface AttemptRecord {
  readonly fence: number;
  readonly agent: string;
  readonly base: string;
  /** 1 first try, 2 the same agent again with its diff and the error, 3 a fresh agent with both failures. */
  readonly tier: 1 | 2 | 3;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** candidate: vetted and waiting for its rivals; outscored: a rival's change landed; nothing: it had nothing to propose. */
  readonly outcome:
    | 'running'
    | 'candidate'
    | 'landed'
    | 'outscored'
    | 'nothing'
    | 'refused'
    | 'conflict'
    | 'interrupted'
    | 'agent-failed';
  readonly vet: VetResult | null;
  readonly violations: readonly Violation[];
  readonly failure: string;
  readonly cost: number | null;
  readonly durationMs: number | null;
  readonly change: string | null;
  readonly patch: BlobRef | null;
  /** The first 50. */
  readonly files: readonly FileChange[];
  readonly filesTotal: number;
}

/** Rivals try one task one after the other, from one base; the best candidate goes into the queue when all had their turn. */
export interface RivalRound {
  /** Commit that all of them start from; null until the first one starts. */
  readonly base: string | null;
  /** Who still has a turn, in order; the first one is at work unless the task is ready. */
  readonly left: readonly string[];
  /** The fence before the first attempt of this chance: a resumed task gets a new one. */
  readonly since: number;
}

/** One row for each probe of the run, in the table `probe`, under its name. */
export interface ProbeRecord {
  readonly spec: ProbeSpec;
  readonly order: number;
  /** waiting: also what a stop cut short, for a resumed run. passed-over: it needs a full sandbox, as `detail` says. */
  readonly state: 'waiting' | 'running' | 'done' | 'failed' | 'passed-over';
  readonly detail: string;
  /** Grows with every try. */
  readonly fence: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Without the tasks, which have records of their own; null until it is done. */
  readonly result: Omit<ProbeResult, 'tasks'> | null;
  /** Ids of the tasks it gave. */
  readonly tasks: readonly string[];
}

/** A change on its way to the branch. The queue is every task with a landing entry, by position. */
export interface LandingEntry {
  readonly position: number;
  /** The attempt whose change this is. */
  readonly fence: number;
  /**
   * waiting: for the commit before it; composing; composed: nobody checked exactly its tree; checking; checked: a verdict on it and all
   * before it; conflicted: it does not apply on `onto`; landing: the branch is being moved, to it or to one behind it.
   */
  readonly stage: 'waiting' | 'composing' | 'composed' | 'checking' | 'checked' | 'conflicted' | 'landing';
  readonly change: string;
  readonly base: string;
  readonly onto: string;
  readonly commit: string;
  readonly tree: string;
  readonly violations: readonly Violation[];
  readonly failure: string;
  readonly conflicts: readonly string[];
}

export interface TaskRecord {
  readonly spec: TaskSpec;
  /** Position by upward rank: smaller goes first. */
  readonly order: number;
  readonly state: TaskState;
  readonly landing: LandingEntry | null;
  readonly detail: string;
  /** Grows with every attempt; what an older fence says is dropped. */
  readonly fence: number;
  /** Grows with every activity of this task. */
  readonly step: number;
  readonly failures: number;
  readonly conflicts: number;
  /** Attempts cut short by a crash, a stop or a refusal; they count against nobody. */
  readonly interruptions: number;
  /** Operating failures in a row (a clone or a check that could not be made). */
  readonly errors: number;
  readonly session: string | null;
  readonly workspace: string | null;
  /** null or missing: nobody competes for it. */
  readonly round?: RivalRound | null;
  readonly attempts: readonly AttemptRecord[];
  /** Commit on the run's branch. */
  readonly commit: string | null;
  readonly verdicts: readonly VerdictSummary[];
  /** Commit whose tree the verdicts are about: its own, or the last one of the batch that it landed with. */
  readonly checkedAs?: string | null;
}

/** Tables of the room `work`: `run` has one row under the run's number, `task` one per task id, `probe` one per probe. */
export const WORK_ROOM = 'work';
