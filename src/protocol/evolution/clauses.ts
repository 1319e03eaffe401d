/**
 * A schema as alternatives of one JSON type each: values, numbers, strings, arrays, objects with their bounds. References and
 * `allOf` are flattened, `anyOf`, `oneOf`, `if` and dependencies become alternatives. A clause may describe more
 * than its schema, never less; what it cannot express stays in `origin`. Source: the normal form of Habib et al. 2021, kept lazy.
 */
import { Check } from 'typebox/schema';
import { isSchemaObject, type Bundle, type JsonSchema, type SchemaObject, standalone } from '../json-schema.ts';

/** A schema and the document that its references mean. A list of parts is their conjunction. */
export interface Part {
  readonly schema: JsonSchema;
  readonly of: Bundle;
}

export type Kind = 'number' | 'string' | 'array' | 'object';

interface Shared {
  /** Parts without alternatives, whose conjunction is this clause exactly. */
  readonly origin: readonly Part[];
}

export type Clause =
  | (Shared & { readonly kind: 'value'; readonly value: unknown })
  | (Shared & NumberClause)
  | (Shared & { readonly kind: 'string'; readonly min: number; readonly max: number; readonly patterns: readonly string[] })
  | (Shared & ArrayClause)
  | (Shared & ObjectClause);

export interface NumberClause {
  readonly kind: 'number';
  readonly min: number;
  readonly minOpen: boolean;
  readonly max: number;
  readonly maxOpen: boolean;
  readonly integer: boolean;
  readonly multiples: readonly number[];
}

export interface ArrayClause {
  readonly kind: 'array';
  readonly min: number;
  readonly max: number;
  readonly unique: boolean;
  readonly layers: readonly Part[];
}

export interface ObjectClause {
  readonly kind: 'object';
  readonly min: number;
  readonly max: number;
  readonly required: ReadonlySet<string>;
  readonly layers: readonly Part[];
}

/** The question is too large, or asks for what is not modelled; caught where the question was asked. */
export class Undecided extends Error {}

/** Alternatives of one schema; beyond it the answer is "unsure". */
const CLAUSES_MAX = 256;
/** References one after the other without a step into the document: more is a circle. */
const REFS_MAX = 64;

