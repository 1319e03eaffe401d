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
export { type GuardrailPack, type PackLimit, packPolicies, type PackResult, readPack, reviewDue } from './guardrails.ts';
export {
  guardrailPolicies,
  makePolicySet,
  type PolicySet,
  policySetHash,
  type PolicySetInput,
  type PolicySetResult,
} from './policy-set.ts';
export {
  type Capability,
  type CapabilityLink,
  type CapabilityResult,
  type CapabilityTerms,
  covers,
  delegate,
  verifyCapability,
} from './capability.ts';
export {
  actionOf,
  createGate,
  type PolicyDecision,
  type PolicyGate,
  type PolicyGateOptions,
  requestEntities,
  type Trim,
} from './gate.ts';
export {
  type ActivationRecord,
  CHAIN_START,
  type Evidence,
  type History,
  readReviewers,
  recordHash,
  replayActivations,
  type Reviewer,
  type ReviewSignature,
  reviewStatement,
  SIGNATURES_MIN,
  validReviews,
} from './activation.ts';
export { type RandomRequest, randomRequests } from './random-requests.ts';
