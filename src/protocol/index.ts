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
export { parseForeignJson } from './depth.ts';
export { readCloudEvent, writeCloudEvent } from './cloud-event.ts';
export {
  CERTIFICATE_BYTES_MAX,
  CERTIFICATE_LIFE_MAX,
  type Delegation,
  issueCertificate,
  needsOwnSignature,
  openCertificate,
  type OpenedCertificate,
  speaksFor,
} from './certificate.ts';
export { Handshake, HANDSHAKE_LIFE, type HandshakeSelf, type HandshakeStep, PROTOCOL_VERSIONS } from './handshake.ts';
export { HostKeys, type Rotation } from './host-keys.ts';
export {
  type Authority,
  KEY_ANNOUNCED,
  KEY_LIFE_MAX,
  KEY_OVERLAP,
  KEY_ROTATION,
  KeyRing,
  type KeyState,
  SKEW,
  TTL_MAX,
} from './key-ring.ts';
export {
  isPrincipal,
  KEY_ID_BYTES,
  KeyChain,
  keyIdOf,
  keyText,
  SeedSigner,
  SIGNATURE_BYTES,
  type Signer,
  type SigningContext,
  verifyIn,
} from './keys.ts';
export { type Admission, admitMember, grantAdmission, requestAdmission, revokeKey, succeedKey } from './membership.ts';
export { REPLAY_WINDOW, ReplayWindow } from './replay-window.ts';
export { FrameDoor, type FrameDoorOptions, type FrameSeal, sealInSession, sealSigned } from './seal.ts';
export { Session, SESSION_FRAMES_MAX, SESSION_ID_BYTES, SESSION_LIFE, type SessionTerms } from './session.ts';
export {
  BATCH_MAX,
  checkInBatch,
  MESSAGE_SIGNATURE_BYTES,
  signBatch,
  type SignedBatch,
  type SignedRoot,
  signMessage,
  verifyMessage,
  verifyRoot,
} from './signature.ts';
