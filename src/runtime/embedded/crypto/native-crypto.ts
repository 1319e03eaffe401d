/**
 * The primitives of `protocol/crypto` on libsodium: 1.6 to 2 times the signatures of node:crypto for the same CPU.
 * It keeps the expanded form of secret keys for as long as somebody holds the key itself; it never draws a key.
 * What libsodium's binding has not (HKDF) or is slower at (SHA-256 of more than a kilobyte) is node:crypto's.
 */
import { hash } from 'node:crypto';
import { assert } from '../../../kernel/index.ts';
import type { Crypto, KeyPair } from '../../../protocol/index.ts';
import type { Mac } from './blake3.ts';
import { hkdf } from './hkdf.ts';
import type { Sodium } from './sodium.ts';

const HASH_BYTES_SMALL = 1024; // above it node:crypto wins: it uses the processor's SHA instructions, libsodium does not

/** `mac`: keyed BLAKE3, of `blake3.ts`. Lengths of keys that the caller holds are asserted; lengths of what came from outside are answers. */
export function nativeCrypto(sodium: Sodium, mac: Mac): Crypto {
  /** libsodium signs with seed and public key in one; computing it anew would double the price of a signature. */
  const expanded = new WeakMap<Uint8Array, Uint8Array>();
  const expand = (seed: Uint8Array): Uint8Array => {
    const known = expanded.get(seed);
    if (known !== undefined && sameSeed(known, seed)) return known;
    const secretKey64 = new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(new Uint8Array(32), secretKey64, seed);
    expanded.set(seed, secretKey64);
    return secretKey64;
  };
  // Small arrays live in V8's heap and are moved out when native code asks for them: half of the price of a small hash.
  const digest = new Uint8Array(new ArrayBuffer(4096), 0, 32);
  return {
    hash(bytes) {
      if (bytes.length > HASH_BYTES_SMALL) return hash('sha256', bytes, 'buffer');
      sodium.crypto_hash_sha256(digest, bytes);
      const out = new Uint8Array(32);
      out.set(digest);
      return out;
    },
    mac,
    keyPair(seed): KeyPair {
      assert(seed.length === 32, `an Ed25519 seed has 32 bytes, not ${seed.length}`);
      const secretKey = seed.slice();
      return { publicKey: expand(secretKey).slice(32), secretKey };
    },
    sign(secretKey, bytes) {
      assert(secretKey.length === 32, `an Ed25519 seed has 32 bytes, not ${secretKey.length}`);
      const signature = new Uint8Array(64);
      sodium.crypto_sign_detached(signature, bytes, expand(secretKey));
      return signature;
    },
    verify(publicKey, bytes, signature) {
      if (publicKey.length !== 32 || signature.length !== 64) return false;
      return sodium.crypto_sign_verify_detached(signature, bytes, publicKey);
    },
    agreementKeyPair(seed): KeyPair {
      assert(seed.length === 32, `an X25519 seed has 32 bytes, not ${seed.length}`);
      const publicKey = new Uint8Array(32);
      sodium.crypto_scalarmult_base(publicKey, seed);
      return { publicKey, secretKey: seed.slice() };
    },
    agree(secretKey, publicKey) {
      assert(secretKey.length === 32, `an X25519 secret has 32 bytes, not ${secretKey.length}`);
      if (publicKey.length !== 32) return null;
      const shared = new Uint8Array(32);
      try {
        sodium.crypto_scalarmult(shared, secretKey, publicKey);
      } catch {
        return null; // its one failure with keys of the right length: a point of low order
      }
      return shared;
    },
    derive: hkdf,
  };
}

/** A secret that was wiped in place must not go on signing from the cache. */
function sameSeed(secretKey64: Uint8Array, seed: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < 32; i++) difference |= secretKey64[i]! ^ seed[i]!;
  return difference === 0;
}
