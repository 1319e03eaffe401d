/**
 * JSON Schema as data, for what has to look inside one: projection and the evolution checker. Bundling copies a schema so that
 * every reference reads `#/$defs/<key>` and each part can stand alone; what it cannot follow it names, and never guesses.
 * It checks nothing itself: that is the compiled checker of a contract.
 */

export type JsonSchema = boolean | SchemaObject;
export interface SchemaObject {
  readonly [keyword: string]: unknown;
}

export interface Bundle {
  readonly root: JsonSchema;
  readonly defs: Readonly<Record<string, JsonSchema>>;
  /** What makes the meaning of the schema uncertain here: remote and dynamic references, base URIs inside. Empty = all is known. */
  readonly trouble: readonly string[];
  /** Why it is no schema at all, so that no checker may be made of it; null = it is one. */
  readonly malformed: string | null;
}

/** Far above what people write, far below what would exhaust the stack of anything that walks a schema. */
const DEPTH_MAX = 200;

/** Keywords whose value is one schema, an array of schemas, and a record of schemas. */
const ONE = [
  'items',
  'additionalProperties',
  'propertyNames',
  'contains',
  'not',
  'if',
  'then',
  'else',
  'unevaluatedItems',
  'unevaluatedProperties',
  'additionalItems',
];
const MANY = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', 'dependentSchemas'];
const HOLDERS = ['$defs', 'definitions'];

export function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'boolean' || isSchemaObject(value);

/** A copy of `schema` with each schema directly below it replaced. Older forms (`items: [..]`, `dependencies`) come out in the new words. */
export function mapSchemas(schema: SchemaObject, map: (part: JsonSchema, keyword: string) => JsonSchema): SchemaObject {
  const out: Record<string, unknown> = {};
  const set = (key: string, value: unknown): void => {
    // A property may be called `__proto__`; assignment would lose it.
    Object.defineProperty(out, key, { value, enumerable: true, configurable: true, writable: true });
  };
  const record = (value: SchemaObject, keyword: string): SchemaObject => {
    const entries = Object.entries(value).map(([name, part]) => [name, isSchema(part) ? map(part, keyword) : part]);
    return Object.fromEntries(entries) as SchemaObject;
  };
  for (const [keyword, value] of Object.entries(schema)) {
    if (HOLDERS.includes(keyword)) continue;
    if (keyword === 'items' && Array.isArray(value)) {
      set(
        'prefixItems',
        (value as JsonSchema[]).map((part) => map(part, 'prefixItems')),
      );
      set('items', isSchema(schema.additionalItems) ? map(schema.additionalItems, 'items') : true);
    } else if (keyword === 'additionalItems') continue;
    else if (keyword === 'dependencies' && isSchemaObject(value)) {
      const lists = Object.entries(value).filter(([, each]) => Array.isArray(each));
      const schemas = Object.entries(value).filter(([, each]) => !Array.isArray(each));
      if (lists.length > 0) set('dependentRequired', Object.fromEntries(lists));
      if (schemas.length > 0) set('dependentSchemas', record(Object.fromEntries(schemas), 'dependentSchemas'));
    } else if (ONE.includes(keyword) && isSchema(value)) set(keyword, map(value, keyword));
    else if (MANY.includes(keyword) && Array.isArray(value))
      set(
        keyword,
        value.map((part) => (isSchema(part) ? map(part, keyword) : part)),
      );
    else if (NAMED.includes(keyword) && isSchemaObject(value)) set(keyword, record(value, keyword));
    else set(keyword, value);
  }
  return out;
}

/** `schema` may be a TypeBox schema or a parsed file; it is not changed. */
export function bundle(schema: unknown): Bundle {
  if (tooDeep(schema, 0)) return { root: true, defs: {}, trouble: [], malformed: `it is nested deeper than ${DEPTH_MAX}` };
  const source = JSON.parse(JSON.stringify(schema ?? true)) as JsonSchema;
  const trouble = new Set<string>();
  const keys = new Map<JsonSchema | string, string>();
  const defs: Record<string, JsonSchema> = {};
  const names = namedParts(source, trouble);

  let malformed = isSchema(source) ? null : 'it is no schema: a schema is an object, true or false';
  const copy = (part: JsonSchema): JsonSchema => {
    if (typeof part === 'boolean') return part;
    malformed ??= shapeFault(part);
    for (const keyword of ['$dynamicRef', '$recursiveRef'])
      if (part[keyword] !== undefined) trouble.add(`${keyword} depends on who refers here`);
    const out = mapSchemas(part, copy);
    if (typeof part.$ref !== 'string') return without(out, ['$id', '$anchor', '$dynamicAnchor', '$schema']);
    const siblings = Object.keys(out).length > 1;
    if (siblings && /draft-0[3-7]/.test(String(isSchemaObject(source) ? source.$schema : '')))
      trouble.add('before 2019-09 a $ref makes its neighbours void');
    const target = resolve(part.$ref);
    if (target === undefined) {
      trouble.add(`$ref ${part.$ref} leads out of the document`);
      return without(out, ['$id', '$anchor', '$dynamicAnchor', '$schema']);
    }
    let key = keys.get(target);
    if (key === undefined) {
      key = `d${keys.size}`;
      keys.set(target, key);
      defs[key] = true; // known before it is copied: it may refer to itself
      defs[key] = copy(target);
    }
    return { ...without(out, ['$id', '$anchor', '$dynamicAnchor', '$schema']), $ref: `#/$defs/${key}` };
  };

  const resolve = (ref: string): JsonSchema | undefined => {
    if (ref === '#') return source;
    if (!ref.startsWith('#/')) return names.get(ref);
    let at: unknown = source;
    for (const token of ref.slice(2).split('/')) {
      const key = decode(token);
      if (key === null || at === null || typeof at !== 'object' || !Object.hasOwn(at, key)) return undefined;
      at = (at as Record<string, unknown>)[key];
    }
    return isSchema(at) ? at : undefined;
  };

  const root = isSchema(source) ? copy(source) : true;
  if (malformed === null && circular(root, defs)) malformed = 'a $ref leads back to itself without a step into the document';
  return { root, defs, trouble: [...trouble], malformed };
}

