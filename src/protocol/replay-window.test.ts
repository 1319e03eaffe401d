import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';

describe('the replay window', () => {
  it('accepts every number once, in any order inside the window, and none below it', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -1100, max: 40 }) },
      { weight: 2, arbitrary: fc.integer({ min: 900, max: 5000 }) },
      { weight: 1, arbitrary: fc.constantFrom(-1024, -1023, 1023, 1024, 1025, 2 ** 33) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = 0;
        for (const by of steps) {
          const sequence = highest + by;
          if (sequence > Number.MAX_SAFE_INTEGER) return;
          const fresh = sequence >= 1 && sequence > highest - REPLAY_WINDOW && !seen.has(sequence);
          const refused = window.refuses(sequence);
          expect(refused === null).toBe(fresh);
          if (refused !== null) continue;
          window.accept(sequence);
          seen.add(sequence);
          highest = Math.max(highest, sequence);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('draws its border between the 1,024th and the 1,025th number from the top', () => {
    const window = new ReplayWindow();
    window.accept(5000);
    expect(window.refuses(5000 - REPLAY_WINDOW + 1)).toBe(null);
    expect(window.refuses(5000 - REPLAY_WINDOW)?.reason).toBe('duplicate');
  });

  it.each([0, -1, 0.5, Number.NaN, 2 ** 53])('refuses %s, which is no number of a frame', (sequence) => {
    expect(new ReplayWindow().refuses(sequence)?.reason).toBe('invalid');
  });

  it('marks nothing until it is told that the tag held', () => {
    const window = new ReplayWindow();
    expect(window.refuses(900)).toBe(null);
    expect(window.refuses(900)).toBe(null);
    expect(window.refuses(1)).toBe(null);
  });
});
