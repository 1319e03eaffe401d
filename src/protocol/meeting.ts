/**
 * How two hosts meet on a connection: the handshake, and beside it the lists of contracts that its signatures cover. What comes
 * out is a session and the table by which both number what they say. A machine without input or output, like the handshake; it
 * also renews a session over a connection that carries frames meanwhile. It never reads a frame.
 *
 *   initiator                        responder
 *      │ hello ──────────────────────▶│
 *      │◀───────────── reply, contracts        both lists must have the hashes that the handshake signed
 *      │ finish, contracts ──────────▶│
 *
 *   record: 0 "SKH" 1 · 4 u8 kind (1 hello, 2 reply, 3 finish, 4 contracts, 5 refusal) · 5 3 B 0 · 8 u32 bytes of the record,
 *           big endian, at the place where a frame has its own · 12 content
 */
import { assert, canonicalJson, concat, equalBytes, type Json, type Millis, utf8 } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import type { ContractIdentity, ContractRegistry, Understanding } from './contract-registry.ts';
import type { Crypto } from './crypto.ts';
import { parseForeignJson } from './depth.ts';
import { Handshake } from './handshake.ts';
import type { KeyRing } from './key-ring.ts';
import type { Signer } from './keys.ts';
import { type Refusal, REFUSALS } from './refusal.ts';
import type { Session } from './session.ts';
import { type Result, WireTable } from './wire-table.ts';

export const RECORD_HEAD_BYTES = 12;
/** A list of 1,500 contracts; nobody is known yet when it is read. */
export const RECORD_BYTES_MAX: number = 256 * 1024;
const MAGIC = utf8('SKH\u0001');
const KINDS = ['hello', 'reply', 'finish', 'contracts', 'refusal'] as const;
type RecordKind = (typeof KINDS)[number];
const DETAIL_MAX = 1000;

/** Whether these bytes begin a record rather than a frame. Four of them are enough. */
export function isRecord(bytes: Uint8Array): boolean {
  return equalBytes(bytes.subarray(0, 4), MAGIC);
}

export interface MeetingSelf {
  readonly crypto: Crypto;
  readonly ring: KeyRing;
  /** `host:<realm>/<12 hexadecimal digits>` */
  readonly name: string;
  /** Its current key: another one after a rotation. */
  readonly signer: (now: Millis) => Signer;
  readonly contracts: ContractRegistry;
}

/** A session with a host, and what the two understand of each other. */
export interface Met {
  readonly session: Session;
  readonly table: WireTable;
  /** By type, of what the other host knows. */
  readonly understood: ReadonlyMap<string, Understanding>;
  /** The key of this side that the session began under. */
  readonly ownKeyId: Uint8Array;
}

export interface MeetingStep {
  readonly send: Uint8Array | null;
  readonly met: Met | null;
}

export class Meeting {
  readonly #self: MeetingSelf;
  readonly #list: Uint8Array;
  readonly #ownKeyId: Uint8Array;
  #handshake: Handshake;
  #session: Session | null = null;
  #theirs: Uint8Array | null = null;

  private constructor(self: MeetingSelf, list: Uint8Array, key: Signer, handshake: Handshake) {
    this.#self = self;
    this.#list = list;
    this.#ownKeyId = key.id;
    this.#handshake = handshake;
  }

  /** `seed`: 32 fresh bytes. `peer` is the name of the host that is meant. */
  static begin(
    self: MeetingSelf,
    peer: string,
    seed: Uint8Array,
    now: Millis,
  ): { readonly meeting: Meeting; readonly send: Uint8Array } {
    const { list, part } = partOf(self, now);
    const { handshake, hello } = Handshake.initiate(part, peer, seed, now);
    return { meeting: new Meeting(self, list, part.key, handshake), send: record('hello', hello) };
  }

  /** Answers whoever says hello. */
  static answer(self: MeetingSelf, seed: Uint8Array, now: Millis): Meeting {
    const { list, part } = partOf(self, now);
    return new Meeting(self, list, part.key, Handshake.respond(part, seed, now));
  }

