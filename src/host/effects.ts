/**
 * The effect adapter: the one exit to the world for everything slow or outside. It holds what is in flight, asks the gate, the
 * halt record with its permission lease, and the runtime's permit, in that order, right before the start; and takes exactly one
 * outcome for each attempt. Intents are durable before they come here; this keeps no records and waits for nothing.
 */
import { assert, canonicalJson, type Id, type Json, type Millis } from '../kernel/index.ts';
import { host } from '../contracts/index.ts';
import type { Refusal } from '../protocol/index.ts';
import type { Action, Activity, ActivityRequest, Outcome } from '../ports/index.ts';
import { type Admission, denied } from './admission.ts';
import { type ActivityOrder, type Batch, canonicalWith, HOST_RECORD_VERSION } from './batch.ts';
import type { HostOptions } from './options.ts';

const ACTIVITIES_MAX = 4096; // in flight or queued; an intent beyond it is answered `overloaded`
const TABLE = 'activity';

export interface InFlight {
  readonly request: ActivityRequest;
  /** The outcome is in the inbox; nothing of it may be accepted twice. */
  settled: boolean;
  /** Given to the runtime, which owes an outcome for it. */
  started: boolean;
}

/** An intent as it is stored. */
type Stored = ActivityRequest & { readonly cancelled?: true };

const UNKNOWN: Outcome = {
  status: 'unknown',
  detail: 'the host stopped while it was in flight; whether it happened is not known',
};

export class EffectAdapter {
  readonly #options: HostOptions;
  readonly #admission: Admission;
  readonly #settled: (flight: InFlight, outcome: Outcome) => void;
  readonly #inFlight = new Map<string, InFlight>();

  constructor(options: HostOptions, admission: Admission, settled: (flight: InFlight, outcome: Outcome) => void) {
    this.#options = options;
    this.#admission = admission;
    this.#settled = settled;
  }

  /** A room may ask only for what can be taken: an activity under the same key needs a higher fence. */
  check(order: ActivityOrder, batch: Batch): void {
    if (order.kind === 'cancel') return;
    const at = flightKey(order.room, order.key);
    const { fence } = order.activity;
    const known = batch.fences?.get(at) ?? this.#inFlight.get(at)?.request.fence;
    assert(
      known === undefined || fence > known,
      `activity ${at} is in flight under fence ${known}; replacing it needs a higher one than ${fence}`,
    );
    batch.fences ??= new Map();
    batch.fences.set(at, fence);
  }

