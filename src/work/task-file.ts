/**
 * Task files: Markdown checklists, YAML, JSON and JSON lines become TaskSpecs, or problems that name the line and the way
 * out. Owns ids, bounds and the refusal of everything unknown; it plans nothing and reads no file itself.
 * Pure and never throws: a task file is often written by a program, sometimes by a hostile one.
 *
 *   - [ ] fix the parser (id: parser, needs: lexer, claims: src/parser/**, checks: npm test, agent: claude, estimate: 5m)
 *         what stands below a task, bullets too, is its text
 *   - [x] done already: left out and counted; needing it is fulfilled
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type ParsedNode, type YAMLMap } from 'yaml';
import { compileGlob, dagOfNeeds } from '../structures/index.ts';
import { work } from '../contracts/index.ts';

export interface TaskProblem {
  /** From 1; 0 = the file as a whole. */
  readonly line: number;
  readonly what: string;
  readonly todo: string;
}

export type ParsedTasks =
  | { readonly ok: true; readonly tasks: work.TaskSpec[]; readonly notes: string[] }
  | { readonly ok: false; readonly problems: TaskProblem[] };

const FILE_MAX = 4 * 1024 * 1024; // characters: 10,000 tasks of 400 each; hostile YAML of that length still ends in seconds
const TASKS_MAX = 10_000; // as many as a RunSpec holds
const PROBLEMS_MAX = 20; // who has repaired twenty runs it again
const TITLE_MAX = 500;
const TEXT_MAX = 32_768;
const ESTIMATE_MAX = 30 * 86_400_000; // ms; a task of more than a month is no estimate
const ALIASES_MAX = 100; // in YAML; a billion laughs need more

const EXAMPLE = 'write lines such as `- [ ] fix the parser (claims: src/parser/**, checks: npm test)`';

const keys = ['id', 'title', 'text', 'needs', 'claims', 'checks', 'agent', 'estimate', 'given'] as const;
type Key = (typeof keys)[number];
/** What may stand in the parentheses of a checklist item: its title and text stand outside. */
const inlineKeys: readonly Key[] = ['id', 'needs', 'claims', 'checks', 'agent', 'estimate'];

/** A task as read, before ids and needs are settled. */
interface Draft {
  readonly line: number;
  readonly fields: Partial<Record<Key, unknown>>;
  /** Of a finished item only the id counts. */
  readonly done: boolean;
}

class Problems {
  readonly list: TaskProblem[] = [];
  add(line: number, what: string, todo: string): void {
    if (this.list.length < PROBLEMS_MAX) this.list.push({ line, what, todo });
  }
}

/** The form follows the ending of `fileName`; without a known one, what the text looks like. O(text). Never throws. */
export function parseTasks(text: string, fileName: string): ParsedTasks {
  const problems = new Problems();
  const notes: string[] = [];
  if (text.length > FILE_MAX) {
    problems.add(0, `the file has ${text.length} characters, more than ${FILE_MAX}`, 'split it into several runs');
    return { ok: false, problems: problems.list };
  }
  const clean = (text.startsWith('\uFEFF') ? text.slice(1) : text).replace(/\r\n?/g, '\n');
  if (clean.trim() === '') {
    problems.add(1, 'the file is empty', EXAMPLE);
    return { ok: false, problems: problems.list };
  }
  const drafts: Draft[] = [];
  switch (formOf(clean, fileName)) {
    case 'yaml':
      readYaml(clean, drafts, problems);
      break;
    case 'json':
      readJson(clean, drafts, problems);
      break;
    case 'jsonl':
      readJsonLines(clean, drafts, problems);
      break;
    case 'markdown':
      readMarkdown(clean, drafts, problems, notes);
      break;
  }
  const tasks = settle(drafts, problems, notes);
  return problems.list.length > 0 ? { ok: false, problems: problems.list } : { ok: true, tasks, notes };
}

/** One task from the command line: `fix #12`, with the same attributes in parentheses as in a checklist. */
export function taskFromMessage(text: string): ParsedTasks {
  return tasksFromMessages([text]);
}

