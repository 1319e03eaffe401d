import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A, B, hostName, makeRealm, type Realm, seedOf, T0, turned } from '../../test/protocol/realm.ts';
import { utf8 } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { KEY_LIFE_MAX, KEY_OVERLAP, KEY_ROTATION, KeyRing, type KeyState, SKEW, TTL_MAX } from './key-ring.ts';
import { SeedSigner, type Signer } from './keys.ts';
import { admitMember, grantAdmission, requestAdmission, revokeKey, succeedKey } from './membership.ts';

const { crypto } = await openCrypto();
const NAME = hostName(A);
const BYTES = utf8('a frame');
const until = (from: number): number => from + KEY_LIFE_MAX;
const fresh = (fill: number): Signer => new SeedSigner(seedOf(fill), crypto);

function setUp(): Realm & { readonly key: Signer } {
  const realm = makeRealm(crypto);
  return { ...realm, key: realm.member(NAME, 1) };
}

const verify = (ring: KeyRing, key: Signer, at: number): string | null =>
  ring.verify(key.id, 'frame', BYTES, key.sign('frame', BYTES), at)?.reason ?? null;

describe('a key in the ring', () => {
  it('is pending, active and verify-only in turn, and old times keep their answer', () => {
    const { ring, key } = setUp();
    const next = fresh(2);
    const change = T0 + KEY_ROTATION;
    const record = succeedKey({ member: NAME, from: change, until: until(change), key: next }, key);
    expect(ring.apply(record, change - 3_600_000)).toBe(null);
    const states = (of: Signer): readonly (KeyState | undefined)[] =>
      [T0 - 1, T0, change - 1, change, change + KEY_LIFE_MAX - 1, change + KEY_LIFE_MAX].map(
        (time) => ring.keyAt(of.id, time)?.state,
      );
    expect(states(key)).toEqual(['pending', 'active', 'active', 'verify-only', 'verify-only', 'verify-only']);
    expect(states(next)).toEqual(['pending', 'pending', 'pending', 'active', 'active', 'verify-only']);
    expect(ring.keyAt(fresh(99).id, T0)).toBe(null);
  });

  it('is believed from the skew before its time to the overlap after it, and at no other', () => {
    const { ring, key } = setUp();
    const end = T0 + KEY_LIFE_MAX;
    expect(
      [T0 - SKEW - 1, T0 - SKEW, T0, end, end + KEY_OVERLAP - 1, end + KEY_OVERLAP].map((at) => verify(ring, key, at)),
    ).toEqual(['bad-signature', null, null, null, null, 'expired']);
    expect(KEY_OVERLAP).toBeGreaterThanOrEqual(TTL_MAX + SKEW);
    expect(() => new KeyRing([], crypto, TTL_MAX + SKEW - 1)).toThrow('loses messages');
  });

  it('begins something new only while it is active, give or take the skew', () => {
    const { ring, key } = setUp();
    const end = T0 + KEY_LIFE_MAX;
    const answers = [T0 - SKEW - 1, T0 - SKEW, end + SKEW - 1, end + SKEW].map((at) => ring.isActive(key.id, at));
    expect(answers).toEqual([false, true, true, false]);
    expect(ring.isActive(fresh(9).id, T0)).toBe(false);
  });

  it('is not believed any more from the moment since which an authority revokes it, also for what is past', () => {
    const { ring, key, authority } = setUp();
    const since = T0 + 5000;
    const record = revokeKey({ member: NAME, from: since, about: key.id }, authority);
    expect(ring.apply(record, T0 + 90_000)).toBe(null);
    expect([verify(ring, key, since - 1), verify(ring, key, since), verify(ring, key, T0 + 90_000)]).toEqual([
      null,
      'bad-signature',
      'bad-signature',
    ]);
    expect(ring.keyAt(key.id, since - 1)?.state).toBe('active');
    const later = revokeKey({ member: NAME, from: T0 + 50_000, about: key.id }, authority);
    expect(ring.apply(later, T0 + 100_000)?.reason).toBe('duplicate'); // never taken back
    expect(ring.keyAt(key.id, since)?.state).toBe('revoked');
  });

  it('can be given up by its member, but what it has said stays said', () => {
    const { ring, key } = setUp();
    const at = T0 + 10_000;
    expect(ring.apply(revokeKey({ member: NAME, from: T0, about: key.id }, key), at)).toBe(null);
    expect(ring.keyAt(key.id, at - 1)?.state).toBe('active');
    expect(ring.keyAt(key.id, at)?.state).toBe('revoked');
  });

  it('does not begin before its record is in the log, whatever the record says', () => {
    const { ring, authority } = setUp();
    const key = fresh(3);
    const record = admitMember({ member: hostName(B), from: T0, until: until(T0), key }, authority);
    expect(ring.apply(record, T0 + 60_000)).toBe(null);
    expect(ring.keyAt(key.id, T0 + 59_999)?.state).toBe('pending');
    expect(ring.keyAt(key.id, T0 + 60_000)?.state).toBe('active');
  });
});

