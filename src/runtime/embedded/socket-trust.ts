/**
 * What one process believes of others on the socket bus, and what it shows them: opens links, asks the speakers about every
 * message that came over one, gives signatures and certificates their way beside the messages, leaves out what a receiver here
 * does not know. It keeps no queue; who is attached where is the bus's.
 */
import type { Socket } from 'node:net';
import { base64, fromBase64 } from '../../kernel/index.ts';
import { type Envelope, FrameDoor, projectMessage, type Receive, type Refusal, Speakers } from '../../protocol/index.ts';
import type { SocketBusOptions } from './socket-bus.ts';
import { Outgoing } from './socket-frames.ts';
import { type LinkOptions, SocketLink } from './socket-link.ts';
import { type Link, link, LinkContract } from './socket-words.ts';

const LINK_NUMBER = 20; // below the fleets' own; the catalogue leaves it free
const REFUSED_MAX = 16; // messages on one connection that its host may not say

interface Brought {
  /** The signature of the message that comes next. */
  signature: { readonly id: string; readonly bytes: Uint8Array } | null;
  refused: number;
}

export class SocketTrust {
  readonly #options: SocketBusOptions;
  readonly #relayed: boolean;
  readonly #door: FrameDoor;
  readonly #speakers: Speakers;
  readonly #signed = new Map<string, number>();
  readonly #brought = new WeakMap<SocketLink, Brought>();
  #delivering: Envelope | null = null;

  /** `relayed`: what comes was asked about by the hub. */
  constructor(options: SocketBusOptions, relayed: boolean) {
    const { realm, host, ring, contracts, signer } = options.identity;
    contracts.add(LinkContract, LINK_NUMBER);
    this.#options = options;
    this.#relayed = relayed;
    this.#door = new FrameDoor({ ring, realm, host });
    this.#speakers = new Speakers({ ring, host: `host:${realm}/${host}`, contract: (type) => contracts.get(type), signer });
  }

  link(socket: Socket, peer: string | null, on: Pick<LinkOptions, 'onMet' | 'onRenewed' | 'onFrame'>): SocketLink {
    const { identity, now, onBroken } = this.#options;
    const made = new SocketLink({
      ...on,
      socket,
      identity,
      now,
      peer,
      door: this.#door,
      nextSigned: (to) => {
        const next = (this.#signed.get(to) ?? 0) + 1;
        this.#signed.set(to, next);
        return next;
      },
      onBroken: (refusal, from) => onBroken?.(refusal, from),
    });
    this.#brought.set(made, { signature: null, refused: 0 });
    return made;
  }

  outgoing(onRefused: (envelope: Envelope, refusal: Refusal) => void): Outgoing {
    const { now } = this.#options;
    const before = (envelope: Envelope): Envelope | null => {
      const signature = this.#speakers.signatureOf(envelope);
      if (signature === undefined) return null;
      return link({ do: 'signed', address: envelope.id, other: base64(signature) }, now(), envelope.priority);
    };
    return new Outgoing({ now, before, onRefused });
  }

  /** As it may be sent; null: it cannot be, and its sender was told. */
  sign(envelope: Envelope): Envelope | null {
    const { now, onUndelivered } = this.#options;
    const signed = this.#speakers.sign(envelope, now());
    if (signed.ok) return signed.envelope;
    onUndelivered(envelope, signed.refusal);
    return null;
  }

  certificates(): readonly (Pick<Link, 'do'> & Partial<Link>)[] {
    const shown = this.#options.identity.certificates?.() ?? [];
    return shown.map((bytes) => ({ do: 'certificate', other: base64(bytes) }));
  }

  /** Whether it was about trust; then it is dealt with. */
  heard(said: Link, from: SocketLink): boolean {
    const bytes = said.do === 'certificate' || said.do === 'signed' ? fromBase64(said.other) : null;
    if (said.do === 'certificate') {
      const refusal =
        bytes === null
          ? ({ reason: 'invalid', detail: 'a certificate that is no base64' } as const)
          : this.#speakers.learn(bytes, from.peer!, this.#options.now());
      if (refusal !== null) this.#count(refusal, from);
      return true;
    }
    if (said.do !== 'signed') return false;
    this.#brought.get(from)!.signature = bytes === null ? null : { id: said.address, bytes };
    return true;
  }

  /** Whether the other end may say this; null: it may. Who says too much that he may not is cut. */
  hear(envelope: Envelope, from: SocketLink): Refusal | null {
    const brought = this.#brought.get(from)!;
    const signature = brought.signature?.id === envelope.id ? brought.signature.bytes : null;
    brought.signature = null;
    const refusal = this.#speakers.hear(envelope, from.peer!, signature, this.#relayed, this.#options.now());
    if (refusal !== null) this.#count(refusal, from);
    return refusal;
  }

  /** While a receiver is called, what it is called with is believed: nothing comes so far that was not heard, or sent here. */
  verify(envelope: Envelope, again: boolean): Refusal | null {
    if (envelope === this.#delivering) return null;
    return this.#speakers.verify(envelope, again, this.#options.now());
  }

  /** A receiver that is given what its own contracts know. */
  reader(receive: Receive): Receive {
    const { identity, onProjected } = this.#options;
    const give: Receive = (envelope, pull) => {
      this.#delivering = envelope;
      try {
        return receive(envelope, pull);
      } finally {
        this.#delivering = null;
      }
    };
    return (envelope, pull) => {
      const contract = identity.contracts.get(envelope.type);
      if (contract === undefined || envelope.dataschema === contract.hash) return give(envelope, pull);
      const projected = projectMessage(contract, envelope.data);
      if (!projected.ok || projected.dropped.length === 0) return give(envelope, pull);
      if (!give({ ...envelope, data: projected.value }, pull)) return false;
      onProjected?.(envelope.type, projected.dropped);
      return true;
    };
  }

  #count(refusal: Refusal, from: SocketLink): void {
    const brought = this.#brought.get(from)!;
    brought.refused += 1;
    if (brought.refused !== REFUSED_MAX) return;
    const detail = `${brought.refused} messages were refused, at last because ${refusal.detail}`;
    // In the turn after next: their sender hears of each of them first, and does not send them again on its next connection.
    setImmediate(() => setImmediate(() => from.cut({ ...refusal, detail })));
  }
}
