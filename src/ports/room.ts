/**
 * A room: a deterministic state machine that owns one capability. It is handed inputs one at a time and answers with effects
 * as data; it never waits, never looks at a clock and never touches the world. Durable state is exactly what it `put`s.
 */
import type { Id, Json, Millis, Priority, Random } from '../kernel/index.ts';
import type { Contract, Envelope, LedgerKind, Refusal, Routing } from '../protocol/index.ts';

/** A record as it was written: `value` is what the room put, `version` the room's record version at that time. */
export interface StoredRecord {
  readonly table: string;
  readonly key: string;
  readonly version: number;
  readonly value: Json;
}

/**
 * pure: computation without any effect, on a worker thread; idempotent: run again after a crash with the same idempotency key;
 * once: never run again, after a crash the room gets `unknown` and decides.
 */
export type ActivityKind = 'pure' | 'idempotent' | 'once';

/** Something slow or outside. The intent is durable before it starts; exactly one outcome comes back for each attempt. */
export interface Activity<P = unknown> {
  /** Name in the runtime's table of functions. */
  readonly name: string;
  readonly kind: ActivityKind;
  readonly payload: P;
  /** Grows with every new holder of the key; an outcome under an older fence is dropped and counted. */
  readonly fence: number;
  /** Counts re-runs under one fence, from 1. */
  readonly attempt: number;
  /** Host time after which the runtime ends it as `timed-out`; null = the payload bounds itself. */
  readonly deadline: Millis | null;
  /** What a halt may name beside the host and the room: `agent/a17`, `venue/x`. At most 16. */
  readonly scopes?: readonly string[];
  /** It only takes back: started also while its scope is REDUCING. */
  readonly reduces?: true;
}

export type Outcome<R = unknown> =
  | { readonly status: 'done'; readonly value: R }
  | { readonly status: 'failed'; readonly retryable: boolean; readonly detail: string }
  | { readonly status: 'timed-out'; readonly detail: string }
  | { readonly status: 'cancelled'; readonly detail: string }
  | { readonly status: 'refused'; readonly refusal: Refusal }
  | { readonly status: 'unknown'; readonly detail: string };

export type RoomInput =
  | { readonly kind: 'message'; readonly envelope: Envelope }
  | { readonly kind: 'timer'; readonly key: string }
  | {
      readonly kind: 'activity';
      readonly key: string;
      readonly fence: number;
      readonly attempt: number;
      readonly outcome: Outcome;
    };

export interface Context {
  readonly now: Millis;
  /** Seeded by host, room and incarnation. */
  readonly random: Random;
  nextId(): Id;
  readonly host: string;
  readonly incarnation: number;
  /** The id of the message, or of the message that led to this timer or outcome; null where nothing did. */
  readonly causation: Id | null;
}

/** What a room says; the host adds who, when and under which session. */
export interface Draft<T = unknown> {
  readonly contract: Contract<T>;
  readonly data: T;
  readonly audience: string;
  readonly subject: string;
  readonly correlation?: Id;
  readonly causation?: Id | null;
  readonly idempotencyKey?: string;
  readonly ttl?: Millis;
  readonly priority?: Priority;
  readonly routing?: Routing;
}

export interface AuditEntry {
  readonly kind: LedgerKind;
  /** Canonical JSON: integers, no floats. */
  readonly body: Json;
}

/** Everything a room can cause. Collected during one input; nothing happens before the batch is durable. */
export interface Effects {
  /** null deletes. Keyed within the room; at most 256 KiB of canonical JSON (integers only). */
  put(table: string, key: string, value: Json | null): void;
  send<T>(draft: Draft<T>): void;
  /** Fires once at or after `at`; null disarms. Never stored: `load` arms it again from a record's deadline. */
  timer(key: string, at: Millis | null): void;
  /** Starts an activity, or replaces the one under the same key by one with a higher fence. */
  perform(key: string, activity: Activity): void;
  cancel(key: string): void;
  /** The result of the message at hand, at most 4 KiB of canonical JSON: kept with its idempotency key and given to whoever sends it again. */
  answer(value: Json): void;
  audit(entry: AuditEntry): void;
  measure(name: string, value: number): void;
}

/** `I` is kept open for rooms that declare their inputs more narrowly. */
export interface Room<I = RoomInput, Q = unknown, A = unknown> {
  readonly name: string;
  readonly recordVersion: number;
  /** Contracts whose messages this room takes. */
  readonly contracts: readonly Contract[];
  /** Rebuilds all durable state from records sorted by table and key. Only `timer`, `put` (upcasts) and `measure` are allowed on `out`. */
  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void;
  /** At most 2 ms at p99; checks everything before the first mutation; never awaits. Throwing drops the whole batch. */
  handle(input: I, ctx: Context, out: Effects): void;
  /** Read-only and bounded. */
  query(question: Q): A;
}
