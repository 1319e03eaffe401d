/** A realm for tests of identity: one authority, members with keys from small numbers, real primitives. */
import { utf8 } from '../../src/kernel/index.ts';
import {
  admitMember,
  type Crypto,
  Handshake,
  type HandshakeSelf,
  KEY_LIFE_MAX,
  KeyRing,
  type Session,
  SeedSigner,
  type Signer,
} from '../../src/protocol/index.ts';

export const T0 = 1_800_000_000_000;

/** A seed of its own for every u32. */
export function seedOf(number: number): Uint8Array {
  const seed = new Uint8Array(32).fill(number);
  new DataView(seed.buffer).setUint32(0, number);
  return seed;
}
export const hostName = (host: string): string => `host:test/${host}`;
export const A = 'aaaaaaaaaaaa';
export const B = 'bbbbbbbbbbbb';

export interface Realm {
  readonly crypto: Crypto;
  readonly authority: Signer;
  readonly ring: KeyRing;
  /** Admitted at T0, active at once. */
  readonly member: (name: string, fill: number) => Signer;
}

export function makeRealm(crypto: Crypto): Realm {
  const authority = new SeedSigner(seedOf(255), crypto);
  const ring = new KeyRing([{ name: 'operator:test/root', publicKey: authority.publicKey }], crypto);
  return {
    crypto,
    authority,
    ring,
    member(name, fill) {
      const key = new SeedSigner(seedOf(fill), crypto);
      const record = admitMember({ member: name, from: T0, until: T0 + KEY_LIFE_MAX, key }, authority);
      const refused = ring.apply(record, T0);
      if (refused !== null) throw new Error(refused.detail);
      return key;
    },
  };
}

export function selfOf({ crypto, ring }: Realm, host: string, key: Signer, change: Partial<HandshakeSelf> = {}): HandshakeSelf {
  return { crypto, ring, name: hostName(host), key, contracts: crypto.hash(utf8(`contracts of ${host}`)), ...change };
}

/** Both ends of a new session. */
export function connect(
  left: HandshakeSelf,
  right: HandshakeSelf,
  now: number,
  fills: readonly [number, number],
): [Session, Session] {
  const { handshake, hello } = Handshake.initiate(left, right.name, seedOf(fills[0]), now);
  const responder = Handshake.respond(right, seedOf(fills[1]), now);
  const heard = responder.receive(hello, now);
  if (!heard.ok) throw new Error(heard.refusal.detail);
  const answered = handshake.receive(heard.send!, now);
  if (!answered.ok) throw new Error(answered.refusal.detail);
  const done = responder.receive(answered.send!, now);
  if (!done.ok) throw new Error(done.refusal.detail);
  return [answered.session!, done.session!];
}

export function turned(from: Uint8Array, bit: number): Uint8Array {
  const out = from.slice();
  out[(bit >> 3) % out.length]! ^= 1 << (bit & 7);
  return out;
}
