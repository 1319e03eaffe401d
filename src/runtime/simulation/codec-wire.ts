/**
 * The real codec on the simulated network: every message travels as a frame of its own, signed by its sender and checked by its
 * receiver before anything in it is read. Dear beside frozen envelopes, so that few seeds run it: it shows that both are the same.
 * The primitives are handed in, and so decide whether the signatures are real as well.
 */
import { assert, type Random, utf8 } from '../../kernel/index.ts';
import {
  agreeOnContracts,
  type Contract,
  type Crypto,
  encodeFrame,
  type FrameHeader,
  type KeyPair,
  openFrame,
  type Refusal,
} from '../../protocol/index.ts';
import type { Wire } from './network.ts';

const NOT_A_HOST = '000000000000'; // callers have addresses that are no hosts'

interface Peer extends KeyPair {
  readonly id: Uint8Array;
  readonly host: string;
  sequence: number;
}

/** `contracts` = everything that is said; a message of another contract cannot be sealed. */
export function codecWire(crypto: Crypto, contracts: readonly Contract[]): Wire {
  const agreed = agreeOnContracts(contracts, contracts);
  assert(agreed.ok, 'a fleet agrees with itself on its contracts');
  const table = agreed.value;
  const peers = new Map<string, Peer>();
  const keys = new Map<string, Uint8Array>();
  const peerOf = (address: string): Peer => {
    let peer = peers.get(address);
    if (peer === undefined) {
      const pair = crypto.keyPair(crypto.hash(utf8(`simulated ${address}`)));
      const host = /^host:.*\/([0-9a-f]{12})$/.exec(address)?.[1] ?? NOT_A_HOST;
      peer = { ...pair, id: crypto.hash(pair.publicKey).slice(0, 16), host, sequence: 0 };
      peers.set(address, peer);
      keys.set(peer.id.join(' '), pair.publicKey);
    }
    return peer;
  };
  const unseal = ({ key }: FrameHeader, bytes: Uint8Array, tag: Uint8Array): Refusal | null => {
    const publicKey = keys.get(key.join(' '));
    if (publicKey !== undefined && crypto.verify(publicKey, bytes, tag)) return null;
    return { reason: 'bad-signature', detail: 'a frame is not signed by the host that it names' };
  };
  return {
    seal(envelope, from) {
      const peer = peerOf(from);
      peer.sequence += 1;
      const { id, host, sequence, secretKey } = peer;
      const header: FrameHeader = { authentication: 'signature', key: id, sequence, from: host, to: null, incarnation: 0 };
      const frame = encodeFrame(header, [envelope], table, (bytes) => crypto.sign(secretKey, bytes));
      assert(frame.ok, `${envelope.type} has no place in a frame: ${frame.ok ? '' : frame.refusal.detail}`);
      return { tag: 0, content: frame.value };
    },
    open({ content }) {
      const frame = openFrame(content as Uint8Array, table, unseal);
      if (!frame.ok) return null;
      const message = frame.value.messages[0]!.envelope();
      return message.ok ? message.value : null;
    },
    damage({ tag, content }, random: Random) {
      const bytes = (content as Uint8Array).slice();
      bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
      return { tag, content: bytes };
    },
  };
}
