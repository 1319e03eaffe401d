/** What a host is given by the runtime, and what those who deliver messages to it hear. */
import type { Json } from '../kernel/index.ts';
import type { Envelope, Refusal } from '../protocol/index.ts';
import type { Activities, Bus, Clock, Gate, Halt, Journal, Permit, RecordWrite, Room, Store, Telemetry } from '../ports/index.ts';

export interface HostOptions {
  readonly realm: string;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** Made anew at every (re)load. */
  readonly rooms: readonly (() => Room)[];
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly activities: Activities;
  readonly telemetry: Telemetry;
  /** What rooms are given goes there, so that a run can be replayed; the store that `store` names keeps it. */
  readonly journal?: Journal;
  /** Asked in the effect adapter for what gate and halt let pass. */
  readonly permit: Permit;
  /** Without one nothing under a contract of risk `gated` comes in or goes out, and `permit` alone grants effects. */
  readonly gate?: Gate;
  /** With one nothing risky happens before its record was read, after a halt, or without a permission lease. */
  readonly halt?: Halt;
  /** Of the halt record, whatever this host does is in these, besides `global` and `host/<host>`. */
  readonly scopes?: readonly string[];
  /**
   * Signature, key and replay window of a message that came from outside. `again`: a dead letter that is handed in once more, so
   * its place in the replay window is taken by itself.
   */
  readonly verify?: (envelope: Envelope, again: boolean) => Refusal | null;
  /** Whether a name is answered for here. Default: this host's own name, and every name that is no host's. */
  readonly hears?: (audience: string) => boolean;
  /** Idempotency keys held at once, 16 to 32 bytes each; default 24,576, at most 50 million. Beyond them new messages wait. */
  readonly idempotencyKeysMax?: number;
  readonly seed: string;
  /** Runs `turn` soon, once per call, never from inside another call into the host. */
  schedule(turn: () => void): void;
  /** After a commit is durable: the only feed of projections. `loaded` = the full state at (re)open. */
  onCommitted(writes: readonly RecordWrite[], loaded: boolean): void;
  /** A reload that could not be done: the host is stopped. */
  onFailed(error: Error): void;
}

/**
 * Called once: null when the message was handled and that is durable, with what the room answered; else why not.
 * `unavailable` means offer it again.
 */
export type Acknowledge = (refusal: Refusal | null, result?: Json) => void;

/** Whether `deliver` took a message. A duplicate of what is durable is refused with the result of the first. */
export type Delivered = { readonly ok: true } | { readonly ok: false; readonly refusal: Refusal; readonly result?: Json };
