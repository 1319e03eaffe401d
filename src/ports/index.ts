/** Interfaces to the world. Results come by callback; a port appears with its first user, its suite in test/conformance. */
export {
  type Activity,
  type ActivityKind,
  type AuditEntry,
  type Context,
  type Draft,
  type Effects,
  type Outcome,
  type Room,
  type RoomInput,
  type StoredRecord,
} from './room.ts';
export { type Clock } from './clock.ts';
export {
  type Commit,
  type Ledger,
  type LedgerDraft,
  type LedgerEntry,
  type Opened,
  type RecordWrite,
  type Store,
  type StoredWrite,
  StoreError,
  type Survives,
} from './store.ts';
export { type Activities, type ActivityRequest, type Permit } from './activities.ts';
export { type Bus, type Membership } from './bus.ts';
export { type BlobRef } from './blobs.ts';
export { type Telemetry } from './telemetry.ts';
export { type Receive } from '../protocol/index.ts';
export {
  type Register,
  REGISTER_KEY_CHARS_MAX,
  REGISTER_VALUE_CHARS_MAX,
  type RegisterChange,
  type Registered,
  RegisterError,
  type Swapped,
} from './register.ts';
export { type Directory, type Placed, type Placement } from './directory.ts';
export { type Query, type QueryAnswer, QueryError, type QueryFilter, type QueryRequest } from './query.ts';
export { type Keys, KeysError } from './keys.ts';
export { type Journal, type JournalClass, type JournaledCommit, type JournaledLife, type JournalInput } from './journal.ts';
export { type Action, approvalText, type Decision, type Gate, readApproval } from './gate.ts';
export { type Halt, type HaltRecord, type HaltState, type PermissionLease } from './halt.ts';
