/**
 * Rewrites one source so that every call of its functions is reported: arguments, `this` and result at their real place, line
 * numbers unchanged, directives still first, parameters untouched so that `length` and defaults stay what they were. The
 * reports go to the global `__skeinRecorder` that recorder-runtime.ts defines; the rewritten file loads it itself.
 */
import type classic from 'typescript-classic';
import { classesOf, functionsOf, isFunction, parametersOf, type FunctionNode } from './functions.ts';

type TypeScript = typeof classic;

export interface Instrumented {
  readonly text: string;
  readonly functions: number;
}

export interface Placement {
  /** Number of the first function and of the first class: the n-th of the file is reported as first + n. */
  readonly firstFunction: number;
  readonly firstClass: number;
  /** Absolute path of the runtime. */
  readonly runtime: string;
  readonly module: boolean;
}

export function instrument(ts: TypeScript, path: string, text: string, placement: Placement): Instrumented | null {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  if (text.includes('__skeinRecorder') || syntaxErrors(source) > 0) return null;
  const edits: { at: number; order: number; text: string }[] = [];
  const insert = (at: number, order: number, added: string): void => void edits.push({ at, order, text: added });

  const load = placement.module
    ? `import ${JSON.stringify(`file://${placement.runtime}`)};`
    : `require(${JSON.stringify(placement.runtime)});`;
  insert(afterDirectives(ts, source.statements, source.text.startsWith('#!') ? text.indexOf('\n') + 1 : 0), 0, `;${load}`);

  const functions = functionsOf(ts, source);
  functions.forEach((node, index) => {
    if (mentionsArgumentsBinding(ts, node)) return;
    const number = placement.firstFunction + index;
    const body = node.body!;
    const name = `__s${number}`;
    const own = !ts.isArrowFunction(node);
    const values = own
      ? 'arguments'
      : `[${parametersOf(ts, node)
          .map(({ name: parameter, dotDotDotToken }) =>
            ts.isIdentifier(parameter)
              ? `${dotDotDotToken === undefined ? '' : '...'}${parameter.text}`
              : '__skeinRecorder.unseen',
          )
          .join(',')}]`;
    // Before super() there is no `this`; a constructor's own is of no interest anyway.
    const self = own && !ts.isConstructorDeclaration(node) ? 'this' : 'undefined';
    const target = ts.isFunctionDeclaration(node) || ts.isFunctionExpression(node) ? 'new.target' : 'undefined';
    const enter = `const ${name}=__skeinRecorder.enter(${number},${values},${self},${target});try{`;
    const leave = `}catch(__e){__skeinRecorder.threw(${name});throw __e}finally{__skeinRecorder.leave(${name})}`;
    if (ts.isBlock(body)) {
      const open = afterDirectives(ts, body.statements, body.getStart(source) + 1);
      if (open === body.end - 1) insert(open, 1, ` ;${enter}${leave}`);
      else {
        insert(open, 1, ` ;${enter}`);
        insert(body.end - 1, -1, leave);
      }
      for (const statement of returnsOf(ts, body)) {
        insert(statement.expression!.getStart(source), 2, `__skeinRecorder.gave(${name},(`);
        insert(statement.expression!.end, -2, '))');
      }
    } else {
      insert(body.getStart(source), 1, `{${enter}return __skeinRecorder.gave(${name},(`);
      insert(body.end, -1, `))${leave}}`);
    }
  });
  classesOf(ts, source).forEach((node, index) => {
    const open = source.text.indexOf('{', node.members.pos - 1);
    insert(open + 1, 0, `static{__skeinRecorder.owns(this,${placement.firstClass + index})}`);
  });

  // At one place: what closes comes before what opens, inner closings before outer ones.
  const sequence = edits.map((edit, index) => ({ ...edit, index }));
  sequence.sort(
    (a, b) => a.at - b.at || Math.sign(a.order) - Math.sign(b.order) || (a.order < 0 ? b.index - a.index : a.index - b.index),
  );
  let out = '';
  let last = 0;
  for (const { at, text: added } of sequence) {
    out += text.slice(last, at) + added;
    last = at;
  }
  return { text: out + text.slice(last), functions: functions.length };
}

function syntaxErrors(source: classic.SourceFile): number {
  return (source as unknown as { parseDiagnostics?: readonly unknown[] }).parseDiagnostics?.length ?? 0;
}

function afterDirectives(ts: TypeScript, statements: readonly classic.Statement[], start: number): number {
  let at = start;
  for (const statement of statements) {
    if (!ts.isExpressionStatement(statement) || !ts.isStringLiteral(statement.expression)) break;
    at = statement.end;
  }
  return at;
}

function returnsOf(ts: TypeScript, body: classic.Block): classic.ReturnStatement[] {
  const found: classic.ReturnStatement[] = [];
  const visit = (node: classic.Node): void => {
    if (isFunction(ts, node) || ts.isClassStaticBlockDeclaration(node)) return;
    if (ts.isReturnStatement(node) && node.expression !== undefined) found.push(node);
    ts.forEachChild(node, visit);
  };
  ts.forEachChild(body, visit);
  return found;
}

/** A parameter or variable called `arguments` hides the real one. */
function mentionsArgumentsBinding(ts: TypeScript, node: FunctionNode): boolean {
  let hidden = false;
  const visit = (inner: classic.Node): void => {
    if ((ts.isParameter(inner) || ts.isVariableDeclaration(inner)) && inner.name.getText() === 'arguments') hidden = true;
    if (!hidden) ts.forEachChild(inner, visit);
  };
  visit(node);
  return hidden;
}
