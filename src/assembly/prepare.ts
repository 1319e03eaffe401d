/**
 * Decides everything about a run before anything starts: tasks, agents, checks, order, limits. Reads the repository's commit, not
 * its working tree, because that is what agents and checks will see.
 */
import { readFile, stat } from 'node:fs/promises';
import { availableParallelism, freemem } from 'node:os';
import { isAbsolute, normalize, relative, resolve } from 'node:path';
import { work } from '../contracts/index.ts';
import {
  agentsOnPath,
  type ChecksConfig,
  detectChecks,
  detectSandbox,
  findOnPath,
  type GitIo,
  modelNote,
  type OpenRepository,
  quoted,
  readTree,
  resolveAgent,
  userPath,
} from '../runtime/embedded/index.ts';
import { makePlan, parseTasks, tasksFromMessages } from '../work/index.ts';
import { planGoals, wantedGoals } from './plan-goals.ts';
import { refuse } from './problem.ts';
import type { AgentChoice, CheckChoice, Outcome, PlannedCommand, PlanView, Prepared, Problem, RunRequest } from './run.ts';

const WALL_TIME: number = 10 * 60_000;
const ATTEMPTS = 3; // same agent twice, then another one
const AGENT_MEMORY_BYTES = 1.5 * 1024 ** 3; // what a coding agent with its tools was seen to take

export async function prepare(io: GitIo, opened: OpenRepository, request: RunRequest): Promise<Outcome<Prepared>> {
  const tasks = await readTasks(request);
  if (!tasks.ok) return tasks;
  const path = userPath(process.env);
  const agents = resolveAgents(request.agents, request, path);
  if (!agents.ok) return agents;
  const found = agentsOnPath(path);
  const asked = new Set(request.agents.map((agent) => agent.spec));
  if (tasks.value.list.length > 0) {
    const missing = agentProblem(tasks.value.list, agents.value, request);
    if (missing !== null) return { ok: false, problem: missing };
  }

  const tree = await readTree(io, opened.top, opened.head);
  const absent = await absentProgram(agents.value, { committed: new Set(tree.treeFiles), path, cwd: request.cwd });
  if (absent !== null && tasks.value.list.length > 0) return { ok: false, problem: absent };
  const detected = await detectChecks(opened.top, tree, checksConfig(request.checks), path);
  const fatal = detected.packageManager !== null && !detected.packageManager.found ? detected.unavailable[0] : undefined;
  if (fatal !== undefined)
    return refuse(
      'missing',
      fatal.cause,
      detected.unavailable.map((each) => `${each.check}: ${each.cause}`),
      fatal.todo,
    );

  const sandbox = request.sandbox ? await detectSandbox() : { mode: 'none' as const, why: 'you said --no-sandbox' };
  if (request.sandboxRequired === true && sandbox.mode !== 'full')
    return refuse(
      'policy',
      `skein.yaml wants a full sandbox, and this run would have: ${sandbox.mode}${sandbox.why === '' ? '' : ` (${sandbox.why})`}`,
      [],
      'run it where Linux namespaces are, or take sandbox: full out of policies: in skein.yaml',
    );
  const wanted = wantedGoals(request, tasks.value.list.length > 0);
  if (!wanted.ok) return wanted;
  const goals = await planGoals(wanted.value, {
    opened,
    tree,
    request,
    checks: detected.checks,
    agents: agents.value,
    sandbox: sandbox.mode,
  });
  const checks = [...detected.checks, ...goals.checks];
  const limits: work.Limits = {
    agentsMax: request.agentsMax ?? Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / AGENT_MEMORY_BYTES))),
    checksMax: request.checksMax ?? Math.max(1, Math.floor(availableParallelism() / 2)),
    attemptsMax: request.attemptsMax ?? ATTEMPTS,
    wallTime: request.wallTimeMs ?? WALL_TIME,
    costMax: request.costMax,
  };
  // Without any agent the names of wanted ones are for later: what is shown and rehearsed is the work.
  const planned = agents.value.length > 0 ? tasks.value.list : tasks.value.list.map((task) => ({ ...task, agent: null }));
  const plan = makePlan(planned, { agents: agents.value, checks, limits });
  if (!plan.ok) return refuse('missing', 'these tasks make no plan', plan.problems, 'correct the task file; nothing was started');
  const byId = new Map(tasks.value.list.map((task) => [task.id, task]));
  const ordered = inOrderOfNeeds(plan.order.map((id) => byId.get(id)!));
  const setup = request.setup ?? detected.setup;
  const spec: Prepared['spec'] = {
    repository: opened.top,
    base: opened.head,
    baseTree: opened.headTree,
    tasks: ordered,
    agents: [...agents.value, ...goals.agents],
    checks,
    probes: [...goals.probes],
    services: [...goals.services],
    setup,
    limits,
    sandbox: sandbox.mode,
    passEnv: [...request.passEnv],
    planHash: plan.hash,
  };
  const critical = new Set(plan.criticalPath);
  const rows = new Map(plan.rows.map((row) => [row.id, row]));
  const view: PlanView = {
    tasks: ordered.map((task, order) => ({
      id: task.id,
      title: task.title,
      order,
      agent: task.agent,
      needs: task.needs,
      claims: task.claims,
      checks: task.checks,
      start: rows.get(task.id)?.start ?? 0,
      finish: rows.get(task.id)?.landed ?? 0,
      critical: critical.has(task.id),
    })),
    criticalPath: plan.criticalPath,
    makespanMs: plan.makespan,
    sequentialMs: plan.sequential,
    agentsAtOnce: limits.agentsMax,
    swarm: { worth: plan.swarm, why: plan.verdict },
  };
  const notes = [
    ...tasks.value.notes,
    ...agents.value.flatMap((agent) => modelNote(agent) ?? []),
    ...opened.notes,
    ...detected.notes,
    ...goals.notes,
    ...detected.unavailable.map((each) =>
      each.check === 'dependencies'
        ? `${each.cause}: ${each.todo}`
        : `check ${each.check} cannot run: ${each.cause}; ${each.todo}`,
    ),
    ...(sandbox.why === '' ? [] : [`sandbox: ${sandbox.mode}: ${sandbox.why}`]),
  ];
  const agentsFound = found.filter((agent) => !asked.has(agent.name));
  return { ok: true, value: { spec, plan: view, commands: commandsOf(spec), agentsFound, notes } };
}

