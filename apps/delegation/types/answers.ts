/**
 * The questions that the warm compiler answers, and their answers: the same whether a service is asked or the asker does the
 * work itself. Compilers are kept by package and options; diagnoses of trees that were seen before are remembered.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { adopt, difference } from './adopt.ts';
import { Compiler, type Coverage, type Diagnosis, type PackageScope } from './compiler.ts';
import { codeHash, codeOffset, functionsOf, parametersOf } from './functions.ts';
import { mend } from './mend.ts';
import { fromRecording, fromUsage } from './propose.ts';
import type { Recording } from './record.ts';
import { accepts, primitivesOf } from './shapes.ts';
import { classMatcher, parameterShape, refusals, typesOf, type NewType } from './truth.ts';

export type Agent = 'infer' | 'recorder';

export type Question =
  | { readonly op: 'diagnose'; readonly scope: PackageScope; readonly coverage: boolean }
  | {
      readonly op: 'annotate';
      readonly scope: PackageScope;
      readonly agent: Agent;
      readonly file: string;
      /** Absolute path of the recording; null = there is none. */
      readonly recording: string | null;
      /** ms since the epoch. */
      readonly deadline: number;
    }
  | { readonly op: 'judge'; readonly scope: PackageScope; readonly base: string; readonly recording: string | null }
  | { readonly op: 'untrue'; readonly scope: PackageScope; readonly recording: string };

export interface DiagnoseAnswer extends Diagnosis {
  readonly coverage: Coverage | null;
}
export interface AnnotateAnswer {
  readonly text: string;
  readonly closed: readonly string[];
  readonly kept: number;
  readonly dropped: readonly string[];
}
export interface JudgeVerdict {
  readonly closed: readonly string[];
  readonly refused: readonly { readonly rule: string; readonly detail: string }[];
  /** Sources that differ from the base. */
  readonly changed: readonly string[];
}
export interface UntrueAnswer {
  readonly found: readonly { readonly path: string; readonly line: number; readonly says: string }[];
}

export interface Answers {
  readonly diagnose: DiagnoseAnswer;
  readonly annotate: AnnotateAnswer;
  readonly judge: JudgeVerdict;
  readonly untrue: UntrueAnswer;
}

/** A compiler of a large package holds some 300 MB: two packages, each strict and under its own options. */
const COMPILERS_MAX = 4;
const DIAGNOSES_MAX = 64;
const NOT_RECORDED = 'the code is not the code that was recorded';
const OPENED_SHOWN = 5;

const compilers = new Map<string, Compiler>();
const diagnoses = new Map<string, Diagnosis>();
const annotations = new Map<string, AnnotateAnswer>();

function compilerOf(scope: PackageScope): Compiler {
  const key = JSON.stringify([scope.package, scope.mode]);
  const known = compilers.get(key);
  if (known !== undefined) {
    compilers.delete(key);
    compilers.set(key, known);
    known.open(scope);
    return known;
  }
  const made = new Compiler(scope);
  compilers.set(key, made);
  for (const oldest of [...compilers.keys()].slice(0, Math.max(0, compilers.size - COMPILERS_MAX))) compilers.delete(oldest);
  return made;
}

/** Equal for two checkouts whose counted files are equal. */
function stateOf(compiler: Compiler, scope: PackageScope): string {
  const hash = createHash('sha256').update(JSON.stringify([scope.package, scope.mode]));
  for (const path of scope.files) hash.update(`${path}\0${compiler.text(path)}\0`);
  return hash.digest('hex');
}

function diagnosed(compiler: Compiler, scope: PackageScope): Diagnosis {
  const key = stateOf(compiler, scope);
  const known = diagnoses.get(key);
  if (known !== undefined) return known;
  const made = compiler.diagnose();
  diagnoses.set(key, made);
  for (const oldest of [...diagnoses.keys()].slice(0, Math.max(0, diagnoses.size - DIAGNOSES_MAX))) diagnoses.delete(oldest);
  return made;
}

const recordingAt = (path: string | null): Recording | null =>
  path === null ? null : (JSON.parse(readFileSync(path, 'utf8')) as Recording);

export function answer<Q extends Question>(question: Q): Answers[Q['op']] {
  return answered(question) as Answers[Q['op']];
}

function answered(question: Question): Answers[Question['op']] {
  switch (question.op) {
    case 'diagnose': {
      const compiler = compilerOf(question.scope);
      return { ...diagnosed(compiler, question.scope), coverage: question.coverage ? compiler.coverage() : null };
    }
    case 'annotate':
      return annotate(question);
    case 'judge':
      return judge(question);
    case 'untrue':
      return untrue(question);
  }
}

function annotate({ scope, agent, file, recording, deadline }: Extract<Question, { op: 'annotate' }>): AnnotateAnswer {
  const compiler = compilerOf(scope);
  // The probe asks first, to see whether a task is worth it; the agent then asks the same of the same tree.
  const key = JSON.stringify([stateOf(compiler, scope), agent, file, recording]);
  const known = annotations.get(key);
  if (known !== undefined) return known;
  const seen = recordingAt(recording)?.files[file] ?? null;
  const current = seen !== null && seen.code === codeHash(compiler.ts, file, compiler.text(file)) ? seen : null;
  if (agent === 'recorder' && current === null)
    return { text: compiler.text(file), closed: [], kept: 0, dropped: [NOT_RECORDED] };
  const proposals = agent === 'recorder' ? fromRecording(compiler, file, current!, scope.package) : fromUsage(compiler, file);
  const adopted = adopt(compiler, file, proposals, current, scope.package, deadline);
  const mended =
    agent === 'infer' && scope.mode === 'own' ? mend(compiler, file, adopted.text, deadline) : { text: adopted.text, closed: [] };
  const made: AnnotateAnswer = {
    text: mended.text,
    closed: [...adopted.closed, ...mended.closed],
    kept: adopted.kept.length,
    dropped: adopted.dropped.map(({ because }) => because),
  };
  if (Date.now() < deadline) annotations.set(key, made);
  for (const oldest of [...annotations.keys()].slice(0, Math.max(0, annotations.size - DIAGNOSES_MAX)))
    annotations.delete(oldest);
  return made;
}

