/**
 * Primitives that cost next to nothing and protect nothing: for simulated fleets, where millions of frames are sealed and
 * nobody computes against them. Same shapes, same lengths, same answers as the real ones for everybody who keeps to the
 * interface: another key, another byte or another length gives another tag. Whoever knows a public key can forge its
 * signatures, so this must never leave the simulation. One seed in a hundred runs the real primitives instead.
 */
import { assert } from '../../kernel/index.ts';
import type { Crypto, KeyPair } from '../../protocol/index.ts';

export const simCrypto: Crypto = {
  hash: (bytes) => digest(1, EMPTY, bytes),
  mac: (key, bytes) => digest(2, key, bytes),
  keyPair: (seed) => pair(3, seed),
  sign(secretKey, bytes) {
    const { publicKey } = pair(3, secretKey);
    return signature(publicKey, bytes);
  },
  verify(publicKey, bytes, tag) {
    if (publicKey.length !== 32 || tag.length !== 64) return false;
    const expected = signature(publicKey, bytes);
    return expected.every((byte, i) => byte === tag[i]);
  },
  agreementKeyPair: (seed) => pair(4, seed),
  agree(secretKey, publicKey) {
    if (publicKey.length !== 32 || publicKey.every((byte) => byte === 0)) return null;
    const own = pair(4, secretKey).publicKey;
    const shared = new Uint8Array(32);
    for (let i = 0; i < 32; i++) shared[i] = own[i]! + publicKey[i]!; // the same sum on both sides
    return digest(5, EMPTY, shared);
  },
  derive(secret, salt, info, length) {
    const out = new Uint8Array(length);
    const extracted = digest(6, salt, secret);
    for (let block = 0; block * 32 < length; block++) {
      const next = digest(16 + block, extracted, info);
      out.set(next.subarray(0, Math.min(32, length - block * 32)), block * 32);
    }
    return out;
  },
};

const EMPTY = new Uint8Array(0);

function pair(purpose: number, seed: Uint8Array): KeyPair {
  assert(seed.length === 32, `a seed has 32 bytes, not ${seed.length}`);
  return { publicKey: digest(purpose, EMPTY, seed), secretKey: seed.slice() };
}

function signature(publicKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(64);
  out.set(digest(8, publicKey, bytes));
  out.set(digest(9, publicKey, bytes), 32);
  return out;
}

/**
 * 32 bytes of two 32-bit lanes. Every step is a bijection of the lane, so inputs of one length that differ in one byte never
 * meet; others meet once in 2^64.
 */
function digest(purpose: number, key: Uint8Array, bytes: Uint8Array): Uint8Array {
  let a = 0x9e3779b9 ^ purpose;
  let b = 0x85ebca6b ^ bytes.length;
  for (let i = 0; i < key.length; i++) {
    a = Math.imul(a ^ key[i]!, 0x01000193);
    b = Math.imul((b << 7) | (b >>> 25), 0xcc9e2d51) ^ key[i]!;
  }
  for (let i = 0; i < bytes.length; i++) {
    a = Math.imul(a ^ bytes[i]!, 0x01000193);
    b = Math.imul((b << 7) | (b >>> 25), 0xcc9e2d51) ^ bytes[i]!;
  }
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  for (let word = 0; word < 8; word++) {
    a = spread(a ^ b ^ word);
    b = spread(b + a);
    view.setUint32(word * 4, a >>> 0);
  }
  return out;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function spread(word: number): number {
  let x = word ^ (word >>> 16);
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return x ^ (x >>> 16);
}