/** Several messages are one list: they may need each other by id. The line of a problem is the position of the message. */
export function tasksFromMessages(texts: readonly string[]): ParsedTasks {
  const problems = new Problems();
  const drafts: Draft[] = [];
  texts.forEach((text, i) => {
    const message = text
      .slice(0, TEXT_MAX * 2)
      .replace(/\r\n?/g, '\n')
      .trim();
    const end = message.indexOf('\n');
    const first = end < 0 ? message : message.slice(0, end).trim();
    if (first === '') problems.add(i + 1, 'the message is empty', "say what is to be done: -m 'fix #12'");
    else
      drafts.push({
        line: i + 1,
        fields: { ...inline(first, i + 1, problems), text: end < 0 ? '' : message.slice(end).trim() },
        done: false,
      });
  });
  const tasks = settle(drafts, problems, []);
  return problems.list.length > 0 ? { ok: false, problems: problems.list } : { ok: true, tasks, notes: [] };
}

function formOf(text: string, fileName: string): 'markdown' | 'yaml' | 'json' | 'jsonl' {
  const ending = /\.([a-z0-9]{1,10})$/i.exec(fileName)?.[1]?.toLowerCase();
  if (ending === 'yaml' || ending === 'yml') return 'yaml';
  if (ending === 'json') return 'json';
  if (ending === 'jsonl' || ending === 'ndjson') return 'jsonl';
  if (ending === 'md' || ending === 'markdown') return 'markdown';
  const start = text.trimStart();
  if (start.startsWith('{')) {
    const first = start.split('\n', 1)[0]!.trimEnd();
    return first.endsWith('}') && !/^\{\s{0,20}"tasks"/.test(first) ? 'jsonl' : 'json';
  }
  if (start.startsWith('[') && /^[{"[\]]/.test(start.slice(1).trimStart())) return 'json';
  return /^(tasks:|-\s+(id|title|text|needs|claims|checks|agent|estimate)\s*:)/m.test(text) ? 'yaml' : 'markdown';
}

// ---- Markdown ---------------------------------------------------------------------------------------------------------

const item = /^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]+\[(.?)\](?:[ \t]+(.*))?$/;

function readMarkdown(text: string, drafts: Draft[], problems: Problems, notes: string[]): void {
  const headings: string[] = [];
  let open: { line: number; indent: number; title: string; body: string[]; context: string } | null = null;
  let doneIndent = -1; // inside a finished item: its text is left out, open items below it are tasks
  let fence = '';
  let plainItems = 0;
  const finish = (): void => {
    if (open === null) return;
    const fields = inline(open.title, open.line, problems);
    const body = outdent(open.body);
    const attributes = body.findIndex((line) => isAttributes(line));
    if (attributes >= 0) {
      const more = attributesOf(body[attributes]!.trim().slice(1, -1), open.line, problems);
      for (const key of Object.keys(more) as Key[]) {
        if (key in fields) problems.add(open.line, `\`${key}\` is given twice`, 'keep one of them');
        fields[key] = more[key];
      }
      body.splice(attributes, 1);
    }
    fields.text = [open.context, fields.text, body.join('\n').trim()]
      .filter((part) => part !== undefined && part !== '')
      .join('\n\n');
    drafts.push({ line: open.line, fields, done: false });
    open = null;
  };
  text.split('\n').forEach((line, i) => {
    const number = i + 1;
    const indent = /^[ \t]*/.exec(line)![0].replaceAll('\t', '    ').length;
    const blank = line.trim() === '';
    const mark = /^[ \t]*(```+|~~~+)/.exec(line)?.[1];
    if (fence !== '') {
      if (mark !== undefined && mark.startsWith(fence)) fence = '';
      open?.body.push(line);
      return;
    }
    const found = item.exec(line);
    if (open !== null && (blank || indent > open.indent)) {
      if (mark !== undefined) fence = mark;
      open.body.push(line);
      return;
    }
    if (doneIndent >= 0 && (blank || (indent > doneIndent && !(found && found[2] === ' ')))) return;
    if (mark !== undefined) {
      finish();
      fence = mark;
      return;
    }
    if (!blank) {
      finish();
      doneIndent = -1;
    }
    const level = /^#{1,6}(?=[ \t])/.exec(line)?.[0].length ?? 0;
    if (level > 0) {
      headings.length = Math.min(headings.length, level - 1);
      headings[level - 1] = line.slice(level, level + TITLE_MAX).trim();
      return;
    }
    if (!found) {
      if (/^[ \t]*([-*+]|\d{1,9}[.)])[ \t]+\S/.test(line)) plainItems++;
      return;
    }
    const [, , box, title = ''] = found;
    if (box === ' ') {
      const context = headings.filter((part) => part !== undefined && part !== '').join(' > ');
      if (title.trim() === '') problems.add(number, 'a task without a title', 'write behind the box what is to be done');
      else open = { line: number, indent, title: title.trim(), body: [], context: context === '' ? '' : `Part of: ${context}` };
    } else if (box === '') problems.add(number, '`[]` is no checkbox', 'write `- [ ]` for an open task, `- [x]` for a done one');
    else {
      if (box === 'x' || box === 'X')
        drafts.push({ line: number, fields: inline(title.trim(), number, new Problems()), done: true });
      else notes.push(`line ${number}: [${box}] is neither open nor done; left out`);
      doneIndent = indent;
    }
  });
  finish();
  if (drafts.length === 0 && problems.list.length === 0) {
    const seen = plainItems > 0 ? `${plainItems} list items, but none with a checkbox` : 'no checklist item';
    problems.add(1, `the file has ${seen}`, EXAMPLE);
  } else if (plainItems > 0) notes.push(`${plainItems} list items without a checkbox are no tasks`);
}

function outdent(lines: readonly string[]): string[] {
  const depth = lines.reduce((least, line) => (line.trim() === '' ? least : Math.min(least, line.search(/\S/))), Infinity);
  return lines.map((line) => (line.trim() === '' ? '' : line.slice(depth)));
}

/** The title without the attributes in parentheses at its end. */
function inline(title: string, line: number, problems: Problems): Partial<Record<Key, unknown>> {
  const open = title.endsWith(')') ? openingOf(title) : -1;
  if (open > 0 && isAttributes(title.slice(open))) {
    const fields = attributesOf(title.slice(open + 1, -1), line, problems);
    return { title: title.slice(0, open).trim(), ...fields };
  }
  return { title };
}

function openingOf(title: string): number {
  let depth = 0;
  for (let i = title.length - 1; i >= 0; i--) {
    if (title[i] === ')') depth++;
    else if (title[i] === '(' && --depth === 0) return i;
  }
  return -1;
}

/** `(needs: a, b)`; a slip such as `(need: a)` counts, so that it is refused and not read as prose. */
function isAttributes(text: string): boolean {
  const inner = text.trim();
  if (!inner.startsWith('(') || !inner.endsWith(')')) return false;
  const parts = split(inner.slice(1, -1));
  const first = keyOf(parts[0] ?? '');
  if (first !== null && first.length > 2 && inlineKeys.some((key) => distance(first, key) <= 1)) return true;
  return parts.some((part) => inlineKeys.some((key) => key === keyOf(part)));
}

function keyOf(part: string): string | null {
  return /^\s*([A-Za-z_][\w-]{0,40})\s*:(\s|$)/.exec(part)?.[1]?.toLowerCase() ?? null;
}

function attributesOf(text: string, line: number, problems: Problems): Partial<Record<Key, unknown>> {
  const fields: Partial<Record<Key, string[]>> = {};
  let values: string[] | null = null;
  for (const part of split(text)) {
    const key = keyOf(part);
    if (key === null) {
      if (values === null)
        problems.add(line, `\`${clip(part.trim())}\` has no key`, 'write `key: value` pairs with commas between');
      else values.push(unquote(part));
      continue;
    }
    const known = inlineKeys.find((one) => one === key);
    values = [unquote(part.slice(part.indexOf(':') + 1))];
    if (known === undefined) problems.add(line, `unknown key \`${key}\``, nearest(key, inlineKeys));
    else if (fields[known] !== undefined) problems.add(line, `\`${known}\` is given twice`, 'keep one of them');
    else fields[known] = values;
  }
  const out: Partial<Record<Key, unknown>> = {};
  for (const key of Object.keys(fields) as Key[]) {
    const given = fields[key]!.filter((value) => value !== '');
    const many = key === 'needs' || key === 'claims' || key === 'checks';
    if (!many && given.length > 1) problems.add(line, `\`${key}\` has ${given.length} values`, 'give it one');
    out[key] = many ? given : (given[0] ?? '');
  }
  return out;
}

/** At commas outside quotes, braces, brackets and parentheses. */
function split(text: string): string[] {
  const parts: string[] = [];
  let quote = '';
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if ('`"\''.includes(char) && text.includes(char, i + 1)) quote = char;
    else if ('{[('.includes(char)) depth++;
    else if ('}])'.includes(char)) depth--;
    else if (char === ',' && depth <= 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function unquote(text: string): string {
  const value = text.trim();
  const first = value[0];
  const quoted = value.length >= 2 && (first === '`' || first === '"' || first === "'") && value.endsWith(first);
  return quoted && !value.slice(1, -1).includes(first) ? value.slice(1, -1) : value;
}

// ---- YAML and JSON ----------------------------------------------------------------------------------------------------

function readYaml(text: string, drafts: Draft[], problems: Problems): void {
  try {
    const counter = new LineCounter();
    const lineOf = (node: ParsedNode | null | undefined): number => (node?.range ? counter.linePos(node.range[0]).line : 1);
    const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: 'error', uniqueKeys: false });
    for (const error of document.errors)
      problems.add(counter.linePos(error.pos[0]).line, `not valid YAML: ${clip(error.message)}`, 'repair the line');
    if (problems.list.length > 0) return;
    // The parser's own search for repeated keys is quadratic.
    const keysOf = (map: YAMLMap<ParsedNode, ParsedNode | null>): string[] => {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? String(key.value) : '?';
        if (seen.has(name)) problems.add(lineOf(key), `\`${clip(name)}\` is given twice`, 'keep one of them');
        seen.add(name);
      }
      return [...seen];
    };
    let list: unknown = document.contents;
    if (isMap<ParsedNode, ParsedNode>(list)) {
      for (const key of keysOf(list)) {
        if (key !== 'tasks')
          problems.add(1, `unknown key \`${clip(key)}\``, 'the file holds a list of tasks, or `tasks:` and below it the list');
      }
      list = list.get('tasks', true);
    }
    if (!isSeq<ParsedNode>(list)) {
      if (problems.list.length === 0)
        problems.add(1, 'the file holds no list of tasks', 'write `- title: fix the parser`, one entry per task');
      return;
    }
    for (const node of list.items.slice(0, TASKS_MAX + 1)) {
      if (isMap<ParsedNode, ParsedNode>(node)) keysOf(node);
      drafts.push(draftOf(node.toJS(document, { maxAliasCount: ALIASES_MAX }) as unknown, lineOf(node), problems));
    }
  } catch (error) {
    // The parser recurses: depth and alias bombs end here.
    problems.add(
      1,
      `not readable as YAML: ${clip(error instanceof Error ? error.message : String(error))}`,
      'use plain lists and keys',
    );
  }
}

function readJson(text: string, drafts: Draft[], problems: Problems): void {
  const parsed = parseJson(text, 0, problems);
  if (parsed === null) return;
  let list = parsed.value;
  let depth = 1;
  if (isRecord(list)) {
    for (const key of Object.keys(list)) {
      if (key !== 'tasks') problems.add(1, `unknown key \`${clip(key)}\``, 'the file holds a list of tasks, or {"tasks": [...]}');
    }
    list = Object.hasOwn(list, 'tasks') ? list['tasks'] : null;
    depth = 2;
  }
  if (!Array.isArray(list)) {
    if (problems.list.length === 0) problems.add(1, 'the file holds no list of tasks', 'write [{"title": "fix the parser"}]');
    return;
  }
  const lines = elementLines(text, depth);
  list.slice(0, TASKS_MAX + 1).forEach((value: unknown, i) => drafts.push(draftOf(value, lines[i] ?? 1, problems)));
}

/** Lines on which the elements of the array at this depth begin. */
function elementLines(text: string, depth: number): number[] {
  const found: number[] = [];
  let line = 1;
  let at = 0;
  let expecting = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === '\n') line++;
    else if (char === '"') {
      if (expecting && at === depth) found.push(line);
      expecting = false;
      while (++i < text.length && text[i] !== '"') if (text[i] === '\\') i++;
    } else if (char === '{' || char === '[') {
      if (expecting && at === depth) found.push(line);
      at++;
      expecting = at === depth;
    } else if (char === '}' || char === ']') at--;
    else if (char === ',') expecting = at === depth;
    else if (expecting && at === depth && /\S/.test(char)) {
      found.push(line);
      expecting = false;
    }
  }
  return found;
}

