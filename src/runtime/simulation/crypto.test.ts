import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex } from '../../kernel/index.ts';
import { simCrypto } from './crypto.ts';

const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('the primitives of the simulation', () => {
  it('answer an honest caller as real ones would, and notice one turned bit', () => {
    fc.assert(
      fc.property(seed, seed, fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.nat(), (a, b, message, at) => {
        const mine = simCrypto.keyPair(a);
        const signature = simCrypto.sign(mine.secretKey, message);
        expect(signature).toHaveLength(64);
        expect(simCrypto.verify(mine.publicKey, message, signature)).toBe(true);
        const other = message.slice();
        other[at % message.length]! ^= 1 << (at & 7);
        expect(simCrypto.verify(mine.publicKey, other, signature)).toBe(false);
        expect(hex(simCrypto.hash(other))).not.toBe(hex(simCrypto.hash(message)));
        expect(hex(simCrypto.mac(a, other))).not.toBe(hex(simCrypto.mac(a, message)));
        const [left, right] = [simCrypto.agreementKeyPair(a), simCrypto.agreementKeyPair(b)];
        expect(simCrypto.agree(left.secretKey, right.publicKey)).toEqual(simCrypto.agree(right.secretKey, left.publicKey));
        expect(simCrypto.derive(a, b, message, 77).subarray(0, 40)).toEqual(simCrypto.derive(a, b, message, 40));
      }),
      { numRuns: 200 },
    );
  });

  it('tell keys apart: another one verifies nothing and has another tag', () => {
    const [a, b] = [1, 2].map((fill) => simCrypto.keyPair(new Uint8Array(32).fill(fill)));
    const message = new Uint8Array([1, 2, 3]);
    expect(simCrypto.verify(b!.publicKey, message, simCrypto.sign(a!.secretKey, message))).toBe(false);
    expect(hex(simCrypto.mac(a!.publicKey, message))).not.toBe(hex(simCrypto.mac(b!.publicKey, message)));
    expect(simCrypto.agree(a!.secretKey, new Uint8Array(32))).toBe(null);
  });
});
