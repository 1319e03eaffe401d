/**
 * Logarithm and exponential that give the same bits on every engine: only the four operations that IEEE 754 fixes, because the
 * standard library may round these two as it likes and a replay must come to the same. Within 2 units in the last place.
 */
import { assert } from './assert.ts';

const LN2_HIGH = 0.6931471803691238; // its low bits are zero, so that k * LN2_HIGH is exact for every exponent
const LN2_LOW = 1.9082149292705877e-10;

const float = new Float64Array([1]);
const words = new Uint32Array(float.buffer);
const HIGH = words[1] === 0 ? 0 : 1; // which half holds the exponent

/** The natural logarithm of a normal positive number. */
export function naturalLog(x: number): number {
  if (!(x >= 2.2250738585072014e-308 && x < Infinity)) assert(false, `the logarithm of ${x}`);
  float[0] = x;
  const high = words[HIGH]!;
  let exponent = (high >>> 20) - 1023;
  words[HIGH] = (high & 0xfffff) | 0x3ff00000;
  let mantissa = float[0];
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let sum = 0;
  for (let odd = 21; odd >= 3; odd -= 2) sum = (sum + 1 / odd) * z;
  return exponent * LN2_HIGH + (2 * s * (1 + sum) + exponent * LN2_LOW);
}

/** e to the x, for x in -700..700. */
export function naturalExp(x: number): number {
  if (!(x >= -700 && x <= 700)) assert(false, `e to the ${x}: -700 to 700`);
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (sum * r) / n;
  words[1 - HIGH] = 0;
  words[HIGH] = (k + 1023) << 20;
  return sum * float[0]!;
}
