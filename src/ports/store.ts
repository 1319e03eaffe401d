/**
 * Where a host keeps what must survive: records and ledger entries, one transaction per commit.
 * Results come by callback in commit order; nothing here returns a promise, so that rooms behave the same everywhere.
 */
import type { Id, Millis } from '../kernel/index.ts';
import type { LedgerKind } from '../protocol/index.ts';

/** The worst event after which every acknowledged commit is still there. */
export type Survives = 'nothing' | 'process-kill' | 'os-crash' | 'node-loss';

export interface RecordWrite {
  /** Name of the room, or `host` for the host's own records. */
  readonly room: string;
  readonly table: string;
  readonly key: string;
  readonly version: number;
  /** Canonical JSON, or null to delete. */
  readonly value: string | null;
}

export interface StoredWrite extends RecordWrite {
  readonly value: string;
}

export interface LedgerDraft {
  readonly kind: LedgerKind;
  readonly id: Id;
  readonly causation: Id | null;
  readonly time: Millis;
  readonly body: Uint8Array;
}

export interface Commit {
  /** 1, 2, 3, ... without gaps within one incarnation. */
  readonly sequence: number;
  readonly writes: readonly RecordWrite[];
  readonly entries: readonly LedgerDraft[];
}

export interface Opened {
  /** Never handed out before for this host: raised durably by `open`. */
  readonly incarnation: number;
  /** Sorted by room, table, key (code units). */
  readonly records: readonly StoredWrite[];
}

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly code: 'busy' | 'full' | 'corrupt' | 'failed';

  constructor(code: StoreError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** One host's partition. A failed commit fails every later one until the store is opened again. */
export interface Store {
  readonly survives: Survives;
  open(done: (error: StoreError | null, opened: Opened | null) => void): void;
  /** `done` is called once, in order of sequence, after the transaction is as durable as `survives` says. */
  commit(commit: Commit, done: (error: StoreError | null, sequence: number) => void): void;
  close(done: () => void): void;
}

export interface LedgerEntry {
  readonly index: number;
  readonly header: Uint8Array;
  readonly bodyHash: Uint8Array;
  /** null when the body was erased. */
  readonly body: Uint8Array | null;
  readonly leaf: Uint8Array;
  /** The inner nodes of the Merkle log that this entry completes, from level 1 up, 32 bytes each. */
  readonly nodes: Uint8Array;
}

/** The read side of the ledger that `commit` appends to. */
export interface Ledger {
  /** At most `max` (1..1000) entries from `index` on. */
  read(index: number, max: number, done: (error: StoreError | null, entries: readonly LedgerEntry[]) => void): void;
}