/** A keyword whose value has the wrong form, in words; null = none. Only what decides how documents are read. */
function shapeFault(part: SchemaObject): string | null {
  for (const [keyword, value] of Object.entries(part)) {
    const [list, record] = [Array.isArray(value), isSchemaObject(value)];
    let fits = true;
    if (ONE.includes(keyword)) fits = isSchema(value) || (keyword === 'items' && list && (value as unknown[]).every(isSchema));
    else if (MANY.includes(keyword)) fits = list && (value as unknown[]).every(isSchema);
    else if (NAMED.includes(keyword) || HOLDERS.includes(keyword))
      fits = record && Object.values(value as object).every(isSchema);
    else if (keyword === 'required') fits = list && (value as unknown[]).every((name) => typeof name === 'string');
    else if (keyword === 'enum') fits = list;
    else if (COUNTS.includes(keyword)) fits = typeof value === 'number' && value >= 0;
    else if (NUMBERS.includes(keyword)) fits = typeof value === 'number';
    else if (keyword === 'multipleOf') fits = typeof value === 'number' && value > 0;
    else if (WORDS.includes(keyword)) fits = typeof value === 'string';
    else if (keyword === 'type') fits = [value].flat().every((name) => TYPES.includes(name as string));
    if (!fits) return `${keyword}: ${JSON.stringify(value)?.slice(0, 60)} is not what this keyword takes`;
  }
  return null;
}

const COUNTS = ['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains'];
const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'];
const WORDS = ['pattern', 'format', '$ref', '$anchor', '$id'];
const TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object'];

/** Does a reference come back to where it started while it speaks of one and the same value? A checker would never end. */
function circular(root: JsonSchema, defs: Bundle['defs']): boolean {
  const done = new Set<JsonSchema>();
  const open = new Set<JsonSchema>();
  const visit = (part: JsonSchema): boolean => {
    if (typeof part === 'boolean' || done.has(part)) return false;
    if (open.has(part)) return true;
    open.add(part);
    const inPlace: JsonSchema[] = [];
    for (const keyword of ['allOf', 'anyOf', 'oneOf']) inPlace.push(...((part[keyword] as JsonSchema[] | undefined) ?? []));
    for (const keyword of ['not', 'if', 'then', 'else']) if (isSchema(part[keyword])) inPlace.push(part[keyword]);
    if (isSchemaObject(part.dependentSchemas)) inPlace.push(...(Object.values(part.dependentSchemas) as JsonSchema[]));
    const target = typeof part.$ref === 'string' ? defs[part.$ref.slice('#/$defs/'.length)] : undefined;
    if (target !== undefined) inPlace.push(target);
    const found = inPlace.some(visit);
    open.delete(part);
    done.add(part);
    return found;
  };
  return [root, ...Object.values(defs)].some(visit);
}

function tooDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= DEPTH_MAX || Object.values(value).some((each) => tooDeep(each, depth + 1));
}

/** A part of a bundle as a document of its own. */
export function standalone(part: JsonSchema, defs: Bundle['defs']): SchemaObject {
  if (Object.keys(defs).length === 0) return typeof part === 'boolean' ? { allOf: [part] } : part;
  return typeof part === 'boolean' ? { allOf: [part], $defs: defs } : { ...part, $defs: defs };
}

function without(schema: SchemaObject, keywords: readonly string[]): SchemaObject {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keywords.includes(key)));
}

function decode(token: string): string | null {
  try {
    return decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return null;
  }
}

/** Parts that other parts may name: by `$anchor`, or by an `$id` that is a plain name. */
function namedParts(source: JsonSchema, trouble: Set<string>): Map<string, JsonSchema> {
  const names = new Map<string, JsonSchema>();
  const visit = (part: JsonSchema, top: boolean): void => {
    if (typeof part === 'boolean') return;
    if (typeof part.$anchor === 'string') names.set(`#${part.$anchor}`, part);
    if (typeof part.$id === 'string') {
      names.set(part.$id, part);
      if (!top && JSON.stringify(part).includes('"$ref":"#'))
        trouble.add(`$id ${part.$id} gives the references inside another base`);
    }
    mapSchemas(part, (each) => (visit(each, false), each));
    for (const holder of HOLDERS) {
      const held = part[holder];
      if (isSchemaObject(held)) for (const each of Object.values(held)) if (isSchema(each)) visit(each, false);
    }
  };
  visit(source, true);
  return names;
}
