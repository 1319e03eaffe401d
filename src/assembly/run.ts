/**
 * A run as the surfaces hold it: started or resumed in this process, or read from outside. Surfaces never see rooms;
 * they see records after they were committed.
 */
import type { host, work } from '../contracts/index.ts';
import type { HaltLevel } from '../protocol/index.ts';
import type { GoalPack } from './goals.ts';

export interface RunView {
  readonly run: work.RunRecord;
  /** In scheduling order. */
  readonly tasks: readonly work.TaskRecord[];
  readonly probes: readonly work.ProbeRecord[];
}

/** Whether a fleet pays for the tasks that a run found, and why. */
export interface SwarmView {
  readonly worth: boolean;
  /** One sentence for people. */
  readonly why: string;
  readonly criticalPath: readonly string[];
  readonly makespanMs: number;
  /** The same work by one agent, ms. */
  readonly sequentialMs: number;
}

/** A process that a run has started and that is alive. */
export interface LiveProcess {
  readonly task: string;
  readonly pid: number;
  readonly command: string;
  readonly startedAt: number;
  readonly memoryBytes: number | null;
}

export interface LiveRun {
  readonly run: string;
  /** The committed state now. */
  view(): RunView;
  /** Called after a commit changed something, at most ten times a second; returns a function that ends the subscription. */
  onChange(listener: (view: RunView) => void): () => void;
  /** What checks and probes say while they are at it, before it is on record; returns a function that ends the subscription. */
  onNews(listener: (news: RunNews) => void): () => void;
  /** Work in hand finishes and lands, nothing new starts. */
  drain(): void;
  /** Everything in flight is cancelled; the run can be resumed. */
  kill(): void;
  /** What people did in their own tree since the run started, in words: HEAD, index, commits. Reported, never held against an agent. */
  meanwhile(): Promise<readonly string[]>;
  /** Settles when the run is finished or stopped and the host is closed. Rejects only when the host itself failed. */
  readonly ended: Promise<RunView>;
}

export type RunNews =
  | { readonly kind: 'verdict'; readonly verdict: work.VerdictSummary }
  | { readonly kind: 'finding'; readonly probe: string; readonly finding: work.Finding };

/** What a reader outside the run's process gets. */
export interface RunReading {
  readonly view: RunView;
  /** live: answered by the host; stored: read from its file, nobody is running it now. */
  readonly state: 'live' | 'stored';
  /** Host time of the last commit. */
  readonly asOf: number;
  readonly processes: readonly LiveProcess[];
  /** Bytes of the run's private clones, and bytes free where they are; null = could not be read. */
  readonly disk: { readonly usedBytes: number | null; readonly freeBytes: number | null };
}

export interface RunRow {
  readonly run: string;
  /** `interrupted`: its host died before it ended. */
  readonly phase: work.RunPhase | 'interrupted' | 'unreadable';
  readonly reason: string;
  readonly startedAt: number;
  readonly tasks: number;
  readonly landed: number;
  readonly branch: string;
}

/** Why something could not be done, ready to be shown. The kind decides the exit code: 1, 2, 3, 4 in this order. */
export interface Problem {
  readonly kind: 'refused' | 'usage' | 'policy' | 'missing';
  /** What happened, to whom. */
  readonly what: string;
  /** One line each: `tasks.md:7: needs "parse", which is no task`. */
  readonly details: readonly string[];
  /** What to do next; a command where there is one. */
  readonly next: string;
}

export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem };

/** Where a value was decided, in order of precedence. */
export type Origin = 'flag' | 'environment' | 'skein.yaml' | 'default';

/** An agent as a person asked for it; the runtime finds its program. */
export interface AgentChoice {
  readonly name: string;
  /** `claude`, `claude --model haiku`, `recorded:dir`, `sh:./fix.sh {task}` or `./fix.sh {task}`. */
  readonly spec: string;
  readonly args: readonly string[];
  readonly passEnv: readonly string[];
  readonly timeoutMs: number | null;
  /** Declared price of one attempt in micro-units. */
  readonly attemptPrice: number | null;
  /** For `model:<provider>/<name>`; null = the usual. */
  readonly model?: {
    readonly baseUrl: string | null;
    /** Name of the variable that holds the key. */
    readonly apiKeyEnv: string | null;
    /** Micro-units for a million tokens. */
    readonly price: { readonly input: number; readonly output: number } | null;
    readonly steps: number | null;
    readonly tokens: number | null;
  };
}