/** Steps of one question: about a second. Shared by everything that answers it. */
export class Effort {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  spend(steps = 1): void {
    this.#left -= steps;
    if (this.#left < 0) throw new Undecided('the schemas are too large to compare: compare their parts');
  }
}

/** Keywords that speak of the same value and are taken apart; the rest is the base. */
export const COMBINATORS: readonly string[] = [
  'allOf',
  'anyOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  '$ref',
  'dependentRequired',
  'dependentSchemas',
];
const TYPES = ['null', 'boolean', 'number', 'string', 'array', 'object'];

export function satisfies(parts: readonly Part[], value: unknown): boolean {
  return parts.every(({ schema, of }) => {
    if (typeof schema === 'boolean') return schema;
    return Check(standalone(schema, of.defs), value);
  });
}

export function deref(part: Part): Part {
  const key = String((part.schema as SchemaObject).$ref).slice('#/$defs/'.length);
  const target = part.of.defs[key];
  if (target === undefined) throw new Undecided('a reference leads out of the document');
  return { schema: target, of: part.of };
}

export const negation = (part: Part): Part => ({ schema: { not: part.schema }, of: part.of });

/** The schema without what is taken apart, and without `less`; `true` when nothing is left. */
export function baseOf(schema: SchemaObject, less: readonly string[] = []): JsonSchema {
  const entries = Object.entries(schema).filter(([keyword]) => !COMBINATORS.includes(keyword) && !less.includes(keyword));
  return entries.length === 0 ? true : Object.fromEntries(entries);
}

/** Dependencies as the alternatives that they are: the property is absent, or it is present with what it brings along. */
export function alternativesOf({ schema, of }: Part): Part[][][] {
  if (typeof schema === 'boolean') return [];
  const part = (each: unknown): Part => ({ schema: each as JsonSchema, of });
  const out: Part[][][] = [];
  if (Array.isArray(schema.anyOf)) out.push(schema.anyOf.map((each) => [part(each)]));
  if (Array.isArray(schema.oneOf)) {
    const all = schema.oneOf.map(part);
    out.push(all.map((each) => [each, ...all.filter((other) => other !== each).map(negation)]));
  }
  if (schema.if !== undefined && (schema.then !== undefined || schema.else !== undefined)) {
    const test = part(schema.if);
    out.push([
      [test, part(schema.then ?? true)],
      [negation(test), part(schema.else ?? true)],
    ]);
  }
  for (const [name, names] of Object.entries(schema.dependentRequired ?? {})) {
    out.push([[part({ properties: { [name]: false } })], [part({ required: [name, ...(names as string[])] })]]);
  }
  for (const [name, each] of Object.entries(schema.dependentSchemas ?? {})) {
    out.push([[part({ properties: { [name]: false } })], [part({ required: [name] }), part(each)]]);
  }
  return out;
}

/** Alternatives whose union is the conjunction of `parts`. Throws `Undecided` when there are too many. */
export function clausesOf(parts: readonly Part[], effort: Effort): Clause[] {
  const out: Clause[] = [];
  const expand = (todo: readonly Part[], origin: readonly Part[], choices: readonly Part[][][], refs: number): void => {
    effort.spend();
    const queue = [...todo];
    const base = [...origin];
    const open = [...choices];
    while (queue.length > 0) {
      const part = queue.pop()!;
      const { schema, of } = part;
      if (schema === true) continue;
      if (schema === false) return;
      if (schema.$ref !== undefined) {
        refs += 1;
        if (refs > REFS_MAX) throw new Undecided('a reference leads back to itself without a step into the document');
        queue.push(deref(part));
      }
      if (Array.isArray(schema.allOf)) queue.push(...schema.allOf.map((each) => ({ schema: each as JsonSchema, of })));
      if (schema.not !== undefined) base.push({ schema: { not: schema.not }, of });
      open.push(...alternativesOf(part));
      // These look at their neighbours, which are taken apart here: without them the clause describes more, never less.
      const rest = baseOf(schema, ['unevaluatedProperties', 'unevaluatedItems']);
      if (rest !== true) base.push({ schema: rest, of });
    }
    const [choice, ...later] = open;
    if (choice === undefined) {
      leaf(base, out);
      if (out.length > CLAUSES_MAX) throw new Undecided(`more than ${CLAUSES_MAX} alternatives in one place`);
    } else for (const way of choice) expand(way, base, later, refs);
  };
  expand(parts, [], [], 0);
  return out;
}

/** `base` holds no alternatives: one clause for each type that it leaves, or one for each value. */
function leaf(base: readonly Part[], out: Clause[]): void {
  let values: readonly unknown[] | null = null;
  let types = new Set(TYPES);
  for (const { schema } of base as readonly { schema: SchemaObject }[]) {
    if (schema.type !== undefined) {
      const named = ([schema.type].flat() as string[]).map((type) => (type === 'integer' ? 'number' : type));
      types = new Set([...types].filter((type) => named.includes(type)));
    }
    if (schema.const !== undefined || Object.hasOwn(schema, 'const')) values = [schema.const];
    if (Array.isArray(schema.enum)) values ??= schema.enum;
  }
  const literal = (value: unknown): void => {
    if (!satisfies(base, value)) return;
    out.push({ kind: 'value', value, origin: [{ schema: { const: value }, of: base[0]?.of ?? NO_BUNDLE }] });
  };
  if (values !== null) {
    for (const value of values) literal(value);
    return;
  }
  if (types.has('null')) literal(null);
  if (types.has('boolean')) for (const value of [false, true]) literal(value);
  for (const kind of ['number', 'string', 'array', 'object'] as const) {
    if (!types.has(kind)) continue;
    const origin = [...base, { schema: { type: kind }, of: NO_BUNDLE }];
    const clause = { number: numbers, string: strings, array: arrays, object: objects }[kind](base);
    if (!emptyBounds(clause)) out.push({ ...clause, origin });
  }
}

export const NO_BUNDLE: Bundle = { root: true, defs: {}, trouble: [], malformed: null };

type Bounds = NumberClause | Omit<Extract<Clause, { kind: 'string' }>, 'origin'> | ArrayClause | ObjectClause;

function emptyBounds(clause: Bounds): boolean {
  if (clause.min > clause.max) return true;
  if (clause.kind === 'number' && clause.min === clause.max) return clause.minOpen || clause.maxOpen;
  return clause.kind === 'object' && clause.required.size > clause.max;
}

const schemas = (base: readonly Part[]): readonly SchemaObject[] => base.map(({ schema }) => schema).filter(isSchemaObject);
const atLeast = (base: readonly Part[], keyword: string): number =>
  schemas(base).reduce((most, { [keyword]: value }) => (typeof value === 'number' && value > most ? value : most), 0);
const atMost = (base: readonly Part[], keyword: string): number =>
  schemas(base).reduce((least, { [keyword]: value }) => (typeof value === 'number' && value < least ? value : least), Infinity);

function numbers(base: readonly Part[]): NumberClause {
  let [min, minOpen, max, maxOpen, integer] = [-Infinity, false, Infinity, false, false];
  const multiples: number[] = [];
  for (const schema of schemas(base)) {
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema;
    if (typeof minimum === 'number' && minimum > min) [min, minOpen] = [minimum, false];
    if (typeof exclusiveMinimum === 'number' && exclusiveMinimum >= min) [min, minOpen] = [exclusiveMinimum, true];
    if (typeof maximum === 'number' && maximum < max) [max, maxOpen] = [maximum, false];
    if (typeof exclusiveMaximum === 'number' && exclusiveMaximum <= max) [max, maxOpen] = [exclusiveMaximum, true];
    if (typeof multipleOf === 'number') multiples.push(multipleOf);
    const types = [schema.type].flat();
    if (types.includes('integer') && !types.includes('number')) integer = true;
  }
  if (integer) {
    if (Number.isFinite(min)) [min, minOpen] = [minOpen ? Math.floor(min) + 1 : Math.ceil(min), false];
    if (Number.isFinite(max)) [max, maxOpen] = [maxOpen ? Math.ceil(max) - 1 : Math.floor(max), false];
  }
  return { kind: 'number', min, minOpen, max, maxOpen, integer, multiples };
}

function strings(base: readonly Part[]): Omit<Extract<Clause, { kind: 'string' }>, 'origin'> {
  const patterns = schemas(base).flatMap(({ pattern }) => (typeof pattern === 'string' ? [pattern] : []));
  return { kind: 'string', min: Math.ceil(atLeast(base, 'minLength')), max: Math.floor(atMost(base, 'maxLength')), patterns };
}

function arrays(base: readonly Part[]): ArrayClause {
  const layers = base.filter(
    ({ schema }) => isSchemaObject(schema) && (schema.items !== undefined || schema.prefixItems !== undefined),
  );
  let max = Math.floor(atMost(base, 'maxItems'));
  for (const { schema } of layers as { schema: SchemaObject }[]) {
    const prefix = (schema.prefixItems ?? []) as readonly unknown[];
    if (schema.items === false) max = Math.min(max, prefix.length);
    const never = prefix.indexOf(false);
    if (never !== -1) max = Math.min(max, never);
  }
  const unique = schemas(base).some(({ uniqueItems }) => uniqueItems === true);
  return { kind: 'array', min: Math.ceil(atLeast(base, 'minItems')), max, unique, layers };
}

function objects(base: readonly Part[]): ObjectClause {
  const required = new Set(
    schemas(base).flatMap((schema) => (Array.isArray(schema.required) ? (schema.required as string[]) : [])),
  );
  const layers = base.filter(
    ({ schema }) =>
      isSchemaObject(schema) &&
      ['properties', 'patternProperties', 'additionalProperties'].some((key) => schema[key] !== undefined),
  );
  let max = Math.floor(atMost(base, 'maxProperties'));
  for (const { schema } of layers as { schema: SchemaObject }[]) {
    if (schema.additionalProperties === false && Object.keys(schema.patternProperties ?? {}).length === 0)
      max = Math.min(max, Object.keys(schema.properties ?? {}).length);
  }
  return { kind: 'object', min: Math.max(Math.ceil(atLeast(base, 'minProperties')), required.size), max, required, layers };
}

// ---- what lies below a clause ---------------------------------------------------------------------------------------

export function itemAt({ layers }: ArrayClause, index: number): Part[] {
  return layers.flatMap(({ schema, of }) => {
    const prefix = ((schema as SchemaObject).prefixItems ?? []) as readonly JsonSchema[];
    const item = prefix[index] ?? (((schema as SchemaObject).items ?? true) as JsonSchema);
    return item === true ? [] : [{ schema: item, of }];
  });
}

export function prefixLength({ layers }: ArrayClause): number {
  return layers.reduce(
    (most, { schema }) => Math.max(most, ((schema as SchemaObject).prefixItems as unknown[] | undefined)?.length ?? 0),
    0,
  );
}

export function namesOf({ layers, required }: ObjectClause): Set<string> {
  const names = new Set(required);
  for (const { schema } of layers) for (const name of Object.keys((schema as SchemaObject).properties ?? {})) names.add(name);
  return names;
}

export function patternsOf({ layers }: ObjectClause): Set<string> {
  return new Set(layers.flatMap(({ schema }) => Object.keys((schema as SchemaObject).patternProperties ?? {})));
}

/** What a property must satisfy whose name is `name`, or, with `name` null, one that nobody names and that matches exactly `matched`. */
export function propertyOf({ layers }: ObjectClause, name: string | null, matched: ReadonlySet<string>): Part[] {
  return layers.flatMap(({ schema, of }) => {
    const whole = schema as SchemaObject;
    const properties = (whole.properties ?? {}) as Readonly<Record<string, JsonSchema>>;
    const patternProperties = (whole.patternProperties ?? {}) as Readonly<Record<string, JsonSchema>>;
    const additionalProperties = (whole.additionalProperties ?? true) as JsonSchema;
    const own: JsonSchema[] = name !== null && Object.hasOwn(properties, name) ? [properties[name]!] : [];
    for (const [pattern, each] of Object.entries(patternProperties)) {
      if (name === null ? matched.has(pattern) : matches(pattern, name)) own.push(each);
    }
    return (own.length === 0 ? [additionalProperties] : own)
      .filter((each) => each !== true)
      .map((each) => ({ schema: each, of }));
  });
}

export function matches(pattern: string, name: string): boolean {
  try {
    return new RegExp(pattern, 'u').test(name);
  } catch {
    throw new Undecided(`${pattern} is no pattern`);
  }
}
