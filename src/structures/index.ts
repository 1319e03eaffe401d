/** Pure algorithms and machines: no domain words, no time of their own. */
export { type Coverage, coverageShares } from './credit.ts';
export { buildDag, type Dag, dagOfNeeds, type DagResult, type NamedDag, type NameProblem } from './dag.ts';
export { bounds, type Bounds, cpop, greedy, heft, type Schedule, type ScheduleProblem, speedup, upwardRanks } from './heft.ts';
export { layered, type Layered } from './layered.ts';
export { compileGlob, type Glob } from './glob.ts';
export { fullJitter } from './retry.ts';
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
  type RegisterInput,
  type RegisterOutput,
  type RegisterValue,
} from './linearizability-models.ts';
