/**
 * The documents that programs read: the source of `schema/*.json`. A version is final once published: a field may be added,
 * never removed or given another meaning; anything else is a new version. Money in micro-units of USD, time in ms or ISO 8601.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { SkeinFile } from './config.ts';

const closed = { additionalProperties: false } as const;
const Text = Type.String();
const Count = Type.Integer({ minimum: 0 });
const Time = Type.String({ format: 'date-time' });
const orNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
/** A figure that nobody reported is the word `unknown`, never 0. */
const Money = Type.Union([Count, Type.Literal('unknown')]);
const Exit = Type.Integer({ minimum: 0, maximum: 4 });

const Verdict = Type.Object(
  {
    check: Text,
    status: Type.Enum(['green', 'red', 'timed-out', 'unavailable']),
    cause: Text,
    passed: Count,
    failed: Count,
    skipped: Count,
    findings: Count,
    durationMs: Count,
    cached: Type.Boolean(),
  },
  closed,
);

const Violation = Type.Object({ rule: Text, detail: Text }, closed);

const Attempt = Type.Object(
  {
    /** The lease this attempt held; grows with every attempt of the task. */
    fence: Count,
    agent: Text,
    tier: Type.Integer({ minimum: 1, maximum: 3 }),
    outcome: Type.Enum([
      'running',
      'candidate',
      'landed',
      'outscored',
      'nothing',
      'refused',
      'conflict',
      'interrupted',
      'agent-failed',
    ]),
    startedAt: Time,
    endedAt: orNull(Time),
    durationMs: orNull(Count),
    cost: Money,
    violations: Type.Array(Violation),
    /** How its program failed, in its own words; '' when it did not. */
    failure: Text,
    /** The commit that holds what the agent left, kept under refs/skein/. */
    change: orNull(Text),
    /** What its vetting said: items that it closes, and test files that ran because they import what it changed. */
    vet: orNull(Type.Object({ closed: Type.Array(Text), more: Count, testFiles: Count }, closed)),
    filesTotal: Count,
    files: Type.Array(Type.Object({ path: Text, status: Text, added: Count, removed: Count, binary: Type.Boolean() }, closed)),
  },
  closed,
);

const Task = Type.Object(
  {
    id: Text,
    title: Text,
    given: Type.Boolean(),
    /** The goal that found it; null = a person wrote it. */
    goal: orNull(Text),
    rivals: Type.Array(Text),
    state: Type.Enum([
      'waiting',
      'ready',
      'preparing',
      'working',
      'taking',
      'vetting',
      'queued',
      'landing',
      'landed',
      'open',
      'blocked',
      'failed',
    ]),
    detail: Text,
    order: Count,
    needs: Type.Array(Text),
    claims: Type.Array(Text),
    agent: orNull(Text),
    commit: orNull(Text),
    conflicts: Count,
    attempts: Type.Array(Attempt),
    verdicts: Type.Array(Verdict),
  },
  closed,
);

const Finding = Type.Object(
  { kind: Text, title: Text, detail: Text, path: orNull(Text), line: orNull(Count), show: Text },
  closed,
);

const Probe = Type.Object(
  {
    name: Text,
    goal: Text,
    says: Text,
    state: Type.Enum(['waiting', 'running', 'done', 'failed', 'passed-over']),
    detail: Text,
    durationMs: orNull(Count),
    findings: Type.Array(Finding),
    /** Findings beyond those listed. */
    more: Count,
    measures: Type.Array(Type.Object({ name: Text, value: Type.Number(), unit: Text, text: Text }, closed)),
    notes: Type.Array(Text),
    /** Ids of the tasks it gave. */
    tasks: Type.Array(Text),
  },
  closed,
);

const LimitsInForce = Type.Object(
  {
    agentsMax: Count,
    checksMax: Count,
    attemptsMax: Count,
    wallTimeMs: Count,
    /** Null: no cap was given. */
    costMax: orNull(Count),
  },
  closed,
);

const AgentInForce = Type.Object(
  {
    name: Text,
    kind: Type.Enum(['shell', 'recorded', 'preset', 'model']),
    command: Text,
    /** Declared price of one attempt, counted where none is reported. */
    attemptPrice: Money,
  },
  closed,
);

const CheckInForce = Type.Object({ name: Text, command: Text, kind: Text, source: Text }, closed);
const Versions = Type.Object({ skein: Text, node: Text, platform: Text }, closed);
const Sandbox = Type.Enum(['full', 'network only', 'none']);
const Found = Type.Array(Type.Object({ name: Text, command: Text }, closed));

