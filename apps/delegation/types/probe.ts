/**
 * Finds what there is to do about types: per package the errors, what the tests contradict, and one task for each file in which
 * an agent has something to propose, callees before callers. Reads SKEIN_PROBE_FILE, prints one JSON object a line. Never more
 * than its deadline allows: what it had no time for it says.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TaskInput } from './agent.ts';
import type { DiagnoseAnswer } from './answers.ts';
import { ask } from './client.ts';
import type { Mode, PackageScope } from './compiler.ts';
import { calleesFirst } from './imports.ts';
import { notIgnored } from '../programs/linted.ts';
import { packagesOf, unitTestLines, type CheckLine, type Package } from './packages.ts';
import { record, type Recording } from './record.ts';

/** What of a probe's question is asked for here. */
interface ProbeQuestion {
  readonly argument: string | null;
  readonly workspace: string;
  readonly files: readonly string[];
  readonly checks: readonly CheckLine[];
  readonly shared: string;
  /** ms since the epoch. */
  readonly deadline: number;
}

type ProbeLine =
  | { readonly finding: object }
  | { readonly task: object }
  | { readonly measure: object }
  | { readonly note: string };

/** More tasks than this no run gets through; the files with the most errors come first. */
const TASKS_MAX = 200;
const UNTRUE_MAX = 20;
/** The tests take this share of what time is left at most: the rest is for the compiler and the agents. */
const RECORDING_SHARE = 0.5;
/** Packages beyond this are a monorepo whose owner should say which one: `--goal types packages/x`. */
const PACKAGES_MAX = 16;
const PROPOSALS_MS = 30_000;
const ERRORS_SHOWN = 40;
const ERROR_LENGTH = 250; // a task's input ends at 16 KiB
const SHOWN_MAX = 300;
const TEST_FILES_MAX = 400; // a command line holds far more

const { values: flags } = parseArgs({
  options: { mode: { type: 'string', default: 'strict' }, rivals: { type: 'string', multiple: true } },
});
const mode = flags.mode as Mode;
const rivals = flags.rivals ?? ['recorder', 'infer'];
const question = JSON.parse(readFileSync(process.env['SKEIN_PROBE_FILE']!, 'utf8')) as ProbeQuestion;
const extension = import.meta.url.slice(-3);
const judge = [process.execPath, fileURLToPath(new URL(`./judge${extension}`, import.meta.url))];
let tasks = 0;
const ids = new Set<string>();

