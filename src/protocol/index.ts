/** What hosts say to each other and write down: envelopes, contracts, refusal reasons, ledger bytes. */
export { isRetryable, type Refusal, type RefusalReason, REFUSALS } from './refusal.ts';
export {
  type Coordination,
  type Envelope,
  makeEnvelope,
  type Routing,
  type Spoken,
  type Trinary,
  type Verb,
} from './envelope.ts';
export { type Contract, type ContractKind, type ContractTerms, defineContract } from './contract.ts';
export {
  encodeLedgerHeader,
  type Hash,
  LEDGER_BODY_BYTES_MAX,
  LEDGER_CHAIN_START,
  LEDGER_HEADER_BYTES,
  LEDGER_KINDS,
  ledgerChain,
  type LedgerHeader,
  type LedgerKind,
  ledgerLeaf,
  ledgerLeafOfHash,
} from './ledger.ts';
export { type ConsumerNotice, Exchange, type ExchangeOptions, PRESSURED_ABOVE, type Receive } from './exchange.ts';
export {
  bucketOf,
  controlSubject,
  parseSubject,
  type Subject,
  type SubjectKind,
  subjectOf,
  TOPIC_BUCKETS,
  topicSubject,
} from './subject.ts';
export { type Route, Routes } from './routes.ts';
export { type Answered, type Awaited, replyTo, Requests } from './requests.ts';
export { Gather, type Gathered, type GatherOptions, type GatherVerdict } from './gather.ts';
export { type PassedOn, passOn, setOut, type Staged, stagedSchema, STAGES_MAX } from './itinerary.ts';
export {
  type Chunk,
  CHUNK_BYTES_MAX,
  type ChunkRange,
  type ChunkRead,
  type Grant,
  StreamReader,
  StreamWriter,
} from './stream.ts';
export type { Crypto, KeyPair } from './crypto.ts';
