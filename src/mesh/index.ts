/** The room `mesh`: who is there, how long each takes, and when to tell whom so that all are ready at T. */
export { anomaliesOf, type Anomaly, freezeIfCoordinated } from './anomaly.ts';
export {
  ABSTAIN,
  type ArrivalPlan,
  type ArrivalRequest,
  clusterSketch,
  feasibleMs,
  feasibleShare,
  HOLD_POLICY,
  type HoldPolicy,
  HORIZON_MS,
  LATE_JOIN,
  leadSketch,
  ownTarget,
  planArrival,
  type Planned,
  SEND,
  SUBSTITUTED,
  winnerOf,
} from './arrival.ts';
export { CLASS_COUNTS, CLASSES, HUMAN, type ImpedanceClass, PRIOR_SERVICE_MS, SEED_SERVICE_MS } from './classes.ts';
export { BOUND_MIN_MS, ClockBound, type ClockEstimate, type Exchange, type Heard, oneWayMs } from './clock-bound.ts';
export { type HeartbeatTaken, takeHostHeartbeat } from './host-heartbeat.ts';
export { criticalTau, Estimator, type Observation, TAUS } from './estimator.ts';
export { type Committed, type Opened, Operation, Operations, OPERATIONS_MAX } from './operation.ts';
export {
  type BeforeT,
  decideBeforeT,
  QUORUM,
  type Quorum,
  type QuorumRule,
  type Tally,
  trinaryQuorum,
  type Verdict,
} from './quorum.ts';
export {
  type AgentRow,
  DEGRADED_ABOVE,
  impedanceScore,
  Registry,
  ROUTABLE_UP_TO,
  type Routed,
  SETTLED_AFTER,
} from './registry.ts';
export { AGENTS_MAX, type Growth, mixOf, type Shape, SHAPE, Topology } from './topology.ts';
