/**
 * Is every document of one schema a document of another one? Answers "yes" only where each step is a rule that holds for all
 * documents; everything else is "not shown", with the first place where no rule applied. A "no" is not its business: that takes
 * a document (`samples`). Recursive schemas by induction over the depth of the document.
 */
import { canonicalJson } from '../../kernel/index.ts';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '../json-schema.ts';
import {
  type ArrayClause,
  baseOf,
  type Clause,
  clausesOf,
  deref,
  type Effort,
  itemAt,
  namesOf,
  NO_BUNDLE,
  type NumberClause,
  type ObjectClause,
  type Part,
  patternsOf,
  prefixLength,
  propertyOf,
  satisfies,
  Undecided,
} from './clauses.ts';
import { type Language, languageOf, lengthLanguage, patternOfWords, stringsIncluded } from './pattern.ts';

export interface NotShown {
  /** Where in the document, as a pattern: `/order/lines/0/price`. */
  readonly path: string;
  readonly rule: string;
}

const DEPTH_MAX = 48; // steps into the document before the answer is "unsure"
const EMPTY_DEPTH_MAX = 6;
const NESTING_MAX = 500; // goals inside goals: far below the stack, far above what people write
const SPLITS_MAX = 3; // distinctions made one after the other to show one union
const SPLIT_WAYS_MAX = 64;
const PATTERNS_MAX = 4; // name patterns of one object: 16 kinds of names

export class Inclusion {
  readonly #effort: Effort;
  /** Pairs that are being shown, with the depth at which: one that comes back deeper holds by induction. */
  readonly #shown = new Map<string, number>();
  readonly #ids = new Map<object, number>();
  #nesting = 0;

  constructor(effort: Effort) {
    this.#effort = effort;
  }

