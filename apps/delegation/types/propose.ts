/**
 * Where proposals come from: from the recording (`recorder`) or from how the code uses a value (`infer`, the compiler's own
 * quick fixes). Both propose whole functions only: a block that speaks of two parameters out of three is half a sentence.
 */
import type classic from 'typescript-classic';
import { isTyped, isWritable, type FunctionTypes, type ParameterType, type Proposal } from './annotate.ts';
import type { Compiler } from './compiler.ts';
import { relativeImport } from './imports.ts';
import { classesOf, functionsOf, parametersOf, type FunctionNode } from './functions.ts';
import type { FileRecording } from './record.ts';
import { written, type ClassName } from './shapes.ts';
import { shippedTypes } from './shipped.ts';
import { parameterShape, typesOf } from './truth.ts';

/** Errors that say: this parameter has no type. */
const UNTYPED_PARAMETER = new Set([7006, 7019, 7051]);
/** Errors that say: this variable or member has no type of its own. */
const UNTYPED_VARIABLE = new Set([7034, 7008, 7005, 7018, 7022]);
/** One value is a coincidence. */
const VALUES_MIN = 3;

interface Wanted {
  readonly node: FunctionNode;
  readonly place: number;
  /** Indices of the parameters that have no type. */
  readonly untyped: readonly number[];
}

/** Functions of a file that the compiler asks types for and that have a place to write them. */
function wanted(compiler: Compiler, path: string): Wanted[] {
  const { ts } = compiler;
  const source = compiler.source(path);
  if (source === undefined) return [];
  const starts = new Set(
    compiler
      .diagnose()
      .items.filter((item) => item.path === path && UNTYPED_PARAMETER.has(item.code))
      .map(({ start }) => start),
  );
  const found: Wanted[] = [];
  functionsOf(ts, source).forEach((node, place) => {
    const parameters = parametersOf(ts, node);
    const untyped = parameters.flatMap((parameter, index) =>
      starts.has(parameter.getStart(source)) || starts.has(parameter.name.getStart(source)) ? [index] : [],
    );
    const whole = parameters.every(
      (parameter) => ts.isIdentifier(parameter.name) || parameter.type !== undefined || ts.getJSDocType(parameter) !== undefined,
    );
    if (untyped.length > 0 && whole && isWritable(ts, source, node)) found.push({ node, place, untyped });
  });
  return found;
}

export function fromRecording(compiler: Compiler, path: string, recording: FileRecording, packageDirectory: string): Proposal[] {
  const { ts } = compiler;
  const shipped = shippedTypes(compiler, packageDirectory);
  const out: Proposal[] = [];
  for (const { node, place, untyped } of wanted(compiler, path)) {
    const slot = recording.functions[place];
    if (slot === null || slot === undefined || slot.calls < VALUES_MIN) continue;
    const nameOf = namesAt(compiler, path, node);
    const types: ParameterType[] = [];
    const parameters = parametersOf(ts, node);
    for (const index of untyped) {
      // What the package promises its users says more than what its tests happen to pass.
      const promised = shipped.parameter(node, index)?.written(path) ?? null;
      if (promised !== null) {
        types.push({ index, ...promised, rest: false });
        continue;
      }
      const seen = parameterShape(ts, node, index, slot);
      const rest = parameters[index]!.dotDotDotToken !== undefined;
      const of = rest ? seen.a?.e : seen;
      if (of === undefined || of.n - (of.u ?? 0) < VALUES_MIN) break;
      const omitted = slot.calls - (slot.given[index]?.n ?? 0) > 0;
      // Undefined at the end means optional; before a parameter that is always given it is a value like any other.
      const optional =
        !rest &&
        of.u !== undefined &&
        (omitted ||
          parameters
            .slice(index + 1)
            .every((later, i) => later.initializer !== undefined || (parameterShape(ts, node, index + 1 + i, slot).u ?? 0) > 0));
      const { u: _, ...without } = of;
      const type = written(optional || rest ? without : of, nameOf);
      if (type === null) break;
      types.push({ index, type, optional, rest });
    }
    if (types.length === untyped.length) out.push({ kind: 'function', place, parameters: types });
  }
  return out;
}

