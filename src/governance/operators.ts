/**
 * What the operators of a compiled policy do at run time. Compiled policies call these and nothing else; each checks the types it
 * needs and fails with an EvaluationError where Cedar's evaluator would. Source: docs.cedarpolicy.com, "Operators and functions".
 */
import { type EntityData, type EntityStore } from './entities.ts';
import { asSet, orderable } from './extensions.ts';
import { EntityRef, equal, fail, long, type Long, type RecordValue, SetValue, typeName, type Value } from './values.ts';

/** A request with what most policies look up already at hand. */
export interface Question {
  readonly principal: EntityRef;
  readonly action: EntityRef;
  readonly resource: EntityRef;
  readonly context: RecordValue;
  readonly entities: EntityStore;
  readonly principalData: EntityData | undefined;
}

function bool(value: Value): boolean {
  return typeof value === 'boolean' ? value : fail(`type error: expected bool, got ${typeName(value)}`);
}

function entity(value: Value): EntityRef {
  return value instanceof EntityRef ? value : fail(`type error: expected entity, got ${typeName(value)}`);
}

function isLong(value: Value): value is Long {
  return typeof value === 'number' || typeof value === 'bigint';
}

function asLong(value: Value): bigint {
  return isLong(value) ? BigInt(value) : fail(`type error: expected long, got ${typeName(value)}`);
}

function text(value: Value): string {
  return typeof value === 'string' ? value : fail(`type error: expected string, got ${typeName(value)}`);
}

function field(record: RecordValue, name: string): Value {
  return record.get(name) ?? fail(`the record has no attribute ${JSON.stringify(name)}`);
}

function attributeOf(data: EntityData | undefined, ref: EntityRef, name: string): Value {
  if (data === undefined) return fail(`entity ${ref.type}::${JSON.stringify(ref.id)} does not exist`);
  return data.attributes.get(name) ?? fail(`${ref.type}::${JSON.stringify(ref.id)} has no attribute ${JSON.stringify(name)}`);
}

function attribute(question: Question, value: Value, name: string): Value {
  if (value instanceof Map) return field(value, name);
  if (value instanceof EntityRef) return attributeOf(question.entities.get(value.key), value, name);
  return fail(`type error: expected record or entity, got ${typeName(value)}`);
}

function has(question: Question, value: Value, name: string): boolean {
  if (value instanceof Map) return value.has(name);
  if (value instanceof EntityRef) return question.entities.get(value.key)?.attributes.has(name) ?? false;
  return fail(`type error: expected record or entity, got ${typeName(value)}`);
}

function hasPath(question: Question, value: Value, names: readonly string[]): boolean {
  let at = value;
  for (const [i, name] of names.entries()) {
    if (!has(question, at, name)) return false;
    if (i < names.length - 1) at = attribute(question, at, name);
  }
  return true;
}

function hasTag(question: Question, value: Value, name: Value): boolean {
  const [ref, tag] = [entity(value), text(name)];
  return question.entities.get(ref.key)?.tags.has(tag) ?? false;
}

function getTag(question: Question, value: Value, name: Value): Value {
  const [ref, tag] = [entity(value), text(name)];
  const data = question.entities.get(ref.key);
  if (data === undefined) return fail(`entity ${ref.type}::${JSON.stringify(ref.id)} does not exist`);
  return data.tags.get(tag) ?? fail(`${ref.type}::${JSON.stringify(ref.id)} has no tag ${JSON.stringify(tag)}`);
}

function within(data: EntityData | undefined, ref: EntityRef, key: string): boolean {
  return ref.key === key || (data !== undefined && data.ancestors.has(key));
}

function isIn(question: Question, left: Value, right: Value): boolean {
  const ref = entity(left);
  const data = question.entities.get(ref.key);
  if (right instanceof EntityRef) return within(data, ref, right.key);
  if (!(right instanceof SetValue)) return fail(`type error: expected set or entity, got ${typeName(right)}`);
  return Array.from(right, entity).some((each) => within(data, ref, each.key));
}

function isType(value: Value, type: string): boolean {
  return entity(value).type === type;
}

function isTypeIn(question: Question, left: Value, type: string, right: () => Value): boolean {
  return isType(left, type) && isIn(question, left, right());
}

function less(a: Value, b: Value): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a < b;
  const [left, right] = orderable(a, b);
  return left < right;
}

function lessOrEqual(a: Value, b: Value): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a <= b;
  const [left, right] = orderable(a, b);
  return left <= right;
}

/** Sums of safe integers are exact while they are safe themselves; the rest goes through bigint. */
function add(a: Value, b: Value): Long {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a + b)) return a + b;
  return long(asLong(a) + asLong(b), 'an addition');
}

function subtract(a: Value, b: Value): Long {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a - b)) return a - b;
  return long(asLong(a) - asLong(b), 'a subtraction');
}

function multiply(a: Value, b: Value): Long {
  if (typeof a === 'number' && typeof b === 'number' && Number.isSafeInteger(a * b)) return a * b;
  return long(asLong(a) * asLong(b), 'a multiplication');
}

function negate(a: Value): Long {
  return long(-asLong(a), 'a negation');
}

function contains(a: Value, b: Value): boolean {
  return asSet(a).has(b);
}

function containsAll(a: Value, b: Value): boolean {
  const [all, some] = [asSet(a), asSet(b)];
  return Array.from(some).every((each) => all.has(each));
}

function containsAny(a: Value, b: Value): boolean {
  const [all, some] = [asSet(a), asSet(b)];
  return Array.from(some).some((each) => all.has(each));
}

function isEmpty(a: Value): boolean {
  return asSet(a).size === 0;
}

/** The literal parts between wildcards; the first and the last are anchored. Linear, nothing backtracks. */
export interface Pattern {
  readonly parts: readonly string[];
}

function like(value: Value, pattern: Pattern): boolean {
  const subject = text(value);
  const { parts } = pattern;
  if (parts.length === 1) return subject === parts[0];
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (subject.length < first.length + last.length || !subject.startsWith(first) || !subject.endsWith(last)) return false;
  const end = subject.length - last.length;
  let at = first.length;
  for (let i = 1; i < parts.length - 1; i++) {
    const found = subject.indexOf(parts[i]!, at);
    if (found === -1 || found + parts[i]!.length > end) return false;
    at = found + parts[i]!.length;
  }
  return true;
}

function setOf(...members: Value[]): SetValue {
  return new SetValue(members);
}

function recordOf(names: readonly string[], ...values: Value[]): RecordValue {
  return new Map(names.map((name, i) => [name, values[i]!]));
}

/** Everything that compiled code may name. */
export const OPERATORS: Readonly<Record<string, unknown>> = {
  bool,
  entity,
  field,
  attributeOf,
  attribute,
  has,
  hasPath,
  hasTag,
  getTag,
  within,
  isIn,
  isType,
  isTypeIn,
  equal,
  less,
  lessOrEqual,
  add,
  subtract,
  multiply,
  negate,
  contains,
  containsAll,
  containsAny,
  isEmpty,
  like,
  setOf,
  recordOf,
  fail,
};
