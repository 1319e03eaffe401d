import type { Millis, MonotonicMillis } from '../kernel/index.ts';

/** Time for one host. */
export interface Clock {
  /** Host time, never decreasing. */
  now(): Millis;
  monotonic(): MonotonicMillis;
  /** Calls `wake` once, never before `at`; a new call replaces the old one, null disarms. */
  wakeAt(at: Millis | null): void;
  onWake(wake: () => void): void;
}
