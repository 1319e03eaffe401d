/**
 * What was seen while tests ran, and what that says about types. A shape is the union of everything seen at one place, as
 * recorder-runtime.ts writes it. `accepts` asks whether a type holds every seen value: it answers `unknown` rather than guess.
 * `written` gives the type a person would write for a shape, or null where a person would not write one from that evidence.
 */
import type classic from 'typescript-classic';

type TypeScript = typeof classic;

export interface Shape {
  /** How many values. */
  readonly n: number;
  readonly u?: number;
  readonly l?: number;
  readonly b?: readonly [number, number];
  readonly s?: { readonly n: number; readonly v: readonly string[] | null };
  readonly d?: { readonly n: number; readonly v: readonly (number | null)[] | null };
  readonly i?: number;
  readonly y?: number;
  readonly f?: { readonly n: number; readonly k: number };
  readonly a?: { readonly n: number; readonly e: Shape; readonly m: number };
  readonly o?: Members & { readonly n: number };
  /** By chain of class labels, nearest first, joined with ` < `. */
  readonly c?: Readonly<Record<string, Members & { readonly n: number }>>;
  /** Values that could not be looked into: proxies, getters, what lay too deep. */
  readonly x?: number;
}

export interface Members {
  readonly p: Readonly<Record<string, Shape>>;
  /** More than zero: there were more than these. */
  readonly m?: number;
}

export interface Slot {
  readonly calls: number;
  readonly threw: number;
  readonly given: readonly Shape[];
  readonly self: Shape;
  readonly result: Shape;
}

export type Answer = 'yes' | 'no' | 'unknown';
export interface Judgement {
  readonly answer: Answer;
  /** What gave it away: `number`, `.name undefined`. */
  readonly because: string;
}

/** Decides whether a class label of the recording means the class that the type names. */
export type SameClass = (label: string, type: classic.Type) => boolean;

const YES: Judgement = { answer: 'yes', because: '' };
const DEPTH = 6;

const worse = (a: Judgement, b: Judgement): Judgement =>
  a.answer === 'no' || (a.answer === 'unknown' && b.answer !== 'no') ? a : b;
/** The part of a shape that is no object: what a type says of it is beyond doubt. */
export function primitivesOf({ n, u, l, b, s, d, i, y }: Shape): Shape {
  const kinds = { u, l, b, s, d, i, y };
  return { n, ...(Object.fromEntries(Object.entries(kinds).filter(([, seen]) => seen !== undefined)) as typeof kinds) } as Shape;
}

const better = (a: Judgement, b: Judgement): Judgement =>
  a.answer === 'yes' || (a.answer === 'unknown' && b.answer !== 'yes') ? a : b;

