/**
 * Small changes of a program's meaning, one at a time: what a test suite that watches a line would notice. Taken from the tree
 * of a real parser, never from text; never in comments, strings, types, imports, logging, or messages of errors, nor where the
 * change is known to change nothing (a minimum taken with `<` is the same with `<=`) or the project says that no test looks
 * (coverage-ignore comments, platform and environment conditions).
 */
import type ts from 'typescript-classic';

export interface Mutant {
  readonly path: string;
  readonly line: number;
  readonly start: number;
  readonly end: number;
  /** Where the program must come for it to matter: coverage counts an operator to its right side, which may be skipped. */
  readonly reachedAt: number;
  /** The code that is not run when it is not reached. */
  readonly within: string;
  readonly from: string;
  readonly to: string;
  /** Behind `a test would not notice if`: `< were <=`. */
  readonly says: string;
  /** 1 a comparison, a condition or a bound: a test can nearly always tell. 2 a constant or a return: it may only save time. */
  readonly rank: 1 | 2;
}

type Ts = typeof ts;

/** A file with more lines is data, or would take all the time alone. */
const FILE_CHARS_MAX = 400_000;

const LOGGING =
  /^(?:console|log|logger|debug|debuglog|trace|warn|warning|process\.emitWarning|assert)\b|\b(?:debug|trace|info|warn|emitWarning|deprecate\w*)$/i;
const SURROUNDINGS =
  /\bprocess\.(?:platform|env|versions?|arch|stdout|stderr)\b|\bNODE_ENV\b|\bis(?:Windows|Win|Node\w*|Browser)\b|\bos\.platform\b/i;
/** Kept for speed alone: leaving it out changes no result. */
const REMEMBERED = /cache|memo|seen|visited/i;
/** `return done(err)` returns what nobody looks at. */
const CALLBACK =
  /(?:^|\.)(?:cb|callback|done|next|resolve|reject|fn|emit|send|end|nextTick|queueMicrotask|setImmediate|setTimeout|destroy)$/i;
const IGNORED = /(?:istanbul|c8|v8|node:coverage)\s+(ignore|disable|enable)(?:\s+(next|start|stop|else|if|file))?(?:\s+(\d+))?/g;

const SWAPS: Readonly<Record<string, string>> = {
  '===': '!==',
  '!==': '===',
  '==': '!=',
  '!=': '==',
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '&&': '||',
  '||': '&&',
  '+': '-',
  '-': '+',
};

