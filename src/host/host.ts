/**
 * One host: the unit of total order, identity, store partition and replay. It takes inputs one at a time, has its rooms handle
 * them, commits what they caused as one transaction per turn, and lets nothing leave before that transaction is durable.
 * It imports no room, waits for nothing, and reaches the world only through ports.
 *
 *   deliver ──▶ admission ──▶ inbox ──▶ dedupe · halt · gate ──▶ room ──▶ batch ──▶ store.commit ──▶ sends · acks · effects
 *                                                                            └─ fails, or a room throws: reload from records
 *
 * Durable: room records, and under the name `host`: `activity` (intents without an outcome), `outbox` (messages between its
 * rooms, not yet handled), `peer-outbox` and `peer-tries` (messages to other hosts, not yet acknowledged), `dedupe` (idempotency
 * keys with results), `dead` (what was given up on). Soft: the inbox, armed timers, strikes, what is in flight.
 */
import { host as own } from '../contracts/index.ts';
import { assert, type Id, type IdSource, idSource, type Json, type Millis, type Random, seededRandom } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import type { Commit, HaltRecord, RoomInput, StoredRecord, StoredWrite, StoreError } from '../ports/index.ts';
import { Admission } from './admission.ts';
import { Batch, HOST_RECORD_VERSION } from './batch.ts';
import { ClockSteps } from './clock-steps.ts';
import { DeadLetters } from './dead-letters.ts';
import { Delivery } from './delivery.ts';
import { EffectAdapter, type InFlight } from './effects.ts';
import { HaltRecords } from './halt-records.ts';
import { type Input, inputName, messageName } from './inputs.ts';
import { Intake } from './intake.ts';
import type { Acknowledge, Delivered, HostOptions } from './options.ts';
import { Outbox } from './outbox.ts';
import { OwnRoom } from './own-room.ts';
import { Peers } from './peers.ts';
import { roomRandom } from './replay.ts';
import { RoomSlot } from './room-slot.ts';
import { Timers } from './timers.ts';

const INPUTS_PER_TURN = 64; // at 2 ms a piece a turn still ends within 128 ms
const COMMITS_PENDING_MAX = 512; // one group of the store; beyond it inputs wait
const STRIKES_MAX = 2; // an input that throws this often goes to the dead letters
const HOST = own.HOST_ROOM;

export class Host {
  readonly #options: HostOptions;
  readonly #strikes = new Map<string, number>();
  readonly #halts = new HaltRecords();
  readonly #steps = new ClockSteps();
  #phase: 'closed' | 'opening' | 'open' | 'failed' = 'closed';
  /** Grows with every (re)load; callbacks of an older life are ignored. */
  #life = 0;
  #incarnation = 0;
  #ids: IdSource | null = null;
  #jitter: Random | null = null;
  #slots = new Map<string, RoomSlot>();
  #admission!: Admission;
  #intake!: Intake;
  /** What goes before the inbox: outcomes, messages between rooms, halts. */
  #urgent: Input[] = [];
  #timers = new Timers();
  #effects!: EffectAdapter;
  #letters!: DeadLetters;
  #peers!: Peers;
  #sequence = 0;
  #durable = 0;
  #waiting: { readonly sequence: number; readonly leave: () => void }[] = [];
  #turnScheduled = false;
  /** A turn of this life. */
  #taken: () => void = () => {};
  #stalled = false;
  #delivery!: Delivery;
  #own!: OwnRoom;
  #readingHalts = false;
  #closed: (() => void) | null = null;

