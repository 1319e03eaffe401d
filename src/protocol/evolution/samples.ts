/**
 * Documents at the borders of a schema: small ones, full ones, and those that cross what another schema draws more narrowly.
 * They are suggestions only: whether one is a counter-example is said by the two compiled checkers. No randomness.
 */
import { isSchemaObject, type JsonSchema, type SchemaObject } from '../json-schema.ts';
import {
  type ArrayClause,
  type Clause,
  clausesOf,
  type Effort,
  itemAt,
  matches,
  namesOf,
  type NumberClause,
  type ObjectClause,
  type Part,
  patternsOf,
  prefixLength,
  propertyOf,
  satisfies,
  Undecided,
} from './clauses.ts';
import { languageOf, lengthLanguage, patternOfWords, stringsIncluded } from './pattern.ts';

const DEPTH_MAX = 6;
/** Samples kept of one place, and of the whole document. Most borders are crossed by the few; the many are for the rest. */
export interface Size {
  readonly place: number;
  readonly document: number;
}
export const FEW: Size = { place: 10, document: 250 };
export const MANY: Size = { place: 40, document: 1500 };
const STRING_MAX = 4096;
const ITEMS_MAX = 300;
const NEW_NAMES = ['extra', 'x-1', 'Extra', '0', '_', ''];

/** Where nothing is asked for. */
const ANYTHING: readonly unknown[] = [0, '', null, true, [], {}, 1.5, 'a', [0, 0], { a: 0 }];

/** Formats by a string that has it and, with every other one, some that have not. */
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-01-02T03:04:05Z',
  date: '2026-01-02',
  time: '03:04:05Z',
  duration: 'P1D',
  email: 'a@example.com',
  'idn-email': 'a@example.com',
  hostname: 'example.com',
  'idn-hostname': 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/a',
  'uri-reference': '/a',
  iri: 'https://example.com/a',
  'iri-reference': '/a',
  url: 'https://example.com/a',
  uuid: '2b1f2a3c-0d4e-4f5a-8b6c-7d8e9f0a1b2c',
  'uri-template': '/a/{b}',
  'json-pointer': '/a/0',
  'relative-json-pointer': '1/a',
  regex: '^a$',
};

export class Samples {
  readonly #effort: Effort;
  readonly #size: Size;

  constructor(effort: Effort, size: Size) {
    this.#effort = effort;
    this.#size = size;
  }

