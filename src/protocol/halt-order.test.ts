import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Crypto } from './crypto.ts';
import { type HaltAuthority, HaltLog, type HaltOrder, RESUME_LIFE, signHaltOrder, type SignedHaltOrder } from './halt-order.ts';
import { SeedSigner } from './keys.ts';
import { hex } from '../kernel/index.ts';

const PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex');
const PUBLIC = Buffer.from('302a300506032b6570032100', 'hex');
const never = (): never => {
  throw new Error('not needed here');
};
const secret = (seed: Uint8Array): ReturnType<typeof createPrivateKey> =>
  createPrivateKey({ key: Buffer.concat([PRIVATE, seed]), format: 'der', type: 'pkcs8' });
const primitives: Crypto = {
  hash: (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest()),
  mac: never,
  keyPair: (seed) => ({
    publicKey: new Uint8Array(createPublicKey(secret(seed)).export({ format: 'der', type: 'spki' }).subarray(-32)),
    secretKey: seed,
  }),
  sign: (key, bytes) => new Uint8Array(sign(null, bytes, secret(key))),
  verify: (key, bytes, proof) =>
    verify(null, bytes, createPublicKey({ key: Buffer.concat([PUBLIC, key]), format: 'der', type: 'spki' }), proof),
  agreementKeyPair: never,
  agree: never,
  derive: never,
};

const signer = (n: number): SeedSigner => new SeedSigner(new Uint8Array(32).fill(n), primitives);
const [risk, compliance, stranger] = [signer(1), signer(2), signer(9)];
const TWO: HaltAuthority = {
  signers: [
    { role: 'risk', publicKey: hex(risk.publicKey) },
    { role: 'compliance', publicKey: hex(compliance.publicKey) },
    { role: 'compliance', publicKey: hex(risk.publicKey) }, // one person with both roles is still one
  ],
  resumeNeeds: 2,
};
const AT = 1_000_000;

const halt = (epoch: number, scope = 'run/1', level: HaltOrder['level'] = 'HALTED'): HaltOrder => ({
  epoch,
  scope,
  kind: 'halt',
  level,
  names: null,
  share: 0,
  by: 'operator:r/ann',
  reason: 'drill',
  at: AT,
});
const resume = (epoch: number, names: number, scope = 'run/1'): HaltOrder => ({
  ...halt(epoch, scope),
  kind: 'resume',
  level: null,
  names,
  share: 10,
});
const stage = (epoch: number, names: number, share: number): HaltOrder => ({ ...resume(epoch, names), kind: 'stage', share });
const by = (order: HaltOrder, ...who: (readonly [string, SeedSigner])[]): SignedHaltOrder => ({
  order,
  signatures: who.map(([role, key]) => signHaltOrder(order, role, key)),
});
const both = (order: HaltOrder): SignedHaltOrder => by(order, ['risk', risk], ['compliance', compliance]);
const one = (order: HaltOrder): SignedHaltOrder => by(order, ['risk', risk]);
const halted = (): HaltLog => {
  const log = new HaltLog(TWO, primitives);
  expect(log.admit(one(halt(1)), AT)).toBe(null);
  return log;
};

