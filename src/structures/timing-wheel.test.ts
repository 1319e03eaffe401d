import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimingWheel } from './timing-wheel.ts';

const ORIGIN = 1_000_000;

function fired(wheel: TimingWheel, now: number): [number, number][] {
  const all: [number, number][] = [];
  wheel.advance(now, (timer, at) => all.push([timer, at - ORIGIN]));
  return all;
}

describe('a timing wheel', () => {
  it('fires by time and then by arming, as a sorted list does, however far and however long it slept', () => {
    const delay = fc.oneof(fc.nat(3), fc.nat(300), fc.nat(70_000), fc.nat(20_000_000), fc.nat(10_000_000_000));
    const command = fc.tuple(fc.constantFrom('arm', 'arm', 'cancel', 'advance'), fc.nat(9), delay);
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const wheel = new TimingWheel(10, ORIGIN);
        let list: { timer: number; at: number; armed: number }[] = [];
        let now = 0; // the first tick that was not fired
        for (const [i, [what, timer, ms]] of commands.entries()) {
          const isArmed = list.some((each) => each.timer === timer);
          if (what === 'advance') {
            const due = list.filter(({ at }) => at <= now + ms).toSorted((a, b) => a.at - b.at || a.armed - b.armed);
            expect(fired(wheel, ORIGIN + now + ms)).toEqual(due.map((each) => [each.timer, each.at]));
            list = list.filter((each) => !due.includes(each));
            now += ms + 1;
          } else {
            if (what === 'cancel') expect(wheel.cancel(timer)).toBe(isArmed);
            else wheel.arm(timer, ORIGIN + now + ms);
            list = list.filter((each) => each.timer !== timer);
            if (what === 'arm') list.push({ timer, at: now + ms, armed: i });
          }
          expect(wheel.armed).toBe(list.length);
          const first = Math.min(...list.map(({ at }) => at));
          const next = wheel.nextAt();
          if (next === null) expect(list).toEqual([]);
          else {
            expect(next - ORIGIN).toBeLessThanOrEqual(first);
            expect(next - ORIGIN).toBeGreaterThanOrEqual(now);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('never fires early, not even by a part of a millisecond', () => {
    const wheel = new TimingWheel(1, ORIGIN);
    wheel.arm(0, ORIGIN + 10.2);
    expect(fired(wheel, ORIGIN + 10.9)).toEqual([]);
    expect(fired(wheel, ORIGIN + 11)).toEqual([[0, 11]]);
  });

  it('lets what fires cancel others of the same moment and arm itself for later, without an endless turn', () => {
    const wheel = new TimingWheel(3, ORIGIN);
    for (const timer of [0, 1, 2]) wheel.arm(timer, ORIGIN + 5);
    const seen: number[] = [];
    wheel.advance(ORIGIN + 7, (timer, at) => {
      seen.push(timer);
      wheel.cancel(1);
      if (timer === 0) wheel.arm(0, at); // due already: with the next millisecond
    });
    expect(seen).toEqual([0, 2, 0, 0]);
    expect([wheel.armed, wheel.nextAt()]).toEqual([1, ORIGIN + 8]);
  });

  it('needs few wake-ups to reach a far timer', () => {
    const wheel = new TimingWheel(1, ORIGIN);
    wheel.arm(0, ORIGIN + 123_456_789);
    let wakes = 0;
    for (let all: unknown[] = []; all.length === 0; wakes++) all = fired(wheel, wheel.nextAt()!);
    expect(wakes).toBeLessThanOrEqual(5);
  });
});