export function accepts(
  ts: TypeScript,
  checker: classic.TypeChecker,
  type: classic.Type,
  shape: Shape,
  same: SameClass,
  depth = 0,
): Judgement {
  const { TypeFlags } = ts;
  if ((type.flags & (TypeFlags.Any | TypeFlags.Unknown)) !== 0) return YES;
  if (depth > DEPTH) return { answer: 'unknown', because: 'a value too deep to follow' };
  const members = type.isUnion() ? type.types : [type];
  const holds = (flags: number): boolean => members.some((member) => (member.flags & flags) !== 0);
  const no = (because: string): Judgement => ({ answer: 'no', because });
  const unknown = (because: string): Judgement => ({ answer: 'unknown', because });
  const constraint = members.find((member) => (member.flags & (TypeFlags.TypeParameter | TypeFlags.Conditional)) !== 0);
  if (constraint !== undefined) return unknown('a type parameter');
  const anyObject = (member: classic.Type): boolean =>
    (member.flags & TypeFlags.NonPrimitive) !== 0 || member.symbol?.name === 'Object' || checker.typeToString(member) === '{}';
  let all = YES;
  const and = (judgement: Judgement): void => void (all = worse(judgement, all));
  const among = (ask: (member: classic.Type) => Judgement, otherwise: string): Judgement => {
    let best: Judgement | null = null;
    for (const member of members) {
      const judgement = ask(member);
      // Of several reasons the one that says more than the kind of value is the one that helps.
      if (best === null || (best.answer === judgement.answer && best.because === otherwise)) best = judgement;
      else best = better(judgement, best);
    }
    return best ?? no(otherwise);
  };
  const inner = (of: classic.Type, seen: Shape, name: string): Judgement => {
    const judgement = accepts(ts, checker, of, seen, same, depth + 1);
    return judgement.answer === 'yes' ? YES : { ...judgement, because: `${name} ${judgement.because}` };
  };

  if (shape.u !== undefined && !holds(TypeFlags.Undefined | TypeFlags.Void)) and(no('undefined'));
  if (shape.l !== undefined && !holds(TypeFlags.Null)) and(no('null'));
  if (shape.i !== undefined && !holds(TypeFlags.BigInt)) and(no('a bigint'));
  if (shape.y !== undefined && !holds(TypeFlags.ESSymbol)) and(no('a symbol'));
  if (shape.b !== undefined && !holds(TypeFlags.Boolean)) {
    const literal = (value: 'true' | 'false'): boolean =>
      members.some((member) => (member.flags & TypeFlags.BooleanLiteral) !== 0 && checker.typeToString(member) === value);
    if (shape.b[0] > 0 && !literal('true')) and(no('true'));
    if (shape.b[1] > 0 && !literal('false')) and(no('false'));
  }
  if (shape.s !== undefined && !holds(TypeFlags.String)) {
    const literals = new Set(members.flatMap((member) => (member.isStringLiteral() ? [member.value] : [])));
    const outside = shape.s.v === null ? 'a string' : shape.s.v.find((value) => !literals.has(value));
    if (outside !== undefined)
      and(holds(TypeFlags.StringMapping | TypeFlags.TemplateLiteral) ? unknown('a string') : no(quoted(outside)));
  }
  if (shape.d !== undefined && !holds(TypeFlags.Number)) {
    const literals = new Set(members.flatMap((member) => (member.isNumberLiteral() ? [member.value] : [])));
    if (shape.d.v === null || shape.d.v.some((value) => value === null || !literals.has(value))) and(no('a number'));
  }
  if (shape.f !== undefined) {
    and(
      among((member) => {
        if (member.symbol?.name === 'Function' || anyObject(member)) return YES;
        return member.getCallSignatures().length + member.getConstructSignatures().length > 0
          ? unknown('a function, whose signature was not seen')
          : no('a function');
      }, 'a function'),
    );
  }
  if (shape.a !== undefined) {
    const { e: elements, m: more } = shape.a;
    and(
      among((member) => {
        if (anyObject(member)) return YES;
        if (!checker.isArrayLikeType(member)) return isStructural(ts, member) ? unknown('an array') : no('an array');
        if (elements.n === 0) return YES;
        if (checker.isTupleType(member)) return unknown('an array for a tuple');
        const of = member.getNumberIndexType();
        if (of === undefined) return unknown('an array');
        const judgement = inner(of, elements, '[]');
        return judgement.answer === 'yes' && more > 0 ? YES : judgement;
      }, 'an array'),
    );
  }
  if (shape.o !== undefined) {
    const seen = shape.o;
    and(
      among((member) => {
        if (anyObject(member)) return YES;
        if ((member.flags & (TypeFlags.Object | TypeFlags.Intersection)) === 0) return no('an object');
        if (checker.isArrayLikeType(member) || member.getCallSignatures().length > 0) return no('an object');
        let judgement = YES;
        for (const property of member.getProperties()) {
          const declared = checker.getTypeOfSymbol(property);
          const values = seen.p[property.name];
          const optional = (property.flags & ts.SymbolFlags.Optional) !== 0;
          if (values === undefined || values.n < seen.n) {
            if (!optional)
              judgement = worse((seen.m ?? 0) > 0 ? unknown(`an object`) : no(`.${property.name} missing`), judgement);
          }
          if (values !== undefined) judgement = worse(inner(declared, values, `.${property.name}`), judgement);
        }
        const index = member.getStringIndexType();
        if (index !== undefined)
          for (const [name, values] of Object.entries(seen.p))
            if (member.getProperty(name) === undefined) judgement = worse(inner(index, values, `.${name}`), judgement);
        return judgement;
      }, 'an object'),
    );
  }
  for (const [chain, seen] of Object.entries(shape.c ?? {})) {
    const labels = chain.split(' < ');
    const name = `an instance of ${labels[0]!.replace(/^.*#/, '') || 'a class without a name'}`;
    and(
      among((member) => {
        if (anyObject(member)) return YES;
        if ((member.flags & (TypeFlags.Object | TypeFlags.Intersection)) === 0) return no(name);
        const at = labels.findIndex((label) => same(label, member));
        if (at < 0) return isStructural(ts, member) ? unknown(name) : no(name);
        const args = checker.getTypeArguments(member as classic.TypeReference);
        if (labels[at] === 'global#Map' && args.length >= 2)
          return worse(inner(args[0]!, seen.p['key'] ?? { n: 0 }, 'key'), inner(args[1]!, seen.p['value'] ?? { n: 0 }, 'value'));
        if (labels[at] === 'global#Set' && args.length >= 1) return inner(args[0]!, seen.p['value'] ?? { n: 0 }, 'value');
        return labels[at] === 'global#Promise' ? unknown('a promise, whose value was not seen') : YES;
      }, name),
    );
  }
  if (shape.x !== undefined) and(unknown('a value that could not be looked into'));
  return all;
}

/** An anonymous type or an interface, which a class may satisfy without naming it. */
function isStructural(ts: TypeScript, type: classic.Type): boolean {
  const symbol = type.symbol as classic.Symbol | undefined;
  if (symbol === undefined) return true;
  return (symbol.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.TypeLiteral | ts.SymbolFlags.ObjectLiteral)) !== 0;
}

const quoted = (text: string): string => (text === 'a string' ? text : JSON.stringify(text));

