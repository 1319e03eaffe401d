import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeRealm, T0, turned } from '../../test/protocol/realm.ts';
import { hex, utf8 } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { BATCH_MAX, checkInBatch, signBatch, signMessage, verifyMessage, verifyRoot } from './signature.ts';

const { crypto } = await openCrypto();
const realm = makeRealm(crypto);
const [ADA, EVE] = ['agent:test/ada', 'agent:test/eve'] as const;
const ada = realm.member(ADA, 1);
const eve = realm.member(EVE, 2);
const reason = (refusal: { readonly reason: string } | null): string | null => refusal?.reason ?? null;

describe('the signature of one message', () => {
  it('holds for its author and its bytes, and for nobody and nothing else', () => {
    const bytes = utf8('buy 100');
    const signature = signMessage(bytes, ada);
    expect(verifyMessage(bytes, signature, ADA, realm.ring, T0)).toBe(null);
    expect(verifyMessage(bytes, signature, EVE, realm.ring, T0)?.detail).toContain(`${ADA} signed a message of ${EVE}`);
    expect(reason(verifyMessage(bytes, signMessage(bytes, eve), ADA, realm.ring, T0))).toBe('bad-signature');
    expect(reason(verifyMessage(bytes, signature.subarray(1), ADA, realm.ring, T0))).toBe('bad-signature');
    for (let bit = 0; bit < 80 * 8; bit += 3)
      expect(verifyMessage(bytes, turned(signature, bit), ADA, realm.ring, T0)).not.toBe(null);
    for (let bit = 0; bit < bytes.length * 8; bit++)
      expect(verifyMessage(turned(bytes, bit), signature, ADA, realm.ring, T0)).not.toBe(null);
  });
});

describe('the signature of a batch', () => {
  it('shows every one of its messages to somebody who has only the root', () => {
    fc.assert(
      fc.property(
        // All different: the path of one message is also that of another that says the same.
        fc.uniqueArray(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 40, selector: hex }),
        fc.nat(),
        fc.nat(),
        (messages, at, bit) => {
          const { signed, path } = signBatch(messages, ada, crypto);
          expect(verifyRoot(signed, realm.ring, T0)).toBe(null);
          for (const [index, message] of messages.entries())
            expect(checkInBatch(message, index, path(index), signed, crypto)).toBe(null);
          const index = at % messages.length;
          const message = messages[index]!;
          expect(reason(checkInBatch(Uint8Array.of(...message, 0), index, path(index), signed, crypto))).toBe('bad-signature');
          expect(checkInBatch(message, index + 1, path(index), signed, crypto)).not.toBe(null);
          expect(checkInBatch(message, index, path(index), { ...signed, root: turned(signed.root, bit % 256) }, crypto)).not.toBe(
            null,
          );
          expect(reason(verifyRoot({ ...signed, root: turned(signed.root, bit % 256) }, realm.ring, T0))).toBe('bad-signature');
          expect(reason(verifyRoot({ ...signed, size: signed.size + 1 }, realm.ring, T0))).toBe('bad-signature');
          expect(reason(verifyRoot({ ...signed, keyId: eve.id }, realm.ring, T0))).toBe('bad-signature');
        },
      ),
      { numRuns: 40 },
    );
  });

  it('has a bound, and a root or a leaf of other batches is none of its messages', () => {
    expect(() => signBatch([], ada, crypto)).toThrow('1 to');
    expect(() =>
      signBatch(
        Array.from({ length: BATCH_MAX + 1 }, () => new Uint8Array(0)),
        ada,
        crypto,
      ),
    ).toThrow('1 to');
    const { signed, path } = signBatch([utf8('a'), utf8('b'), utf8('c')], ada, crypto);
    expect(verifyRoot({ ...signed, size: 0 }, realm.ring, T0)).not.toBe(null);
    expect(checkInBatch(Uint8Array.of(...path(0)[0]!, ...path(0)[1]!), 0, [], { ...signed, size: 1 }, crypto)).not.toBe(null);
  });
});
