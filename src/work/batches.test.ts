import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { work } from '../contracts/index.ts';
import { type Link, nextCheck, riskOf } from './batches.ts';

const link = (risk: number, change: Partial<Link> = {}): Link => ({
  stage: 'composed',
  red: false,
  risk,
  alone: false,
  ...change,
});
const links = (n: number, risk: number): Link[] => Array.from({ length: n }, () => link(risk));

describe('how many go together', () => {
  it('one of an agent that nobody knows, about four at 10 %, a dozen at 5 %, never more than 32', () => {
    expect(nextCheck(links(50, 1 / 3))).toBe(0);
    expect(nextCheck(links(50, 0.26))).toBe(0);
    expect(nextCheck(links(50, 0.1))).toBe(4);
    expect(nextCheck(links(50, 0.05))).toBe(10);
    expect(nextCheck(links(50, 0.001))).toBe(31);
  });

  it('whatever is queued, without waiting for more; but what is queued is composed first', () => {
    expect(nextCheck([])).toBeNull();
    expect(nextCheck(links(3, 0.05))).toBe(2);
    expect(nextCheck([...links(2, 0.05), link(0.05, { stage: 'composing' })])).toBeNull();
    expect(nextCheck([...links(2, 0.05), link(0.05, { stage: 'conflicted' }), link(0.05, { stage: 'waiting' })])).toBe(1);
  });

  it('a change whose own verdict is wanted stays alone', () => {
    expect(nextCheck([...links(2, 0.05), link(0.05, { alone: true }), link(0.05)])).toBe(1);
    expect(nextCheck([link(0.05, { alone: true }), ...links(3, 0.05)])).toBe(0);
  });

  it('an unknown agent ends the batch of those that are known', () => {
    expect(nextCheck([...links(4, 0.1), link(1 / 3), ...links(4, 0.1)])).toBe(3);
  });
});

describe('a second place', () => {
  it('takes the next batch beside one that is likely good, the first half of one that is not, or of the last one', () => {
    const flying = (n: number, risk: number, at: number): Link[] =>
      links(n, risk).map((one, i) => (i === at ? { ...one, stage: 'checking' } : one));
    expect(nextCheck(flying(30, 0.05, 10))).toBe(21);
    expect(nextCheck(flying(30, 0.2, 5))).toBe(2);
    expect(nextCheck(flying(11, 0.05, 10))).toBe(4);
    expect(nextCheck(flying(1, 0.05, 0))).toBeNull();
  });
});

it('finds the first bad change of any chain, checks nothing twice, and lands all the good ones', () => {
  const run = (bad: readonly boolean[], risk: number): number => {
    let chain = bad.map((is, i) => ({ id: i, is, red: false }));
    const landed: number[] = [];
    let checks = 0;
    while (chain.length > 0) {
      const at = nextCheck(chain.map(({ red }) => link(risk, { red, stage: red ? 'checked' : 'composed' })));
      if (at === null) {
        expect(chain[0]).toMatchObject({ red: true, is: true });
        chain = chain.slice(1).map((one) => ({ ...one, red: false }));
        continue;
      }
      expect(chain[at]!.red).toBe(false);
      checks += 1;
      if (chain.slice(0, at + 1).some(({ is }) => is)) chain = chain.map((one, i) => (i === at ? { ...one, red: true } : one));
      else landed.push(...chain.splice(0, at + 1).map(({ id }) => id));
    }
    expect(landed).toEqual(bad.flatMap((is, i) => (is ? [] : [i])));
    return checks;
  };
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.double({ min: 0.01, max: 0.9, noNaN: true }), (bad, risk) => {
      const reds = bad.filter(Boolean).length;
      // Each bad one costs its batch and a search in it; the good ones at most one check each.
      expect(run(bad, risk)).toBeLessThanOrEqual(bad.length - reds + reds * 7);
    }),
  );
});

it('an agent is judged by its own changes, a newcomer by nobody else', () => {
  const task = (
    agent: string,
    outcomes: readonly work.AttemptRecord['outcome'][],
    violations: work.Violation[] = [],
  ): unknown => ({
    landing: null,
    attempts: outcomes.map((outcome) => ({ agent, outcome, vet: { violations } })),
  });
  const tasks = [
    task(
      'good',
      Array.from({ length: 40 }, () => 'landed' as const),
    ),
    task('bad', ['refused', 'refused', 'landed']),
    task('vetted away', ['refused', 'refused'], [{ rule: 'refused-by-judge', detail: 'untrue' }]),
  ] as work.TaskRecord[];
  const risk = riskOf(tasks);
  expect(risk('good')).toBeLessThan(0.01);
  expect(risk('bad')).toBeGreaterThan(0.4);
  expect(risk('newcomer')).toBeCloseTo(1 / 3);
  expect(risk('vetted away')).toBeCloseTo(1 / 3);
});
