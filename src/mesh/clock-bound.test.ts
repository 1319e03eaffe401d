import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BOUND_MIN_MS, ClockBound, oneWayMs } from './clock-bound.ts';

const exchange = (at: number, forward: number, reverse: number, offset: number, held = 1) => ({
  sent: at,
  received: at + forward + offset,
  answered: at + forward + offset + held,
  returned: at + forward + held + reverse,
});

test('the true offset of a steady clock is always within the stated bound, however uneven the way', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          forward: fc.double({ min: 0.01, max: 300, noNaN: true }),
          reverse: fc.double({ min: 0.01, max: 300, noNaN: true }),
        }),
        {
          minLength: 1,
          maxLength: 20,
        },
      ),
      fc.double({ min: -5_000, max: 5_000, noNaN: true }),
      (trips, offset) => {
        const clock = new ClockBound();
        for (const [i, { forward, reverse }] of trips.entries())
          expect(clock.hear(exchange(i * 5_000, forward, reverse, offset))).toBe('kept');
        const { offsetMs, boundMs } = clock.at(trips.length * 5_000)!;
        expect(Math.abs(offsetMs - offset)).toBeLessThanOrEqual(boundMs + 1e-6);
      },
    ),
  );
});

test('the shortest round trip bounds best, and its bound grows with age', () => {
  const clock = new ClockBound();
  clock.hear(exchange(0, 50, 50, 3));
  clock.hear(exchange(1_000, 2, 2, 3));
  clock.hear(exchange(2_000, 80, 10, 3));
  expect(clock.at(2_100)!.offsetMs).toBeCloseTo(3);
  expect(clock.at(2_100)!.boundMs).toBeCloseTo(2.22, 1);
  expect(clock.at(1_000_000)!.boundMs).toBeGreaterThan(40);
});

test('a clock that jumps is noticed, and what was known of it is dropped', () => {
  const clock = new ClockBound();
  clock.hear(exchange(0, 5, 5, 0));
  expect(clock.hear(exchange(5_000, 5, 5, 3_600_000))).toBe('jumped');
  expect(clock.at(5_011)!.offsetMs).toBeCloseTo(3_600_000);
  expect(clock.hear({ sent: 10, received: 10, answered: 30, returned: 20 })).toBe('impossible');
  expect(clock.hear({ sent: 10, received: Number.NaN, answered: 30, returned: 20 })).toBe('impossible');
});

test('who claims a bound of zero gets the least one that a clock can have, or the measured one when measurement speaks against it', () => {
  const good = new ClockBound();
  good.hear(exchange(0, 10, 10, 0.2));
  expect(good.withClaim(0, 21)).toEqual({ offsetMs: 0, boundMs: BOUND_MIN_MS });
  const liar = new ClockBound();
  liar.hear(exchange(0, 10, 10, 400));
  expect(liar.withClaim(0, 21)).toMatchObject({ offsetMs: 400, boundMs: 10 });
  expect(liar.withClaim(Number.NaN, 21)!.boundMs).toBe(10);
  expect(new ClockBound().withClaim(0, 21)).toBeNull();
});

test('half a round trip is not the way there: 90 ms of 100 are told apart from 10 when the clocks are known', () => {
  const clock = { offsetMs: 40, boundMs: 1 };
  expect(oneWayMs(1_000, 1_000 + 90 + 40, clock)).toBeCloseTo(90);
  // The difference of two clocks is no delay: negative, or within the bound, and then it is dropped.
  expect(oneWayMs(1_000, 1_020, clock)).toBeNull();
  expect(oneWayMs(1_000, 1_043, clock)).toBeNull();
});
