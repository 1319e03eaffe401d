import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BreakerRules, type BreakerState, CircuitBreaker } from './breaker.ts';

const RULES: BreakerRules = {
  windowMs: 1_000,
  buckets: 10,
  failuresMax: null,
  failurePermilleMax: 500,
  volumeMin: 4,
  consecutiveMax: 3,
  openMs: 100,
  openMsMax: 350,
  probes: 2,
  probeMs: 50,
};

function call(breaker: CircuitBreaker, ok: boolean, now: number): BreakerState {
  const admission = breaker.admit(now);
  return admission.ok ? breaker.report(admission.permit, ok, now) : breaker.state(now);
}

function opened(rules: BreakerRules = RULES): CircuitBreaker {
  const breaker = new CircuitBreaker(rules);
  breaker.trip(0);
  return breaker;
}

describe('a circuit breaker', () => {
  it('opens at failures in a row, and a success between them starts the row anew', () => {
    const breaker = new CircuitBreaker({ ...RULES, failurePermilleMax: null });
    const ends = [false, false, true, false, false, false].map((ok, i) => call(breaker, ok, i));
    expect(ends).toEqual(['closed', 'closed', 'closed', 'closed', 'closed', 'open']);
    expect(breaker.admit(6)).toEqual({ ok: false, reason: 'open', retryAfterMs: 99 });
  });

  it('opens at a share of failures only when enough calls are known', () => {
    const breaker = new CircuitBreaker({ ...RULES, consecutiveMax: null });
    expect([false, false, true].map((ok, i) => call(breaker, ok, i))).toEqual(['closed', 'closed', 'closed']);
    expect(call(breaker, false, 3)).toBe('open');
  });

  it('opens at a number of failures in the window and forgets those that left it', () => {
    const rules = { ...RULES, failurePermilleMax: null, consecutiveMax: null, failuresMax: 3 };
    const breaker = new CircuitBreaker(rules);
    expect([0, 500, 1_000].map((now) => call(breaker, false, now))).toEqual(['closed', 'closed', 'closed']); // bucket 0 left at 1,000
    expect(call(breaker, false, 1_100)).toBe('open');
  });

  it('lets a bounded number of probes through and closes when all succeed', () => {
    const breaker = opened();
    const [first, second, third] = [breaker.admit(100), breaker.admit(101), breaker.admit(102)];
    expect(third).toEqual({ ok: false, reason: 'probing', retryAfterMs: 49 });
    if (!first.ok || !second.ok) throw new Error('no probe');
    expect(breaker.report(first.permit, true, 110)).toBe('half-open');
    expect(breaker.report(second.permit, true, 111)).toBe('closed');
    expect(breaker.counts(111)).toMatchObject({ failed: 0, done: 0, inRow: 0 });
  });

  it('opens for twice as long after every failed probe, up to its cap, and for the first time again once it was closed', () => {
    const breaker = opened();
    let now = 0;
    const waits = [1, 2, 3, 4].map(() => {
      const refused = breaker.admit(now);
      if (refused.ok) throw new Error('not open');
      now += refused.retryAfterMs;
      call(breaker, false, now);
      return refused.retryAfterMs;
    });
    expect(waits).toEqual([100, 200, 350, 350]);
    now += 350;
    expect([call(breaker, true, now), call(breaker, true, now)]).toEqual(['half-open', 'closed']);
    breaker.trip(now);
    expect(breaker.admit(now)).toMatchObject({ retryAfterMs: 100 });
  });

  it('counts a silent probe as failed at the moment its time is over', () => {
    const breaker = opened();
    expect(breaker.admit(100).ok).toBe(true);
    expect(breaker.state(149)).toBe('half-open');
    expect(breaker.admit(160)).toEqual({ ok: false, reason: 'open', retryAfterMs: 190 }); // 150 + 200
  });

  it('ignores the end of a call that began before it opened', () => {
    const breaker = new CircuitBreaker(RULES);
    const early = breaker.admit(0);
    breaker.trip(1);
    breaker.state(101);
    if (!early.ok) throw new Error('refused');
    expect(breaker.report(early.permit, true, 102)).toBe('half-open');
    expect(breaker.report(early.permit, false, 102)).toBe('half-open');
    expect(breaker.counts(102)).toMatchObject({ late: 2 });
  });

  it('does what a list of all calls would do, whatever happens when', () => {
    const step = fc.record({
      after: fc.oneof(fc.nat(40), fc.nat(400)),
      what: fc.constantFrom('admit' as const, 'done' as const, 'failed' as const, 'failed' as const),
    });
    const states = new Set<BreakerState>();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const breaker = new CircuitBreaker({ ...RULES, failuresMax: 6 });
        const model = new Model({ ...RULES, failuresMax: 6 });
        const permits: [number, number][] = [];
        let now = 0;
        for (const { after, what } of steps) {
          now += after;
          if (what === 'admit') {
            const [mine, expected] = [breaker.admit(now), model.admit(now)];
            expect(mine.ok).toBe(expected !== null);
            if (mine.ok) permits.push([mine.permit, expected!]);
            else {
              expect(mine.retryAfterMs).toBeGreaterThan(0);
              if (mine.reason === 'open') expect(model.stateAt(now + mine.retryAfterMs - 1)).toBe('open');
            }
          } else if (permits.length > 0) {
            const [permit, expected] = permits.shift()!;
            breaker.report(permit, what === 'done', now);
            model.report(expected, what === 'done', now);
          }
          expect(breaker.state(now)).toBe(model.stateAt(now));
          const { failed, done } = breaker.counts(now);
          expect([failed, done]).toEqual(model.counts(now));
          states.add(breaker.state(now));
        }
      }),
      { seed: 6, numRuns: 400 },
    );
    expect(states.size).toBe(3);
  });
});

