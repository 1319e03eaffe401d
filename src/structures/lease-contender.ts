/**
 * One host that wants a lease which lives in a register with compare-and-set, among hosts whose clocks agree on nothing but, within
 * some ppm, the length of a second. Owns when to write and what; it neither reads nor writes. The caller reads the register, says
 * what it saw, asks what to do, writes against the revision that it read, and says whether that succeeded.
 *
 * No time stands in the record. A holder counts from *before* it asked for the write; a contender counts from when it *saw* the
 * record last change, ttl and grace long. So the holder has stopped before anybody else begins, if grace covers the drift:
 *
 *   holder      ask ── ttl ───────────────▶ stops
 *   contender        sees ── ttl ── grace ────▶ may take
 */
import { assert } from '../kernel/index.ts';

export interface SharedLease {
  readonly holder: string | null;
  /** Grows with every new holder, never falls, stays when it is given back. */
  readonly token: number;
  /** Grows with every renewal, so that a renewed record differs. */
  readonly beat: number;
  readonly ttlMs: number;
}

export type LeaseStep = { readonly do: 'write'; readonly record: SharedLease } | { readonly do: 'wait'; readonly ms: number };

export class LeaseContender {
  readonly #me: string;
  readonly #ttlMs: number;
  readonly #graceMs: number;
  #seen: SharedLease | null = null;
  #seenAt = 0;
  #heldUntil = 0; // by my clock; only while #seen is mine
  #asked: { readonly record: SharedLease; readonly at: number } | null = null;

  constructor(me: string, ttlMs: number, graceMs: number) {
    assert(ttlMs >= 3 && graceMs >= 1, `a lease of ${ttlMs} ms with ${graceMs} ms grace cannot be renewed in time`);
    this.#me = me;
    this.#ttlMs = ttlMs;
    this.#graceMs = graceMs;
  }

  /** What a read gave; null: there is no record yet. */
  see(record: SharedLease | null, now: number): void {
    if (record === null || (this.#seen !== null && same(record, this.#seen))) return;
    // An older record can arrive late from a follower; it is no news.
    if (this.#seen !== null && isBefore(record, this.#seen)) return;
    if (record.holder !== this.#me || record.token !== this.#seen?.token) this.#heldUntil = 0;
    this.#seen = record;
    this.#seenAt = now;
  }

  /** Renews after a third of the time, so that two attempts may fail. */
  next(now: number): LeaseStep {
    const { holder, token, beat, ttlMs } = this.#seen ?? { holder: null, token: 0, beat: 0, ttlMs: 0 };
    if (this.token(now) !== null) {
      const renewAt = this.#heldUntil - this.#ttlMs + Math.floor(this.#ttlMs / 3);
      if (now < renewAt) return { do: 'wait', ms: renewAt - now };
      return this.#ask({ holder: this.#me, token, beat: beat + 1, ttlMs: this.#ttlMs }, now);
    }
    const freeAt = holder === null || holder === this.#me ? now : this.#seenAt + ttlMs + this.#graceMs;
    if (now < freeAt) return { do: 'wait', ms: freeAt - now };
    return this.#ask({ holder: this.#me, token: token + 1, beat: 0, ttlMs: this.#ttlMs }, now);
  }

  /** Gives it back: what to write; it is not held from now on, whether that succeeds or not. null when it was not held. */
  release(now: number): SharedLease | null {
    return this.#stop(now, null);
  }

  /** The same, but nobody else may come before that one did: it writes at once, under its own token. */
  handOver(to: string, now: number): SharedLease | null {
    return this.#stop(now, to);
  }

  /** The write of `next` succeeded against the revision that was read. */
  wrote(record: SharedLease, now: number): void {
    assert(this.#asked !== null && same(record, this.#asked.record), 'a write succeeded that was not asked for');
    const { at } = this.#asked;
    this.#asked = null;
    if (this.#seen !== null && isBefore(record, this.#seen)) return; // somebody came after it already
    this.#seen = record;
    this.#seenAt = now;
    this.#heldUntil = at + this.#ttlMs;
  }

  /** The fencing token while it is held by my clock, from then on null. */
  token(now: number): number | null {
    return this.#seen !== null && this.#seen.holder === this.#me && now < this.#heldUntil ? this.#seen.token : null;
  }

  #stop(now: number, next: string | null): SharedLease | null {
    const token = this.token(now);
    if (token === null) return null;
    this.#heldUntil = 0;
    return { holder: next, token, beat: this.#seen!.beat + 1, ttlMs: this.#ttlMs };
  }

  #ask(record: SharedLease, now: number): LeaseStep {
    this.#asked = { record, at: now };
    return { do: 'write', record };
  }
}

function same(a: SharedLease, b: SharedLease): boolean {
  return a.token === b.token && a.beat === b.beat && a.holder === b.holder;
}

function isBefore(a: SharedLease, b: SharedLease): boolean {
  return a.token < b.token || (a.token === b.token && a.beat < b.beat);
}
