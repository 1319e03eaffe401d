/**
 * The rules of truth: which new types of a changed file may not land, and the line that gave each away. Everything is asked of
 * the compiler and of the recording; what neither can answer is refused. The same rules hold for the agents here, which use
 * them to correct themselves, and for anybody else's change.
 */
import type classic from 'typescript-classic';
import type { Compiler } from './compiler.ts';
import { classesOf, codeHash, functionsOf, ownerName, parametersOf, type FunctionNode } from './functions.ts';
import type { FileRecording } from './record.ts';
import { accepts, union, type SameClass, type Shape, type Slot } from './shapes.ts';
import { shippedTypes, type Shipped } from './shipped.ts';

type TypeScript = typeof classic;

export type Rule = 'untrue' | 'any' | 'only-nullish' | 'unlike-dts' | 'needless' | 'no-evidence' | 'noise';

export interface Refusal {
  readonly rule: Rule;
  /** `lib/x.js:12: data is null, the tests pass a string`. */
  readonly detail: string;
  /** Function it is about, by place; -1 = none. */
  readonly place: number;
}

/** A type that a file has and its base had not. */
export interface NewType {
  readonly place: number;
  /** Of the parameter; -1 = of the result, -2 = of `this`, -3 = of a variable or member. */
  readonly index: number;
  readonly name: string;
  readonly node: classic.TypeNode;
  readonly line: number;
  readonly declaration: classic.Node;
}

export interface TypesOfFile {
  readonly source: classic.SourceFile;
  readonly functions: readonly FunctionNode[];
  readonly declared: readonly NewType[];
  /** Types written where no rule can follow: casts. */
  readonly loose: readonly { readonly text: string; readonly line: number }[];
}

/** All types that people wrote in a file, by what they speak of. */
export function typesOf(ts: TypeScript, source: classic.SourceFile): TypesOfFile {
  const functions = functionsOf(ts, source);
  const declared: NewType[] = [];
  const loose: { text: string; line: number }[] = [];
  const lineOf = (node: classic.Node): number => source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
  functions.forEach((node, place) => {
    parametersOf(ts, node).forEach((parameter, index) => {
      const type = parameter.type ?? ts.getJSDocType(parameter);
      if (type !== undefined)
        declared.push({
          place,
          index,
          name: parameter.name.getText(source),
          node: type,
          line: lineOf(type),
          declaration: parameter,
        });
    });
    const result = node.type ?? ts.getJSDocReturnType(node);
    if (result !== undefined)
      declared.push({ place, index: -1, name: 'the result', node: result, line: lineOf(result), declaration: node });
    const self = ts.getJSDocThisTag(node)?.typeExpression?.type;
    if (self !== undefined) declared.push({ place, index: -2, name: 'this', node: self, line: lineOf(self), declaration: node });
  });
  let inside = -1;
  const visit = (node: classic.Node): void => {
    const place = functions.indexOf(node as FunctionNode);
    const outer = inside;
    if (place >= 0) inside = place;
    if (ts.isVariableDeclaration(node) || ts.isPropertyDeclaration(node)) {
      const type = node.type ?? ts.getJSDocType(node);
      if (type !== undefined && !(node.initializer !== undefined && functions.includes(node.initializer as FunctionNode)))
        declared.push({
          place: inside,
          index: -3,
          name: node.name.getText(source),
          node: type,
          line: lineOf(type),
          declaration: node,
        });
    } else if (ts.isBinaryExpression(node) && ts.isExpressionStatement(node.parent)) {
      const type = ts.getJSDocTypeTag(node)?.typeExpression.type ?? ts.getJSDocTypeTag(node.parent)?.typeExpression.type;
      if (type !== undefined)
        declared.push({
          place: inside,
          index: -3,
          name: node.left.getText(source),
          node: type,
          line: lineOf(type),
          declaration: node.left,
        });
    } else if (ts.isParenthesizedExpression(node)) {
      const type = ts.getJSDocTypeTag(node)?.typeExpression.type;
      if (type !== undefined) loose.push({ text: type.getText(source), line: lineOf(type) });
    } else if (ts.isAsExpression(node) || ts.isTypeAssertionExpression(node) || ts.isNonNullExpression(node)) {
      loose.push({ text: node.getText(source), line: lineOf(node) });
    }
    ts.forEachChild(node, visit);
    inside = outer;
  };
  visit(source);
  return { source, functions, declared, loose };
}

