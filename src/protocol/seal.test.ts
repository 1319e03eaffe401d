import { describe, expect, it } from 'vitest';
import { orderNumber, TABLE } from '../../test/fixtures/envelopes.ts';
import { A, B, connect, hostName, makeRealm, type Realm, selfOf, T0, turned } from '../../test/protocol/realm.ts';
import { concat, utf8 } from '../kernel/index.ts';
import { openCrypto } from '../runtime/embedded/index.ts';
import { encodeFrame, type FrameHeader, openFrame } from './frame.ts';
import type { Signer } from './keys.ts';
import { revokeKey } from './membership.ts';
import { FrameDoor, type FrameSeal, sealInSession, sealSigned } from './seal.ts';

const { crypto } = await openCrypto();

interface Sent {
  readonly claims: FrameHeader;
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
}

/** What the codec does with a seal: the header with all claims in it, then the content, then the tag over both. */
function send(seal: FrameSeal, change: Partial<FrameHeader> = {}): Sent {
  const { authentication, key, sequence } = seal;
  const claims = { authentication, key, sequence, from: A, to: B, incarnation: 1, ...change };
  const bytes = concat(utf8(JSON.stringify({ ...claims, key: [...claims.key] })), utf8('content'));
  return { claims, bytes, tag: seal.seal(bytes) };
}

function setUp(): Realm & { readonly a: Signer; readonly b: Signer; readonly door: FrameDoor } {
  const realm = makeRealm(crypto);
  const [a, b] = [realm.member(hostName(A), 1), realm.member(hostName(B), 2)];
  return { ...realm, a, b, door: new FrameDoor({ ring: realm.ring, realm: 'test', host: B }) };
}

const enter = (door: FrameDoor, { claims, bytes, tag }: Sent, now = T0): string | null =>
  door.unseal(claims, bytes, tag, now)?.reason ?? null;

describe('a frame under a host key', () => {
  it('is let in once, in any order inside the window', () => {
    const { a, door } = setUp();
    const frames = [3, 1, 2].map((sequence) => send(sealSigned(a, sequence)));
    for (const frame of frames) expect(enter(door, frame)).toBe(null);
    for (const frame of frames) expect(enter(door, frame)).toBe('duplicate');
  });

  it('is refused with a bit turned, and its number stays free for the true one', () => {
    const { a, door } = setUp();
    const frame = send(sealSigned(a, 1));
    for (let bit = 0; bit < frame.bytes.length * 8; bit += 7) {
      expect(enter(door, { ...frame, bytes: turned(frame.bytes, bit) })).toBe('bad-signature');
    }
    for (let bit = 0; bit < 512; bit += 5) expect(enter(door, { ...frame, tag: turned(frame.tag, bit) })).toBe('bad-signature');
    expect(enter(door, frame)).toBe(null);
  });

  it('is refused when its key belongs to another host, is unknown or was revoked, or when it is for somebody else', () => {
    const { a, b, ring, authority, door } = setUp();
    expect(enter(door, send(sealSigned(b, 1)))).toBe('bad-signature');
    expect(enter(door, send({ ...sealSigned(a, 1), key: new Uint8Array(16) }))).toBe('bad-signature');
    expect(enter(door, send(sealSigned(a, 1), { to: 'cccccccccccc' }))).toBe('not-for-me');
    expect(enter(door, send(sealSigned(a, 1), { authentication: 'stub' }))).toBe('bad-signature');
    expect(ring.apply(revokeKey({ member: hostName(A), from: T0 + 5, about: a.id }, authority), T0 + 5)).toBe(null);
    expect(enter(door, send(sealSigned(a, 1)), T0 + 4)).toBe(null);
    expect(enter(door, send(sealSigned(a, 2)), T0 + 5)).toBe('bad-signature');
  });

  it('counts anew in each incarnation and for everybody, and an incarnation that is over does not come back', () => {
    const { a, door } = setUp();
    const frame = (incarnation: number, to: string | null = B): Sent => send(sealSigned(a, 1), { incarnation, to });
    expect([1, 2, 2, 1, 3].map((incarnation) => enter(door, frame(incarnation)))).toEqual([
      null,
      null,
      'duplicate',
      'duplicate',
      null,
    ]);
    expect([1, 2, 3].map((incarnation) => enter(door, frame(incarnation)))).toEqual(['duplicate', 'duplicate', 'duplicate']);
    expect([enter(door, frame(3, null)), enter(door, frame(3, null))]).toEqual([null, 'duplicate']);
  });
});

