/** From the committed records of a run to the document about it, and to the exit code. Pure; nothing is rounded or guessed. */
import type { Prepared, RunView, SwarmView } from '../../assembly/index.ts';
import type { work } from '../../contracts/index.ts';
import type { PlanDocument, RunSummary } from './schema.ts';

const FAILURE_MAX = 1000; // enough for a last line or two; the whole output is kept with the run

export interface Context {
  readonly versions: RunSummary['versions'];
  readonly now: number;
  readonly failOnOpen: boolean;
  readonly agentsFound: Prepared['agentsFound'];
  readonly notes: readonly string[];
  /** Where the page about it is. */
  readonly report?: string | null;
  /** Whether a fleet pays for what the run found. */
  readonly swarm?: SwarmView | null;
  /** True when its host is dead and it had not ended. */
  readonly interrupted: boolean;
}

export function summarise(view: RunView, context: Context): RunSummary {
  const { run } = view;
  const { spec } = run;
  return {
    schema: 'skein.run-summary.v1',
    run: spec.run,
    repository: spec.repository,
    branch: spec.branch,
    base: { commit: spec.base, tree: spec.baseTree },
    tip: { commit: run.tip },
    seed: spec.planHash,
    versions: context.versions,
    phase: context.interrupted ? 'interrupted' : run.phase,
    reason: run.reason,
    detail: run.detail,
    startedAt: iso(run.startedAt),
    endedAt: run.endedAt === null ? null : iso(run.endedAt),
    durationMs: Math.max(0, (run.endedAt ?? context.now) - run.startedAt),
    sittings: run.sittings,
    sandbox: spec.sandbox,
    limits: limitsOf(spec.limits),
    agents: spec.agents.map(agentOf),
    agentsFound: context.agentsFound.map(({ name, command }) => ({ name, command })),
    checks: spec.checks.map(({ name, command, kind, source }) => ({ name, command, kind, source })),
    baseline:
      run.baseline === null
        ? null
        : {
            verdicts: run.baseline.verdicts.map(verdictOf),
            unstable: [...run.baseline.unstable],
            serial: run.baseline.serial,
            notes: [...run.baseline.notes],
          },
    cost: {
      currency: 'USD',
      spent: run.spent,
      total: run.unknownCosts > 0 ? 'unknown' : run.spent,
      unknownAttempts: run.unknownCosts,
      cap: spec.limits.costMax,
    },
    landed: run.landed,
    tasks: view.tasks.map(taskOf),
    swarm: swarmDocument(context.swarm ?? null),
    probes: view.probes.map(probeOf),
    notes: [...context.notes],
    report: context.report ?? null,
    exit: exitOf(view, context),
  };
}

/** 0 done, 1 a given task is not done, 3 stopped by a limit, 4 the baseline could not be made. */
export function exitOf(view: RunView, context: Pick<Context, 'failOnOpen' | 'interrupted'>): RunSummary['exit'] {
  const { run, tasks } = view;
  const missing = tasks.filter((task) => task.spec.given && task.state !== 'landed');
  if (run.reason === 'baseline-failed')
    return { code: 4, why: because(run, 'the checks could not be run on the commit as it is') };
  if (context.interrupted) return { code: 1, why: `its process died; skein resume ${run.spec.run} goes on` };
  if (run.phase === 'stopped' && (run.reason === 'budget' || run.reason === 'time'))
    return { code: 3, why: run.reason === 'budget' ? 'stopped by the money cap' : 'stopped by the time box' };
  if (run.phase !== 'finished' && run.phase !== 'stopped') return { code: 1, why: 'still going on' };
  if (missing.length > 0)
    return { code: 1, why: `${missing.length} of the given tasks not done: ${missing.map((task) => task.spec.id).join(', ')}` };
  if (run.phase === 'stopped') return { code: 1, why: because(run, `stopped (${run.reason}) before it was finished`) };
  if (context.failOnOpen) {
    // What was found and nobody was there to try is an offer, except a check that is red.
    const offered = ({ spec, attempts }: work.TaskRecord): boolean =>
      !spec.given && spec.goal !== null && spec.goal !== 'red' && attempts.length === 0;
    const open = tasks.filter((task) => task.state !== 'landed' && !offered(task)).map((task) => task.spec.id);
    const bad = tasks.length > 0 ? [] : (run.baseline?.verdicts ?? []).filter((verdict) => verdict.status !== 'green');
    const left = [...open, ...bad.map((verdict) => verdict.check)];
    if (left.length > 0) return { code: 1, why: `left open (--fail-on open): ${left.join(', ')}` };
  }
  if (tasks.some((task) => task.spec.given)) return { code: 0, why: 'every given task is done' };
  if (tasks.length > 0) {
    const landed = tasks.filter((task) => task.state === 'landed').length;
    const found = `${tasks.length} ${tasks.length === 1 ? 'task was' : 'tasks were'} found here`;
    return { code: 0, why: landed === 0 ? `${found}; an offer, no failure` : `${found}, ${landed} landed; the rest is an offer` };
  }
  const bad = (run.baseline?.verdicts ?? []).some((verdict) => verdict.status !== 'green');
  return { code: 0, why: bad ? 'no task was given; --fail-on open counts what is red' : 'no task was given' };
}

function because(run: work.RunRecord, otherwise: string): string {
  return run.detail === '' ? otherwise : `${otherwise}: ${run.detail}`;
}

