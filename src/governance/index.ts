/** The room `governance`: what may be done, by whom, within which limits. */
export {
  Datetime,
  Decimal,
  Duration,
  EntityRef,
  EvaluationError,
  IpAddress,
  type RecordValue,
  SetValue,
  showValue,
  type Value,
} from './values.ts';
export { type EntityInput, EntityStore, type Read, readEntities, readEntityRef, readRecord, readValue } from './entities.ts';
export {
  type Compiled,
  type CompiledPolicy,
  compilePolicies,
  type CompileProblem,
  type PolicyIndex,
  type PolicySource,
} from './compile.ts';
export { type Answer, decide, type PolicyFailure, type PolicyRequest, withActions } from './decide.ts';
export { actionsOf } from './schema.ts';
