/** The room `memory`: what agents know, written by many, signed, and the same everywhere. */
export { type Dot, type Held, type OpenedScope, openScope, Scope, type ScopeOptions, type Taken } from './scope.ts';
export { type Change, type OpenedWriter, openWriter, ScopeWriter, type Written } from './writer.ts';
export { type FieldKind, type FieldTerms, type ScopeTerms } from './terms.ts';
export { type CustomFold, type FieldView, type LiveItem, type RecordView, SIBLINGS_MAX } from './view.ts';
export type { LocalDot } from './fold.ts';
export type { LogName } from './operation.ts';
export type { Value } from './value.ts';
export {
  type Answer,
  answer,
  askAgain,
  type Compared,
  compareHeads,
  DELTA_BYTES_MAX,
  type DeltaTaken,
  frontier,
  headCells,
  takeDelta,
  wholeDelta,
} from './reconcile.ts';
export {
  type Checkpoint,
  checkRecord,
  compareCheckpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  makeCheckpoint,
  proveRecord,
  type RecordProof,
  stateBytes,
} from './checkpoint.ts';