  /** Documents of `inner`, those first that cross a border of `outer`; smaller before larger. */
  documents(inner: readonly Part[], outer: readonly Part[]): unknown[] {
    const all = this.#of(inner, outer, 0, this.#size.document).map((value) => ({
      value,
      size: JSON.stringify(value)?.length ?? 0,
    }));
    return all.toSorted((a, b) => a.size - b.size).map(({ value }) => value);
  }

  #of(parts: readonly Part[], hints: readonly Part[], depth: number, most: number): unknown[] {
    if (depth > DEPTH_MAX || parts.some(({ schema }) => schema === false)) return [];
    if (depth > 0 && hints.length === 0 && parts.every(({ schema }) => schema === true)) return [...ANYTHING];
    const out = new Map<string, unknown>();
    const add = (value: unknown): void => {
      if (out.size >= most) return;
      const key = JSON.stringify(value);
      if (key !== undefined && !out.has(key) && satisfies(parts, value)) out.set(key, value);
    };
    try {
      this.#collect(parts, hints, depth, most, add);
    } catch (error) {
      // Out of effort: what was found so far may already show it.
      if (!(error instanceof Undecided)) throw error;
    }
    return [...out.values()];
  }

  #collect(parts: readonly Part[], hints: readonly Part[], depth: number, most: number, add: (value: unknown) => void): void {
    this.#effort.spend();
    const wanted = hintsOf(hints);
    for (const schema of wanted) {
      for (const value of Array.isArray(schema.enum) ? schema.enum : []) add(value);
      if (Object.hasOwn(schema, 'const')) add(schema.const);
    }
    const clauses = clausesOf(parts, this.#effort);
    // In turn, so that one rich alternative leaves room for the others.
    const share = Math.max(12, Math.ceil(most / Math.max(1, clauses.length)));
    for (const clause of clauses) {
      for (const value of this.#clause(clause, hints, wanted, depth, share)) add(value);
      this.#effort.spend();
    }
  }

  #clause(clause: Clause, hints: readonly Part[], wanted: readonly SchemaObject[], depth: number, most: number): unknown[] {
    switch (clause.kind) {
      case 'value':
        return [clause.value];
      case 'number':
        return numbersAt(clause, wanted);
      case 'string':
        return stringsAt(clause, wanted);
      case 'array':
        return this.#arrays(clause, hints, wanted, depth, most);
      case 'object':
        return this.#objects(clause, hints, depth, most);
    }
  }

  #arrays(
    clause: Clause & ArrayClause,
    hints: readonly Part[],
    wanted: readonly SchemaObject[],
    depth: number,
    most: number,
  ): unknown[] {
    const lengths = new Set([clause.min, clause.min + 1, prefixLength(clause), prefixLength(clause) + 1]);
    if (clause.max !== Infinity) lengths.add(clause.max);
    for (const schema of wanted) {
      for (const bound of [schema.minItems, schema.maxItems, (schema.prefixItems as unknown[] | undefined)?.length]) {
        if (typeof bound === 'number') for (const at of [bound - 1, bound, bound + 1]) lengths.add(at);
      }
      if (schema.uniqueItems === true) lengths.add(2);
      for (const each of [schema.minContains, schema.maxContains]) if (typeof each === 'number') lengths.add(each + 1);
    }
    const out: unknown[] = [];
    const items = new Map<number, unknown[]>();
    const at = (i: number): unknown[] => {
      const place = Math.min(i, prefixLength(clause) + 8);
      let known = items.get(place);
      if (known === undefined) {
        const below = hints.flatMap((hint) =>
          below_(hint, (schema) => [(schema.prefixItems as JsonSchema[] | undefined)?.[place], schema.items, schema.contains]),
        );
        known = this.#of(itemAt(clause, place), below, depth + 1, this.#size.place);
        items.set(place, known);
      }
      return known;
    };
    const possible = [...lengths].filter((length) => {
      if (length < Math.max(0, clause.min) || length > Math.min(clause.max, ITEMS_MAX)) return false;
      return Array.from({ length }, (_, i) => i).every((i) => at(i).length > 0);
    });
    // Every length once before any of them is varied.
    for (const length of possible.toSorted((a, b) => a - b)) {
      const places = Array.from({ length }, (_, i) => i);
      out.push(
        places.map((i) => at(i)[0]),
        places.map((i) => at(i)[i % at(i).length]),
      );
    }
    for (const length of possible.filter((each) => each > 0).toSorted((a, b) => a - b)) {
      const places = Array.from({ length }, (_, i) => i);
      for (const i of places.slice(0, 4)) {
        for (const value of at(i)) {
          if (out.length > most) return out;
          out.push(places.map((j) => (i === j ? value : at(j)[clause.unique ? (j + 1) % at(j).length : 0])));
        }
      }
    }
    return out;
  }

  #objects(clause: Clause & ObjectClause, hints: readonly Part[], depth: number, most: number): unknown[] {
    const named = namesOf(clause);
    const outerNames = new Set<string>();
    const patterns = new Set(patternsOf(clause));
    let [propertiesMax, newNames] = [0, NEW_NAMES];
    for (const hint of hints) {
      below_(hint, (schema) => {
        for (const name of Object.keys((schema.properties as object | undefined) ?? {})) outerNames.add(name);
        for (const name of [
          ...((schema.required as string[] | undefined) ?? []),
          ...Object.keys(schema.dependentRequired ?? {}),
          ...Object.keys(schema.dependentSchemas ?? {}),
        ])
          outerNames.add(name);
        for (const pattern of Object.keys((schema.patternProperties as object | undefined) ?? {})) patterns.add(pattern);
        const names = schema.propertyNames;
        if (isSchemaObject(names) && typeof names.maxLength === 'number' && names.maxLength < STRING_MAX)
          newNames = [...newNames, 'x'.repeat(names.maxLength + 1)];
        if (isSchemaObject(names) && typeof names.pattern === 'string') patterns.add(names.pattern);
        if (typeof schema.maxProperties === 'number') propertiesMax = Math.max(propertiesMax, schema.maxProperties + 1);
        return [];
      });
    }
    for (const pattern of patterns) {
      const language = languageOf(pattern);
      const found = language === null ? null : stringsIncluded([language], null);
      if (found?.answer === 'no') newNames = [...newNames, found.example];
    }
    const values = new Map<string, unknown[]>();
    const valuesOf = (name: string): unknown[] => {
      let known = values.get(name);
      if (known === undefined) {
        const below = hints.flatMap((hint) =>
          below_(hint, (schema) => {
            const own = Object.hasOwn(schema.properties ?? {}, name)
              ? [(schema.properties as Record<string, JsonSchema>)[name]]
              : [];
            for (const [pattern, each] of Object.entries(
              (schema.patternProperties as Record<string, JsonSchema> | undefined) ?? {},
            ))
              if (matches(pattern, name)) own.push(each);
            return own.length > 0 ? own : [schema.additionalProperties];
          }),
        );
        known = this.#of(propertyOf(clause, name, new Set()), below, depth + 1, this.#size.place);
        values.set(name, known);
      }
      return known;
    };
    const all = [...named, ...[...outerNames, ...newNames].filter((name) => !named.has(name))];
    const least = make([...clause.required], (name) => valuesOf(name)[0]);
    if (least === null) return [];
    let count = clause.required.size;
    for (const name of all) {
      if (count >= clause.min || Object.hasOwn(least, name) || valuesOf(name).length === 0) continue;
      set(least, name, valuesOf(name)[0]);
      count += 1;
    }
    const present = [...named].filter((name) => valuesOf(name).length > 0);
    const full = make(present, (name) => valuesOf(name)[0]) ?? least;
    const out: unknown[] = [least, full];
    for (const base of [least, full]) {
      for (const name of Object.keys(base)) {
        if (!clause.required.has(name))
          out.push(
            make(
              Object.keys(base).filter((each) => each !== name),
              (each) => base[each],
            ),
          );
      }
    }
    // The first value of every name before the second of any.
    for (let k = 0; k < this.#size.place && out.length <= most; k++) {
      for (const name of all) {
        const value = valuesOf(name)[k];
        if (value === undefined) continue;
        out.push(withField(least, name, value));
        if (full !== least) out.push(withField(full, name, value));
      }
    }
    // Enough properties to pass a bound on their number.
    if (propertiesMax > 0 && propertiesMax <= ITEMS_MAX) {
      const many = { ...full };
      for (let i = 0; Object.keys(many).length < propertiesMax && i < propertiesMax; i++) {
        const name = all.find((each) => !Object.hasOwn(many, each) && valuesOf(each).length > 0) ?? `extra${i}`;
        if (valuesOf(name).length > 0) set(many, name, valuesOf(name)[0]);
      }
      out.push(many);
    }
    return out;
  }
}