function readJsonLines(text: string, drafts: Draft[], problems: Problems): void {
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '' || drafts.length > TASKS_MAX) return;
    const parsed = parseJson(line, i + 1, problems);
    if (parsed !== null) drafts.push(draftOf(parsed.value, i + 1, problems));
  });
}

function parseJson(text: string, line: number, problems: Problems): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const at = Number(/position (\d{1,9})/.exec(message)?.[1] ?? 0);
    problems.add(
      line > 0 ? line : text.slice(0, at).split('\n').length,
      `not valid JSON: ${clip(message)}`,
      'repair the line; JSON has no comments and no comma behind the last entry',
    );
    return null;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function draftOf(value: unknown, line: number, problems: Problems): Draft {
  if (typeof value === 'string') return { line, fields: inline(value.trim(), line, problems), done: false };
  const fields: Partial<Record<Key, unknown>> = {};
  if (!isRecord(value)) {
    problems.add(line, `a task is ${Array.isArray(value) ? 'a list' : String(value)}`, 'write text, or keys such as `title:`');
    return { line, fields: { title: 'unreadable' }, done: false };
  }
  for (const key of Object.keys(value)) {
    const known = keys.find((one) => one === key);
    if (known === undefined) problems.add(line, `unknown key \`${clip(key)}\``, nearest(key, keys));
    else fields[known] = value[key];
  }
  return { line, fields, done: false };
}