describe('a frame in a session', () => {
  const sessions = (realm: ReturnType<typeof setUp>, fills: [number, number] = [10, 11]): ReturnType<typeof connect> =>
    connect(selfOf(realm, A, realm.a), selfOf(realm, B, realm.b), T0, fills);

  it('is let in once, by the door that knows the session', () => {
    const realm = setUp();
    const [left, right] = sessions(realm);
    const frame = send(sealInSession(left, T0)!);
    expect(enter(realm.door, frame)).toBe('unavailable');
    expect(realm.door.add(right)).toBe(null);
    expect([enter(realm.door, frame), enter(realm.door, frame)]).toEqual([null, 'duplicate']);
  });

  it('is refused from another host, for everybody, or back where it came from', () => {
    const realm = setUp();
    const [left, right] = sessions(realm);
    realm.door.add(right);
    const other = new FrameDoor({ ring: realm.ring, realm: 'test', host: A });
    other.add(left);
    expect(enter(realm.door, send(sealInSession(left, T0)!, { from: 'cccccccccccc' }))).toBe('bad-signature');
    expect(enter(realm.door, send(sealInSession(left, T0)!, { to: null }))).toBe('bad-signature');
    expect(enter(other, send(sealInSession(left, T0)!, { from: B, to: A }))).toBe('bad-signature');
  });

  it('still arrives after the next handshake, and not after the one after that', () => {
    const realm = setUp();
    const pairs = [10, 20, 30].map((fill) => sessions(realm, [fill, fill + 1]));
    const frames = pairs.map(([left]) => send(sealInSession(left, T0)!));
    realm.door.add(pairs[0]![1]);
    realm.door.add(pairs[1]![1]);
    expect(enter(realm.door, frames[0]!)).toBe(null);
    realm.door.add(pairs[2]![1]);
    expect(enter(realm.door, send(sealInSession(pairs[0]![0], T0)!))).toBe('unavailable');
    expect([enter(realm.door, frames[1]!), enter(realm.door, frames[2]!)]).toEqual([null, null]);
  });

  it('is refused as soon as the key that its sender showed is revoked', () => {
    const realm = setUp();
    const [left, right] = sessions(realm);
    realm.door.add(right);
    expect(enter(realm.door, send(sealInSession(left, T0)!))).toBe(null);
    const record = revokeKey({ member: hostName(A), from: T0, about: realm.a.id }, realm.authority);
    expect(realm.ring.apply(record, T0)).toBe(null);
    expect(enter(realm.door, send(sealInSession(left, T0)!))).toBe('bad-signature');
  });
});

describe('a frame of the codec', () => {
  it('goes through the door under a signature and in a session, and not with one bit turned or one byte fewer', () => {
    const realm = setUp();
    const [left, right] = connect(selfOf(realm, A, realm.a), selfOf(realm, B, realm.b), T0, [10, 11]);
    realm.door.add(right);
    const messages = Array.from({ length: 20 }, (_, i) => orderNumber(i));
    for (const { seal, ...signed } of [sealSigned(realm.a, 1), sealInSession(left, T0)!]) {
      const made = encodeFrame({ ...signed, from: A, to: B, incarnation: 1 }, messages, TABLE, seal);
      if (!made.ok) throw new Error(made.refusal.detail);
      const frame = made.value;
      const opened = (bytes: Uint8Array) =>
        openFrame(bytes, TABLE, (header, covered, tag) => realm.door.unseal(header, covered, tag, T0));
      for (let bit = 0; bit < 64 * 8; bit++) expect(opened(turned(frame, bit)).ok).toBe(false);
      for (let bit = 64 * 8; bit < frame.length * 8; bit += 97) expect(opened(turned(frame, bit)).ok).toBe(false);
      for (let length = 0; length < frame.length; length += 61) expect(opened(frame.subarray(0, length)).ok).toBe(false);
      expect(opened(frame)).toMatchObject({ ok: true, value: { messages: { length: 20 } } });
      expect(opened(frame)).toMatchObject({ ok: false, refusal: { reason: 'duplicate' } });
    }
  });
});
