/**
 * A message's way into its room: admission and a place in the inbox when it comes, dedupe, life, halt and gate when its turn has
 * come, and word to whoever keeps it once the batch is durable. The only way in: what is handed in again takes it too.
 */
import { host } from '../contracts/index.ts';
import { assert, type Id, type Json, type Millis, type Random } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import { type Admission, decisionBody, outOfTime } from './admission.ts';
import { type Batch, HOST_RECORD_VERSION } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import { Dedupe } from './dedupe.ts';
import { Inbox } from './inbox.ts';
import { type Message, messageName } from './inputs.ts';
import type { Acknowledge, Delivered, HostOptions } from './options.ts';
import type { OwnRoom } from './own-room.ts';
import type { Peers } from './peers.ts';

export interface Behind {
  readonly admission: Admission;
  readonly letters: DeadLetters;
  readonly peers: Peers;
  readonly own: OwnRoom;
  /** It made its room fail so often that it is not offered again. */
  struckOut(name: string): boolean;
  feed(room: string, envelope: Envelope, now: Millis, batch: Batch): void;
  readonly nextId: () => Id;
}

export class Intake {
  readonly inbox: Inbox<Message> = new Inbox();
  readonly dedupe: Dedupe;
  readonly #options: HostOptions;
  readonly #behind: Behind;
  readonly #unacknowledged = new Set<Acknowledge>();

  constructor(options: HostOptions, behind: Behind, random: Random) {
    this.dedupe = new Dedupe(random, options.idempotencyKeysMax);
    this.#options = options;
    this.#behind = behind;
  }

  take(envelope: Envelope, acknowledge: Acknowledge | null, now: Millis): Delivered {
    const admitted = this.#behind.admission.admit(envelope, now);
    const delivered: Delivered = admitted.ok
      ? this.#place(admitted.envelope, admitted.room, acknowledge, now)
      : { ok: false, refusal: admitted.refusal };
    if (delivered.ok) return delivered;
    this.#options.telemetry.measure('skein_host_refused_messages_total', 1);
    if (admitted.ok || admitted.authentic) this.#tell(envelope, delivered.refusal, delivered.result ?? null);
    return delivered;
  }

  /** Tells everybody who still waits for an acknowledgement that there will be none. */
  disown(refusal: Refusal): void {
    const waiting = [...this.#unacknowledged];
    this.#unacknowledged.clear();
    for (const acknowledge of waiting) acknowledge(refusal);
  }

  handle(input: Message, now: Millis, batch: Batch): void {
    const { admission, letters, own, nextId } = this.#behind;
    const { envelope, outbox, letter } = input;
    const target = admission.target(envelope.type);
    assert(target, `no room takes ${envelope.type}`);
    const { contract, room } = target;
    if (outbox !== null) batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, 'outbox', outbox, null);
    const { idempotencyKey, ttl } = envelope;
    if (this.dedupe.has(idempotencyKey, now)) {
      this.#options.telemetry.measure('skein_host_duplicate_messages_total', 1);
      if (letter !== null) letters.remove(letter, batch);
      return this.#settle(input, null, this.dedupe.resultOf(idempotencyKey), batch);
    }
    const late = outbox === null ? outOfTime(envelope, now) : null;
    if (late !== null) return this.#refuse(input, late, now, batch);
    const gated = admission.gate(envelope, contract, now, letter !== null);
    if (gated.decision !== null)
      batch.audit({ kind: 'decision', body: decisionBody(envelope.id, gated.decision) }, nextId(), envelope.id, now);
    if (!gated.ok) return this.#refuse(input, gated.refusal, now, batch);
    batch.answer = null;
    if (room === host.HOST_ROOM) {
      const refusal = own.handle(gated.envelope, now, batch);
      if (refusal !== null) return this.#refuse(input, refusal, now, batch);
    } else this.#behind.feed(room, gated.envelope, now, batch);
    const result = batch.answer as string | null;
    if (contract.durability === 'durable') this.dedupe.take(idempotencyKey, ttl, result, now, batch);
    if (letter !== null) letters.remove(letter, batch);
    this.#settle(input, null, result === null ? null : (JSON.parse(result) as Json), batch);
  }

  /** Among the dead letters, with the bytes as they came. */
  bury({ envelope, outbox, letter }: Message, refusal: Refusal, now: Millis, batch: Batch): void {
    const { admission, letters, nextId } = this.#behind;
    const target = admission.target(envelope.type);
    const kind = outbox !== null || letter?.startsWith('own/') === true ? 'own' : 'in';
    const { id, type, source, audience } = envelope;
    const gated = target?.contract.risk === 'gated';
    const key = `${kind}/${id}`;
    // A retry changed its time, and only that: the letter keeps what its sender signed.
    const bytes = letters.get(key)?.bytes ?? JSON.stringify(envelope);
    const dying = { key, kind, room: target?.room ?? '', type, source, audience, bytes, order: null, gated } as const;
    letters.add(dying, refusal, [], now, batch, nextId);
  }

  #place(envelope: Envelope, room: string, acknowledge: Acknowledge | null, now: Millis): Delivered {
    const { id, idempotencyKey, priority } = envelope;
    if (this.#behind.struckOut(messageName(envelope)))
      return refused('corrupt', `message ${id} made its room fail and is among the dead letters`);
    if (this.dedupe.isDurable(idempotencyKey, now)) {
      const result = this.dedupe.resultOf(idempotencyKey);
      return { ok: false, refusal: { reason: 'duplicate', detail: `${idempotencyKey} was already taken` }, result };
    }
    if (this.dedupe.full) return refused('overloaded', 'this host holds all the idempotency keys it can: try again later');
    // One of its own for each message: a sender may hand in the same function for all of them.
    const told: Acknowledge | null = acknowledge === null ? null : (why, result) => acknowledge(why, result);
    if (!this.inbox.push(room, { kind: 'message', envelope, outbox: null, acknowledge: told, letter: null }, priority)) {
      const full = `the inbox of host ${this.#options.host} is full (${this.inbox.size} messages): try again later`;
      return refused('overloaded', full);
    }
    if (told !== null) this.#unacknowledged.add(told);
    return { ok: true };
  }

  /** Tells whoever keeps the message, once the batch is durable. */
  #settle({ envelope, acknowledge }: Message, refusal: Refusal | null, result: Json, batch: Batch): void {
    batch.after.push(() => {
      if (acknowledge !== null && this.#unacknowledged.delete(acknowledge)) acknowledge(refusal, result);
      this.#tell(envelope, refusal, result);
    });
  }

  /** It does not get into its room. Who sent it hears why; where nobody else keeps it, it stays here as a dead letter. */
  #refuse(input: Message, refusal: Refusal, now: Millis, batch: Batch): void {
    batch.measures.push({ name: 'skein_host_refused_messages_total', value: 1 });
    if (input.outbox !== null || input.letter !== null) this.bury(input, refusal, now, batch);
    this.#settle(input, refusal, null, batch);
  }

  /** A host that has it in its outbox hears by a message of ours. */
  #tell(envelope: Envelope, refusal: Refusal | null, result: Json): void {
    const { admission, peers } = this.#behind;
    const peer = peers.sender(envelope);
    if (peer === null || admission.target(envelope.type)?.contract.durability === 'ephemeral') return;
    peers.acknowledge(peer, envelope.id, refusal, result);
  }
}

function refused(reason: Refusal['reason'], detail: string): Delivered {
  return { ok: false, refusal: { reason, detail } };
}
