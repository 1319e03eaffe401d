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
  if (depth > DEPTH_MAX) assert(false, `canonical JSON is limited to a depth of ${DEPTH_MAX}`);
  switch (typeof value) {
    case 'string':
      return quoted(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      if (!Number.isSafeInteger(value)) assert(false, `canonical JSON holds safe integers only, not ${value}`);
      return String(value);
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? listOf(value, depth) : objectOf(value as Record<string, unknown>, depth);
    default:
      assert(false, `canonical JSON cannot hold a ${typeof value}`);
  }
}

function listOf(list: readonly unknown[], depth: number): string {
  let text = '[';
  // By index: a hole is refused, not skipped.
  for (let i = 0; i < list.length; i++) text += (i === 0 ? '' : ',') + canonicalJson(list[i], depth + 1);
  return `${text}]`;
}

function objectOf(object: Record<string, unknown>, depth: number): string {
  refuseInstance(object);
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i++) {
    if (keys[i - 1]! <= keys[i]!) continue;
    keys.sort();
    break;
  }
  let text = '{';
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    const field = object[key];
    if (field !== undefined) text += (text.length === 1 ? '' : ',') + quoted(key) + ':' + canonicalJson(field, depth + 1);
  }
  return text + '}';
}

function refuseInstance(object: object): void {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype !== Object.prototype && prototype !== null) assert(false, 'canonical JSON holds plain objects and arrays only');
}

/** Throws where `canonicalJson` would: for what has to be fit for it and is not written. */
export function assertCanonical(value: unknown, depth = 0): void {
  if (typeof value === 'string' && depth <= DEPTH_MAX) return;
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return void canonicalJson(value, depth);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) assertCanonical(value[i], depth + 1);
    return;
  }
  refuseInstance(value);
  for (const key of Object.keys(value)) {
    const field = (value as Record<string, unknown>)[key];
    if (field !== undefined) assertCanonical(field, depth + 1);
  }
}

function quoted(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    // Anything but ASCII that JSON leaves as it is.
    if (code < 32 || code > 126 || code === 34 || code === 92) return JSON.stringify(text);
  }
  return `"${text}"`;
}
