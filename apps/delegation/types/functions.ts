/**
 * Functions of a source file by their place: the n-th function that has a body. Comments and types do not move them, so a
 * recording made before an annotation still speaks of the same functions after it. `codeHash` says whether the code is the same.
 */
import { createHash } from 'node:crypto';
import type classic from 'typescript-classic';

type TypeScript = typeof classic;
export type FunctionNode =
  | classic.FunctionDeclaration
  | classic.FunctionExpression
  | classic.ArrowFunction
  | classic.MethodDeclaration
  | classic.ConstructorDeclaration
  | classic.GetAccessorDeclaration
  | classic.SetAccessorDeclaration;

/** Functions with bodies, in the order of their first characters. */
export function functionsOf(ts: TypeScript, source: classic.SourceFile): FunctionNode[] {
  const found: FunctionNode[] = [];
  const visit = (node: classic.Node): void => {
    if (isFunction(ts, node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

export function isFunction(ts: TypeScript, node: classic.Node): node is FunctionNode {
  return (
    (ts.isFunctionDeclaration(node) ||
      ts.isFunctionExpression(node) ||
      ts.isArrowFunction(node) ||
      ts.isMethodDeclaration(node) ||
      ts.isConstructorDeclaration(node) ||
      ts.isGetAccessorDeclaration(node) ||
      ts.isSetAccessorDeclaration(node)) &&
    node.body !== undefined
  );
}

/** Parameters that values are passed to; TypeScript's `this` is none. */
export function parametersOf(ts: TypeScript, node: FunctionNode): readonly classic.ParameterDeclaration[] {
  return node.parameters.filter(({ name }) => !(ts.isIdentifier(name) && name.text === 'this'));
}

/** Classes of a source file in the same manner. */
export function classesOf(ts: TypeScript, source: classic.SourceFile): classic.ClassLikeDeclaration[] {
  const found: classic.ClassLikeDeclaration[] = [];
  const visit = (node: classic.Node): void => {
    if (ts.isClassLike(node)) found.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Equal for two texts that differ in comments, types and blanks only. */
export function codeHash(ts: TypeScript, path: string, text: string): string {
  const { outputText } = ts.transpileModule(text, {
    fileName: path,
    reportDiagnostics: false,
    compilerOptions: { allowJs: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.Preserve, removeComments: true },
  });
  return createHash('sha256').update(outputText.replace(/\s+/g, ' ')).digest('hex').slice(0, 32);
}

/** What people call the innermost named function or class around a position: `Router.prototype.on`, `Node.split`; '' = none. */
export function ownerName(ts: TypeScript, source: classic.SourceFile, position: number): string {
  let name = '';
  let within = '';
  const visit = (node: classic.Node): void => {
    if (node.pos > position || node.end <= position) return;
    if (ts.isClassLike(node)) within = node.name?.text ?? '';
    if (isFunction(ts, node)) {
      const { parent } = node;
      let own = node.name?.getText(source) ?? '';
      if (ts.isConstructorDeclaration(node)) own = 'constructor';
      else if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent))
        own = parent.name.getText(source);
      else if (ts.isBinaryExpression(parent) && parent.right === node) own = parent.left.getText(source);
      if (own !== '' && own.length <= 60) name = ts.isClassLike(parent) && within !== '' ? `${within}.${own}` : own;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return name.replace(/\s+/g, ' ');
}

const offsets = new WeakMap<classic.SourceFile, Uint32Array>();

/** How many characters of code stand before `position`: comments and blanks are not counted. */
export function codeOffset(ts: TypeScript, source: classic.SourceFile, position: number): number {
  let table = offsets.get(source);
  if (table === undefined) {
    table = new Uint32Array(source.text.length + 1).fill(1);
    const skip = (from: number, to: number): void => void table!.fill(0, from, to);
    const visit = (node: classic.Node): void => {
      // Only tokens carry trivia of their own; a JSDoc node is trivia of the token after it. Types count as trivia, with what ties
      // them to a name, so that a type that comes or goes moves nothing.
      const children = node.getChildren(source).filter((child) => !isDocumentation(ts, child));
      children.forEach((child, i) => {
        const next = children[i + 1];
        const after = children[i + 2];
        const typed = next !== undefined && ts.isTypeNode(next);
        const ties =
          (child.kind === ts.SyntaxKind.ColonToken && typed) ||
          (child.kind === ts.SyntaxKind.QuestionToken &&
            next?.kind === ts.SyntaxKind.ColonToken &&
            after !== undefined &&
            ts.isTypeNode(after)) ||
          (ts.isArrowFunction(node) &&
            (child.kind === ts.SyntaxKind.OpenParenToken || child.kind === ts.SyntaxKind.CloseParenToken));
        if (ties || (ts.isTypeNode(child) && !ts.isExpressionWithTypeArguments(child))) skip(child.pos, child.end);
        else visit(child);
      });
      if (children.length === 0) skip(node.pos, ts.isJsxText(node) ? node.pos : node.getStart(source, false));
    };
    visit(source);
    let sum = 0;
    for (let i = 0; i < table.length; i++) {
      const here = table[i]!;
      table[i] = sum;
      sum += here;
    }
    offsets.set(source, table);
  }
  return table[Math.min(position, source.text.length)]!;
}

function isDocumentation(ts: TypeScript, node: classic.Node): boolean {
  return node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode;
}
