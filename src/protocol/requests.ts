/**
 * Request and reply: which answers are awaited, until when, and which reply is whose. A request begins a correlation of its own
 * (what led to it is its causation), so one field says where a reply belongs, also over the stages of a pipeline. Soft state:
 * it sends nothing, keeps no time and is lost with its owner, who asks again under the same idempotency key.
 */
import { assert, type Id, type Millis } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import { type Envelope, makeEnvelope } from './envelope.ts';

const AWAITED_MAX = 1024; // as many as may wait for one peer; an owner with more to ask waits for answers first

export interface Awaited<C> {
  readonly correlation: Id;
  readonly deadline: Millis;
  /** Who may answer; null where the audience is a pool or a group and the answerer not known beforehand. */
  readonly from: string | null;
  readonly context: C;
}

/** `not-found`: answered before, timed out, or never asked. `denied`: the right question, answered by somebody else. */
export type Answered<C> =
  | { readonly ok: true; readonly awaited: Awaited<C> }
  | { readonly ok: false; readonly reason: 'not-found' | 'denied' };

export class Requests<C> {
  readonly #awaited = new Map<Id, Awaited<C>>();
  #earliest = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#awaited.size;
  }

  /** When to call `expire`: never after the first deadline; null when nothing is awaited. */
  get next(): Millis | null {
    return this.#awaited.size === 0 ? null : this.#earliest;
  }

  /** False above 1,024 open requests: ask when some are answered. */
  ask(request: Envelope, deadline: Millis, from: string | null, context: C): boolean {
    assert(request.correlation === request.id, `${request.type} ${request.id} asks inside a correlation: begin one of its own`);
    if (this.#awaited.size >= AWAITED_MAX) return false;
    this.#awaited.set(request.id, { correlation: request.id, deadline, from, context });
    this.#earliest = Math.min(this.#earliest, deadline);
    return true;
  }

  /** The first reply counts; every later one is `not-found`. */
  answer(reply: Envelope): Answered<C> {
    const awaited = this.#awaited.get(reply.correlation);
    if (awaited === undefined) return { ok: false, reason: 'not-found' };
    if (awaited.from !== null && awaited.from !== reply.source) return { ok: false, reason: 'denied' };
    this.#awaited.delete(reply.correlation);
    return { ok: true, awaited };
  }

  forget(correlation: Id): void {
    this.#awaited.delete(correlation);
  }

  /** Takes out what nobody answered in time, in the order of asking. */
  expire(now: Millis): readonly Awaited<C>[] {
    if (now <= this.#earliest) return [];
    const expired: Awaited<C>[] = [];
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const awaited of this.#awaited.values()) {
      if (awaited.deadline < now) expired.push(awaited);
      else this.#earliest = Math.min(this.#earliest, awaited.deadline);
    }
    for (const { correlation } of expired) this.#awaited.delete(correlation);
    return expired;
  }
}

/** The answer to a message: to its sender, in the lane that is always fed, the same deed however often the question came. */
export function replyTo<T>(
  request: Envelope,
  contract: Contract<T>,
  data: T,
  spoken: Pick<Envelope, 'id' | 'source' | 'time'>,
): Envelope<T> {
  return makeEnvelope(contract, data, {
    ...spoken,
    subject: request.subject,
    audience: request.source,
    correlation: request.correlation,
    causation: request.id,
    idempotencyKey: `re:${request.id}:${spoken.source}`,
    priority: 0,
    traceparent: request.traceparent,
  });
}
