/**
 * The handshake of two hosts: X25519 for the secret, Ed25519 for who is there. A machine without input or output: bytes and time
 * go in, bytes and at last a session come out. Fresh keys are drawn by the runtime and handed in as a seed of 32 bytes.
 *
 *   initiator                                        responder
 *      │ hello  versions, key id, whom, ephemeral, contracts ─▶│   nothing is believed yet
 *      │◀─ reply  version, key id, ephemeral, contracts, signature over hello and reply
 *      │ finish  signature over hello and reply, tag of the new session ─▶│
 *   session                                          session
 *
 * Both signatures cover both identities, both ephemeral keys, both lists of contracts and all versions, so that nobody can be
 * made to talk to somebody else, an older version or himself: reply and finish are signed in different meanings, and a peer with
 * our own key or ephemeral is refused. A replayed hello earns a reply that only its owner can finish. A wrong message changes
 * nothing: whoever can write on the line can delay a handshake, not end it. Sources: SIGMA (Krawczyk 2003), ISO/IEC 9798-3.
 *
 *   hello   108 B: 0 u8 1 · 1 u8 version min · 2 u8 max · 3 u8 0 · 4 u64 time ms · 12 16 B key id · 28 16 B whom (SHA-256 of the
 *                  name, first half) · 44 32 B ephemeral · 76 32 B contracts
 *   reply   188 B: 0 u8 2 · 1 u8 version · 2 u8 version min · 3 u8 max · 4 u64 time ms · 12 16 B key id · 28 32 B SHA-256 of hello
 *                  · 60 32 B ephemeral · 92 32 B contracts · 124 64 B signature over SHA-256(hello || reply to here)
 *   finish  132 B: 0 u8 3 · 1 3 B 0 · 4 32 B SHA-256 of reply · 36 64 B signature over hello || reply · 100 32 B tag over
 *                  SHA-256(hello || reply || finish to here)
 *   keys    HKDF(X25519, SHA-256(hello || reply), "skein/session/1", 104) = initiator's, responder's, tag's key, 8 B session id
 */
import { assert, concat, equalBytes, type Millis, utf8 } from '../kernel/index.ts';
import type { Crypto, KeyPair } from './crypto.ts';
import { type KeyRing, SKEW } from './key-ring.ts';
import { KEY_ID_BYTES, keyText, type Signer } from './keys.ts';
import type { Refusal } from './refusal.ts';
import { Session } from './session.ts';

const HELLO_BYTES = 108;
const REPLY_BYTES = 188;
const REPLY_SIGNED_BYTES = 124;
const FINISH_BYTES = 132;
const FINISH_TAGGED_BYTES = 100;
/** From hello to finish; longer means that a message was kept back. */
export const HANDSHAKE_LIFE: Millis = 10_000;
const INFO = utf8('skein/session/1');
/** What this build speaks. */
export const PROTOCOL_VERSIONS: { readonly min: number; readonly max: number } = { min: 1, max: 1 };

export interface HandshakeSelf {
  readonly crypto: Crypto;
  /** Who is known. A peer without an active key is refused before anything is computed. */
  readonly ring: KeyRing;
  /** This host's name and its current key. */
  readonly name: string;
  readonly key: Signer;
  /** Hash over this host's list of contracts, 32 bytes. */
  readonly contracts: Uint8Array;
  readonly versions?: { readonly min: number; readonly max: number };
}

export type HandshakeStep =
  | { readonly ok: true; readonly send: Uint8Array | null; readonly session: Session | null }
  | { readonly ok: false; readonly refusal: Refusal };

type Phase =
  | { readonly at: 'hello' }
  | { readonly at: 'reply'; readonly hello: Uint8Array; readonly peer: string }
  | { readonly at: 'finish'; readonly agreed: Agreed }
  | { readonly at: 'done' };

interface Agreed {
  readonly hello: Uint8Array;
  readonly reply: Uint8Array;
  readonly peer: string;
  readonly peerKeyId: Uint8Array;
  readonly peerContracts: Uint8Array;
  readonly version: number;
  /** Of 104 bytes: initiator's key, responder's key, tag's key, session id. */
  readonly secrets: Uint8Array;
}

export class Handshake {
  readonly #self: HandshakeSelf;
  readonly #versions: { readonly min: number; readonly max: number };
  readonly #ephemeral: KeyPair;
  readonly #began: Millis;
  #phase: Phase = { at: 'hello' };

  private constructor(self: HandshakeSelf, seed: Uint8Array, now: Millis) {
    assert(self.contracts.length === 32, `a hash of contracts has 32 bytes, not ${self.contracts.length}`);
    this.#self = self;
    this.#versions = self.versions ?? PROTOCOL_VERSIONS;
    this.#ephemeral = self.crypto.agreementKeyPair(seed);
    this.#began = now;
  }