/** Classes that a person names without thinking. Streams and emitters are left out: which kind a test passes is chance. */
const FAMILIAR: Readonly<Record<string, string>> = {
  'global#Buffer': 'Buffer',
  'global#Date': 'Date',
  'global#RegExp': 'RegExp',
  'global#Map': 'Map',
  'global#Set': 'Set',
  'global#URL': 'URL',
  'global#URLSearchParams': 'URLSearchParams',
  'global#Error': 'Error',
  'global#AbortSignal': 'AbortSignal',
  'node:http#IncomingMessage': "import('node:http').IncomingMessage",
  'node:http#ServerResponse': "import('node:http').ServerResponse",
};

function namesAt(compiler: Compiler, path: string, node: FunctionNode): ClassName {
  const { ts } = compiler;
  const checker = compiler.program.getTypeChecker();
  const inScope = (name: string): classic.Symbol | undefined =>
    checker.resolveName(name, node, ts.SymbolFlags.Value | ts.SymbolFlags.Type | ts.SymbolFlags.Alias, false);
  return (label) => {
    const own = /^own:(.*)#([fc])(\d+)$/.exec(label);
    if (own === null) {
      const familiar = FAMILIAR[label];
      if (familiar === undefined) return null;
      // A class of the package may have taken the name.
      const symbol = inScope(familiar);
      const shadowed = symbol?.declarations?.some((one) => compiler.relative(one.getSourceFile().fileName) !== null) ?? false;
      return shadowed ? null : familiar;
    }
    const [, file, kind, number] = own;
    const source = compiler.source(file!);
    if (source === undefined) return null;
    const owner = kind === 'c' ? classesOf(ts, source)[Number(number)] : functionsOf(ts, source)[Number(number)];
    const name =
      owner?.name?.getText(source) ??
      (owner !== undefined && ts.isVariableDeclaration(owner.parent) ? owner.parent.name.getText(source) : undefined);
    if (name === undefined || !/^[A-Z]\w*$/.test(name)) return null;
    const here = inScope(name);
    if (here?.declarations?.some((one) => compiler.relative(one.getSourceFile().fileName) !== null) === true) return name;
    const specifier = relativeImport(path, file!);
    const module = checker.getSymbolAtLocation(source);
    const exported = module !== undefined && checker.getExportsOfModule(module).some((symbol) => symbol.name === name);
    return exported ? `import('${specifier}').${name}` : null;
  };
}

export function fromUsage(compiler: Compiler, path: string): Proposal[] {
  const { ts } = compiler;
  const source = compiler.source(path);
  if (source === undefined) return [];
  const out: Proposal[] = [];
  for (const { node, place, untyped } of wanted(compiler, path)) {
    const parameters = parametersOf(ts, node);
    const name = parameters[untyped[0]!]!.name;
    const fixed = fixedText(compiler, path, name.getStart(source), name.end, 7006);
    if (fixed === null) continue;
    const after = ts.createSourceFile(path, fixed, ts.ScriptTarget.Latest, true);
    const types = typesOf(ts, after).declared;
    const found = untyped.flatMap((index): ParameterType[] => {
      const type = types.find((one) => one.place === place && one.index === index);
      if (type === undefined) return [];
      const parameter = parametersOf(ts, functionsOf(ts, after)[place]!)[index]!;
      const rest = parameter.dotDotDotToken !== undefined;
      const bracketed =
        ts.getJSDocParameterTags(parameter).some((tag) => tag.isBracketed) || parameter.questionToken !== undefined;
      const text = type.node
        .getText(after)
        .replace(/^\.\.\./, '')
        .replace(/\s+/g, ' ');
      return [{ index, type: rest && isTyped(path) ? text.replace(/\[\]$/, '') : text, optional: bracketed, rest }];
    });
    if (found.length === untyped.length && found.every(({ type }) => isPlain(type)))
      out.push({ kind: 'function', place, parameters: found } satisfies FunctionTypes);
  }
  return [...out, ...variablesFromUsage(compiler, path)];
}

