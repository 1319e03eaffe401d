/**
 * Commits as bytes: what the main thread writes into one transferable buffer and the commit thread reads back as views. Writes go
 * into the journal in this form (store layout 2); the rest is never on disk. Little endian, unaligned:
 *   commit: u32 writes, u32 entries, u32 length of the journal inputs to keep, of those that may be dropped (0xffffffff: none),
 *           then both as UTF-8, then
 *   write:  u32 version, u32 length of room, table, key, value (0xffffffff deletes), then their UTF-8
 *   entry:  u8 kind, f64 host time, 16 B id, 16 B causation (zeros: none), u32 body length, then the body
 */
import { InvariantError, isId, type Millis } from '../../../kernel/index.ts';
import type { Commit, RecordWrite } from '../../../ports/index.ts';
import { LEDGER_BODY_BYTES_MAX, LEDGER_KINDS } from '../../../protocol/index.ts';

const NONE = 0xffffffff;
const DELETE = NONE;
const COMMIT_BYTES = 16;
const WRITE_BYTES = 20;
const ENTRY_BYTES = 45;
const UTF8_BYTES_MAX = 3; // for each UTF-16 code unit
const FIRST_BYTES = 64 * 1024;

/** The inputs that led to a commit, as text; null where there are none of the kind. */
export interface JournalTexts {
  readonly full: string | null;
  readonly window: string | null;
}

const NO_JOURNAL: JournalTexts = { full: null, window: null };

/** Grows one buffer; `buffer` may be one that came back from the commit thread. */
export class Packet {
  #bytes: Buffer;
  #at = 0;

  constructor(buffer: ArrayBuffer | null) {
    this.#bytes = Buffer.from(buffer ?? new ArrayBuffer(FIRST_BYTES));
  }

  get length(): number {
    return this.#at;
  }

  /** Hands the buffer over; the packet is used up. */
  take(): ArrayBuffer {
    return this.#bytes.buffer as ArrayBuffer;
  }

  add(commit: Commit, journal: JournalTexts = NO_JOURNAL): void {
    this.#reserve(commit, journal);
    const bytes = this.#bytes;
    let at = this.#at;
    at = bytes.writeUInt32LE(commit.writes.length, at);
    at = bytes.writeUInt32LE(commit.entries.length, at);
    let lengths = at;
    at += 8;
    for (const text of [journal.full, journal.window]) {
      const length = text === null ? NONE : bytes.write(text, at);
      if (text !== null) at += length;
      lengths = bytes.writeUInt32LE(length, lengths);
    }
    for (const write of commit.writes) {
      lengths = bytes.writeUInt32LE(write.version, at);
      at += WRITE_BYTES;
      const room = bytes.write(write.room, at);
      const table = bytes.write(write.table, at + room);
      const key = bytes.write(write.key, at + room + table);
      at += room + table + key;
      const value = write.value === null ? DELETE : bytes.write(write.value, at);
      if (value !== DELETE) at += value;
      bytes.writeUInt32LE(room, lengths);
      bytes.writeUInt32LE(table, lengths + 4);
      bytes.writeUInt32LE(key, lengths + 8);
      bytes.writeUInt32LE(value, lengths + 12);
    }
    for (const entry of commit.entries) {
      at = bytes.writeUInt8(LEDGER_KINDS[entry.kind], at);
      at = bytes.writeDoubleLE(entry.time, at);
      at += bytes.write(entry.id, at, 'hex');
      if (entry.causation === null) bytes.fill(0, at, at + 16);
      else bytes.write(entry.causation, at, 'hex');
      at = bytes.writeUInt32LE(entry.body.length, at + 16);
      bytes.set(entry.body, at);
      at += entry.body.length;
    }
    this.#at = at;
  }

