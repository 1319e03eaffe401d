/**
 * What this host owes other hosts and they owe it: sends what the outbox holds, again and again until it is acknowledged, and
 * acknowledges what became durable here, many at a time. It decides nothing about a message; what ends badly it gives back.
 */
import { host } from '../contracts/index.ts';
import type { Id, Json, Millis } from '../kernel/index.ts';
import { type Envelope, makeEnvelope, type Refusal } from '../protocol/index.ts';
import type { Admission } from './admission.ts';
import type { Batch } from './batch.ts';
import type { HostOptions } from './options.ts';
import type { Ended, Outbox, Pending } from './outbox.ts';

const DETAIL_MAX = 4000;
const SEND = `${host.HOST_ROOM}\u0000send/`;
const SENDERS_MAX = 1024; // names whose host is known without looking: rooms of the peers; agents may be many more

export class Peers {
  readonly outbox: Outbox;
  readonly #options: HostOptions;
  readonly #admission: Admission;
  readonly #arm: (timer: string, at: Millis | null) => void;
  readonly #acks = new Map<string, host.Acknowledgement[]>();
  readonly #hostName: RegExp;
  readonly #own: string;
  /** By source: the name of the host it stands for, null where there is none. */
  readonly #senders = new Map<string, string | null>();

  /** `arm` sets a timer by its key, that of the host among all; `due` is called when it fires. */
  constructor(options: HostOptions, admission: Admission, outbox: Outbox, arm: (timer: string, at: Millis | null) => void) {
    this.#options = options;
    this.#admission = admission;
    this.outbox = outbox;
    this.#arm = arm;
    this.#own = `host:${options.realm}/${options.host}`;
    this.#hostName = new RegExp(`^host:${options.realm.replace(/[^\w-]/g, '\\$&')}/[0-9a-f]{12}(?=/|$)`);
  }

  /** The other host that keeps a message until it hears of it; null: who sent it is here, or hears by a callback. */
  sender(envelope: Envelope): string | null {
    const { source } = envelope;
    let peer = this.#senders.get(source);
    if (peer !== undefined) return peer;
    peer = this.#hostName.exec(source)?.[0] ?? null;
    if (peer === this.#own) peer = null;
    if (this.#senders.size >= SENDERS_MAX) this.#senders.clear();
    this.#senders.set(source, peer);
    return peer;
  }

  /** Sends now what is durable and unacknowledged. While halted a risky message waits; its time runs on. */
  transmit(pending: Pending): void {
    const { envelope, gated } = pending;
    if (this.outbox.get(envelope.id) !== pending) return;
    pending.timer ??= SEND + envelope.id;
    this.#arm(pending.timer, this.#options.clock.now() + this.outbox.wait(pending));
    if (!gated || this.#admission.haltRefusal([], false) === null) this.#options.bus.send(envelope);
  }

  /** The message of a timer that fired. */
  due(timer: string, now: Millis, batch: Batch): Ended | null {
    const pending = this.outbox.get(timer.slice(SEND.length));
    if (pending === undefined) return null;
    const ended = this.outbox.due(pending, now, batch);
    if (ended === null) batch.after.push({ leave: () => this.transmit(pending) });
    return ended;
  }

  /** What an acknowledgement ends. */
  heard(envelope: Envelope, now: Millis, batch: Batch): Ended[] {
    const from = this.sender(envelope);
    if (from === null) return [];
    const { acks } = envelope.data as { readonly acks: readonly host.Acknowledgement[] };
    const ended = acks.flatMap(({ id, refusal }) => this.outbox.acknowledged(id, from, refusal, now, batch) ?? []);
    for (const { pending } of ended) if (pending.timer !== null) this.#arm(pending.timer, null);
    return ended;
  }

  /** To be called when it is durable; `flush` sends it. */
  acknowledge(peer: string, id: Id, refusal: Refusal | null, result: Json): void {
    const acks = this.#acks.get(peer) ?? [];
    if (acks.length === 0) this.#acks.set(peer, acks);
    acks.push({
      id,
      refusal: refusal === null ? null : { reason: refusal.reason, detail: refusal.detail.slice(0, DETAIL_MAX) },
      result: result === null ? null : JSON.stringify(result),
    });
  }

  flush(nextId: () => Id): void {
    if (this.#acks.size === 0) return;
    const { realm, host: name, clock, bus } = this.#options;
    for (const [audience, acks] of this.#acks) {
      for (let at = 0; at < acks.length; at += host.ACKS_MAX) {
        const data = { acks: acks.slice(at, at + host.ACKS_MAX) };
        const source = `host:${realm}/${name}`;
        const spoken = { id: nextId(), source, time: clock.now(), subject: 'ack', audience, priority: 0 } as const;
        bus.send(makeEnvelope(host.Ack, data, spoken));
      }
    }
    this.#acks.clear();
  }
}