// ---- from drafts to tasks ---------------------------------------------------------------------------------------------

function settle(drafts: readonly Draft[], problems: Problems, notes: string[]): work.TaskSpec[] {
  const open = drafts.filter((draft) => !draft.done);
  if (open.length > TASKS_MAX) {
    problems.add(open[TASKS_MAX]!.line, `more than ${TASKS_MAX} tasks`, 'split the file into several runs');
    return [];
  }
  // Given ids first, so that a derived one never takes the name that somebody chose. Names of branches ignore case here and there.
  const taken = new Map<string, number>();
  const ids = drafts.map((draft) => givenId(draft, taken, problems));
  const doneIds = new Set<string>();
  const next = new Map<string, number>();
  const settled = drafts.map((draft, i) => {
    const id = ids[i] ?? derivedId(draft, i, taken, next);
    if (draft.done) doneIds.add(id);
    return id;
  });
  const tasks: work.TaskSpec[] = [];
  const lines: number[] = [];
  let fulfilled = 0;
  drafts.forEach((draft, i) => {
    if (draft.done) return;
    const task = specOf(draft, settled[i]!, problems);
    const needs = task.needs.filter((need) => !doneIds.has(need));
    fulfilled += task.needs.length - needs.length;
    tasks.push({ ...task, needs });
    lines.push(draft.line);
  });
  if (problems.list.length > 0) return [];
  const finished = drafts.length - open.length;
  if (finished > 0) notes.push(tasks.length === 0 ? `all ${finished} tasks are done` : `${finished} done, left out`);
  if (fulfilled > 0) notes.push(`${fulfilled} needs are done already`);
  if (drafts.length === 0) problems.add(1, 'the file holds no task', EXAMPLE);
  nameProblems(tasks, lines, problems);
  return tasks;
}

