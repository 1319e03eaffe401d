import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { callAt, embeddedClock } from './clock.ts';

describe('the embedded clock', () => {
  let wall = 0;
  let monotonic = 0;
  const clockOver = (floor?: number): ReturnType<typeof embeddedClock> =>
    embeddedClock({ wall: () => wall, monotonic: () => monotonic, ...(floor === undefined ? {} : { floor }) });
  beforeEach(() => {
    wall = 1_000_000;
    monotonic = 50;
  });
  const pass = (ms: number): void => {
    wall += ms;
    monotonic += ms;
  };

  it('follows the wall clock forward, also over a step or a sleep of the machine', () => {
    const clock = clockOver();
    expect(clock.now()).toBe(1_000_000);
    pass(10);
    expect(clock.now()).toBe(1_000_010);
    wall += 3_600_000;
    expect(clock.now()).toBe(4_600_010);
  });

  it('goes on at the monotonic rate when the wall clock is set back', () => {
    const clock = clockOver();
    clock.now();
    wall -= 3_600_000;
    pass(500);
    expect(clock.now()).toBe(1_000_500);
  });

  it('starts at its floor when the wall clock reads earlier than the last run', () => {
    const clock = clockOver(2_000_000);
    expect(clock.now()).toBe(2_000_000);
    pass(7);
    expect(clock.now()).toBe(2_000_007);
  });
});

describe('callAt', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('waits again when the timer fires before the time', () => {
    let now = 0;
    let woken = 0;
    callAt(
      () => now,
      10,
      () => (woken += 1),
    );
    now = 9;
    vi.advanceTimersByTime(10);
    expect(woken).toBe(0);
    now = 10;
    vi.advanceTimersByTime(1);
    expect(woken).toBe(1);
    vi.advanceTimersByTime(1000);
    expect(woken).toBe(1);
  });

  it('waits for more than 2^31 ms', () => {
    const start = Date.now();
    let wokenAt = 0;
    const delay = 2 ** 31 * 2.5;
    callAt(Date.now, start + delay, () => (wokenAt = Date.now()));
    vi.advanceTimersByTime(delay - 1);
    expect(wokenAt).toBe(0);
    vi.advanceTimersByTime(1);
    expect(wokenAt).toBe(start + delay);
  });

  it('does not call after it was disarmed', () => {
    let woken = 0;
    const disarm = callAt(Date.now, Date.now() + 5, () => (woken += 1));
    disarm();
    vi.advanceTimersByTime(100);
    expect(woken).toBe(0);
  });
});
