/**
 * Keyed BLAKE3, the tag of every frame inside a session: `hash-wasm`, and `@noble/hashes` where WebAssembly is forbidden.
 * Owns one hasher for all keys: it reads its key anew from a buffer of ours at each start, which the self-test at opening
 * proves for the package as installed. The last key stays in the hasher's memory until the next one takes its place.
 */
import { createRequire } from 'node:module';
import type { createBLAKE3 } from 'hash-wasm';
import { assert, fromHex, hex, utf8 } from '../../../kernel/index.ts';

/** Keyed with 32 bytes; 32 bytes. */
export type Mac = (key: Uint8Array, bytes: Uint8Array) => Uint8Array;

// From the test vectors published with BLAKE3: key, then the input (bytes counting up from 0) and its keyed hash.
const KEY = utf8('whats the Elvish word for friend');
const KNOWN: readonly (readonly [length: number, tag: string])[] = [
  [0, '92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26'],
  [1, '6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b'],
];

/** Compiles the WebAssembly once; null where it cannot run or gives other tags than it should. */
export async function wasmMac(): Promise<Mac | null> {
  try {
    // Its one algorithm, 22 kB: the package's own entry loads all of them, 280 kB.
    const entry = createRequire(import.meta.url)('hash-wasm/dist/blake3.umd.min.js') as { createBLAKE3: typeof createBLAKE3 };
    const current = new Uint8Array(32);
    const hasher = await entry.createBLAKE3(256, current);
    const mac: Mac = (key, bytes) => {
      assert(key.length === 32, `a BLAKE3 key has 32 bytes, not ${key.length}`);
      current.set(key);
      return hasher.init().update(bytes).digest('binary');
    };
    return isRight(mac) ? mac : null;
  } catch {
    return null;
  }
}

/** Loaded only where it is needed: it would cost every start of a program some milliseconds. */
export async function plainMac(): Promise<Mac> {
  const { blake3 } = await import('@noble/hashes/blake3.js');
  return (key, bytes) => {
    assert(key.length === 32, `a BLAKE3 key has 32 bytes, not ${key.length}`);
    return blake3(bytes, { key });
  };
}

function isRight(mac: Mac): boolean {
  return KNOWN.every(([length, tag]) => {
    const input = Uint8Array.from({ length }, (_, i) => i);
    const other = hex(mac(fromHex(tag)!, input)); // another key in between: what the next start reads must be the new one
    return hex(mac(KEY, input)) === tag && other !== tag;
  });
}
