/** The user's repository: private workspaces of it, changes out of them, and the only writes that ever reach it. */
export { claimedRuns, emptyClaim } from './claims.ts';
export { composeActivity } from './compose.ts';
export { compareFingerprints, type Fingerprint, fingerprint, ordinaryChanges } from './fingerprint.ts';
export { type GitIo, type Repositories, repositories } from './git.ts';
export { LAND_STEPS, landActivity, type Landing, type LandOptions, type LandStep, recoverLandings } from './landing.ts';
export { attemptDirectory, baseRef, branchOf, changeRef, composedRef, taskSlug } from './names.ts';
export { applyLand, type LandPlan, type LandRefusal, planLand } from './onto.ts';
export { allocateRun, ensureBranch, type NoRepository, openRepository, type OpenRepository } from './open.ts';
export { takeActivity } from './take.ts';
export { discardActivity, workspaceActivity, type WorkspaceOptions } from './workspace.ts';
export { type CheckOut, checkOutTree } from './checkout.ts';
export { removeRun } from './remove.ts';
export { readTree, type ReadTree } from './read-tree.ts';
export { readDiffs } from './read-diffs.ts';