  /** The next record of the other side. A refusal ends the meeting: the other side may be told by `refusalRecord`. */
  hear(bytes: Uint8Array, now: Millis): Result<MeetingStep> {
    const kind = KINDS[bytes[4]! - 1];
    const content = bytes.subarray(RECORD_HEAD_BYTES);
    if (kind === undefined || (bytes[5]! | bytes[6]! | bytes[7]!) !== 0) return no('invalid', 'no record of a meeting');
    if (kind === 'refusal') return { ok: false, refusal: toldRefusal(content) };
    if (kind === 'contracts') {
      if (this.#theirs !== null) return no('invalid', 'a second list of contracts');
      this.#theirs = content.slice();
      return this.#conclude(null);
    }
    const step = this.#handshake.receive(content, now);
    if (!step.ok) return step;
    this.#session = step.session ?? this.#session;
    if (step.send === null) return this.#conclude(null);
    const answer = record(kind === 'hello' ? 'reply' : 'finish', step.send);
    return this.#conclude(concat(answer, record('contracts', this.#list)));
  }

  #conclude(send: Uint8Array | null): Result<MeetingStep> {
    const [session, theirs] = [this.#session, this.#theirs];
    if (session === null || theirs === null) return { ok: true, value: { send, met: null } };
    if (!equalBytes(this.#self.crypto.hash(theirs), session.peerContracts))
      return no('bad-signature', `the list of contracts is not the one that ${session.peer} signed`);
    const read = parseForeignJson(theirs);
    if (!read.ok) return read;
    const identities = readIdentities(read.value);
    if (identities === null) return no('invalid', `${session.peer} sent no list of contracts`);
    const agreed = this.#self.contracts.meet(identities);
    if (!agreed.ok) return { ok: false, refusal: { ...agreed.refusal, detail: `${session.peer}: ${agreed.refusal.detail}` } };
    const understood = new Map<string, Understanding>();
    const same: Contract[] = [];
    for (const { type, number } of identities) {
      const how = agreed.byNumber.get(number)!;
      understood.set(type, how);
      if (how.how === 'same') same.push(how.contract);
    }
    return { ok: true, value: { send, met: { session, table: new WireTable(same), understood, ownKeyId: this.#ownKeyId } } };
  }
}

/** So that the other side hears why before the connection ends. Nothing proves where it comes from: for people only. */
export function refusalRecord({ reason, detail }: Refusal): Uint8Array {
  return record('refusal', utf8(canonicalJson({ reason, detail: detail.slice(0, DETAIL_MAX) })));
}

function partOf(self: MeetingSelf, now: Millis) {
  const { crypto: primitives, ring, name, signer } = self;
  const list = utf8(canonicalJson(self.contracts.identities()));
  return { part: { crypto: primitives, ring, name, key: signer(now), contracts: primitives.hash(list) }, list };
}

function record(kind: RecordKind, content: Uint8Array): Uint8Array {
  const length = RECORD_HEAD_BYTES + content.length;
  assert(length <= RECORD_BYTES_MAX, `a list of contracts takes ${length} bytes, the limit is ${RECORD_BYTES_MAX}`);
  const bytes = new Uint8Array(length);
  bytes.set(MAGIC);
  bytes[4] = KINDS.indexOf(kind) + 1;
  new DataView(bytes.buffer).setUint32(8, length);
  bytes.set(content, RECORD_HEAD_BYTES);
  return bytes;
}

function readIdentities(value: Json): readonly ContractIdentity[] | null {
  if (!Array.isArray(value)) return null;
  const fits = value.every((each) => {
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return false;
    const { type, minor, hash, number } = each as Record<string, Json>;
    return typeof type === 'string' && typeof hash === 'string' && typeof minor === 'number' && typeof number === 'number';
  });
  return fits ? (value as never) : null;
}

function toldRefusal(content: Uint8Array): Refusal {
  const read = parseForeignJson(content);
  const { reason, detail } = (read.ok && typeof read.value === 'object' && read.value !== null ? read.value : {}) as Record<
    string,
    Json
  >;
  if (typeof reason !== 'string' || !Object.hasOwn(REFUSALS, reason) || typeof detail !== 'string')
    return { reason: 'invalid', detail: 'the other host refused and did not say why' };
  return { reason: reason as Refusal['reason'], detail: `the other host says: ${detail.slice(0, DETAIL_MAX)}` };
}

function no(reason: Refusal['reason'], detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason, detail } };
}
