/**
 * Idempotency keys of durable messages that were handled, with what their rooms answered. A key and its result are part of the
 * transaction of the deed, and stay max(ttl + skew, 24 h); when there is no place for more, new messages have to wait.
 */
import type { Json, Millis } from '../kernel/index.ts';
import { HOST_RECORD_VERSION, type Batch } from './batch.ts';
import { host } from '../contracts/index.ts';

export const SKEW: Millis = 2000;
const KEEP_MIN: Millis = 24 * 60 * 60 * 1000;
const KEYS_MAX = 100_000; // keys of a day at one message a second
const RESULT_CHARS_TOTAL_MAX = 64 * 1024 * 1024; // 16,384 answers of full size, or 64 characters for each of a million
const FORGET_PER_CALL_MAX = 64; // deletions that one batch carries along

interface Taken {
  readonly until: Millis;
  /** Canonical JSON. */
  readonly result: string | null;
  /** Handled and not yet durable: a duplicate is no reason for its sender to forget it. */
  pending: boolean;
}

export class Dedupe {
  /** In the order taken, so that what expires first is nearly always in front. */
  readonly #taken = new Map<string, Taken>();
  #resultChars = 0;

  get full(): boolean {
    return this.#taken.size >= KEYS_MAX || this.#resultChars >= RESULT_CHARS_TOTAL_MAX;
  }

  has(key: string): boolean {
    return this.#taken.has(key);
  }

  isDurable(key: string): boolean {
    return this.#taken.get(key)?.pending === false;
  }

  /** What the first message with this key was answered; null = nothing. */
  resultOf(key: string): Json | null {
    const text = this.#taken.get(key)?.result ?? null;
    return text === null ? null : (JSON.parse(text) as Json);
  }

  take(key: string, ttl: Millis, result: string | null, now: Millis, batch: Batch): void {
    const taken: Taken = { until: now + Math.max(ttl + SKEW, KEEP_MIN), result, pending: true };
    this.#set(key, taken);
    const text = result === null ? String(taken.until) : `{"result":${JSON.stringify(result)},"until":${taken.until}}`;
    batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, 'dedupe', key, text);
    batch.after.push(() => (taken.pending = false));
  }

  /** Lets go of keys whose time is over, with their records. Bounded: a full table empties over several turns. */
  forget(now: Millis, batch: Batch): void {
    let left = FORGET_PER_CALL_MAX;
    for (const [key, { until, result }] of this.#taken) {
      if (until >= now || left === 0) return;
      left -= 1;
      this.#taken.delete(key);
      this.#resultChars -= result?.length ?? 0;
      batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, 'dedupe', key, null);
    }
  }

  load(key: string, value: Json, now: Millis, batch: Batch): void {
    const { until, result } =
      typeof value === 'number' ? { until: value, result: null } : (value as { until: number; result: string });
    if (until < now) batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, 'dedupe', key, null);
    else this.#set(key, { until, result, pending: false });
  }

  #set(key: string, taken: Taken): void {
    this.#taken.set(key, taken);
    this.#resultChars += taken.result?.length ?? 0;
  }
}
