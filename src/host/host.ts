/**
 * One host: the unit of total order, identity, store partition and replay. It takes inputs one at a time, has its rooms handle
 * them, commits what they caused as one transaction per turn, and lets nothing leave before that transaction is durable.
 * It imports no room, waits for nothing, and reaches the world only through ports.
 *
 *   deliver ──▶ check ──▶ dedupe ──▶ room ──▶ batch ──▶ store.commit ──▶ sends · answers · timers · activities · projections
 *                                                          └─ fails, or a room throws: drop all memory, reload from records
 *
 * Durable: room records, and under the name `host`: `activity` (intents without an outcome), `outbox` (local messages not yet
 * handled), `dedupe` (idempotency keys), `dead` (inputs given up on). Soft: the inbox, armed timers, strikes, what is in flight.
 */
import {
  assert,
  canonicalJson,
  type Id,
  type IdSource,
  idSource,
  type Json,
  Lanes,
  type Millis,
  type Random,
  seededRandom,
} from '../kernel/index.ts';
import { type Contract, type Envelope, makeEnvelope, type Refusal } from '../protocol/index.ts';
import type {
  Activities,
  Activity,
  ActivityRequest,
  Bus,
  Clock,
  Commit,
  Context,
  Draft,
  Outcome,
  Permit,
  RecordWrite,
  Room,
  RoomInput,
  Store,
  StoredRecord,
  StoredWrite,
  StoreError,
  Telemetry,
} from '../ports/index.ts';
import { type ActivityOrder, Batch, collect } from './batch.ts';
import { Timers } from './timers.ts';

const INPUTS_PER_TURN = 64; // at 2 ms a piece a turn still ends within 128 ms
const INBOX_MAX = 4096; // 1,024 messages each from four peers
const INBOX_RESERVE = 1024; // control and replies get in when bulk does not
const COMMITS_PENDING_MAX = 512; // one group of the store; beyond it inputs wait
const ACTIVITIES_MAX = 4096; // in flight or queued; an intent beyond it is answered `overloaded`
const DEDUPE_MAX = 100_000; // keys of a day at one message a second
const DEDUPE_KEEP: Millis = 24 * 60 * 60 * 1000;
const SKEW: Millis = 2000;
const STRIKES_MAX = 2; // an input that throws this often goes to the dead letters
const HOST = 'host';
const HOST_RECORD_VERSION = 1;

export interface HostOptions {
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** Made anew at every (re)load. */
  readonly rooms: readonly (() => Room)[];
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly activities: Activities;
  readonly telemetry: Telemetry;
  /** Asked last, in the effect adapter. */
  readonly permit: Permit;
  readonly seed: string;
  /** Runs `turn` soon, once per call, never from inside another call into the host. */
  schedule(turn: () => void): void;
  /** After a commit is durable: the only feed of projections. `loaded` = the full state at (re)open. */
  onCommitted(writes: readonly RecordWrite[], loaded: boolean): void;
  /** A reload that could not be done: the host is stopped. */
  onFailed(error: Error): void;
}

/** An intent as it is stored. */
type ActivityRecord = ActivityRequest & { readonly cancelled?: true };

interface InFlight {
  readonly request: ActivityRequest;
  /** The outcome is in the inbox; nothing of it may be accepted twice. */
  settled: boolean;
}

interface Slot {
  readonly room: Room;
  readonly random: Random;
}

type Input =
  | {
      readonly kind: 'message';
      readonly envelope: Envelope;
      readonly outbox: string | null;
      readonly acknowledge: Acknowledge | null;
    }
  | { readonly kind: 'timer'; readonly key: string }
  | { readonly kind: 'outcome'; readonly flight: InFlight; readonly outcome: Outcome };

/** Called once: null when the message was handled and that is durable, else why not; `unavailable` means offer it again. */
export type Acknowledge = (refusal: Refusal | null) => void;

/** Whether `deliver` took a message. */
export type Delivered = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal };

