/**
 * The halt record of a simulated fleet and the leases that its holder grants: durable after a while, heard by each host after
 * another, and not at all by a host that is cut off. Leases are renewed twice a second; they are computed when asked for, so
 * that a fleet at rest costs no events.
 */
import type { Millis, MonotonicMillis, Random } from '../../kernel/index.ts';
import type { Halt, HaltRecord, PermissionLease } from '../../ports/index.ts';
import type { Timeline } from './timeline.ts';

export const LEASE_MS: Millis = 2000;
const RENEWAL_MS: Millis = 500;

export interface SimHaltOptions {
  readonly timeline: Pick<Timeline, 'now' | 'after'>;
  readonly random: Random;
  /** How long a record takes to be durable, and again to be heard. */
  readonly delayMax?: () => Millis;
}

interface Durable {
  readonly record: HaltRecord;
  readonly at: Millis;
}

export class SimHaltRegister {
  readonly #options: SimHaltOptions;
  readonly #durable: Durable[] = [];
  readonly #heard: ((record: HaltRecord) => void)[] = [];

  constructor(options: SimHaltOptions) {
    this.#options = options;
  }

  /** In the order in which they became durable. */
  get records(): readonly HaltRecord[] {
    return this.#durable.map(({ record }) => record);
  }

  /** What one host holds. `monotonic` is its own clock. */
  port(monotonic: () => MonotonicMillis): SimHalt {
    const halt = new SimHalt(this, this.#options, monotonic);
    this.#heard.push((record) => this.#later(() => halt.hear(record)));
    return halt;
  }

  append(record: HaltRecord, done: (error: Error | null) => void): void {
    this.#later(() => {
      this.#durable.push({ record, at: this.#options.timeline.now });
      for (const hear of this.#heard) hear(record);
      done(null);
    });
  }

  epochAt(time: Millis): number {
    return this.#durable.reduce((epoch, { record, at }) => (at <= time ? Math.max(epoch, record.epoch) : epoch), 0);
  }

  #later(act: () => void): void {
    const { timeline, random, delayMax } = this.#options;
    timeline.after(1 + random.below((delayMax?.() ?? 0) + 1), act);
  }
}

export class SimHalt implements Halt {
  readonly #register: SimHaltRegister;
  readonly #timeline: SimHaltOptions['timeline'];
  readonly #monotonic: () => MonotonicMillis;
  readonly #listeners: ((record: HaltRecord) => void)[] = [];
  #cutAt: Millis | null = null;

  constructor(register: SimHaltRegister, { timeline }: SimHaltOptions, monotonic: () => MonotonicMillis) {
    this.#register = register;
    this.#timeline = timeline;
    this.#monotonic = monotonic;
  }

  /** From now on it hears nothing: no record, no renewal. */
  cut(): void {
    this.#cutAt ??= this.#timeline.now;
  }

  heal(): void {
    this.#cutAt = null;
  }

  hear(record: HaltRecord): void {
    if (this.#cutAt === null) for (const listen of this.#listeners) listen(record);
  }

  read(done: (error: Error | null, records: readonly HaltRecord[]) => void): void {
    this.#timeline.after(1, () => {
      if (this.#cutAt === null) done(null, this.#register.records);
      else done(new Error('the holder of the halt record cannot be reached'), []);
    });
  }

  append(record: HaltRecord, done: (error: Error | null) => void): void {
    this.#register.append(record, done);
  }

  onRecord(listener: (record: HaltRecord) => void): void {
    this.#listeners.push(listener);
  }

  lease(): PermissionLease | null {
    const { now } = this.#timeline;
    const renewed = Math.floor((this.#cutAt ?? now) / RENEWAL_MS) * RENEWAL_MS;
    return { until: this.#monotonic() + renewed + LEASE_MS - now, epoch: this.#register.epochAt(renewed) };
  }
}