export interface CheckChoice {
  /** The command when null. */
  readonly name: string | null;
  readonly command: string;
  readonly directory: string;
  /** Found out from the command when null. */
  readonly kind: work.CheckSpec['kind'] | null;
  readonly timeoutMs: number | null;
  /** `--check`, `skein.yaml checks`. */
  readonly source: string;
}

/** What the person asked for, after flags, environment and file were merged. Null = the runtime decides. */
export interface RunRequest {
  /** Where `skein` was called; task files and recordings are relative to it. */
  readonly cwd: string;
  readonly tasksFile: string | null;
  readonly messages: readonly string[];
  readonly agents: readonly AgentChoice[];
  /** Agents that skein.yaml defines but nobody asked for: a task may name them, the plan says so, none is started. */
  readonly agentsDefined: readonly string[];
  readonly checks: readonly CheckChoice[] | null;
  readonly setup: string | null;
  readonly agentsMax: number | null;
  readonly checksMax: number | null;
  readonly attemptsMax: number | null;
  readonly wallTimeMs: number | null;
  readonly costMax: number | null;
  readonly passEnv: readonly string[];
  /** False only when the person said `--no-sandbox`. */
  readonly sandbox: boolean;
  /** Start nothing with less than a full sandbox. */
  readonly sandboxRequired?: boolean;
  /** `types`, `codemod rules/x.yaml`; empty = what the repository asks for by itself, where no tasks were given. */
  readonly goals: readonly string[];
  /** The person allowed to run changed copies of the code outside a full sandbox. */
  readonly mutants: boolean;
  readonly packs: readonly GoalPack[];
}

export interface PlannedTask {
  readonly id: string;
  readonly title: string;
  /** Position by upward rank; smaller goes first. */
  readonly order: number;
  readonly agent: string | null;
  readonly needs: readonly string[];
  readonly claims: readonly string[];
  readonly checks: readonly string[];
  /** Expected, ms from the start of the run. */
  readonly start: number;
  readonly finish: number;
  readonly critical: boolean;
}

export interface PlanView {
  readonly tasks: readonly PlannedTask[];
  readonly criticalPath: readonly string[];
  readonly makespanMs: number;
  /** The same work by one agent, ms. */
  readonly sequentialMs: number;
  readonly agentsAtOnce: number;
  /** Whether a fleet pays here at all, and why. */
  readonly swarm: { readonly worth: boolean; readonly why: string };
}

/** A command that the run will start, as a person could type it. */
export interface PlannedCommand {
  readonly what: 'setup' | 'check' | 'probe' | 'service' | 'agent' | 'task check';
  readonly name: string;
  readonly command: string;
  readonly source: string;
}

/** Everything decided, nothing started: what `skein plan` shows and `skein run` goes on with. */
export interface Prepared {
  /** Complete except for the run's number, which is taken when it starts. */
  readonly spec: Omit<work.RunSpec, 'run' | 'branch'>;
  readonly plan: PlanView;
  readonly commands: readonly PlannedCommand[];
  /** Agent programs on PATH that were not asked for. */
  readonly agentsFound: readonly { readonly name: string; readonly command: string }[];
  /** Things worth knowing: a dirty tree, checks without tests, a smaller sandbox than hoped. */
  readonly notes: readonly string[];
}

export interface LandReport {
  readonly branch: string;
  readonly how: 'fast-forward' | 'rebase' | 'already there';
  readonly from: string;
  readonly to: string;
  readonly tasks: readonly string[];
  readonly verdicts: readonly work.VerdictSummary[];
}

/** What a run's ledger says about itself. */
export interface LedgerReport {
  readonly sound: boolean;
  readonly entries: number;
  readonly erased: number;
  /** Which bodies are gone, and the entry that says so. */
  readonly erasures: readonly string[];
  /** Merkle root of all entries, 64 hexadecimal digits. */
  readonly root: string;
  /** Entries up to here are signed by the run's host. */
  readonly signed: number;
  /** The newest checkpoint that verifies, as a signed note. */
  readonly checkpoint: string | null;
  readonly findings: readonly { readonly index: number; readonly problem: string; readonly detail: string }[];
}