const keyOf = ({ place, index, name, node }: NewType, source: classic.SourceFile): string =>
  `${place} ${index} ${name} ${node.getText(source)}`;

/** What of a file's types is new, and what of it may not land. `before` is the file's text on the base. */
export function refusals(
  compiler: Compiler,
  path: string,
  before: string,
  recording: FileRecording | null,
  packageDirectory: string,
): { readonly added: readonly NewType[]; readonly refused: readonly Refusal[] } {
  const { ts } = compiler;
  const source = compiler.source(path);
  if (source === undefined) return { added: [], refused: [] };
  const old = typesOf(ts, ts.createSourceFile(path, before, ts.ScriptTarget.Latest, true));
  const now = typesOf(ts, source);
  const had = new Map<string, number>();
  const sameCode = codeHash(ts, path, before) === codeHash(ts, path, source.text);
  for (const type of old.declared) had.set(keyOf(type, old.source), (had.get(keyOf(type, old.source)) ?? 0) + 1);
  const added = now.declared.filter((type) => {
    const key = keyOf(type, source);
    const left = had.get(key) ?? 0;
    had.set(key, left - 1);
    return left <= 0;
  });
  const refused: Refusal[] = [];
  const knownLoose = new Set(old.loose.map(({ text }) => text));
  for (const { text, line } of now.loose)
    if (!knownLoose.has(text))
      refused.push({ rule: 'untrue', detail: `${path}:${line}: ${text} is a cast, which nothing can verify`, place: -1 });
  const suppressed = /@ts-(?:ignore|expect-error|nocheck)|eslint-disable|oxlint-disable|biome-ignore/g;
  if ((source.text.match(suppressed)?.length ?? 0) > (before.match(suppressed)?.length ?? 0))
    refused.push({ rule: 'noise', detail: `${path}: silences a tool instead of answering it`, place: -1 });
  if (added.length === 0) return { added, refused };

  const evidence = recording !== null && recording.code === codeHash(ts, path, source.text) ? recording : null;
  const same = classMatcher(compiler);
  const shipped = shippedTypes(compiler, packageDirectory);
  for (const type of added) {
    const at = `${path}:${type.line}:`;
    const reason = judgeOne(compiler, type, now, evidence, same, shipped, sameCode);
    if (reason !== null) refused.push({ rule: reason.rule, detail: `${at} ${reason.detail}`, place: type.place });
  }
  return { added, refused };
}

