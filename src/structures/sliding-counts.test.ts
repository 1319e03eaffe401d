import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlidingCounts, SlidingRate } from './sliding-counts.ts';

describe('sliding counts', () => {
  it('are what counting the buckets of a list gives', () => {
    const event = fc.tuple(fc.oneof(fc.nat(15), fc.nat(150)), fc.nat(1), fc.nat(3));
    fc.assert(
      fc.property(
        fc.array(event),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 20 }),
        (events, buckets, bucketMs) => {
          const counts = new SlidingCounts(2, buckets, bucketMs);
          const all: [number, number, number][] = [];
          let now = 0;
          for (const [after, lane, count] of events) {
            now += after;
            counts.add(lane, now, count);
            all.push([Math.floor(now / bucketMs), lane, count]);
            for (const each of [0, 1]) {
              const recent = all.filter(([bucket, of]) => of === each && bucket > Math.floor(now / bucketMs) - buckets);
              expect(counts.sum(each, now)).toBe(recent.reduce((sum, [, , n]) => sum + n, 0));
            }
          }
        },
      ),
    );
  });

  it('count an event before the newest time into the newest bucket', () => {
    const counts = new SlidingCounts(1, 2, 10);
    counts.add(0, 25);
    counts.add(0, 3);
    expect([counts.sum(0, 39), counts.sum(0, 40)]).toEqual([2, 0]);
  });

  it('give the rate of a steady stream, and nothing a while after it ends', () => {
    const rate = new SlidingRate(10, 100);
    for (let now = 0; now < 5_000; now += 4) rate.add(now);
    expect(rate.perSecond(4_999)).toBe(250);
    expect(rate.perSecond(6_000)).toBe(0);
  });
});
