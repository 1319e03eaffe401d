/** One machine: real clock, real processes, SQLite. */
export { type ActivityFunction, type ActivityIo, ActivityError } from './activity.ts';
export { type Blobs, fileBlobs } from './blobs.ts';
export { direct, type Exec, type ExecOptions, type ExecResult, type Sandbox } from './exec.ts';
export { cacheHome, type Places, placesOf, socketHome } from './places.ts';
export * as repository from './repository/index.ts';
