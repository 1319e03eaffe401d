/**
 * Two runs of the same tasks side by side, or the agents of one run: what each said was done against what was verified, what it
 * took and cost. Says when the two were not asked the same question and then compares only what they have in common. Pure.
 */
import type { Comparison, RunSummary } from './schema.ts';
import { type Cell, clean, duration, money, plural, type Style, table, wrap } from './terminal.ts';

type Task = RunSummary['tasks'][number];
type Attempt = Task['attempts'][number];
type Figures = Comparison['totals'][number];

const NAMED_MAX = 8; // of what only one of them has; the rest is counted
const SIDES_ACROSS = 4; // more sides than this do not fit beside a task

/** Its program ended by itself and left a change: it called that done. */
const SAID_DONE: ReadonlySet<Attempt['outcome']> = new Set(['landed', 'outscored', 'candidate', 'refused', 'conflict']);

export function compareRuns(a: RunSummary, b: RunSummary): Comparison {
  const inB = new Map(b.tasks.map((task) => [task.id, task]));
  const common = a.tasks.filter((task) => inB.get(task.id)?.title === task.title);
  const onlyA = a.tasks.filter((task) => !common.includes(task)).map((task) => task.id);
  const both = new Set(common.map((task) => task.id));
  const onlyB = b.tasks.filter((task) => !both.has(task.id)).map((task) => task.id);
  const differences: string[] = [];
  if (a.base.tree !== b.base.tree)
    differences.push(`run ${a.run} started from ${a.base.commit.slice(0, 9)}, run ${b.run} from ${b.base.commit.slice(0, 9)}`);
  for (const [run, only] of [
    [a.run, onlyA],
    [b.run, onlyB],
  ] as const)
    if (only.length > 0) differences.push(`only run ${run} had ${named(only)}`);
  const checks = ({ checks: list }: RunSummary): string => JSON.stringify(list.map((check) => check.command).toSorted());
  if (checks(a) !== checks(b)) differences.push('they were held to different checks');
  if (a.limits.attemptsMax !== b.limits.attemptsMax)
    differences.push(`a task had ${a.limits.attemptsMax} attempts in run ${a.run}, ${b.limits.attemptsMax} in run ${b.run}`);
  const rows = common.map((task) => ({
    id: task.id,
    title: task.title,
    sides: [figures([task], () => true), figures([inB.get(task.id)!], () => true)],
  }));
  const sides = [a, b].map((run) => ({ run: run.run, agent: null, label: labelOf(run) }));
  return finished(sides, differences, rows);
}

/** The agents of one run, each by its own attempts. Tasks that only one agent tried say nothing about the other. */
export function compareAgents(run: RunSummary): Comparison {
  const attempts = run.tasks.flatMap((task) => task.attempts);
  const landed = (name: string): number =>
    attempts.filter((attempt) => attempt.agent === name && attempt.outcome === 'landed').length;
  const names = [...new Set(attempts.map((attempt) => attempt.agent))].toSorted(
    (a, b) => landed(b) - landed(a) || (a < b ? -1 : 1),
  );
  const tried = (task: Task, name: string): boolean => task.attempts.some((attempt) => attempt.agent === name);
  const rows = run.tasks.map((task) => ({
    id: task.id,
    title: task.title,
    sides: names.map((name) => (tried(task, name) ? figures([task], (attempt) => attempt.agent === name) : null)),
  }));
  const shared = run.tasks.filter((task) => names.every((name) => tried(task, name))).length;
  const differences =
    names.length > 1 && shared < run.tasks.length
      ? [
          `${shared} of ${plural(run.tasks.length, 'task')} were tried by all ${names.length} agents: the totals are of different tasks`,
        ]
      : [];
  const sides = names.map((name) => ({ run: run.run, agent: name, label: name }));
  return finished(sides, differences, rows);
}

function finished(sides: Comparison['sides'], differences: string[], tasks: Comparison['tasks']): Comparison {
  const totals = sides.map((_, at) => sum(tasks.flatMap((task) => task.sides[at] ?? [])));
  return {
    schema: 'skein.compare.v1',
    comparable: differences.length === 0,
    differences,
    sentence: sentence(sides, totals),
    sides,
    totals,
    tasks,
  };
}

function figures(tasks: readonly Task[], mine: (attempt: Attempt) => boolean): Figures {
  const attempts = tasks.flatMap((task) => task.attempts.filter(mine));
  const count = (test: (attempt: Attempt) => boolean): number => attempts.filter(test).length;
  const known = attempts.flatMap((attempt) => (attempt.cost === 'unknown' ? [] : [attempt.cost]));
  const landed = count((attempt) => attempt.outcome === 'landed');
  return {
    tasks: tasks.length,
    landed,
    attempts: attempts.length,
    refused: count((attempt) => attempt.outcome === 'refused' || attempt.outcome === 'agent-failed'),
    saidDone: count((attempt) => SAID_DONE.has(attempt.outcome) && attempt.filesTotal > 0),
    verified: landed,
    outscored: count((attempt) => attempt.outcome === 'outscored'),
    workMs: attempts.reduce((total, attempt) => total + (attempt.durationMs ?? 0), 0),
    cost: known.length === attempts.length ? known.reduce((total, each) => total + each, 0) : 'unknown',
  };
}

