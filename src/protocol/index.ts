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
  decodeLedgerHeader,
  encodeLedgerHeader,
  erasedBy,
  type Hash,
  LEDGER_BODY_BYTES_MAX,
  LEDGER_CHAIN_START,
  LEDGER_HASH_BYTES,
  LEDGER_HEADER_BYTES,
  LEDGER_KINDS,
  ledgerChain,
  type LedgerHeader,
  type LedgerKind,
  ledgerLeaf,
  ledgerLeafOfHash,
  ledgerNodes,
  type LedgerPlace,
} from './ledger.ts';
export {
  type Checkpoint,
  checkpointText,
  type Note,
  type NoteKey,
  noteKey,
  type NoteSigner,
  type OpenedNote,
  openNote,
  parseNote,
  parseNoteKey,
  signNote,
} from './checkpoint.ts';
export type { Crypto, KeyPair } from './crypto.ts';
