/**
 * From the goals of a run to the programs they add to it. Reads the commit and asks the packs; starts nothing. What two goals bring
 * under one name is the same program and is taken once.
 */
import type { work } from '../contracts/index.ts';
import type { OpenRepository, ReadTree } from '../runtime/embedded/index.ts';
import { compiledAmong, isHandWritten, linguistOf } from '../work/index.ts';
import type { Goal, GoalPlan, GoalScene } from './goals.ts';
import { refuse } from './problem.ts';
import type { Outcome, RunRequest } from './run.ts';

/** Goals of a run: the ones asked for; without any and without tasks, what the repository asks for by itself. */
export function wantedGoals(
  request: RunRequest,
  hasTasks: boolean,
): Outcome<readonly { readonly goal: Goal; readonly argument: string | null }[]> {
  const known = request.packs.flatMap((pack) => pack.goals);
  if (request.goals.length === 0) {
    const unasked = hasTasks ? [] : known.filter((goal) => goal.unasked);
    return { ok: true, value: unasked.map((goal) => ({ goal, argument: null })) };
  }
  const wanted: { goal: Goal; argument: string | null }[] = [];
  for (const text of request.goals) {
    const [name = '', ...rest] = text.trim().split(/\s+/);
    const goal = known.find((each) => each.name === name);
    if (goal === undefined) {
      const lines = known.map((each) => `--goal ${each.name}`.padEnd(20) + each.says);
      return refuse('usage', `there is no goal "${name}"`, lines, 'name one of these');
    }
    if (!wanted.some((each) => each.goal === goal && each.argument === (rest.join(' ') || null)))
      wanted.push({ goal, argument: rest.join(' ') || null });
  }
  return { ok: true, value: wanted };
}

const NOTHING: GoalPlan = { probes: [], agents: [], checks: [], services: [], notes: [] };

export async function planGoals(
  wanted: readonly { readonly goal: Goal; readonly argument: string | null }[],
  at: {
    readonly opened: OpenRepository;
    readonly tree: ReadTree;
    readonly request: RunRequest;
    readonly checks: readonly work.CheckSpec[];
    readonly agents: readonly work.AgentSpec[];
    readonly sandbox: work.RunSpec['sandbox'];
  },
): Promise<GoalPlan> {
  const { opened, tree, request } = at;
  if (wanted.length === 0) return NOTHING;
  // The top's own: what the others say is heeded when a probe looks at the files themselves.
  const compiled = compiledAmong(tree.treeFiles);
  const linguist = linguistOf([{ directory: '', text: (await tree.readFile('.gitattributes')) ?? '' }]);
  const scene: Omit<GoalScene, 'argument'> = {
    repository: opened.top,
    commit: opened.head,
    files: tree.treeFiles.filter((path) => !compiled.has(path) && isHandWritten(path, '', linguist)),
    read: (path) => tree.readFile(path),
    checks: at.checks,
    agents: at.agents.map((agent) => agent.name),
    sandbox: at.sandbox,
    mutants: request.mutants,
  };
  const plans: GoalPlan[] = [];
  for (const { goal, argument } of wanted) plans.push(await goal.plan({ ...scene, argument }));
  const once = <T extends { readonly name: string }>(taken: readonly { readonly name: string }[], rows: readonly T[]): T[] => {
    const names = new Set(taken.map((row) => row.name));
    return rows.filter((row) => !names.has(row.name) && names.add(row.name));
  };
  return {
    probes: once(
      [],
      plans.flatMap((plan) => plan.probes),
    ),
    agents: once(
      at.agents,
      plans.flatMap((plan) => plan.agents),
    ),
    checks: once(
      at.checks,
      plans.flatMap((plan) => plan.checks),
    ),
    services: once(
      [],
      plans.flatMap((plan) => plan.services),
    ),
    notes: [...new Set(plans.flatMap((plan) => plan.notes))],
  };
}
