import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { isPrincipal, KeyChain, type SigningContext, signingKey, signIn, verifyIn } from './keys.ts';

const { crypto } = await openCrypto();
const SEED = new Uint8Array(32).fill(7);
const CONTEXTS: readonly SigningContext[] = [
  'frame',
  'message',
  'batch',
  'certificate',
  'membership',
  'possession',
  'handshake-reply',
  'handshake-finish',
];

describe('keys from one seed', () => {
  it('are the same after a restart, and different for every host, agent and generation', () => {
    const ids = (chain: KeyChain): string[] =>
      [
        chain.host(),
        chain.host(1),
        chain.agent('agent:test/a'),
        chain.agent('agent:test/b'),
        chain.agent('agent:test/a', 1),
        chain.agent('agent:test/host'),
      ].map(({ id }) => hex(id));
    const first = ids(new KeyChain(SEED, 0, crypto));
    expect(ids(new KeyChain(SEED, 0, crypto))).toEqual(first);
    expect(new Set([...first, ...ids(new KeyChain(new Uint8Array(32).fill(8), 0, crypto))])).toHaveProperty('size', 12);
  });

  it('are named by the first half of the SHA-256 of their public part', () => {
    const { id, publicKey } = new KeyChain(SEED, 0, crypto).host();
    expect(hex(id)).toBe(createHash('sha256').update(publicKey).digest('hex').slice(0, 32));
  });

  it('follow from the seed as the module says, byte for byte', () => {
    const info = Uint8Array.of(...utf8('agent'), 0, 0, 0, 3, ...utf8('agent:test/a'));
    const seed = crypto.derive(SEED, utf8('skein/key/1'), info, 32);
    expect(new KeyChain(SEED, 3, crypto).agent('agent:test/a')).toEqual(signingKey(seed, crypto));
  });

  it('become those of the next generation by a rotation', () => {
    const chain = new KeyChain(SEED, 4, crypto);
    const next = [chain.host(5), chain.agent('agent:test/a', 5)];
    chain.advance();
    expect([chain.host(), chain.agent('agent:test/a')]).toEqual(next);
    expect(chain.generation).toBe(5);
  });

  it('are zeros once they were wiped, and the seed that was handed in is not touched', () => {
    const chain = new KeyChain(SEED, 0, crypto);
    const { secretKey } = chain.host();
    chain.wipe();
    expect(secretKey).toEqual(new Uint8Array(32));
    expect(SEED[0]).toBe(7);
  });

  it('are given to agents only by a name that agents have', () => {
    const chain = new KeyChain(SEED, 0, crypto);
    for (const name of ['host:test/a', 'agent:', 'agent:a b', `agent:${'x'.repeat(250)}`]) {
      expect(() => chain.agent(name)).toThrow('no name of an agent');
    }
    expect(isPrincipal(`agent:${'x'.repeat(249)}`)).toBe(true);
  });
});

describe('a signature', () => {
  it('holds in its own meaning, for its own bytes and key, and in no other', () => {
    const keys = [1, 2].map((fill) => signingKey(new Uint8Array(32).fill(fill), crypto));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...CONTEXTS),
        fc.constantFrom(...CONTEXTS),
        (bytes, as, read) => {
          const signature = signIn(as, bytes, keys[0]!, crypto);
          expect(verifyIn(read, bytes, signature, keys[0]!.publicKey, crypto)).toBe(as === read);
          expect(verifyIn(as, bytes, signature, keys[1]!.publicKey, crypto)).toBe(false);
          expect(verifyIn(as, Uint8Array.of(...bytes, 0), signature, keys[0]!.publicKey, crypto)).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });
});
