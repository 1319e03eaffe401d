/**
 * Writes types into a file the way its authors would have: JSDoc blocks in the file's indentation and line ends, existing
 * blocks extended instead of doubled, real annotations in TypeScript. Above a comment that directs a tool at the next line,
 * because such a comment must stay next to it. Knows nothing of whether a type is true.
 */
import type classic from 'typescript-classic';
import { functionsOf, parametersOf, type FunctionNode } from './functions.ts';

type TypeScript = typeof classic;

export interface ParameterType {
  readonly index: number;
  readonly type: string;
  readonly optional: boolean;
  readonly rest: boolean;
}

/** Types for one function, by its place in the file. */
export interface FunctionTypes {
  readonly kind: 'function';
  readonly place: number;
  readonly parameters: readonly ParameterType[];
}

/** A type for a declaration that is no function: the statement that starts at this many characters of text. */
export interface StatementType {
  readonly kind: 'statement';
  readonly start: number;
  readonly type: string;
}

export type Proposal = FunctionTypes | StatementType;

interface Edit {
  readonly at: number;
  readonly end: number;
  readonly text: string;
}

const DIRECTIVE =
  /^(?:\/\*+|\/\/)\s*(?:eslint-disable|(?:c8|v8|istanbul) ignore|node:coverage|@ts-|prettier-ignore|biome-ignore|oxlint-disable|oxfmt-ignore|#__|@__|webpack|global |exported )/;

/** The file with the types written in. A proposal that has no place to be written is left out. */
export function withTypes(ts: TypeScript, path: string, text: string, proposals: readonly Proposal[]): string {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const functions = functionsOf(ts, source);
  const edits: Edit[] = [];
  for (const proposal of proposals) {
    if (proposal.kind === 'function') {
      const node = functions[proposal.place];
      if (node !== undefined)
        edits.push(...(isTyped(path) ? annotations(ts, source, node, proposal) : documentation(ts, source, node, proposal)));
    } else edits.push(...statementEdits(ts, source, proposal));
  }
  edits.sort((a, b) => b.at - a.at || b.end - a.end);
  let out = text;
  for (const { at, end, text: added } of edits) out = out.slice(0, at) + added + out.slice(end);
  return out;
}

export const isTyped = (path: string): boolean => /\.[cm]?tsx?$/.test(path);

/** Whether a function stands where a JSDoc block above it counts and reads well. */
export function isWritable(ts: TypeScript, source: classic.SourceFile, node: FunctionNode): boolean {
  if (isTyped(source.fileName)) return true;
  const told = toldByClass(ts, node);
  const untold = parametersOf(ts, node).some(({ name }) => !ts.isIdentifier(name) || !told.includes(name.text));
  return hostOf(ts, source, node) !== null && (untold || told.length === 0);
}

function annotations(ts: TypeScript, source: classic.SourceFile, node: FunctionNode, types: FunctionTypes): Edit[] {
  const edits: Edit[] = [];
  const parameters = parametersOf(ts, node);
  for (const { index, type, optional, rest } of types.parameters) {
    const parameter = parameters[index];
    if (parameter === undefined || parameter.type !== undefined) continue;
    const bare = ts.isArrowFunction(node) && !source.text.slice(node.getStart(source), node.body.pos).includes('(');
    const mark = optional && parameter.initializer === undefined && parameter.questionToken === undefined && !rest ? '?' : '';
    const written = `${mark}: ${rest ? (type.includes(' ') ? `(${type})[]` : `${type}[]`) : type}`;
    edits.push({ at: parameter.name.end, end: parameter.name.end, text: bare ? `${written})` : written });
    if (bare) edits.push({ at: parameter.getStart(source), end: parameter.getStart(source), text: '(' });
  }
  return edits;
}

/** The statement or member whose JSDoc block speaks of the function; null = nowhere, or not at the start of a line. */
function hostOf(ts: TypeScript, source: classic.SourceFile, node: FunctionNode): classic.Node | null {
  let host: classic.Node | null = null;
  const parent = node.parent;
  if (ts.isFunctionDeclaration(node) || ts.isClassElement(node)) host = node;
  else if (ts.isVariableDeclaration(parent) && parent.initializer === node) {
    const list = parent.parent;
    if (ts.isVariableDeclarationList(list) && list.declarations.length === 1 && ts.isVariableStatement(list.parent))
      host = list.parent;
  } else if (ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) host = parent;
  else if (ts.isMethodDeclaration(node)) host = node;
  else if (
    ts.isBinaryExpression(parent) &&
    parent.operatorToken.kind === ts.SyntaxKind.EqualsToken &&
    parent.right === node &&
    ts.isExpressionStatement(parent.parent)
  )
    host = parent.parent;
  return host !== null && startsLine(source.text, host.getStart(source)) ? host : null;
}

function startsLine(text: string, at: number): boolean {
  return /^[ \t]*$/.test(text.slice(text.lastIndexOf('\n', at - 1) + 1, at));
}

function documentation(ts: TypeScript, source: classic.SourceFile, node: FunctionNode, types: FunctionTypes): Edit[] {
  const host = hostOf(ts, source, node);
  if (host === null) return [];
  const parameters = parametersOf(ts, node);
  const told = toldByClass(ts, node);
  const tags = types.parameters.flatMap(({ index, type, optional, rest }) => {
    const name = parameters[index]?.name;
    if (name === undefined || !ts.isIdentifier(name) || told.includes(name.text)) return [];
    return [
      { name: name.text, type: rest ? `...${type.includes(' ') ? `(${type})` : type}` : type, optional: optional && !rest },
    ];
  });
  const blocks = ts.getJSDocCommentsAndTags(host).filter((block) => ts.isJSDoc(block));
  const block = blocks.at(-1);
  if (tags.length === 0) return [];
  const written = tags.map(({ name, type, optional }) => `@param {${type}} ${optional ? `[${name}]` : name}`);
  if (block === undefined) return [newBlock(ts, source, host, written)];

  const edits: Edit[] = [];
  const known = [...(block.tags ?? [])].filter(ts.isJSDocParameterTag);
  const missing: string[] = [];
  tags.forEach((tag, i) => {
    const existing = known.find(({ name }) => ts.isIdentifier(name) && name.text === tag.name);
    if (existing === undefined) missing.push(written[i]!);
    else if (existing.typeExpression === undefined) {
      const at = existing.name.getStart(source);
      edits.push({
        at: existing.isBracketed ? source.text.lastIndexOf('[', at) : at,
        end: existing.isBracketed ? source.text.lastIndexOf('[', at) : at,
        text: `{${tag.type}} `,
      });
    }
  });
  if (missing.length > 0) edits.push(extended(source, block, known.at(-1), missing));
  return edits;
}

/** Parameters of a constructor that the comment above its class describes: the compiler does not read it there, but people do. */
function toldByClass(ts: TypeScript, node: FunctionNode): string[] {
  if (!ts.isConstructorDeclaration(node)) return [];
  return ts
    .getJSDocCommentsAndTags(node.parent)
    .flatMap((block) => (ts.isJSDoc(block) ? [...(block.tags ?? [])] : []))
    .flatMap((tag) => (ts.isJSDocParameterTag(tag) && ts.isIdentifier(tag.name) ? [tag.name.text] : []));
}

const lineEnd = (text: string): string => (text.includes('\r\n') ? '\r\n' : '\n');

function indentAt(text: string, at: number): string {
  const start = text.lastIndexOf('\n', at - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, at))![0];
}

