/** Interfaces to the world. Results come by callback; a port appears with its first user, its suite in test/conformance. */
export type {
  Activity,
  ActivityKind,
  AuditEntry,
  Context,
  Draft,
  Effects,
  Outcome,
  Room,
  RoomInput,
  StoredRecord,
} from './room.ts';
export type { Clock } from './clock.ts';
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
export type { Activities, ActivityRequest, Permit } from './activities.ts';
export type { Bus, Receive } from './bus.ts';
export { type Action, approvalText, type Decision, type Gate, readApproval } from './gate.ts';
export type { Halt, HaltRecord, HaltState, PermissionLease } from './halt.ts';
export { type Keys, KeysError } from './keys.ts';
export type { BlobRef } from './blobs.ts';
export type { Telemetry } from './telemetry.ts';
