/** Time, randomness, ids, bytes, hashes, assertions, bounded queues. No domain words here. */
export { type Millis, type MonotonicMillis } from './time.ts';
export { assert, InvariantError, unreachable } from './assert.ts';
export { concat, equalBytes, fromHex, fromUtf8, hex, utf8, utf8Into, base64, fromBase64 } from './bytes.ts';
export { sha256, sha256Hex } from './hash.ts';
export { naturalExp, naturalLog } from './math.ts';
export { assertCanonical, canonicalJson, type Json } from './canonical.ts';
export { type Random, seededRandom } from './random.ts';
export { type Id, type IdSource, idSource, isId } from './id.ts';
export { Lanes, type Priority } from './lanes.ts';