/** The same inputs through the rooms of this build. */
export interface ReplayReport {
  readonly same: boolean;
  /** Openings of the run's store. */
  readonly lives: number;
  readonly commits: number;
  readonly inputs: number;
  readonly entries: number;
  /** Null when everything came out the same. */
  readonly divergence: {
    readonly entry: number;
    readonly commit: number;
    readonly what: string;
    readonly expected: string;
    readonly actual: string;
  } | null;
}

export interface ForkReport {
  readonly run: string;
  readonly from: string;
  readonly entry: number;
  readonly records: number;
  readonly branch: string;
}

/** One step on the way from an observation to its outcome. */
export interface ExplanationLine {
  /** Null for an input: it is in the journal, not in the ledger. */
  readonly entry: number | null;
  readonly at: number;
  readonly incarnation: number;
  readonly commit: number;
  readonly kind: string;
  /** Who decided or said it. */
  readonly who: string;
  readonly what: string;
}

export interface Explanation {
  readonly subject: string;
  readonly lines: readonly ExplanationLine[];
  /** Steps after the last line shown. */
  readonly left: number;
}

/** Proof of one entry; all bytes in hexadecimal. */
export interface EntryProofReport {
  readonly origin: string;
  readonly index: number;
  readonly header: string;
  readonly bodyHash: string;
  readonly body: string | null;
  readonly leaf: string;
  readonly size: number;
  readonly root: string;
  readonly path: readonly string[];
  readonly checkpoint: string | null;
}

/** An entry of a run's ledger that says something about the work. */
export interface LedgerRow {
  readonly index: number;
  readonly kind: string;
  readonly at: number;
  /** Its leaf in the Merkle log, 64 hexadecimal digits. */
  readonly leaf: string;
  /** What was written, or null when it was erased. */
  readonly body: Readonly<Record<string, unknown>> | null;
}

/** What shows that a run did what its records say, as far as it can still be read. */
export interface RunEvidence {
  /** Unified diffs by commit. What was too long together or is gone is missing. */
  readonly diffs: ReadonlyMap<string, string>;
  /** Null when the ledger cannot be read. */
  readonly ledger:
    | (LedgerReport & { readonly kinds: Readonly<Record<string, number>>; readonly rows: readonly LedgerRow[] })
    | null;
}

/** noted: its host hands it in when it opens. */
export type DeadLetterDone = 'handed-in' | 'dropped' | 'noted';

export type PullRequest =
  | { readonly published: true; readonly url: string }
  | { readonly published: false; readonly why: string; readonly commands: readonly string[] };

/**
 * The runs of one repository, as a surface holds them. Expected failures are outcomes; a rejected promise is a defect.
 * Only `start`, `resume` and `land` start programs; only `publish` may use the network.
 */
export interface DrillReport {
  readonly sound: boolean;
  /** In the order in which they were taken. */
  readonly steps: readonly { readonly step: string; readonly ms: number; readonly msMax: number | null; readonly ok: boolean }[];
  /** Where the signed orders and acknowledgements of the drill are kept. */
  readonly evidence: string;
}

/** A run, or everything in this repository. */
export type HaltTarget = 'all' | { readonly run: string };

