/** One machine: real clock, real processes, SQLite. */
export { type ActivityFunction, type ActivityIo, ActivityError } from './activity.ts';
export { type Blobs, fileBlobs } from './blobs.ts';
export { direct, type Exec, type ExecOptions, type ExecResult, type Sandbox } from './exec.ts';
export { cacheHome, type Places, placesOf, socketHome } from './places.ts';
export {
  baselineActivity,
  checkActivity,
  type CheckActivities,
  type Checkout,
  Checks,
  type ChecksConfig,
  detectChecks,
  type Detection,
  onPath,
  type PackageManager,
  readFindings,
  readTests,
  runCheck,
  type RunCheck,
  runChecks,
  type RunChecks,
  summary,
  type Tree,
  type TreeOfRun,
  type Unavailable,
  verdictCache,
  type VerdictCache,
} from './checks/index.ts';
export {
  aboutMissing,
  type ChildEnv,
  childEnv,
  dependencyStamp,
  freePort,
  type IgnoredFile,
  isSecretName,
  languageEnv,
  missingIgnored,
  provide,
  type Provided,
  userPath,
} from './environment/index.ts';