  constructor(options: HostOptions) {
    this.#options = options;
    options.clock.onWake(() => this.#wake());
    options.halt?.onRecord((record) => this.#hearHalt(record));
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  /** Reads the halt record, then its own, rebuilds the rooms and goes on. `done` is called once. */
  open(done: (error: Error | null) => void): void {
    assert(this.#phase === 'closed', `host ${this.#options.host} is already ${this.#phase}`);
    this.#phase = 'opening';
    if (this.#options.halt === undefined) return this.#reload(done);
    this.#readHalts((error) => {
      if (this.#phase !== 'opening') return;
      if (error === null) return this.#reload(done);
      this.#phase = 'closed';
      done(error);
    });
  }

  /**
   * Takes a message for one of its rooms. Taken is not yet handled: a sender keeps the message until `acknowledge` says null,
   * and offers it again under the same id and idempotency key until then. Other hosts hear by `host.event.ack.v1`.
   */
  deliver(envelope: Envelope, acknowledge: Acknowledge | null = null): Delivered {
    if (this.#phase !== 'open')
      return refused('unavailable', `host ${this.#options.host} is ${this.#phase}: try again when it is open`);
    const delivered = this.#intake.take(envelope, acknowledge, this.#options.clock.now());
    this.#scheduleTurn(); // also after a refusal: a host that waits is told of it, and a full table is looked through
    return delivered;
  }

  /** Answers once everything the answer depends on is durable. The room `host` answers about itself: see `contracts/host`. */
  query(room: string, question: unknown, done: (answer: unknown) => void): void {
    const slot = this.#slots.get(room);
    assert(slot !== undefined || room === HOST, `host ${this.#options.host} has no room ${room}`);
    const answer = slot === undefined ? this.#own.answer(question as own.HostQuestion) : slot.room.query(question);
    this.#leave(this.#sequence, () => done(answer));
  }

  /** Stops taking inputs and lets go of the store once what was issued is durable. Activities in flight are cancelled. */
  close(done: () => void): void {
    const was = this.#phase;
    this.#phase = 'closed';
    if (was === 'closed' || this.#life === 0) return done(); // nothing was opened yet
    this.#options.clock.wakeAt(null);
    this.#effects.cancelAll();
    this.#closed = () => this.#options.store.close(done);
    this.#leave(this.#sequence, () => this.#finishClosing());
  }

  #finishClosing(): void {
    const closed = this.#closed;
    this.#closed = null;
    this.#life += 1;
    this.#intake.disown({ reason: 'unavailable', detail: `host ${this.#options.host} was closed` });
    closed?.();
  }

  // ---- one turn -----------------------------------------------------------------------------------------------------

  #turn(): void {
    this.#turnScheduled = false;
    if (this.#phase !== 'open') return;
    this.#peers.flush(this.#nextId);
    this.#stalled = this.#sequence - this.#durable >= COMMITS_PENDING_MAX;
    if (this.#stalled) return; // the next commit that becomes durable takes it up again
    const batch = new Batch();
    const now = this.#options.clock.now();
    const by = this.#steps.look(now, this.#options.clock.monotonic());
    if (by !== 0) this.#urgent.push({ kind: 'clock', by });
    this.#intake.dedupe.forget(now, batch);
    const { outbox } = this.#peers;
    const pressed = outbox.roomsOf((audience) => this.#options.bus.pressured(audience));
    const held = (room: string): boolean => pressed.has(room) || outbox.holds(room);
    let handled = 0;
    for (; handled < INPUTS_PER_TURN; handled++) {
      const input = this.#nextInput(now, held);
      if (input === null) break;
      try {
        this.#handle(input, now, batch);
      } catch (error) {
        this.#strike(input, error instanceof Error ? error : new Error(String(error)));
        return;
      }
    }
    this.#commit(batch);
    if (this.#urgent.length > 0 || handled === INPUTS_PER_TURN) this.#scheduleTurn();
    this.#armWake();
  }

  #nextInput(now: Millis, held: (room: string) => boolean): Input | null {
    if (this.#urgent.length > 0) return this.#urgent.shift()!;
    for (let key = this.#timers.due(now); key !== null; key = this.#timers.due(now)) {
      const timer: Input = { kind: 'timer', key };
      if (this.#strikes.size === 0) return timer;
      if ((this.#strikes.get(inputName(timer)) ?? 0) < STRIKES_MAX) return timer; // else it is among the dead letters
    }
    return this.#intake.inbox.shift(held) ?? null;
  }

  #handle(input: Input, now: Millis, batch: Batch): void {
    switch (input.kind) {
      case 'message':
        return this.#intake.handle(input, now, batch);
      case 'timer': {
        const [room, key] = input.key.split('\u0000') as [string, string];
        if (room === HOST) {
          const ended = this.#peers.due(input.key, now, batch);
          return ended === null ? undefined : this.#own.ended(ended, now, batch);
        }
        return this.#feed(room, { kind: 'timer', key }, null, now, batch);
      }
      case 'clock':
        return batch.audit({ kind: 'clock.stepped', body: { by: input.by } }, this.#nextId(), null, now);
      case 'halt': {
        const { record } = input;
        return batch.audit({ kind: 'halt', body: { ...record } }, this.#nextId(), null, now);
      }
      case 'outcome': {
        const { flight, outcome } = input;
        if (!this.#effects.finish(flight, outcome, now, batch, this.#nextId)) {
          this.#options.telemetry.measure('skein_host_late_outcomes_total', 1);
          return;
        }
        const { room, key, fence, attempt, causation } = flight.request;
        this.#feed(room, { kind: 'activity', key, fence, attempt, outcome }, causation, now, batch);
      }
    }
  }

  #feed(room: string, input: RoomInput, causation: Id | null, now: Millis, batch: Batch): void {
    const slot = this.#slots.get(room);
    if (slot === undefined) assert(false, `host ${this.#options.host} has no room ${room}`);
    const orders = batch.orders.length;
    const sends = batch.sends.length;
    const ids = slot.handle(input, causation, now, batch);
    // At once: an input later in this turn must not meet a timer that this one has moved or disarmed.
    this.#armTimers(batch);
    // What cannot be committed has to fail here, where the input that caused it is known.
    for (let i = orders; i < batch.orders.length; i++) this.#effects.check(batch.orders[i]!, batch);
    // A durable message is in its peer's account before the next input is looked at.
    for (let i = sends; i < batch.sends.length; i++) {
      const send = batch.sends[i]!;
      if (send.data !== null) this.#delivery.post(send, now, this.#sequence + 1, batch);
    }
    if (ids === null) return;
    const keep = input.kind === 'message' ? this.#admission.target(input.envelope.type)?.contract.journal : 'full';
    this.#options.journal?.record({ room, input, at: now, causation, ids }, keep ?? 'full');
  }

  /** Everything of a batch becomes durable in one transaction; then, and only then, does it leave. */
  #commit(batch: Batch): void {
    const now = this.#options.clock.now();
    const writesSomething =
      batch.writes.list.length > 0 ||
      batch.entries.length > 0 ||
      batch.orders.length > 0 ||
      batch.sends.some(({ draft: { contract } }) => contract.durability === 'durable' || contract.risk === 'gated');
    const sequence = writesSomething ? this.#sequence + 1 : this.#sequence;
    for (const send of batch.sends) if (!send.posted) this.#delivery.post(send, now, sequence, batch);
    const actions = this.#effects.intend(batch, now, this.#nextId);
    this.#armTimers(batch);
    for (const { name, value } of batch.measures) this.#options.telemetry.measure(name, value);

    if (batch.writes.list.length > 0 || batch.entries.length > 0) {
      this.#sequence = sequence;
      const life = this.#life;
      const commit: Commit = { sequence, writes: batch.writes.list, entries: batch.entries };
      this.#options.store.commit(commit, (error) => {
        if (life === this.#life) this.#committed(error, commit);
      });
    }
    // Local delivery right after the batch, in send order: the receiver's own effects wait for a later sequence anyway.
    for (const { local } of batch.sends) if (local !== null) this.#urgent.push(local);
    this.#leave(this.#sequence, () => {
      for (const send of batch.sends) this.#delivery.leave(send);
      for (const act of actions) act();
      for (const leaving of batch.after) leaving.leave();
      this.#peers.flush(this.#nextId);
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
    if (this.#stalled || this.#urgent.length > 0 || this.#intake.inbox.size > 0) this.#scheduleTurn();
  }

  #leave(sequence: number, leave: () => void): void {
    if (sequence <= this.#durable) leave();
    else this.#waiting.push({ sequence, leave });
  }

  readonly #nextId = (): Id => this.#ids!.next();

  // ---- reload -------------------------------------------------------------------------------------------------------

  #forgetAll(): void {
    const options = this.#options;
    const life = this.#life;
    this.#taken = () => {
      if (life === this.#life) this.#turn();
    };
    this.#slots = new Map();
    this.#urgent = [];
    this.#timers = new Timers();
    this.#letters = new DeadLetters();
    const admission = new Admission(options, this.#halts, () => this.#missedHalt());
    const outbox = new Outbox(() => this.#jitter!.unit());
    this.#admission = admission;
    this.#effects = new EffectAdapter(options, admission, (flight, outcome) => {
      if (life !== this.#life || this.#phase !== 'open') return;
      this.#urgent.push({ kind: 'outcome', flight, outcome });
      this.#scheduleTurn();
    });
    this.#peers = new Peers(options, admission, outbox, (timer, at) => {
      this.#timers.arm(timer, at);
      if (life === this.#life && this.#phase === 'open') this.#armWake();
    });
    this.#delivery = new Delivery(options, admission, this.#letters, this.#peers, this.#nextId);
    this.#own = new OwnRoom({
      admission,
      letters: this.#letters,
      peers: this.#peers,
      delivery: this.#delivery,
      nextId: this.#nextId,
      handIn: (message) => {
        this.#strikes.set(messageName(message.envelope), STRIKES_MAX - 1);
        this.#urgent.push(message);
      },
      fire: (key, now) => {
        this.#strikes.set(`timer ${key}`, STRIKES_MAX - 1);
        this.#timers.arm(key.replace('/', '\u0000'), now);
      },
    });
    this.#intake = new Intake(
      options,
      {
        admission,
        letters: this.#letters,
        peers: this.#peers,
        own: this.#own,
        struckOut: (envelope) => this.#strikes.size > 0 && (this.#strikes.get(messageName(envelope)) ?? 0) >= STRIKES_MAX,
        feed: (room, envelope, now, batch) => this.#feed(room, { kind: 'message', envelope }, envelope.id, now, batch),
        nextId: this.#nextId,
      },
      seededRandom(`${options.seed}/${options.host}/keys/${life}`),
    );
    this.#waiting = [];
    this.#sequence = 0;
    this.#durable = 0;
    this.#turnScheduled = false;
    this.#stalled = false;
  }

  /** Drops all memory and rebuilds it from records under a new incarnation, as after a crash. */
  #reload(done: (error: Error | null) => void): void {
    this.#phase = 'opening';
    this.#life += 1;
    if (this.#life > 1) {
      const { host } = this.#options;
      this.#effects.cancelAll();
      this.#intake.disown({
        reason: 'unavailable',
        detail: `host ${host} is reloading from its records: offer the message again`,
      });
    }
    this.#forgetAll();
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
    this.#jitter = seededRandom(`${seed}/${host}/${HOST}/${incarnation}`);
    const now = this.#options.clock.now();
    const batch = new Batch();
    batch.audit({ kind: 'host.started', body: { host, incarnation, records: records.length } }, this.#nextId(), null, now);
    for (const make of rooms) {
      const room = make();
      assert(!this.#slots.has(room.name) && room.name !== HOST, `two rooms are called ${room.name}`);
      const random = roomRandom(seed, host, room.name, incarnation);
      const slot = new RoomSlot(room, { random, host, incarnation }, this.#nextId, this.#options.journal !== undefined);
      this.#slots.set(room.name, slot);
      for (const contract of room.contracts) this.#admission.register(contract, room.name);
      slot.load(recordsOf(records, room.name), now, batch);
      this.#options.journal?.record({ room: room.name, input: { kind: 'load' }, at: now, causation: null, ids: [] }, 'full');
    }
    this.#phase = 'open';
    this.#options.onCommitted(records, true);
    for (const record of records) if (record.room === HOST) this.#loadOwn(record, now, batch);
    for (const pending of this.#peers.outbox.heads()) batch.after.push({ leave: () => this.#peers.transmit(pending) });
    for (const letter of this.#letters.asked()) this.#own.retry(letter, now, batch);
    this.#commit(batch);
    this.#scheduleTurn();
    this.#armWake();
  }

  #loadOwn({ table, key, value: text }: StoredWrite, now: Millis, batch: Batch): void {
    const value = JSON.parse(text) as Json;
    switch (table) {
      case 'dedupe':
        return this.#intake.dedupe.load(key, value, now, batch);
      case 'outbox':
        return void this.#urgent.push(this.#delivery.load(key, value as unknown as Envelope));
      case own.DEAD_TABLE:
        return this.#letters.load(value as unknown as own.DeadLetter, text.length);
      case 'activity':
        return this.#effects.recover(value as never, (flight) => this.#givenUp(flight), batch);
      default:
        this.#peers.outbox.load(table, key, value, text.length);
    }
  }

  /** An outcome that its room could not bear is given as a refusal. */
  #givenUp(flight: InFlight): Refusal | null {
    const { room, key } = flight.request;
    const name = inputName({ kind: 'outcome', flight, outcome: { status: 'unknown', detail: '' } });
    if ((this.#strikes.get(name) ?? 0) < STRIKES_MAX) return null;
    return { reason: 'corrupt', detail: `the outcome of ${room}/${key} made the room ${room} fail ${STRIKES_MAX} times` };
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
      const now = this.#options.clock.now();
      const evidence = { input: name, error: error.message.slice(0, 4000), strikes };
      batch.audit({ kind: 'input.refused', body: evidence }, this.#nextId(), null, now);
      if (strikes === STRIKES_MAX) this.#giveUp(input, { reason: 'corrupt', detail: error.message }, now, batch);
      this.#commit(batch);
    });
  }

  #giveUp(input: Input, refusal: Refusal, now: Millis, batch: Batch): void {
    if (input.kind === 'message') {
      this.#intake.bury(input, refusal, now, batch);
      const { outbox } = input;
      if (outbox === null) return;
      batch.put(HOST, HOST_RECORD_VERSION, 'outbox', outbox, null);
      this.#urgent = this.#urgent.filter((other) => other.kind !== 'message' || other.outbox !== outbox);
    } else if (input.kind === 'timer') {
      const [room, key] = input.key.split('\u0000') as [string, string];
      const nothing = { type: '', source: '', audience: '', bytes: null, order: null, gated: false } as const;
      const dying = { key: `timer/${room}/${key}`, kind: 'timer', room, ...nothing } as const;
      this.#letters.add(dying, refusal, [], now, batch, this.#nextId);
    }
  }

  #fail(error: Error): void {
    this.#phase = 'failed';
    this.#options.clock.wakeAt(null);
    this.#effects.cancelAll();
    this.#life += 1;
    this.#options.onFailed(error);
  }

  // ---- halts --------------------------------------------------------------------------------------------------------

  #readHalts(done: (error: Error | null) => void): void {
    this.#options.halt!.read((error, records) => {
      if (error !== null) return done(error);
      for (const record of records) this.#hearHalt(record);
      this.#halts.complete();
      done(null);
    });
  }

  #hearHalt(record: HaltRecord): void {
    if (!this.#halts.merge(record) || this.#phase !== 'open') return;
    this.#effects.cancelHalted();
    this.#urgent.push({ kind: 'halt', record });
    this.#scheduleTurn();
  }

  /** Somebody halted and this host did not hear it: until the record is here, its lease permits nothing. */
  #missedHalt(): void {
    if (this.#readingHalts) return;
    this.#readingHalts = true;
    this.#readHalts(() => (this.#readingHalts = false)); // a failed one is tried again with the next effect that is refused
  }

  #wake(): void {
    if (this.#phase === 'open') this.#scheduleTurn();
  }

  #armTimers(batch: Batch): void {
    if (batch.timers.length === 0) return;
    for (const { key, at } of batch.timers) this.#timers.arm(key, at);
    batch.timers.length = 0;
  }

  #armWake(): void {
    this.#options.clock.wakeAt(this.#timers.next());
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled || this.#phase !== 'open') return;
    this.#turnScheduled = true;
    this.#options.schedule(this.#taken);
  }
}

function* recordsOf(records: readonly StoredWrite[], room: string): Iterable<StoredRecord> {
  for (const { room: owner, table, key, version, value } of records) {
    if (owner === room) yield { table, key, version, value: JSON.parse(value) as Json };
  }
}

function refused(reason: Refusal['reason'], detail: string): Delivered {
  return { ok: false, refusal: { reason, detail } };
}