describe('a membership record', () => {
  const refusalOf = (ring: KeyRing, record: Uint8Array, at = T0): string | null => ring.apply(record, at)?.reason ?? null;

  it('is refused with any bit turned or byte missing, and leaves the ring as it was', () => {
    const { ring, key, authority } = setUp();
    const next = fresh(2);
    const records = [
      admitMember({ member: hostName(B), from: T0, until: until(T0), key: next }, authority),
      succeedKey({ member: NAME, from: T0 + 1, until: until(T0), key: next }, key),
      revokeKey({ member: NAME, from: T0, about: key.id }, authority),
    ];
    for (const record of records) {
      for (let bit = 0; bit < record.length * 8; bit += 5) expect(ring.apply(turned(record, bit), T0)).not.toBe(null);
      for (let length = 0; length < record.length; length += 9) expect(ring.apply(record.subarray(0, length), T0)).not.toBe(null);
      expect(ring.apply(Uint8Array.of(...record, 0), T0)).not.toBe(null);
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => ring.apply(bytes, T0) !== null));
    expect(ring.keyAt(key.id, T0)?.state).toBe('active');
    expect(ring.memberOf(next.id)).toBe(null);
  });

  it('of an admission comes from an authority and nobody else', () => {
    const { ring, key, authority } = setUp();
    const stranger = fresh(8);
    const admit = (signer: Signer, from = T0): Uint8Array =>
      admitMember({ member: hostName(B), from, until: until(from), key: fresh(2) }, signer);
    expect(refusalOf(ring, admit(stranger))).toBe('bad-signature');
    expect(refusalOf(ring, admit(key))).toBe('denied');
    expect(refusalOf(ring, admit(authority))).toBe(null);
    expect(refusalOf(ring, admit(authority))).toBe('duplicate');
  });

  it('of an admission can be asked for from another machine: nothing until it is granted, and as if made in one place then', () => {
    const { ring, authority, key } = setUp();
    const admission = { member: hostName(B), from: T0, until: until(T0), key: fresh(2) };
    const request = requestAdmission(admission, authority.id);
    expect(refusalOf(ring, request)).toBe('bad-signature');
    const decided = { member: admission.member, publicKey: admission.key.publicKey };
    expect(grantAdmission(request, decided, key)).toBe(null);
    expect(grantAdmission(request.subarray(1), decided, authority)).toBe(null);
    expect(grantAdmission(request, { ...decided, member: NAME }, authority)).toBe(null);
    expect(grantAdmission(request, { ...decided, publicKey: key.publicKey }, authority)).toBe(null);
    expect(grantAdmission(revokeKey({ member: NAME, from: T0, about: key.id }, authority), decided, authority)).toBe(null);
    const altered = grantAdmission(turned(request, 26 * 8), decided, authority)!; // its time, on the way: the member signed another
    expect(refusalOf(ring, altered)).toBe('bad-signature');
    expect(grantAdmission(request, decided, authority)).toEqual(admitMember(admission, authority));
    expect(refusalOf(ring, grantAdmission(request, decided, authority)!)).toBe(null);
  });

  it('shows that the member holds its key: a key of somebody else cannot be claimed', () => {
    const { ring, authority } = setUp();
    const victim = fresh(2);
    const record = admitMember(
      {
        member: hostName(B),
        from: T0,
        until: until(T0),
        key: { ...victim, sign: (context, bytes) => fresh(3).sign(context, bytes) },
      },
      authority,
    );
    expect(ring.apply(record, T0)?.detail).toContain('does not hold it');
  });

  it('of a succession comes from the active key of the same member, once', () => {
    const { ring, key, authority, member } = setUp();
    const other = member(hostName(B), 4);
    const succeed = (signer: Signer, fill: number, name = NAME): Uint8Array =>
      succeedKey({ member: name, from: T0 + 10, until: until(T0), key: fresh(fill) }, signer);
    expect(refusalOf(ring, succeed(other, 5))).toBe('denied');
    expect(refusalOf(ring, succeed(key, 5, hostName(B)))).toBe('denied');
    expect(refusalOf(ring, succeed(authority, 5))).toBe('denied');
    expect(refusalOf(ring, succeed(key, 5))).toBe(null);
    expect(refusalOf(ring, succeed(key, 6))).toBe('conflict');
    expect(refusalOf(ring, succeed(key, 7), T0 + 10)).toBe('bad-signature'); // the key is verify-only by then
    expect(refusalOf(ring, succeed(fresh(5), 7))).toBe('bad-signature'); // and its successor was pending
    expect(refusalOf(ring, succeed(fresh(5), 7), T0 + 10)).toBe(null);
  });

  it('of a revocation comes from an authority or the member, about a key of that member', () => {
    const { ring, key, authority, member } = setUp();
    const other = member(hostName(B), 4);
    const revoke = (signer: Signer, about: Signer, name = NAME): Uint8Array =>
      revokeKey({ member: name, from: T0, about: about.id }, signer);
    expect(refusalOf(ring, revoke(other, key))).toBe('denied');
    expect(refusalOf(ring, revoke(authority, other))).toBe('not-found');
    expect(refusalOf(ring, revoke(authority, fresh(9)))).toBe('not-found');
    expect(refusalOf(ring, revoke(key, authority, 'operator:test/root'))).toBe('denied');
    expect(refusalOf(ring, revoke(authority, key))).toBe(null);
    expect(refusalOf(ring, revoke(authority, key))).toBe('duplicate');
    const next = succeedKey({ member: NAME, from: T0, until: until(T0), key: fresh(5) }, key);
    expect(refusalOf(ring, next)).toBe('bad-signature'); // a revoked key hands nothing over
  });

  it('gives a key no longer life than the limit', () => {
    const { ring, authority } = setUp();
    const admit = (fill: number, life: number): string | null =>
      refusalOf(ring, admitMember({ member: hostName(B), from: T0, until: T0 + life, key: fresh(fill) }, authority));
    expect([admit(2, KEY_LIFE_MAX + 1), admit(2, 0), admit(2, KEY_LIFE_MAX)]).toEqual(['invalid', 'invalid', null]);
  });
});