/** Variables and members whose type the compiler knows how to gather from what is put into them. */
function variablesFromUsage(compiler: Compiler, path: string): Proposal[] {
  const { ts } = compiler;
  const source = compiler.source(path);
  if (source === undefined) return [];
  const out: Proposal[] = [];
  for (const { start, code } of compiler
    .diagnose()
    .items.filter((item) => item.path === path && UNTYPED_VARIABLE.has(item.code))) {
    const token = tokenAt(ts, source, start);
    if (token === null) continue;
    const fixed = fixedText(compiler, path, token.getStart(source), token.end, code);
    if (fixed === null) continue;
    const after = ts.createSourceFile(path, fixed, ts.ScriptTarget.Latest, true);
    const had = new Map<string, number>();
    for (const { node, name } of typesOf(ts, source).declared) had.set(`${name} ${node.getText(source)}`, 1);
    const added = typesOf(ts, after).declared.find(
      ({ index, name, node }) => index === -3 && !had.has(`${name} ${node.getText(after)}`),
    );
    const statement = statementAt(ts, source, token);
    const type = added?.node.getText(after).replace(/\s+/g, ' ');
    if (type === undefined || statement === null || !isPlain(type)) continue;
    const at = statement.getStart(source, false);
    if (!out.some((one) => one.kind === 'statement' && one.start === at)) out.push({ kind: 'statement', start: at, type });
  }
  return out;
}

/** The file as the compiler's quick fix for a missing type would have it. */
function fixedText(compiler: Compiler, path: string, start: number, end: number, code: number): string | null {
  const { ts, service } = compiler;
  const fixes = service.getCodeFixesAtPosition(
    compiler.virtual(path),
    start,
    end,
    [code],
    ts.getDefaultFormatCodeSettings('\n'),
    {},
  );
  const fix = fixes.find(({ fixName }) => fixName === 'inferFromUsage');
  const changes = fix?.changes.find(({ fileName }) => fileName === compiler.virtual(path))?.textChanges;
  if (changes === undefined || fix!.changes.length !== 1) return null;
  let text = compiler.text(path);
  for (const { span, newText } of changes.toSorted((a, b) => b.span.start - a.span.start))
    text = text.slice(0, span.start) + newText + text.slice(span.start + span.length);
  return text;
}

/** Types that a person would write without a second look: words, arrays of words, a few of them joined. */
function isPlain(type: string): boolean {
  return (
    type.length <= 60 &&
    !/[{}<>()=]/.test(type.replace(/\(([\w | ]+)\)\[\]/g, '$1').replace(/^(?:Map|Set|Array|Promise)<([\w, |[\]]+)>$/, '$1')) &&
    !/\b(?:any|unknown|object|Object|Function|never)\b/.test(type) &&
    type.split('|').length <= 3
  );
}

function tokenAt(ts: typeof classic, source: classic.SourceFile, start: number): classic.Node | null {
  let found: classic.Node | null = null;
  const visit = (node: classic.Node): void => {
    if (node.getStart(source) <= start && start < node.end) {
      if (node.getStart(source) === start) found = node;
      ts.forEachChild(node, visit);
    }
  };
  visit(source);
  return found;
}

/** The statement or class member that declares what a token names, where a type may be written above it. */
function statementAt(ts: typeof classic, source: classic.SourceFile, token: classic.Node): classic.Node | null {
  for (let node: classic.Node = token; node !== source; node = node.parent) {
    if (ts.isPropertyDeclaration(node)) return node;
    if (ts.isVariableStatement(node)) return node.declarationList.declarations.length === 1 ? node : null;
    // A member is declared where it is first assigned; a variable is not.
    if (ts.isExpressionStatement(node))
      return ts.isBinaryExpression(node.expression) && ts.isPropertyAccessExpression(node.expression.left) ? node : null;
    if (ts.isStatement(node) || ts.isFunctionLike(node)) return null;
  }
  return null;
}
