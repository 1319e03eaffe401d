/**
 * Leases with fencing tokens, as values: who holds, until when, under which number. Owns the rules; it stores nothing and asks
 * nobody. The record lives with one authority, whose clock (monotonic where it has one) is the only one used here: a room's
 * table, a scheduler. Where several hosts contend through a register, `lease-contender.ts` needs no common clock.
 *
 *   acquire ──▶ held ──renew──▶ held          at expiresAt nobody holds; until expiresAt + graceMs only the last holder may
 *                │  └──handOver──▶ held by another, next token          acquire, so that the slow one surely stopped
 *                └──release──▶ free at once
 *
 * A token is given once: it grows with every acquisition and hand-over and stays in the record when the lease is free. What
 * writes shows its token, and the resource refuses all below the highest that it saw (`Fence`).
 * Sources: Gray and Cheriton, Leases, 1989; Kleppmann, How to do distributed locking, 2016.
 */
import { assert } from '../kernel/index.ts';

export interface LeaseRecord {
  /** null: free, given back. */
  readonly holder: string | null;
  readonly token: number;
  readonly expiresAt: number;
}

export type LeaseChange =
  | { readonly ok: true; readonly record: LeaseRecord }
  | { readonly ok: false; readonly reason: 'held'; readonly holder: string; readonly retryAfterMs: number }
  /** The caller is not the holder under this token, or not any more: it has to acquire before it writes. */
  | { readonly ok: false; readonly reason: 'expired' | 'not-holder'; readonly token: number; readonly agoMs: number };

export const NO_LEASE: LeaseRecord = { holder: null, token: 0, expiresAt: 0 };

/** Nobody from `expiresAt` on, exactly. */
export function leaseHolder(record: LeaseRecord, now: number): string | null {
  return now < record.expiresAt ? record.holder : null;
}

/** For whoever holds it already: the same lease, renewed under a new token. */
export function acquireLease(record: LeaseRecord, who: string, now: number, ttlMs: number, graceMs = 0): LeaseChange {
  const { holder, token, expiresAt } = record;
  if (holder !== null && holder !== who && now < expiresAt + graceMs)
    return { ok: false, reason: 'held', holder, retryAfterMs: expiresAt + graceMs - now };
  return { ok: true, record: held(who, token + 1, now, ttlMs) };
}

/** Never makes it shorter. After its end it is refused, though nobody else may have come: something may have been decided since. */
export function renewLease(record: LeaseRecord, who: string, token: number, now: number, ttlMs: number): LeaseChange {
  const refused = refusal(record, who, token, now);
  if (refused !== null) return refused;
  return { ok: true, record: { ...record, expiresAt: Math.max(record.expiresAt, held(who, token, now, ttlMs).expiresAt) } };
}

/** Without a gap and without grace: the holder itself says that it stopped. */
export function handOverLease(
  record: LeaseRecord,
  who: string,
  token: number,
  to: string,
  now: number,
  ttlMs: number,
): LeaseChange {
  return refusal(record, who, token, now) ?? { ok: true, record: held(to, token + 1, now, ttlMs) };
}

export function releaseLease(record: LeaseRecord, who: string, token: number, now: number): LeaseChange {
  return refusal(record, who, token, now) ?? { ok: true, record: { holder: null, token, expiresAt: now } };
}

/** Kept by what is protected: admits the highest token that it saw and higher ones, never a lower one again. */
export class Fence {
  #highest: number;

  constructor(highest = 0) {
    this.#highest = highest;
  }

  get highest(): number {
    return this.#highest;
  }

  admit(token: number): boolean {
    if (token < this.#highest) return false;
    this.#highest = token;
    return true;
  }
}

function refusal(record: LeaseRecord, who: string, token: number, now: number): LeaseChange | null {
  const agoMs = Math.max(0, now - record.expiresAt);
  if (record.holder !== who || record.token !== token) return { ok: false, reason: 'not-holder', token: record.token, agoMs };
  return now < record.expiresAt ? null : { ok: false, reason: 'expired', token, agoMs };
}

function held(holder: string, token: number, now: number, ttlMs: number): LeaseRecord {
  assert(ttlMs > 0, `a lease of ${ttlMs} ms is none`);
  assert(token <= Number.MAX_SAFE_INTEGER, 'the tokens of a lease are used up');
  return { holder, token, expiresAt: now + ttlMs };
}
