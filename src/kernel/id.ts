/**
 * 128-bit ids: host 48 bits, incarnation 32, counter 48, as 32 lower-case hexadecimal digits.
 * Unique without coordination, because no host ever reuses an incarnation; sortable within one incarnation.
 */
import { assert } from './assert.ts';

export type Id = string & { readonly __id: unique symbol };

const COUNTER_MAX = 2 ** 48 - 1;

export interface IdSource {
  next(): Id;
}

/** `host` is 12 hexadecimal digits, `incarnation` a 32-bit unsigned integer. */
export function idSource(host: string, incarnation: number): IdSource {
  assert(/^[0-9a-f]{12}$/.test(host), `a host id is 12 hexadecimal digits, not "${host}"`);
  assert(
    Number.isInteger(incarnation) && incarnation >= 0 && incarnation < 2 ** 32,
    `incarnation ${incarnation} is not a 32-bit integer`,
  );
  const prefix = host + incarnation.toString(16).padStart(8, '0');
  let counter = 0;
  return {
    next(): Id {
      assert(counter < COUNTER_MAX, `host ${host} used up the ids of incarnation ${incarnation}`);
      counter += 1;
      return (prefix + counter.toString(16).padStart(12, '0')) as Id;
    },
  };
}

export function isId(text: string): text is Id {
  return /^[0-9a-f]{32}$/.test(text);
}
