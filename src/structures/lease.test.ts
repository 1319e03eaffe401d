import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  acquireLease,
  Fence,
  handOverLease,
  leaseHolder,
  type LeaseRecord,
  NO_LEASE,
  releaseLease,
  renewLease,
} from './lease.ts';

const TTL = 100;
const GRACE = 20;

function acquired(who: string, now: number, record: LeaseRecord = NO_LEASE): LeaseRecord {
  const change = acquireLease(record, who, now, TTL, GRACE);
  if (!change.ok) throw new Error(change.reason);
  return change.record;
}

describe('a lease', () => {
  it('has no holder from its end on, and is another one only after the grace', () => {
    const record = acquired('a', 0);
    expect([leaseHolder(record, 99), leaseHolder(record, 100)]).toEqual(['a', null]);
    expect(acquireLease(record, 'b', 119, TTL, GRACE)).toEqual({ ok: false, reason: 'held', holder: 'a', retryAfterMs: 1 });
    expect(acquired('b', 120, record)).toEqual({ holder: 'b', token: 2, expiresAt: 220 });
  });

  it('is renewed while it lasts and refused with how long ago it ended', () => {
    const record = acquired('a', 0);
    expect(renewLease(record, 'a', 1, 60, TTL)).toEqual({ ok: true, record: { holder: 'a', token: 1, expiresAt: 160 } });
    expect(renewLease(record, 'a', 1, 60, 10)).toMatchObject({ ok: true, record: { expiresAt: 100 } });
    expect(renewLease(record, 'a', 1, 130, TTL)).toEqual({ ok: false, reason: 'expired', token: 1, agoMs: 30 });
    expect(renewLease(record, 'b', 1, 60, TTL)).toEqual({ ok: false, reason: 'not-holder', token: 1, agoMs: 0 });
  });

  it('goes over without a gap, under the next token, and the old holder cannot renew', () => {
    const over = handOverLease(acquired('a', 0), 'a', 1, 'b', 50, TTL);
    expect(over).toEqual({ ok: true, record: { holder: 'b', token: 2, expiresAt: 150 } });
    if (over.ok) expect(renewLease(over.record, 'a', 1, 51, TTL)).toMatchObject({ ok: false, reason: 'not-holder' });
  });

  it('is free at once when it is given back, and keeps its token', () => {
    const free = releaseLease(acquired('a', 0), 'a', 1, 10);
    expect(free).toEqual({ ok: true, record: { holder: null, token: 1, expiresAt: 10 } });
    if (free.ok) expect(acquired('b', 10, free.record)).toMatchObject({ token: 2 });
  });

  it('never has two holders, never gives a token twice, and its fence admits no writer of before', () => {
    const who = fc.constantFrom('a', 'b', 'c');
    const command = fc.record({
      after: fc.nat(60),
      what: fc.constantFrom('acquire', 'renew', 'handOver', 'release', 'write'),
      who,
      to: who,
    });
    let [granted, refusedWrites] = [0, 0];
    fc.assert(
      fc.property(fc.array(command, { minLength: 30, maxLength: 60 }), (commands) => {
        let record = NO_LEASE;
        const fence = new Fence();
        const mine = new Map<string, number>(); // the last token that each was given
        const given: number[] = [];
        let now = 0;
        let lastWriter = 0;
        let [endOfLast, lastHolder] = [-Infinity, ''];
        for (const each of commands) {
          now += each.after;
          const token = mine.get(each.who) ?? -1;
          if (each.what === 'write') {
            // A slow writer shows its token late: only the newest that wrote may go on.
            const admitted = fence.admit(token);
            expect(admitted).toBe(token >= lastWriter);
            if (admitted) lastWriter = token;
            else refusedWrites += 1;
            continue;
          }
          const before = leaseHolder(record, now);
          const change =
            each.what === 'acquire'
              ? acquireLease(record, each.who, now, TTL, GRACE)
              : each.what === 'renew'
                ? renewLease(record, each.who, token, now, TTL)
                : each.what === 'handOver'
                  ? handOverLease(record, each.who, token, each.to, now, TTL)
                  : releaseLease(record, each.who, token, now);
          if (!change.ok) continue;
          granted += 1;
          if (each.what !== 'acquire') expect(before).toBe(each.who);
          else if (each.who !== lastHolder) expect(now).toBeGreaterThanOrEqual(endOfLast);
          ({ record } = change);
          const holder = leaseHolder(record, now);
          if (holder !== null && each.what !== 'renew') {
            expect(record.token).toBeGreaterThan(given.at(-1) ?? 0);
            given.push(record.token);
            mine.set(holder, record.token);
          }
          [endOfLast, lastHolder] = [each.what === 'release' ? now : record.expiresAt + GRACE, holder ?? lastHolder];
        }
      }),
      { seed: 1, numRuns: 500 },
    );
    expect(granted).toBeGreaterThan(1_000);
    expect(refusedWrites).toBeGreaterThan(100);
  });
});
