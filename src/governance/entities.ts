/**
 * Entities as policies see them: attributes, tags and ancestors, the ancestors already followed to the end. Also reads Cedar's
 * JSON form of values and entities, exactly: a float, a null, an unknown escape, a cycle or a doubled entity is refused.
 */
import { EXTENSION_FUNCTIONS } from './extensions.ts';
import { EntityRef, EvaluationError, fail, fitsLong, keyOf, long, type RecordValue, SetValue, type Value } from './values.ts';

const DEPTH_MAX = 64; // of nested values; Cedar's own JSON reader stops at 128
const ENTITIES_MAX = 100_000; // three for each agent of a fleet of 30,000

export interface EntityData {
  readonly attributes: RecordValue;
  readonly tags: RecordValue;
  /** Keys of all ancestors, not the entity itself. */
  readonly ancestors: ReadonlySet<string>;
}

export interface EntityInput {
  readonly ref: EntityRef;
  readonly attributes: RecordValue;
  readonly tags: RecordValue;
  readonly parents: readonly EntityRef[];
}

const NONE: RecordValue = new Map();
const NOBODY: ReadonlySet<string> = new Set();

/** Entities of one request, or of all. What is not here is looked for in `base`. */
export class EntityStore {
  readonly #entities = new Map<string, EntityData>();
  readonly #base: EntityStore | null;
  readonly #inputs: readonly EntityInput[];

  /** Throws an EvaluationError for doubles and cycles. */
  constructor(entities: readonly EntityInput[] = [], base: EntityStore | null = null) {
    if (entities.length > ENTITIES_MAX) fail(`${entities.length} entities, at most ${ENTITIES_MAX}: pass those of the request`);
    this.#base = base;
    this.#inputs = entities;
    const inputs = new Map<string, EntityInput>();
    for (const each of entities) {
      const before = inputs.get(each.ref.key);
      if (before !== undefined && !sameEntity(before, each)) fail(`${each.ref.type}::"${each.ref.id}" is there twice`);
      inputs.set(each.ref.key, each);
    }
    for (const [key, { attributes, tags, parents }] of inputs) {
      const ancestors = new Set<string>();
      const open = parents.map((each) => each.key);
      for (let next = open.pop(); next !== undefined; next = open.pop()) {
        if (next === key) fail(`${key.replace('\0', '::')} is its own ancestor`);
        if (ancestors.has(next)) continue;
        ancestors.add(next);
        const above = inputs.get(next);
        if (above === undefined) for (const each of base?.get(next)?.ancestors ?? NOBODY) ancestors.add(each);
        else open.push(...above.parents.map((each) => each.key));
      }
      this.#entities.set(key, { attributes, tags, ancestors: ancestors.size === 0 ? NOBODY : ancestors });
    }
  }

  /** What it was made of; not what its base was. */
  list(): readonly EntityInput[] {
    return this.#inputs;
  }

  get(key: string): EntityData | undefined {
    return this.#entities.get(key) ?? this.#base?.get(key);
  }
}

function sameEntity(a: EntityInput, b: EntityInput): boolean {
  const parents = (each: EntityInput): string => keyOf(new SetValue(each.parents));
  return keyOf(a.attributes) === keyOf(b.attributes) && keyOf(a.tags) === keyOf(b.tags) && parents(a) === parents(b);
}

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Turns what `read` refuses into a value. */
function attempt<T>(read: () => T): Read<T> {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof EvaluationError) return { ok: false, problem: error.message };
    throw error;
  }
}

/** Cedar's JSON form of a value. Integers beyond 2^53 only as bigint. */
export function readValue(json: unknown): Read<Value> {
  return attempt(() => valueOf(json, 0));
}

/** A record of values: the context of a request, the attributes of an entity. Cedar has no null. */
export function readRecord(json: unknown, nulls: 'refused' | 'left out' = 'refused'): Read<RecordValue> {
  return attempt(() => recordOf(json, 0, nulls === 'left out'));
}

/** `{type, id}`, or the same in `__entity`. */
export function readEntityRef(json: unknown): Read<EntityRef> {
  return attempt(() => refOf(json));
}

/** Cedar's JSON form of a list of entities. */
export function readEntities(json: unknown): Read<readonly EntityInput[]> {
  return attempt(() => {
    if (!Array.isArray(json)) return fail('entities are a list');
    return json.map((each: unknown) => {
      const { uid, attrs, tags, parents } = objectOf(each);
      if (!Array.isArray(parents ?? [])) return fail('the parents of an entity are a list');
      return {
        ref: refOf(uid),
        attributes: attrs === undefined ? NONE : recordOf(attrs, 0),
        tags: tags === undefined ? NONE : recordOf(tags, 0),
        parents: ((parents ?? []) as unknown[]).map(refOf),
      };
    });
  });
}

function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return fail('expected an object');
  return json as Readonly<Record<string, unknown>>;
}

const TYPE = /^[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*$/;

function refOf(json: unknown): EntityRef {
  const outer = objectOf(json);
  const { type, id } = Object.hasOwn(outer, '__entity') ? objectOf(outer['__entity']) : outer;
  if (typeof type !== 'string' || typeof id !== 'string' || !TYPE.test(type)) return fail('an entity is named by type and id');
  return new EntityRef(type, id);
}

function recordOf(json: unknown, depth: number, withoutNull = false): RecordValue {
  const object = objectOf(json);
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) fail('a record is a plain object');
  const record = new Map<string, Value>();
  for (const [name, each] of Object.entries(object)) {
    if (withoutNull && (each === null || each === undefined)) continue;
    record.set(name, valueOf(each, depth + 1, withoutNull));
  }
  return record;
}

function valueOf(json: unknown, depth: number, withoutNull = false): Value {
  if (depth > DEPTH_MAX) fail(`values are nested deeper than ${DEPTH_MAX}`);
  switch (typeof json) {
    case 'boolean':
    case 'string':
      return json;
    case 'number':
      if (Number.isSafeInteger(json)) return json === 0 ? 0 : json;
      return fail(`${json} is no integer of 53 bits: write a decimal, or pass a bigint`);
    case 'bigint':
      return fitsLong(json) ? long(json, 'a value') : fail(`${json} is no integer of 64 bits`);
    default:
  }
  if (Array.isArray(json)) {
    const members = withoutNull ? json.filter((each) => each !== null) : json;
    return new SetValue(members.map((each: unknown) => valueOf(each, depth + 1, withoutNull)));
  }
  if (json === null || typeof json !== 'object') return fail('a value is a boolean, an integer, a string, a list or an object');
  if (Object.hasOwn(json, '__entity')) return refOf(json);
  if (Object.hasOwn(json, '__extn')) return extensionOf((json as { __extn: unknown }).__extn, depth);
  if (Object.hasOwn(json, '__expr')) return fail('__expr is no longer a value in Cedar');
  return recordOf(json, depth, withoutNull);
}

function extensionOf(json: unknown, depth: number): Value {
  const { fn, arg, args } = objectOf(json);
  const called = typeof fn === 'string' ? EXTENSION_FUNCTIONS.get(fn) : undefined;
  const given: readonly unknown[] = Array.isArray(args) ? args : [arg];
  if (called === undefined || given.length !== called.arity) return fail(`__extn names no extension function: ${String(fn)}`);
  const [a, b] = given.map((each) => valueOf(each, depth + 1));
  return called.call(a!, b ?? false);
}
