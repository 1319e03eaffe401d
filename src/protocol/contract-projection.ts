/**
 * Closed at the producer, projected at the consumer: a consumer keeps of a message what its own schema knows and drops the
 * rest, so that a producer that is one minor version ahead is understood. A message that fits as it is stays as it is. In a
 * union the part that fits wins, else the one that keeps most. Never adds, renames or converts anything.
 */
import { Compile } from 'typebox/schema';
import type { Contract } from './contract.ts';
import {
  bundle,
  type Bundle,
  isSchemaObject,
  type JsonSchema,
  mapSchemas,
  type SchemaObject,
  standalone,
} from './json-schema.ts';

export type Projected<T> =
  | {
      readonly ok: true;
      readonly value: T;
      /** Paths that were dropped, at most `DROPPED_MAX`. */ readonly dropped: readonly string[];
    }
  | { readonly ok: false; readonly findings: readonly string[] };

/** Paths reported for one message: a sample for the audit, not a copy of the message. */
const DROPPED_MAX = 16;
/** The bound of a message on the wire. */
const DEPTH_MAX = 64;

const projectors = new WeakMap<object, Projector>();

/** What a consumer of `contract` may read of `value`. Frozen input is not changed; without anything to drop, `value` itself is returned. */
export function projectMessage<T>(contract: Contract<T>, value: unknown): Projected<T> {
  if (contract.check(value)) return { ok: true, value, dropped: [] };
  const { value: kept, dropped } = projectorOf(contract.schema).project(value);
  return contract.check(kept) ? { ok: true, value: kept, dropped } : { ok: false, findings: contract.explain(kept) };
}

export function projectorOf(schema: object): Projector {
  let known = projectors.get(schema);
  if (known === undefined) projectors.set(schema, (known = new Projector(bundle(schema))));
  return known;
}

export class Projector {
  readonly #bundle: Bundle;
  readonly #checks = new Map<JsonSchema, ReturnType<typeof Compile>>();
  #dropped: string[] = [];

  constructor(of: Bundle) {
    this.#bundle = of;
  }

  project(value: unknown): { readonly value: unknown; readonly dropped: readonly string[] } {
    this.#dropped = [];
    return { value: this.#walk(this.#bundle.root, value, '', 0), dropped: this.#dropped };
  }

  #walk(schema: JsonSchema, value: unknown, path: string, depth: number): unknown {
    if (typeof schema === 'boolean' || value === null || typeof value !== 'object' || depth > DEPTH_MAX) return value;
    let out: unknown = value;
    if (typeof schema.$ref === 'string') {
      const target = this.#bundle.defs[schema.$ref.slice('#/$defs/'.length)];
      if (target !== undefined) out = this.#walk(target, out, path, depth + 1);
    }
    if (Array.isArray(schema.allOf)) for (const part of schema.allOf as JsonSchema[]) out = this.#walk(part, out, path, depth);
    for (const keyword of ['anyOf', 'oneOf']) {
      if (Array.isArray(schema[keyword])) out = this.#best(schema[keyword] as JsonSchema[], out, path, depth);
    }
    return Array.isArray(out) ? this.#array(schema, out, path, depth) : this.#object(schema, out as object, path, depth);
  }