function newBlock(ts: TypeScript, source: classic.SourceFile, host: classic.Node, lines: readonly string[]): Edit {
  const { text } = source;
  let at = host.getStart(source, false);
  const above = ts.getLeadingCommentRanges(text, host.getFullStart()) ?? [];
  for (const comment of above.toReversed()) {
    if (!DIRECTIVE.test(text.slice(comment.pos, comment.end)) || !startsLine(text, comment.pos)) break;
    at = comment.pos;
  }
  const indent = indentAt(text, at);
  const eol = lineEnd(text);
  const short = lines.length === 1 && (indent !== '' || !text.slice(host.getStart(source), host.end).includes('\n'));
  const block = short ? `/** ${lines[0]} */` : ['/**', ...lines.map((line) => ` * ${line}`), ' */'].join(`${eol}${indent}`);
  return { at, end: at, text: `${block}${eol}${indent}` };
}

function extended(
  source: classic.SourceFile,
  block: classic.JSDoc,
  after: classic.JSDocTag | undefined,
  lines: readonly string[],
): Edit {
  const { text } = source;
  const eol = lineEnd(text);
  const indent = indentAt(text, block.pos);
  const added = lines.map((line) => `${indent} * ${line}`).join(eol);
  const inner = text.slice(block.pos, block.end);
  if (!inner.includes('\n')) {
    const words = inner.slice(3, -2).trim();
    const kept = words === '' ? [] : words.startsWith('@') ? [`${indent} * ${words}`] : [`${indent} * ${words}`, `${indent} *`];
    return { at: block.pos, end: block.end, text: ['/**', ...kept, added, `${indent} */`].join(eol) };
  }
  // After the last @param that stands there; else before the first other tag; else at the end, set off by an empty line.
  const first = block.tags?.[0];
  const lineStart = (at: number): number => text.lastIndexOf('\n', at - 1) + 1;
  if (after !== undefined) {
    const next = block.tags?.find((tag) => tag.pos > after.pos);
    const end = next === undefined ? lineStart(block.end - 1) : lineStart(next.pos);
    let at = end;
    // Blank lines between the tag and what follows stay where they are.
    while (/^[ \t]*\*?[ \t]*\r?\n$/.test(text.slice(lineStart(at - 1), at))) at = lineStart(at - 1);
    return { at, end: at, text: `${added}${eol}` };
  }
  if (first !== undefined) return { at: lineStart(first.pos), end: lineStart(first.pos), text: `${added}${eol}` };
  const end = lineStart(block.end - 1);
  return { at: end, end, text: `${indent} *${eol}${added}${eol}` };
}

function statementEdits(ts: TypeScript, source: classic.SourceFile, { start, type }: StatementType): Edit[] {
  const { text } = source;
  if (!startsLine(text, start)) return [];
  let found: classic.Node | undefined;
  const visit = (node: classic.Node): void => {
    if (node.getStart(source, false) === start && (ts.isStatement(node) || ts.isPropertyDeclaration(node))) found ??= node;
    if (node.pos <= start && node.end > start) ts.forEachChild(node, visit);
  };
  visit(source);
  if (found === undefined || ts.getJSDocCommentsAndTags(found).length > 0) return [];
  return [newBlock(ts, source, found, [`@type {${type}}`])].map((edit) => ({
    ...edit,
    text: edit.text.replace(/^\/\*\*\s+(?:\*\s+)?(@type \{.*\})\s*\*\//s, '/** $1 */'),
  }));
}