/** Every mutant of a file, in order of place. Never throws; a file that does not parse has none. */
export function mutantsOf(parser: Ts, path: string, text: string): Mutant[] {
  if (text.length > FILE_CHARS_MAX) return [];
  const kind = /\.[cm]?tsx?$/.test(path)
    ? path.endsWith('x')
      ? parser.ScriptKind.TSX
      : parser.ScriptKind.TS
    : parser.ScriptKind.JSX;
  const source = parser.createSourceFile(path, text, parser.ScriptTarget.Latest, true, kind);
  if ((source as unknown as { parseDiagnostics?: unknown[] }).parseDiagnostics?.length) return [];
  const K = parser.SyntaxKind;
  const ignored = ignoredLines(text);
  const found: Mutant[] = [];
  visit(source);
  return found.toSorted((a, b) => a.start - b.start);

  function visit(node: ts.Node): void {
    if (skipped(node)) return;
    if (parser.isBinaryExpression(node)) binary(node);
    else if (node.kind === K.TrueKeyword || node.kind === K.FalseKeyword) constant(node);
    else if (parser.isReturnStatement(node)) returned(node);
    else if (parser.isNumericLiteral(node)) number(node);
    parser.forEachChild(node, visit);
  }

  function skipped(node: ts.Node): boolean {
    if (parser.isTypeNode(node) && !parser.isExpressionWithTypeArguments(node)) return true;
    if (
      parser.isImportDeclaration(node) ||
      parser.isExportDeclaration(node) ||
      parser.isInterfaceDeclaration(node) ||
      parser.isTypeAliasDeclaration(node) ||
      parser.isEnumDeclaration(node) ||
      parser.isJsxAttribute(node) ||
      parser.isThrowStatement(node) ||
      parser.isDecorator(node) ||
      node.kind === K.DeclareKeyword
    )
      return true;
    if (parser.canHaveModifiers(node) && parser.getModifiers(node)?.some((one) => one.kind === K.DeclareKeyword)) return true;
    if (parser.isNewExpression(node) && /(?:Error|Exception)$/.test(node.expression.getText(source))) return true;
    if (parser.isCallExpression(node)) {
      const callee = node.expression.getText(source);
      if (LOGGING.test(callee) || /^Symbol(?:\.for)?$|\.(?:sort|toSorted)$/.test(callee) || callee === 'require') return true;
    }
    return parser.isIfStatement(node) && /\b(?:debug|verbose|logger)\b/i.test(node.expression.getText(source));
  }

  function binary(node: ts.BinaryExpression): void {
    const from = node.operatorToken.getText(source);
    const to = SWAPS[from];
    if (to === undefined) return;
    const left = node.left.getText(source);
    const right = node.right.getText(source);
    if (SURROUNDINGS.test(left) || SURROUNDINGS.test(right)) return;
    if ((from === '+' || from === '-') && !isArithmetic(node)) return;
    if (/^[<>]=?$/.test(from) && (isLoopBound(node) || isMinimum(node, left, right) || isDecided(node, left, right))) return;
    add(node.operatorToken, to, `${from} were ${to}`, 1, node);
  }

  /** Neither side may be text: a sum with a string is a message, and `-` in it is not a slip that anybody makes. */
  function isArithmetic(node: ts.BinaryExpression): boolean {
    const texts = (part: ts.Expression): boolean =>
      parser.isStringLiteralLike(part) ||
      parser.isTemplateExpression(part) ||
      (parser.isParenthesizedExpression(part) && texts(part.expression)) ||
      (parser.isBinaryExpression(part) && (texts(part.left) || texts(part.right))) ||
      (parser.isCallExpression(part) &&
        /(?:toString|join|slice|String|concat|repeat|replace|stringify|trim|toFixed|padStart|padEnd)$/.test(
          part.expression.getText(source),
        ));
    let whole: ts.Node = node;
    while (parser.isBinaryExpression(whole.parent) && whole.parent.operatorToken.kind === K.PlusToken) whole = whole.parent;
    if (node.operatorToken.kind === K.MinusToken) return true;
    // Without a number beside it, a sum of two names may as well be a text.
    const numeric = (part: ts.Expression): boolean =>
      parser.isNumericLiteral(part) ||
      /(?:length|size|count|index|idx|offset|pos|position|start|end|num|len|\bi|\bj|\bn)$/i.test(part.getText(source));
    return !texts(whole as ts.Expression) && (numeric(node.left) || numeric(node.right));
  }

  /** One step past the end of a list or a text most often reads nothing and does nothing. */
  function isLoopBound(node: ts.Node): boolean {
    let at = node;
    while (parser.isBinaryExpression(at.parent) || parser.isParenthesizedExpression(at.parent)) at = at.parent;
    const { parent } = at;
    return (
      (parser.isForStatement(parent) && parent.condition === at) ||
      ((parser.isWhileStatement(parent) || parser.isDoStatement(parent)) && parent.expression === at)
    );
  }

  /** `a < b ? a : b`, `if (a < b) b = a`: equal operands give equal results. */
  function isMinimum(node: ts.BinaryExpression, left: string, right: string): boolean {
    const { parent } = node;
    if (parser.isConditionalExpression(parent) && parent.condition === node) {
      const branches = [parent.whenTrue.getText(source), parent.whenFalse.getText(source)];
      return branches.some((one) => one === left || one === right) || branches.every((one) => /^-?1$/.test(one));
    }
    if (!parser.isIfStatement(parent) || parent.expression !== node) return false;
    const then = parent.thenStatement.getText(source).replaceAll(/^[{\s]+|[};\s]+$/g, '');
    return [`${left} = ${right}`, `${right} = ${left}`].includes(then);
  }

  /** `if (n === 0) return` above: whether `n < 0` takes the equal or not is decided already. */
  function isDecided(node: ts.Node, left: string, right: string): boolean {
    let scope: ts.Node = node.parent;
    while (!parser.isFunctionLike(scope) && !parser.isSourceFile(scope)) scope = scope.parent;
    const before = text.slice(scope.getStart(source), node.getStart(source));
    return (
      [left, right].every((side) => side.length < 200) &&
      ['==', '!='].some((operator) =>
        [`${left} ${operator}`, `${right} ${operator}`].some(
          (start) =>
            before.includes(start) &&
            new RegExp(`=\\s*${escaped(start.startsWith(left) ? right : left)}(?![\\w.(\\[])`).test(
              before.slice(before.indexOf(start)),
            ),
        ),
      )
    );
  }

  function constant(node: ts.Node): void {
    const { parent } = node;
    const name = parser.isPropertyAssignment(parent) ? parent.name.getText(source) : '';
    // Descriptors and prototypes' marks are seldom anybody's behaviour.
    if (
      /^(?:enumerable|configurable|writable|__esModule|strict|recursive)$/.test(name) ||
      SURROUNDINGS.test(parent.getText(source).slice(0, 500))
    )
      return;
    const to = node.kind === K.TrueKeyword ? 'false' : 'true';
    add(node, to, `${node.getText(source)} were ${to}`, 2);
  }

  function returned(node: ts.ReturnStatement): void {
    const guard = parser.isIfStatement(node.parent)
      ? node.parent
      : parser.isBlock(node.parent) && parser.isIfStatement(node.parent.parent) && node.parent.statements.at(-1) === node
        ? node.parent.parent
        : null;
    const value = node.expression?.getText(source) ?? '';
    if (guard !== null && guard.elseStatement === undefined && isFollowed(guard)) {
      const condition = guard.expression.getText(source);
      if (REMEMBERED.test(condition) || REMEMBERED.test(value) || SURROUNDINGS.test(condition)) return;
      // `if (Array.isArray(list)) return list`: a short cut, and the long way often ends at the same.
      if (node.expression !== undefined && parser.isIdentifier(node.expression) && condition.includes(value)) return;
      add(node, ';', 'the early return were gone', 2);
      return;
    }
    const { expression } = node;
    if (
      expression === undefined ||
      !(parser.isIdentifier(expression) || parser.isPropertyAccessExpression(expression) || parser.isCallExpression(expression))
    )
      return;
    if (value === 'undefined' || (parser.isCallExpression(expression) && CALLBACK.test(expression.expression.getText(source))))
      return;
    add(expression, 'undefined', `undefined were returned instead of ${value.length > 40 ? 'the value' : value}`, 2);
  }

  /** Something is left to do behind it, so that going on makes a difference. */
  function isFollowed(statement: ts.IfStatement): boolean {
    const { parent } = statement;
    return (parser.isBlock(parent) || parser.isCaseOrDefaultClause(parent)) && parent.statements.at(-1) !== statement;
  }

  /** A bound: `x.slice(1)`, `length < 3`. */
  function number(node: ts.NumericLiteral): void {
    const { parent } = node;
    if (!/^[0-9]$/.test(node.text) || node.getText(source) !== node.text) return;
    const compared =
      parser.isBinaryExpression(parent) &&
      /^[!=]==?$/.test(parent.operatorToken.getText(source)) &&
      /(?:length|size|charCodeAt\(.*\)|indexOf\(.*\))$/.test(parent.left.getText(source));
    const cut =
      parser.isCallExpression(parent) &&
      /\.(?:slice|substring|substr|charAt|charCodeAt|codePointAt|at|splice|subarray)$/.test(parent.expression.getText(source));
    const to = String(Number(node.text) + 1);
    if (compared || cut) add(node, to, `${node.text} were ${to}`, 1);
  }

  function add(node: ts.Node, to: string, says: string, rank: Mutant['rank'], within: ts.Node = node): void {
    const start = node.getStart(source);
    const from = text.slice(start, node.getEnd());
    const { line } = source.getLineAndCharacterOfPosition(start);
    // One line, so that one line of shell can show it.
    if (from.includes('\n') || ignored(line)) return;
    found.push({
      path,
      line: line + 1,
      start,
      end: node.getEnd(),
      reachedAt: within.getStart(source),
      within: within.getText(source).split('\n')[0]!,
      from,
      to,
      says,
      rank,
    });
  }
}

