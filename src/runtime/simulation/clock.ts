/** A host's clock on virtual time. It may be off by a constant and wake late, never early, and it never runs backwards. */
import type { Millis, MonotonicMillis, Random } from '../../kernel/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Scheduled, Timeline } from './timeline.ts';

/** Host time at virtual time 0: an ordinary date, so that nothing takes small numbers for granted. */
export const EPOCH: Millis = 1_800_000_000_000;

export interface SimClockOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** Host time minus virtual time, beyond the epoch. */
  readonly offset?: Millis;
  readonly wakeDelayMax?: () => Millis;
}

export class SimClock implements Clock {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #offset: Millis;
  readonly #wakeDelayMax: () => Millis;
  readonly #startedAt: Millis;
  #wake: () => void = () => {};
  #armed: Scheduled | null = null;

  constructor(options: SimClockOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#offset = EPOCH + (options.offset ?? 0);
    this.#wakeDelayMax = options.wakeDelayMax ?? (() => 0);
    this.#startedAt = options.timeline.now;
  }

  now(): Millis {
    return this.#timeline.now + this.#offset;
  }

  monotonic(): MonotonicMillis {
    return this.#timeline.now - this.#startedAt;
  }

  wakeAt(at: Millis | null): void {
    this.#armed?.cancel();
    this.#armed = null;
    if (at === null) return;
    const late = this.#random.below(this.#wakeDelayMax() + 1);
    this.#armed = this.#timeline.at(Math.max(this.#timeline.now, at - this.#offset) + late, () => {
      this.#armed = null;
      this.#wake();
    });
  }

  onWake(wake: () => void): void {
    this.#wake = wake;
  }
}
