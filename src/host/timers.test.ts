import { expect, it } from 'vitest';
import fc from 'fast-check';
import { Timers } from './timers.ts';

it('fires what is due in order of deadline, then of arming, and never early', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 50 })), { maxLength: 60 }),
      (arms) => {
        const timers = new Timers();
        const model = new Map<string, { at: number; order: number }>();
        for (const [order, [key, at]] of arms.entries()) {
          timers.arm(`k${key}`, at);
          if (model.get(`k${key}`)?.at !== at) model.set(`k${key}`, { at, order });
        }
        const expected = [...model].filter(([, { at }]) => at <= 25).toSorted(([, a], [, b]) => a.at - b.at || a.order - b.order);
        const fired: string[] = [];
        for (let key = timers.due(25); key !== null; key = timers.due(25)) fired.push(key);
        expect(fired).toEqual(expected.map(([key]) => key));
        const rest = [...model.values()].map(({ at }) => at).filter((at) => at > 25);
        expect(timers.next()).toBe(rest.length === 0 ? null : Math.min(...rest));
      },
    ),
  );
});

it('forgets a disarmed timer', () => {
  const timers = new Timers();
  timers.arm('a', 5);
  timers.arm('a', null);
  expect(timers.due(10)).toBe(null);
  expect(timers.next()).toBe(null);
});