function sum(all: readonly Figures[]): Figures {
  const total = (key: Exclude<keyof Figures, 'cost'>): number => all.reduce((so, each) => so + each[key], 0);
  const costs = all.map((each) => each.cost);
  return {
    tasks: total('tasks'),
    landed: total('landed'),
    attempts: total('attempts'),
    refused: total('refused'),
    saidDone: total('saidDone'),
    verified: total('verified'),
    outscored: total('outscored'),
    workMs: total('workMs'),
    cost: costs.includes('unknown') ? 'unknown' : costs.reduce<number>((so, each) => so + (each as number), 0),
  };
}

function sentence(sides: Comparison['sides'], totals: readonly Figures[]): string {
  if (totals.every((each) => each.attempts === 0)) return 'Nobody tried anything that could be compared.';
  const each = sides.map(({ label }, i) => {
    const { landed, tasks, saidDone, workMs, cost } = totals[i]!;
    const price = cost === 'unknown' ? 'a cost it did not tell' : cost === 0 ? 'nothing' : money(cost);
    const did = `${label} landed ${landed} of ${plural(tasks, 'task')}`;
    // Of two all is said; of more the table says the rest.
    return sides.length > 2
      ? `${did}, called ${saidDone} done`
      : `${did} in ${duration(workMs)} of work for ${price}; it called ${saidDone} done`;
  });
  return `${each.join(sides.length > 2 ? '; ' : '. ')}.`;
}

function labelOf(run: RunSummary): string {
  const names = [...new Set(run.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.agent)))];
  return `run ${run.run}${names.length === 0 ? '' : ` (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', ...' : ''})`}`;
}

function named(ids: readonly string[]): string {
  const shown = ids.slice(0, NAMED_MAX).join(', ');
  return `${plural(ids.length, 'task')}: ${shown}${ids.length > NAMED_MAX ? ` and ${ids.length - NAMED_MAX} more` : ''}`;
}

export function compareText(comparison: Comparison, style: Style): string[] {
  const { sides, totals, tasks, differences } = comparison;
  const lines = wrap(style, clean(comparison.sentence), 0);
  for (const difference of differences)
    lines.push(...wrap(style, style.paint('alarm', `not the same question: ${clean(difference)}`), 0));
  const some = totals.some((each) => each.outscored > 0);
  const dim = (text: string): Cell => ({ text, tone: 'dim' });
  const head = ['', 'landed', 'refused', 'attempts', 'said done', 'verified', some ? 'outscored' : '', 'work', 'cost'].map(dim);
  const rows = sides.map(({ label }, i): Cell[] => {
    const { landed, refused, attempts, saidDone, verified, outscored, workMs, cost } = totals[i]!;
    const believed: Cell['tone'] = verified + outscored < saidDone ? 'alarm' : 'plain';
    return [
      { text: clean(label), tone: 'strong' },
      { text: String(landed) },
      { text: String(refused) },
      { text: String(attempts) },
      { text: String(saidDone) },
      { text: String(verified), tone: believed },
      { text: some ? String(outscored) : '', tone: 'dim' },
      { text: duration(workMs) },
      { text: cost === 'unknown' ? 'unknown' : money(cost) },
    ];
  });
  lines.push('', ...table(style, [head, ...rows], [0], 0));
  if (tasks.length === 0 || sides.length > SIDES_ACROSS) return lines;
  const across = tasks.map(({ id, sides: each }): Cell[] => [{ text: clean(id) }, ...each.map(cellOf)]);
  lines.push('', ...table(style, [[dim('task'), ...sides.map(({ label }) => dim(clean(label)))], ...across], [0, 1, 2], 0));
  return lines;
}

function cellOf(figure: Figures | null): Cell {
  if (figure === null || figure.attempts === 0) return { text: 'not tried', tone: 'dim' };
  const { landed, attempts, refused, outscored, workMs, cost } = figure;
  const what = landed > 0 ? 'landed' : outscored > 0 ? 'outscored' : refused > 0 ? 'refused' : 'no change';
  const price = cost === 'unknown' || cost === 0 ? '' : `, ${money(cost)}`;
  const tries = attempts === 1 ? '' : ` after ${attempts}`;
  return { text: `${what}${tries}, ${duration(workMs)}${price}`, tone: landed > 0 ? 'plain' : refused > 0 ? 'alarm' : 'dim' };
}