  /** null = shown. */
  show(inner: readonly Part[], outer: readonly Part[], path = '', depth = 0): NotShown | null {
    this.#effort.spend();
    const goals = outer.filter((part) => part.schema !== true && !inner.some((each) => this.#same(each, part)));
    if (goals.length === 0) return null;
    if (depth > DEPTH_MAX) throw new Undecided(`${path || '/'}: the schema goes too deep to compare`);
    const key = `${this.#key(inner)}<${this.#key(goals)}`;
    const before = this.#shown.get(key);
    if (before !== undefined && before < depth) return null;
    if (before === undefined) this.#shown.set(key, depth);
    try {
      for (const clause of clausesOf(inner, this.#effort)) {
        if (this.#isEmpty(clause, 0)) continue;
        for (const goal of goals) {
          const not = this.#fits(clause, goal, path, depth, 0);
          if (not !== null) return not;
        }
      }
      return null;
    } finally {
      if (before === undefined) this.#shown.delete(key);
    }
  }

  /** Is every document of `clause` one of `goal`? */
  #fits(clause: Clause, goal: Part, path: string, depth: number, splits: number): NotShown | null {
    this.#effort.spend();
    if (this.#nesting > NESTING_MAX) throw new Undecided(`${path || '/'}: a reference leads back to itself`);
    this.#nesting += 1;
    try {
      return this.#fitsHere(clause, goal, path, depth, splits);
    } finally {
      this.#nesting -= 1;
    }
  }

  #fitsHere(clause: Clause, goal: Part, path: string, depth: number, splits: number): NotShown | null {
    const { schema, of } = goal;
    if (schema === true || clause.origin.some((each) => this.#same(each, goal))) return null;
    if (schema === false) return { path, rule: 'nothing is allowed here any more' };
    if (clause.kind === 'value')
      return satisfies([goal], clause.value)
        ? null
        : { path, rule: `${JSON.stringify(clause.value)?.slice(0, 80)} is not allowed` };
    const part = (each: unknown): Part => ({ schema: each as JsonSchema, of });
    const one = (each: Part): NotShown | null => this.#fits(clause, each, path, depth, splits);
    let not: NotShown | null = null;
    if (schema.$ref !== undefined) not ??= one(deref(goal));
    if (Array.isArray(schema.allOf)) for (const each of schema.allOf) not ??= one(part(each));
    if (Array.isArray(schema.anyOf)) not ??= this.#union(clause, schema.anyOf.map(part), path, depth, splits, false);
    if (Array.isArray(schema.oneOf)) not ??= this.#union(clause, schema.oneOf.map(part), path, depth, splits, true);
    if (schema.not !== undefined && not === null && !this.#apart(clause, part(schema.not), depth)) not = { path, rule: 'not' };
    if (schema.if !== undefined) {
      const condition = part(schema.if);
      const branch = (with_: Part, then: unknown): NotShown | null =>
        then === undefined ? null : this.#each([...clause.origin, with_], part(then), path, depth, splits);
      not ??= branch(condition, schema.then);
      not ??= branch(part({ not: schema.if }), schema.else);
    }
    if (clause.kind === 'object') not ??= this.#dependencies(clause, schema, part, path, depth, splits);
    if (not !== null) return not;
    const base = baseOf(schema);
    return base === true ? null : this.#base(clause, { schema: base, of }, path, depth, splits);
  }

  #each(inner: readonly Part[], goal: Part, path: string, depth: number, splits: number): NotShown | null {
    for (const clause of clausesOf(inner, this.#effort)) {
      if (this.#isEmpty(clause, 0)) continue;
      const not = this.#fits(clause, goal, path, depth, splits);
      if (not !== null) return not;
    }
    return null;
  }

  #union(clause: Clause, parts: readonly Part[], path: string, depth: number, splits: number, one: boolean): NotShown | null {
    let first: NotShown | null = null;
    for (const part of parts) {
      const not = this.#fits(clause, part, path, depth, splits);
      if (not === null) {
        if (!one || parts.every((other) => other === part || this.#apart(clause, other, depth))) return null;
        first = { path, rule: 'oneOf: two of its parts could both apply' };
      } else first ??= not;
    }
    const goal: Part = {
      schema: { [one ? 'oneOf' : 'anyOf']: parts.map(({ schema }) => schema) },
      of: parts[0]?.of ?? NO_BUNDLE,
    };
    return this.#split(clause, goal, parts, path, depth, splits)
      ? null
      : { path, rule: parts.length === 1 ? first!.rule : one ? 'oneOf' : 'anyOf' };
  }

  #dependencies(
    clause: Clause & ObjectClause,
    schema: SchemaObject,
    part: (each: unknown) => Part,
    path: string,
    depth: number,
    splits: number,
  ): NotShown | null {
    const present = (name: string): readonly Part[] => [...clause.origin, part({ required: [name] })];
    for (const [name, names] of Object.entries(schema.dependentRequired ?? {})) {
      const not = this.#each(present(name), part({ required: names }), path, depth, splits);
      if (not !== null) return { path, rule: `dependentRequired ${name}` };
    }
    for (const [name, each] of Object.entries(schema.dependentSchemas ?? {})) {
      const not = this.#each(present(name), part(each), path, depth, splits);
      if (not !== null) return { path, rule: `dependentSchemas ${name}` };
    }
    return null;
  }

  /** No document is in both. */
  #apart(clause: Clause, other: Part, depth: number): boolean {
    // What the clause excludes already may exclude more than this.
    for (const each of clause.origin) {
      if (isSchemaObject(each.schema) && each.schema.not !== undefined) {
        const excluded: Part = { schema: each.schema.not as JsonSchema, of: each.of };
        if (this.#same(excluded, other) || this.show([other], [excluded], '', depth) === null) return true;
      }
    }
    return clausesOf([...clause.origin, other], this.#effort).every((both) => this.#isEmpty(both, 0));
  }

  // ---- distinctions -------------------------------------------------------------------------------------------------

  /** A union that no single part covers: the clause is cut into pieces, each of which may fit another part. */
  #split(clause: Clause, goal: Part, parts: readonly Part[], path: string, depth: number, splits: number): boolean {
    if (splits >= SPLITS_MAX) return false;
    const cut = (pieces: readonly SchemaObject[]): boolean =>
      pieces.length > 0 &&
      pieces.every(
        (piece) => this.#each([...clause.origin, { schema: piece, of: NO_BUNDLE }], goal, path, depth, splits + 1) === null,
      );
    if (clause.kind === 'number') return cut(this.#pieces(clause, parts));
    if (clause.kind === 'array' && clause.max <= 8) {
      if (clause.max === clause.min) return false;
      return cut(
        Array.from({ length: clause.max - clause.min + 1 }, (_, i) => ({ minItems: clause.min + i, maxItems: clause.min + i })),
      );
    }
    if (clause.kind !== 'object') return false;
    for (const name of namesOf(clause)) {
      const own = propertyOf(clause, name, new Set());
      if (!clause.required.has(name)) {
        if (own.some((each) => each.schema === false)) continue;
        if (cut([{ required: [name] }, { properties: { [name]: false } }])) return true;
        continue;
      }
      const ways = clausesOf(own, this.#effort);
      const kinds = new Set(ways.map((way) => (way.kind === 'value' ? typeOf(way.value) : way.kind)));
      if (ways.length > 1 && ways.length <= SPLIT_WAYS_MAX && ways.every((way) => way.kind === 'value')) {
        if (cut(ways.map((way) => ({ properties: { [name]: { const: way.value } } })))) return true;
      } else if (kinds.size > 1 && cut([...kinds].map((type) => ({ properties: { [name]: { type } } })))) return true;
    }
    return false;
  }

  #pieces(clause: NumberClause, parts: readonly Part[]): SchemaObject[] {
    if (clause.integer && clause.max - clause.min < SPLIT_WAYS_MAX)
      return Array.from({ length: clause.max - clause.min + 1 }, (_, i) => ({ const: clause.min + i }));
    const cuts = new Map<number, boolean>();
    for (const part of parts) {
      for (const each of clausesOf([part], this.#effort)) {
        if (each.kind !== 'number') continue;
        if (Number.isFinite(each.max)) cuts.set(each.max, each.maxOpen);
        if (Number.isFinite(each.min)) cuts.set(each.min, !each.minOpen);
      }
    }
    for (const [at, below] of cuts) {
      if (at <= clause.min || at >= clause.max) continue;
      return below ? [{ exclusiveMaximum: at }, { minimum: at }] : [{ maximum: at }, { exclusiveMinimum: at }];
    }
    return [];
  }

  // ---- one schema without alternatives ------------------------------------------------------------------------------

  #base(clause: Exclude<Clause, { kind: 'value' }>, goal: Part, path: string, depth: number, splits: number): NotShown | null {
    const schema = goal.schema as SchemaObject;
    const because = (rule: string): NotShown => ({ path, rule });
    if (schema.type !== undefined) {
      const types = [schema.type].flat() as string[];
      const fits = types.includes(clause.kind) || (clause.kind === 'number' && types.includes('integer') && clause.integer);
      if (!fits) return because(`type: ${clause.kind} is not ${types.join(' or ')}`);
    }
    // Looks at all its neighbours, and at values of other types as well.
    for (const keyword of ['unevaluatedProperties', 'unevaluatedItems']) {
      if (schema[keyword] !== undefined) return because(keyword);
    }
    const sets = Object.hasOwn(schema, 'const') ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : null;
    if (sets !== null) {
      const parts = sets.map((value) => ({ schema: { const: value }, of: NO_BUNDLE }));
      const { const: _const, enum: _enum, ...rest } = schema;
      if (sets.length === 0 || splits >= SPLITS_MAX || !this.#finite(clause, parts)) return because('enum');
      return Object.keys(rest).length === 0 ? null : this.#fits(clause, { schema: rest, of: goal.of }, path, depth, splits);
    }
    switch (clause.kind) {
      case 'number':
        return this.#number(clause, schema, because);
      case 'string':
        return this.#string(clause, schema, because);
      case 'array':
        return this.#array(clause, goal, path, depth);
      case 'object':
        return this.#object(clause, goal, path, depth);
    }
  }

  /** A clause that has few values all of which are in the set. */
  #finite(clause: Clause, parts: readonly Part[]): boolean {
    const pieces = clause.kind === 'number' && clause.integer ? this.#pieces(clause, []) : [];
    if (clause.kind === 'array' && clause.max === 0) pieces.push({ const: [] });
    if (clause.kind === 'string') {
      const words = parts.map(({ schema }) => (schema as SchemaObject).const).filter((each) => typeof each === 'string');
      const pattern = patternOfWords(words);
      return words.length > 0 && this.#string(clause, { pattern }, (rule) => ({ path: '', rule })) === null;
    }
    return (
      pieces.length > 0 &&
      pieces.every(({ const: value }) => !satisfies(clause.origin, value) || parts.some((part) => satisfies([part], value)))
    );
  }

  #number(clause: NumberClause, schema: SchemaObject, because: (rule: string) => NotShown): NotShown | null {
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema;
    if (typeof minimum === 'number' && clause.min < minimum) return because(`minimum ${minimum}`);
    if (typeof maximum === 'number' && clause.max > maximum) return because(`maximum ${maximum}`);
    if (
      typeof exclusiveMinimum === 'number' &&
      (clause.min < exclusiveMinimum || (clause.min === exclusiveMinimum && !clause.minOpen))
    )
      return because(`exclusiveMinimum ${exclusiveMinimum}`);
    if (
      typeof exclusiveMaximum === 'number' &&
      (clause.max > exclusiveMaximum || (clause.max === exclusiveMaximum && !clause.maxOpen))
    )
      return because(`exclusiveMaximum ${exclusiveMaximum}`);
    if (typeof multipleOf !== 'number') return null;
    // Fractions are compared with rounding by the checker: only the same one is certain.
    const divides = clause.multiples.some(
      (each) =>
        each === multipleOf || (Number.isSafeInteger(each) && Number.isSafeInteger(multipleOf) && each % multipleOf === 0),
    );
    return divides || (multipleOf === 1 && clause.integer) ? null : because(`multipleOf ${multipleOf}`);
  }

  #string(
    clause: Extract<Clause, { kind: 'string' }>,
    schema: SchemaObject,
    because: (rule: string) => NotShown,
  ): NotShown | null {
    const { minLength, maxLength, pattern, format } = schema;
    const own = clause.patterns.map(languageOf);
    const languages = own.filter((each) => each !== null);
    const within = lengthLanguage(clause.min, clause.max);
    const inner = [...languages, ...(within === null || (clause.min === 0 && clause.max === Infinity) ? [] : [within])];
    const implied = (outer: Language | null): boolean => outer !== null && stringsIncluded(inner, outer).answer === 'yes';
    if (typeof minLength === 'number' && clause.min < minLength && !implied(lengthLanguage(Math.ceil(minLength), Infinity)))
      return because(`minLength ${minLength}`);
    if (typeof maxLength === 'number' && clause.max > maxLength && !implied(lengthLanguage(0, Math.floor(maxLength))))
      return because(`maxLength ${maxLength}`);
    if (typeof pattern === 'string' && !clause.patterns.includes(pattern) && !implied(languageOf(pattern)))
      return because(`pattern ${pattern}`);
    if (typeof format === 'string' && !clause.origin.some(({ schema: each }) => isSchemaObject(each) && each.format === format))
      return because(`format ${format}`);
    return null;
  }

  #array(clause: Clause & ArrayClause, goal: Part, path: string, depth: number): NotShown | null {
    const schema = goal.schema as SchemaObject;
    const { minItems, maxItems, uniqueItems, prefixItems = [], items = true } = schema;
    if (typeof minItems === 'number' && clause.min < minItems) return { path, rule: `minItems ${minItems}` };
    if (typeof maxItems === 'number' && clause.max > maxItems) return { path, rule: `maxItems ${maxItems}` };
    if (uniqueItems === true && !clause.unique && clause.max > 1) return { path, rule: 'uniqueItems' };
    for (const keyword of ['contains', 'minContains', 'maxContains']) {
      if (schema[keyword] !== undefined) return this.#whole(clause, goal, path, keyword);
    }
    const prefix = prefixItems as readonly JsonSchema[];
    const length = Math.max(prefix.length, prefixLength(clause));
    for (let i = 0; i <= length && i < clause.max; i++) {
      const outer: Part = { schema: prefix[i] ?? (items as JsonSchema), of: goal.of };
      const inner = itemAt(clause, i);
      // An item that cannot be ends the array before it: then the later places do not matter either.
      if (this.#isEmptyPart(inner, 0)) return null;
      const not = this.show(inner, [outer], `${path}/${i < length ? i : '*'}`, depth + 1);
      if (not !== null) return not;
    }
    return null;
  }

  #object(clause: Clause & ObjectClause, goal: Part, path: string, depth: number): NotShown | null {
    const schema = goal.schema as SchemaObject;
    const { required = [], minProperties, maxProperties } = schema;
    for (const name of required as string[]) if (!clause.required.has(name)) return { path, rule: `required ${name}` };
    if (typeof minProperties === 'number' && clause.min < minProperties) return { path, rule: `minProperties ${minProperties}` };
    if (typeof maxProperties === 'number' && clause.max > maxProperties) return { path, rule: `maxProperties ${maxProperties}` };
    if (schema.propertyNames !== undefined) return this.#whole(clause, goal, path, 'propertyNames');
    const outer: ObjectClause = { kind: 'object', min: 0, max: Infinity, required: new Set(), layers: [goal] };
    const names = new Set([...namesOf(clause), ...namesOf(outer)]);
    const below = (inner: readonly Part[], to: readonly Part[], name: string): NotShown | null =>
      to.length === 0 || this.#isEmptyPart(inner, 0) ? null : this.show(inner, to, `${path}/${name}`, depth + 1);
    for (const name of names) {
      const not = below(propertyOf(clause, name, new Set()), propertyOf(outer, name, new Set()), name);
      if (not !== null) return not;
    }
    const patterns = [...new Set([...patternsOf(clause), ...patternsOf(outer)])];
    if (patterns.length > PATTERNS_MAX) throw new Undecided(`${path || '/'}: more than ${PATTERNS_MAX} patterns of names`);
    for (let bits = 0; bits < 1 << patterns.length; bits++) {
      const matched = new Set(patterns.filter((_, i) => (bits & (1 << i)) !== 0));
      if (!this.#anyName(matched, patterns)) continue;
      const not = below(propertyOf(clause, null, matched), propertyOf(outer, null, matched), [...matched][0] ?? '*');
      if (not !== null) return not;
    }
    return null;
  }

  /** Can a name match all of `matched`? (That it matches none of the others is not asked: more names are looked at, never fewer.) */
  #anyName(matched: ReadonlySet<string>, patterns: readonly string[]): boolean {
    const inner = [...matched].map(languageOf);
    if (inner.length === 0 || inner.includes(null)) return true;
    const only = patterns.filter((each) => !matched.has(each));
    // A pattern that all these names match anyway cannot be left out.
    for (const each of only) {
      const language = languageOf(each);
      if (language !== null && stringsIncluded(inner as Language[], language).answer === 'yes') return false;
    }
    return stringsIncluded(inner as Language[], null).answer !== 'yes';
  }

  /** Keywords that depend on their neighbours: shown only where one part of the clause says the same, word for word. */
  #whole(clause: Clause, goal: Part, path: string, keyword: string): NotShown | null {
    return clause.origin.some((each) => this.#same(each, goal)) ? null : { path, rule: keyword };
  }

  // ---- emptiness ----------------------------------------------------------------------------------------------------

  /** True only when no document can satisfy it. */
  #isEmpty(clause: Clause, depth: number): boolean {
    this.#effort.spend();
    if (clause.kind === 'value') return false;
    if (clause.kind === 'object') {
      for (const name of clause.required) if (this.#isEmptyPart(propertyOf(clause, name, new Set()), depth + 1)) return true;
    }
    if (clause.kind === 'array') {
      for (let i = 0; i < Math.min(clause.min, 8); i++) if (this.#isEmptyPart(itemAt(clause, i), depth + 1)) return true;
    }
    if (clause.kind === 'string' && clause.patterns.length > 0) {
      const languages = clause.patterns.map(languageOf).filter((each) => each !== null);
      const within = lengthLanguage(clause.min, clause.max);
      const all = [...languages, ...(within === null || (clause.min === 0 && clause.max === Infinity) ? [] : [within])];
      if (all.length > 1 && stringsIncluded(all, null).answer === 'yes') return true;
    }
    // What it excludes may be all there is.
    if (depth > 1) return false;
    return clause.origin.some(({ schema, of }) => {
      if (!isSchemaObject(schema) || schema.not === undefined) return false;
      if (schema.not === true) return true;
      const rest = clause.origin.filter((each) => each.schema !== schema);
      return this.#eachQuietly(clause, rest, { schema: schema.not as JsonSchema, of });
    });
  }

  #eachQuietly(clause: Clause, rest: readonly Part[], excluded: Part): boolean {
    const plain = clausesOf(rest, this.#effort).filter((each) => each.kind === clause.kind);
    return plain.every((each) => this.#fits(each, excluded, '', 0, SPLITS_MAX) === null);
  }

  #isEmptyPart(parts: readonly Part[], depth: number): boolean {
    if (parts.some(({ schema }) => schema === false)) return true;
    if (parts.length === 0 || depth > EMPTY_DEPTH_MAX) return false;
    return clausesOf(parts, this.#effort).every((clause) => this.#isEmpty(clause, depth));
  }

  // ---- identity -----------------------------------------------------------------------------------------------------

  #same(a: Part, b: Part): boolean {
    if (a.schema === b.schema && a.of === b.of) return true;
    if (typeof a.schema === 'boolean' || typeof b.schema === 'boolean') return a.schema === b.schema;
    const text = textOf(a);
    return text !== null && text === textOf(b);
  }

  #key(parts: readonly Part[]): string {
    return parts
      .map(({ schema, of }) => (typeof schema === 'boolean' ? String(schema) : `${this.#id(schema)}@${this.#id(of)}`))
      .toSorted()
      .join('&');
  }

  #id(object: object): number {
    let id = this.#ids.get(object);
    if (id === undefined) this.#ids.set(object, (id = this.#ids.size));
    return id;
  }
}

const texts = new WeakMap<object, string>();
const TEXT_MAX = 20_000;

/** One text for one meaning, with references replaced by what they mean; null when it is recursive or too long. */
function textOf({ schema, of }: Part): string | null {
  if (typeof schema === 'boolean') return String(schema);
  const known = texts.get(schema);
  if (known !== undefined) return known === '' ? null : known;
  let size = 0;
  const expand = (value: unknown, depth: number): unknown => {
    size += 1;
    if (depth > 40 || size > 2000) throw new Undecided('recursive');
    if (Array.isArray(value)) return value.map((each) => expand(each, depth + 1));
    if (typeof value === 'number') return `n${value}`;
    if (typeof value === 'string') return `s${value}`;
    if (!isSchemaObject(value)) return value;
    const out: Record<string, unknown> = {};
    for (const [key, each] of Object.entries(value)) {
      if (typeof each === 'string' && ['title', 'description', '$comment'].includes(key)) continue;
      if (key === 'const' || key === 'enum') {
        const data = JSON.stringify(each) ?? '';
        if (data.includes('"$ref"')) throw new Undecided('data that looks like a reference');
        out[key] = `j${data}`;
        continue;
      }
      const target = key === '$ref' && typeof each === 'string' ? of.defs[each.slice('#/$defs/'.length)] : undefined;
      out[key] = expand(target ?? each, depth + 1);
    }
    return out;
  };
  let text = '';
  try {
    text = canonicalJson(expand(schema, 0));
  } catch {
    // Too deep for a text: then only the same object is the same.
  }
  if (text.length > TEXT_MAX) text = '';
  texts.set(schema, text);
  return text === '' ? null : text;
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}
