import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lanes, type Priority } from './lanes.ts';

const priority = fc.constantFrom<Priority>(0, 1, 2, 3);

describe('lanes', () => {
  it('behave like four bounded queues of which the most urgent is served first', () => {
    const step = fc.oneof({ arbitrary: priority, weight: 3 }, { arbitrary: fc.constant(null), weight: 2 });
    const property = fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 2, max: 12 }), (steps, sizeMax) => {
      const reserve = Math.floor(sizeMax / 3);
      const lanes = new Lanes<number>(sizeMax, reserve);
      const model: [number[], number[], number[], number[]] = [[], [], [], []];
      steps.forEach((each, item) => {
        const size = model.flat().length;
        expect(lanes.peek()).toBe(model.find((lane) => lane.length > 0)?.[0]);
        if (each === null) expect(lanes.shift()).toBe(model.find((lane) => lane.length > 0)?.shift());
        else {
          const fits = size < (each === 0 ? sizeMax : sizeMax - reserve);
          expect(lanes.push(item, each)).toBe(fits);
          if (fits) model[each].push(item);
        }
        expect(lanes.size).toBe(model.flat().length);
      });
    });
    fc.assert(property);
  });

  it('keep places for control when bulk work has filled everything else', () => {
    const lanes = new Lanes<string>(4, 1);
    while (lanes.push('bulk', 3));
    expect(lanes.size).toBe(3);
    expect(lanes.push('halt', 0)).toBe(true);
    expect(lanes.push('halt', 0)).toBe(false);
    expect(lanes.shift()).toBe('halt');
  });

  it('stay first in, first out over many thousand items', () => {
    const lanes = new Lanes<number>(5_000, 0);
    let next = 0;
    let expected = 0;
    for (let round = 0; round < 8; round++) {
      while (lanes.push(next, 2)) next += 1;
      for (let i = 0; i < 3_000; i++) expect(lanes.shift()).toBe(expected++);
    }
    while (lanes.size > 0) expect(lanes.shift()).toBe(expected++);
    expect(expected).toBe(next);
    expect(lanes.shift()).toBeUndefined();
  });

  it('give up what nobody wants any more and keep the order of the rest', () => {
    const lanes = new Lanes<number>(5_000, 0);
    for (let n = 0; n < 3_000; n++) lanes.push(n, (n % 4) as Priority);
    for (let n = 0; n < 500; n++) lanes.shift();
    const left = 2_500 - 1_250;
    expect(lanes.remove((item) => item % 8 < 4)).toHaveLength(2_500 - left);
    expect(lanes.size).toBe(left);
    expect([lanes.peek(), lanes.peek(0), lanes.shift(), lanes.shift()]).toEqual([2004, 2004, 2004, 2012]);
  });

  it('refuse a reserve that leaves no place for work', () => {
    expect(() => new Lanes(4, 4)).toThrow('cannot keep 4 places');
  });
});
