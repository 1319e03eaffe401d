import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, hostName, makeRealm, T0, turned } from '../../test/protocol/realm.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import {
  CERTIFICATE_BYTES_MAX,
  CERTIFICATE_LIFE_MAX,
  type Delegation,
  issueCertificate,
  needsOwnSignature,
  openCertificate,
  speaksFor,
} from './certificate.ts';
import type { ContractKind } from './contract.ts';
import { revokeKey } from './membership.ts';

const { crypto } = await openCrypto();
const realm = makeRealm(crypto);
const AGENT = 'agent:test/ada';
const key = realm.member(AGENT, 1);
const hostKey = realm.member(hostName(A), 2);
const DELEGATION: Delegation = { agent: AGENT, host: hostName(A), kinds: ['intent', 'event'], from: T0, until: T0 + 3_600_000 };
const certificate = issueCertificate(DELEGATION, key);

describe('a delegation certificate', () => {
  it('says after the journey what was said before it', () => {
    const kinds = fc.subarray<ContractKind>(['intent', 'event', 'state', 'audit', 'dlq'], { minLength: 1 });
    fc.assert(
      fc.property(kinds, fc.nat(1_000_000), fc.integer({ min: 1, max: CERTIFICATE_LIFE_MAX }), (some, later, life) => {
        const delegation = { ...DELEGATION, kinds: some, from: T0 + later, until: T0 + later + life };
        const bytes = issueCertificate(delegation, key);
        expect(bytes.length).toBeLessThanOrEqual(CERTIFICATE_BYTES_MAX);
        expect(openCertificate(bytes, realm.ring, T0)).toEqual({ ok: true, delegation });
      }),
      { numRuns: 40 },
    );
  });

  it('is refused with any bit turned, any byte more or less, and never makes its reader throw', () => {
    for (let bit = 0; bit < certificate.length * 8; bit += 3) {
      expect(openCertificate(turned(certificate, bit), realm.ring, T0).ok).toBe(false);
    }
    for (let length = 0; length < certificate.length; length += 7) {
      expect(openCertificate(certificate.subarray(0, length), realm.ring, T0).ok).toBe(false);
    }
    expect(openCertificate(Uint8Array.of(...certificate, 0), realm.ring, T0).ok).toBe(false);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => !openCertificate(bytes, realm.ring, T0).ok));
  });

  it('is refused when somebody else signs for the agent, an unknown or a revoked one included', () => {
    for (const other of [hostKey, realm.authority]) {
      const forged = issueCertificate(DELEGATION, other);
      expect(openCertificate(forged, realm.ring, T0)).toMatchObject({ ok: false, refusal: { reason: 'bad-signature' } });
    }
    const own = makeRealm(crypto);
    expect(openCertificate(certificate, own.ring, T0)).toMatchObject({ refusal: { reason: 'bad-signature' } });
    const member = own.member(AGENT, 1);
    expect(openCertificate(certificate, own.ring, T0).ok).toBe(true);
    expect(own.ring.apply(revokeKey({ member: AGENT, from: T0, about: member.id }, own.authority), T0)).toBe(null);
    expect(openCertificate(certificate, own.ring, T0)).toMatchObject({ refusal: { reason: 'bad-signature' } });
  });

  it('lasts a day at most', () => {
    const of = (life: number) => (): Uint8Array => issueCertificate({ ...DELEGATION, until: T0 + life }, key);
    expect(of(CERTIFICATE_LIFE_MAX)).not.toThrow();
    expect(of(CERTIFICATE_LIFE_MAX + 1)).toThrow('a certificate lasts');
    expect(of(0)).toThrow('a certificate lasts');
  });

  it('lets the host say what it names, for whom it names, in its time and the skew around it', () => {
    const said = { agent: AGENT, host: hostName(A), kind: 'intent' } as const;
    const reason = (change: object, now: number): string | undefined =>
      speaksFor(DELEGATION, { ...said, ...change }, now)?.reason;
    expect(reason({}, T0)).toBe(undefined);
    expect(reason({ kind: 'audit' }, T0)).toBe('denied');
    expect(reason({ host: hostName(B) }, T0)).toBe('bad-signature');
    expect(reason({ agent: 'agent:test/eve' }, T0)).toBe('bad-signature');
    expect(reason({}, T0 - 2000)).toBe(undefined);
    expect(reason({}, T0 - 2001)).toBe('bad-signature');
    expect(reason({}, DELEGATION.until + 1999)).toBe(undefined);
    expect(reason({}, DELEGATION.until + 2000)).toBe('expired');
  });

  it('does not cover intents with a risk, nor what has to be signed by itself', () => {
    expect(needsOwnSignature({ kind: 'intent', risk: 'gated', signing: 'frame' })).toBe(true);
    expect(needsOwnSignature({ kind: 'event', risk: 'open', signing: 'each' })).toBe(true);
    expect(needsOwnSignature({ kind: 'intent', risk: 'open', signing: 'session' })).toBe(false);
    expect(needsOwnSignature({ kind: 'state', risk: 'gated', signing: 'frame' })).toBe(false);
  });
});
