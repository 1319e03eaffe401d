/**
 * The form of a payload on the wire, compiled once from the schema of its contract and frozen: both hosts have the schema, so
 * field names, types and the order of fields are never sent. Nothing is learned from traffic, so no message can change how
 * another one is read. What the schema leaves open (`Type.Any`, objects that are not closed, references) is written in a
 * generic form that describes itself.
 *
 *   integer    whole number; one byte of sign and six bits first unless the schema says that it is never negative
 *   number     8 bytes            string   length, characters in the text lane      boolean  1 byte      literal, null  nothing
 *   enum       its position       union    position of the first alternative that takes the value, then the value
 *   array      count, items       record   count, then key and value
 *   object     a bit for each optional field that is present, then the fields by name
 *
 * A value comes back as an equal value; what would not (undefined in an array, NaN, half a surrogate pair, an unknown field of
 * a closed object) is refused when it is written. Whether a value keeps the contract's other promises is for `check`.
 */
import type { Contract } from './contract.ts';
import { DEPTH_MAX, isForbiddenKey, KEYS_MAX } from './limits.ts';
import type { Reader, Writer } from './wire-lanes.ts';

/** How one schema is written and read. */
export interface Shape {
  /** Bytes of the number lane that it takes at least: an array of nothing could claim a billion items. */
  readonly bytesMin: number;
  write(value: unknown, to: Writer): boolean;
  /** Means nothing once `from.problem` is set. */
  read(from: Reader): unknown;
}

const DEPTH_START = 2; // the envelope is the first level

/** About 50 us for a contract of 15 fields: once for each contract and process. */
export function compileShape(contract: Contract): Shape {
  return shapeOf(contract.schema, DEPTH_START);
}

/** For a payload whose contract nobody agreed on. */
export const ANY_SHAPE: Shape = {
  bytesMin: 1,
  write: (value, to) => writeAny(value, to, DEPTH_START),
  read: (from) => readAny(from, DEPTH_START),
};

interface Schema {
  readonly type?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly unknown[];
  readonly items?: unknown;
  readonly minimum?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, unknown>>;
  readonly additionalProperties?: unknown;
}

/** What may stand beside the keywords above without changing the form: it only narrows what `check` takes. */
const NARROWS = new Set(
  (
    'type const enum anyOf items minimum properties required patternProperties additionalProperties title description default ' +
    'examples $comment $id $schema deprecated readOnly writeOnly maximum exclusiveMinimum exclusiveMaximum multipleOf minLength ' +
    'maxLength pattern format contentEncoding contentMediaType minItems maxItems uniqueItems minProperties maxProperties'
  ).split(' '),
);

function shapeOf(raw: unknown, depth: number): Shape {
  if (typeof raw !== 'object' || raw === null || Object.keys(raw).some((key) => !NARROWS.has(key))) return generic(depth);
  const schema = raw as Schema;
  if ('const' in schema) return isLiteral(schema.const) ? oneOf([schema.const]) : generic(depth);
  if (schema.enum !== undefined) return schema.enum.every(isLiteral) ? oneOf(schema.enum) : generic(depth);
  if (schema.anyOf !== undefined) return schema.type === undefined ? anyOf(schema.anyOf, depth) : generic(depth);
  switch (schema.type) {
    case 'null':
      return oneOf([null]);
    case 'boolean':
      return oneOf([false, true]);
    case 'integer':
      return typeof schema.minimum === 'number' && schema.minimum >= 0 ? WHOLE : INTEGER;
    case 'number':
      return NUMBER;
    case 'string':
      return STRING;
    case 'array':
      return arrayOf(schema, depth);
    case 'object':
      return objectOf(schema, depth);
    default:
      return generic(depth);
  }
}

type Literal = null | boolean | number | string;

function isLiteral(value: unknown): value is Literal {
  return (
    value === null ||
    typeof value === 'boolean' ||
    typeof value === 'string' ||
    (typeof value === 'number' && !Number.isNaN(value))
  );
}

/** One value of a few: its position; nothing where there is no choice. */
function oneOf(values: readonly Literal[]): Shape {
  const position = new Map(values.map((value, i) => [value, i]));
  const silent = values.length === 1;
  return {
    bytesMin: silent ? 0 : 1,
    write: (value, to) => {
      const at = position.get(value as Literal);
      if (at === undefined) return to.refuse('a value is none of those that its contract names');
      return silent || to.whole(at);
    },
    read: (from) => {
      const at = silent ? 0 : from.whole();
      if (at >= values.length) from.refuse('a value is none of those that its contract names');
      return values[at];
    },
  };
}

const WHOLE: Shape = {
  bytesMin: 1,
  write: (value, to) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? to.whole(value as number)
      : to.refuse('a number is not the whole number that its contract names'),
  read: (from) => from.whole(),
};

