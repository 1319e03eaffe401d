/** Pure algorithms and machines: no domain words, no time of their own. */
export { type Coverage, coverageShares } from './credit.ts';
export { buildDag, type Dag, dagOfNeeds, type DagResult, type NamedDag, type NameProblem } from './dag.ts';
export { bounds, type Bounds, cpop, greedy, heft, type Schedule, type ScheduleProblem, speedup, upwardRanks } from './heft.ts';
export { layered, type Layered } from './layered.ts';
export { compileGlob, type Glob } from './glob.ts';
export { type Added, hashKey, type KeySecret, KeyTable } from './key-table.ts';
export {
  checkConsistency,
  checkInclusion,
  type Consistency,
  consistencyPath,
  emptyMerkleRoot,
  type Inclusion,
  inclusionPath,
  type MerkleCheck,
  type MerkleHash,
  merkleLeaf,
  merkleNode,
  merklePeaks,
  MerkleRange,
  merkleRoot,
  type ReadMerkleNode,
  merkleNodesIn,
} from './merkle.ts';
export { type FailedTry, fullJitter, nextRetry, type Retry, RetryBudget, type RetryPolicy } from './retry.ts';
export {
  checkLinearizability,
  explainViolation,
  type Linearizability,
  type Operation,
  type SequentialModel,
  STEPS_MAX,
  type Violation,
} from './linearizability.ts';
export {
  casRegister,
  keyValue,
  type KvInput,
  perKey,
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
} from './linearizability-models.ts';
export { type Admission, type BreakerRules, type BreakerState, CircuitBreaker } from './breaker.ts';
export {
  acquireLease,
  Fence,
  handOverLease,
  type LeaseChange,
  leaseHolder,
  type LeaseRecord,
  NO_LEASE,
  releaseLease,
  renewLease,
} from './lease.ts';
export { LeaseContender, type LeaseStep, type SharedLease } from './lease-contender.ts';
export { GcraTable, type RateLimit } from './gcra.ts';
export { SlidingCounts, SlidingRate } from './sliding-counts.ts';
export { CapabilityMatcher, LEVELS_MAX, type MatchQuery, type Need, type NoMatch, TERMS_MAX } from './capability-matcher.ts';
export {
  type Health,
  HEALTH_STATES,
  type HealthChange,
  type HealthCounts,
  HealthRollup,
  type RollupRule,
} from './health-rollup.ts';
export { QuantileSketch } from './quantile.ts';
export { RIBLT_CELL_BYTES, RIBLT_CELLS_MAX, type RibltDecoded, type RibltItems, RibltSketch } from './riblt.ts';
export { TimingWheel } from './timing-wheel.ts';
export { compareStamps, HybridClock, type HybridStamp } from './hybrid-clock.ts';
