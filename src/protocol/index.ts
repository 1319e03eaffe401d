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
  decodeLedgerHeader,
  erasedBy,
  LEDGER_HASH_BYTES,
  type LedgerFact,
  type LedgerOpening,
  LedgerWriter,
  ledgerNodes,
  type LedgerPlace,
} from './ledger.ts';
export { type Crypto, type KeyPair } from './crypto.ts';
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
export { type WireMessage } from './envelope-wire.ts';
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
  SIGNATURE_BYTES,
  type SigningContext,
  verifyIn,
  SeedSigner,
  type Signer,
} from './keys.ts';
export { admitMember, revokeKey, succeedKey, type Admission, grantAdmission, requestAdmission } from './membership.ts';
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
export { HostKeys, type Rotation } from './host-keys.ts';
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
export { isRecord, Meeting, type MeetingSelf, type MeetingStep, type Met, RECORD_BYTES_MAX, refusalRecord } from './meeting.ts';
export { Speakers, type SpeakersOptions } from './speakers.ts';
export {
  type HaltAuthority,
  haltEpoch,
  haltId,
  type HaltInForce,
  type HaltLevel,
  HaltLog,
  type HaltOrder,
  type HaltSignature,
  RESUME_LIFE,
  RESUME_STAGES,
  type SignedHaltOrder,
  signHaltOrder,
} from './halt-order.ts';
