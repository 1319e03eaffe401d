/**
 * Tells when the clock of a host was set and not steered, by host time against monotonic time between two looks. It changes
 * nothing: deadlines stay at the host time that they were armed for.
 */
import type { Millis, MonotonicMillis } from '../kernel/index.ts';

const STEERED_PPM = 500; // as far as a time daemon slews
const DRIFT_PPM = 100; // of an ordinary oscillator, on top of it
const ROUNDING: Millis = 2; // both clocks are read in whole milliseconds, one after the other

export class ClockSteps {
  #now: Millis | null = null;
  #monotonic = 0;

  /** By how much it was set since the last look; 0: not beyond what steering explains. */
  look(now: Millis, monotonic: MonotonicMillis): Millis {
    const passed = monotonic - this.#monotonic;
    const by = this.#now === null ? 0 : Math.round(now - this.#now - passed);
    this.#now = now;
    this.#monotonic = monotonic;
    return Math.abs(by) > ROUNDING + (passed * (STEERED_PPM + DRIFT_PPM)) / 1_000_000 ? by : 0;
  }
}
