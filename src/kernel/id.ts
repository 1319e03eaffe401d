/**
 * 128-bit ids: host 48 bits, incarnation 32, counter 48, as 32 lower-case hexadecimal digits.
 * Unique without coordination, because no host ever reuses an incarnation; sortable within one incarnation.
 */
import { assert } from './assert.ts';

export type Id = string & { readonly __id: unique symbol };

const COUNTER_MAX = 2 ** 48 - 1;
const BLOCK = 2 ** 16;
const TWO_DIGITS = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

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
  let block = `${prefix}00000000`; // all but the last four digits
  return {
    next(): Id {
      if (counter >= COUNTER_MAX) assert(false, `host ${host} used up the ids of incarnation ${incarnation}`);
      counter += 1;
      const low = counter % BLOCK;
      if (low === 0) block = prefix + (counter / BLOCK).toString(16).padStart(8, '0');
      return (block + TWO_DIGITS[low >>> 8]! + TWO_DIGITS[low & 255]!) as Id;
    },
  };
}

export function isId(text: string): text is Id {
  return /^[0-9a-f]{32}$/.test(text);
}