  /** Writes the intents of a batch; answers what to do once they are durable. */
  intend(batch: Batch, now: Millis, nextId: () => Id): (() => void)[] {
    const actions: (() => void)[] = [];
    for (const order of batch.orders) {
      const at = flightKey(order.room, order.key);
      const present = this.#inFlight.get(at);
      if (order.kind === 'cancel') {
        if (present === undefined) continue;
        // Durable, so that a crash before its outcome does not bring it back.
        const cancelled = { ...present.request, cancelled: true };
        put(batch, at, canonicalJson(cancelled));
        actions.push(() => this.cancel(present));
        continue;
      }
      if (present !== undefined) actions.push(() => this.cancel(present));
      const flight = inFlight(this.#request(order.room, order.key, order.activity, order.causation));
      this.#inFlight.set(at, flight);
      put(batch, at, canonicalWith(flight.request, 'payload', order.payload));
      if (order.activity.kind !== 'pure') state(batch, 'activity.intent', flight.request, 'intended', now, nextId());
      actions.push(() => this.#start(flight));
    }
    return actions;
  }

  /** Takes an outcome whose turn has come. False: it is of an attempt that nobody waits for any more. */
  finish(flight: InFlight, outcome: Outcome, now: Millis, batch: Batch, nextId: () => Id): boolean {
    const { request } = flight;
    const at = flightKey(request.room, request.key);
    if (this.#inFlight.get(at) !== flight) return false;
    this.#inFlight.delete(at);
    batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, at, null);
    if (request.kind !== 'pure') state(batch, 'activity.outcome', request, outcome.status, now, nextId());
    return true;
  }

  /** An intent without an outcome: run it again where that is harmless, else tell the room that nobody knows. */
  recover({ cancelled, ...stored }: Stored, givenUp: (flight: InFlight) => Refusal | null, batch: Batch): void {
    const at = flightKey(stored.room, stored.key);
    const rerun = stored.kind !== 'once';
    const flight = inFlight(rerun ? { ...stored, attempt: stored.attempt + 1 } : stored);
    this.#inFlight.set(at, flight);
    const refusal = givenUp(flight);
    if (refusal !== null) return this.#settle(flight, { status: 'refused', refusal });
    if (!rerun) return this.#settle(flight, UNKNOWN);
    if (cancelled === true)
      return this.#settle(flight, { status: 'cancelled', detail: 'it was cancelled while the host was down' });
    put(batch, at, canonicalJson(flight.request));
    batch.after.push({ leave: () => this.#start(flight) });
  }

  cancel(flight: InFlight): void {
    const { room, key, fence } = flight.request;
    this.#options.activities.cancel(room, key, fence);
  }

  cancelAll(): void {
    for (const flight of this.#inFlight.values()) this.cancel(flight);
  }

  /** A halt ends what it would not let start. */
  cancelHalted(): void {
    for (const flight of this.#inFlight.values()) {
      if (!flight.started || flight.settled) continue;
      const { state: present } = this.#admission.halts.state(this.#admission.scopes(effectScopes(flight.request)));
      if (present === 'HALTED' || present === 'KILLED') this.cancel(flight);
    }
  }

  #request(room: string, key: string, activity: Activity, causation: Id | null): ActivityRequest {
    const { realm, host: name } = this.#options;
    return { ...activity, room, key, causation, idempotencyKey: `${realm}/${name}/${room}/${key}/${activity.fence}` };
  }

  #start(flight: InFlight): void {
    const { request } = flight;
    if (this.#inFlight.get(flightKey(request.room, request.key)) !== flight) return; // cancelled or replaced meanwhile
    const asked = this.#ask(request);
    if ('reason' in asked) return this.#settle(flight, { status: 'refused', refusal: asked });
    flight.started = true;
    this.#options.activities.start(asked, (outcome) => this.#settle(flight, outcome));
  }

  /** Everything that may say no, and the request as the gate left it. Nothing happens between the last answer and the start. */
  #ask(request: ActivityRequest): ActivityRequest | Refusal {
    if (this.#inFlight.size > ACTIVITIES_MAX)
      return { reason: 'overloaded', detail: `${ACTIVITIES_MAX} activities are in flight on this host` };
    let asked = request;
    if (this.#options.gate !== undefined) {
      const action = this.#action(request);
      const decision = this.#admission.decide(action);
      if (decision.verdict === 'deny') return denied(action, decision);
      if (decision.verdict === 'trim') asked = { ...request, payload: decision.input };
    }
    return this.#admission.haltRefusal(effectScopes(request), request.reduces === true) ?? this.#options.permit(asked) ?? asked;
  }

  #action(request: ActivityRequest): Action {
    const { realm, host: name, clock } = this.#options;
    return {
      kind: 'effect',
      id: request.idempotencyKey,
      name: request.name,
      principal: `host:${realm}/${name}/${request.room}`,
      resource: request.key,
      input: request.payload,
      approvals: [],
      at: clock.now(),
      retried: request.attempt > 1,
    };
  }

  #settle(flight: InFlight, outcome: Outcome): void {
    if (flight.settled) return;
    flight.settled = true;
    this.#settled(flight, outcome);
  }
}

export function flightKey(room: string, key: string): string {
  return `${room}/${key}`;
}

function effectScopes({ room, scopes }: ActivityRequest): string[] {
  return [`room/${room}`, ...(scopes ?? [])];
}

function inFlight(request: ActivityRequest): InFlight {
  return { request, settled: false, started: false };
}

function put(batch: Batch, at: string, text: string): void {
  batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, at, text);
}

/** An intent before it starts, an outcome when it is known: in the ledger. */
function state(
  batch: Batch,
  kind: 'activity.intent' | 'activity.outcome',
  request: ActivityRequest,
  status: string,
  time: Millis,
  id: Id,
): void {
  const { room, key, name, fence, attempt, causation } = request;
  const body: Json = { room, key, name, fence, attempt, status };
  batch.audit({ kind, body }, id, causation, time);
}
