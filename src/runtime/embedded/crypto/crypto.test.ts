import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalBytes, fromHex, hex } from '../../../kernel/index.ts';
import type { Crypto } from '../../../protocol/index.ts';
import { openAtRest, openCrypto, sealAtRest } from './index.ts';

const native = await openCrypto();
const node = await openCrypto(['sodium-native', 'hash-wasm']);
const BOTH: readonly (readonly [string, Crypto])[] = [
  ['libsodium and WebAssembly', native.crypto],
  ['node:crypto and plain JavaScript', node.crypto],
];

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
const text = fc.uint8Array({ maxLength: 3000 });

describe('the two implementations', () => {
  it('are the ones that were asked for', () => {
    expect([native.signatures, native.macs]).toEqual(['sodium-native', 'hash-wasm']);
    expect([node.signatures, node.macs]).toEqual(['node:crypto', '@noble/hashes']);
  });

  it('give the same bytes for the same bytes, and accept what the other made', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), text, fc.integer({ min: 1, max: 200 }), (seed, other, message, length) => {
        const [a, b] = [native.crypto, node.crypto];
        const pair = a.keyPair(seed);
        expect(b.keyPair(seed)).toEqual(pair);
        expect(hex(a.hash(message))).toBe(hex(b.hash(message)));
        expect(hex(a.mac(seed, message))).toBe(hex(b.mac(seed, message)));
        expect(hex(a.derive(seed, other, message, length))).toBe(hex(b.derive(seed, other, message, length)));
        const signature = a.sign(pair.secretKey, message);
        expect(hex(b.sign(pair.secretKey, message))).toBe(hex(signature));
        expect(a.verify(pair.publicKey, message, signature) && b.verify(pair.publicKey, message, signature)).toBe(true);
        const [mine, theirs] = [a.agreementKeyPair(seed), b.agreementKeyPair(other)];
        expect(hex(a.agree(mine.secretKey, theirs.publicKey)!)).toBe(hex(b.agree(theirs.secretKey, mine.publicKey)!));
      }),
      { numRuns: 60 },
    );
  });

  it('agree about every signature with one bit turned: no', () => {
    fc.assert(
      fc.property(bytes(32), text, fc.nat(64 * 8 - 1), fc.nat(32 * 8 - 1), (seed, message, inSignature, inKey) => {
        const { publicKey, secretKey } = native.crypto.keyPair(seed);
        const signature = native.crypto.sign(secretKey, message);
        for (const [, crypto] of BOTH) {
          expect(crypto.verify(publicKey, message, turned(signature, inSignature))).toBe(false);
          expect(crypto.verify(turned(publicKey, inKey), message, signature)).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('give and refuse the same for keys, commitments and points that are not what they should be', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...LOW_ORDER),
        fc.constantFrom(0, 0x80),
        fc.oneof(fc.constantFrom(...LOW_ORDER), fc.constant(null)),
        bytes(32),
        text,
        (low, sign, commitment, seed, message) => {
          const key = fromHex(low)!;
          key[31]! |= sign;
          const good = native.crypto.keyPair(seed);
          const signature = native.crypto.sign(good.secretKey, message);
          if (commitment !== null) signature.set(fromHex(commitment)!);
          const zero = new Uint8Array(64);
          zero.set(key);
          for (const [, crypto] of BOTH) {
            expect(crypto.verify(key, message, signature)).toBe(false);
            expect(crypto.verify(key, message, zero)).toBe(false);
            expect(crypto.verify(good.publicKey, message, zero)).toBe(false);
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe.each(BOTH)('%s', (_name, crypto) => {
  it('answers and never throws, whatever length a signature, key or point from outside has', () => {
    const own = crypto.agreementKeyPair(new Uint8Array(32).fill(3));
    for (const length of [0, 1, 31, 32, 33, 63, 64, 65, 1000]) {
      const some = new Uint8Array(length).fill(9);
      expect(crypto.verify(some, some, some)).toBe(false);
      expect(length === 32 || crypto.agree(own.secretKey, some) === null).toBe(true);
    }
  });

  it('stops a caller who hands in a secret of another length', () => {
    const short = new Uint8Array(31);
    const whole = new Uint8Array(32);
    for (const call of [
      () => crypto.keyPair(short),
      () => crypto.sign(short, whole),
      () => crypto.agreementKeyPair(short),
      () => crypto.agree(short, whole),
      () => crypto.mac(short, whole),
      () => crypto.derive(whole, whole, whole, 0),
      () => crypto.derive(whole, whole, whole, 8161),
    ]) {
      expect(call).toThrow(/bytes, not/);
    }
  });

  it('signs with what a key holds now, not with what it held when it was first used', () => {
    const { publicKey, secretKey } = crypto.keyPair(new Uint8Array(32).fill(1));
    const message = fromHex('00ff')!;
    expect(crypto.verify(publicKey, message, crypto.sign(secretKey, message))).toBe(true);
    secretKey.fill(2);
    const other = crypto.keyPair(secretKey);
    expect(crypto.verify(publicKey, message, crypto.sign(secretKey, message))).toBe(false);
    expect(crypto.verify(other.publicKey, message, crypto.sign(secretKey, message))).toBe(true);
    publicKey.set(other.publicKey);
    expect(crypto.verify(publicKey, message, crypto.sign(secretKey, message))).toBe(true);
  });

  it('gives a tag for each key, also when keys take turns and inputs are longer than one chunk of its memory', () => {
    const long = new Uint8Array(40_000).map((_, i) => i);
    for (const fill of [1, 2, 1, 3]) {
      const key = new Uint8Array(32).fill(fill);
      for (const message of [long, long.subarray(5, 70), new Uint8Array(0)]) {
        expect(equalBytes(crypto.mac(key, message), blake3(message, { key }))).toBe(true);
      }
    }
  });

  it('hashes and derives as everybody else does', () => {
    for (const length of [0, 1, 64, 1023, 1024, 1025, 100_000]) {
      const message = new Uint8Array(length).fill(length);
      expect(hex(crypto.hash(message))).toBe(createHash('sha256').update(message).digest('hex'));
    }
    const [secret, salt, info] = [fromHex('0b'.repeat(22))!, fromHex('000102')!, fromHex('f0f1')!];
    expect(crypto.derive(secret, salt, info, 77)).toEqual(new Uint8Array(hkdfSync('sha256', secret, salt, info, 77)));
    // By hand, as RFC 5869 writes it: extract, then one block of expand.
    const extracted = createHmac('sha256', salt).update(secret).digest();
    const block = createHmac('sha256', extracted).update(info).update(Uint8Array.of(1)).digest();
    expect(hex(crypto.derive(secret, salt, info, 32))).toBe(hex(block));
  });
});

describe('AES-256-GCM at rest', () => {
  it('opens what was sealed and nothing with one bit turned', () => {
    fc.assert(
      fc.property(bytes(32), bytes(12), text, text, fc.nat(), (key, nonce, associated, plain, at) => {
        const sealed = sealAtRest(key, nonce, associated, plain);
        expect(openAtRest(key, nonce, associated, sealed)).toEqual(plain);
        expect(openAtRest(key, nonce, associated, turned(sealed, at % (sealed.length * 8)))).toBe(null);
        expect(openAtRest(turned(key, at % 256), nonce, associated, sealed)).toBe(null);
        expect(openAtRest(key, turned(nonce, at % 96), associated, sealed)).toBe(null);
        expect(openAtRest(key, nonce, new Uint8Array([...associated, 0]), sealed)).toBe(null);
      }),
      { numRuns: 50 },
    );
    expect(openAtRest(new Uint8Array(32), new Uint8Array(12), new Uint8Array(0), new Uint8Array(15))).toBe(null);
  });
});

/** The points of order 1, 2, 4 and 8, and the same coordinates not reduced. */
const LOW_ORDER: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

function turned(from: Uint8Array, bit: number): Uint8Array {
  const out = from.slice();
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}
