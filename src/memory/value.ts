/**
 * Values of fields as bytes. Equal values have equal bytes, so that replicas compare bytes only: whole numbers and short decimals
 * have one form, everything else of 64-bit floating point another. Bytes of strangers are walked before they are kept; text that
 * is no UTF-8 is read as its bytes.
 *
 *   0 null · 1 false · 2 true · 3 whole, zigzag · 4 eight bytes of floating point · 5 digits after the point, zigzag of the rest
 *   6 bytes · 7 list · 128..254 text of so many bytes less 128 · 255 longer text
 */
import { assert, fromUtf8, utf8Into } from '../kernel/index.ts';
import type { ByteReader, ByteWriter } from './lanes.ts';

export type Value = null | boolean | number | string | Uint8Array | readonly Value[];

export const VALUE_BYTES_MAX = 1_048_576; // a memory is a sentence or a page; what is larger lives in files
export const VALUE_DEPTH_MAX = 8;
const SHORT = 126;
const DIGITS_MAX = 6;
const POWERS = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000];
const HALF_MAX = 4_503_599_627_370_495; // zigzag doubles it

const float = new DataView(new ArrayBuffer(8));

/** Why the value cannot be kept, or null. */
export function valueProblem(value: unknown, depth = 0): string | null {
  if (value === null || typeof value === 'boolean') return null;
  if (typeof value === 'number') return Number.isFinite(value) ? null : `${value} is no number that can be compared`;
  if (typeof value === 'string') return value.length * 3 > VALUE_BYTES_MAX ? 'the text is too long: keep it in a file' : null;
  if (value instanceof Uint8Array) return value.length > VALUE_BYTES_MAX ? 'the bytes are too many: keep them in a file' : null;
  if (!Array.isArray(value)) return `a ${typeof value} is no value`;
  if (depth >= VALUE_DEPTH_MAX) return `lists go ${VALUE_DEPTH_MAX} deep`;
  for (const each of value) {
    const problem = valueProblem(each, depth + 1);
    if (problem !== null) return problem;
  }
  return null;
}

/** The value has no `valueProblem`. */
export function writeValue(to: ByteWriter, value: Value): void {
  if (value === null) to.byte(0);
  else if (typeof value === 'boolean') to.byte(value ? 2 : 1);
  else if (typeof value === 'number') writeNumber(to, value);
  else if (typeof value === 'string') writeText(to, value);
  else if (value instanceof Uint8Array) {
    to.byte(6);
    to.whole(value.length);
    to.raw(value);
  } else {
    to.byte(7);
    to.whole(value.length);
    for (const each of value) writeValue(to, each);
  }
}

function writeNumber(to: ByteWriter, value: number): void {
  if (!Object.is(value, -0)) {
    for (let digits = 0; digits <= DIGITS_MAX; digits++) {
      const whole = Math.round(value * POWERS[digits]!);
      if (whole > HALF_MAX || whole < -HALF_MAX) break;
      if (whole / POWERS[digits]! !== value) continue;
      to.byte(digits === 0 ? 3 : 5);
      if (digits > 0) to.byte(digits);
      to.whole(whole < 0 ? -whole * 2 - 1 : whole * 2);
      return;
    }
  }
  float.setFloat64(0, value);
  to.byte(4);
  for (let i = 0; i < 8; i++) to.byte(float.getUint8(i));
}

function writeText(to: ByteWriter, text: string): void {
  to.reserve(text.length * 3 + 9);
  if (text.length * 3 <= SHORT) {
    const written = utf8Into(text, to.bytes.subarray(to.at + 1));
    to.bytes[to.at] = 128 + written;
    to.at += 1 + written;
    return;
  }
  const start = to.at + 9; // the length is known afterwards
  const written = utf8Into(text, to.bytes.subarray(start));
  if (written <= SHORT) to.byte(128 + written);
  else {
    to.byte(255);
    to.whole(written);
  }
  to.bytes.copyWithin(to.at, start, start + written);
  to.at += written;
}

/** Goes past one value, or makes the reader bad. */
export function skipValue(from: ByteReader, depth = 0): void {
  const tag = from.byte();
  if (tag >= 128) from.skip(tag === 255 ? from.whole() : tag - 128);
  else if (tag === 3) from.whole();
  else if (tag === 4) from.skip(8);
  else if (tag === 5) {
    const digits = from.byte();
    if (digits < 1 || digits > DIGITS_MAX) from.refuse();
    from.whole();
  } else if (tag === 6) from.skip(from.whole());
  else if (tag === 7) {
    const count = from.whole();
    if (depth >= VALUE_DEPTH_MAX || count > from.end - from.at) from.refuse();
    for (let i = 0; i < count && !from.bad; i++) skipValue(from, depth + 1);
  } else if (tag > 2) from.refuse();
}

/** Of bytes that `skipValue` walked. */
export function readValue(from: ByteReader): Value {
  const tag = from.byte();
  if (tag >= 128) return textOf(from.raw(tag === 255 ? from.whole() : tag - 128));
  if (tag === 0) return null;
  if (tag <= 2) return tag === 2;
  if (tag === 3) return unzigzag(from.whole());
  if (tag === 4) {
    for (let i = 0; i < 8; i++) float.setUint8(i, from.byte());
    return float.getFloat64(0);
  }
  if (tag === 5) {
    const power = POWERS[from.byte()]!;
    return unzigzag(from.whole()) / power;
  }
  if (tag === 6) return from.raw(from.whole()).slice();
  assert(tag === 7, `a value with the tag ${tag} was kept unread`);
  return Array.from({ length: from.whole() }, () => readValue(from));
}

function textOf(bytes: Uint8Array): Value {
  try {
    return fromUtf8(bytes);
  } catch {
    return bytes.slice();
  }
}

function unzigzag(whole: number): number {
  return whole % 2 === 0 ? whole / 2 : -(whole + 1) / 2;
}