/** Every schema object in place: itself and what its combinators say of the same value. */
function hintsOf(parts: readonly Part[]): SchemaObject[] {
  const out: SchemaObject[] = [];
  const seen = new Set<unknown>();
  const visit = (schema: unknown, of: Part['of']): void => {
    if (!isSchemaObject(schema) || seen.has(schema) || seen.size > 200) return;
    seen.add(schema);
    out.push(schema);
    for (const keyword of ['allOf', 'anyOf', 'oneOf'])
      if (Array.isArray(schema[keyword])) for (const each of schema[keyword]) visit(each, of);
    for (const keyword of ['not', 'if', 'then', 'else']) visit(schema[keyword], of);
    for (const each of Object.values(schema.dependentSchemas ?? {})) visit(each, of);
    if (typeof schema.$ref === 'string') visit(of.defs[schema.$ref.slice('#/$defs/'.length)], of);
  };
  for (const { schema, of } of parts) visit(schema, of);
  return out;
}

function below_(hint: Part, pick: (schema: SchemaObject) => readonly unknown[]): Part[] {
  return hintsOf([hint]).flatMap((schema) =>
    pick(schema)
      .filter((each) => isSchemaObject(each))
      .map((each) => ({ schema: each, of: hint.of })),
  );
}

function numbersAt(clause: NumberClause, wanted: readonly SchemaObject[]): number[] {
  const out = new Set<number>();
  const around = (at: unknown): void => {
    if (typeof at !== 'number' || !Number.isFinite(at)) return;
    for (const value of [at, at + 1, at - 1, at + 0.5, at - 0.5]) out.add(value);
  };
  for (const schema of wanted) {
    for (const keyword of ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']) around(schema[keyword]);
  }
  around(clause.min);
  around(clause.max);
  around(0);
  for (const value of [2, 3, 7, 100, -100, 0.1, 1e9, -1e9, 1e21, -1e21, Number.MAX_SAFE_INTEGER]) out.add(value);
  const steps = clause.multiples.filter((each) => each > 0);
  const borders = [...out];
  for (const step of steps) {
    for (const value of borders)
      for (const k of [Math.floor(value / step), Math.ceil(value / step)])
        for (const more of [-1, 0, 1]) out.add((k + more) * step);
    for (let k = 1; k <= 8; k++) out.add(k * step);
  }
  return [...out].map((value) => (value === 0 ? 0 : value)); // no -0
}

function stringsAt(clause: Extract<Clause, { kind: 'string' }>, wanted: readonly SchemaObject[]): string[] {
  const lengths = new Set<number>();
  const out: string[] = [];
  const formats = clause.origin.flatMap(({ schema }) =>
    isSchemaObject(schema) && typeof schema.format === 'string' ? [schema.format] : [],
  );
  for (const format of formats) if (FORMATS[format] !== undefined) out.push(FORMATS[format]);
  const own = clause.patterns.map(languageOf).filter((each) => each !== null);
  const within = lengthLanguage(clause.min, clause.max);
  const inner = within === null ? own : [...own, within];
  const shortest = own.length === 0 ? null : stringsIncluded(inner, null);
  if (shortest?.answer === 'no') out.push(shortest.example);
  for (const schema of wanted) {
    if (typeof schema.minLength === 'number') lengths.add(schema.minLength - 1);
    if (typeof schema.maxLength === 'number') lengths.add(schema.maxLength + 1);
    const words = [schema.enum, schema.const].flat().filter((each) => typeof each === 'string');
    const pattern = typeof schema.pattern === 'string' ? schema.pattern : words.length > 0 ? patternOfWords(words) : null;
    const language = pattern === null ? null : languageOf(pattern);
    for (const each of [
      language === null ? null : stringsIncluded(inner, language),
      language === null ? null : stringsIncluded([...inner, language], null),
    ])
      if (each?.answer === 'no') out.push(each.example);
  }
  for (const length of new Set([...lengths, clause.min, clause.max, 1, 2])) {
    if (length < clause.min || length > clause.max || length > STRING_MAX || length < 0) continue;
    if (own.length === 0) {
      out.push('x'.repeat(length), '0'.repeat(length), ' '.repeat(length));
      continue;
    }
    const exact = lengthLanguage(length, length);
    const found = exact === null ? null : stringsIncluded([...own, exact], null);
    if (found?.answer === 'no') out.push(found.example);
  }
  if (own.length === 0) out.push(...Object.values(FORMATS), 'a', 'A', 'no such format', '-1', 'é', '😀');
  return out;
}

function make(names: readonly string[], value: (name: string) => unknown): Record<string, unknown> | null {
  const out: Record<string, unknown> = {};
  for (const name of names) {
    const each = value(name);
    if (each === undefined) return null;
    set(out, name, each);
  }
  return out;
}

/** A property may be called `__proto__`: assignment would lose it. */
function set(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function withField(base: Readonly<Record<string, unknown>>, name: string, value: unknown): Record<string, unknown> {
  const out = { ...base };
  set(out, name, value);
  return out;
}
