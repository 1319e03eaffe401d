/** One host: checks, dedupes, feeds its rooms, commits, and only then lets effects out. */
export { type Acknowledge, type Delivered, Host, type HostOptions } from './host.ts';
export { RECORD_BYTES_MAX } from './batch.ts';
export { type Divergence, type Replayed, replay, type ReplayOptions } from './replay.ts';