  /** Speaks first, to the host of that name. The seed is 32 fresh bytes, never used for anything else. */
  static initiate(
    self: HandshakeSelf,
    peer: string,
    seed: Uint8Array,
    now: Millis,
  ): { readonly handshake: Handshake; readonly hello: Uint8Array } {
    const handshake = new Handshake(self, seed, now);
    const hello = new Uint8Array(HELLO_BYTES);
    hello[0] = 1;
    hello[1] = handshake.#versions.min;
    hello[2] = handshake.#versions.max;
    new DataView(hello.buffer).setBigUint64(4, BigInt(now));
    hello.set(self.key.id, 12);
    hello.set(whom(peer, self.crypto), 28);
    hello.set(handshake.#ephemeral.publicKey, 44);
    hello.set(self.contracts, 76);
    handshake.#phase = { at: 'reply', hello, peer };
    return { handshake, hello };
  }

  /** Answers one hello. */
  static respond(self: HandshakeSelf, seed: Uint8Array, now: Millis): Handshake {
    return new Handshake(self, seed, now);
  }

  /** The next message of the other side, whatever it is. A refusal leaves everything as it was; `send` may be sent again. */
  receive(bytes: Uint8Array, now: Millis): HandshakeStep {
    const phase = this.#phase;
    if (phase.at !== 'done' && now >= this.#began + HANDSHAKE_LIFE) {
      return no('expired', `the handshake began ${now - this.#began} ms ago: begin again`);
    }
    switch (phase.at) {
      case 'hello':
        return this.#hear(bytes, now);
      case 'reply':
        return this.#finish(phase.hello, phase.peer, bytes, now);
      case 'finish':
        return this.#accept(phase.agreed, bytes, now);
      case 'done':
        return no('duplicate', 'this handshake is over: a session is made once');
    }
  }

  /** The responder hears hello. */
  #hear(hello: Uint8Array, now: Millis): HandshakeStep {
    const { crypto: primitives, key, name, contracts } = this.#self;
    if (hello.length !== HELLO_BYTES || hello[0] !== 1 || hello[3] !== 0) return no('invalid', 'no hello of a handshake');
    const peerKeyId = hello.slice(12, 12 + KEY_ID_BYTES);
    const known = this.#peer(peerKeyId, hello, 44, now);
    if ('refusal' in known) return known;
    if (!equalBytes(hello.subarray(28, 44), whom(name, primitives))) {
      return no('not-for-me', `${known.peer} wants to talk to another host than ${name}`);
    }
    const version = this.#common(hello[1]!, hello[2]!);
    if (version === null) return this.#noVersion(known.peer, hello[1]!, hello[2]!);
    const shared = primitives.agree(this.#ephemeral.secretKey, hello.subarray(44, 76));
    if (shared === null) return no('bad-signature', `${known.peer} sent an ephemeral key of low order`);
    const signed = new Uint8Array(REPLY_SIGNED_BYTES);
    signed.set([2, version, this.#versions.min, this.#versions.max]);
    new DataView(signed.buffer).setBigUint64(4, BigInt(now));
    signed.set(key.id, 12);
    signed.set(primitives.hash(hello), 28);
    signed.set(this.#ephemeral.publicKey, 60);
    signed.set(contracts, 92);
    const reply = concat(signed, key.sign('handshake-reply', concat(hello, signed)));
    const secrets = this.#secrets(shared, hello, reply);
    const peerContracts = hello.slice(76, 108);
    const agreed = { hello: hello.slice(), reply, peer: known.peer, peerKeyId, peerContracts, version, secrets };
    this.#phase = { at: 'finish', agreed };
    return { ok: true, send: reply, session: null };
  }

  /** The initiator hears reply. */
  #finish(hello: Uint8Array, peer: string, reply: Uint8Array, now: Millis): HandshakeStep {
    const { crypto: primitives, ring, key } = this.#self;
    if (reply.length !== REPLY_BYTES || reply[0] !== 2) return no('invalid', `no reply of ${peer} to a handshake`);
    const peerKeyId = reply.slice(12, 12 + KEY_ID_BYTES);
    const known = this.#peer(peerKeyId, reply, 60, now);
    if ('refusal' in known) return known;
    if (known.peer !== peer) return no('bad-signature', `${known.peer} answered for ${peer}`);
    if (!equalBytes(reply.subarray(28, 60), primitives.hash(hello))) {
      return no('bad-signature', `${peer} answered to another hello`);
    }
    const covered = concat(hello, reply.subarray(0, REPLY_SIGNED_BYTES));
    const bad = ring.verify(peerKeyId, 'handshake-reply', covered, reply.subarray(REPLY_SIGNED_BYTES), now);
    if (bad !== null) return { ok: false, refusal: bad };
    const version = this.#common(reply[2]!, reply[3]!);
    if (version === null) return this.#noVersion(peer, reply[2]!, reply[3]!);
    if (reply[1] !== version) return no('bad-signature', `${peer} chose version ${reply[1]}, though both speak ${version}`);
    const shared = primitives.agree(this.#ephemeral.secretKey, reply.subarray(60, 92));
    if (shared === null) return no('bad-signature', `${peer} sent an ephemeral key of low order`);
    const secrets = this.#secrets(shared, hello, reply);
    const tagged = new Uint8Array(FINISH_TAGGED_BYTES);
    tagged[0] = 3;
    tagged.set(primitives.hash(reply), 4);
    tagged.set(key.sign('handshake-finish', concat(hello, reply)), 36);
    const finish = concat(tagged, primitives.mac(secrets.subarray(64, 96), primitives.hash(concat(hello, reply, tagged))));
    const agreed = { hello, reply, peer, peerKeyId, peerContracts: reply.slice(92, 124), version, secrets };
    return { ok: true, send: finish, session: this.#done(agreed, 'initiator', now) };
  }

  /** The responder hears finish. */
  #accept(agreed: Agreed, finish: Uint8Array, now: Millis): HandshakeStep {
    const { crypto: primitives, ring } = this.#self;
    const { hello, reply, peer, peerKeyId, secrets } = agreed;
    if (finish.length !== FINISH_BYTES || finish[0] !== 3 || (finish[1]! | finish[2]! | finish[3]!) !== 0) {
      return no('invalid', `no end of the handshake with ${peer}`);
    }
    if (!equalBytes(finish.subarray(4, 36), primitives.hash(reply)))
      return no('bad-signature', `${peer} ended another handshake`);
    const bad = ring.verify(peerKeyId, 'handshake-finish', concat(hello, reply), finish.subarray(36, FINISH_TAGGED_BYTES), now);
    if (bad !== null) return { ok: false, refusal: bad };
    const covered = primitives.hash(concat(hello, reply, finish.subarray(0, FINISH_TAGGED_BYTES)));
    if (!equalBytes(finish.subarray(FINISH_TAGGED_BYTES), primitives.mac(secrets.subarray(64, 96), covered))) {
      return no('bad-signature', `${peer} does not hold the secret of this handshake`);
    }
    return { ok: true, send: null, session: this.#done(agreed, 'responder', now) };
  }

  /** Who speaks, if that may be: known, a host, not ourselves, now. */
  #peer(
    id: Uint8Array,
    bytes: Uint8Array,
    ephemeralAt: number,
    now: Millis,
  ): { readonly peer: string } | { readonly ok: false; readonly refusal: Refusal } {
    const { ring, key, name } = this.#self;
    const peer = ring.memberOf(id);
    if (peer === null || !ring.isActive(id, now)) {
      return no('bad-signature', `key ${keyText(id)} of ${peer ?? 'nobody known here'} may not begin a session now`);
    }
    const ephemeral = bytes.subarray(ephemeralAt, ephemeralAt + 32);
    if (peer === name || equalBytes(id, key.id) || equalBytes(ephemeral, this.#ephemeral.publicKey)) {
      return no('bad-signature', `${name} was offered a session with itself`);
    }
    if (!peer.startsWith('host:')) return no('denied', `${peer} is no host: sessions are between hosts`);
    const time = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(4));
    if (Math.abs(now - time) > HANDSHAKE_LIFE + SKEW) {
      return no('expired', `${peer} wrote its part of the handshake ${now - time} ms ago: begin again`);
    }
    return { peer };
  }

  /** The highest version that both speak; null: none. */
  #common(min: number, max: number): number | null {
    const version = Math.min(this.#versions.max, max);
    return version >= Math.max(this.#versions.min, min) ? version : null;
  }

  #noVersion(peer: string, min: number, max: number): HandshakeStep {
    const own = `${this.#versions.min} to ${this.#versions.max}`;
    return no('invalid', `${peer} speaks versions ${min} to ${max}, this host ${own}: upgrade the older one`);
  }

  #secrets(shared: Uint8Array, hello: Uint8Array, reply: Uint8Array): Uint8Array {
    const { crypto: primitives } = this.#self;
    const secrets = primitives.derive(shared, primitives.hash(concat(hello, reply)), INFO, 104);
    shared.fill(0);
    return secrets;
  }

  #done(agreed: Agreed, role: 'initiator' | 'responder', now: Millis): Session {
    const { secrets, peer, peerKeyId, peerContracts, version } = agreed;
    const [initiators, responders] = [secrets.slice(0, 32), secrets.slice(32, 64)];
    const session = new Session(
      {
        id: secrets.slice(96, 104),
        peer,
        peerKeyId,
        peerContracts,
        version,
        since: now,
        sendKey: role === 'initiator' ? initiators : responders,
        receiveKey: role === 'initiator' ? responders : initiators,
      },
      this.#self.crypto,
    );
    secrets.fill(0);
    this.#ephemeral.secretKey.fill(0);
    this.#phase = { at: 'done' };
    return session;
  }
}

/** A host's name in 16 bytes. */
function whom(name: string, primitives: Crypto): Uint8Array {
  return primitives.hash(utf8(name)).slice(0, 16);
}

function no(reason: Refusal['reason'], detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason, detail } };
}
