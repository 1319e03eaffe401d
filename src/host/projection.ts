/**
 * What another version of a contract may add: a consumer takes the fields it knows and leaves the rest. Closed at the producer,
 * projected at the consumer; whether the result keeps the contract is for its checker to say. A union is taken as it is.
 */
import { assert } from '../kernel/index.ts';

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly items?: unknown;
}

const DEPTH_MAX = 64; // of a message

/** A copy without the properties that a closed object of the schema does not name. */
export function project(schema: unknown, value: unknown, depth = 0): unknown {
  assert(depth <= DEPTH_MAX, `a message is at most ${DEPTH_MAX} deep`);
  if (typeof schema !== 'object' || schema === null || typeof value !== 'object' || value === null) return value;
  const { properties, additionalProperties, items } = schema as Schema;
  if (Array.isArray(value))
    return items === undefined || Array.isArray(items) ? value : value.map((item) => project(items, item, depth + 1));
  if (properties === undefined) return value;
  const kept: [string, unknown][] = [];
  for (const [key, field] of Object.entries(value)) {
    if (Object.hasOwn(properties, key)) kept.push([key, project(properties[key], field, depth + 1)]);
    else if (additionalProperties !== false) kept.push([key, field]);
  }
  return Object.fromEntries(kept);
}
