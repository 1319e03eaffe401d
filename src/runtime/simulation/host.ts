/**
 * A host as a process that can die: the real `Host` on simulated ports, with a step counted at every border that a crash can
 * fall on. A death makes all ports of that life inert at once, loses what was not durable, orphans or kills its activities,
 * and after a while the next life opens the same store. Callers keep a message until it is acknowledged, as senders must.
 *
 *   message · turn · wake · outcome   an input arrives          handled   its batch is made, nothing is issued
 *   issued                            commit on its way         durable   on disk, the host does not know
 *   start · <activity> <point>        effects leave             open · opened   recovery itself
 */
import type { Millis, Random } from '../../kernel/index.ts';
import {
  type Activities,
  type Bus,
  type Clock,
  type Gate,
  type Halt,
  type Permit,
  type RecordWrite,
  type Room,
  type Store,
  StoreError,
  type Survives,
} from '../../ports/index.ts';
import { type Envelope, isRetryable, type Refusal } from '../../protocol/index.ts';
import { Host, type HostOptions } from '../../host/index.ts';
import { SimActivities, type SimActivity } from './activities.ts';
import { SimBus } from './bus.ts';
import { Oscillator, SimClock } from './clock.ts';
import type { Simulation } from './simulation.ts';
import { type CrashKind, type SimDisk, SimStore } from './store.ts';

export interface SimHostOptions {
  readonly simulation: Simulation;
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  readonly rooms: readonly (() => Room)[];
  readonly table: ReadonlyMap<string, SimActivity>;
  readonly permit?: Permit;
  readonly gate?: Gate;
  /** Its port of a halt record; leases count on virtual time. */
  readonly halt?: Halt;
  readonly survives?: Survives;
  /** Default: a new, empty one. */
  readonly disk?: SimDisk;
  /** As the host takes it: its table is made anew at every start. */
  readonly idempotencyKeysMax?: number;
  /** Of a clock that is the machine's alone; default: a true one, off by `clockOffset`. */
  readonly oscillator?: Oscillator;
  readonly clockOffset?: Millis;
  /** Its port of a network of hosts. Then whoever sends to it keeps the message and sends it again, and nobody here does. */
  readonly bus?: Bus;
  /** Restarts by itself after a crash; default true. */
  readonly restarts?: boolean;
  onCommitted?(writes: readonly RecordWrite[], loaded: boolean): void;
  /** A caller was told that its message is in safe hands, by an acknowledgement or as a duplicate. */
  onAcknowledged?(envelope: Envelope): void;
  /** A caller's message was refused for good. */
  onRefused?(envelope: Envelope, refusal: Refusal): void;
  onCrash?(): void;
  /** Puts something between the host and its ports: how a test plants a bug in the host. */
  tamper?(ports: SimPorts): SimPorts;
}

/** Everything through which a host meets the world, and its rooms: where a test may put a planted bug. */
export interface SimPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly activities: Activities;
  readonly halt?: Halt;
}

interface Life {
  readonly number: number;
  readonly host: Host;
  open: boolean;
}

const OFFER_AGAIN: Millis = 5000; // a caller that hears nothing asks again after this

export class SimHost {
  readonly store: SimStore;
  readonly activities: SimActivities;
  readonly bus: Bus;
  readonly #oscillator: Oscillator;
  readonly #options: SimHostOptions;
  readonly #simulation: Simulation;
  readonly #random: Random;
  readonly #address: string;
  /** What callers sent and was not yet acknowledged, in order. */
  readonly #unacknowledged = new Map<string, Envelope>();
  #life: Life | null = null;
  #lives = 0;
  /** Why the halt record could not be read last. */
  #haltUnread: Error | null = null;

  constructor(options: SimHostOptions) {
    const { simulation, realm, host, table } = options;
    this.#options = options;
    this.#simulation = simulation;
    this.#address = `host:${realm}/${host}`;
    const { timeline } = simulation;
    const random = simulation.random.stream(`host ${host}`);
    this.#random = random.stream('life');
    this.#oscillator = options.oscillator ?? new Oscillator(timeline, options.clockOffset);
    this.store = new SimStore({
      timeline,
      realm,
      host,
      random: random.stream('store'),
      ...(options.survives === undefined ? {} : { survives: options.survives }),
      ...(options.disk === undefined ? {} : { disk: options.disk }),
      commitDelayMax: () => simulation.faults.commitDelayMax,
      commitFailed: () => simulation.faults.commitFailed,
      torn: () => simulation.faults.torn,
      flip: () => simulation.faults.flip,
    });
    this.activities = new SimActivities({
      timeline,
      table,
      random: random.stream('activities'),
      now: () => this.#oscillator.now(),
      resultDelayMax: () => simulation.faults.resultDelayMax,
      activityFailed: () => simulation.faults.activityFailed,
      orphanStep: () => simulation.faults.orphanStep,
      reaches: (request, step) => this.#reaches(this.#life, `${request.name} ${request.key} ${step}`),
    });
    this.bus =
      options.bus ??
      new SimBus({
        timeline,
        random: random.stream('bus'),
        messageDelayMax: () => simulation.faults.messageDelayMax,
        duplicate: () => simulation.faults.duplicate,
      });
  }

