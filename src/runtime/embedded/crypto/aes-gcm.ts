/**
 * AES-256-GCM for what lies on a disk, under the key of its segment. One form only: key 32 bytes, nonce 12, tag 16 at the end.
 * It never draws a nonce: whoever seals twice with one key under one nonce has given the key away. Not for single messages, where
 * building the cipher costs more than the work. Source: NIST SP 800-38D.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { assert } from '../../../kernel/index.ts';

const ALGORITHM = 'aes-256-gcm';
const TAG_BYTES = 16;

/** Ciphertext, then the tag. `associated` is covered and not contained. Throws `InvariantError` for another length of key or nonce. */
export function sealAtRest(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plain: Uint8Array): Uint8Array {
  checkForm(key, nonce);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
  return new Uint8Array(Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]));
}

/** Null where a bit of key, nonce, associated data, ciphertext or tag is another; nothing of the text is given out before. */
export function openAtRest(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  checkForm(key, nonce);
  if (sealed.length < TAG_BYTES) return null;
  const end = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  const plain = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return new Uint8Array(plain);
}

function checkForm(key: Uint8Array, nonce: Uint8Array): void {
  assert(key.length === 32, `a key at rest has 32 bytes, not ${key.length}`);
  assert(nonce.length === 12, `a nonce at rest has 12 bytes, not ${nonce.length}`);
}
