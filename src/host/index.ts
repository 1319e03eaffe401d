/** One host: checks, dedupes, feeds its rooms, commits, and only then lets effects out. */
export { Host } from './host.ts';
export type { Acknowledge, Delivered, HostOptions } from './options.ts';
export { HaltRecords } from './halt-records.ts';
export { placesAt, ResumeStage, type StageAnswer, type StageOptions } from './resume-stages.ts';
export { type GateRule, ruleGate } from './rule-gate.ts';
export { RECORD_BYTES_MAX } from './batch.ts';
export { registerDirectory } from './directory.ts';
export { PEER_BYTES_MAX, PEER_PENDING_MAX, REDELIVERIES_MAX } from './outbox.ts';
export { type Divergence, type Replayed, replay, type ReplayOptions } from './replay.ts';