const INTEGER: Shape = {
  bytesMin: 1,
  write: (value, to) =>
    Number.isSafeInteger(value) ? to.signed(value as number) : to.refuse('a number is not the integer that its contract names'),
  read: (from) => from.signed(),
};

const NUMBER: Shape = {
  bytesMin: 8,
  write: (value, to) =>
    typeof value === 'number' && Number.isFinite(value) ? to.double(value) : to.refuse('a value is no finite number'),
  read: (from) => from.double(),
};

const STRING: Shape = {
  bytesMin: 1,
  write: (value, to) => (typeof value === 'string' ? to.string(value) : to.refuse('a value is no string')),
  read: (from) => from.string(),
};

/** Alternatives are tried in order; what the failed ones left behind is taken back. */
function anyOf(schemas: readonly unknown[], depth: number): Shape {
  const literals = schemas.map((each) => (each as Schema | null)?.const);
  if (schemas.length > 0 && literals.every(isLiteral)) return oneOf(literals);
  if (schemas.length === 0 || schemas.length > 128) return generic(depth);
  const shapes = schemas.map((each) => shapeOf(each, depth));
  return {
    bytesMin: 1,
    write: (value, to) => {
      const { at, text } = to;
      for (let i = 0; i < shapes.length; i++) {
        if (to.byte(i) && shapes[i]!.write(value, to)) return true;
        to.at = at;
        to.text = text;
      }
      return false;
    },
    read: (from) => {
      const shape = shapes[from.byte()];
      if (shape === undefined) from.refuse('a value is none of the alternatives of its contract');
      return shape?.read(from);
    },
  };
}

function arrayOf(schema: Schema, depth: number): Shape {
  if (schema.items === undefined || Array.isArray(schema.items) || depth > DEPTH_MAX) return generic(depth);
  const item = shapeOf(schema.items, depth + 1);
  if (item.bytesMin === 0) return generic(depth);
  return {
    bytesMin: 1,
    write: (value, to) => {
      if (!Array.isArray(value)) return to.refuse('a value is no array');
      if (!to.whole(value.length)) return false;
      for (let i = 0; i < value.length; i++) if (!item.write(value[i], to)) return false;
      return true;
    },
    read: (from) => {
      const out: unknown[] = [];
      for (let left = from.whole(); left > 0 && from.problem === ''; left--) out.push(item.read(from));
      return out;
    },
  };
}

function objectOf(schema: Schema, depth: number): Shape {
  const { properties = {}, patternProperties = {}, additionalProperties } = schema;
  const names = Object.keys(properties).toSorted();
  const patterns = Object.keys(patternProperties);
  if (depth > DEPTH_MAX || names.length > KEYS_MAX || names.some(isForbiddenKey)) return generic(depth);
  if (names.length === 0 && patterns.length === 1) return recordOf(patternProperties[patterns[0]!], depth);
  if (names.length === 0 && patterns.length === 0 && typeof additionalProperties === 'object') {
    return recordOf(additionalProperties, depth);
  }
  const required = new Set(schema.required ?? []);
  if (additionalProperties !== false || patterns.length > 0 || [...required].some((name) => !names.includes(name))) {
    return generic(depth);
  }
  return closedObject(
    names.map((name) => ({
      name,
      shape: shapeOf(properties[name], depth + 1),
      optional: !required.has(name),
      inherited: name in Object.prototype,
    })),
  );
}

interface Field {
  readonly name: string;
  readonly shape: Shape;
  readonly optional: boolean;
  /** `toString` is there without having been sent. */
  readonly inherited: boolean;
}

function closedObject(fields: readonly Field[]): Shape {
  const optional = fields.filter((field) => field.optional).length;
  const bitBytes = Math.ceil(optional / 8);
  return {
    bytesMin: fields.reduce((sum, field) => sum + (field.optional ? 0 : field.shape.bytesMin), bitBytes),
    write: (value, to) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return to.refuse('a value is no object');
      const object = value as Record<string, unknown>;
      const bits = to.at;
      if (!to.reserve(bitBytes)) return false;
      to.at += bitBytes;
      for (let i = bits; i < to.at; i++) to.bytes[i] = 0;
      let bit = 0;
      let found = 0;
      for (const { name, shape, optional: mayMiss, inherited } of fields) {
        const field = inherited && !Object.hasOwn(object, name) ? undefined : object[name];
        if (mayMiss) {
          bit += 1;
          if (field === undefined) continue;
          to.bytes[bits + ((bit - 1) >> 3)]! |= 1 << ((bit - 1) & 7);
        } else if (field === undefined) return to.refuse(`the field ${name} is missing`);
        found += 1;
        if (!shape.write(field, to)) return false;
      }
      return (
        found === countKeys(object) ||
        found === countFields(object) ||
        to.refuse('an object has a field that its contract does not know')
      );
    },
    read: (from) => {
      const out: Record<string, unknown> = {};
      let bits = 0;
      const present: number[] = [];
      for (let i = 0; i < bitBytes; i++) present.push(from.byte());
      for (const { name, shape, optional: mayMiss } of fields) {
        if (mayMiss) {
          const here = (present[bits >> 3]! >> (bits & 7)) & 1;
          bits += 1;
          if (here === 0) continue;
        }
        out[name] = shape.read(from);
      }
      if ((bits & 7) !== 0 && present[bitBytes - 1]! >> (bits & 7) !== 0)
        from.refuse('an object claims a field that no contract has');
      return out;
    },
  };
}

