/** Primitives of one machine: libsodium and WebAssembly where they run, node:crypto and plain JavaScript where not. */
import type { Crypto } from '../../../protocol/index.ts';
import { plainMac, wasmMac } from './blake3.ts';
import { nativeCrypto } from './native-crypto.ts';
import { nodeCrypto } from './node-crypto.ts';
import { loadSodium } from './sodium.ts';

export { openAtRest, sealAtRest } from './aes-gcm.ts';

export interface OpenedCrypto {
  readonly crypto: Crypto;
  /** What signs and what authenticates; for `status`, because the slower one costs twice the CPU. */
  readonly signatures: 'sodium-native' | 'node:crypto';
  readonly macs: 'hash-wasm' | '@noble/hashes';
}

/** Done once, when the runtime opens; every primitive is synchronous afterwards. `without` leaves packages out, for their tests. */
export async function openCrypto(without: readonly ('sodium-native' | 'hash-wasm')[] = []): Promise<OpenedCrypto> {
  const fast = without.includes('hash-wasm') ? null : await wasmMac();
  const sodium = without.includes('sodium-native') ? null : loadSodium();
  const mac = fast ?? (await plainMac());
  return {
    crypto: sodium === null ? nodeCrypto(mac) : nativeCrypto(sodium, mac),
    signatures: sodium === null ? 'node:crypto' : 'sodium-native',
    macs: fast === null ? '@noble/hashes' : 'hash-wasm',
  };
}
