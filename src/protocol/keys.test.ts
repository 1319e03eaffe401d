import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, utf8 } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { isPrincipal, KeyChain, SeedSigner, type SigningContext, verifyIn } from './keys.ts';

const { crypto } = await openCrypto();
const SEED = new Uint8Array(32).fill(7);
const HOST = 'host:test/aaaaaaaaaaaa';
const AGENT = 'agent:test/a';
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
      [HOST, AGENT, 'agent:test/b'].flatMap((name) => [0, 1, 256].map((generation) => hex(chain.key(name, generation).id)));
    const first = ids(new KeyChain(SEED, crypto));
    expect(ids(new KeyChain(SEED, crypto))).toEqual(first);
    expect(new Set([...first, ...ids(new KeyChain(new Uint8Array(32).fill(8), crypto))]).size).toBe(18);
  });

  it('follow from the seed as the module says, byte for byte', () => {
    const { id, publicKey } = new KeyChain(SEED, crypto).key(AGENT, 3);
    const seed = crypto.derive(SEED, utf8('skein/key/1'), Uint8Array.of(0, 0, 0, 3, ...utf8(AGENT)), 32);
    expect(publicKey).toEqual(crypto.keyPair(seed).publicKey);
    expect(hex(id)).toBe(createHash('sha256').update(publicKey).digest('hex').slice(0, 32));
  });

  it('sign nothing once they were wiped, and the seed that was handed in is not touched', () => {
    const chain = new KeyChain(SEED, crypto);
    const key = chain.key(HOST, 0);
    chain.wipe();
    expect(() => key.sign('frame', SEED)).toThrow('signs nothing any more');
    expect(() => chain.key(HOST, 0)).toThrow('was wiped');
    expect(SEED[0]).toBe(7);
  });

  it('are given only to names that hosts and agents have, in generations that fit', () => {
    const chain = new KeyChain(SEED, crypto);
    for (const name of ['a', 'agent:', 'agent:a b', 'agent:ä', `agent:${'x'.repeat(250)}`]) {
      expect(() => chain.key(name, 0)).toThrow('no name that a key could have');
    }
    expect(isPrincipal(`agent:${'x'.repeat(249)}`)).toBe(true);
    for (const generation of [-1, 0.5, 2 ** 32]) expect(() => chain.key(HOST, generation)).toThrow('no u32');
  });
});

describe('a signature', () => {
  it('holds in its own meaning, for its own bytes and key, and in no other', () => {
    const [key, other] = [1, 2].map((fill) => new SeedSigner(new Uint8Array(32).fill(fill), crypto));
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(...CONTEXTS),
        fc.constantFrom(...CONTEXTS),
        (bytes, as, read) => {
          const signature = key!.sign(as, bytes);
          expect(verifyIn(read, bytes, signature, key!.publicKey, crypto)).toBe(as === read);
          expect(verifyIn(as, bytes, signature, other!.publicKey, crypto)).toBe(false);
          expect(verifyIn(as, Uint8Array.of(...bytes, 0), signature, key!.publicKey, crypto)).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('covers its meaning and the hash of the bytes, as the module says', () => {
    const seed = new Uint8Array(32).fill(1);
    const bytes = utf8('some bytes');
    const covered = Uint8Array.of(...utf8('skein/frame/1'), 0, ...crypto.hash(bytes));
    expect(new SeedSigner(seed, crypto).sign('frame', bytes)).toEqual(crypto.sign(seed, covered));
  });
});
