/**
 * A host's clock on virtual time. The oscillator is the machine's and outlives its processes: off by a constant, fast or slow by
 * some parts per million, sometimes set by somebody. What a process reads never runs backwards: a clock that was set back is
 * steered there at 500 ppm; one that was set forward jumps. It may wake late, never early.
 */
import type { Millis, MonotonicMillis, Random } from '../../kernel/index.ts';
import type { Clock } from '../../ports/index.ts';
import type { Scheduled, Timeline } from './timeline.ts';

/** Host time at virtual time 0: an ordinary date, so that nothing takes small numbers for granted. */
export const EPOCH: Millis = 1_800_000_000_000;

const STEERED_PPM = 500; // as far as a time daemon slews; a second takes 33 minutes

export class Oscillator {
  readonly #timeline: Timeline;
  readonly #ppm: number;
  /** Host time was `#host` at virtual time `#since`, and since then gains `#rate` millionths. */
  #host: Millis;
  #since: Millis = 0;
  #rate: number;
  /** Virtual time at which what was set back has been steered away. */
  #steeredUntil: Millis = 0;
  readonly #onStep = new Set<() => void>();

  /** `offset` = host time minus virtual time at 0, beyond the epoch. */
  constructor(timeline: Timeline, offset: Millis = 0, ppm = 0) {
    this.#timeline = timeline;
    this.#ppm = ppm;
    this.#rate = ppm;
    this.#host = EPOCH + offset;
  }

  now(): Millis {
    const { now } = this.#timeline;
    if (this.#steeredUntil !== 0 && now >= this.#steeredUntil) {
      this.#rebase(this.#steeredUntil);
      this.#steeredUntil = 0;
      this.#rate = this.#ppm;
    }
    return Math.floor(this.#at(now));
  }

  /** Virtual time at which this clock shows `host`, were it not touched again; never too early. */
  reaches(host: Millis): Millis {
    const ahead = host - this.now();
    if (ahead <= 0) return this.#timeline.now;
    return this.#timeline.now + Math.ceil((ahead * 1_000_000) / (1_000_000 + this.#rate));
  }

  /** Somebody sets it: by `delta` ms. */
  step(delta: Millis): void {
    this.now();
    this.#rebase(this.#timeline.now);
    if (delta >= 0) {
      this.#host += delta;
    } else {
      this.#rate = this.#ppm - STEERED_PPM;
      const from = Math.max(this.#steeredUntil, this.#timeline.now);
      this.#steeredUntil = from + Math.ceil((-delta * 1_000_000) / STEERED_PPM);
    }
    for (const tell of this.#onStep) tell();
  }

  onStep(tell: () => void): void {
    this.#onStep.add(tell);
  }

  offStep(tell: () => void): void {
    this.#onStep.delete(tell);
  }

  #at(virtual: Millis): number {
    const passed = virtual - this.#since;
    return this.#host + passed + (passed * this.#rate) / 1_000_000;
  }

  #rebase(virtual: Millis): void {
    this.#host = this.#at(virtual);
    this.#since = virtual;
  }
}

export interface SimClockOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** The machine's; default: a true one. */
  readonly oscillator?: Oscillator;
  /** Of a true one: host time minus virtual time, beyond the epoch. */
  readonly offset?: Millis;
  readonly wakeDelayMax?: () => Millis;
}

export class SimClock implements Clock {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #oscillator: Oscillator;
  readonly #wakeDelayMax: () => Millis;
  readonly #startedAt: Millis;
  readonly #stepped = (): void => {
    if (this.#wanted !== null) this.wakeAt(this.#wanted);
  };
  #wake: () => void = () => {};
  #wanted: Millis | null = null;
  #armed: Scheduled | null = null;

  constructor(options: SimClockOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#oscillator = options.oscillator ?? new Oscillator(options.timeline, options.offset);
    this.#wakeDelayMax = options.wakeDelayMax ?? (() => 0);
    this.#startedAt = options.timeline.now;
  }

  now(): Millis {
    return this.#oscillator.now();
  }

  monotonic(): MonotonicMillis {
    return this.#timeline.now - this.#startedAt;
  }

  wakeAt(at: Millis | null): void {
    this.#armed?.cancel();
    this.#armed = null;
    if ((at === null) !== (this.#wanted === null)) {
      if (at === null) this.#oscillator.offStep(this.#stepped);
      else this.#oscillator.onStep(this.#stepped);
    }
    this.#wanted = at;
    if (at === null) return;
    const late = this.#random.below(this.#wakeDelayMax() + 1);
    this.#armed = this.#timeline.at(this.#oscillator.reaches(at) + late, () => {
      // The clock was slowed meanwhile: not yet.
      if (this.#oscillator.now() < at) return this.wakeAt(at);
      this.#armed = null;
      this.#wanted = null;
      this.#oscillator.offStep(this.#stepped);
      this.#wake();
    });
  }

  onWake(wake: () => void): void {
    this.#wake = wake;
  }
}
