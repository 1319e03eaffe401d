/** What every Clock promises. */
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/ports/index.ts';

export interface ClockBench {
  readonly clock: Clock;
  /** Lets time pass until the promise settles. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  /** Host time goes on by at least so much, without touching this clock's alarm. */
  readonly pass: (ms: number) => Promise<void>;
}

export function clockConformance(name: string, makeClock: () => ClockBench): void {
  describe(`${name} as a clock`, () => {
    it('tells whole milliseconds that never decrease', async () => {
      const { clock, wait } = makeClock();
      let last = clock.now();
      let lastMonotonic = clock.monotonic();
      for (let i = 0; i < 20; i++) {
        await wait(wakeAt(clock, clock.now() + (i % 2)));
        const now = clock.now();
        expect(Number.isInteger(now)).toBe(true);
        expect(now).toBeGreaterThanOrEqual(last);
        expect(clock.monotonic()).toBeGreaterThanOrEqual(lastMonotonic);
        last = now;
        lastMonotonic = clock.monotonic();
      }
    });

    it('never wakes before the time it was asked for', async () => {
      const { clock, wait } = makeClock();
      for (let i = 0; i < 30; i++) {
        const at = clock.now() + 1 + (i % 5);
        await wait(wakeAt(clock, at));
        expect(clock.now()).toBeGreaterThanOrEqual(at);
      }
    });

    it('wakes later, not inside wakeAt, also for a time that has passed', async () => {
      const { clock, wait } = makeClock();
      let inside = true;
      const woken = new Promise<boolean>((resolve) => clock.onWake(() => resolve(inside)));
      clock.wakeAt(clock.now() - 1000);
      inside = false;
      expect(await wait(woken)).toBe(false);
    });

    it('wakes once, for the last time it was asked for, and not when disarmed', async () => {
      const { clock, pass } = makeClock();
      const wakes: number[] = [];
      const start = clock.now();
      clock.onWake(() => wakes.push(clock.now()));
      clock.wakeAt(start + 5);
      clock.wakeAt(start + 1);
      clock.wakeAt(start + 10);
      clock.wakeAt(null);
      await pass(15);
      expect(wakes).toEqual([]);
      clock.wakeAt(clock.now() + 1);
      await pass(15);
      expect(wakes).toHaveLength(1);
    });
  });
}

function wakeAt(clock: Clock, at: number): Promise<void> {
  return new Promise((resolve) => {
    clock.onWake(resolve);
    clock.wakeAt(at);
  });
}
