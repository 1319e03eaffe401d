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
export type { Crypto, KeyPair } from './crypto.ts';
export {
  DEPTH_MAX,
  FRAME_BYTES_MAX,
  FRAME_MESSAGES_FLUSH,
  FRAME_MESSAGES_MAX,
  KEYS_MAX,
  LIST_MAX,
  NAME_UNITS_MAX,
  STRING_BYTES_MAX,
  WHOLE_MAX,
} from './limits.ts';
export { agreeOnContracts, type ContractOffer, type Result, type WireEntry, WireTable } from './wire-table.ts';
export type { WireMessage } from './envelope-wire.ts';
export {
  encodeFrame,
  type Frame,
  FRAME_HEADER_BYTES,
  type FrameAuthentication,
  FrameBuilder,
  type FrameHeader,
  openFrame,
  type Seal,
  type Unseal,
} from './frame.ts';
