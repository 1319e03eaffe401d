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
export {
  BUCKETS,
  bucketOf,
  type Contract,
  type ContractKind,
  type ContractTerms,
  defineContract,
  topicFilter,
  topicOf,
} from './contract.ts';
export {
  type Agreement,
  CONTRACT_NUMBER_MAX,
  type ContractIdentity,
  ContractRegistry,
  FLEET_CONTRACTS_FROM,
  type Understanding,
} from './contract-registry.ts';
export { projectMessage, type Projected } from './contract-projection.ts';
export { type Answer, type Bump, compareEditions, type Edition, type Evolution, type Reading } from './evolution.ts';
export { type AsyncApi, asyncApiOf } from './asyncapi.ts';
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
export type { Crypto, KeyPair } from './crypto.ts';