/** Looks at no value: nearly always enough. */
function countKeys(object: Record<string, unknown>): number {
  let count = 0;
  for (const _ in object) count += 1;
  return count;
}

/** Enumerable fields that are not undefined; JSON would not write those either. */
function countFields(object: Record<string, unknown>): number {
  let count = 0;
  for (const name in object) if (object[name] !== undefined) count += 1;
  return count;
}

function recordOf(schema: unknown, depth: number): Shape {
  const value = shapeOf(schema, depth + 1);
  return {
    bytesMin: 1,
    write: (object, to) => writeFields(object, to, (field) => value.write(field, to)),
    read: (from) => readFields(from, () => value.read(from)),
  };
}

function writeFields(value: unknown, to: Writer, write: (field: unknown) => boolean): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return to.refuse('a value is no object');
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return to.refuse('a value is no plain object');
  const object = value as Record<string, unknown>;
  const count = countFields(object);
  if (count > KEYS_MAX) return to.refuse(`an object has ${count} fields, the limit is ${KEYS_MAX}`);
  if (!to.whole(count)) return false;
  for (const name of Object.keys(object)) {
    const field = object[name];
    if (field === undefined) continue;
    if (isForbiddenKey(name)) return to.refuse(`an object has a field named ${name}`);
    if (!to.string(name) || !write(field)) return false;
  }
  return true;
}

function readFields(from: Reader, read: () => unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  const count = from.whole();
  if (count > KEYS_MAX) from.refuse(`an object has ${count} fields, the limit is ${KEYS_MAX}`);
  for (let left = count; left > 0 && from.problem === ''; left--) {
    const name = from.string();
    if (isForbiddenKey(name)) from.refuse(`an object has a field named ${name}`);
    else if (Object.hasOwn(out, name)) from.refuse('an object has the same field twice');
    else out[name] = read();
  }
  return out;
}

/** Anything that JSON can say, each value behind a byte that says what it is. */
const TAGS = { null: 0, false: 1, true: 2, integer: 3, double: 4, string: 5, array: 6, object: 7 } as const;

/** Depth is counted while writing and reading, because no schema bounds it. */
function generic(depth: number): Shape {
  return {
    bytesMin: 1,
    write: (value, to) => writeAny(value, to, depth),
    read: (from) => readAny(from, depth),
  };
}

function writeAny(value: unknown, to: Writer, depth: number): boolean {
  switch (typeof value) {
    case 'boolean':
      return to.byte(value ? TAGS.true : TAGS.false);
    case 'number':
      if (Number.isSafeInteger(value)) return to.byte(TAGS.integer) && to.signed(value);
      if (!Number.isFinite(value)) return to.refuse('a value is no finite number');
      return to.byte(TAGS.double) && to.double(value);
    case 'string':
      return to.byte(TAGS.string) && to.string(value);
    case 'object': {
      if (value === null) return to.byte(TAGS.null);
      if (depth > DEPTH_MAX) return to.refuse(`it is deeper than ${DEPTH_MAX} levels`);
      if (!Array.isArray(value)) {
        return to.byte(TAGS.object) && writeFields(value, to, (field) => writeAny(field, to, depth + 1));
      }
      if (!to.byte(TAGS.array) || !to.whole(value.length)) return false;
      for (let i = 0; i < value.length; i++) if (!writeAny(value[i], to, depth + 1)) return false;
      return true;
    }
    default:
      return to.refuse(`a value is ${typeof value}, which JSON does not have`);
  }
}

function readAny(from: Reader, depth: number): unknown {
  const tag = from.byte();
  switch (tag) {
    case TAGS.null:
      return null;
    case TAGS.false:
      return false;
    case TAGS.true:
      return true;
    case TAGS.integer:
      return from.signed();
    case TAGS.double:
      return from.double();
    case TAGS.string:
      return from.string();
    case TAGS.array:
    case TAGS.object: {
      if (depth > DEPTH_MAX) {
        from.refuse(`it is deeper than ${DEPTH_MAX} levels`);
        return null;
      }
      if (tag === TAGS.object) return readFields(from, () => readAny(from, depth + 1));
      const out: unknown[] = [];
      for (let left = from.whole(); left > 0 && from.problem === ''; left--) out.push(readAny(from, depth + 1));
      return out;
    }
    default:
      from.refuse(`a value is of the unknown kind ${tag}`);
      return null;
  }
}
