/** Tasks that nobody wrote: a red check of the baseline, and what probes found. Makes them fit into the run; starts none. */
import { work } from '../contracts/index.ts';

export const TASKS_MAX = 10_000; // what a run may be given
const FOUND_MAX = 500; // of one probe
const RIVALS_MAX = 16; // of one task
const ID_MAX = 180; // leaves room for a suffix
const SLUG_MAX = 60;
const TEXT_MAX = 8_000;
const FINDINGS_CHARS = 96 * 1024; // with measures, notes and ids of tasks a record of 256 KiB still holds them
const MEASURES_CHARS = 32 * 1024;
const NOTES_CHARS = 16 * 1024;

/** A check that is red before anybody changed anything is something to do. */
export function redTasks(
  baseline: Pick<work.BaselineResult, 'verdicts'>,
  red: NonNullable<work.BaselineResult['red']>,
): work.TaskSpec[] {
  const found: work.TaskSpec[] = [];
  for (const { check, status, cause, failed, findings } of baseline.verdicts) {
    if (status !== 'red' && status !== 'timed-out') continue;
    const lines = red.find((one) => one.check === check)?.lines ?? [];
    const counts = [count(failed, 'failing test'), count(findings, 'finding')].filter((part) => part !== '');
    const how = [status === 'red' ? 'is red' : 'does not end in time', ...counts, cause].filter((part) => part !== '');
    const id = unused(`red-${slug(check)}`, (taken) => found.some((task) => task.id === taken));
    const text = `\`${check}\` ${how.join(', ')} on the commit as it is. Repair the code, not the check.\n\n${lines.join('\n')}`;
    found.push({
      id,
      title: `make \`${check}\` green`,
      text: text.trim().slice(0, TEXT_MAX),
      needs: [],
      claims: [],
      checks: [],
      agent: null,
      estimate: 0,
      given: false,
      ...work.WITHOUT_GOAL,
      goal: 'red',
      mends: check,
    });
  }
  return found;
}

/** Agents that a person asked for and gave no task: they compete with the agents of a goal. */
export function guestsOf(agents: readonly work.AgentSpec[], tasks: Iterable<work.TaskSpec>): string[] {
  const busy = new Set([...tasks].map((task) => task.agent));
  return agents.filter(({ name, only }) => only === null && !busy.has(name)).map(({ name }) => name);
}

/** What of a probe's tasks joins the run: under ids that nobody has, standing only on tasks that exist. */
export function admitted(
  tasks: readonly work.TaskSpec[],
  goal: string,
  known: ReadonlySet<string>,
  guests: readonly string[] = [],
): { readonly tasks: readonly work.TaskSpec[]; readonly refused: readonly string[] } {
  const names = new Map<string, string>();
  const taken = new Set(known);
  const joined: work.TaskSpec[] = [];
  const refused: string[] = [];
  for (const task of tasks) {
    if (joined.length >= FOUND_MAX || taken.size >= TASKS_MAX) {
      refused.push(`${tasks.length - joined.length - refused.length} more tasks are over what a run holds`);
      break;
    }
    const needs = task.needs.map((id) => names.get(id) ?? (known.has(id) ? id : null));
    if (needs.includes(null)) {
      refused.push(`task ${task.id} needs ${task.needs[needs.indexOf(null)]}, which nobody gave`);
      continue;
    }
    const id = unused(task.id.slice(0, ID_MAX), (one) => taken.has(one));
    names.set(task.id, id);
    taken.add(id);
    const rivals = task.rivals.length === 0 ? [] : [...task.rivals, ...guests].slice(0, RIVALS_MAX);
    joined.push({ ...task, id, needs: needs as string[], rivals, given: false, goal });
  }
  return { tasks: joined, refused };
}

/** What the record of a probe keeps: findings beyond its room are counted. */
export function recordedResult(result: work.ProbeResult): Omit<work.ProbeResult, 'tasks'> {
  const findings = within(result.findings, FINDINGS_CHARS);
  return {
    durationMs: result.durationMs,
    findings,
    more: result.more + result.findings.length - findings.length,
    measures: within(result.measures, MEASURES_CHARS),
    notes: within(result.notes, NOTES_CHARS),
  };
}

function within<T>(items: readonly T[], chars: number): T[] {
  let left = chars;
  return items.filter((item) => (left -= JSON.stringify(item).length) >= 0);
}

function unused(id: string, taken: (id: string) => boolean): string {
  if (!taken(id)) return id;
  let n = 2;
  while (taken(`${id}-${n}`)) n += 1;
  return `${id}-${n}`;
}

function slug(name: string): string {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return words.slice(0, SLUG_MAX).replace(/^-|-$/g, '') || 'check';
}

function count(n: number, what: string): string {
  return n === 0 ? '' : `${n} ${what}${n === 1 ? '' : 's'}`;
}