function nameProblems(tasks: readonly work.TaskSpec[], lines: readonly number[], problems: Problems): void {
  const graph = dagOfNeeds(tasks);
  if (graph.ok) return;
  for (const problem of graph.problems) {
    const line = lines[problem.at]!;
    if (problem.kind === 'unknown') {
      const close = closest(problem.need, tasks.map((task) => task.id).slice(0, 1_000));
      const todo = close === null ? 'give the id of a task in this file, or take the need out' : `did you mean \`${close}\`?`;
      problems.add(line, `\`${problem.id}\` needs \`${clip(problem.need)}\`, which is no task`, todo);
    } else if (problem.kind === 'cycle') {
      const shown = problem.path.length > 12 ? [...problem.path.slice(0, 6), '...', ...problem.path.slice(-5)] : problem.path;
      const at = [...new Set(problem.positions.map((i) => lines[i]!))].toSorted((a, b) => a - b).slice(0, 12);
      problems.add(
        line,
        `tasks need each other in a circle: ${shown.join(' -> ')} (lines ${at.join(', ')})`,
        'take one of these needs out',
      );
    } else
      problems.add(line, `the id \`${problem.id}\` is used twice, first on line ${lines[problem.first]!}`, 'give one another id');
  }
}

function givenId(draft: Draft, taken: Map<string, number>, problems: Problems): string | null {
  const value = draft.fields.id;
  if (value === undefined || value === null || value === '') return null;
  const id = typeof value === 'number' ? String(value) : value;
  // Ids become parts of refs and of directory names.
  if (typeof id !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id) || /\.\.|\.$|\.lock$/i.test(id)) {
    problems.add(
      draft.line,
      `\`${clip(JSON.stringify(value) ?? '')}\` is no id`,
      'use up to 64 letters, digits, `-`, `_` and single dots',
    );
    return 'unreadable';
  }
  const first = taken.get(id.toLowerCase());
  if (first !== undefined)
    problems.add(draft.line, `the id \`${id}\` is used twice, first on line ${first}`, 'give one another id');
  else taken.set(id.toLowerCase(), draft.line);
  return id;
}

