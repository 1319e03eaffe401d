/**
 * The values that policies compare: Cedar's, as plain JavaScript. A long is a number while it is a safe integer and a bigint
 * beyond, never both, so that `===` is equality. Floats have no value here: `readValue` refuses them. Nothing is ever converted
 * from one type to another. Source: docs.cedarpolicy.com, "Data types".
 */
import { assert } from '../kernel/index.ts';

export type Long = number | bigint;
export type Value = boolean | Long | string | EntityRef | SetValue | RecordValue | Extension;
export type Extension = Decimal | Datetime | Duration | IpAddress;
export type RecordValue = ReadonlyMap<string, Value>;

/** Thrown inside a policy: it says nothing about the request, and the whole decision becomes a denial. */
export class EvaluationError {
  readonly message: string;
  constructor(message: string) {
    this.message = message; // not an Error: a stack would cost more than the decision, and no code is at fault
  }
}

export function fail(message: string): never {
  throw new EvaluationError(message);
}

export class EntityRef {
  readonly type: string;
  readonly id: string;
  /** The same for equal references; a type has no zero byte. */
  readonly key: string;
  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
    this.key = `${type}\0${id}`;
  }
}

export class Decimal {
  /** Ten-thousandths. */
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

export class Datetime {
  /** Since 1970. */
  readonly ms: bigint;
  constructor(ms: bigint) {
    this.ms = ms;
  }
}

export class Duration {
  readonly ms: bigint;
  constructor(ms: bigint) {
    this.ms = ms;
  }
}

export class IpAddress {
  readonly bits: 32 | 128;
  readonly address: bigint;
  readonly prefix: number;
  constructor(bits: 32 | 128, address: bigint, prefix: number) {
    this.bits = bits;
    this.address = address;
    this.prefix = prefix;
  }
}

type Plain = boolean | Long | string;

/** A set without order or doubles. What is plain is looked up as itself, the rest by its canonical text. */
export class SetValue {
  readonly #plain = new Set<Plain>();
  readonly #rest = new Map<string, Value>();
  constructor(members: Iterable<Value>) {
    for (const each of members) {
      if (typeof each === 'object') this.#rest.set(keyOf(each), each);
      else this.#plain.add(each);
    }
  }

  get size(): number {
    return this.#plain.size + this.#rest.size;
  }

  has(value: Value): boolean {
    return typeof value === 'object' ? this.#rest.has(keyOf(value)) : this.#plain.has(value);
  }

  *[Symbol.iterator](): Generator<Value> {
    yield* this.#plain;
    yield* this.#rest.values();
  }
}

/** Equal values have one text, different ones never the same. */
export function keyOf(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object') return String(value);
  if (value instanceof EntityRef) return `e${JSON.stringify(value.key)}`;
  if (value instanceof SetValue)
    return `s[${Array.from(value, keyOf)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .join()}]`;
  if (value instanceof Decimal) return `d${value.value}`;
  if (value instanceof Datetime) return `t${value.ms}`;
  if (value instanceof Duration) return `u${value.ms}`;
  if (value instanceof IpAddress) return `i${value.bits}/${value.address}/${value.prefix}`;
  const fields = [...value].map(([name, each]) => `${JSON.stringify(name)}:${keyOf(each)}`);
  return `r{${fields.toSorted((a, b) => (a < b ? -1 : 1)).join()}}`;
}

/** Values of different types are unequal; that is no error. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof EntityRef) return b instanceof EntityRef && a.key === b.key;
  return keyOf(a) === keyOf(b);
}

export function typeName(value: Value): string {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (typeof value !== 'object') return 'long';
  if (value instanceof EntityRef) return `entity of type ${value.type}`;
  if (value instanceof SetValue) return 'set';
  if (value instanceof Decimal) return 'decimal';
  if (value instanceof Datetime) return 'datetime';
  if (value instanceof Duration) return 'duration';
  return value instanceof IpAddress ? 'ipaddr' : 'record';
}

const LONG_MAX = 2n ** 63n - 1n;
const LONG_MIN = -(2n ** 63n);

/** Whether a signed number of 64 bits can hold it. */
export function fitsLong(value: bigint): boolean {
  return value >= LONG_MIN && value <= LONG_MAX;
}

/** The one form of a long; `what` names the operation that left the range. */
export function long(value: bigint, what: string): Long {
  if (!fitsLong(value)) fail(`integer overflow in ${what}`);
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** A value as text that a person can read, for explanations; at most `max` characters. */
export function showValue(value: Value, max = 200): string {
  const text =
    value instanceof EntityRef
      ? `${value.type}::${JSON.stringify(value.id)}`
      : value instanceof Decimal
        ? decimalText(value.value)
        : keyOf(value);
  return text.length > max ? `${text.slice(0, max)}...` : text;
}

export function decimalText(tenThousandths: bigint): string {
  const positive = tenThousandths < 0n ? -tenThousandths : tenThousandths;
  const fraction = String(positive % 10_000n)
    .padStart(4, '0')
    .replace(/0{1,3}$/, '');
  assert(fraction.length > 0, 'a decimal has at least one digit after the point');
  return `${tenThousandths < 0n ? '-' : ''}${positive / 10_000n}.${fraction}`;
}