  get alive(): boolean {
    return this.#life !== null;
  }

  /** Nothing is on its way: no unheard message, no commit, no activity. */
  get idle(): boolean {
    return this.#unacknowledged.size === 0 && this.store.pending === 0 && this.activities.waiting === 0;
  }

  /** Begins a life: opens the store and goes on from its records. */
  start(): void {
    if (this.#life !== null) return;
    if (!this.#simulation.faults.orphansOutliveRestart) this.activities.reap();
    this.#lives += 1;
    const number = this.#lives;
    const current = (): Life | null => (this.#life?.number === number ? this.#life : null);
    const options = this.#options;
    const host = new Host({
      realm: options.realm,
      host: options.host,
      rooms: options.rooms,
      ...this.#ports(current),
      telemetry: { measure: () => {} },
      permit: options.permit ?? (() => null),
      ...(options.gate === undefined ? {} : { gate: options.gate }),
      ...(options.idempotencyKeysMax === undefined ? {} : { idempotencyKeysMax: options.idempotencyKeysMax }),
      seed: this.#simulation.seed,
      schedule: (turn) => {
        const late = this.#random.below(this.#simulation.faults.turnDelayMax + 1);
        this.#simulation.timeline.after(late, () => this.#enter(current(), 'turn', turn));
      },
      onCommitted: (writes, loaded) => {
        if (current() !== null) options.onCommitted?.(writes, loaded);
      },
      onFailed: (error) => this.#simulation.violation('host-failed', error.message),
    } satisfies HostOptions);
    this.#life = { number, host, open: false };
    this.bus.attach(this.#address, (envelope) => this.#receive(current(), envelope));
    this.#enter(current(), 'open', () => {
      host.open((error) => {
        const life = current();
        if (life === null) return;
        if (error !== null) return this.#refusedToOpen(error);
        life.open = true;
        for (const envelope of this.#unacknowledged.values()) this.bus.send(envelope);
      });
    });
  }

  /** A disk that was damaged is restored by somebody; anything else that keeps a host from opening is a finding. */
  #refusedToOpen(error: Error): void {
    if (error === this.#haltUnread) return this.crash(); // tried again until it can be reached
    if (!(error instanceof StoreError && error.code === 'corrupt'))
      return this.#simulation.violation('host-failed', `open: ${error.message}`);
    this.crash();
    this.store.restore();
  }

  /** The process dies here and now. */
  crash(kind: CrashKind = 'process-kill'): void {
    if (this.#life === null) return;
    this.#simulation.record('crash');
    this.#life = null;
    this.bus.detach(this.#address);
    this.store.crash(kind);
    this.activities.crash();
    this.#options.onCrash?.();
    if (this.#options.restarts === false) return;
    const delay = 1 + this.#random.below(this.#simulation.faults.restartDelayMax);
    this.#simulation.timeline.after(delay, () => this.start());
  }

  /** Sends as a caller does: again and again, under one idempotency key, until the host says that it is durable. */
  send(envelope: Envelope): void {
    this.#unacknowledged.set(envelope.id, envelope);
    this.#offer(envelope);
  }

  #offer(envelope: Envelope): void {
    if (!this.#unacknowledged.has(envelope.id)) return;
    if (this.#life?.open === true) this.bus.send(envelope);
    this.#simulation.timeline.after(OFFER_AGAIN, () => this.#offer(envelope));
  }

  #receive(life: Life | null, envelope: Envelope): boolean {
    if (life === null) return false;
    if (!this.#reaches(life, 'message', envelope.type)) return true;
    try {
      this.#deliver(life.host, envelope);
    } catch (error) {
      this.#threw(error);
    }
    return true;
  }

  #deliver(host: Host, envelope: Envelope): void {
    const delivered = host.deliver(envelope, (refusal) => {
      if (refusal === null) this.#heard(envelope);
      else if (this.#networked && !isRetryable(refusal.reason)) this.#options.onRefused?.(envelope, refusal);
    });
    if (delivered.ok) return;
    const { refusal } = delivered;
    if (refusal.reason === 'unavailable' || refusal.reason === 'overloaded') return; // offered again later
    if (refusal.reason === 'duplicate') return this.#heard(envelope);
    if (this.#unacknowledged.delete(envelope.id) || this.#networked) this.#options.onRefused?.(envelope, refusal);
  }

  #heard(envelope: Envelope): void {
    const waited = this.#unacknowledged.size > 0 && this.#unacknowledged.delete(envelope.id);
    if (waited || this.#networked) this.#options.onAcknowledged?.(envelope);
  }

  get #networked(): boolean {
    return this.#options.bus !== undefined;
  }

  /** Whether `life` is the present one and goes on living beyond this step. */
  #reaches(life: Life | null, step: string, subject = '', sequence = -1): boolean {
    if (life === null || life !== this.#life) return false;
    if (!this.#simulation.dies(step, subject, sequence)) return true;
    this.crash();
    return false;
  }

  /** An event of the world enters the host. What the host throws there is a finding, and the end of this life. */
  #enter(life: Life | null, step: string, run: () => void): void {
    if (this.#reaches(life, step)) this.#guard(run);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#threw(error);
    }
  }

  #haltOf(halt: Halt, enter: (step: string, run: () => void) => void): Halt {
    const startedAt = this.#simulation.now;
    return {
      read: (done) =>
        halt.read((error, records) =>
          enter('halts', () => {
            this.#haltUnread = error;
            done(error, records);
          }),
        ),
      append: (record, done) => halt.append(record, (error) => enter('appended', () => done(error))),
      onRecord: (listener) => halt.onRecord((record) => enter('halt', () => listener(record))),
      lease: () => {
        const lease = halt.lease();
        return lease === null ? null : { ...lease, until: lease.until - startedAt };
      },
    };
  }

  #threw(error: unknown): void {
    this.#simulation.violation('exception', error instanceof Error ? `${error.message}\n${error.stack}` : String(error));
    this.crash();
  }

  /** The ports of one life: after its death calls go nowhere and nothing comes back. */
  #ports(current: () => Life | null): SimPorts {
    const { timeline, random } = this.#simulation;
    const reaches = (step: string, subject?: string, sequence?: number): boolean =>
      this.#reaches(current(), step, subject, sequence);
    const enter = (step: string, run: () => void): void => this.#enter(current(), step, run);
    const { store, activities, bus } = this;
    const clock = new SimClock({
      timeline,
      random: random.stream(`clock ${this.#lives}`),
      oscillator: this.#oscillator,
      wakeDelayMax: () => this.#simulation.faults.wakeDelayMax,
    });
    const { halt } = this.#options;
    const ports: SimPorts = {
      ...(halt === undefined ? {} : { halt: this.#haltOf(halt, enter) }),
      store: {
        survives: store.survives,
        open: (done) => store.open((error, opened) => enter('opened', () => done(error, opened))),
        commit: (commit, done) => {
          if (!reaches('handled', '', commit.sequence)) return;
          store.commit(commit, (error, sequence) => {
            if (reaches(error === null ? 'durable' : 'failed', '', sequence)) this.#guard(() => done(error, sequence));
          });
          reaches('issued', '', commit.sequence);
        },
        close: (done) => {
          if (reaches('close')) store.close(() => enter('closed', done));
        },
      },
      clock: {
        now: () => clock.now(),
        monotonic: () => clock.monotonic(),
        wakeAt: (at) => clock.wakeAt(current() === null ? null : at),
        onWake: (wake) => clock.onWake(() => enter('wake', wake)),
      },
      bus: {
        send: (envelope) => {
          if (reaches('send', envelope.type)) bus.send(envelope);
        },
        pressured: (audience) => bus.pressured(audience),
        attach: (address, receive) => bus.attach(address, receive),
        detach: (address) => bus.detach(address),
        resume: (address) => bus.resume(address),
      },
      activities: {
        start: (request, done) => {
          const label = `${request.name} ${request.key} ${request.fence}.${request.attempt}`;
          if (!reaches(`start ${label}`)) return;
          activities.start(request, (outcome) => enter(`outcome ${label} ${outcome.status}`, () => done(outcome)));
        },
        cancel: (room, key, fence) => {
          if (reaches(`cancel ${key} ${fence}`)) activities.cancel(room, key, fence);
        },
      },
    };
    return this.#options.tamper?.(ports) ?? ports;
  }
}
