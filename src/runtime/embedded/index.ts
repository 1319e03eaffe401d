/** One machine: real clock, real processes, SQLite. */
export { type ActivityFunction, type ActivityIo, ActivityError } from './activity.ts';
export { type AgentNeeds, agentActivity, type LoopDetector } from './agents/activity.ts';
export { type AgentAnswer, agentsOnPath, type AgentWish, findOnPath, resolveAgent } from './agents/presets.ts';
export { type Blobs, fileBlobs } from './blobs.ts';
export { direct, type Exec, type ExecOptions, type ExecResult, type Sandbox } from './exec.ts';
export { cacheHome, type Places, placesOf, socketHome } from './places.ts';
