import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../kernel/index.ts';
import { EPOCH, Oscillator, SimClock } from './clock.ts';
import { Timeline } from './timeline.ts';

describe('a simulated clock', () => {
  it('never runs backwards and never wakes early, however fast it is and whoever sets it', () => {
    const steps = fc.array(fc.record({ at: fc.nat(60_000), by: fc.integer({ min: -3000, max: 3000 }) }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.integer({ min: -500, max: 500 }), steps, fc.array(fc.nat(60_000), { maxLength: 6 }), (ppm, sets, wakes) => {
        const timeline = new Timeline();
        const oscillator = new Oscillator(timeline, 100, ppm);
        const clock = new SimClock({ timeline, random: seededRandom('c'), oscillator, wakeDelayMax: () => 5 });
        let [last, wanted] = [clock.now(), 0];
        const look = (): void => {
          expect(clock.now()).toBeGreaterThanOrEqual(last);
          last = clock.now();
        };
        clock.onWake(() => expect(clock.now()).toBeGreaterThanOrEqual(wanted));
        for (const { at, by } of sets) timeline.at(at, () => oscillator.step(by));
        for (const [n, at] of wakes.entries())
          timeline.at(n * 10_000, () => {
            wanted = clock.now() + at;
            clock.wakeAt(wanted);
          });
        for (let at = 0; at < 120_000; at += 777) timeline.at(at, look);
        while (timeline.step(Number.MAX_SAFE_INTEGER));
        look();
      }),
      { numRuns: 50 },
    );
  });

  it('is steered back at 500 millionths and jumps ahead at once', () => {
    const timeline = new Timeline();
    const oscillator = new Oscillator(timeline);
    oscillator.step(1000);
    expect(oscillator.now()).toBe(EPOCH + 1000);
    oscillator.step(-10);
    timeline.idleUntil(10_000);
    expect(oscillator.now()).toBe(EPOCH + 10_995);
    timeline.idleUntil(60_000);
    expect(oscillator.now()).toBe(EPOCH + 60_990);
  });

  it('wakes sooner when it is set forward meanwhile', () => {
    const timeline = new Timeline();
    const oscillator = new Oscillator(timeline);
    const clock = new SimClock({ timeline, random: seededRandom('s'), oscillator });
    let woke = -1;
    clock.onWake(() => (woke = timeline.now));
    clock.wakeAt(EPOCH + 5000);
    timeline.at(1000, () => oscillator.step(3000));
    while (timeline.step(Number.MAX_SAFE_INTEGER));
    expect(woke).toBe(2000);
  });
});
