/**
 * JSON from foreigners. One pass over the bytes finds what is too deep, too wide, too long, said twice or named so that it
 * would change what an object is, before `JSON.parse` builds anything of it. Time is linear in the bytes, memory in the depth
 * and the keys of the objects that are open. Answers are values; nothing here throws, whatever the bytes.
 */
import { fromUtf8, type Json } from '../kernel/index.ts';
import { DEPTH_MAX, FRAME_BYTES_MAX, isForbiddenKey, KEYS_MAX, STRING_BYTES_MAX } from './limits.ts';
import type { Result } from './wire-table.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const LETTER_U = 0x75;

/** `invalid`: it breaks a limit or is no JSON. A number too large for a double comes out as infinite, as `JSON.parse` has it. */
export function parseForeignJson(bytes: Uint8Array): Result<Json> {
  const problem = findProblem(bytes);
  if (problem !== null) return refused(problem);
  try {
    return { ok: true, value: JSON.parse(fromUtf8(bytes)) as Json };
  } catch (error) {
    return refused(`it is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

function refused(detail: string): Result<never> {
  return { ok: false, refusal: { reason: 'invalid', detail: `a JSON document was refused: ${detail}` } };
}

/**
 * What the limits say against it, or null. Exact for JSON; in anything else it may find nothing, and the parser will. Depth,
 * keys and strings are found without trusting that the text is JSON: a bracket outside a string is a bracket.
 */
export function findProblem(bytes: Uint8Array): string | null {
  if (bytes.length > FRAME_BYTES_MAX) return `it has ${bytes.length} bytes, the limit is ${FRAME_BYTES_MAX}`;
  /** The keys of each open object; null for an array. */
  const open: (Set<string> | null)[] = [];
  let keyNext = false;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (open.length === DEPTH_MAX) return `it is deeper than ${DEPTH_MAX} levels`;
        keyNext = bytes[at] === OPEN_OBJECT;
        open.push(keyNext ? new Set() : null);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        open.pop();
        keyNext = false;
        break;
      case COMMA:
        keyNext = (open.at(-1) ?? null) !== null;
        break;
      case QUOTE: {
        const end = endOfString(bytes, at);
        if (typeof end === 'string') return end;
        if (keyNext) {
          const problem = keyProblem(bytes.subarray(at, end + 1), open.at(-1)!);
          if (problem !== null) return problem;
        }
        keyNext = false;
        at = end;
        break;
      }
      default:
    }
  }
  return null;
}

/** Where the closing quote stands, or what is wrong. Counts the bytes that the text will have, not those of its escapes. */
function endOfString(bytes: Uint8Array, start: number): number | string {
  let length = 0;
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return length <= STRING_BYTES_MAX ? at : `a string has ${length} bytes, the limit is ${STRING_BYTES_MAX}`;
    length += 1;
    if (byte !== BACKSLASH) continue;
    at += 1;
    if (bytes[at] !== LETTER_U) continue;
    const unit = hex4(bytes, at + 1);
    if (unit < 0) return 'it has an escape that is none';
    if (unit >= 0x80) length += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 1 : 2; // half of a pair is half of four bytes
    at += 4;
  }
  return 'a string does not end';
}

function hex4(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + 4; i++) {
    const byte = bytes[i] ?? 0;
    const digit =
      byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : (byte | 32) >= 0x61 && (byte | 32) <= 0x66 ? (byte | 32) - 0x57 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

function keyProblem(literal: Uint8Array, keys: Set<string>): string | null {
  let key: unknown;
  try {
    key = JSON.parse(fromUtf8(literal)); // also takes back escapes: "\u005f_proto__" is that key too
  } catch {
    return 'a key is no text';
  }
  if (typeof key !== 'string') return 'a key is no text';
  if (isForbiddenKey(key)) return `it has a key named ${key}`;
  if (keys.has(key)) return `it has the key "${key.slice(0, 100)}" twice in one object`;
  if (keys.size === KEYS_MAX) return `an object has more than ${KEYS_MAX} keys`;
  keys.add(key);
  return null;
}
