/**
 * How large a message may be, at every border: frames between hosts and JSON from foreigners. What is larger is refused before
 * memory or time is spent on it.
 */

/** One frame, its tag included; also one CloudEvent as JSON. A quarter of what one peer may have pending. */
export const FRAME_BYTES_MAX: number = 1024 * 1024;
/** A builder asks to be flushed here: more saves no CPU that can be measured, and adds to latency. */
export const FRAME_MESSAGES_FLUSH = 256;
/** A frame that says it holds more is refused. */
export const FRAME_MESSAGES_MAX = 1000;
/** Objects and arrays inside each other, the envelope counted as the first: no recursion goes deeper. */
export const DEPTH_MAX = 64;
/** Fields of one object. */
export const KEYS_MAX = 1024;
/** One string, in bytes of UTF-8. */
export const STRING_BYTES_MAX: number = 256 * 1024;
/** One name of an envelope (source, subject, audience, ...), in UTF-16 code units: names are for routing, not for cargo. */
export const NAME_UNITS_MAX = 1024;
/** Approvals, and required capabilities, of one envelope. */
export const LIST_MAX = 64;
/** All names of one envelope together, in bytes of UTF-8; one field of 16 bits. */
export const NAMES_BYTES_MAX = 0xffff;
/** Times, spans and counters of an envelope: 48 bits, which as milliseconds end in the year 10889. */
export const WHOLE_MAX: number = 2 ** 48 - 1;

/** Keys that change what an object is, in the language or in careless code: never in a message. */
export function isForbiddenKey(key: string): boolean {
  return key === '__proto__' || key === 'constructor' || key === 'prototype';
}

/** Bytes of the text as UTF-8; half a surrogate pair counts as what replaces it. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if ((unit & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 4;
      i += 1;
    } else bytes += 3;
  }
  return bytes;
}

/** Whether the text is at most `STRING_BYTES_MAX` long as UTF-8. */
export function isShort(text: string): boolean {
  return text.length * 3 <= STRING_BYTES_MAX || (text.length <= STRING_BYTES_MAX && utf8Length(text) <= STRING_BYTES_MAX);
}
