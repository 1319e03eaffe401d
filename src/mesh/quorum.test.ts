import { expect, test } from 'vitest';
import { decideBeforeT, trinaryQuorum } from './quorum.ts';

test('enough ready, few conflicts and few unknown proceed, with the confidence of the share that is ready', () => {
  expect(trinaryQuorum({ invited: 1_000, ready: 960, conflict: 20, transit: 20 })).toMatchObject({
    decision: 'PROCEED',
    confidence: 0.95,
  });
  expect(trinaryQuorum({ invited: 1_000, ready: 950, conflict: 50, transit: 0 }).decision).toBe('PROCEED');
});

test('the limit on transit holds for going on too, where a lower share of ready is asked for', () => {
  const rule = { readyMin: 0.8, conflictMax: 0.05, transitMax: 0.1 };
  expect(trinaryQuorum({ invited: 100, ready: 85, conflict: 0, transit: 15 }, rule).decision).toBe('WAIT');
});

test('what is wrong says what to do', () => {
  expect(trinaryQuorum({ invited: 100, ready: 80, conflict: 0, transit: 20 }).decision).toBe('WAIT');
  expect(trinaryQuorum({ invited: 100, ready: 90, conflict: 6, transit: 4 }).decision).toBe('RESOLVE_CONFLICTS');
  expect(trinaryQuorum({ invited: 100, ready: 90, conflict: 0, transit: 0 }).decision).toBe('RETRY');
  expect(trinaryQuorum({ invited: 0, ready: 0, conflict: 0, transit: 0 })).toMatchObject({ decision: 'RETRY', confidence: 0 });
  expect(() => trinaryQuorum({ invited: 1, ready: 1, conflict: 1, transit: 0 })).toThrow('of 1 invited');
});

test('who was left out counts against the quorum: 700 of 780 sent is no 90 % of 1,000 invited', () => {
  expect(trinaryQuorum({ invited: 1_000, ready: 780, conflict: 0, transit: 0 }).confidence).toBe(0.78);
});

const before = { now: 1_000, target: 1_400, treeMs: 160, boundMs: 10, slides: 0, slidesMax: 2, readyAt: 1_900 };

test('before T enough ready is GO, a late many slides T later, and what cannot be mended is aborted', () => {
  expect(decideBeforeT({ invited: 100, ready: 96, conflict: 0, transit: 4 }, before).decision).toBe('GO');
  expect(decideBeforeT({ invited: 100, ready: 80, conflict: 0, transit: 20 }, before)).toMatchObject({
    decision: 'SLIDE',
    to: 1_900,
  });
  expect(decideBeforeT({ invited: 100, ready: 80, conflict: 10, transit: 10 }, before).decision).toBe('ABORT');
});

test('T slides later only, only in time for everybody to hear it, and only so often', () => {
  const late = { invited: 100, ready: 80, conflict: 0, transit: 20 };
  expect(decideBeforeT(late, { ...before, readyAt: 1_200 })).toMatchObject({ decision: 'SLIDE', to: 1_401 });
  expect(decideBeforeT(late, { ...before, now: 1_231 })).toMatchObject({
    decision: 'ABORT',
    why: 'a new T needs 170 ms to reach everybody and T is in 169 ms',
  });
  expect(decideBeforeT(late, { ...before, slides: 2 })).toMatchObject({ decision: 'ABORT', why: 'T was moved 2 times' });
});