const say = (line: ProbeLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const left = (): number => question.deadline - Date.now();

const all = packagesOf(question.workspace, question.files).filter(
  ({ directory, sources }) => sources.length > 0 && (question.argument === null || directory === question.argument),
);
if (all.length > PACKAGES_MAX)
  say({ note: `${all.length} packages, the first ${PACKAGES_MAX} are looked at: name one as \`--goal types packages/x\`` });
for (const one of all.slice(0, PACKAGES_MAX)) {
  if (left() < 1000) {
    say({ note: `${one.name}: no time left to look at its types` });
    continue;
  }
  try {
    await look(one);
  } catch (error) {
    say({ note: `${one.name}: its types could not be looked at: ${error instanceof Error ? error.message : String(error)}` });
  }
}

async function look(one: Package): Promise<void> {
  const configured = ['tsconfig.json', 'jsconfig.json'].some((name) => existsSync(join(question.workspace, one.directory, name)));
  if (mode === 'own' && !configured) return;
  const asked = one.sources.filter((path) => mode === 'own' || /\.[cm]?jsx?$/.test(path));
  const files = await notIgnored(question.workspace, one.directory, asked);
  if (files.length === 0) {
    if (mode === 'strict') say({ note: `${one.name}: no JavaScript that people write` });
    return;
  }
  const scope: PackageScope = { workspace: question.workspace, package: one.directory, mode, files };
  const began = Date.now();
  const diagnosis = await ask({ op: 'diagnose', scope, coverage: true });
  report(one, files, diagnosis, Date.now() - began);
  if (diagnosis.items.length === 0) return;

  const stem = `types-${mode}-${createHash('sha256').update(one.directory).digest('hex').slice(0, 8)}`;
  writeFileSync(join(question.shared, `${stem}-sources.json`), JSON.stringify(files));
  const seen = await recorded(one, files, `${stem}-recording.json`);
  const recording = seen === null ? null : seen.name;
  if (seen !== null) {
    const { found } = await ask({ op: 'untrue', scope, recording: join(question.shared, seen.name) });
    for (const { path, line, says } of found.slice(0, UNTRUE_MAX))
      say({
        finding: {
          kind: 'untrue-annotation',
          title: `${path}:${line}: ${says}`,
          detail: 'seen in a call that ended well',
          path,
          line,
          show: testLine(seen.commands),
        },
      });
  }
  for (const path of calleesFirst(question.workspace, files)) await task(path, one, scope, diagnosis, stem, recording);
}

function report(one: Package, files: readonly string[], { items, compiler, coverage }: DiagnoseAnswer, ms: number): void {
  const where = one.directory === '' ? '' : `${one.directory}: `;
  const what = mode === 'strict' ? 'errors under checkJs and strict' : "errors under the repository's own tsconfig.json";
  const command = showLine(one, files);
  const per = new Map<string, number>();
  for (const { path } of items) per.set(path, (per.get(path) ?? 0) + 1);
  const worst = [...per]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, 5)
    .map(([path, n]) => `${path} ${n}`)
    .join(', ');
  if (items.length > 0)
    say({
      finding: {
        kind: 'type-error',
        title: `${where}${items.length} ${what} in ${per.size} of ${files.length} hand-written files`,
        detail: `${worst}; ${compiler}, ${ms} ms; generated files that they import are not counted`,
        path: null,
        line: null,
        show: command,
      },
    });
  say({
    measure: {
      name: mode === 'strict' ? 'strict-errors' : 'type-errors',
      value: items.length,
      unit: 'errors',
      text: `${where}${items.length} ${what}`,
    },
  });
  if (coverage !== null && coverage.identifiers > 0) {
    const share = Math.round((1000 * coverage.typed) / coverage.identifiers) / 10;
    say({
      measure: {
        name: 'type-coverage',
        value: share,
        unit: '%',
        text: `${where}${coverage.typed} of ${coverage.identifiers} identifiers have a known type`,
      },
    });
  }
}

/** The same question for a person to ask. Counted are the files that people write; what they import is read too. */
function showLine(one: Package, files: readonly string[]): string {
  const inside = (path: string): string => (one.directory === '' ? path : path.slice(one.directory.length + 1));
  const here = one.directory === '' ? '' : `cd ${one.directory} && `;
  if (mode === 'own') return `${here}npx tsc --noEmit`;
  const options =
    '--noEmit --allowJs --checkJs --strict --skipLibCheck --esModuleInterop --resolveJsonModule --target es2023 --module nodenext';
  return `${here}npx -p typescript@5.9.3 tsc ${options} ${files.map((path) => shellWord(inside(path))).join(' ')}`;
}