export function planDocument(prepared: Prepared, repository: string, versions: RunSummary['versions']): PlanDocument {
  const { spec, plan } = prepared;
  return {
    schema: 'skein.plan.v1',
    repository,
    base: { commit: spec.base, tree: spec.baseTree },
    seed: spec.planHash,
    versions,
    sandbox: spec.sandbox,
    swarm: { ...plan.swarm },
    agentsAtOnce: plan.agentsAtOnce,
    makespanMs: Math.round(plan.makespanMs),
    sequentialMs: Math.round(plan.sequentialMs),
    criticalPath: [...plan.criticalPath],
    limits: limitsOf(spec.limits),
    attemptsMost: attemptsMost(prepared),
    costCap: spec.limits.costMax ?? 'unknown',
    tasks: plan.tasks.map((task) => ({
      id: task.id,
      title: task.title,
      order: task.order,
      agent: task.agent,
      needs: [...task.needs],
      claims: [...task.claims],
      checks: [...task.checks],
      startMs: Math.round(task.start),
      finishMs: Math.round(task.finish),
      critical: task.critical,
    })),
    commands: prepared.commands.map(({ what, name, command, source }) => ({ what, name, command, source })),
    agents: spec.agents.map(agentOf),
    agentsFound: prepared.agentsFound.map(({ name, command }) => ({ name, command })),
    notes: [...prepared.notes],
  };
}

/** Agent runs that can be paid for at most, conflicts aside. */
export function attemptsMost(prepared: Prepared): number {
  return prepared.spec.tasks.length * prepared.spec.limits.attemptsMax;
}

export function commandLine(argv: readonly string[]): string {
  if (argv[0] === 'sh' && argv[1] === '-c' && argv[2] !== undefined) return argv[2];
  return argv.map(quoted).join(' ');
}

function quoted(text: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function limitsOf(limits: work.Limits): RunSummary['limits'] {
  const { agentsMax, checksMax, attemptsMax, wallTime, costMax } = limits;
  return { agentsMax, checksMax, attemptsMax, wallTimeMs: wallTime, costMax };
}

function agentOf(agent: work.AgentSpec): RunSummary['agents'][number] {
  const { name, kind, argv, attemptPrice } = agent;
  return { name, kind, command: commandLine(argv), attemptPrice: attemptPrice ?? 'unknown' };
}

export function verdictOf(verdict: work.VerdictSummary): RunSummary['tasks'][number]['verdicts'][number] {
  const { check, status, cause, passed, failed, skipped, findings, durationMs, cached } = verdict;
  return { check, status, cause, passed, failed, skipped, findings, durationMs, cached };
}

/** Asked only of runs that look for work: it loads the planner. */
export async function swarmIn(view: RunView): Promise<SwarmView | null> {
  return view.probes.length === 0 ? null : (await import('../../assembly/index.ts')).swarmOf(view);
}

function swarmDocument(swarm: SwarmView | null): RunSummary['swarm'] {
  if (swarm === null) return null;
  const { worth, why, criticalPath, makespanMs, sequentialMs } = swarm;
  return { worth, why, criticalPath: [...criticalPath], makespanMs, sequentialMs };
}

function probeOf(probe: work.ProbeRecord): RunSummary['probes'][number] {
  const { spec, state, detail, result } = probe;
  return {
    name: spec.name,
    goal: spec.goal,
    says: spec.says,
    state,
    detail,
    durationMs: result?.durationMs ?? null,
    findings: (result?.findings ?? []).map(findingOf),
    more: result?.more ?? 0,
    measures: (result?.measures ?? []).map(({ name, value, unit, text }) => ({ name, value, unit, text })),
    notes: [...(result?.notes ?? [])],
    tasks: [...probe.tasks],
  };
}

export function findingOf({
  kind,
  title,
  detail,
  path,
  line,
  show,
}: work.Finding): RunSummary['probes'][number]['findings'][number] {
  return { kind, title, detail, path, line, show };
}

function taskOf(task: work.TaskRecord): RunSummary['tasks'][number] {
  const { spec } = task;
  return {
    id: spec.id,
    title: spec.title,
    given: spec.given,
    goal: spec.goal,
    rivals: [...spec.rivals],
    state: task.state,
    detail: task.detail,
    order: task.order,
    needs: [...spec.needs],
    claims: [...spec.claims],
    agent: spec.agent,
    commit: task.commit,
    conflicts: task.conflicts,
    attempts: task.attempts.map((attempt) => ({
      fence: attempt.fence,
      agent: attempt.agent,
      tier: attempt.tier,
      outcome: attempt.outcome,
      startedAt: iso(attempt.startedAt),
      endedAt: attempt.endedAt === null ? null : iso(attempt.endedAt),
      durationMs: attempt.durationMs,
      cost: attempt.cost ?? 'unknown',
      violations: attempt.violations.map(({ rule, detail }) => ({ rule, detail })),
      failure: attempt.outcome === 'agent-failed' ? attempt.failure.trim().slice(0, FAILURE_MAX) : '',
      change: attempt.change,
      vet:
        attempt.vet === null
          ? null
          : { closed: [...attempt.vet.closed], more: attempt.vet.more, testFiles: attempt.vet.testFiles },
      filesTotal: attempt.filesTotal,
      files: attempt.files.map(({ path, status, added, removed, binary }) => ({ path, status, added, removed, binary })),
    })),
    verdicts: task.verdicts.map(verdictOf),
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
