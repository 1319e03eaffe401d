/**
 * One text for one value: JSON with sorted keys, so that equal values have equal bytes and equal hashes.
 * Floats are refused (two engines may print them differently from what was meant), as are undefined, functions, cycles
 * and anything that is not a plain object or array (a Map or a Date would silently become `{}`).
 */
import { assert } from './assert.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const DEPTH_MAX = 64; // the same bound as for a message on the wire

/** Throws `InvariantError` on a float, an unsafe integer, undefined in an array, a class instance, or a depth above 64. Keys whose value is undefined are left out. */
export function canonicalJson(value: unknown, depth = 0): string {
  assert(depth <= DEPTH_MAX, `canonical JSON is limited to a depth of ${DEPTH_MAX}`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') {
    assert(Number.isSafeInteger(value), `canonical JSON holds safe integers only, not ${value}`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${Array.from(value, (item) => canonicalJson(item, depth + 1)).join(',')}]`; // `from` visits holes
  assert(typeof value === 'object', `canonical JSON cannot hold a ${typeof value}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  assert(prototype === Object.prototype || prototype === null, 'canonical JSON holds plain objects and arrays only');
  const object = value as Record<string, unknown>;
  const fields: string[] = [];
  for (const key of Object.keys(object).toSorted()) {
    if (object[key] !== undefined) fields.push(`${JSON.stringify(key)}:${canonicalJson(object[key], depth + 1)}`);
  }
  return `{${fields.join(',')}}`;
}
