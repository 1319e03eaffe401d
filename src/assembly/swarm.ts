/** Whether several agents at once pay for the tasks that a run has found, by what its own checks were measured to take. Pure. */
import { makePlan } from '../work/index.ts';
import type { RunView, SwarmView } from './run.ts';

/** null where a person gave the tasks (the plan said it before the run began), and where nothing was found that an agent may do. */
export function swarmOf({ run, tasks }: RunView): SwarmView | null {
  const found = tasks.filter((task) => !task.spec.given && (task.spec.rivals.length > 0 || task.attempts.length > 0));
  if (found.length === 0 || run.baseline === null) return null;
  const checks = Object.fromEntries(run.baseline.verdicts.map((verdict) => [verdict.check, verdict.durationMs]));
  const here = new Set(found.map((task) => task.spec.id));
  const specs = found.map(({ spec }) => ({ ...spec, agent: null, needs: spec.needs.filter((need) => here.has(need)) }));
  const plan = makePlan(specs, { ...run.spec, durations: { checks } });
  if (!plan.ok) return null;
  const { criticalPath, makespan, sequential } = plan;
  return { worth: plan.swarm, why: plan.verdict, criticalPath, makespanMs: makespan, sequentialMs: sequential };
}