/** A halt in force. */
export interface HaltRow {
  /** `halt/7`; what `resume` takes. */
  readonly id: string;
  /** `global` or `run/12`. */
  readonly scope: string;
  readonly level: HaltLevel;
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** What a live run said to a halt. */
export interface HaltedRun {
  readonly run: string;
  readonly acknowledged: boolean;
  readonly stopped: readonly string[];
  /** By name, what may still run. */
  readonly left: readonly string[];
  readonly detail: string;
}

export interface HaltReport extends Omit<HaltRow, 'at'> {
  readonly durableMs: number;
  /** null = not everybody answered, or nobody was there to. */
  readonly acknowledgedMs: number | null;
  readonly runs: readonly HaltedRun[];
  /** Processes of silent runs that were ended from here. */
  readonly fenced: number;
  /** Roles that have to sign a resume. */
  readonly resumeNeeds: number;
}

export interface ResumeReport {
  readonly id: string;
  readonly scope: string;
  /** Percent that may go at first. */
  readonly share: number;
  /** What still holds this scope. */
  readonly still: readonly HaltRow[];
  /** The resume's own place in the record. */
  readonly order: string;
}

export interface Fleet {
  /** Halts, reduces or freezes from now on, also when no host runs or its loop hangs. */
  halt(target: HaltTarget, level: HaltLevel, reason: string): Promise<Outcome<HaltReport>>;
  /** Ends one halt by its id. */
  resumeHalt(id: string, reason: string): Promise<Outcome<ResumeReport>>;
  thaw(target: HaltTarget): Promise<Outcome<readonly ResumeReport[]>>;
  halts(): Promise<Outcome<readonly HaltRow[]>>;
  /** A halt of a run of its own, from its first agent to its resume. */
  drill(): Promise<Outcome<DrillReport>>;
  /** Absolute path of the top of the repository. */
  readonly repository: string;
  prepare(request: RunRequest): Promise<Outcome<Prepared>>;
  /** `record` journals every input, whatever its contract says. */
  start(prepared: Prepared, options?: { readonly record?: boolean }): Promise<Outcome<LiveRun>>;
  /** A new sitting of a run that stopped; null keeps a limit as it was. */
  resume(run: string, limits: ResumeLimits): Promise<Outcome<LiveRun>>;
  read(run: string): Promise<Outcome<RunReading>>;
  /** Recomputes the run's ledger from its file; `against` is a signed checkpoint that was kept elsewhere, `keys` public keys, one a line. */
  verify(run: string, options?: { readonly against?: string; readonly keys?: string }): Promise<Outcome<LedgerReport>>;
  /** That one entry is in the run's ledger, for somebody who has neither the ledger nor this program. */
  prove(run: string, entry: number): Promise<Outcome<EntryProofReport>>;
  /** The run's inputs again, through the rooms of this build: does the same come of them? */
  replay(run: string): Promise<Outcome<ReplayReport>>;
  /** A new run from the state at a ledger entry; the old one stays as it is. */
  fork(run: string, entry: number): Promise<Outcome<ForkReport>>;
  /** The way from observation to outcome of a task or a message. */
  explain(run: string, subject: string): Promise<Outcome<Explanation>>;
  /** What the run's host gave up on, oldest first. */
  deadLetters(run: string): Promise<Outcome<readonly host.DeadLetter[]>>;
  settleDeadLetter(run: string, key: string, action: 'retry' | 'drop'): Promise<Outcome<DeadLetterDone>>;
  /** The diffs of these commits and the run's ledger. Never fails: what cannot be read is missing. */
  evidence(run: string, commits: readonly string[]): Promise<RunEvidence>;
  /** Keeps a page about the run beside its records, whole or not at all; returns its path. */
  keepReport(run: string, page: string): Promise<Outcome<string>>;
  /** Where that page is; null when there is none. */
  reportOf(run: string): Promise<string | null>;
  /** Newest first. */
  list(): Promise<readonly RunRow[]>;
  /** Lands the run, or only some of its tasks, on the branch that is checked out. */
  land(run: string, tasks: readonly string[]): Promise<Outcome<LandReport>>;
  publish(run: string, text: { readonly title: string; readonly body: string }): Promise<Outcome<PullRequest>>;
  /** Removes a run with its branch and refs. Refuses one that is live, or whose work is in no other branch unless forced. */
  drop(run: string, options: { readonly force: boolean }): Promise<Outcome<{ readonly freedBytes: number | null }>>;
  /** Removes what is older than both bounds; with `dryRun` only says which. */
  prune(options: { readonly keep: number; readonly days: number; readonly dryRun: boolean }): Promise<readonly string[]>;
}

export interface ResumeLimits {
  readonly agentsMax: number | null;
  readonly attemptsMax: number | null;
  readonly wallTimeMs: number | null;
  readonly costMax: number | null;
}

/** Finds the repository around a directory. */
export type OpenFleet = (cwd: string) => Promise<Outcome<Fleet>>;