export const RunSummary = Type.Object(
  {
    schema: Type.Literal('skein.run-summary.v1'),
    run: Text,
    repository: Text,
    branch: Text,
    base: Type.Object({ commit: Text, tree: Text }, closed),
    tip: Type.Object({ commit: Text }, closed),
    /** The plan's hash. It fixes order and ranks; nothing in a plan is drawn at random. */
    seed: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    versions: Versions,
    phase: Type.Enum(['baseline', 'working', 'draining', 'stopped', 'finished', 'interrupted']),
    reason: Text,
    detail: Text,
    startedAt: Time,
    endedAt: orNull(Time),
    durationMs: Count,
    sittings: Count,
    sandbox: Sandbox,
    limits: LimitsInForce,
    agents: Type.Array(AgentInForce),
    agentsFound: Found,
    checks: Type.Array(CheckInForce),
    baseline: orNull(
      Type.Object(
        {
          verdicts: Type.Array(Verdict),
          /** What two runs of the same tree disagreed about. */
          unstable: Type.Array(Text),
          serial: Type.Boolean(),
          notes: Type.Array(Text),
        },
        closed,
      ),
    ),
    cost: Type.Object(
      {
        currency: Type.Literal('USD'),
        /** What is known to be spent: reported, or counted at the declared price. */
        spent: Count,
        total: Money,
        unknownAttempts: Count,
        cap: orNull(Count),
      },
      closed,
    ),
    landed: Count,
    tasks: Type.Array(Task),
    /** Whether several agents at once pay for the tasks that were found here; null where none were. */
    swarm: orNull(
      Type.Object(
        { worth: Type.Boolean(), why: Text, criticalPath: Type.Array(Text), makespanMs: Count, sequentialMs: Count },
        closed,
      ),
    ),
    /** What looked for work, in order, with what it found. */
    probes: Type.Array(Probe),
    notes: Type.Array(Text),
    /** The page about it, made when it ended; null = there is none. */
    report: orNull(Text),
    exit: Type.Object({ code: Exit, why: Text }, closed),
  },
  { ...closed, $id: 'urn:skein:schema:run-summary.v1', title: 'What a run did' },
);
export type RunSummary = Static<typeof RunSummary>;

const event = <K extends string, P extends Record<string, TSchema>>(type: K, properties: P) =>
  Type.Object(
    {
      schema: Type.Literal('skein.run-event.v1'),
      seq: Count,
      at: Time,
      run: orNull(Text),
      type: Type.Literal(type),
      ...properties,
    },
    closed,
  );

export const RunEvent = Type.Union(
  [
    event('plan', {
      tasks: Count,
      agentsAtOnce: Count,
      attemptsMost: Count,
      minutesMost: Type.Number({ minimum: 0 }),
      costCap: Money,
      sandbox: Sandbox,
    }),
    event('note', { text: Text }),
    event('phase', { phase: Text, reason: Text, landed: Count, spent: Count, unknownAttempts: Count }),
    event('verdict', { verdict: Verdict }),
    event('finding', { probe: Text, finding: Finding }),
    event('probe', { probe: Text, state: Text, detail: Text, findings: Count, tasks: Count }),
    event('baseline', { verdicts: Type.Array(Verdict), unstable: Type.Array(Text) }),
    event('task', { task: Text, state: Text, detail: Text }),
    event('attempt-started', { task: Text, fence: Count, agent: Text, tier: Count }),
    event('attempt-ended', {
      task: Text,
      fence: Count,
      agent: Text,
      outcome: Text,
      cost: Money,
      violations: Type.Array(Violation),
    }),
    event('landed', { task: Text, agent: Text, commit: Text, files: Count, added: Count, removed: Count }),
  ],
  { $id: 'urn:skein:schema:run-event.v1', title: 'One line on stderr while a run goes on' },
);
export type RunEvent = Static<typeof RunEvent>;

/** What a run would be expected to take, played in virtual time; nothing of it was done. */
const Rehearsal = Type.Object(
  {
    mode: Type.Literal('rehearsal'),
    /** Virtual runs behind the figures. */
    runs: Count,
    /** Every assumption. Shares are 0 to 1, times in ms, prices in micro-units. */
    model: Type.Object(
      {
        attemptMs: Count,
        spread: Type.Number({ minimum: 1 }),
        refusedShare: Type.Number({ minimum: 0, maximum: 1 }),
        failedShare: Type.Number({ minimum: 0, maximum: 1 }),
        checkMs: Count,
        setupMs: Count,
        attemptPrice: Type.Union([Type.Object({ low: Count, high: Count }, closed), Type.Literal('unknown')]),
        seed: Text,
      },
      closed,
    ),
    gate: Type.Object({ ms: Count, measured: Count, checks: Count }, closed),
    tasks: Count,
    agentsAtOnce: Count,
    makespanMs: Type.Object({ p50: Count, p90: Count }, closed),
    attempts: Type.Object({ p50: Count, p90: Count }, closed),
    wouldLand: Type.Object({ p50: Count, p10: Count }, closed),
    wouldLandInTime: Type.Object({ p50: Count, p10: Count }, closed),
    cost: Type.Union([Type.Object({ low: Count, high: Count }, closed), Type.Literal('unknown')]),
    byAgents: Type.Array(Type.Object({ agents: Count, makespanMs: Count }, closed)),
    agentsThatPay: Count,
  },
  closed,
);
export type RehearsalDocument = Static<typeof Rehearsal>;

