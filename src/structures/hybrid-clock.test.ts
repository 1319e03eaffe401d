import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareStamps, HybridClock, type HybridStamp } from './hybrid-clock.ts';

const AHEAD = 5_000;

function stampOf(clock: HybridClock, now: number): HybridStamp {
  const mark = clock.markBefore(now);
  if (mark !== null) clock.marked(mark);
  return clock.stamp(now);
}

describe('a hybrid clock', () => {
  it('follows real time, and counts within a millisecond and while time stands still or goes back', () => {
    const clock = new HybridClock(AHEAD, 0);
    expect([10, 10, 9, 11].map((now) => stampOf(clock, now))).toEqual([
      { ms: 10, count: 0 },
      { ms: 10, count: 1 },
      { ms: 10, count: 2 },
      { ms: 11, count: 0 },
    ]);
  });

  it('is greater than what it received, also in the same millisecond and with a full counter', () => {
    const clock = new HybridClock(AHEAD, 0);
    expect(clock.receive({ ms: 20, count: 65_535 }, 20)).toBe(0);
    expect(stampOf(clock, 20)).toEqual({ ms: 21, count: 0 });
    expect(clock.receive({ ms: 3, count: 3 }, 20)).toBe(0); // the past is always taken, and changes nothing
    expect(clock.last).toEqual({ ms: 21, count: 0 });
  });

  it('holds what comes from too far ahead without moving, until time comes near', () => {
    const clock = new HybridClock(AHEAD, 0);
    const future = { ms: 7_000, count: 0 };
    expect(clock.receive(future, 1_000)).toBe(1_000);
    expect(stampOf(clock, 1_000)).toEqual({ ms: 1_000, count: 0 });
    expect(clock.receive(future, 2_000)).toBe(0);
  });

  it('begins above its durable mark after a crash, and refuses to stamp above one that is not durable', () => {
    const clock = new HybridClock(AHEAD, 0);
    expect(() => clock.stamp(100)).toThrow('a stamp at 100 is above the durable mark 0');
    const mark = clock.markBefore(100)!;
    clock.marked(mark);
    const before = [100, 1_500, mark].map((now) => clock.stamp(now));
    const again = new HybridClock(AHEAD, mark);
    expect(compareStamps(stampOf(again, 101), before.at(-1)!)).toBeGreaterThan(0);
  });

  it('orders cause before effect among clocks that differ, and none runs ahead of the fastest', () => {
    const step = fc.record({ who: fc.nat(2), to: fc.nat(2), after: fc.nat(50) });
    const offsets = fc.tuple(fc.nat(9_000), fc.nat(9_000), fc.nat(9_000));
    let held = 0;
    fc.assert(
      fc.property(offsets, fc.array(step, { maxLength: 80 }), (offset, steps) => {
        const clocks = offset.map(() => new HybridClock(AHEAD, 0));
        const latest: HybridStamp[] = offset.map(() => ({ ms: -1, count: 0 }));
        let time = 0;
        for (const { who, to, after } of steps) {
          time += after;
          const stamp = stampOf(clocks[who]!, time + offset[who]!);
          expect(compareStamps(stamp, latest[who]!)).toBeGreaterThan(0);
          latest[who] = stamp;
          const now = time + offset[to]!;
          const wait = clocks[to]!.receive(stamp, now);
          if (wait === 0) {
            if (compareStamps(stamp, latest[to]!) > 0) latest[to] = stamp;
          } else {
            held += 1;
            expect(clocks[to]!.receive(stamp, now + wait - 1)).toBe(1);
          }
          expect(clocks[to]!.last.ms).toBeLessThanOrEqual(Math.max(now + AHEAD, latest[to]!.ms));
          expect(stamp.ms).toBeLessThanOrEqual(time + Math.max(...offset));
        }
      }),
      { seed: 3, numRuns: 200 },
    );
    expect(held).toBeGreaterThan(50);
  });
});
