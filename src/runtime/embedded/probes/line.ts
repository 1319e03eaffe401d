/**
 * Reads what programs of goals print: lines of probes, the answer of a judge. They may be anybody's, so nothing is believed: every
 * field is checked and bounded here, and what does not fit is told with its reason instead of being guessed.
 */
import { work } from '../../../contracts/index.ts';

const TITLE_MAX = 500;
const DETAIL_MAX = 4096;
const ITEM_MAX = 300;
const ITEMS_MAX = 500;
const REFUSED_MAX = 20; // the first ones give a change away
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export type ReadLine =
  | { readonly kind: 'finding'; readonly finding: work.Finding }
  | { readonly kind: 'task'; readonly task: work.TaskSpec }
  | { readonly kind: 'measure'; readonly measure: work.Measure }
  | { readonly kind: 'note'; readonly note: string }
  | { readonly kind: 'bad'; readonly why: string };

/** One line of a probe's output; null for an empty one. */
export function readProbeLine(text: string, goal: string): ReadLine | null {
  if (text.trim() === '') return null;
  const line = parsed(text);
  if (line === null) return { kind: 'bad', why: `not a JSON object: ${text.slice(0, 100)}` };
  if (typeof line.note === 'string') return { kind: 'note', note: line.note.slice(0, DETAIL_MAX) };
  if (isObject(line.finding)) return finding(line.finding);
  if (isObject(line.measure)) return measure(line.measure);
  if (isObject(line.task)) return task(line.task, goal);
  return { kind: 'bad', why: `neither finding, task, measure nor note: ${text.slice(0, 100)}` };
}

function finding(value: Record<string, unknown>): ReadLine {
  const { kind, title, detail = '', path = null, line = null, show } = value;
  if (typeof kind !== 'string' || !/^[a-z][a-z-]{0,39}$/.test(kind))
    return { kind: 'bad', why: 'a finding whose kind is no lower-case word' };
  if (typeof title !== 'string' || title === '' || typeof show !== 'string' || show === '')
    return { kind: 'bad', why: `a finding of kind ${kind} without title or without the command that shows it` };
  return {
    kind: 'finding',
    finding: {
      kind,
      title: oneLine(title).slice(0, TITLE_MAX),
      detail: typeof detail === 'string' ? detail.slice(0, DETAIL_MAX) : '',
      path: typeof path === 'string' ? path.slice(0, 1024) : null,
      line: Number.isSafeInteger(line) && (line as number) > 0 ? (line as number) : null,
      show: oneLine(show).slice(0, DETAIL_MAX),
    },
  };
}

function measure(value: Record<string, unknown>): ReadLine {
  const { name, value: number, unit = '', text } = value;
  if (typeof name !== 'string' || !/^[a-z][a-z-]{0,59}$/.test(name)) return { kind: 'bad', why: 'a measure without a name' };
  if (typeof number !== 'number' || !Number.isSafeInteger(Math.round(number)) || typeof text !== 'string')
    return { kind: 'bad', why: `the measure ${name} has no number or no text` };
  const said = typeof unit === 'string' ? unit.slice(0, 20) : '';
  return { kind: 'measure', measure: { name, value: Math.round(number), unit: said, text: oneLine(text).slice(0, TITLE_MAX) } };
}

function task(value: Record<string, unknown>, goal: string): ReadLine {
  const title = typeof value.title === 'string' ? oneLine(value.title).slice(0, TITLE_MAX) : '';
  const spec = {
    needs: [],
    claims: [],
    checks: [],
    agent: null,
    estimate: 0,
    ...work.WITHOUT_GOAL,
    text: title,
    ...value,
    title,
    given: false,
    goal,
  };
  if (work.TaskFound.check(spec)) return { kind: 'task', task: spec };
  return { kind: 'bad', why: `a task that is none: ${work.TaskFound.explain(spec)[0] ?? title}` };
}

/** null when it is no answer. */
export function readJudgeAnswer(output: string): (work.JudgeAnswer & { readonly more: number }) | null {
  if (output.length > ANSWER_BYTES_MAX) return null;
  const answer = parsed(output);
  if (answer === null || !Array.isArray(answer.closed) || !Array.isArray(answer.refused)) return null;
  const closed = [...new Set(answer.closed.filter((item) => typeof item === 'string').map((item) => item.slice(0, ITEM_MAX)))];
  const refused = answer.refused
    .filter(isObject)
    .slice(0, REFUSED_MAX)
    .map(({ rule, detail }) => ({ rule: String(rule).slice(0, 60), detail: String(detail).slice(0, DETAIL_MAX) }));
  if (refused.length === 0 && answer.refused.length > 0) return null; // a refusal that cannot be read is still one
  return { closed: closed.toSorted().slice(0, ITEMS_MAX), more: Math.max(0, closed.length - ITEMS_MAX), refused };
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').trim();
}
