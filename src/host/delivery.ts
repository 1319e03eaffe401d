/**
 * Where a message of a room goes: to another room of this host, to the outbox of a peer, or, when the gate says no, among the
 * dead letters. It writes what has to be durable and says what to send then; it sends nothing itself.
 */
import { host } from '../contracts/index.ts';
import { canonicalJson, type Id, type Millis } from '../kernel/index.ts';
import { type Envelope, makeEnvelope, type Refusal } from '../protocol/index.ts';
import { type Admission, decisionBody, type Gated } from './admission.ts';
import { type Batch, canonicalWith, HOST_RECORD_VERSION, type Posted, type Send } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Message } from './inputs.ts';
import type { HostOptions } from './options.ts';
import type { Peers } from './peers.ts';

export class Delivery {
  readonly #options: HostOptions;
  readonly #admission: Admission;
  readonly #letters: DeadLetters;
  readonly #peers: Peers;
  readonly #nextId: () => Id;
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
    return { kind: 'message', envelope: { ...envelope, dependsOn: 0 }, outbox: key, acknowledge: null, letter: null };
  }

  post(send: Send, now: Millis, sequence: number, batch: Batch): Posted {
    const { room, draft, causation } = send;
    const { contract, data, ...rest } = draft;
    const source = `host:${this.#options.realm}/${this.#options.host}/${room}`;
    const said = makeEnvelope(contract, data, { id: this.#nextId(), source, time: now, causation, dependsOn: sequence, ...rest });
    const approved = this.#admission.approve(said, contract, now, false);
    this.#decided(said.id, approved, now, batch);
    const durable = contract.durability === 'durable';
    const gated = contract.risk === 'gated';
    const order = orderOf(send);
    if (!approved.ok) {
      const { id, type, audience } = said;
      const bytes = JSON.stringify(said);
      const dying = { key: `out/${id}`, kind: 'out', room, type, source, audience, bytes, order, gated } as const;
      this.#letters.add(dying, approved.refusal, [], now, batch, this.#nextId);
      return { local: null, leave: null };
    }
    const { envelope } = approved;
    const text = envelope.data === data ? send.data : canonicalJson(envelope.data);
    if (this.#admission.target(envelope.type) !== undefined && this.#admission.hears(envelope.audience)) {
      let outbox: string | null = null;
      if (durable) {
        outbox = String((this.#outboxNext += 1)).padStart(16, '0');
        batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, 'outbox', outbox, canonicalWith(envelope, 'data', text));
      }
      return { local: { kind: 'message', envelope, outbox, acknowledge: null, letter: null }, leave: null };
    }
    if (durable) return { local: null, leave: this.#dispatch(envelope, room, order, gated, [], text, batch) };
    const leave = (): void => {
      if (!gated || this.#admission.haltRefusal([], false) === null) this.#options.bus.send(envelope);
    };
    return { local: null, leave };
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
    const leave = this.#dispatch(approved.envelope, room, order, gated, history, canonicalJson(said.data), batch);
    if (leave !== null) batch.after.push(leave);
    return null;
  }

  #dispatch(
    envelope: Envelope,
    room: string,
    order: string | null,
    gated: boolean,
    history: readonly host.DeadTry[],
    data: string,
    batch: Batch,
  ): (() => void) | null {
    const { pending, goes } = this.#peers.outbox.take({ envelope, room, order, gated, history }, data, batch);
    return goes ? () => this.#peers.transmit(pending) : null;
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
