/**
 * An envelope as bytes: integers at fixed places, then the lengths of what varies, then the numbers of the payload in the form
 * of its contract (wire.ts), then all names and all strings of the payload as one text. What decides whether a message is looked at any further (contract, time, ttl,
 * priority) is read without touching a string; the payload is read last, or never.
 *
 * big endian, 108 bytes:
 *   0 u32 length of the message, these bytes included · 4 u16 contract number; 0: not agreed, named in the text, payload generic
 *   6 u8 bits 0-1 priority, 2-3 routing, 4 has a cause, 5 has coordination, 6 the idempotency key is the id, 7 zero
 *   7 u8 approvals · 8 u8 required capabilities · 9 u8 zero · 10 u16 bytes of the names · 12 u32 bytes of the payload's numbers
 *   16 id · 32 correlation · 48 causation (16 B each) · 64 time · 70 ttl · 76 sequence · 82 halt epoch · 88 depends on (u48 each)
 *   94 u16 each: code units of idempotency key, source, subject, audience, key id, session, traceparent
 * then: u16 for each approval · with coordination: u48 target arrival, window, payload weight, lead, expected processing, u16
 *   confidence, u8 verb, u8 expectation, u16 for each required capability · with contract 0: u16 type, u16 schema hash
 * then: numbers of the payload · names, in that order · text of the payload, up to the end
 */
import { fromUtf8, type Id, type Priority } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import type { Coordination, Envelope, Routing, Trinary, Verb } from './envelope.ts';
import { LIST_MAX, NAME_UNITS_MAX, NAMES_BYTES_MAX, utf8Length, WHOLE_MAX } from './limits.ts';
import type { Refusal } from './refusal.ts';
import { ANY_SHAPE } from './wire.ts';
import { endsInHalf, Reader, type Writer } from './wire-lanes.ts';
import type { Result, WireTable } from './wire-table.ts';

export const MESSAGE_BYTES_MIN = 108;
const COORDINATION_BYTES = 34;
const HAS_CAUSE = 16;
const HAS_COORDINATION = 32;
const KEY_IS_ID = 64;

// Positions are on the wire: append only.
export const ROUTINGS: readonly Routing[] = ['direct', 'broadcast', 'scatter-gather', 'pipeline'];
export const VERBS: readonly Verb[] = ['observe', 'orient', 'decide', 'act', 'record', 'sync'];
export const TRINARIES: readonly Trinary[] = ['ready', 'conflict', 'transit'];

// ---- writing ---------------------------------------------------------------------------------------------------------

/** Appends one message. On a refusal nothing was appended. `invalid`: what the envelope holds cannot be sent. */
export function writeEnvelope(to: Writer, envelope: Envelope, table: WireTable): Refusal | null {
  const start = to.at;
  to.text = '';
  if (write(to, envelope, table, start)) return null;
  to.at = start;
  to.text = '';
  return { reason: 'invalid', detail: `message ${envelope.id} (${envelope.type}) cannot be sent: ${to.problem}` };
}