interface Tasks {
  readonly list: readonly work.TaskSpec[];
  readonly notes: readonly string[];
}

async function readTasks(request: RunRequest): Promise<Outcome<Tasks>> {
  const list: work.TaskSpec[] = [];
  const notes: string[] = [];
  if (request.tasksFile !== null) {
    const path = resolve(request.cwd, request.tasksFile);
    const shown = isAbsolute(request.tasksFile) ? request.tasksFile : relative(request.cwd, path);
    let text: string;
    try {
      text = await readFile(path, 'utf8');
    } catch (error) {
      return refuse(
        'missing',
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? `there is no task file ${path}`
          : `the task file ${shown} cannot be read: ${(error as Error).message}`,
        [],
        "name one that is there, or say the task in words: skein run -m 'fix the parser' --agent <agent>",
      );
    }
    const parsed = parseTasks(text, shown);
    if (!parsed.ok) {
      const details = parsed.problems.map(({ line, what, todo }) => `${shown}${line > 0 ? `:${line}` : ''}: ${what}; ${todo}`);
      return refuse('missing', `${shown} cannot be used as a task file`, details, `correct ${shown}; nothing was started`);
    }
    list.push(...parsed.tasks);
    notes.push(...parsed.notes);
  }
  if (request.messages.length > 0) {
    const parsed = tasksFromMessages(request.messages);
    if (!parsed.ok)
      return refuse('usage', parsed.problems.map(({ what }) => what).join('; '), [], "say what is to be done: -m 'fix #12'");
    const taken = new Set(list.map((task) => task.id));
    for (const task of parsed.tasks) {
      let id = task.id;
      for (let copy = 2; taken.has(id); copy++) id = `${task.id}-${copy}`;
      taken.add(id);
      list.push({ ...task, id });
    }
  }
  return { ok: true, value: { list, notes } };
}

function resolveAgents(choices: readonly AgentChoice[], request: RunRequest, path: string): Outcome<work.AgentSpec[]> {
  const agents: work.AgentSpec[] = [];
  for (const choice of choices) {
    const answer = resolveAgent(choice, { cwd: request.cwd, path, env: process.env });
    if (!answer.ok) return refuse(answer.kind === 'unknown' ? 'usage' : 'missing', answer.what, [], answer.next);
    agents.push({ ...answer.agent, passEnv: [...new Set([...answer.agent.passEnv, ...request.passEnv])] });
  }
  return { ok: true, value: agents };
}

