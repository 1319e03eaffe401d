/** What changed between two committed views of a run, as the lines that go to stderr when nobody watches. Pure. */
import type { Prepared, RunNews, RunView } from '../../assembly/index.ts';
import type { RunEvent } from './schema.ts';
import { attemptsMost, findingOf, iso, verdictOf } from './summary.ts';

type Distributed<T> = T extends unknown ? Omit<T, 'schema' | 'seq' | 'at' | 'run'> : never;
export type EventBody = Distributed<RunEvent>;

/** Numbers the events of one process; `seq` has no gaps. */
export function eventWriter(write: (line: string) => void, now: () => number): (run: string | null, body: EventBody) => void {
  let seq = 0;
  return (run, body) => {
    const { type, ...rest } = body;
    write(`${JSON.stringify({ schema: 'skein.run-event.v1', seq: seq++, at: iso(now()), run, type, ...rest })}\n`);
  };
}

export function planEvent(prepared: Prepared): EventBody {
  const { limits, tasks, sandbox } = prepared.spec;
  return {
    type: 'plan',
    tasks: tasks.length,
    agentsAtOnce: prepared.plan.agentsAtOnce,
    attemptsMost: attemptsMost(prepared),
    minutesMost: limits.wallTime / 60_000,
    costCap: limits.costMax ?? 'unknown',
    sandbox,
  };
}

/** What a check or a probe says while it is at it. */
export function newsEvent(news: RunNews): EventBody {
  return news.kind === 'verdict'
    ? { type: 'verdict', verdict: verdictOf(news.verdict) }
    : { type: 'finding', probe: news.probe, finding: findingOf(news.finding) };
}

export function eventsBetween(before: RunView | null, after: RunView): EventBody[] {
  const events: EventBody[] = [];
  const was = before?.run;
  const is = after.run;
  const ended = is.phase === 'finished' || is.phase === 'stopped';
  const phase = (): void => {
    if (was !== undefined && was.phase === is.phase && was.reason === is.reason) return;
    const { phase: name, reason, landed, spent, unknownCosts } = is;
    events.push({ type: 'phase', phase: name, reason, landed, spent, unknownAttempts: unknownCosts });
  };
  if ((was?.baseline ?? null) === null && is.baseline !== null)
    events.push({ type: 'baseline', verdicts: is.baseline.verdicts.map(verdictOf), unstable: [...is.baseline.unstable] });
  if (!ended) phase();

  const states = new Map((before?.probes ?? []).map((probe) => [probe.spec.name, probe.state]));
  for (const { spec, state, detail, result, tasks } of after.probes) {
    if (state === 'waiting' || states.get(spec.name) === state) continue;
    events.push({ type: 'probe', probe: spec.name, state, detail, findings: result?.findings.length ?? 0, tasks: tasks.length });
  }
  const earlier = new Map((before?.tasks ?? []).map((task) => [task.spec.id, task]));
  for (const task of after.tasks) {
    const old = earlier.get(task.spec.id);
    if (old === task) continue;
    const known = new Map((old?.attempts ?? []).map((attempt) => [attempt.fence, attempt]));
    for (const attempt of task.attempts) {
      const { fence, agent, tier, outcome } = attempt;
      if (!known.has(fence)) events.push({ type: 'attempt-started', task: task.spec.id, fence, agent, tier });
      if (outcome !== 'running' && (known.get(fence)?.outcome ?? 'running') === 'running')
        events.push({
          type: 'attempt-ended',
          task: task.spec.id,
          fence,
          agent,
          outcome,
          cost: attempt.cost ?? 'unknown',
          violations: attempt.violations.map(({ rule, detail }) => ({ rule, detail })),
        });
    }
    if (old?.state !== task.state || old.detail !== task.detail)
      events.push({ type: 'task', task: task.spec.id, state: task.state, detail: task.detail });
    if (task.state === 'landed' && old?.state !== 'landed') {
      const winner = task.attempts.findLast((attempt) => attempt.outcome === 'landed');
      const files = winner?.files ?? [];
      events.push({
        type: 'landed',
        task: task.spec.id,
        agent: winner?.agent ?? '',
        commit: task.commit ?? '',
        files: winner?.filesTotal ?? 0,
        added: files.reduce((sum, file) => sum + file.added, 0),
        removed: files.reduce((sum, file) => sum + file.removed, 0),
      });
    }
  }
  if (ended) phase(); // the last word of a sitting, also when one commit held all of it
  return events;
}
