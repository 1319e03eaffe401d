/** One machine: real clock, real processes, SQLite. */
export { type ActivityFunction, type ActivityIo, ActivityError } from './activity.ts';
export { type Blobs, fileBlobs } from './blobs.ts';
export { direct, type Exec, type ExecOptions, type ExecResult, type Sandbox } from './exec.ts';
export { cacheHome, type Places, placesOf, socketHome } from './places.ts';
export { connectWarden, type WardenClient, type WardenOptions } from './warden/client.ts';
export type { Cleaned, ProcessStatus, WardenStatus } from './warden/wire.ts';
export { detectSandbox, type SandboxFound } from './warden/sandbox.ts';
