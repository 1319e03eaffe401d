/**
 * The second of the three logs: what a host's rooms were given, so that a run can be replayed and forked. Inputs go into the
 * transaction of what they caused: what was journaled happened, and what was lost in a crash is in neither log.
 */
import type { Id, Millis } from '../kernel/index.ts';
import type { RoomInput } from './room.ts';
import type { RecordWrite, StoredWrite } from './store.ts';

/** full: kept as long as the ledger; window: the newest only; none: counted, so that a replay knows what it lacks. */
export type JournalClass = 'full' | 'window' | 'none';

export interface JournalInput {
  readonly room: string;
  /** `load`: the room was rebuilt from the records of the opening. */
  readonly input: RoomInput | { readonly kind: 'load' };
  /** Host time at which it was handled. */
  readonly at: Millis;
  readonly causation: Id | null;
  /** Ids that were drawn while it was handled, in order. */
  readonly ids: readonly Id[];
}

export interface Journal {
  /** After the room has handled it, before the commit that holds its effects. What is not committed by the next `open` is dropped. */
  record(input: JournalInput, keep: JournalClass): void;
}

/** One commit with the inputs that led to it, in the order they were handled, and everything it wrote. */
export interface JournaledCommit {
  readonly sequence: number;
  readonly inputs: readonly JournalInput[];
  readonly writes: readonly RecordWrite[];
}

/** A host from one opening to its end. */
export interface JournaledLife {
  readonly incarnation: number;
  /** What it was opened with; null where that was not kept. */
  readonly records: readonly StoredWrite[] | null;
  readonly commits: readonly JournaledCommit[];
  /** What is missing, in words for a person; empty where everything is there. */
  readonly gaps: readonly string[];
}
