/**
 * The real codec on the simulated network. Frames between hosts travel in a session: made by a handshake, under a MAC, each accepted
 * once, gone with the process that held it. What callers say or hear is signed. Dear beside frozen envelopes, so that few seeds run
 * it: it shows that both are the same. The primitives are handed in, and so decide whether signatures and keys are real as well.
 * A handshake takes no time here: who sees a connection break has a new one at once.
 */
import { assert, hex, type Millis, type Random, utf8 } from '../../kernel/index.ts';
import {
  agreeOnContracts,
  type Contract,
  type Crypto,
  encodeFrame,
  type Envelope,
  type FrameHeader,
  Handshake,
  type HandshakeSelf,
  KeyRing,
  openFrame,
  type Seal,
  SeedSigner,
  type Session,
  type Unseal,
  verifyIn,
} from '../../protocol/index.ts';
import type { Wire } from './network.ts';

const NOT_A_HOST = '000000000000'; // callers have addresses that are no hosts'
const NOW: Millis = 0; // sessions of a run shorter than an hour do not grow old

interface Peer {
  readonly key: SeedSigner;
  /** Null for who is no host. */
  readonly host: string | null;
  /** Frames that it signed. */
  signed: number;
  /** By whom it speaks to, and by session id for what it hears. */
  readonly speaks: Map<string, Session>;
  readonly hears: Map<string, Session>;
}

/** `contracts` = everything that is said; a message of another contract cannot be sealed. */
export function codecWire(crypto: Crypto, contracts: readonly Contract[]): Wire {
  const agreed = agreeOnContracts(contracts, contracts);
  assert(agreed.ok, 'a fleet agrees with itself on its contracts');
  const table = agreed.value;
  const contractsHash = crypto.hash(utf8(contracts.map(({ hash }) => hash).join()));
  const peers = new Map<string, Peer>();
  const keys = new Map<string, SeedSigner>();
  let handshakes = 0;

  const peerOf = (address: string): Peer => {
    let peer = peers.get(address);
    if (peer !== undefined) return peer;
    const key = new SeedSigner(crypto.hash(utf8(`simulated ${address}`)), crypto);
    const host = /^host:.*\/([0-9a-f]{12})$/.exec(address)?.[1] ?? null;
    peer = { key, host, signed: 0, speaks: new Map(), hears: new Map() };
    peers.set(address, peer);
    keys.set(hex(key.id), key);
    return peer;
  };
  /** Both ends know each other's key from their configuration. */
  const selfOf = (address: string, other: string): HandshakeSelf => {
    const authorities = [address, other].map((name) => ({ name, publicKey: peerOf(name).key.publicKey }));
    const ring = new KeyRing(authorities, crypto);
    return { crypto, ring, name: address, key: peerOf(address).key, contracts: contractsHash };
  };
  const seed = (): Uint8Array => crypto.hash(utf8(`simulated handshake ${(handshakes += 1)}`));
  const shakeHands = (from: string, to: string): Session => {
    const { handshake, hello } = Handshake.initiate(selfOf(from, to), to, seed(), NOW);
    const answering = Handshake.respond(selfOf(to, from), seed(), NOW);
    const reply = answering.receive(hello, NOW);
    const finish = reply.ok ? handshake.receive(reply.send!, NOW) : reply;
    const ended = finish.ok ? answering.receive(finish.send!, NOW) : finish;
    assert(finish.ok && ended.ok, `${from} and ${to} shake hands: ${ended.ok ? '' : ended.refusal.detail}`);
    for (const [who, whom, session] of [
      [from, to, finish.session!],
      [to, from, ended.session!],
    ] as const) {
      peerOf(who).speaks.set(whom, session);
      peerOf(who).hears.set(hex(session.id), session);
    }
    return finish.session!;
  };
  const unseal =
    (at: string): Unseal =>
    ({ authentication, key, sequence, from }, bytes, tag) => {
      if (authentication === 'session') {
        const session = peerOf(at).hears.get(hex(key));
        if (session?.peer.endsWith(`/${from}`) === true) return session.receive(sequence, bytes, tag, NOW);
        return { reason: 'unavailable', detail: `a frame of ${from} names a session that is not known here` };
      }
      const signer = keys.get(hex(key));
      if (signer !== undefined && verifyIn('frame', bytes, tag, signer.publicKey, crypto)) return null;
      return { reason: 'bad-signature', detail: 'a frame is not signed by the host that it names' };
    };
  return {
    seal(envelopes, from, to) {
      const [peer, other] = [peerOf(from), peerOf(to)];
      let header: FrameHeader;
      let tag: Seal;
      if (peer.host !== null && other.host !== null && peer !== other) {
        const session = peer.speaks.get(to) ?? shakeHands(from, to);
        const sequence = session.next(NOW);
        assert(sequence !== null, `the session of ${from} with ${to} is used up`);
        header = { authentication: 'session', key: session.id, sequence, from: peer.host, to: other.host, incarnation: 0 };
        tag = (bytes) => session.tag(bytes);
      } else {
        const { key, host } = peer;
        const sequence = (peer.signed += 1);
        header = { authentication: 'signature', key: key.id, sequence, from: host ?? NOT_A_HOST, to: null, incarnation: 0 };
        tag = (bytes) => key.sign('frame', bytes);
      }
      const frame = encodeFrame(header, envelopes, table, tag);
      assert(frame.ok, `a frame of ${from} cannot be written: ${frame.ok ? '' : frame.refusal.detail}`);
      return { tag: 0, content: frame.value };
    },
    open({ content }, at) {
      const bytes = content as Uint8Array;
      const frame = openFrame(bytes, table, unseal(at));
      if (!frame.ok) return null;
      if (frame.value.header.authentication === 'session') {
        const again = openFrame(bytes, table, unseal(at));
        assert(!again.ok && again.refusal.reason === 'duplicate', `${at} let a recorded frame in`);
      }
      const envelopes: Envelope[] = [];
      for (const message of frame.value.messages) {
        const envelope = message.envelope();
        if (!envelope.ok) return null;
        envelopes.push(envelope.value);
      }
      return envelopes;
    },
    forget(address) {
      const peer = peerOf(address);
      for (const other of peers.values()) other.speaks.delete(address);
      peer.speaks.clear();
      for (const session of peer.hears.values()) session.wipe();
      peer.hears.clear();
    },
    damage({ tag, content }, random: Random) {
      const bytes = (content as Uint8Array).slice();
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return { tag, content: bytes };
    },
  };
}
