/** One machine: real clock, real processes, SQLite. */
export { type ActivityFunction, type ActivityIo, ActivityError, blameless, InterruptedError } from './activity.ts';
export { type ActivitiesOptions, type ActivityTable, embeddedActivities } from './activities.ts';
export { type AgentNeeds, agentActivity, type LoopDetector } from './agents/activity.ts';
export { modelNote, type ModelWish } from './agents/model/choice.ts';
export { type AgentAnswer, agentsOnPath, type AgentWish, findOnPath, quoted, resolveAgent } from './agents/presets.ts';
export { type Blobs, fileBlobs } from './blobs.ts';
export { type BusOptions, inProcessBus } from './bus.ts';
export { callAt, type ClockOptions, embeddedClock } from './clock.ts';
export {
  callControl,
  callHost,
  clearDeadHost,
  type ControlAnswer,
  type ControlHandler,
  type ControlRequest,
  type ControlServer,
  type HostEntry,
  type HostReply,
  readHostFile,
  serveControl,
  serveHost,
} from './control/index.ts';
export { openAtRest, type OpenedCrypto, openCrypto, sealAtRest } from './crypto/index.ts';
export { direct, type Exec, type ExecOptions, type ExecResult, type Sandbox } from './exec.ts';
export { cacheHome, type Places, placesOf, socketHome } from './places.ts';
export { identityOf, isAlive, ownIdentity, type ProcessIdentity } from './process-identity.ts';
export {
  type LedgerFinding,
  type LedgerLine,
  type LedgerPage,
  type LedgerVerdict,
  readLedger,
  readStore,
  SqliteStore,
  type SqliteStoreOptions,
  type StoreReading,
  verifyLedger,
  type EntryProof,
  proveEntry,
  readEntries,
  readJournal,
  type VerifyOptions,
} from './store/index.ts';
export {
  type CedarAnswer,
  type CedarEngine,
  cedarEngine,
  type CedarPolicy,
  type CedarProblem,
  type CedarRequest,
  type ParsedPolicies,
} from './policy/cedar.ts';
export { parseExact } from './policy/exact-longs.ts';
export {
  PolicyFiles,
  type PolicySources,
  readPolicySources,
  readReviewerKey,
  type ReadSources,
  type ReviewerKey,
  verifyReview,
} from './policy/files.ts';
export { connectWarden, type WardenClient, type WardenOptions } from './warden/client.ts';
export { cleanUp as cleanWardenRecord } from './warden/record.ts';
export { type Cleaned, type ProcessStatus, type WardenStatus } from './warden/wire.ts';
export { detectSandbox, type SandboxFound } from './warden/sandbox.ts';
export {
  allocateRun,
  applyLand,
  checkOutTree,
  claimedRuns,
  compareFingerprints,
  composeActivity,
  discardActivity,
  emptyClaim,
  ensureBranch,
  fingerprint,
  type GitIo,
  type LandPlan,
  landActivity,
  openRepository,
  type OpenRepository,
  type ReadTree,
  ordinaryChanges,
  planLand,
  readDiffs,
  readTree,
  recoverLandings,
  removeRun,
  repositories,
  takeActivity,
  workspaceActivity,
} from './repository/index.ts';
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
  linkedOutside,
  missingIgnored,
  provide,
  type Provided,
  userPath,
} from './environment/index.ts';
export {
  probeActivity,
  type ProbeNeeds,
  readJudgeAnswer,
  type ReadLine,
  readProbeLine,
  services,
  type Services,
  type ServicesOptions,
  sharedOf,
  vetActivity,
} from './probes/index.ts';
export { PureThread, type PureTable, servePure } from './pure.ts';
export { SqliteRegister, type SqliteRegisterOptions } from './register.ts';
export { SqliteQuery, type SqliteQueryOptions } from './query.ts';
export { SocketHub, SocketSpoke, type SocketBusOptions, type SocketSpokeOptions } from './socket-bus.ts';
export { type SocketIdentity } from './socket-link.ts';
export { type KeysOptions, openKeys } from './keys.ts';
export {
  type Appended,
  type HaltAck,
  haltPort,
  type HaltPortOptions,
  HaltRecordError,
  HaltRegister,
  type HaltRegisterOptions,
  LEASE_MS,
  LEASE_PERIOD_MS,
  leaseWriter,
  type LeaseWriter,
  machineMs,
  openOperator,
  type Operator,
  readLease,
  watchHalts,
} from './halt/index.ts';