function shellWord(word: string): string {
  return /^[\w./@-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A line a person can run; a list of many files is not one. */
function testLine(commands: readonly string[]): string {
  const line = commands.at(-1) ?? 'npm test';
  return line.length > SHOWN_MAX ? 'npm test' : line;
}

/** Runs the recorder once; the recording's name in the shared directory, or null with a note that says why. */
async function recorded(
  one: Package,
  files: readonly string[],
  name: string,
): Promise<{ readonly name: string; readonly commands: readonly string[] } | null> {
  const commands = unitTestLines(question.workspace, one.directory, question.checks);
  if (commands.length === 0) {
    say({ note: `${one.name}: no test command was found, so no type can be checked against real values` });
    return null;
  }
  const began = Date.now();
  const budgetMs = left() * RECORDING_SHARE;
  const run = (lines: readonly string[], deadlineMs: number): Promise<Recording> =>
    record({
      workspace: question.workspace,
      package: one.directory,
      files,
      commands: lines,
      deadlineMs: Math.max(0, Math.floor(deadlineMs)),
    });
  let recording = await run(commands, budgetMs);
  if (seenIn(recording) === 0) {
    // A runner that first builds or checks something may never come to the tests: Node's own needs nothing.
    const direct = nodeTests(one);
    if (direct !== null) recording = await run([direct], budgetMs - (Date.now() - began));
  }
  const functions = Object.values(recording.files).flatMap((file) => file.functions);
  const seen = seenIn(recording);
  const ran = recording.commands.map((line) => (line.length > 100 ? `${line.slice(0, 100)}…` : line)).join(' && ');
  for (const note of recording.notes.slice(0, 5)) say({ note: `${one.name}: ${note.slice(0, 300)}` });
  say({
    measure: {
      name: 'functions-seen',
      value: seen,
      unit: 'functions',
      text: `${seen} of ${functions.length} functions were called to a good end by ${ran}, in ${Date.now() - began} ms`,
    },
  });
  if (seen === 0) return null;
  writeFileSync(join(question.shared, name), JSON.stringify(recording));
  return { name, commands: recording.commands };
}

function seenIn(recording: Recording): number {
  return Object.values(recording.files).reduce((sum, { functions }) => sum + functions.filter((slot) => slot !== null).length, 0);
}

/** The package's tests for `node --test`, where they are written for it. */
function nodeTests(one: Package): string | null {
  const tests = one.tests
    .filter(
      (path) => /\.[cm]?js$/.test(path) && /['"](?:node:)?test['"]/.test(readFileSync(join(question.workspace, path), 'utf8')),
    )
    .slice(0, TEST_FILES_MAX);
  const inside = tests.map((path) => (one.directory === '' ? path : path.slice(one.directory.length + 1)));
  return inside.length === 0 ? null : `node --test ${inside.map(shellWord).join(' ')}`;
}

async function task(
  path: string,
  one: Package,
  scope: PackageScope,
  { items }: DiagnoseAnswer,
  stem: string,
  recording: string | null,
): Promise<void> {
  const here = items.filter((item) => item.path === path);
  if (here.length === 0 || tasks >= TASKS_MAX) return;
  if (!(await promising(path, scope, recording))) return;
  tasks += 1;
  const errors = here
    .slice(0, ERRORS_SHOWN)
    .map(({ line, column, code, message }) => `${path}:${line}:${column} TS${code} ${message}`.slice(0, ERROR_LENGTH));
  const input: TaskInput = { file: path, package: one.directory, mode, sources: `${stem}-sources.json`, recording, errors };
  say({
    task: {
      id: idOf(path),
      title: mode === 'strict' ? `True types for ${path}` : `Errors of the compiler in ${path}`,
      text: text(path),
      needs: [],
      claims: [path],
      checks: [],
      agent: null,
      estimate: 2000 + 100 * here.length,
      rivals,
      judge,
      mends: null,
      input: JSON.stringify(input),
    },
  });
}

/** Whether an agent without a model would get anywhere: a task that nobody can do is noise. Agents with one always may. */
async function promising(path: string, scope: PackageScope, recording: string | null): Promise<boolean> {
  if (rivals.some((rival) => !/^(?:recorder|infer)(?:-own)?$/.test(rival)) || left() < PROPOSALS_MS) return true;
  for (const agent of ['recorder', 'infer'] as const) {
    if (agent === 'recorder' && recording === null) continue;
    const answer = await ask({
      op: 'annotate',
      scope,
      agent,
      file: path,
      recording: recording === null ? null : join(question.shared, recording),
      deadline: Date.now() + PROPOSALS_MS,
    });
    if (answer.closed.length > 0) return true;
  }
  return false;
}

/** It becomes the body of a commit: what was asked, and no list of what is wrong. That is in the task's input. */
function text(path: string): string {
  const what =
    mode === 'strict'
      ? `Give ${path} types that are true, as JSDoc in the style of the file. Change no code.`
      : `Mend what the compiler says of ${path} under the repository's own options.`;
  return `${what}\n\nEvery type is checked against the values that the tests really pass; any, object, Function and casts are refused.`;
}

/** `types-lib-parse-url`; a second file of that name in another form gets a number. */
function idOf(path: string): string {
  const bare = path
    .replace(/\.[cm]?[jt]sx?$/, '')
    .replace(/[^\w]+/g, '-')
    .replace(/^-/, '');
  const stem = `${mode === 'strict' ? 'types' : 'type-errors'}-${bare}`.slice(0, 190);
  let id = stem;
  for (let nth = 2; ids.has(id); nth++) id = `${stem}-${nth}`;
  ids.add(id);
  return id;
}