  #reserve(commit: Commit, { full, window }: JournalTexts): void {
    let most = COMMIT_BYTES + ((full?.length ?? 0) + (window?.length ?? 0)) * UTF8_BYTES_MAX;
    for (const { room, table, key, value } of commit.writes) {
      // A lone surrogate has no UTF-8 form: two keys would become one.
      if (!isWellFormed(key))
        throw new InvariantError(`key ${JSON.stringify(key)} of ${room}/${table} is not well-formed Unicode`);
      most += WRITE_BYTES + (room.length + table.length + key.length + (value?.length ?? 0)) * UTF8_BYTES_MAX;
    }
    for (const { id, causation, body } of commit.entries) {
      if (!isId(id) || (causation !== null && !isId(causation)))
        throw new InvariantError(`ledger entry "${id}" has an id that is not 32 hexadecimal digits`);
      if (body.length > LEDGER_BODY_BYTES_MAX)
        throw new InvariantError(`a ledger body of ${body.length} bytes is over ${LEDGER_BODY_BYTES_MAX}`);
      most += ENTRY_BYTES + body.length;
    }
    if (this.#at + most <= this.#bytes.length) return;
    const grown = Buffer.from(new ArrayBuffer(Math.max(this.#bytes.length * 2, this.#at + most)));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}

function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** Views into the packet: used before the buffer goes back. */
export interface PackedWrite {
  readonly version: number;
  readonly room: Uint8Array;
  readonly table: Uint8Array;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export interface PackedEntry {
  /** As in `LEDGER_KINDS`. */
  readonly kind: number;
  readonly time: Millis;
  /** Id and causation as a header holds them. */
  readonly ids: Uint8Array;
  readonly body: Uint8Array;
}

export interface Unpacked {
  readonly onWrite: (write: PackedWrite) => void;
  /** `commit` counts from 0. */
  readonly onEntry: (entry: PackedEntry, commit: number) => void;
  /** After a commit's writes, where its inputs are journaled; `writes` are all its writes in packed form. */
  readonly onJournal: (commit: number, full: Uint8Array | null, window: Uint8Array | null, writes: Uint8Array) => void;
}

/** Calls back in the order they were packed, commit by commit. */
export function unpack(buffer: ArrayBuffer, length: number, { onWrite, onEntry, onJournal }: Unpacked): void {
  const bytes = Buffer.from(buffer, 0, length);
  let at = 0;
  const slice = (size: number): Uint8Array => bytes.subarray(at, (at += size));
  for (let commit = 0; at < length; commit++) {
    const writes = bytes.readUInt32LE(at);
    const entries = bytes.readUInt32LE(at + 4);
    const [fullBytes, windowBytes] = [bytes.readUInt32LE(at + 8), bytes.readUInt32LE(at + 12)];
    at += COMMIT_BYTES;
    const full = fullBytes === NONE ? null : slice(fullBytes);
    const window = windowBytes === NONE ? null : slice(windowBytes);
    const first = at;
    for (let i = 0; i < writes; i++) {
      const [write, end] = writeAt(bytes, at);
      at = end;
      onWrite(write);
    }
    if (full !== null || window !== null) onJournal(commit, full, window, bytes.subarray(first, at));
    for (let i = 0; i < entries; i++) {
      const kind = bytes[at]!;
      const time = bytes.readDoubleLE(at + 1);
      const ids = bytes.subarray(at + 9, at + 41);
      const size = bytes.readUInt32LE(at + 41);
      at += ENTRY_BYTES;
      onEntry({ kind, time, ids, body: slice(size) }, commit);
    }
  }
}

/** Writes as the journal keeps them. */
export function unpackWrites(packed: Uint8Array): readonly RecordWrite[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  const writes: RecordWrite[] = [];
  for (let at = 0; at < bytes.length;) {
    const [{ version, room, table, key, value }, end] = writeAt(bytes, at);
    const text = (one: Uint8Array): string => Buffer.from(one).toString();
    writes.push({ version, room: text(room), table: text(table), key: text(key), value: value === null ? null : text(value) });
    at = end;
  }
  return writes;
}

function writeAt(bytes: Buffer, from: number): readonly [PackedWrite, end: number] {
  let at = from + WRITE_BYTES;
  const slice = (size: number): Uint8Array => bytes.subarray(at, (at += size));
  const value = bytes.readUInt32LE(from + 16);
  const write = {
    version: bytes.readUInt32LE(from),
    room: slice(bytes.readUInt32LE(from + 4)),
    table: slice(bytes.readUInt32LE(from + 8)),
    key: slice(bytes.readUInt32LE(from + 12)),
    value: value === DELETE ? null : slice(value),
  };
  return [write, at];
}