function write(to: Writer, envelope: Envelope, table: WireTable, start: number): boolean {
  const { coordination, approvals, id, idempotencyKey } = envelope;
  const entry = table.find(envelope.type, envelope.dataschema);
  const sameKey = idempotencyKey === id;
  const requires = coordination === null ? 0 : coordination.requires.length;
  if (approvals.length > LIST_MAX || requires > LIST_MAX) {
    return to.refuse(`it has ${approvals.length} approvals and ${requires} capabilities, the limit is ${LIST_MAX} each`);
  }
  const routing = ROUTINGS.indexOf(envelope.routing);
  const { priority } = envelope;
  if (routing < 0 || !(priority === 0 || priority === 1 || priority === 2 || priority === 3)) {
    return to.refuse(`it has the routing ${envelope.routing} and the priority ${priority}`);
  }
  if (!to.reserve(MESSAGE_BYTES_MIN + COORDINATION_BYTES + 2 * (approvals.length + requires) + 4)) return false;
  const { bytes } = to;
  putU16(bytes, start + 4, entry?.number ?? 0);
  bytes[start + 6] =
    priority |
    (routing << 2) |
    (envelope.causation === null ? 0 : HAS_CAUSE) |
    (coordination === null ? 0 : HAS_COORDINATION) |
    (sameKey ? KEY_IS_ID : 0);
  bytes[start + 7] = approvals.length;
  bytes[start + 8] = requires;
  bytes[start + 9] = 0;
  if (
    !putId(to, start + 16, id) ||
    !(envelope.correlation === id ? repeatId(to, start) : putId(to, start + 32, envelope.correlation)) ||
    !(envelope.causation === null ? putZeros(to, start + 48) : putId(to, start + 48, envelope.causation)) ||
    !putWhole(to, start + 64, envelope.time) ||
    !putWhole(to, start + 70, envelope.ttl) ||
    !putWhole(to, start + 76, envelope.sequence) ||
    !putWhole(to, start + 82, envelope.haltEpoch) ||
    !putWhole(to, start + 88, envelope.dependsOn)
  ) {
    return false;
  }
  const key = sameKey ? '' : idempotencyKey;
  const { source, subject, audience, keyId, session, traceparent } = envelope;
  if (
    !putLength(to, start + 94, key) ||
    !putLength(to, start + 96, source) ||
    !putLength(to, start + 98, subject) ||
    !putLength(to, start + 100, audience) ||
    !putLength(to, start + 102, keyId) ||
    !putLength(to, start + 104, session) ||
    !putLength(to, start + 106, traceparent)
  ) {
    return false;
  }
  to.text = key + source + subject + audience + keyId + session + traceparent;
  to.at = start + MESSAGE_BYTES_MIN;
  for (const approval of approvals) if (!appendName(to, approval)) return false;
  if (coordination !== null && !putCoordination(to, coordination)) return false;
  if (entry === undefined && !(appendName(to, envelope.type) && appendName(to, envelope.dataschema))) return false;
  const units = to.text.length;
  const payloadAt = to.at;
  if (!(entry?.shape ?? ANY_SHAPE).write(envelope.data, to)) return false;
  const { text } = to;
  const numbers = to.at - payloadAt;
  const written = to.flushText(); // one conversion for names and payload
  if (written < 0) return false;
  const names = written === text.length ? units : utf8Length(text.slice(0, units));
  if (names > NAMES_BYTES_MAX) return to.refuse(`its names take ${names} bytes, the limit is ${NAMES_BYTES_MAX}`);
  // The buffer may have been replaced by a larger one since.
  putU16(to.bytes, start + 10, names);
  putU32(to.bytes, start + 12, numbers);
  putU32(to.bytes, start, to.at - start);
  return true;
}

function putCoordination(to: Writer, coordination: Coordination): boolean {
  const { at, bytes } = to;
  const { confidence } = coordination;
  const verb = VERBS.indexOf(coordination.verb);
  const expectation = TRINARIES.indexOf(coordination.expectation);
  if (verb < 0 || expectation < 0)
    return to.refuse(`it has the verb ${coordination.verb} and expects ${coordination.expectation}`);
  if (!Number.isInteger(confidence) || confidence < 0 || confidence > 1000) {
    return to.refuse(`its confidence is ${confidence}, not an integer in 0..1000`);
  }
  putU16(bytes, at + 30, confidence);
  bytes[at + 32] = verb;
  bytes[at + 33] = expectation;
  to.at += COORDINATION_BYTES;
  return (
    putWhole(to, at, coordination.targetArrival) &&
    putWhole(to, at + 6, coordination.window) &&
    putWhole(to, at + 12, coordination.payloadWeight) &&
    putWhole(to, at + 18, coordination.lead) &&
    putWhole(to, at + 24, coordination.expectedProcessing) &&
    coordination.requires.every((name) => appendName(to, name))
  );
}

const HEX_VALUES: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < 16; i++) HEX_VALUES['0123456789abcdef'.charCodeAt(i)] = i;

/** 32 lower-case hexadecimal digits as 16 bytes. */
function putId(to: Writer, at: number, id: string): boolean {
  const { bytes } = to;
  let valid = id.length === 32 ? 0 : -1;
  for (let i = 0; i < 16; i++) {
    const high = HEX_VALUES[id.charCodeAt(2 * i)] ?? -1;
    const low = HEX_VALUES[id.charCodeAt(2 * i + 1)] ?? -1;
    valid |= high | low;
    bytes[at + i] = (high << 4) | low;
  }
  return valid >= 0 || to.refuse(`"${id.slice(0, 40)}" is no id of 32 hexadecimal digits`);
}

/** Most messages begin their own correlation. */
function repeatId(to: Writer, start: number): true {
  for (let i = start + 16; i < start + 32; i++) to.bytes[i + 16] = to.bytes[i]!;
  return true;
}

function putZeros(to: Writer, at: number): true {
  for (let i = at; i < at + 16; i++) to.bytes[i] = 0;
  return true;
}

function putWhole(to: Writer, at: number, value: number): boolean {
  if (!Number.isInteger(value) || value < 0 || value > WHOLE_MAX) return to.refuse(`${value} is no integer in 0..2^48 - 1`);
  putU16(to.bytes, at, Math.floor(value / 0x1_0000_0000));
  putU32(to.bytes, at + 2, value >>> 0);
  return true;
}

