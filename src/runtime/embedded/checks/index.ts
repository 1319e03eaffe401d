/** The repository's own checks: found, run, read. */
export {
  baselineActivity,
  checkActivity,
  type CheckActivities,
  Checks,
  differences,
  runChecks,
  type RunChecks,
  summary,
  type TreeOfRun,
} from './activities.ts';
export {
  type Affected,
  affectedTests,
  type ModuleGraph,
  moduleGraph,
  type ModuleNode,
  narrow,
  type Narrowing,
  runnerOf,
  testFiles,
} from './affected.ts';
export {
  type ChecksConfig,
  detectChecks,
  type Detection,
  onPath,
  type PackageManager,
  type Tree,
  type Unavailable,
} from './detect.ts';
export { readFindings, readTests } from './parse/index.ts';
export { type Checkout, runCheck, type RunCheck } from './run.ts';
export { textCache, type TextCache, verdictCache, type VerdictCache, verdictKey } from './verdict-cache.ts';