/** A short slug of the title; `task-7` where no letter of it can stand in a ref. */
function derivedId(draft: Draft, at: number, taken: Map<string, number>, next: Map<string, number>): string {
  const title = typeof draft.fields.title === 'string' ? draft.fields.title.slice(0, 200) : '';
  const words = title
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '');
  let slug = '';
  for (const word of words.slice(0, 6)) {
    if (slug !== '' && slug.length + word.length >= 32) break;
    slug = slug === '' ? word.slice(0, 32) : `${slug}-${word}`;
  }
  if (slug === '') slug = `task-${at + 1}`;
  let id = slug;
  for (let n = next.get(slug) ?? 2; taken.has(id); n++) {
    id = `${slug}-${n}`;
    next.set(slug, n + 1);
  }
  taken.set(id, draft.line);
  return id;
}

function specOf({ line, fields }: Draft, id: string, problems: Problems): work.TaskSpec {
  const name = `task \`${id}\``;
  const rawTitle = textOf(fields.title, 'title', line, problems).replace(/\s+/g, ' ').trim();
  let text = textOf(fields.text, 'text', line, problems);
  if (rawTitle === '') problems.add(line, `${name} has no title`, 'say in `title` what is to be done');
  if (rawTitle.length > TITLE_MAX) text = `${rawTitle}\n\n${text}`.trim();
  if (text.length > TEXT_MAX)
    problems.add(line, `${name} has ${text.length} characters of text`, `keep it below ${TEXT_MAX}, or point to a file`);
  const claims = listOf(fields.claims, 'claims', 256, 1024, line, problems);
  for (const claim of claims) {
    const glob = compileGlob(claim);
    if (!glob.ok)
      problems.add(
        line,
        `the claim \`${clip(claim)}\` ${glob.why}`,
        'write paths from the top of the repository, such as src/parser/**',
      );
  }
  const agent = textOf(fields.agent, 'agent', line, problems).trim();
  if (agent.length > 200)
    problems.add(line, `${name} names an agent with ${agent.length} characters`, 'use the name of an agent of this run');
  const needs = listOf(fields.needs, 'needs', 256, 200, line, problems);
  if (fields.given !== undefined && typeof fields.given !== 'boolean')
    problems.add(line, `\`given\` of ${name} is neither true nor false`, 'leave it out');
  return {
    id,
    title: rawTitle.length > TITLE_MAX ? `${rawTitle.slice(0, TITLE_MAX - 3)}...` : rawTitle,
    text,
    needs: [...new Set(needs)],
    claims,
    checks: listOf(fields.checks, 'checks', 32, 4096, line, problems),
    agent: agent === '' ? null : agent,
    estimate: estimateOf(fields.estimate, line, problems),
    given: fields.given !== false,
    ...work.WITHOUT_GOAL,
  };
}

