/**
 * Where a message of a room goes: to another room of this host, to the outbox of a peer, or, when the gate says no, among the
 * dead letters. It writes what has to be durable and says what to send then; it sends nothing itself.
 */
import { host } from '../contracts/index.ts';
import { canonicalJson, type Id, type Millis } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import { type Admission, decisionBody, type Gated } from './admission.ts';
import { type Batch, canonicalMessage, HOST_RECORD_VERSION, type Send } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import { Message } from './inputs.ts';
import type { HostOptions } from './options.ts';
import type { Pending } from './outbox.ts';
import type { Peers } from './peers.ts';

const NO_APPROVALS: readonly string[] = Object.freeze([]);

export class Delivery {
  readonly #options: HostOptions;
  readonly #admission: Admission;
  readonly #letters: DeadLetters;
  readonly #peers: Peers;
  readonly #nextId: () => Id;
  /** By room: how its messages are signed. */
  readonly #sources = new Map<string, string>();
  #outboxNext = 0;

  constructor(options: HostOptions, admission: Admission, letters: DeadLetters, peers: Peers, nextId: () => Id) {
    this.#options = options;
    this.#admission = admission;
    this.#letters = letters;
    this.#peers = peers;
    this.#nextId = nextId;
  }

  /** A message between two rooms that an earlier life did not get to. */
  load(key: string, envelope: Envelope): Message {
    this.#outboxNext = Math.max(this.#outboxNext, Number(key));
    return new Message({ ...envelope, dependsOn: 0 }, key, null, null);
  }

  /** Sets where it goes. */
  post(send: Send, now: Millis, sequence: number, batch: Batch): void {
    send.posted = true;
    const { room, draft } = send;
    const { contract } = draft;
    const said = this.#say(send, now, sequence);
    const gated = contract.risk === 'gated';
    let envelope = said;
    if (gated) {
      const approved = this.#admission.approve(said, contract, now, false);
      this.#decided(said.id, approved, now, batch);
      if (!approved.ok) {
        const { id, type, source, audience } = said;
        const bytes = JSON.stringify(said);
        const dying = {
          key: `out/${id}`,
          kind: 'out',
          room,
          type,
          source,
          audience,
          bytes,
          order: orderOf(send),
          gated,
        } as const;
        return this.#letters.add(dying, approved.refusal, [], now, batch, this.#nextId);
      }
      envelope = approved.envelope;
    }
    const local = this.#admission.target(contract.type) !== undefined && this.#admission.hears(envelope.audience);
    if (send.data === null) {
      if (local) send.local = new Message(envelope, null, null, null);
      else send.said = envelope;
      return;
    }
    const text = envelope.data === draft.data ? send.data : canonicalJson(envelope.data);
    if (local) {
      const outbox = String((this.#outboxNext += 1)).padStart(16, '0');
      batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, 'outbox', outbox, canonicalMessage(envelope, text));
      send.local = new Message(envelope, outbox, null, null);
    } else send.pending = this.#dispatch(envelope, room, orderOf(send), gated, [], text, batch);
  }

  /** The batch is durable. */
  leave({ draft, said, pending }: Send): void {
    if (pending !== null) this.#peers.transmit(pending);
    else if (said !== null && (draft.contract.risk !== 'gated' || this.#admission.haltRefusal([], false) === null))
      this.#options.bus.send(said);
  }

  /** As `makeEnvelope` does, in one expression: every message of a host has the same hidden class. */
  #say({ room, draft, causation }: Send, now: Millis, sequence: number): Envelope {
    const id = this.#nextId();
    let source = this.#sources.get(room);
    if (source === undefined) {
      source = `host:${this.#options.realm}/${this.#options.host}/${room}`;
      this.#sources.set(room, source);
    }
    const { contract } = draft;
    return {
      type: contract.type,
      dataschema: contract.hash,
      data: draft.data,
      correlation: draft.correlation ?? id,
      causation: draft.causation === undefined ? causation : draft.causation,
      idempotencyKey: draft.idempotencyKey ?? id,
      ttl: draft.ttl ?? contract.ttlMax,
      priority: draft.priority ?? 1,
      routing: draft.routing ?? 'direct',
      keyId: '',
      session: '',
      sequence: 0,
      haltEpoch: 0,
      approvals: NO_APPROVALS,
      traceparent: '',
      coordination: null,
      dependsOn: sequence,
      id,
      source,
      time: now,
      subject: draft.subject,
      audience: draft.audience,
    };
  }

  /** Once more to another host, through the same gate as the first time. */
  redeliver(letter: host.DeadLetter, now: Millis, batch: Batch): Refusal | null {
    const said = { ...(JSON.parse(letter.bytes!) as Envelope), time: now, approvals: [], dependsOn: 0 };
    // What the gate leaves of it could not be checked: its contract is its receiver's.
    const risk = letter.gated ? 'gated' : 'open';
    const approved = this.#admission.approve(said, { risk, check: () => false }, now, true);
    this.#decided(said.id, approved, now, batch);
    if (!approved.ok) return approved.refusal;
    this.#letters.remove(letter.key, batch);
    const { room, order, gated, history } = letter;
    const pending = this.#dispatch(approved.envelope, room, order, gated, history, canonicalJson(said.data), batch);
    if (pending !== null) batch.after.push({ leave: () => this.#peers.transmit(pending) });
    return null;
  }

  /** What may go when the batch is durable; null: it waits for the one before it. */
  #dispatch(
    envelope: Envelope,
    room: string,
    order: string | null,
    gated: boolean,
    history: readonly host.DeadTry[],
    data: string,
    batch: Batch,
  ): Pending | null {
    const { pending, goes } = this.#peers.outbox.take({ envelope, room, order, gated, history }, data, batch);
    return goes ? pending : null;
  }

  #decided(id: Id, { decision }: Gated, now: Millis, batch: Batch): void {
    if (decision !== null) batch.audit({ kind: 'decision', body: decisionBody(id, decision) }, this.#nextId(), id, now);
  }
}

/** Messages with the same one reach a peer in the order they were said. */
function orderOf({ draft: { contract, data } }: Send): string | null {
  const field = contract.orderingKey;
  const value = field === null || field === 'id' ? undefined : (data as Record<string, unknown>)[field];
  return value === undefined ? null : `${contract.type}/${canonicalJson(value)}`;
}