/** Keeps everything that ever happened and computes from that. */
class Model {
  readonly rules: BreakerRules;
  calls: { at: number; ok: boolean; epoch: number }[] = [];
  phases: { state: BreakerState; since: number; openMs: number; admitted: number[]; done: number }[] = [
    { state: 'closed', since: 0, openMs: 100, admitted: [], done: 0 },
  ];

  constructor(rules: BreakerRules) {
    this.rules = rules;
  }

  get phase(): (typeof this.phases)[number] {
    return this.phases.at(-1)!;
  }

  enter(state: BreakerState, since: number, openMs: number): void {
    this.phases.push({ state, since, openMs, admitted: [], done: 0 });
  }

  settle(now: number): void {
    const { state, admitted, done, openMs } = this.phase;
    const silentAt = admitted.length > done ? admitted.at(-1)! + 50 : Infinity;
    if (state === 'half-open' && now >= silentAt) this.enter('open', silentAt, Math.min(350, openMs * 2));
    const { state: then, since, openMs: length } = this.phase;
    if (then === 'open' && now >= since + length) this.enter('half-open', since + length, length);
  }

  stateAt(now: number): BreakerState {
    this.settle(now);
    return this.phase.state;
  }

  admit(now: number): number | null {
    this.settle(now);
    if (this.phase.state === 'open') return null;
    if (this.phase.state === 'half-open') {
      if (this.phase.admitted.length >= 2) return null;
      this.phase.admitted.push(now);
    }
    return this.phases.length;
  }

  counts(now: number): [number, number] {
    const first = Math.floor(now / 100) - 9;
    let epoch = this.phases.length;
    while (this.phases[epoch - 1]!.state !== 'closed') epoch -= 1;
    const recent = this.calls.filter((each) => Math.floor(each.at / 100) >= first && each.epoch === epoch);
    return [recent.filter(({ ok }) => !ok).length, recent.filter(({ ok }) => ok).length];
  }

  report(permit: number, ok: boolean, now: number): void {
    this.settle(now);
    if (permit !== this.phases.length) return;
    const { phase } = this;
    if (phase.state === 'half-open') {
      phase.done += ok ? 1 : 0;
      if (!ok) this.enter('open', now, Math.min(350, phase.openMs * 2));
      else if (phase.done === 2) this.enter('closed', now, 100);
      return;
    }
    this.calls.push({ at: now, ok, epoch: permit });
    const [failed, done] = this.counts(now);
    const own = this.calls.filter(({ epoch }) => epoch === permit);
    const isRow = own.length >= 3 && own.slice(-3).every((each) => !each.ok);
    const { failuresMax } = this.rules;
    if (!ok && (isRow || failed >= failuresMax! || (failed + done >= 4 && failed >= done))) this.enter('open', now, 100);
  }
}
