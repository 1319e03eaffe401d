import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../kernel/index.ts';
import { LeaseContender, type SharedLease } from './lease-contender.ts';

const TTL = 300;
const GRACE = 5;

/** Hosts with clocks of their own offset and speed, one register, reads and writes that take time, answers that get lost. */
function contend(seed: string, graceMs: number, ppm: number): { doubles: number; tokens: number[]; renewals: number } {
  const random = seededRandom(seed);
  const register: { now: { record: SharedLease; revision: number } | null } = { now: null };
  const tokens: number[] = [];
  let [doubles, renewals] = [0, 0];
  const hosts = ['a', 'b', 'c'].map((name, i) => {
    const [offset, speed] = [random.below(1_000_000), 1 + ((i - 1) * ppm) / 1e6];
    return { clock: (t: number) => Math.floor(offset + t * speed), lease: new LeaseContender(name, TTL, graceMs), busyUntil: 0 };
  });
  const later: { at: number; run: (t: number) => void }[] = [];
  for (let t = 0; t < 6_000; t++) {
    for (let i = later.length - 1; i >= 0; i--) if (later[i]!.at <= t) later.splice(i, 1)[0]!.run(t);
    for (const host of hosts) {
      if (t < host.busyUntil) continue;
      const pause = random.chance(0.02) ? 400 : 0; // a stop of the whole program, or a long way
      const [there, back] = [random.below(8), random.below(8) + pause];
      host.busyUntil = t + there + back + 1 + random.below(20);
      const read = register.now;
      host.lease.see(read?.record ?? null, host.clock(t));
      const step = host.lease.next(host.clock(t));
      if (step.do === 'wait') continue;
      later.push({
        at: t + there,
        run: () => {
          if (register.now !== read) return; // compare and set
          if (step.record.token === read?.record.token) renewals += 1;
          else tokens.push(step.record.token);
          register.now = { record: step.record, revision: (read?.revision ?? 0) + 1 };
          if (random.chance(0.9))
            later.push({ at: t + there + back, run: (at) => host.lease.wrote(step.record, host.clock(at)) });
        },
      });
    }
    if (hosts.filter(({ lease, clock }) => lease.token(clock(t)) !== null).length > 1) doubles += 1;
  }
  return { doubles, tokens, renewals };
}

describe('contenders for a lease in a register', () => {
  it('never hold it at the same time, though clocks differ, hosts stop and answers get lost', () => {
    let renewals = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const found = contend(`contend ${seed}`, GRACE, 500);
        expect(found.doubles).toBe(0);
        expect(found.tokens).toEqual([...new Set(found.tokens)].toSorted((a, b) => a - b));
        expect(found.tokens.length).toBeGreaterThan(0);
        renewals += found.renewals;
      }),
      { seed: 2, numRuns: 30 },
    );
    expect(renewals).toBeGreaterThan(100);
  });

  it('would hold it twice if clocks drifted by more than the grace covers: the grace is what protects', () => {
    const doubles = [1, 2, 3, 4, 5].map((seed) => contend(`drift ${seed}`, 1, 400_000).doubles);
    expect(Math.max(...doubles)).toBeGreaterThan(0);
  });

  it('renews after a third of the time, counted from before the write', () => {
    const lease = new LeaseContender('a', TTL, GRACE);
    const first = lease.next(1_000);
    expect(first).toEqual({ do: 'write', record: { holder: 'a', token: 1, beat: 0, ttlMs: TTL } });
    if (first.do !== 'write') return;
    lease.wrote(first.record, 1_090);
    expect(lease.next(1_090)).toEqual({ do: 'wait', ms: 10 });
    expect(lease.next(1_100)).toEqual({ do: 'write', record: { holder: 'a', token: 1, beat: 1, ttlMs: TTL } });
    expect([lease.token(1_299), lease.token(1_300)]).toEqual([1, null]);
  });

  it('takes what was given back at once, and waits for what is merely silent', () => {
    const lease = new LeaseContender('b', TTL, GRACE);
    lease.see({ holder: 'a', token: 3, beat: 0, ttlMs: TTL }, 0);
    lease.see({ holder: 'a', token: 3, beat: 1, ttlMs: TTL }, 100);
    expect(lease.next(100)).toEqual({ do: 'wait', ms: TTL + GRACE });
    lease.see({ holder: null, token: 3, beat: 2, ttlMs: TTL }, 101);
    expect(lease.next(101)).toMatchObject({ do: 'write', record: { token: 4 } });
  });

  it('hands over to one that writes at once, while others wait as for any holder', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => new LeaseContender(name, TTL, GRACE)) as [
      LeaseContender,
      LeaseContender,
      LeaseContender,
    ];
    const step = a.next(0);
    if (step.do === 'write') a.wrote(step.record, 1);
    const over = a.handOver('b', 2);
    expect(over).toEqual({ holder: 'b', token: 1, beat: 1, ttlMs: TTL });
    for (const each of [a, b, c]) each.see(over, 3);
    expect(a.token(3)).toBeNull();
    expect(b.next(3)).toMatchObject({ do: 'write', record: { holder: 'b', token: 2 } });
    expect([a.next(3), c.next(3)]).toEqual([
      { do: 'wait', ms: TTL + GRACE },
      { do: 'wait', ms: TTL + GRACE },
    ]);
  });

  it('gives back only what it holds, and holds it no more', () => {
    const lease = new LeaseContender('a', TTL, GRACE);
    expect(lease.release(0)).toBeNull();
    const step = lease.next(0);
    if (step.do === 'write') lease.wrote(step.record, 1);
    expect(lease.release(2)).toEqual({ holder: null, token: 1, beat: 1, ttlMs: TTL });
    expect(lease.token(2)).toBeNull();
  });
});
