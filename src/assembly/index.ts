/** Rooms plugged into hosts: what a surface or a program holds to run a fleet on a repository. */
export { openFleet } from './fleet.ts';
export type * from './run.ts';
export { swarmOf } from './swarm.ts';
export type * from './goals.ts';
export type { work } from '../contracts/index.ts';
export {
  rehearse,
  REHEARSAL_MODEL,
  type Rehearsal,
  type RehearsalModel,
  type RehearsalResult,
  type AtLeast,
  type Spread,
} from './rehearse.ts';
export {
  activatePolicy,
  type ActivationReport,
  compareWithEngine,
  COVERAGE_MIN,
  explainCases,
  type Explanation,
  loadPolicy,
  type LoadedPolicy,
  openGate,
  policyFiles,
  policyState,
  type PolicyState,
  rollbackPolicy,
  shadowPolicy,
  type ShadowReport,
  testPolicy,
  type TestReport,
} from './policy.ts';
export { type PolicyCase, readCases } from './policy-cases.ts';
export {
  type FaultClass,
  type FleetOptions,
  type FleetRequest,
  shrinkSeed,
  type SimulatedFailure,
  type SimulatedSeed,
  simulateSeed,
  SIMULATION,
  simulationCrypto,
} from './simulate.ts';
