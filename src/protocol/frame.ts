/**
 * The unit of transport, signature, durability and acknowledgement between two hosts: up to 1,000 messages behind one header
 * and before one tag that covers every byte. One signature for each of 64 messages costs eleven times one for all of them.
 * Keeps no keys and knows no clock: sealing and unsealing are handed in, the runtime decides when a frame that is not full goes.
 *
 * big endian:
 *   0 "SKF" 1 · 4 u8 authentication (0 stub, 1 host signature, 2 session MAC) · 5 u8 zero · 6 u16 messages (1..1000)
 *   8 u32 bytes of the frame, tag included · 12 u32 incarnation of the sender
 *   16 16 B key: first half of SHA-256(public key), or 8 B session and 8 B zero, or zero · 32 u64 sequence of the frame
 *   40 6 B sending host · 46 6 B receiving host (zero: whoever reads it) · 52 u32 zero · 56 8 B fingerprint of the wire table
 *   64 messages, one after the other (envelope-wire.ts) · tag: 8 (stub), 64 (Ed25519) or 32 bytes (keyed BLAKE3)
 */
import { assert, equalBytes, fromHex, hex } from '../kernel/index.ts';
import type { Envelope } from './envelope.ts';
import { MESSAGE_BYTES_MIN, u16, u32, WireMessage, writeEnvelope } from './envelope-wire.ts';
import { FRAME_BYTES_MAX, FRAME_MESSAGES_FLUSH, FRAME_MESSAGES_MAX } from './limits.ts';
import type { Refusal } from './refusal.ts';
import { Writer } from './wire-lanes.ts';
import { FINGERPRINT_BYTES, type Result, type WireTable } from './wire-table.ts';

export const FRAME_HEADER_BYTES = 64;
const MAGIC = new Uint8Array([0x53, 0x4b, 0x46, 1]); // "SKF", layout version 1
const NO_HOST = '000000000000';
const TAG_BYTES_MAX = 64;

/** How a frame proves where it comes from; the position is the number on the wire, append only. */
export const FRAME_AUTHENTICATIONS = ['stub', 'signature', 'session'] as const;
export type FrameAuthentication = (typeof FRAME_AUTHENTICATIONS)[number];
const TAG_BYTES: Readonly<Record<FrameAuthentication, number>> = { stub: 8, signature: 64, session: 32 };
const KEY_BYTES: Readonly<Record<FrameAuthentication, number>> = { stub: 0, signature: 16, session: 8 };

export interface FrameHeader {
  readonly authentication: FrameAuthentication;
  /** signature: the first 16 bytes of SHA-256(public key); session: its 8 bytes; stub: empty. */
  readonly key: Uint8Array;
  /** Counts the sender's frames to this receiver, for the replay window. */
  readonly sequence: number;
  /** 12 hexadecimal digits each; `to` is null for whoever reads it. */
  readonly from: string;
  readonly to: string | null;
  readonly incarnation: number;
}

/** The tag over all the bytes before it. */
export type Seal = (bytes: Uint8Array) => Uint8Array;
/** Why the tag is not the one that these bytes have under the key that the header names, or null. */
export type Unseal = (header: FrameHeader, bytes: Uint8Array, tag: Uint8Array) => Refusal | null;

/** Collects messages for one peer; reused for frame after frame. */
export class FrameBuilder {
  readonly #table: WireTable;
  readonly #to: Writer = new Writer(FRAME_BYTES_MAX - TAG_BYTES_MAX);
  #count = 0;

  constructor(table: WireTable) {
    this.#table = table;
    this.#to.at = FRAME_HEADER_BYTES;
  }

  get count(): number {
    return this.#count;
  }

  /** Without the tag. */
  get bytes(): number {
    return this.#to.at;
  }

  /** Worth sending now, however short it has waited. */
  get isDue(): boolean {
    return this.#count >= FRAME_MESSAGES_FLUSH;
  }