describe('a halt is easy, a resume is hard', () => {
  it('halts by any one authorised signer and by nobody else', () => {
    const log = halted();
    expect(log.inForce(['run/1']).map(({ level }) => level)).toEqual(['HALTED']);
    expect(log.admit(by(halt(2), ['risk', stranger]), AT)).toMatchObject({ reason: 'bad-signature' });
    expect(log.admit({ order: halt(2), signatures: [] }, AT)).toMatchObject({ reason: 'bad-signature' });
    const [signed] = one(halt(2)).signatures;
    expect(log.admit({ order: halt(2, 'global'), signatures: [signed!] }, AT)).toMatchObject({ reason: 'bad-signature' });
  });

  it('resumes by m roles of different people only, once, while the signatures are fresh', () => {
    const log = halted();
    expect(log.admit(one(resume(2, 1)), AT)).toMatchObject({ reason: 'denied', detail: expect.stringContaining('2 roles') });
    const alone = by(resume(2, 1), ['risk', risk], ['compliance', risk]);
    expect(log.admit(alone, AT)).toMatchObject({ reason: 'denied' });
    expect(log.admit(both(resume(2, 1)), AT + RESUME_LIFE + 1)).toMatchObject({ reason: 'expired' });
    expect(log.admit(both(resume(2, 1)), AT)).toBe(null);
    expect(log.inForce(['run/1'])).toEqual([]);
    expect(log.admit(both(resume(3, 1)), AT)).toMatchObject({ reason: 'duplicate' });
  });

  it('names one halt of the same scope: never a wider one, never one that killed, never one that is not there', () => {
    const log = halted();
    expect(log.admit(both(resume(2, 1, 'global')), AT)).toMatchObject({ reason: 'denied' });
    expect(log.admit(both(resume(2, 7)), AT)).toMatchObject({ reason: 'not-found' });
    expect(log.admit(one(halt(2, 'run/1', 'KILLED')), AT)).toBe(null);
    expect(log.admit(both(resume(3, 2)), AT)).toMatchObject({ reason: 'denied', detail: expect.stringContaining('for ever') });
  });

  it('refuses an old resume: it names its epoch and another halt', () => {
    const log = halted();
    const old = both(resume(2, 1));
    expect(log.admit(old, AT)).toBe(null);
    expect(log.admit(one(halt(3)), AT)).toBe(null);
    expect(log.admit(old, AT)).toMatchObject({ reason: 'conflict' });
    expect(log.inForce(['run/1'])).toHaveLength(1);
  });

  it('goes 10, 50, 100 after a resume, in this order and by one signer', () => {
    const log = halted();
    expect(log.admit(one(stage(2, 1, 50)), AT)).toMatchObject({ reason: 'denied' });
    expect(log.admit(both(resume(2, 1)), AT)).toBe(null);
    expect(log.stage(['run/1'])).toEqual({ share: 10, names: 1 });
    expect(log.admit(one(stage(3, 1, 100)), AT)).toMatchObject({ reason: 'denied' });
    expect(log.admit(one(stage(3, 1, 50)), AT)).toBe(null);
    expect(log.admit(one(stage(4, 1, 100)), AT)).toBe(null);
    expect(log.stage(['run/1'])).toEqual({ share: 100, names: null });
  });

  it('halts everything for an order that cannot be believed', () => {
    const log = new HaltLog(TWO, primitives);
    log.distrust(1, 'row 1 was changed', AT);
    expect(log.inForce(['global'])).toMatchObject([{ level: 'HALTED', order: { by: 'the halt record' } }]);
  });

  it('after any orders holds every halt that no sufficient resume named', () => {
    const step = fc.record({
      kind: fc.constantFrom('halt', 'halt', 'one', 'both'),
      scope: fc.constantFrom('global', 'run/1'),
      names: fc.integer({ min: 1, max: 6 }),
      skew: fc.constantFrom(0, 0, 0, -1, 1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const log = new HaltLog(TWO, primitives);
        const live = new Map<number, string>();
        for (const { kind, scope, names, skew } of steps) {
          const epoch = log.epoch + 1 + skew;
          if (kind === 'halt') {
            const taken = log.admit(one(halt(epoch, scope)), AT) === null;
            expect(taken).toBe(skew === 0);
            if (taken) live.set(epoch, scope);
          } else {
            const order = resume(epoch, names, scope);
            const taken = log.admit(kind === 'both' ? both(order) : one(order), AT) === null;
            expect(taken).toBe(kind === 'both' && skew === 0 && live.get(names) === scope);
            if (taken) live.delete(names);
          }
          const held = log.inForce(['global', 'run/1']).map(({ order }) => order.epoch);
          expect(held.toSorted((a, b) => a - b)).toEqual([...live.keys()].toSorted((a, b) => a - b));
        }
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