export class Host {
  readonly #options: HostOptions;
  readonly #strikes = new Map<string, number>();
  #phase: 'closed' | 'opening' | 'open' | 'failed' = 'closed';
  /** Grows with every (re)load; callbacks of an older life are ignored. */
  #life = 0;
  #incarnation = 0;
  #ids: IdSource | null = null;
  #slots = new Map<string, Slot>();
  #byContract = new Map<string, { readonly contract: Contract; readonly room: string }>();
  #inbox = new Lanes<Input>(INBOX_MAX, INBOX_RESERVE);
  #outcomes: Input[] = [];
  #timers = new Timers();
  #inFlight = new Map<string, InFlight>();
  #dedupe = new Map<string, Millis>();
  /** Keys whose first message is handled and not yet durable: a duplicate is no reason for its sender to forget it. */
  #dedupePending = new Set<string>();
  #sequence = 0;
  #durable = 0;
  #waiting: { readonly sequence: number; readonly leave: () => void }[] = [];
  #turnScheduled = false;
  #stalled = false;
  #outboxNext = 0;
  #unacknowledged: Set<Acknowledge> = new Set();
  #closed: (() => void) | null = null;

  constructor(options: HostOptions) {
    this.#options = options;
    options.clock.onWake(() => this.#wake());
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** Reads the records, rebuilds the rooms and goes on. `done` is called once. */
  open(done: (error: Error | null) => void): void {
    assert(this.#phase === 'closed', `host ${this.#options.host} is already ${this.#phase}`);
    this.#reload(done);
  }

  /**
   * Takes a message for one of its rooms. Taken is not yet handled: a sender keeps the message until `acknowledge` says null,
   * and offers it again under the same id and idempotency key until then.
   */
  deliver(envelope: Envelope, acknowledge: Acknowledge | null = null): Delivered {
    if (this.#phase !== 'open')
      return refused('unavailable', `host ${this.#options.host} is ${this.#phase}: try again when it is open`);
    const refusal = this.#check(envelope);
    if (refusal !== null) {
      this.#options.telemetry.measure('skein_host_refused_messages_total', 1);
      return { ok: false, refusal };
    }
    // One of its own for each message: a sender may hand in the same function for all of them.
    const told: Acknowledge | null = acknowledge === null ? null : (why) => acknowledge(why);
    if (!this.#inbox.push({ kind: 'message', envelope, outbox: null, acknowledge: told }, envelope.priority)) {
      return refused(
        'overloaded',
        `the inbox of host ${this.#options.host} is full (${this.#inbox.size} messages): try again later`,
      );
    }
    if (told !== null) this.#unacknowledged.add(told);
    this.#scheduleTurn();
    return { ok: true };
  }

  /** Answers once everything the answer depends on is durable. */
  query(room: string, question: unknown, done: (answer: unknown) => void): void {
    const slot = this.#slots.get(room);
    assert(slot, `host ${this.#options.host} has no room ${room}`);
    const answer = slot.room.query(question);
    this.#leave(this.#sequence, () => done(answer));
  }

  /** Stops taking inputs and lets go of the store once what was issued is durable. Activities in flight are cancelled. */
  close(done: () => void): void {
    if (this.#phase === 'closed') return done();
    this.#phase = 'closed';
    this.#options.clock.wakeAt(null);
    for (const flight of this.#inFlight.values()) this.#cancel(flight);
    this.#closed = () => this.#options.store.close(done);
    this.#leave(this.#sequence, () => this.#finishClosing());
  }

  #finishClosing(): void {
    const closed = this.#closed;
    this.#closed = null;
    this.#life += 1;
    this.#disown({ reason: 'unavailable', detail: `host ${this.#options.host} was closed` });
    closed?.();
  }

  /** Tells everybody who still waits for an acknowledgement that there will be none. */
  #disown(refusal: Refusal): void {
    const waiting = [...this.#unacknowledged];
    this.#unacknowledged.clear();
    for (const acknowledge of waiting) acknowledge(refusal);
  }

  // ---- one turn -----------------------------------------------------------------------------------------------------

  #turn(): void {
    this.#turnScheduled = false;
    if (this.#phase !== 'open') return;
    this.#stalled = this.#sequence - this.#durable >= COMMITS_PENDING_MAX;
    if (this.#stalled) return; // the next commit that becomes durable takes it up again
    const batch = new Batch();
    const now = this.#options.clock.now();
    for (let handled = 0; handled < INPUTS_PER_TURN; handled++) {
      const input = this.#nextInput(now);
      if (input === null) break;
      try {
        this.#handle(input, now, batch);
      } catch (error) {
        this.#strike(input, error instanceof Error ? error : new Error(String(error)));
        return;
      }
    }
    this.#commit(batch);
    if (this.#outcomes.length > 0 || this.#inbox.size > 0) this.#scheduleTurn();
    this.#armWake();
  }

  #nextInput(now: Millis): Input | null {
    const outcome = this.#outcomes.shift();
    if (outcome !== undefined) return outcome;
    for (let key = this.#timers.due(now); key !== null; key = this.#timers.due(now)) {
      const timer: Input = { kind: 'timer', key };
      if ((this.#strikes.get(inputName(timer)) ?? 0) < STRIKES_MAX) return timer; // else it is among the dead letters
    }
    return this.#inbox.shift() ?? null;
  }

  #handle(input: Input, now: Millis, batch: Batch): void {
    switch (input.kind) {
      case 'message': {
        const { envelope, outbox, acknowledge } = input;
        if (acknowledge !== null) {
          batch.after.push(() => {
            if (this.#unacknowledged.delete(acknowledge)) acknowledge(null);
          });
        }
        const target = this.#byContract.get(envelope.type);
        assert(target, `no room takes ${envelope.type}`);
        if (outbox !== null) batch.put(HOST, HOST_RECORD_VERSION, 'outbox', outbox, null);
        if (this.#dedupe.has(envelope.idempotencyKey)) {
          this.#options.telemetry.measure('skein_host_duplicate_messages_total', 1);
          return;
        }
        if (target.contract.durability === 'durable') {
          const until = now + Math.max(envelope.ttl + SKEW, DEDUPE_KEEP);
          this.#dedupe.set(envelope.idempotencyKey, until);
          this.#dedupePending.add(envelope.idempotencyKey);
          batch.after.push(() => this.#dedupePending.delete(envelope.idempotencyKey));
          batch.put(HOST, HOST_RECORD_VERSION, 'dedupe', envelope.idempotencyKey, until);
        }
        this.#feed(target.room, { kind: 'message', envelope }, envelope.id, now, batch);
        return;
      }
      case 'timer': {
        const [room, key] = input.key.split('\u0000') as [string, string];
        this.#feed(room, { kind: 'timer', key }, null, now, batch);
        return;
      }
      case 'outcome': {
        const { request } = input.flight;
        const at = flightKey(request.room, request.key);
        if (this.#inFlight.get(at) !== input.flight) {
          this.#options.telemetry.measure('skein_host_late_outcomes_total', 1);
          return;
        }
        this.#inFlight.delete(at);
        batch.put(HOST, HOST_RECORD_VERSION, 'activity', at, null);
        if (request.kind !== 'pure') this.#record(batch, 'activity.outcome', request, input.outcome.status, now);
        const { key, fence, attempt } = request;
        this.#feed(
          request.room,
          { kind: 'activity', key, fence, attempt, outcome: input.outcome },
          request.causation,
          now,
          batch,
        );
      }
    }
  }

  #feed(room: string, input: RoomInput, causation: Id | null, now: Millis, batch: Batch): void {
    const slot = this.#slots.get(room);
    assert(slot, `host ${this.#options.host} has no room ${room}`);
    const nextId = (): Id => this.#ids!.next();
    const context: Context = {
      now,
      random: slot.random,
      nextId,
      host: this.#options.host,
      incarnation: this.#incarnation,
      causation,
    };
    const [orders, sends] = [batch.orders.length, batch.sends.length];
    slot.room.handle(input, context, collect(batch, room, slot.room.recordVersion, { id: nextId, causation, now }, false));
    // At once: an input later in this turn must not meet a timer that this one has moved or disarmed.
    this.#armTimers(batch);
    // What cannot be committed has to fail here, where the input that caused it is known.
    for (const order of batch.orders.slice(orders)) this.#checkOrder(order, batch);
    for (const { draft } of batch.sends.slice(sends)) canonicalJson(draft.data);
  }

  #checkOrder(order: ActivityOrder, batch: Batch): void {
    if (order.kind === 'cancel') return;
    const at = flightKey(order.room, order.key);
    const { fence, payload } = order.activity;
    const known = batch.fences.get(at) ?? this.#inFlight.get(at)?.request.fence;
    assert(
      known === undefined || fence > known,
      `activity ${at} is in flight under fence ${known}; replacing it needs a higher one than ${fence}`,
    );
    canonicalJson(payload);
    batch.fences.set(at, fence);
  }

  /** Everything of a batch becomes durable in one transaction; then, and only then, does it leave. */
  #commit(batch: Batch): void {
    const now = this.#options.clock.now();
    const local: Input[] = [];
    const remote: Envelope[] = [];
    const writesSomething =
      batch.writes.size > 0 ||
      batch.entries.length > 0 ||
      batch.orders.length > 0 ||
      batch.sends.some(
        ({ draft }) =>
          draft.contract.durability === 'durable' &&
          this.#byContract.has(draft.contract.type) &&
          !this.#isElsewhere(draft.audience),
      );
    const sequence = writesSomething ? this.#sequence + 1 : this.#sequence;
    for (const { room, draft, causation } of batch.sends) {
      const envelope = this.#envelope(room, draft, causation, now, sequence);
      if (!this.#byContract.has(envelope.type) || this.#isElsewhere(envelope.audience)) {
        remote.push(envelope);
        continue;
      }
      let outbox: string | null = null;
      if (draft.contract.durability === 'durable') {
        outbox = String((this.#outboxNext += 1)).padStart(16, '0');
        batch.put(HOST, HOST_RECORD_VERSION, 'outbox', outbox, envelope as unknown as Json);
      }
      local.push({ kind: 'message', envelope, outbox, acknowledge: null });
    }
    const actions: (() => void)[] = [];
    for (const order of batch.orders) {
      const at = flightKey(order.room, order.key);
      const present = this.#inFlight.get(at);
      if (order.kind === 'cancel') {
        if (present === undefined) continue;
        // Durable, so that a crash before its outcome does not bring it back.
        batch.put(HOST, HOST_RECORD_VERSION, 'activity', at, { ...(intent(present.request) as object), cancelled: true });
        actions.push(() => this.#cancel(present));
        continue;
      }
      if (present !== undefined) actions.push(() => this.#cancel(present));
      const flight: InFlight = { request: this.#request(order.room, order.key, order.activity, order.causation), settled: false };
      this.#inFlight.set(at, flight);
      batch.put(HOST, HOST_RECORD_VERSION, 'activity', at, intent(flight.request));
      if (order.activity.kind !== 'pure') this.#record(batch, 'activity.intent', flight.request, 'intended', now);
      actions.push(() => this.#start(flight));
    }
    this.#armTimers(batch);
    for (const { name, value } of batch.measures) this.#options.telemetry.measure(name, value);

    const writes = [...batch.writes.values()];
    if (writes.length > 0 || batch.entries.length > 0) {
      this.#sequence = sequence;
      const life = this.#life;
      const commit: Commit = { sequence, writes, entries: batch.entries };
      this.#options.store.commit(commit, (error) => {
        if (life === this.#life) this.#committed(error, commit);
      });
    }
    // Local delivery right after the batch, in send order: the receiver's own effects wait for a later sequence anyway.
    for (const input of local) this.#outcomes.push(input);
    this.#leave(this.#sequence, () => {
      for (const envelope of remote) this.#options.bus.send(envelope);
      for (const act of actions) act();
      for (const leave of batch.after) leave();
    });
  }

  #committed(error: StoreError | null, commit: Commit): void {
    if (error !== null) {
      if (this.#phase === 'closed') return this.#finishClosing();
      this.#reload((failed) => failed !== null && this.#fail(failed));
      return;
    }
    this.#durable = commit.sequence;
    this.#options.onCommitted(commit.writes, false);
    while (this.#waiting.length > 0 && this.#waiting[0]!.sequence <= this.#durable) this.#waiting.shift()!.leave();
    if (this.#stalled || this.#outcomes.length > 0 || this.#inbox.size > 0) this.#scheduleTurn();
  }

  #leave(sequence: number, leave: () => void): void {
    if (sequence <= this.#durable) leave();
    else this.#waiting.push({ sequence, leave });
  }

  // ---- activities ---------------------------------------------------------------------------------------------------

  #request(room: string, key: string, activity: Activity, causation: Id | null): ActivityRequest {
    const { realm, host } = this.#options;
    return { ...activity, room, key, causation, idempotencyKey: `${realm}/${host}/${room}/${key}/${activity.fence}` };
  }

  /** The one exit to the world. */
  #start(flight: InFlight): void {
    if (this.#inFlight.get(flightKey(flight.request.room, flight.request.key)) !== flight) return; // cancelled or replaced meanwhile
    if (this.#inFlight.size > ACTIVITIES_MAX) {
      return this.#settle(flight, {
        status: 'refused',
        refusal: { reason: 'overloaded', detail: `${ACTIVITIES_MAX} activities are in flight on this host` },
      });
    }
    const refusal = this.#options.permit(flight.request);
    if (refusal !== null) return this.#settle(flight, { status: 'refused', refusal });
    const life = this.#life;
    this.#options.activities.start(flight.request, (outcome) => {
      if (life === this.#life) this.#settle(flight, outcome);
    });
  }

  #settle(flight: InFlight, outcome: Outcome): void {
    if (flight.settled || this.#phase !== 'open') return;
    flight.settled = true;
    this.#outcomes.push({ kind: 'outcome', flight, outcome });
    this.#scheduleTurn();
  }

  #cancel(flight: InFlight): void {
    const { room, key, fence } = flight.request;
    this.#options.activities.cancel(room, key, fence);
  }

  #record(
    batch: Batch,
    kind: 'activity.intent' | 'activity.outcome',
    request: ActivityRequest,
    status: string,
    now: Millis,
  ): void {
    const { room, key, name, fence, attempt, causation } = request;
    batch.audit({ kind, body: { room, key, name, fence, attempt, status } }, this.#ids!.next(), causation, now);
  }

  // ---- messages -----------------------------------------------------------------------------------------------------

  #check(envelope: Envelope): Refusal | null {
    const target = this.#byContract.get(envelope.type);
    if (target === undefined) return { reason: 'unknown-contract', detail: `no room of this host takes ${envelope.type}` };
    const now = this.#options.clock.now();
    if (envelope.time > now + SKEW)
      return { reason: 'invalid', detail: `message ${envelope.id} comes from ${envelope.time - now} ms in the future` };
    if (envelope.time + envelope.ttl + SKEW < now)
      return {
        reason: 'expired',
        detail: `message ${envelope.id} lived ${envelope.ttl} ms and is ${now - envelope.time} ms old`,
      };
    if (envelope.dataschema !== target.contract.hash) {
      return {
        reason: 'invalid',
        detail: `${envelope.type} was produced under another schema (${envelope.dataschema.slice(0, 12)})`,
      };
    }
    if (!target.contract.check(envelope.data)) {
      return {
        reason: 'invalid',
        detail: `${envelope.type} does not keep its contract: ${target.contract.explain(envelope.data).join('; ')}`,
      };
    }
    if ((this.#strikes.get(`message ${envelope.id}`) ?? 0) >= STRIKES_MAX) {
      return {
        reason: 'corrupt',
        detail: `message ${envelope.id} made its room fail ${STRIKES_MAX} times and is among the dead letters`,
      };
    }
    if (this.#dedupe.has(envelope.idempotencyKey) && !this.#dedupePending.has(envelope.idempotencyKey))
      return { reason: 'duplicate', detail: `${envelope.idempotencyKey} was already taken` };
    if (this.#dedupe.size >= DEDUPE_MAX) this.#forget(now);
    if (this.#dedupe.size >= DEDUPE_MAX)
      return { reason: 'overloaded', detail: `${DEDUPE_MAX} idempotency keys are held: try again later` };
    return null;
  }

  /** Lets go of idempotency keys whose time is over. Their records go with the next load. */
  #forget(now: Millis): void {
    for (const [key, until] of this.#dedupe) if (until < now) this.#dedupe.delete(key);
  }

  /** Named is another host. */
  #isElsewhere(audience: string): boolean {
    const own = `host:${this.#options.realm}/${this.#options.host}`;
    return audience.startsWith('host:') && audience !== own && !audience.startsWith(`${own}/`);
  }

  #envelope(room: string, draft: Draft, causation: Id | null, now: Millis, dependsOn: number): Envelope {
    const { contract, data, ...said } = draft;
    const source = `host:${this.#options.realm}/${this.#options.host}/${room}`;
    return makeEnvelope(contract, data, { id: this.#ids!.next(), source, time: now, causation, dependsOn, ...said });
  }

  // ---- reload -------------------------------------------------------------------------------------------------------

  /** Drops all memory and rebuilds it from records under a new incarnation, as after a crash. */
  #reload(done: (error: Error | null) => void): void {
    for (const flight of this.#inFlight.values()) this.#cancel(flight);
    this.#life += 1;
    this.#phase = 'opening';
    this.#disown({
      reason: 'unavailable',
      detail: `host ${this.#options.host} is reloading from its records: offer the message again`,
    });
    this.#slots = new Map();
    this.#byContract = new Map();
    this.#inbox = new Lanes<Input>(INBOX_MAX, INBOX_RESERVE);
    this.#outcomes = [];
    this.#timers = new Timers();
    this.#inFlight = new Map();
    this.#dedupe = new Map();
    this.#dedupePending = new Set();
    this.#waiting = [];
    this.#sequence = 0;
    this.#durable = 0;
    this.#turnScheduled = false;
    this.#stalled = false;
    const life = this.#life;
    this.#options.store.open((error, opened) => {
      if (life !== this.#life) return;
      if (error !== null) {
        this.#phase = 'closed';
        return done(error);
      }
      assert(opened, 'a store opens with records or an error');
      try {
        this.#load(opened.incarnation, opened.records);
      } catch (failure) {
        this.#phase = 'failed';
        return done(failure instanceof Error ? failure : new Error(String(failure)));
      }
      done(null);
    });
  }

  #load(incarnation: number, records: readonly StoredWrite[]): void {
    const { host, seed, rooms } = this.#options;
    this.#incarnation = incarnation;
    this.#ids = idSource(host, incarnation);
    const now = this.#options.clock.now();
    const batch = new Batch();
    batch.audit({ kind: 'host.started', body: { host, incarnation, records: records.length } }, this.#ids.next(), null, now);
    for (const make of rooms) {
      const room = make();
      assert(!this.#slots.has(room.name) && room.name !== HOST, `two rooms are called ${room.name}`);
      this.#slots.set(room.name, { room, random: seededRandom(`${seed}/${host}/${room.name}/${incarnation}`) });
      for (const contract of room.contracts) this.#byContract.set(contract.type, { contract, room: room.name });
      const effects = collect(batch, room.name, room.recordVersion, { id: () => this.#ids!.next(), causation: null, now }, true);
      room.load(recordsOf(records, room.name), now, effects);
    }
    this.#phase = 'open';
    this.#options.onCommitted(records, true);
    for (const record of recordsOf(records, HOST)) this.#loadOwn(record, now, batch);
    this.#commit(batch);
    this.#scheduleTurn();
    this.#armWake();
  }

  #loadOwn(record: StoredRecord, now: Millis, batch: Batch): void {
    switch (record.table) {
      case 'dedupe': {
        const until = record.value as number;
        if (until < now) batch.put(HOST, HOST_RECORD_VERSION, 'dedupe', record.key, null);
        else this.#dedupe.set(record.key, until);
        return;
      }
      case 'outbox':
        this.#outboxNext = Math.max(this.#outboxNext, Number(record.key));
        this.#outcomes.push({
          kind: 'message',
          envelope: record.value as unknown as Envelope,
          outbox: record.key,
          acknowledge: null,
        });
        return;
      case 'activity':
        this.#recover(record.value as unknown as ActivityRecord, batch);
    }
  }

  /** An intent without an outcome: run it again where that is harmless, else tell the room that nobody knows. */
  #recover({ cancelled, ...stored }: ActivityRecord, batch: Batch): void {
    const at = flightKey(stored.room, stored.key);
    const rerun = stored.kind !== 'once';
    const flight: InFlight = { request: rerun ? { ...stored, attempt: stored.attempt + 1 } : stored, settled: false };
    this.#inFlight.set(at, flight);
    if ((this.#strikes.get(inputName({ kind: 'outcome', flight, outcome: UNKNOWN })) ?? 0) >= STRIKES_MAX) {
      const detail = `the outcome of ${at} made the room ${stored.room} fail ${STRIKES_MAX} times`;
      return this.#settle(flight, { status: 'refused', refusal: { reason: 'corrupt', detail } });
    }
    if (!rerun) return this.#settle(flight, UNKNOWN);
    if (cancelled === true)
      return this.#settle(flight, { status: 'cancelled', detail: 'it was cancelled while the host was down' });
    batch.put(HOST, HOST_RECORD_VERSION, 'activity', at, intent(flight.request));
    batch.after.push(() => this.#start(flight));
  }

  /** A room threw: keep the evidence, start over without this batch, and give the input up when it throws again. */
  #strike(input: Input, error: Error): void {
    const name = inputName(input);
    const strikes = (this.#strikes.get(name) ?? 0) + 1;
    this.#strikes.set(name, strikes);
    this.#options.telemetry.measure('skein_host_room_failures_total', 1);
    if (strikes > STRIKES_MAX) return this.#fail(error); // even the refusal of an outcome makes the room fail
    this.#reload((failed) => {
      if (failed !== null) return this.#fail(failed);
      const batch = new Batch();
      const evidence = { input: name, error: error.message.slice(0, 4000), strikes };
      batch.audit({ kind: 'input.refused', body: evidence }, this.#ids!.next(), null, this.#options.clock.now());
      if (strikes === STRIKES_MAX && input.kind !== 'outcome') {
        const envelope = input.kind === 'message' ? (input.envelope as unknown as Json) : null;
        batch.put(HOST, HOST_RECORD_VERSION, 'dead', name, { ...evidence, envelope });
        if (input.kind === 'message' && input.outbox !== null) {
          batch.put(HOST, HOST_RECORD_VERSION, 'outbox', input.outbox, null);
          this.#outcomes = this.#outcomes.filter((other) => other.kind !== 'message' || other.outbox !== input.outbox);
        }
      }
      this.#commit(batch);
    });
  }

  #fail(error: Error): void {
    this.#phase = 'failed';
    this.#options.clock.wakeAt(null);
    for (const flight of this.#inFlight.values()) this.#cancel(flight);
    this.#life += 1;
    this.#options.onFailed(error);
  }

  // ---- time ---------------------------------------------------------------------------------------------------------

  #wake(): void {
    if (this.#phase === 'open') this.#scheduleTurn();
  }

  #armTimers(batch: Batch): void {
    for (const { key, at } of batch.timers.splice(0)) this.#timers.arm(key, at);
  }

  #armWake(): void {
    this.#options.clock.wakeAt(this.#timers.next());
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#phase !== 'open') return;
    this.#turnScheduled = true;
    const life = this.#life;
    this.#options.schedule(() => {
      if (life === this.#life) this.#turn();
    });
  }
}

const UNKNOWN: Outcome = {
  status: 'unknown',
  detail: 'the host stopped while it was in flight; whether it happened is not known',
};

function flightKey(room: string, key: string): string {
  return `${room}/${key}`;
}

function intent(request: ActivityRequest): Json {
  return JSON.parse(canonicalJson(request)) as Json;
}

function* recordsOf(records: readonly StoredWrite[], room: string): Iterable<StoredRecord> {
  for (const { room: owner, table, key, version, value } of records) {
    if (owner === room) yield { table, key, version, value: JSON.parse(value) as Json };
  }
}

/** The same name for the same input across reloads. */
function inputName(input: Input): string {
  if (input.kind === 'message') return `message ${input.envelope.id}`;
  if (input.kind === 'timer') return `timer ${input.key.replace('\u0000', '/')}`;
  return `outcome ${flightKey(input.flight.request.room, input.flight.request.key)} fence ${input.flight.request.fence}`;
}

function refused(reason: Refusal['reason'], detail: string): Delivered {
  return { ok: false, refusal: { reason, detail } };
}