function agentProblem(tasks: readonly work.TaskSpec[], agents: readonly work.AgentSpec[], request: RunRequest): Problem | null {
  if (agents.length === 0) return null; // a plan needs none; `run` asks for one before it starts anything
  const known = new Set(agents.map((agent) => agent.name));
  const wanted = tasks.find((task) => task.agent !== null && !known.has(task.agent));
  if (wanted === undefined) return null;
  const defined = request.agentsDefined.includes(wanted.agent!);
  const what = `task ${wanted.id} wants the agent ${wanted.agent}, which ${defined ? 'skein.yaml defines but nobody asked for' : 'this run does not have'}`;
  return {
    kind: 'missing',
    what,
    details: [],
    next: defined ? `--agent ${wanted.agent}` : `--agent ${wanted.agent}, or define it under agents: in skein.yaml`,
  };
}

// What the shell itself knows, and what may stand before a program's name.
const SHELL_WORDS = new Set(
  '. : [ ! { } alias bg break case cd command continue do done elif else esac eval exec exit export false fg fi for getopts hash if jobs kill let local printf pwd read readonly return set shift source test then time times trap true type typeset ulimit umask unalias unset until wait while echo'.split(
    ' ',
  ),
);

/** A shell line whose program is nowhere is said before anything starts. A line that only a shell can read is left to the shell. */
async function absentProgram(
  agents: readonly work.AgentSpec[],
  at: { readonly committed: ReadonlySet<string>; readonly path: string; readonly cwd: string },
): Promise<Problem | null> {
  for (const { kind, name, argv } of agents) {
    if (kind !== 'shell') continue;
    const program = /^\s*(?:[A-Za-z_]\w*=[\w./:-]*\s+)*([\w./+-]+)(?=\s|;|$)/.exec(argv[2] ?? '')?.[1] ?? '';
    if (program === '' || SHELL_WORDS.has(program)) continue;
    const refused = (what: string, next: string): Problem => ({
      kind: 'missing',
      what: `agent ${name}: ${what}`,
      details: [],
      next,
    });
    if (isAbsolute(program)) {
      if ((await stat(program).catch(() => null)) === null)
        return refused(`there is no ${program}`, 'name a program that is there');
    } else if (program.includes('/')) {
      if (/^\.\.|node_modules\//.test(program) || at.committed.has(normalize(program))) continue;
      return refused(
        `${program} is not in the commit, and agents work in a clone of it`,
        `git add ${program} && git commit, or give its whole path: --agent '${resolve(at.cwd, program)} {task}'`,
      );
    } else if (findOnPath(program, at.path) === null)
      return refused(`${program} is not on PATH`, 'install it, or give the whole path of a program');
  }
  return null;
}

function checksConfig(choices: readonly CheckChoice[] | null): ChecksConfig {
  if (choices === null) return {};
  return {
    checks: choices.map(({ name, command, directory, kind, timeoutMs }) => ({
      run: command,
      directory,
      ...(name === null ? {} : { name }),
      ...(kind === null ? {} : { kind }),
      ...(timeoutMs === null ? {} : { timeout: timeoutMs }),
    })),
  };
}

/** By rank, but never before what it needs: a rank may tie with that of a need. */
function inOrderOfNeeds(tasks: readonly work.TaskSpec[]): work.TaskSpec[] {
  const ordered: work.TaskSpec[] = [];
  const placed = new Set<string>();
  let waiting = [...tasks];
  while (waiting.length > 0) {
    const later: work.TaskSpec[] = [];
    for (const task of waiting) {
      if (!task.needs.every((need) => placed.has(need))) {
        later.push(task);
        continue;
      }
      ordered.push(task);
      placed.add(task.id);
    }
    waiting = later; // the plan has no cycle, so each round places at least one
  }
  return ordered;
}

function commandsOf(spec: Prepared['spec']): PlannedCommand[] {
  const commands: PlannedCommand[] = [];
  if (spec.setup !== null) commands.push({ what: 'setup', name: 'setup', command: spec.setup, source: 'setup' });
  for (const check of spec.checks)
    commands.push({ what: 'check', name: check.name, command: check.command, source: check.source });
  for (const probe of spec.probes)
    commands.push({
      what: 'probe',
      name: probe.name,
      command: probe.argv.map(quoted).join(' '),
      source: `looks for ${probe.says}`,
    });
  for (const service of spec.services)
    commands.push({ what: 'service', name: service.name, command: service.argv.map(quoted).join(' '), source: 'for these' });
  for (const agent of spec.agents) {
    if (spec.tasks.length + spec.probes.length === 0) break; // nothing for them to do
    commands.push({
      what: 'agent',
      name: agent.name,
      command: agent.argv[0] === 'sh' ? agent.argv.at(-1)! : agent.argv.map(quoted).join(' '),
      source: agent.only === null ? '--agent' : `goal ${agent.only}`,
    });
  }
  for (const task of spec.tasks)
    for (const check of task.checks) commands.push({ what: 'task check', name: task.id, command: check, source: 'task file' });
  return commands;
}
