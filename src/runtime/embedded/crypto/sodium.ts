/**
 * libsodium through `sodium-native`, an optional package: this file owns how it is found and the part of it that is used.
 * The package brings no types, so they are stated here. A machine without a binary for it gets null, never an error.
 */
import { createRequire } from 'node:module';

export interface Sodium {
  crypto_hash_sha256(out: Uint8Array, bytes: Uint8Array): void;
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey64: Uint8Array, seed: Uint8Array): void;
  crypto_sign_detached(signature: Uint8Array, bytes: Uint8Array, secretKey64: Uint8Array): void;
  crypto_sign_verify_detached(signature: Uint8Array, bytes: Uint8Array, publicKey: Uint8Array): boolean;
  crypto_scalarmult_base(publicKey: Uint8Array, secretKey: Uint8Array): void;
  /** Throws where the product is the neutral element. */
  crypto_scalarmult(shared: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void;
}

export function loadSodium(): Sodium | null {
  try {
    return createRequire(import.meta.url)('sodium-native') as Sodium;
  } catch {
    return null; // not installed, or no binary for this platform
  }
}
