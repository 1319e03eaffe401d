/**
 * What the package's own declaration files say about functions that it exports: by name from the entry's types, methods of an
 * exported class by the result of its constructor. Overloads are joined: a parameter may be what any of them allows.
 */
import type classic from 'typescript-classic';
import type { Compiler } from './compiler.ts';
import { ownerName, type FunctionNode } from './functions.ts';
import { relativeImport } from './imports.ts';
import { entriesOf, type Manifest } from './packages.ts';

export interface ShippedParameter {
  /** null when the type is as wide and as narrow as what is shipped; else the shipped type as text. */
  unlike(type: classic.Type): string | null;
  readonly text: string;
  /** The type as `path` could write it, by the names under which it is shipped; null = it has none. */
  written(path: string): { readonly type: string; readonly optional: boolean } | null;
}

export interface Shipped {
  parameter(node: FunctionNode, index: number): ShippedParameter | null;
  /**
   * The shipped type of the same parameter of something of the same name that `type` differs from; null = there is none. What a
   * function inside another returns to users cannot always be followed: then the name is a reason to leave it to a person.
   */
  namesake(node: FunctionNode, index: number, type: classic.Type): string | null;
}

export function shippedTypes(compiler: Compiler, directory: string): Shipped {
  const { ts, program } = compiler;
  const checker = program.getTypeChecker();
  const bySymbol = new Map<classic.Node, readonly classic.Signature[]>();
  let typesFile = '';

  const functionOf = (symbol: classic.Symbol | undefined): classic.Node | undefined => {
    const target =
      symbol !== undefined && (symbol.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(symbol) : symbol;
    for (const declaration of target?.declarations ?? []) {
      if (ts.isFunctionLike(declaration) || ts.isClassLike(declaration)) return declaration;
      if (ts.isVariableDeclaration(declaration) && declaration.initializer !== undefined)
        return ofExpression(declaration.initializer);
      if (ts.isBinaryExpression(declaration)) return ofExpression(declaration.right);
      if (ts.isPropertyAccessExpression(declaration) && ts.isBinaryExpression(declaration.parent))
        return ofExpression(declaration.parent.right);
      if (ts.isPropertyAssignment(declaration)) return ofExpression(declaration.initializer);
      if (ts.isShorthandPropertyAssignment(declaration))
        return functionOf(checker.getShorthandAssignmentValueSymbol(declaration));
    }
    return undefined;
  };
  const ofExpression = (expression: classic.Expression): classic.Node | undefined => {
    if (ts.isFunctionExpression(expression) || ts.isArrowFunction(expression) || ts.isClassExpression(expression))
      return expression;
    if (ts.isIdentifier(expression) || ts.isPropertyAccessExpression(expression))
      return functionOf(checker.getSymbolAtLocation(expression));
    if (ts.isBinaryExpression(expression)) return ofExpression(expression.right);
    return undefined;
  };
  const pair = (implementation: classic.Symbol | undefined, declared: classic.Type): void => {
    const node = functionOf(implementation);
    if (node === undefined || bySymbol.has(node)) return;
    const calls = [...declared.getCallSignatures(), ...declared.getConstructSignatures()];
    if (calls.length === 0) return;
    bySymbol.set(node, calls);
    const target =
      implementation === undefined || (implementation.flags & ts.SymbolFlags.Alias) === 0
        ? implementation
        : checker.getAliasedSymbol(implementation);
    const owner =
      ts.isFunctionLike(node) || ts.isClassLike(node) ? ((node as { symbol?: classic.Symbol }).symbol ?? target) : target;
    for (const signature of calls) {
      const instance = signature.getReturnType();
      for (const member of owner?.members?.values() ?? []) {
        const promised = instance.getProperty(member.name);
        if (promised !== undefined) pair(member, checker.getTypeOfSymbol(promised));
      }
    }
  };

  const manifest = parsed(compiler.text(directory === '' ? 'package.json' : `${directory}/package.json`));
  const byName = new Map<string, classic.SignatureDeclaration[]>();
  const collect = (declaration: classic.SourceFile): void => {
    const visit = (node: classic.Node): void => {
      const named = ts.isMethodSignature(node) || ts.isMethodDeclaration(node) || ts.isFunctionDeclaration(node) ? node : null;
      const property =
        (ts.isPropertySignature(node) || ts.isPropertyDeclaration(node)) &&
        node.type !== undefined &&
        ts.isFunctionTypeNode(node.type)
          ? node.type
          : null;
      const name = (named ?? (property === null ? undefined : (property.parent as classic.PropertySignature)))?.name?.getText(
        declaration,
      );
      const signature = named ?? property;
      if (name !== undefined && signature !== null) byName.set(name, [...(byName.get(name) ?? []), signature]);
      ts.forEachChild(node, visit);
    };
    visit(declaration);
  };
  for (const { code, types } of entriesOf(manifest, directory, (path) => compiler.text(path) !== '')) {
    const implementation = program.getSourceFile(compiler.virtual(code));
    const declaration = program.getSourceFile(compiler.virtual(types));
    const inner = implementation === undefined ? undefined : checker.getSymbolAtLocation(implementation);
    const outer = declaration === undefined ? undefined : checker.getSymbolAtLocation(declaration);
    if (inner === undefined || outer === undefined) continue;
    typesFile ||= types;
    const whole = outer.exports?.get('export=' as classic.__String);
    const value = inner.exports?.get('export=' as classic.__String);
    if (whole !== undefined)
      pair(value, checker.getTypeOfSymbol((whole.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(whole) : whole));
    collect(declaration!);
    const theirs = new Map(checker.getExportsOfModule(outer).map((symbol) => [symbol.name, symbol]));
    for (const symbol of checker.getExportsOfModule(inner)) {
      const promised = theirs.get(symbol.name);
      if (promised === undefined) continue;
      const resolved = (promised.flags & ts.SymbolFlags.Alias) !== 0 ? checker.getAliasedSymbol(promised) : promised;
      pair(symbol, checker.getTypeOfSymbol(resolved));
    }
  }

  const nameOf = (type: classic.Type, path: string): string | null => {
    const plain =
      ts.TypeFlags.String |
      ts.TypeFlags.Number |
      ts.TypeFlags.BooleanLike |
      ts.TypeFlags.BigInt |
      ts.TypeFlags.ESSymbol |
      ts.TypeFlags.Null;
    if ((type.flags & ts.TypeFlags.BooleanLike) !== 0) return 'boolean';
    if ((type.flags & plain) !== 0) return checker.typeToString(type);
    const symbol = type.aliasSymbol ?? type.symbol;
    if (symbol === undefined || (type.aliasTypeArguments ?? checker.getTypeArguments(type as classic.TypeReference)).length > 0)
      return null;
    const home = symbol.declarations?.[0]?.getSourceFile().fileName;
    if (home !== compiler.virtual(typesFile) || program.getSourceFile(home) === undefined) return null;
    const module = checker.getSymbolAtLocation(program.getSourceFile(home)!);
    if (module === undefined || !checker.getExportsOfModule(module).includes(symbol)) return null;
    return `import('${relativeImport(path, typesFile.replace(/\.d\.([cm]?)ts$/, '.$1js'))}').${symbol.name}`;
  };
  const leastOf = (signature: classic.Signature): number =>
    (signature.declaration?.parameters ?? []).filter(
      (one) =>
        ts.isParameter(one) &&
        one.questionToken === undefined &&
        one.dotDotDotToken === undefined &&
        one.initializer === undefined,
    ).length;

  const differs = (types: readonly classic.Type[], type: classic.Type): boolean => {
    const bare = (of: classic.Type): classic.Type => checker.getNonNullableType(of);
    const vague = types.some((declared) => (declared.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) !== 0);
    const inside = !vague && types.every((declared) => checker.isTypeAssignableTo(bare(declared), bare(type)));
    const parts = type.isUnion() ? type.types : [type];
    const nullish = ts.TypeFlags.Null | ts.TypeFlags.Undefined;
    const covered = parts
      .filter((part) => (part.flags & nullish) === 0)
      .every((part) => types.some((declared) => checker.isTypeAssignableTo(part, declared)));
    return !inside || !covered;
  };
  const worded = (types: readonly classic.Type[]): string =>
    [...new Set(types.map((type) => checker.typeToString(type)))].join(' | ');

  return {
    namesake(node, index, type) {
      const name = ownerName(ts, node.getSourceFile(), node.body!.getStart()).split('.').at(-1) ?? '';
      const types = (byName.get(name) ?? []).flatMap(({ parameters }) => {
        const parameter = parameters[index];
        return parameter === undefined ? [] : [checker.getTypeAtLocation(parameter)];
      });
      const general = types.some((one) => (one.flags & ts.TypeFlags.TypeParameter) !== 0);
      return types.length > 0 && !general && differs(types, type) ? worded(types) : null;
    },
    parameter(node, index) {
      const signatures = bySymbol.get(ts.isConstructorDeclaration(node) ? node.parent : node);
      if (signatures === undefined) return null;
      const types = signatures.flatMap((signature) => {
        const symbol = signature.parameters[index];
        return symbol === undefined ? [] : [checker.getTypeOfSymbol(symbol)];
      });
      if (types.length === 0) return null;
      const text = worded(types);
      return {
        text,
        written(path) {
          const words = new Set<string>();
          for (const type of types.flatMap((one) => (one.isUnion() && one.aliasSymbol === undefined ? one.types : [one]))) {
            if ((type.flags & ts.TypeFlags.Undefined) !== 0) continue;
            const word = nameOf(type, path);
            if (word === null) return null;
            words.add(word);
          }
          const least = Math.min(...signatures.map((signature) => leastOf(signature)));
          return words.size === 0 || words.size > 3 ? null : { type: [...words].join(' | '), optional: index >= least };
        },
        unlike(type) {
          return differs(types, type) ? text : null;
        },
      };
    },
  };
}

function parsed(text: string): Manifest {
  try {
    return JSON.parse(text) as Manifest;
  } catch {
    return {};
  }
}
