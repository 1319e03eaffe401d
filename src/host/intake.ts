/**
 * A message's way into its room: admission and a place in the inbox when it comes, dedupe, life, halt and gate when its turn has
 * come, and word to whoever keeps it once the batch is durable. The only way in: what is handed in again takes it too.
 */
import { host } from '../contracts/index.ts';
import { assert, type Id, type Json, type Millis, type Random } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import { type Admission, decisionBody, outOfTime } from './admission.ts';
import { type Batch, HOST_RECORD_VERSION, type Leaving } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import { Dedupe } from './dedupe.ts';
import { Inbox } from './inbox.ts';
import { Message } from './inputs.ts';
import type { Acknowledge, Delivered, HostOptions } from './options.ts';
import type { OwnRoom } from './own-room.ts';
import type { Peers } from './peers.ts';

const TAKEN: Delivered = Object.freeze({ ok: true });

export interface Behind {
  readonly admission: Admission;
  readonly letters: DeadLetters;
  readonly peers: Peers;
  readonly own: OwnRoom;
  /** It made its room fail so often that it is not offered again. */
  struckOut(envelope: Envelope): boolean;
  feed(room: string, envelope: Envelope, now: Millis, batch: Batch): void;
  readonly nextId: () => Id;
}

export class Intake {
  readonly inbox: Inbox<Message> = new Inbox();
  readonly dedupe: Dedupe;
  readonly #options: HostOptions;
  readonly #behind: Behind;
  /** Messages whose senders still wait; a sender may hand in the same function for all of them. */
  readonly #unacknowledged = new Set<Message>();

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
    for (const { acknowledge } of waiting) acknowledge?.(refusal);
  }

  handle(input: Message, now: Millis, batch: Batch): void {
    const { admission, letters, own, nextId } = this.#behind;
    const { envelope, outbox, letter } = input;
    const target = admission.target(envelope.type);
    if (target === undefined) assert(false, `no room takes ${envelope.type}`);
    const { contract, room } = target;
    const durable = contract.durability === 'durable'; // the key of an ephemeral message is in no table
    if (outbox !== null) batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, 'outbox', outbox, null);
    const { idempotencyKey, ttl } = envelope;
    if (durable && this.dedupe.has(idempotencyKey, now)) {
      this.#options.telemetry.measure('skein_host_duplicate_messages_total', 1);
      if (letter !== null) letters.remove(letter, batch);
      return this.#settle(input, null, this.dedupe.resultOf(idempotencyKey), null, batch);
    }
    const late = outbox === null ? outOfTime(envelope, now) : null;
    if (late !== null) return this.#refuse(input, late, now, batch);
    let passed = envelope;
    if (contract.risk === 'gated') {
      const gated = admission.gate(envelope, contract, now, letter !== null);
      if (gated.decision !== null)
        batch.audit({ kind: 'decision', body: decisionBody(envelope.id, gated.decision) }, nextId(), envelope.id, now);
      if (!gated.ok) return this.#refuse(input, gated.refusal, now, batch);
      passed = gated.envelope;
    }
    batch.answer = null;
    if (room === host.HOST_ROOM) {
      const refusal = own.handle(passed, now, batch);
      if (refusal !== null) return this.#refuse(input, refusal, now, batch);
    } else this.#behind.feed(room, passed, now, batch);
    const result = batch.answer as string | null;
    if (durable) this.dedupe.take(idempotencyKey, ttl, result, now, batch);
    if (letter !== null) letters.remove(letter, batch);
    this.#settle(input, null, result === null ? null : (JSON.parse(result) as Json), durable ? idempotencyKey : null, batch);
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
    if (this.#behind.struckOut(envelope))
      return refused('corrupt', `message ${id} made its room fail and is among the dead letters`);
    const { type } = envelope;
    const durable = this.#behind.admission.target(type)?.contract.durability === 'durable';
    if (durable && this.dedupe.isDurable(idempotencyKey, now)) {
      const result = this.dedupe.resultOf(idempotencyKey);
      return { ok: false, refusal: { reason: 'duplicate', detail: `${idempotencyKey} was already taken` }, result };
    }
    if (this.dedupe.full) return refused('overloaded', 'this host holds all the idempotency keys it can: try again later');
    const message = new Message(envelope, null, acknowledge, null);
    if (!this.inbox.push(room, message, priority)) {
      const full = `the inbox of host ${this.#options.host} is full (${this.inbox.size} messages): try again later`;
      return refused('overloaded', full);
    }
    if (acknowledge !== null) this.#unacknowledged.add(message);
    return TAKEN;
  }

  /** Tells whoever keeps the message, once the batch is durable. `taken`: its idempotency key, when the batch has it. */
  #settle(input: Message, refusal: Refusal | null, result: Json, taken: string | null, batch: Batch): void {
    if (taken === null && input.acknowledge === null && this.#keeper(input.envelope) === null) return;
    batch.after.push(new Settled(this, input, refusal, result, taken));
  }

  /** Of `Settled` alone. */
  settled(input: Message, refusal: Refusal | null, result: Json, taken: string | null): void {
    if (taken !== null) this.dedupe.durable(taken);
    const { envelope, acknowledge } = input;
    if (acknowledge !== null && this.#unacknowledged.delete(input)) acknowledge(refusal, result);
    this.#tell(envelope, refusal, result);
  }

  /** It does not get into its room. Who sent it hears why; where nobody else keeps it, it stays here as a dead letter. */
  #refuse(input: Message, refusal: Refusal, now: Millis, batch: Batch): void {
    batch.measures.push({ name: 'skein_host_refused_messages_total', value: 1 });
    if (input.outbox !== null || input.letter !== null) this.bury(input, refusal, now, batch);
    this.#settle(input, refusal, null, null, batch);
  }

  /** A host that has it in its outbox hears by a message of ours. */
  #tell(envelope: Envelope, refusal: Refusal | null, result: Json): void {
    const keeper = this.#keeper(envelope);
    if (keeper !== null) this.#behind.peers.acknowledge(keeper, envelope.id, refusal, result);
  }

  /** The host that has it in its outbox. */
  #keeper(envelope: Envelope): string | null {
    const { admission, peers } = this.#behind;
    return admission.target(envelope.type)?.contract.durability === 'ephemeral' ? null : peers.sender(envelope);
  }
}

class Settled implements Leaving {
  readonly #intake: Intake;
  readonly #input: Message;
  readonly #refusal: Refusal | null;
  readonly #result: Json;
  readonly #taken: string | null;

  constructor(intake: Intake, input: Message, refusal: Refusal | null, result: Json, taken: string | null) {
    this.#intake = intake;
    this.#input = input;
    this.#refusal = refusal;
    this.#result = result;
    this.#taken = taken;
  }

  leave(): void {
    this.#intake.settled(this.#input, this.#refusal, this.#result, this.#taken);
  }
}

function refused(reason: Refusal['reason'], detail: string): Delivered {
  return { ok: false, refusal: { reason, detail } };
}