// ---- the type a person would write ----------------------------------------------------------------------------------

/** The name by which a class can be written at a place, or null. */
export type ClassName = (label: string) => string | null;

/** More members are a list of what tests happened to pass, not a type. */
const MEMBERS_MAX = 2;

export function written(shape: Shape, nameOf: ClassName, depth = 0): string | null {
  if (shape.x !== undefined || shape.f !== undefined || shape.o !== undefined || shape.n === 0) return null;
  const members: string[] = [];
  if (shape.s !== undefined) members.push('string');
  if (shape.d !== undefined) members.push('number');
  if (shape.b !== undefined) members.push('boolean');
  if (shape.i !== undefined) members.push('bigint');
  if (shape.y !== undefined) members.push('symbol');
  if (shape.a !== undefined) {
    const of = depth < 1 ? written(shape.a.e, nameOf, depth + 1) : null;
    if (of === null) return null;
    members.push(of.includes(' ') ? `(${of})[]` : `${of}[]`);
  }
  if (shape.c !== undefined) {
    const names = classes(shape.c, nameOf, depth);
    if (names === null) return null;
    members.push(names);
  }
  // Yes-or-no beside something else is an option with two ways to say it: a person must decide what it means.
  if (members.length === 0 || members.length > MEMBERS_MAX || (members.length > 1 && shape.b !== undefined)) return null;
  if (shape.l !== undefined) members.push('null');
  if (shape.u !== undefined) members.push('undefined');
  return members.join(' | ');
}

/** The nearest class that all of them are, if it has a name here. */
function classes(chains: NonNullable<Shape['c']>, nameOf: ClassName, depth: number): string | null {
  const lists = Object.keys(chains).map((chain) => chain.split(' < '));
  const common = lists[0]!.find((label) => !label.startsWith('other#') && lists.every((list) => list.includes(label)));
  if (common === undefined) return null;
  const name = nameOf(common);
  if (name === null || (name !== 'Map' && name !== 'Set')) return name;
  if (depth > 0 || lists.length > 1) return null;
  const { p: seen } = Object.values(chains)[0]!;
  const value = written(seen['value'] ?? { n: 0 }, nameOf, depth + 1);
  const key = name === 'Map' ? written(seen['key'] ?? { n: 0 }, nameOf, depth + 1) : '';
  if (value === null || key === null) return null;
  return name === 'Map' ? `Map<${key}, ${value}>` : `Set<${value}>`;
}

/** Joins what was seen at several places. */
export function union(shapes: readonly Shape[]): Shape {
  const out: Record<string, unknown> & { n: number } = { n: 0 };
  const sum = (a: unknown, b: number): number => ((a as number | undefined) ?? 0) + b;
  for (const shape of shapes) {
    out.n += shape.n;
    for (const kind of ['u', 'l', 'i', 'y', 'x'] as const) if (shape[kind] !== undefined) out[kind] = sum(out[kind], shape[kind]);
    if (shape.b !== undefined) {
      const [yes, no] = (out['b'] as [number, number] | undefined) ?? [0, 0];
      out['b'] = [yes + shape.b[0], no + shape.b[1]];
    }
    for (const kind of ['s', 'd'] as const) {
      const from = shape[kind];
      if (from === undefined) continue;
      const into = out[kind] as { n: number; v: unknown[] | null } | undefined;
      const both = into === undefined ? from.v : into.v === null || from.v === null ? null : [...new Set([...into.v, ...from.v])];
      out[kind] = { n: sum(into?.n, from.n), v: both === null || both.length > 16 ? null : both };
    }
    if (shape.f !== undefined) {
      const into = out['f'] as { n: number; k: number } | undefined;
      out['f'] = { n: sum(into?.n, shape.f.n), k: sum(into?.k, shape.f.k) };
    }
    if (shape.a !== undefined) {
      const into = out['a'] as NonNullable<Shape['a']> | undefined;
      out['a'] = {
        n: sum(into?.n, shape.a.n),
        e: into === undefined ? shape.a.e : union([into.e, shape.a.e]),
        m: sum(into?.m, shape.a.m),
      };
    }
    if (shape.o !== undefined) out['o'] = joinedMembers(out['o'] as NonNullable<Shape['o']> | undefined, shape.o);
    for (const [chain, from] of Object.entries(shape.c ?? {})) {
      const into = (out['c'] as Record<string, NonNullable<Shape['o']>> | undefined) ?? {};
      out['c'] = { ...into, [chain]: joinedMembers(into[chain], from) };
    }
  }
  return out;
}

function joinedMembers(a: (Members & { n: number }) | undefined, b: Members & { n: number }): Members & { n: number } {
  if (a === undefined) return b;
  const p: Record<string, Shape> = { ...a.p };
  for (const [name, shape] of Object.entries(b.p)) p[name] = p[name] === undefined ? shape : union([p[name], shape]);
  return { n: a.n + b.n, p, m: (a.m ?? 0) + (b.m ?? 0) };
}
