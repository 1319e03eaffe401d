/**
 * Idempotency keys of durable messages that were handled, with what their rooms answered. Key and result are part of the
 * transaction of the deed and stay max(ttl + skew, 24 h): in a table of fixed size, by a keyed hash, and as records, numbered in
 * the order they were taken, so that old ones go without anybody remembering their names. Full means: new messages wait.
 */
import { host } from '../contracts/index.ts';
import { assert, type Json, type Millis, type Random } from '../kernel/index.ts';
import { hashKey, type KeySecret, KeyTable } from '../structures/index.ts';
import { type Batch, HOST_RECORD_VERSION } from './batch.ts';

export const SKEW: Millis = 2000;
const KEEP_MIN: Millis = 24 * 60 * 60 * 1000;
/** Half a megabyte of table: a message every 3.5 s for a day. A host of many more says so in its options. */
export const KEYS_MAX = 24_576;
const RESERVE_SHARE = 4; // a quarter stays for what was taken in already and for the rooms' messages to each other
const RESULT_CHARS_TOTAL_MAX = 64 * 1024 * 1024; // 16,384 answers of full size, or 64 characters for each of a million
const FORGET_PER_CALL_MAX = 64; // deletions that one batch carries along
const TABLE = 'dedupe';

interface Stored {
  readonly key: string;
  readonly until: Millis;
  /** Canonical JSON. */
  readonly result?: string;
}

export class Dedupe {
  readonly #keys: KeyTable;
  readonly #secret: KeySecret;
  readonly #hash = new Int32Array(2);
  /** Of which key; one is asked for several times in a row. */
  #hashed: string | null = null;
  /** Handled and not yet durable: a duplicate is no reason for its sender to forget it. */
  readonly #pending = new Set<string>();
  readonly #results = new Map<string, { readonly result: string; readonly until: Millis }>();
  #resultChars = 0;
  /** `until` of the records numbered `first` to `next`, at their number modulo its length. */
  readonly #untils: Float64Array;
  readonly #most: number;
  #first = 0;
  #next = 0;

  constructor(random: Random, keysMax: number = KEYS_MAX) {
    this.#keys = new KeyTable(keysMax);
    this.#secret = [random.uint32(), random.uint32()];
    this.#untils = new Float64Array(keysMax);
    this.#most = keysMax - Math.ceil(keysMax / RESERVE_SHARE);
  }

  /** No place for what comes from outside. The table itself may hold more for a while: it lets go of old keys when new ones come. */
  get full(): boolean {
    return this.#next - this.#first >= this.#most || this.#resultChars >= RESULT_CHARS_TOTAL_MAX;
  }

  has(key: string, now: Millis): boolean {
    this.#hashOf(key);
    return this.#keys.has(this.#hash[0]!, this.#hash[1]!, now);
  }

  isDurable(key: string, now: Millis): boolean {
    return this.has(key, now) && !this.#pending.has(key);
  }

  /** What the first message with this key was answered; null = nothing. */
  resultOf(key: string): Json {
    const kept = this.#results.get(key);
    return kept === undefined ? null : (JSON.parse(kept.result) as Json);
  }

  /** Without a place left, which only a room's message to another can find, the message's own record has to do: it goes with the deed. */
  take(key: string, ttl: Millis, result: string | null, now: Millis, batch: Batch): void {
    const until = now + Math.max(ttl + SKEW, KEEP_MIN);
    if (!this.#keep(key, until, result, now)) return;
    const end = result === null ? '' : `"result":${JSON.stringify(result)},`;
    const text = `{"key":${JSON.stringify(key)},${end}"until":${until}}`;
    batch.putText(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, this.#name(this.#next - 1), text);
    this.#pending.add(key);
  }

  /** The batch of what was taken is durable. */
  durable(key: string): void {
    this.#pending.delete(key);
  }

  /** Lets go of what is over, with the records. Bounded: a full table empties over several turns. */
  forget(now: Millis, batch: Batch): void {
    const most = this.#first + FORGET_PER_CALL_MAX;
    while (this.#first < this.#next && this.#first < most && this.#untils[this.#first % this.#untils.length]! <= now) {
      batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, this.#name(this.#first), null);
      this.#first += 1;
    }
    if (this.#results.size === 0) return;
    for (const [key, { until, result }] of this.#results) {
      if (until > now) break;
      this.#results.delete(key);
      this.#resultChars -= result.length;
    }
  }

  /** Records come in the order of their numbers. Those that have gone between them count as over. */
  load(name: string, value: Json, now: Millis, batch: Batch): void {
    const { key, until, result } = value as unknown as Stored;
    const number = Number(name);
    if (this.#next === 0) this.#first = this.#next = number;
    while (this.#next < number) this.#untils[this.#next++ % this.#untils.length] = 0;
    if (until <= now) return batch.put(host.HOST_ROOM, HOST_RECORD_VERSION, TABLE, name, null);
    const kept = this.#keep(key, until, result ?? null, now);
    assert(
      kept,
      `more idempotency keys are on disk than the ${this.#untils.length} this host may hold: raise idempotencyKeysMax`,
    );
  }

  #hashOf(key: string): void {
    if (key === this.#hashed) return;
    hashKey(this.#secret, key, this.#hash);
    this.#hashed = key;
  }

  #keep(key: string, until: Millis, result: string | null, now: Millis): boolean {
    this.#hashOf(key);
    if (this.#next - this.#first >= this.#untils.length) return false;
    if (this.#keys.add(this.#hash[0]!, this.#hash[1]!, until, now) === 'full') return false;
    this.#untils[this.#next % this.#untils.length] = until;
    this.#next += 1;
    if (result === null) return true;
    this.#results.set(key, { result, until });
    this.#resultChars += result.length;
    return true;
  }

  #name(number: number): string {
    return String(number).padStart(16, '0');
  }
}