/** The length of a name that may be sent. */
function putLength(to: Writer, at: number, name: string): boolean {
  putU16(to.bytes, at, name.length);
  if (name === '') return true;
  if (name.length > NAME_UNITS_MAX) return to.refuse(`a name has ${name.length} characters, the limit is ${NAME_UNITS_MAX}`);
  return !endsInHalf(name) || to.refuse('a name holds half a surrogate pair');
}

function appendName(to: Writer, name: string): boolean {
  to.at += 2;
  to.text += name;
  return putLength(to, to.at - 2, name);
}

function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

// ---- reading ---------------------------------------------------------------------------------------------------------

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

export function u48(bytes: Uint8Array, at: number): number {
  return u16(bytes, at) * 0x1_0000_0000 + u32(bytes, at + 2);
}

/** One message inside a larger buffer, of which only the numbers at fixed places are read until more is asked for. */
export class WireMessage {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #table: WireTable;

  /** `start` is where `length` bytes (at least `MESSAGE_BYTES_MIN`) begin; the caller has checked that they are there. */
  constructor(bytes: Uint8Array, start: number, table: WireTable) {
    this.#bytes = bytes;
    this.#start = start;
    this.#table = table;
  }

  get length(): number {
    return u32(this.#bytes, this.#start);
  }

  /** As they were sent: for dead letters and the ledger. Not a copy. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#start + this.length);
  }

  get time(): number {
    return u48(this.#bytes, this.#start + 64);
  }

  get ttl(): number {
    return u48(this.#bytes, this.#start + 70);
  }

  get haltEpoch(): number {
    return u48(this.#bytes, this.#start + 82);
  }

  get priority(): Priority {
    return (this.#bytes[this.#start + 6]! & 3) as Priority;
  }

  /** The agreed contract, or null: then the envelope names one that this session does not know. */
  get contract(): Contract | null {
    return this.#table.at(u16(this.#bytes, this.#start + 4))?.contract ?? null;
  }

  /** Everything but the payload: `data` is undefined. */
  head(): Result<Envelope> {
    const envelope = readHead(this.#bytes, this.#start, this.#table);
    return typeof envelope === 'string' ? corrupt(envelope) : { ok: true, value: envelope };
  }

  /** The payload alone, for whoever has read the head and goes on. */
  data(): Result<unknown> {
    const start = this.#start;
    const number = u16(this.#bytes, start + 4);
    const numbers = numbersAt(this.#bytes, start);
    const names = numbers + u32(this.#bytes, start + 12);
    const text = names + u16(this.#bytes, start + 10);
    const end = start + this.length;
    if (text > end) return corrupt('its parts are longer than the whole');
    const shape = number === 0 ? ANY_SHAPE : this.#table.at(number)?.shape;
    if (shape === undefined) return corrupt(`its contract number ${number} was not agreed`);
    const from = new Reader(this.#bytes, numbers, names, text, end);
    const value = shape.read(from);
    return from.isDone
      ? { ok: true, value }
      : corrupt(from.problem === '' ? 'its payload is longer than its form' : from.problem);
  }

  envelope(): Result<Envelope> {
    const head = this.head();
    if (!head.ok) return head;
    const data = this.data();
    if (!data.ok) return data;
    (head.value as { data: unknown }).data = data.value; // nobody else has seen it yet
    return head;
  }
}

function corrupt(problem: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason: 'corrupt', detail: `a message cannot be read: ${problem}` } };
}

/** Where the numbers of the payload begin. */
function numbersAt(bytes: Uint8Array, start: number): number {
  const coordination = (bytes[start + 6]! & HAS_COORDINATION) === 0 ? 0 : COORDINATION_BYTES;
  const spelled = u16(bytes, start + 4) === 0 ? 4 : 0;
  return start + MESSAGE_BYTES_MIN + 2 * (bytes[start + 7]! + bytes[start + 8]!) + coordination + spelled;
}

const IDS_BYTES = 96;
/** Three ids as digits and all names: one conversion gives every string of a head. */
const scratch: Uint8Array = new Uint8Array(IDS_BYTES + NAMES_BYTES_MAX);
const HEX_DIGITS: Uint8Array = new Uint8Array(512);
for (let i = 0; i < 256; i++) {
  HEX_DIGITS[2 * i] = '0123456789abcdef'.charCodeAt(i >> 4);
  HEX_DIGITS[2 * i + 1] = '0123456789abcdef'.charCodeAt(i & 15);
}

/** The envelope without its payload, or why it cannot be read. */
function readHead(bytes: Uint8Array, start: number, table: WireTable): Envelope | string {
  const number = u16(bytes, start + 4);
  const flags = bytes[start + 6]!;
  const approvals = bytes[start + 7]!;
  const requires = bytes[start + 8]!;
  const hasCause = (flags & HAS_CAUSE) !== 0;
  const hasCoordination = (flags & HAS_COORDINATION) !== 0;
  const entry = table.at(number);
  if (number !== 0 && entry === undefined) return `its contract number ${number} was not agreed`;
  if (flags > 127 || bytes[start + 9] !== 0 || (!hasCoordination && requires > 0)) return 'a reserved bit is set';
  if (approvals > LIST_MAX || requires > LIST_MAX) return `a list is longer than ${LIST_MAX}`;
  const names = numbersAt(bytes, start) + u32(bytes, start + 12);
  const length = u16(bytes, start + 10);
  if (names + length > start + u32(bytes, start)) return 'its names are longer than the whole';
  for (let i = 0; i < IDS_BYTES / 2; i++) {
    const byte = bytes[start + 16 + i]!;
    if (i >= 32 && !hasCause && byte !== 0) return 'it has a cause that it does not claim';
    scratch[2 * i] = HEX_DIGITS[2 * byte]!;
    scratch[2 * i + 1] = HEX_DIGITS[2 * byte + 1]!;
  }
  scratch.set(bytes.subarray(names, names + length), IDS_BYTES);
  let text: string;
  try {
    text = fromUtf8(scratch.subarray(0, IDS_BYTES + length));
  } catch {
    return 'its names are not UTF-8';
  }
  const from = new Names(text, IDS_BYTES, text.length !== IDS_BYTES + length);
  const id = text.substring(0, 32) as Id;
  const key = from.next(u16(bytes, start + 94));
  if ((flags & KEY_IS_ID) !== 0 && key !== '') return 'it has two idempotency keys';
  const source = from.next(u16(bytes, start + 96));
  const subject = from.next(u16(bytes, start + 98));
  const audience = from.next(u16(bytes, start + 100));
  const keyId = from.next(u16(bytes, start + 102));
  const session = from.next(u16(bytes, start + 104));
  const traceparent = from.next(u16(bytes, start + 106));
  let at = start + MESSAGE_BYTES_MIN;
  const approved: string[] = [];
  for (let i = 0; i < approvals; i++, at += 2) approved.push(from.next(u16(bytes, at)));
  let coordination: Coordination | null = null;
  if (hasCoordination) {
    coordination = readCoordination(bytes, at, requires, from);
    if (coordination === null) return 'its coordination is none';
    at += COORDINATION_BYTES + 2 * requires;
  }
  const type = entry === undefined ? from.next(u16(bytes, at)) : entry.contract.type;
  const dataschema = entry === undefined ? from.next(u16(bytes, at + 2)) : entry.contract.hash;
  if (!from.isDone) return 'its names do not have the lengths that it states';
  return {
    id,
    source,
    type,
    time: u48(bytes, start + 64),
    subject,
    dataschema,
    data: undefined,
    correlation: text.substring(32, 64) as Id,
    causation: hasCause ? (text.substring(64, 96) as Id) : null,
    idempotencyKey: (flags & KEY_IS_ID) === 0 ? key : id,
    ttl: u48(bytes, start + 70),
    priority: (flags & 3) as Priority,
    audience,
    routing: ROUTINGS[(flags >> 2) & 3]!,
    keyId,
    session,
    sequence: u48(bytes, start + 76),
    haltEpoch: u48(bytes, start + 82),
    approvals: approved,
    traceparent,
    coordination,
    dependsOn: u48(bytes, start + 88),
  };
}

function readCoordination(bytes: Uint8Array, at: number, requires: number, from: Names): Coordination | null {
  const confidence = u16(bytes, at + 30);
  const verb = VERBS[bytes[at + 32]!];
  const expectation = TRINARIES[bytes[at + 33]!];
  if (confidence > 1000 || verb === undefined || expectation === undefined) return null;
  const names: string[] = [];
  for (let i = 0; i < requires; i++) names.push(from.next(u16(bytes, at + COORDINATION_BYTES + 2 * i)));
  return {
    targetArrival: u48(bytes, at),
    window: u48(bytes, at + 6),
    payloadWeight: u48(bytes, at + 12),
    requires: names,
    verb,
    lead: u48(bytes, at + 18),
    expectedProcessing: u48(bytes, at + 24),
    confidence,
    expectation,
  };
}

/** Cuts the names out of their text one after the other. */
class Names {
  readonly #text: string;
  /** Only then can a name begin or end inside a character. */
  readonly #wide: boolean;
  #at: number;
  #broken = false;

  constructor(text: string, at: number, wide: boolean) {
    this.#text = text;
    this.#at = at;
    this.#wide = wide;
  }

  next(length: number): string {
    if (length === 0) return '';
    const name = this.#text.substring(this.#at, this.#at + length);
    this.#at += length;
    if (length > NAME_UNITS_MAX || (this.#wide && endsInHalf(name))) this.#broken = true;
    return name;
  }

  /** Every character was taken, none twice. */
  get isDone(): boolean {
    return !this.#broken && this.#at === this.#text.length;
  }
}