  #array(schema: SchemaObject, value: readonly unknown[], path: string, depth: number): readonly unknown[] {
    const prefix = Array.isArray(schema.prefixItems) ? (schema.prefixItems as JsonSchema[]) : [];
    const rest = (schema.items ?? true) as JsonSchema;
    let changed = false;
    const out = value.map((each, i) => {
      const kept = this.#walk(prefix[i] ?? rest, each, `${path}/${i}`, depth + 1);
      changed ||= kept !== each;
      return kept;
    });
    return changed ? out : value;
  }

  #object(schema: SchemaObject, value: object, path: string, depth: number): unknown {
    const properties = isSchemaObject(schema.properties) ? schema.properties : {};
    const patterns = isSchemaObject(schema.patternProperties) ? Object.entries(schema.patternProperties) : [];
    const rest = (schema.additionalProperties ?? true) as JsonSchema;
    const out: Record<string, unknown> = {};
    let changed = false;
    for (const [name, each] of Object.entries(value)) {
      const own = Object.hasOwn(properties, name) ? [properties[name] as JsonSchema] : [];
      for (const [pattern, part] of patterns) if (new RegExp(pattern, 'u').test(name)) own.push(part as JsonSchema);
      if (own.length === 0 && rest === false) {
        changed = true;
        if (this.#dropped.length < DROPPED_MAX) this.#dropped.push(`${path}/${name}`);
        continue;
      }
      let kept: unknown = each;
      for (const part of own.length === 0 ? [rest] : own) kept = this.#walk(part, kept, `${path}/${name}`, depth + 1);
      changed ||= kept !== each;
      Object.defineProperty(out, name, { value: kept, enumerable: true, configurable: true, writable: true });
    }
    return changed ? out : value;
  }

  /** The part that accepts the value whole; else the one that accepts most of it; else the value as it is, to be refused. */
  #best(parts: readonly JsonSchema[], value: unknown, path: string, depth: number): unknown {
    if (parts.some((part) => this.#accepts(part, value))) return value;
    const before = this.#dropped;
    let best: { readonly kept: unknown; readonly dropped: string[]; readonly size: number } | null = null;
    for (const part of parts) {
      this.#dropped = [];
      const kept = this.#walk(part, value, path, depth + 1);
      const size = JSON.stringify(kept).length;
      if (this.#accepts(part, kept) && (best === null || size > best.size)) best = { kept, dropped: this.#dropped, size };
    }
    this.#dropped = [...before, ...(best?.dropped ?? [])].slice(0, DROPPED_MAX);
    return best === null ? value : best.kept;
  }

  #accepts(part: JsonSchema, value: unknown): boolean {
    let check = this.#checks.get(part);
    if (check === undefined) this.#checks.set(part, (check = Compile(standalone(part, this.#bundle.defs))));
    return check.Check(value);
  }
}

/** Keywords under which dropping a property can make a valid value invalid, or the other way round. */
const SENSITIVE = [
  'oneOf',
  'not',
  'if',
  'contains',
  'dependentRequired',
  'dependentSchemas',
  'minProperties',
  'maxProperties',
  'propertyNames',
  'unevaluatedProperties',
  'unevaluatedItems',
  'uniqueItems',
  'allOf',
];
const SHAPE = ['properties', 'additionalProperties', 'patternProperties', 'required', 'items', 'prefixItems'];

/**
 * True when "the consumer accepts v after projection" means exactly "v fits the schema with its closed objects opened". Then
 * the evolution checker may reason about the opened schema; elsewhere it asks for more. Every contract of the catalogue is such.
 */
export function isProjectable(of: Bundle): boolean {
  const plain = (part: JsonSchema): boolean => {
    if (typeof part === 'boolean') return true;
    const inPlace = part.anyOf !== undefined || part.$ref !== undefined;
    const shaped = SHAPE.some((keyword) => part[keyword] !== undefined);
    // A set of scalars loses nothing to projection.
    const scalars =
      part.uniqueItems === true && isSchemaObject(part.items) && isScalar(part.items) && part.prefixItems === undefined;
    if (SENSITIVE.some((keyword) => part[keyword] !== undefined && !(keyword === 'uniqueItems' && scalars))) return false;
    // A closed object that requires what it does not know accepts nothing; opened, it would.
    const known = isSchemaObject(part.properties) ? part.properties : {};
    if (
      part.additionalProperties === false &&
      (part.required as string[] | undefined)?.some((name) => !Object.hasOwn(known, name))
    )
      return false;
    if ((inPlace && shaped) || (part.anyOf !== undefined && part.$ref !== undefined)) return false;
    let fits = true;
    mapSchemas(part, (each) => ((fits &&= plain(each)), each));
    return fits;
  };
  return of.trouble.length === 0 && [of.root, ...Object.values(of.defs)].every(plain);
}

const isScalar = (part: SchemaObject): boolean =>
  ['string', 'number', 'integer', 'boolean', 'null'].includes(part.type as string);

/** The bundle with every closed object opened: what a projecting consumer accepts, where `isProjectable`. */
export function opened(of: Bundle): Bundle {
  const open = (part: JsonSchema): JsonSchema => {
    if (typeof part === 'boolean') return part;
    const { additionalProperties, ...rest } = mapSchemas(part, open);
    return additionalProperties === undefined || additionalProperties === false ? rest : { ...rest, additionalProperties };
  };
  return {
    root: open(of.root),
    defs: Object.fromEntries(Object.entries(of.defs).map(([key, part]) => [key, open(part)])),
    trouble: of.trouble,
    malformed: of.malformed,
  };
}
