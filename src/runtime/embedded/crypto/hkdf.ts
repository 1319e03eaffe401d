/** HKDF-SHA256 (RFC 5869) on node:crypto, for both implementations: libsodium's binding has none. Owns the bound of its output. */
import { hkdfSync } from 'node:crypto';
import { assert } from '../../../kernel/index.ts';

const BLOCKS_MAX = 255; // RFC 5869, 2.3: the block counter is one byte

/** Throws `InvariantError` for a length that is not in 1..8,160: a longer output would repeat itself. */
export function hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  assert(
    Number.isInteger(length) && length >= 1 && length <= BLOCKS_MAX * 32,
    `HKDF-SHA256 gives 1 to ${BLOCKS_MAX * 32} bytes, not ${length}`,
  );
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
}