function judgeOne(
  compiler: Compiler,
  type: NewType,
  now: TypesOfFile,
  evidence: FileRecording | null,
  same: SameClass,
  shipped: Shipped,
  sameCode: boolean,
): { rule: Rule; detail: string } | null {
  const { ts } = compiler;
  const checker = compiler.program.getTypeChecker();
  const { name } = type;
  const text = type.node.getText(now.source);
  const empty = emptyWord(ts, type.node);
  if (empty !== null) return { rule: 'any', detail: `${name} is ${text}: ${empty} says nothing` };
  const noisy = unwieldy(ts, type.node);
  if (noisy !== null) return { rule: 'noise', detail: `${name}: ${noisy}` };
  const written = checker.getTypeFromTypeNode(type.node);
  if ((written.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0)
    return { rule: 'any', detail: `${name} is ${text}, which comes to ${checker.typeToString(written)}` };
  const nullish = ts.TypeFlags.Null | ts.TypeFlags.Undefined | ts.TypeFlags.Void | ts.TypeFlags.Never;
  if (type.index !== -1 && (written.isUnion() ? written.types : [written]).every((member) => (member.flags & nullish) !== 0))
    return { rule: 'only-nullish', detail: `${name} is only ${text}` };

  if (type.index === -3) return variable(compiler, type, written);
  const node = now.functions[type.place]!;
  const parameter = type.index >= 0 ? parametersOf(ts, node)[type.index]! : null;
  const declared = parameter === null ? written : checker.getTypeAtLocation(parameter);

  if (parameter !== null) {
    const published = shipped.parameter(node, type.index);
    if (published !== null) {
      const unlike = published.unlike(declared);
      if (unlike !== null)
        return { rule: 'unlike-dts', detail: `${name} is ${checker.typeToString(declared)}, the package declares ${unlike}` };
    }
    const namesake = published === null ? shipped.namesake(node, type.index, declared) : null;
    if (namesake !== null)
      return {
        rule: 'unlike-dts',
        detail: `${name} is ${checker.typeToString(declared)}, the package declares ${namesake} for that name`,
      };
    const slot = evidence?.functions[type.place] ?? null;
    if (slot === null) {
      if (published !== null) return null;
      return {
        rule: 'no-evidence',
        detail:
          evidence === null && !sameCode
            ? `${name}: the code changed too, so what was recorded says nothing about it`
            : `${name} is ${text}, the tests never reach it`,
      };
    }
    const seen = parameterShape(ts, node, type.index, slot);
    if (seen.n === (seen.u ?? 0) && published === null)
      return { rule: 'no-evidence', detail: `${name} is ${text}, the tests never pass it` };
    const holds = accepts(ts, checker, declared, seen, same);
    if (holds.answer === 'no')
      return { rule: 'untrue', detail: `${name} is ${checker.typeToString(declared)}, the tests pass ${holds.because}` };
    if (holds.answer === 'unknown' && published === null)
      return {
        rule: 'untrue',
        detail: `${name} is ${checker.typeToString(declared)}: cannot be verified, the tests pass ${holds.because}`,
      };
    const wide = published === null ? neverSeen(ts, declared, seen) : null;
    if (wide !== null)
      return { rule: 'no-evidence', detail: `${name} is ${checker.typeToString(declared)}, the tests never pass ${wide}` };
    const narrow = published === null ? doubted(compiler, node, parameter, declared, seen) : null;
    if (narrow !== null)
      return { rule: 'untrue', detail: `${name} is ${checker.typeToString(declared)}, but the code asks ${narrow}` };
    return null;
  }
  const slot = evidence?.functions[type.place] ?? null;
  if (slot === null) return { rule: 'no-evidence', detail: `${name} is ${text}, the tests never reach it` };
  const seen = type.index === -1 ? slot.result : slot.self;
  const asynchronous = (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Async) !== 0 || node.asteriskToken !== undefined;
  if (type.index === -1 && asynchronous) return null; // the compiler checks what it returns against it
  const holds = accepts(ts, checker, declared, seen, same);
  if (holds.answer === 'yes') return null;
  return {
    rule: 'untrue',
    detail: `${name} is ${text}: ${holds.answer === 'no' ? 'the tests saw' : 'cannot be verified, the tests saw'} ${holds.because}`,
  };
}

/** A variable's type is proven where the compiler knows the type of everything that is put into it. */
function variable(compiler: Compiler, type: NewType, written: classic.Type): { rule: Rule; detail: string } | null {
  const { ts } = compiler;
  const checker = compiler.program.getTypeChecker();
  const name =
    ts.isVariableDeclaration(type.declaration) || ts.isPropertyDeclaration(type.declaration)
      ? type.declaration.name
      : type.declaration;
  const symbol = checker.getSymbolAtLocation(name);
  if (symbol === undefined) return { rule: 'no-evidence', detail: `${type.name}: what is put into it cannot be followed` };
  // The compiler does not see that a captured `let` is read before it is set: without a value it is undefined.
  if (
    ts.isVariableDeclaration(type.declaration) &&
    type.declaration.initializer === undefined &&
    !ts.isForOfStatement(type.declaration.parent.parent)
  ) {
    const members = written.isUnion() ? written.types : [written];
    if (
      !members.some((member) => (member.flags & ts.TypeFlags.Undefined) !== 0) &&
      isCaptured(ts, checker, type.declaration, symbol)
    )
      return { rule: 'untrue', detail: `${type.name} is ${type.node.getText()}, but undefined until it is first set` };
  }
  const unknown = unknownWrite(ts, checker, compiler, symbol, written);
  return unknown === null ? null : { rule: 'no-evidence', detail: `${type.name} is ${type.node.getText()}: ${unknown}` };
}

/** Read or set inside another function than the one that declares it. */
function isCaptured(
  ts: TypeScript,
  checker: classic.TypeChecker,
  declaration: classic.VariableDeclaration,
  symbol: classic.Symbol,
): boolean {
  const home = ts.findAncestor(declaration, (node) => ts.isFunctionLike(node) || ts.isSourceFile(node));
  let captured = false;
  const visit = (node: classic.Node): void => {
    if (
      ts.isIdentifier(node) &&
      node.text === symbol.name &&
      node !== declaration.name &&
      checker.getSymbolAtLocation(node) === symbol
    )
      captured ||= ts.findAncestor(node, (up) => ts.isFunctionLike(up) || ts.isSourceFile(up)) !== home;
    if (!captured) ts.forEachChild(node, visit);
  };
  visit(declaration.getSourceFile());
  return captured;
}

const GROWERS = new Set(['push', 'unshift', 'splice', 'fill', 'add', 'set', 'concat']);

/** The first place that puts a value of unknown type into `symbol`, or lets it out of sight. */
function unknownWrite(
  ts: TypeScript,
  checker: classic.TypeChecker,
  compiler: Compiler,
  symbol: classic.Symbol,
  written: classic.Type,
): string | null {
  const anyWithin = (type: classic.Type, depth = 0): boolean => {
    // `never` is what the compiler makes of an empty array: whatever is put into that, it says nothing of it.
    if ((type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Never)) !== 0) return true;
    if (depth > 2) return false;
    if (type.isUnion()) return type.types.some((member) => anyWithin(member, depth + 1));
    return (
      checker.isArrayLikeType(type) &&
      checker.getTypeArguments(type as classic.TypeReference).some((arg) => anyWithin(arg, depth + 1))
    );
  };
  const container = checker.isArrayLikeType(written) || ['Map', 'Set', 'WeakMap', 'WeakSet'].includes(written.symbol?.name ?? '');
  const say = (node: classic.Node): string => {
    const source = node.getSourceFile();
    return `line ${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1} puts in ${node.getText(source).slice(0, 60)}, whose type is not known`;
  };
  let problem: string | null = null;
  for (const path of compiler.files) {
    const source = compiler.source(path);
    if (source === undefined || problem !== null) continue;
    const visit = (node: classic.Node): void => {
      if (problem !== null) return;
      if (
        (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) &&
        node.text === symbol.name &&
        checker.getSymbolAtLocation(node) === symbol
      ) {
        const whole = ts.isPropertyAccessExpression(node.parent) && node.parent.name === node ? node.parent : node;
        const up = whole.parent;
        if (
          ts.isBinaryExpression(up) &&
          up.left === whole &&
          up.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
          up.operatorToken.kind <= ts.SyntaxKind.LastAssignment
        ) {
          if (
            anyWithin(checker.getTypeAtLocation(up.right)) &&
            !(ts.isArrayLiteralExpression(up.right) && up.right.elements.length === 0)
          )
            problem = say(up.right);
        } else if (ts.isVariableDeclaration(up) && up.name === whole) {
          if (
            up.initializer !== undefined &&
            anyWithin(checker.getTypeAtLocation(up.initializer)) &&
            !(ts.isArrayLiteralExpression(up.initializer) && up.initializer.elements.length === 0)
          )
            problem = say(up.initializer);
        } else if (container && ts.isPropertyAccessExpression(up) && up.expression === whole && ts.isCallExpression(up.parent)) {
          if (GROWERS.has(up.name.text))
            for (const argument of up.parent.arguments)
              if (anyWithin(checker.getTypeAtLocation(argument))) problem ??= say(argument);
        } else if (
          container &&
          ts.isElementAccessExpression(up) &&
          up.expression === whole &&
          ts.isBinaryExpression(up.parent) &&
          up.parent.left === up
        ) {
          if (anyWithin(checker.getTypeAtLocation(up.parent.right))) problem = say(up.parent.right);
        } else if (container && ts.isCallExpression(up) && up.arguments.includes(whole)) {
          const parameter = checker.getContextualType(whole);
          if (parameter === undefined || anyWithin(parameter)) problem = say(whole);
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return problem;
}

/** The values seen for one parameter, calls that left it out included. */
export function parameterShape(ts: TypeScript, node: FunctionNode, index: number, slot: Slot): Shape {
  const parameter = parametersOf(ts, node)[index]!;
  if (parameter.dotDotDotToken !== undefined) {
    const elements = union(slot.given.slice(index));
    return { n: slot.calls, a: { n: slot.calls, e: elements, m: 0 } };
  }
  const seen = slot.given[index] ?? { n: 0 };
  const left = slot.calls - seen.n;
  const shape = left > 0 ? { ...seen, n: slot.calls, u: (seen.u ?? 0) + left } : seen;
  if (parameter.initializer === undefined || shape.u === undefined) return shape;
  const { u, ...given } = shape; // a default takes the place of undefined
  return { ...given, n: shape.n - u };
}

/** A word that means anything at all, or null. */
function emptyWord(ts: TypeScript, node: classic.TypeNode): string | null {
  let word: string | null = null;
  const visit = (inner: classic.Node): void => {
    if (
      inner.kind === ts.SyntaxKind.AnyKeyword ||
      inner.kind === ts.SyntaxKind.JSDocAllType ||
      inner.kind === ts.SyntaxKind.JSDocUnknownType ||
      inner.kind === ts.SyntaxKind.ObjectKeyword ||
      inner.kind === ts.SyntaxKind.UnknownKeyword
    )
      word ??= inner.getText();
    if (
      ts.isTypeReferenceNode(inner) &&
      ts.isIdentifier(inner.typeName) &&
      ['Function', 'Object', 'function', 'Any'].includes(inner.typeName.text)
    )
      word ??= inner.typeName.text;
    if (ts.isTypeLiteralNode(inner) && inner.members.length === 0) word ??= '{}';
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return word;
}

const LITERALS_MAX = 4; // a list of words that tests happened to pass is no type
const MEMBERS_MAX = 4; // a larger object wants a name, and a person to give it one
const TEXT_MAX = 120;

function unwieldy(ts: TypeScript, node: classic.TypeNode): string | null {
  let found: string | null = node.getText().length > TEXT_MAX ? `${node.getText().slice(0, 60)}… is too long to read` : null;
  const visit = (inner: classic.Node): void => {
    if (
      ts.isUnionTypeNode(inner) &&
      inner.types.filter((type) => ts.isLiteralTypeNode(type) && !/^(?:null|true|false)$/.test(type.getText())).length >
        LITERALS_MAX
    )
      found ??= 'a list of literals taken from what tests pass';
    if (ts.isTypeLiteralNode(inner) && inner.members.length > MEMBERS_MAX)
      found ??= `an object type of ${inner.members.length} members without a name`;
    if (ts.isImportTypeNode(inner) && /node_modules|^["']\//.test(inner.argument.getText()))
      found ??= `${inner.getText()} names a place on this machine`;
    ts.forEachChild(inner, visit);
  };
  visit(node);
  return found;
}

/** A kind of value that the type allows and no test passes, or null: nobody knows whether the code can take it. */
function neverSeen(ts: TypeScript, declared: classic.Type, seen: Shape): string | null {
  const { TypeFlags } = ts;
  if (!declared.isUnion()) return null;
  const kinds: readonly (readonly [number, unknown, string])[] = [
    [TypeFlags.StringLike, seen.s, 'a string'],
    [TypeFlags.NumberLike, seen.d, 'a number'],
    [TypeFlags.BooleanLike, seen.b, 'a boolean'],
    [TypeFlags.BigIntLike, seen.i, 'a bigint'],
    [TypeFlags.ESSymbolLike, seen.y, 'a symbol'],
    [TypeFlags.Object, seen.a ?? seen.c ?? seen.o ?? seen.f ?? seen.x, 'an object'],
  ];
  for (const [flags, values, name] of kinds)
    if (values === undefined && declared.types.some((member) => (member.flags & flags) !== 0)) return name;
  return null;
}

/** What the body asks of a parameter that its type says is never so, or null: the code means to take more than tests pass. */
function doubted(
  compiler: Compiler,
  node: FunctionNode,
  parameter: classic.ParameterDeclaration,
  declared: classic.Type,
  seen: Shape,
): string | null {
  const { ts } = compiler;
  const checker = compiler.program.getTypeChecker();
  const { name } = parameter;
  if (!ts.isIdentifier(name)) return null;
  const symbol = checker.getSymbolAtLocation(name);
  const { TypeFlags } = ts;
  const members = declared.isUnion() ? declared.types : [declared];
  const has = (flags: number): boolean => members.some((member) => (member.flags & flags) !== 0);
  const called = members.some((member) => member.getCallSignatures().length > 0);
  const object = members.some((member) => (member.flags & TypeFlags.Object) !== 0 && member.getCallSignatures().length === 0);
  const nullish = has(TypeFlags.Null | TypeFlags.Undefined);
  const falsy = nullish || has(TypeFlags.BooleanLike) || (seen.s?.v?.includes('') ?? false) || (seen.d?.v?.includes(0) ?? false);
  const words: Readonly<Record<string, boolean>> = {
    string: has(TypeFlags.StringLike),
    number: has(TypeFlags.NumberLike),
    boolean: has(TypeFlags.BooleanLike),
    bigint: has(TypeFlags.BigIntLike),
    symbol: has(TypeFlags.ESSymbolLike),
    undefined: has(TypeFlags.Undefined),
    function: called,
    object: object || has(TypeFlags.Null),
  };
  let doubt: string | null = null;
  // What is there to examine values takes any of them, whatever the tests have it accept.
  const examines = /(?:^|[.[\s])(?:is|assert|validate|check|ensure|verify)(?![a-z])[\w$]*$/.test(
    ownerName(ts, node.getSourceFile(), node.body!.getStart()),
  );
  const isIt = (expression: classic.Expression): boolean =>
    ts.isIdentifier(expression) && expression.text === name.text && checker.getSymbolAtLocation(expression) === symbol;
  const visit = (inner: classic.Node): void => {
    if (doubt !== null) return;
    if (ts.isBinaryExpression(inner)) {
      const { left, right, operatorToken } = inner;
      const text = inner.getText().slice(0, 80);
      const equality = /^[!=]==?$/.test(operatorToken.getText());
      for (const [one, other] of [
        [left, right],
        [right, left],
      ] as const) {
        if (!equality) break;
        if (ts.isTypeOfExpression(one) && isIt(one.expression) && ts.isStringLiteralLike(other)) {
          // `typeof x === 'string'` of a string alone asks whether it might be something else.
          if (examines || words[other.text] !== true || members.length < 2) doubt = `\`${text}\``;
        }
        if (isIt(one)) {
          const loose = operatorToken.getText().length === 2;
          if (other.kind === ts.SyntaxKind.NullKeyword && !(loose ? nullish : has(TypeFlags.Null))) doubt = `\`${text}\``;
          if (ts.isIdentifier(other) && other.text === 'undefined' && !(loose ? nullish : has(TypeFlags.Undefined)))
            doubt = `\`${text}\``;
          if (
            (other.kind === ts.SyntaxKind.TrueKeyword || other.kind === ts.SyntaxKind.FalseKeyword) &&
            (!has(TypeFlags.BooleanLike) || (!nullish && members.length < 2))
          )
            doubt = `\`${text}\``;
        }
      }
      if (operatorToken.kind === ts.SyntaxKind.InstanceOfKeyword && isIt(left) && (examines || members.length < 2))
        doubt = `\`${text}\``;
      if (operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken && isIt(left) && !nullish) doubt = `\`${text}\``;
      if (
        (operatorToken.kind === ts.SyntaxKind.BarBarToken || operatorToken.kind === ts.SyntaxKind.AmpersandAmpersandToken) &&
        isIt(left) &&
        !falsy
      )
        doubt = `\`${text}\``;
    }
    if (ts.isPrefixUnaryExpression(inner) && inner.operator === ts.SyntaxKind.ExclamationToken && isIt(inner.operand) && !falsy)
      doubt = `\`${inner.getText()}\``;
    if ((ts.isIfStatement(inner) || ts.isWhileStatement(inner)) && isIt(inner.expression) && !falsy)
      doubt = `\`if (${name.text})\``;
    if (ts.isConditionalExpression(inner) && isIt(inner.condition) && !falsy) doubt = `\`${name.text} ?\``;
    if (
      (ts.isPropertyAccessExpression(inner) || ts.isElementAccessExpression(inner) || ts.isCallExpression(inner)) &&
      inner.questionDotToken !== undefined &&
      isIt(inner.expression) &&
      !nullish
    )
      doubt = `\`${inner.getText().slice(0, 60)}\``;
    if (
      ts.isCallExpression(inner) &&
      inner.arguments.length >= 1 &&
      isIt(inner.arguments[0]!) &&
      (examines || members.length < 2) &&
      /(?:^|\.)(?:isArray|isBuffer|isInteger|isFinite|isNaN|String|Number|Boolean|isView|toString\.call)$/.test(
        inner.expression.getText(),
      )
    )
      doubt = `\`${inner.getText().slice(0, 60)}\``;
    ts.forEachChild(inner, visit);
  };
  visit(node.body!);
  return doubt;
}

/** Compares class labels of a recording with the classes that the compiler knows. */
export function classMatcher(compiler: Compiler): SameClass {
  const { ts } = compiler;
  return (label, type) => {
    const symbol = type.symbol as classic.Symbol | undefined;
    if (symbol === undefined) return false;
    if (!label.startsWith('own:')) {
      const outside = (symbol.declarations ?? []).every((node) => compiler.relative(node.getSourceFile().fileName) === null);
      return !label.startsWith('other#') && outside && label.slice(label.indexOf('#') + 1) === symbol.name;
    }
    const [, path, kind, number] = /^own:(.*)#([fc])(\d+)$/.exec(label) ?? [];
    const source = path === undefined ? undefined : compiler.source(path);
    if (source === undefined) return false;
    const owner: classic.Node | undefined =
      kind === 'c' ? classesOf(ts, source)[Number(number)] : functionsOf(ts, source)[Number(number)];
    return (symbol.declarations ?? []).some(
      (node) =>
        node === owner ||
        (ts.isVariableDeclaration(node) && node.initializer === owner) ||
        (ts.isBinaryExpression(node) && node.right === owner),
    );
  };
}