// Task files reach terminals, commit messages and arguments: nothing in them may steer these.
// oxlint-disable-next-line no-control-regex -- these are what is taken out
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

function textOf(value: unknown, key: Key, line: number, problems: Problems): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return value.replace(controls, '');
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  problems.add(line, `\`${key}\` is ${Array.isArray(value) ? 'a list' : 'not text'}`, 'write text there');
  return '';
}

/** One value or a list of them; needs and claims also with commas between. */
function listOf(value: unknown, key: Key, countMax: number, lengthMax: number, line: number, problems: Problems): string[] {
  if (value === undefined || value === null) return [];
  const raw =
    typeof value === 'string' && key !== 'checks' ? split(value) : Array.isArray(value) ? (value as unknown[]) : [value];
  if (raw.length > countMax) {
    problems.add(line, `\`${key}\` has ${raw.length} entries, at most ${countMax}`, 'split the task');
    return [];
  }
  const found: string[] = [];
  for (const one of raw) {
    const entry = typeof one === 'number' ? String(one) : one;
    if (typeof entry !== 'string') problems.add(line, `\`${key}\` holds something that is not text`, 'write a list of texts');
    else if (entry.length > lengthMax)
      problems.add(line, `an entry of \`${key}\` has ${entry.length} characters, at most ${lengthMax}`, 'shorten it');
    else if (entry.trim() !== '') found.push(unquote(entry.replace(controls, '')));
  }
  return found;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `5m`, `1h30m`; a bare number, in data formats only, is ms. */
function estimateOf(value: unknown, line: number, problems: Problems): number {
  if (value === undefined || value === null || value === '') return 0;
  let total = 0;
  if (typeof value === 'number') total = value;
  else {
    const text = typeof value === 'string' ? value.toLowerCase().replace(/\s+/g, '') : '';
    if (!/^(\d{1,9}(ms|s|min|m|h|d)){1,5}$/.test(text)) total = Number.NaN;
    else for (const [, count, unit] of text.matchAll(/(\d+)(ms|s|min|m|h|d)/g)) total += Number(count) * unitMs[unit!]!;
  }
  if (Number.isSafeInteger(total) && total >= 0 && total <= ESTIMATE_MAX) return total;
  problems.add(
    line,
    `\`${clip(JSON.stringify(value) ?? 'nothing')}\` is no estimate`,
    'write a time such as 90s, 5m or 1h30m, at most 30d',
  );
  return 0;
}

// ---- nearness ---------------------------------------------------------------------------------------------------------

function nearest(key: string, known: readonly string[]): string {
  const close = closest(key.toLowerCase(), known);
  return close === null ? `known keys: ${known.join(', ')}` : `did you mean \`${close}\`?`;
}

function closest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.floor(Math.min(word.length, 12) / 3) + 2; // edits that still look like a slip
  for (const one of known) {
    const d = distance(word, one);
    if (d < least) {
      least = d;
      best = one;
    }
  }
  return best;
}

/** Edits between two words (Levenshtein), looked at up to 64 characters. */
function distance(a: string, b: string): number {
  const x = a.slice(0, 64);
  const y = b.slice(0, 64);
  let row = Array.from({ length: y.length + 1 }, (_, i) => i);
  for (let i = 1; i <= x.length; i++) {
    const below = [i];
    for (let j = 1; j <= y.length; j++) {
      below.push(Math.min(row[j]! + 1, below[j - 1]! + 1, row[j - 1]! + (x[i - 1] === y[j - 1] ? 0 : 1)));
    }
    row = below;
  }
  return row[y.length]!;
}

function clip(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}
