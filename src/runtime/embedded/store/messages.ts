/** What the main thread and the commit thread of one store say to each other. */
import type { LedgerEntry, StoreError, StoredWrite } from '../../../ports/index.ts';
import type { ProcessIdentity } from '../process-identity.ts';

export interface CommitThreadData {
  readonly path: string;
  readonly realm: string;
  readonly host: string;
  readonly owner: ProcessIdentity;
  /** Names this one opening of the store. */
  readonly instance: string;
  /** Whether inputs and writes are journaled, and all of them in full. */
  readonly journal: 'contracts' | 'full' | null;
}

export type ToCommitThread =
  | {
      readonly kind: 'commit';
      readonly buffer: ArrayBuffer;
      readonly length: number;
      readonly first: number;
      readonly last: number;
    }
  | { readonly kind: 'read'; readonly call: number; readonly index: number; readonly max: number }
  | { readonly kind: 'close' };

export type FromCommitThread =
  | { readonly kind: 'opened'; readonly incarnation: number; readonly records: readonly StoredWrite[] }
  | { readonly kind: 'committed'; readonly buffer: ArrayBuffer }
  | { readonly kind: 'read'; readonly call: number; readonly entries: readonly LedgerEntry[] }
  | { readonly kind: 'read-failed'; readonly call: number; readonly code: StoreError['code']; readonly message: string }
  | { readonly kind: 'failed'; readonly code: StoreError['code']; readonly message: string }
  | { readonly kind: 'closed' };