function judge({ scope, base, recording }: Extract<Question, { op: 'judge' }>): JudgeVerdict {
  const before = compilerOf({ ...scope, workspace: base });
  const was = diagnosed(before, scope);
  const texts = new Map(scope.files.map((path) => [path, before.text(path)]));
  const compiler = compilerOf(scope);
  const is = diagnosed(compiler, scope);
  const { closed, opened } = difference(was, is);
  const changed = scope.files.filter((path) => texts.get(path) !== compiler.text(path));
  const refused: { rule: string; detail: string }[] = opened
    .slice(0, OPENED_SHOWN)
    .map(({ path, line, code, message }) => ({ rule: 'noise', detail: `${path}:${line}: new error TS${code}: ${message}` }));
  const seen = recordingAt(recording);
  const closedAt = new Set(was.items.filter(({ key }) => closed.includes(key)).map(({ path, at }) => `${path} ${at}`));
  for (const path of changed) {
    const { added, refused: untruths } = refusals(compiler, path, texts.get(path)!, seen?.files[path] ?? null, scope.package);
    refused.push(...untruths.map(({ rule, detail }) => ({ rule, detail })));
    if (opened.length > 0 || untruths.length > 0) continue;
    for (const type of added)
      if (!closes(compiler, path, type, closedAt) && isNeedless(compiler, path, type, is))
        refused.push({
          rule: 'needless',
          detail: `${path}:${type.line}: ${type.name} is known to the compiler without it, and it closes nothing`,
        });
  }
  return { closed: opened.length > 0 ? [] : closed, refused, changed };
}

function closes(compiler: Compiler, path: string, type: NewType, closedAt: ReadonlySet<string>): boolean {
  const source = compiler.source(path)!;
  if (type.index < 0) return false;
  const start = type.declaration.getStart(source);
  return closedAt.has(`${path} ${codeOffset(compiler.ts, source, start)}`);
}

/** Without this one type everything is as well as with it. */
function isNeedless(compiler: Compiler, path: string, type: NewType, is: Diagnosis): boolean {
  const { ts } = compiler;
  const source = compiler.source(path)!;
  const { text } = source;
  const tag = ts.findAncestor(type.node, (node) => node.parent !== undefined && ts.isJSDoc(node.parent));
  let without: string;
  if (tag !== undefined && ts.isJSDoc(tag.parent)) {
    const block = tag.parent;
    const from = (block.tags?.length ?? 0) <= 1 ? block.pos : tag.pos;
    const to = (block.tags?.length ?? 0) <= 1 ? block.end : tag.end;
    without = text.slice(0, from) + text.slice(to);
    if ((block.tags?.length ?? 0) > 1 && !text.slice(from, to).includes('\n'))
      without = `${text.slice(0, from)}${text.slice(to)}`;
  } else {
    const colon = text.lastIndexOf(':', type.node.getStart(source));
    without = text.slice(0, text[colon - 1] === '?' ? colon - 1 : colon) + text.slice(type.node.end);
  }
  compiler.try(path, without);
  const after = compiler.diagnose();
  compiler.try(path, null);
  return difference(is, after).opened.length === 0;
}

/** Types that stand in the code today and that values seen in tests contradict. Only what is certain. */
function untrue({ scope, recording }: Extract<Question, { op: 'untrue' }>): UntrueAnswer {
  const compiler = compilerOf(scope);
  const { ts } = compiler;
  const seen = recordingAt(recording)!;
  const found: { path: string; line: number; says: string }[] = [];
  const same = classMatcher(compiler);
  for (const path of scope.files) {
    const source = compiler.source(path);
    const evidence = seen.files[path];
    if (source === undefined || evidence === undefined || evidence.code !== codeHash(ts, path, source.text)) continue;
    const checker = compiler.program.getTypeChecker();
    const functions = functionsOf(ts, source);
    for (const type of typesOf(ts, source).declared) {
      const slot = evidence.functions[type.place];
      // A type put together from several tags reads otherwise to people than to the compiler: that is not certain.
      if (
        type.index < 0 ||
        ts.isJSDocTypeLiteral(type.node) ||
        ts.isJSDocNullableType(type.node) ||
        slot === null ||
        slot === undefined
      )
        continue;
      const node = functions[type.place]!;
      const parameter = parametersOf(ts, node)[type.index]!;
      const declared = checker.getTypeAtLocation(parameter);
      const shape = primitivesOf(parameterShape(ts, node, type.index, slot));
      const { answer: holds, because } = accepts(ts, checker, declared, shape, same);
      if (holds === 'no')
        found.push({ path, line: type.line, says: `${type.name} says ${type.node.getText(source)}, the tests pass ${because}` });
    }
  }
  return { found };
}