  /** `full`: not added; seal the frame and offer the message again. A refusal says why no frame can carry it. */
  add(envelope: Envelope): 'added' | 'full' | Refusal {
    if (this.#count >= FRAME_MESSAGES_MAX) return 'full';
    this.#to.overflow = false;
    const refusal = writeEnvelope(this.#to, envelope, this.#table);
    if (refusal !== null) return this.#to.overflow && this.#count > 0 ? 'full' : refusal;
    this.#count += 1;
    return 'added';
  }

  /** The frame as bytes of its own; the builder is empty again. */
  seal(header: FrameHeader, seal: Seal): Uint8Array {
    assert(this.#count > 0, 'a frame holds at least one message');
    const end = this.#to.at;
    const length = end + TAG_BYTES[header.authentication];
    writeHeader(this.#to.bytes, header, this.#count, length, this.#table);
    const frame = new Uint8Array(length);
    frame.set(this.#to.bytes.subarray(0, end));
    const tag = seal(frame.subarray(0, end));
    assert(tag.length === length - end, `a ${header.authentication} tag has ${length - end} bytes, not ${tag.length}`);
    frame.set(tag, end);
    this.clear();
    return frame;
  }

  clear(): void {
    this.#to.reset(FRAME_HEADER_BYTES);
    this.#count = 0;
  }
}

/** All of them in one frame, or why that cannot be. */
export function encodeFrame(
  header: FrameHeader,
  envelopes: readonly Envelope[],
  table: WireTable,
  seal: Seal,
): Result<Uint8Array> {
  if (envelopes.length === 0 || envelopes.length > FRAME_MESSAGES_MAX) {
    return refused('invalid', `a frame holds 1..${FRAME_MESSAGES_MAX} messages, not ${envelopes.length}`);
  }
  const builder = new FrameBuilder(table);
  for (const envelope of envelopes) {
    const added = builder.add(envelope);
    if (added === 'full') return refused('invalid', `${envelopes.length} messages do not fit into ${FRAME_BYTES_MAX} bytes`);
    if (added !== 'added') return { ok: false, refusal: added };
  }
  return { ok: true, value: builder.seal(header, seal) };
}

function writeHeader(bytes: Uint8Array, header: FrameHeader, count: number, length: number, table: WireTable): void {
  const { authentication, key, sequence, from, to, incarnation } = header;
  assert(
    key.length === KEY_BYTES[authentication],
    `a ${authentication} frame names its key in ${KEY_BYTES[authentication]} bytes`,
  );
  assert(Number.isSafeInteger(sequence) && sequence >= 0, `a frame cannot have the sequence ${sequence}`);
  assert(incarnation >= 0 && incarnation <= 0xffff_ffff, `a frame cannot have the incarnation ${incarnation}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES);
  bytes.fill(0, 0, FRAME_HEADER_BYTES);
  bytes.set(MAGIC);
  view.setUint8(4, FRAME_AUTHENTICATIONS.indexOf(authentication));
  view.setUint16(6, count);
  view.setUint32(8, length);
  view.setUint32(12, incarnation);
  bytes.set(key, 16);
  view.setBigUint64(32, BigInt(sequence));
  bytes.set(hostBytes(from), 40);
  bytes.set(hostBytes(to ?? NO_HOST), 46);
  bytes.set(table.fingerprint, 56);
}

function hostBytes(host: string): Uint8Array {
  const bytes = fromHex(host);
  assert(bytes !== null && bytes.length === 6, `a host is 12 hexadecimal digits, not "${host}"`);
  return bytes;
}

/** A frame whose tag was right. */
export interface Frame {
  readonly header: FrameHeader;
  /** They read from the bytes of the frame, which must not change any more. */
  readonly messages: readonly WireMessage[];
}

/**
 * Checks size, header and tag, in this order, before the first byte of a message is looked at; then only that the messages
 * fill the frame. Never throws, whatever the bytes. What is wrong inside one message is found when that message is read.
 */
export function openFrame(bytes: Uint8Array, table: WireTable, unseal: Unseal): Result<Frame> {
  if (bytes.length > FRAME_BYTES_MAX) return refused('invalid', `it has ${bytes.length} bytes, the limit is ${FRAME_BYTES_MAX}`);
  if (bytes.length < FRAME_HEADER_BYTES || !equalBytes(bytes.subarray(0, 4), MAGIC)) {
    return refused('corrupt', 'it does not begin like a frame of this layout');
  }
  const authentication = FRAME_AUTHENTICATIONS[bytes[4]!];
  if (authentication === undefined) return refused('corrupt', `it has the unknown authentication ${bytes[4]}`);
  const count = u16(bytes, 6);
  if (count === 0 || count > FRAME_MESSAGES_MAX) {
    return refused('invalid', `it claims ${count} messages, 1..${FRAME_MESSAGES_MAX} are allowed`);
  }
  const end = bytes.length - TAG_BYTES[authentication];
  if (u32(bytes, 8) !== bytes.length || end < FRAME_HEADER_BYTES + count * MESSAGE_BYTES_MIN) {
    return refused('corrupt', `it has ${bytes.length} bytes, which is not what its header says`);
  }
  const keyEnd = 16 + KEY_BYTES[authentication];
  const sequence = u32(bytes, 32) * 0x1_0000_0000 + u32(bytes, 36);
  if (
    bytes[5] !== 0 ||
    u32(bytes, 52) !== 0 ||
    bytes.subarray(keyEnd, 32).some((byte) => byte !== 0) ||
    sequence > Number.MAX_SAFE_INTEGER
  ) {
    return refused('corrupt', 'a reserved byte of its header is set');
  }
  const to = hex(bytes.subarray(46, 52));
  const header: FrameHeader = {
    authentication,
    key: bytes.subarray(16, keyEnd),
    sequence,
    from: hex(bytes.subarray(40, 46)),
    to: to === NO_HOST ? null : to,
    incarnation: u32(bytes, 12),
  };
  const refusal = unseal(header, bytes.subarray(0, end), bytes.subarray(end));
  if (refusal !== null) return { ok: false, refusal };
  if (!equalBytes(bytes.subarray(56, 56 + FINGERPRINT_BYTES), table.fingerprint)) {
    return refused(
      'unknown-contract',
      `host ${header.from} numbers its contracts otherwise than this session: agree on them again`,
    );
  }
  const messages: WireMessage[] = [];
  let at = FRAME_HEADER_BYTES;
  while (messages.length < count) {
    const length = end - at < MESSAGE_BYTES_MIN ? 0 : u32(bytes, at);
    if (length < MESSAGE_BYTES_MIN || length > end - at)
      return refused('corrupt', `message ${messages.length} of ${count} is cut off`);
    messages.push(new WireMessage(bytes, at, table));
    at += length;
  }
  if (at !== end) return refused('corrupt', `${end - at} bytes follow its last message`);
  return { ok: true, value: { header, messages } };
}

function refused(reason: Refusal['reason'], detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason, detail: `a frame was refused: ${detail}` } };
}
