/**
 * The cryptographic primitives that identity, frames and the ledger are built of. Handed in by the runtime, so that the same
 * protocol runs on native code, on its fallback and on a cheap stub in the simulation. Synchronous and deterministic: whoever
 * needs a fresh key draws the seed itself. Byte lengths are those of the named algorithms.
 */

export interface KeyPair {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes: the seed. Never logged, never sent. */
  readonly secretKey: Uint8Array;
}

export interface Crypto {
  /** SHA-256, 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array;
  /** BLAKE3 keyed with 32 bytes; 32 bytes. */
  mac(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Ed25519 from a seed of 32 bytes. */
  keyPair(seed: Uint8Array): KeyPair;
  /** Ed25519, 64 bytes. */
  sign(secretKey: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** RFC 8032, strict: no malleable signatures, no low-order keys. Never throws, whatever the bytes. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean;
  /** X25519 from a seed of 32 bytes. */
  agreementKeyPair(seed: Uint8Array): KeyPair;
  /** X25519, 32 bytes; null where the other key gives an all-zero secret. */
  agree(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null;
  /** HKDF-SHA256 (RFC 5869). */
  derive(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
}