/** Lines (from 0) that the project's coverage comments leave out. */
function ignoredLines(text: string): (line: number) => boolean {
  const lines = text.split('\n');
  const out = new Set<number>();
  let open = false;
  lines.forEach((line, n) => {
    if (open) out.add(n);
    for (const [, verb, what, count] of line.matchAll(IGNORED)) {
      if (what === 'file') for (let i = 0; i < lines.length; i += 1) out.add(i);
      else if (what === 'start' || verb === 'disable') open = true;
      else if (what === 'stop' || verb === 'enable') open = false;
      else for (let i = n; i <= n + (count === undefined ? blockLength(lines, n + 1) : Number(count)); i += 1) out.add(i);
    }
  });
  return (line) => out.has(line);
}

/** `ignore next` covers a statement: until the indentation is back where it was. */
function blockLength(lines: readonly string[], from: number): number {
  const depth = (line: string): number => line.length - line.trimStart().length;
  const base = depth(lines[from] ?? '');
  let n = 1;
  while (
    from + n < lines.length &&
    n < 200 &&
    (depth(lines[from + n]!) > base || (/^\s*[})\]]/.test(lines[from + n]!) && depth(lines[from + n]!) === base))
  )
    n += 1;
  return n;
}

function escaped(words: string): string {
  return words.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

export function applied(text: string, mutant: Mutant): string {
  return text.slice(0, mutant.start) + mutant.to + text.slice(mutant.end);
}

/** A sed script that makes the same change: the n-th time that the text stands in its line, as sed counts. Null when sed would miss it. */
export function sedOf(text: string, mutant: Mutant): string | null {
  const begin = text.lastIndexOf('\n', mutant.start - 1) + 1;
  const end = text.indexOf('\n', mutant.end);
  const line = text.slice(begin, end < 0 ? text.length : end);
  let nth = 1;
  let at = line.indexOf(mutant.from);
  for (; at >= 0 && at !== mutant.start - begin; at = line.indexOf(mutant.from, at + mutant.from.length)) nth += 1;
  if (at < 0) return null;
  const from = mutant.from.replaceAll(/[\\/.*[\]^$]/g, '\\$&');
  return `${mutant.line}s/${from}/${mutant.to.replaceAll(/[\\/&]/g, '\\$&')}/${nth === 1 ? '' : nth}`;
}