export const PlanDocument = Type.Object(
  {
    schema: Type.Literal('skein.plan.v1'),
    repository: Text,
    base: Type.Object({ commit: Text, tree: Text }, closed),
    seed: Text,
    versions: Versions,
    sandbox: Sandbox,
    swarm: Type.Object({ worth: Type.Boolean(), why: Text }, closed),
    agentsAtOnce: Count,
    makespanMs: Count,
    sequentialMs: Count,
    criticalPath: Type.Array(Text),
    limits: LimitsInForce,
    attemptsMost: Count,
    costCap: Money,
    tasks: Type.Array(
      Type.Object(
        {
          id: Text,
          title: Text,
          order: Count,
          agent: orNull(Text),
          needs: Type.Array(Text),
          claims: Type.Array(Text),
          checks: Type.Array(Text),
          startMs: Count,
          finishMs: Count,
          critical: Type.Boolean(),
        },
        closed,
      ),
    ),
    commands: Type.Array(Type.Object({ what: Text, name: Text, command: Text, source: Text }, closed)),
    agents: Type.Array(AgentInForce),
    agentsFound: Found,
    notes: Type.Array(Text),
    /** Where the run has tasks and nobody to do them. */
    rehearsal: Type.Optional(Rehearsal),
  },
  { ...closed, $id: 'urn:skein:schema:plan.v1', title: 'What a run would do; nothing was started' },
);
export type PlanDocument = Static<typeof PlanDocument>;

const Figures = Type.Object(
  {
    tasks: Count,
    landed: Count,
    attempts: Count,
    refused: Count,
    /** Attempts whose program ended by itself and left a change. */
    saidDone: Count,
    /** Of those, the ones that landed. */
    verified: Count,
    /** Of those, the ones that were sound and less than what a rival landed. */
    outscored: Count,
    /** Of all attempts together. */
    workMs: Count,
    cost: Money,
  },
  closed,
);

export const Comparison = Type.Object(
  {
    schema: Type.Literal('skein.compare.v1'),
    /** False when the sides were not asked the same question; `differences` says how, and the figures are of what they share. */
    comparable: Type.Boolean(),
    differences: Type.Array(Text),
    sentence: Text,
    /** Two runs, or the agents of one. */
    sides: Type.Array(Type.Object({ run: Text, agent: orNull(Text), label: Text }, closed)),
    /** In the order of the sides, as in each task; null = it did not try the task. */
    totals: Type.Array(Figures),
    tasks: Type.Array(Type.Object({ id: Text, title: Text, sides: Type.Array(orNull(Figures)) }, closed)),
  },
  { ...closed, $id: 'urn:skein:schema:compare.v1', title: 'Two runs of the same tasks, or the agents of one run' },
);
export type Comparison = Static<typeof Comparison>;

export const ProblemDocument = Type.Object(
  {
    schema: Type.Literal('skein.problem.v1'),
    exit: Exit,
    kind: Type.Enum(['refused', 'usage', 'policy', 'missing']),
    what: Text,
    details: Type.Array(Text),
    next: Text,
    /** Where the run has tasks and nobody to do them. */
    rehearsal: Type.Optional(Rehearsal),
  },
  { ...closed, $id: 'urn:skein:schema:problem.v1', title: 'Why nothing was done' },
);
export type ProblemDocument = Static<typeof ProblemDocument>;

export const InitDocument = Type.Object(
  {
    schema: Type.Literal('skein.init.v1'),
    path: Text,
    /** False when it was only printed. */
    written: Type.Boolean(),
    text: Text,
  },
  { ...closed, $id: 'urn:skein:schema:init.v1', title: 'The skein.yaml that was written' },
);
export type InitDocument = Static<typeof InitDocument>;

/** File under `schema/` -> its source. */
export const SCHEMAS: Readonly<Record<string, TSchema>> = {
  'run-summary.v1.json': RunSummary,
  'run-event.v1.json': RunEvent,
  'plan.v1.json': PlanDocument,
  'problem.v1.json': ProblemDocument,
  'compare.v1.json': Comparison,
  'init.v1.json': InitDocument,
  'skein-yaml.v1.json': SkeinFile,
};

export function schemaText(schema: TSchema): string {
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema }, null, 2)}\n`;
}
