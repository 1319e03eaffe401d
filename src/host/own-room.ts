/**
 * What is said to the host itself: acknowledgements of its peers, and what a person wants done with a dead letter. A letter that
 * is handed in again passes every gate of a first delivery, and stays a dead letter until it has passed them.
 */
import { host } from '../contracts/index.ts';
import type { Id, Millis } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import type { Admission } from './admission.ts';
import type { Batch } from './batch.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { Delivery } from './delivery.ts';
import { Message } from './inputs.ts';
import type { Ended } from './outbox.ts';
import type { Peers } from './peers.ts';

export interface Desk {
  readonly admission: Admission;
  readonly letters: DeadLetters;
  readonly peers: Peers;
  readonly delivery: Delivery;
  readonly nextId: () => Id;
  /** The message goes to its room in this turn or a later one; when it fails there again, it is a dead letter at once. */
  handIn(message: Message): void;
  /** The timer fires once more, on the same terms. */
  fire(key: string, now: Millis): void;
}

export class OwnRoom {
  readonly #desk: Desk;

  constructor(desk: Desk) {
    this.#desk = desk;
    for (const contract of [host.Ack, host.RetryDead, host.DropDead]) desk.admission.register(contract, host.HOST_ROOM);
  }

  handle(envelope: Envelope, now: Millis, batch: Batch): Refusal | null {
    const { peers, letters } = this.#desk;
    if (envelope.type === host.Ack.type) {
      for (const ended of peers.heard(envelope, now, batch)) this.ended(ended, now, batch);
      return null;
    }
    const { key } = envelope.data as { readonly key: string };
    const letter = letters.get(key);
    if (letter === null) return { reason: 'not-found', detail: `there is no dead letter ${key}: it was retried or dropped` };
    const drops = envelope.type === host.DropDead.type;
    const body = { letter: key, done: drops ? 'dropped' : 'retried', by: envelope.source };
    batch.audit({ kind: 'decision', body }, this.#desk.nextId(), envelope.id, now);
    if (!drops) return this.retry(letter, now, batch);
    letters.remove(key, batch);
    return null;
  }

  /** null: it is on its way. Else the gate that said no, which its history keeps. */
  retry(letter: host.DeadLetter, now: Millis, batch: Batch): Refusal | null {
    const { letters, nextId } = this.#desk;
    const refusal = this.#handIn(letter, now, batch);
    if (refusal !== null) letters.add(letter, refusal, [], now, batch, nextId);
    return refusal;
  }

  /** A message to a peer came to its end. */
  ended({ pending, refusal, next }: Ended, now: Millis, batch: Batch): void {
    const { letters, peers, nextId } = this.#desk;
    if (next !== null) batch.after.push({ leave: () => peers.transmit(next) });
    if (refusal === null) return;
    const { envelope, room, order, gated, history } = pending;
    const { id, type, source, audience } = envelope;
    const bytes = JSON.stringify(envelope);
    const dying = { key: `out/${id}`, kind: 'out', room, type, source, audience, bytes, order, gated } as const;
    letters.add(dying, refusal, history, now, batch, nextId);
  }

  answer(question: host.HostQuestion): host.HostAnswer {
    const { letters, peers } = this.#desk;
    switch (question.kind) {
      case 'dead-letters':
        return letters.page(question.after);
      case 'dead-letter':
        return { kind: 'dead-letter', letter: letters.get(question.key) };
      case 'outbox':
        return { kind: 'outbox', peers: peers.outbox.peers() };
    }
  }

  #handIn(letter: host.DeadLetter, now: Millis, batch: Batch): Refusal | null {
    const { admission, letters, delivery } = this.#desk;
    const halted = admission.haltRefusal([`room/${letter.room}`], false);
    if (halted !== null) return halted;
    switch (letter.kind) {
      case 'timer':
        letters.remove(letter.key, batch);
        this.#desk.fire(letter.key.slice('timer/'.length), now);
        return null;
      case 'out':
        return delivery.redeliver(letter, now, batch);
      case 'in':
      case 'own': {
        const signed = JSON.parse(letter.bytes!) as Envelope;
        // Its ttl counts from now: that a person asks for it is what makes it young.
        const admitted = admission.admit({ ...signed, time: now }, now, letter.kind === 'own' ? null : signed);
        if (!admitted.ok) return admitted.refusal;
        this.#desk.handIn(new Message(admitted.envelope, null, null, letter.key));
        return null;
      }
    }
  }
}
