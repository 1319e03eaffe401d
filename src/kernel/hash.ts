/** SHA-256 for what is computed below `runtime`: contract hashes, record and plan fingerprints, ledger leaves in simulation. */
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { hex, utf8 } from './bytes.ts';

/** 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return noble(bytes);
}

/** 64 lower-case hexadecimal digits. */
export function sha256Hex(content: string | Uint8Array): string {
  return hex(noble(typeof content === 'string' ? utf8(content) : content));
}
