/**
 * The primitives against Wycheproof, known attacks on implementations, through the same wrappers that everything else uses and in
 * both implementations. `acceptable` cases (the standard leaves them open) have one answer each here: a Diffie-Hellman secret
 * that is all zeros is refused, every other point is used, on the curve or on its twist, reduced or not.
 */
import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from '../../src/kernel/index.ts';
import { openAtRest, openCrypto, sealAtRest } from '../../src/runtime/embedded/index.ts';

const vectors = process.env.SKEIN_VECTORS ?? '';
const directory = join(vectors, 'wycheproof');
const present = vectors !== '' && existsSync(directory);

interface Case {
  readonly tcId: number;
  readonly flags: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly [field: string]: unknown;
}

interface Group {
  readonly tests: readonly Case[];
  readonly [field: string]: unknown;
}

function groups(file: string): readonly Group[] {
  return (JSON.parse(readFileSync(join(directory, file), 'utf8')) as { testGroups: readonly Group[] }).testGroups;
}

const bytes = (value: unknown): Uint8Array => fromHex(value as string)!;

const native = (await openCrypto()).crypto;
const node = (await openCrypto(['sodium-native', 'hash-wasm'])).crypto;

describe.each([
  ['the primitives on libsodium', native],
  ['the primitives on node:crypto', node],
])('%s', (_name, crypto) => {
  it.skipIf(!present)(
    'answers Ed25519 as SKEIN_VECTORS/wycheproof (151 cases): malleable and badly encoded ones are refused',
    () => {
      const wrong: number[] = [];
      let count = 0;
      for (const group of groups('ed25519_test.json')) {
        const publicKey = bytes((group.publicKey as { pk: string }).pk);
        for (const test of group.tests) {
          count += 1;
          if (crypto.verify(publicKey, bytes(test.msg), bytes(test.sig)) !== (test.result === 'valid')) wrong.push(test.tcId);
        }
      }
      expect({ count, wrong }).toEqual({ count: 151, wrong: [] });
    },
  );

  it.skipIf(!present)('agrees with SKEIN_VECTORS/wycheproof on X25519 (518 cases): 31 all-zero secrets are refused', () => {
    const wrong: number[] = [];
    let refused = 0;
    for (const group of groups('x25519_test.json')) {
      for (const test of group.tests) {
        const zero = test.flags.includes('ZeroSharedSecret');
        const shared = crypto.agree(bytes(test.private), bytes(test.public));
        if (shared === null) refused += 1;
        if (zero ? shared !== null : shared === null || hex(shared) !== test.shared) wrong.push(test.tcId);
      }
    }
    expect({ refused, wrong }).toEqual({ refused: 31, wrong: [] });
  });

  it.skipIf(!present)(
    'derives as SKEIN_VECTORS/wycheproof says for HKDF (86 cases): an output that is too long is refused',
    () => {
      const wrong: number[] = [];
      let refused = 0;
      for (const group of groups('hkdf_sha256_test.json')) {
        for (const test of group.tests) {
          const derive = (): string => hex(crypto.derive(bytes(test.ikm), bytes(test.salt), bytes(test.info), Number(test.size)));
          if (test.result === 'invalid') {
            expect(derive).toThrow('HKDF-SHA256 gives');
            refused += 1;
          } else if (derive() !== test.okm) wrong.push(test.tcId);
        }
      }
      expect({ refused, wrong }).toEqual({ refused: 3, wrong: [] });
    },
  );

  it.skipIf(!present)('authenticates as SKEIN_VECTORS/wycheproof says for HMAC (87 cases of whole tags)', () => {
    // Nothing here has a bare or a shortened HMAC; extracting a key is one. One block of expand over it, done apart, shows the tag.
    const expanded = (tag: Uint8Array): string => createHmac('sha256', tag).update(Uint8Array.of(1)).digest('hex');
    const wrong: number[] = [];
    let count = 0;
    for (const group of groups('hmac_sha256_test.json').filter(({ tagSize }) => tagSize === 256)) {
      for (const test of group.tests) {
        count += 1;
        const derived = hex(crypto.derive(bytes(test.msg), bytes(test.key), new Uint8Array(0), 32));
        if ((derived === expanded(bytes(test.tag))) !== (test.result === 'valid')) wrong.push(test.tcId);
      }
    }
    expect({ count, wrong }).toEqual({ count: 87, wrong: [] });
  });
});

describe('what lies on a disk', () => {
  it.skipIf(!present)(
    'is sealed as SKEIN_VECTORS/wycheproof says for AES-GCM (316 cases): one form, every other is refused',
    () => {
      const wrong: number[] = [];
      const seen = { ours: 0, otherForm: 0 };
      for (const group of groups('aes_gcm_test.json')) {
        const ours = group.keySize === 256 && group.ivSize === 96 && group.tagSize === 128;
        for (const test of group.tests) {
          const [key, iv, aad, message] = [bytes(test.key), bytes(test.iv), bytes(test.aad), bytes(test.msg)];
          const sealed = new Uint8Array([...bytes(test.ct), ...bytes(test.tag)]);
          if (!ours) {
            seen.otherForm += 1;
            expect(() => sealAtRest(key, iv, aad, message)).toThrow('at rest has');
            expect(() => openAtRest(key, iv, aad, sealed)).toThrow('at rest has');
            continue;
          }
          seen.ours += 1;
          const opened = openAtRest(key, iv, aad, sealed);
          const good =
            test.result === 'valid'
              ? opened !== null && hex(opened) === test.msg && hex(sealAtRest(key, iv, aad, message)) === hex(sealed)
              : opened === null;
          if (!good) wrong.push(test.tcId);
        }
      }
      expect({ ...seen, wrong }).toEqual({ ours: 66, otherForm: 250, wrong: [] });
    },
  );
});
