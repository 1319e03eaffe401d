/**
 * The halt record and the permission to go on. The record only grows; one lease for each host says until when it may start
 * effects, so that a host which hears nothing stops by itself. Who may halt and who may resume is not decided here.
 */
import type { Millis, MonotonicMillis } from '../kernel/index.ts';

/** RUNNING < REDUCING (only what reduces a position) < HALTED (nothing starts) < KILLED (nothing ever starts again). */
export type HaltState = 'RUNNING' | 'REDUCING' | 'HALTED' | 'KILLED';

export interface HaltRecord {
  /** `global`, `host/<host>`, `room/<room>`, or what an activity names: `agent/a17`, `venue/x`. */
  readonly scope: string;
  /** Counts over all scopes, from 1. Names a halt: two of one scope and epoch are one, the more severe of them. */
  readonly epoch: number;
  /** RUNNING ends the halt that `ends` names; every other state is a halt, which holds until it is ended. */
  readonly state: HaltState;
  /** With RUNNING: the epoch of the one halt of this scope that is over. KILLED is never over. */
  readonly ends?: number;
  readonly by: string;
  readonly reason: string;
  readonly at: Millis;
}

export interface PermissionLease {
  /** On the clock of the host that holds it. */
  readonly until: MonotonicMillis;
  /** The last epoch its issuer had read: a holder that knows less has missed a halt. */
  readonly epoch: number;
}

export interface Halt {
  /** All there is, once. Until it has answered, nothing is permitted. */
  read(done: (error: Error | null, records: readonly HaltRecord[]) => void): void;
  /** `done` is called once, when it is durable; who listens hears of it no later. */
  append(record: HaltRecord, done: (error: Error | null) => void): void;
  /** Hears of every record that became durable after `read` answered, from whomever; a record may come twice. */
  onRecord(listener: (record: HaltRecord) => void): void;
  /** The last one heard, expired or not; null = none was ever heard. */
  lease(): PermissionLease | null;
}
