/**
 * One operation as bytes: a transaction of one author on one record. Its dot (author, epoch, sequence) is implied by its place in
 * its log, its time by the operation before it; another log is named in full once and by a number from then on, so that the bytes
 * are the same whoever forwards them in whatever portions. Header and payload are apart: a payload can be erased and the chain
 * over headers and payload hashes still holds.
 *
 *   header   u8 kind (3 bits), creates 8, ms changed 16, count 32, sources 64
 *            ms since the operation before · count, where flagged                 (else the ms are the same, the count is one more)
 *            log and sequence of the creation, unless it creates · mask of the items of the creation that it supersedes
 *            number of others that it supersedes, each: log, sequence, mask · sources, each: log, sequence
 *            number of changes, each: u8 field (low 5 bits) and action · length of the payload
 *   payload  the values of the changes that have one
 *   log      0 = this log; number * 2 = known; number * 2 + 1 = named here for the first time: 32 bytes author, epoch
 *
 * An item is a change by its position in its operation; a mask is a set of items. What supersedes is listed, never inferred.
 */
import { ByteReader, type ByteWriter } from './lanes.ts';
import { skipValue, VALUE_BYTES_MAX } from './value.ts';

export const AUTHOR_BYTES = 32; // an Ed25519 key: who wrote can be checked without asking anybody
export const CHANGES_MAX = 32; // a mask is 32 bits
export const SUPERSEDES_MAX = 4096; // a delete lists all it saw; far above the sibling cap
export const SOURCES_MAX = 256;
export const SEQUENCE_MAX = 0xffff_ffff;
export const EPOCH_MAX = 0xffff_ffff;
export const PAYLOAD_BYTES_MAX: number = VALUE_BYTES_MAX;
export const FIELDS_MAX = 30; // 30 and 31 are the record's own
export const FIELD_DELETED = 30;
export const FIELD_ARCHIVED = 31;

/** The position is the number in the header, append only. */
export const KINDS = ['set', 'delete', 'archive', 'resolve', 'erase'] as const;
export type Kind = (typeof KINDS)[number];
export const ACTIONS = { set: 0, add: 1, remove: 2, count: 3, delete: 4 } as const;
const ACTION_MAX = 4;

const [CREATES, MS, COUNT, SOURCES] = [8, 16, 32, 64];

export interface LogName {
  /** 32 bytes. */
  readonly author: Uint8Array;
  readonly epoch: number;
}

/** Read into again and again: nothing of it is kept. Logs are numbers of the log that the operation is in. */
export class OperationReader {
  kind = 0;
  creates = false;
  ms = 0;
  count = 0;
  recordLog = 0;
  recordSeq = 0;
  creationMask = 0;
  /** Three to each: log, sequence, mask. */
  readonly supersedes: number[] = [];
  /** Two to each: log, sequence. */
  readonly sources: number[] = [];
  /** How many, and what each of them is. An array that is emptied and filled again allocates every time. */
  changes = 0;
  readonly fields: Uint8Array = new Uint8Array(CHANGES_MAX);
  readonly actions: Uint8Array = new Uint8Array(CHANGES_MAX);
  /** Logs that are named here first, in order. */
  readonly names: LogName[] = [];
  start = 0;
  payload = 0;
  payloadLength = 0;
  #logs = 0;

  /** Reads a header; the reader then stands at the payload. `logs`: how many the log has named, itself
   *  included; Infinity where they were checked before. */
  header(from: ByteReader, ms: number, count: number, logs: number): boolean {
    this.start = from.at;
    this.#logs = logs;
    if (this.supersedes.length > 0) this.supersedes.length = 0;
    if (this.sources.length > 0) this.sources.length = 0;
    if (this.names.length > 0) this.names.length = 0;
    const flags = from.byte();
    this.kind = flags & 7;
    this.creates = (flags & CREATES) !== 0;
    if (this.kind >= KINDS.length || flags > 127) return this.#no(from);
    const later = (flags & MS) === 0 ? 0 : from.whole();
    this.ms = ms + later;
    this.count = (flags & COUNT) === 0 ? (later > 0 ? 0 : count + 1) : from.whole();
    if (((flags & MS) !== 0 && later === 0) || this.ms > 281_474_976_710_655 || this.count > 65_535) return this.#no(from);
    if (later === 0 && this.count <= count) return this.#no(from);
    this.recordLog = 0;
    this.recordSeq = 0;
    this.creationMask = 0;
    if (!this.creates) {
      this.recordLog = this.#log(from);
      this.recordSeq = this.#sequence(from);
      this.creationMask = mask(from);
    }
    const supersedes = from.whole();
    if (supersedes > SUPERSEDES_MAX || (this.creates && supersedes > 0)) return this.#no(from);
    for (let i = 0; i < supersedes && !from.bad; i++) {
      this.supersedes.push(this.#log(from), this.#sequence(from), mask(from));
    }
    if ((flags & SOURCES) !== 0) {
      const sources = from.whole();
      if (sources === 0 || sources > SOURCES_MAX) return this.#no(from);
      for (let i = 0; i < sources && !from.bad; i++) this.sources.push(this.#log(from), this.#sequence(from));
    }
    const changes = from.whole();
    if (changes > CHANGES_MAX || (this.creates && changes === 0)) return this.#no(from);
    for (let i = 0; i < changes && !from.bad; i++) {
      const change = from.byte();
      this.fields[i] = change & 31;
      this.actions[i] = change >> 5;
      if (change >> 5 > ACTION_MAX) return this.#no(from);
    }
    this.changes = changes;
    this.payloadLength = from.whole();
    if (this.payloadLength > PAYLOAD_BYTES_MAX) return this.#no(from);
    this.payload = from.at;
    return !from.bad;
  }

  /** Whether the payload, at which the reader stands, holds one value for each change that has one, and nothing else. */
  walk(from: ByteReader): boolean {
    if (this.payloadLength > from.end - from.at) return this.#no(from);
    const { end } = from;
    from.end = from.at + this.payloadLength;
    for (let i = 0; i < this.changes; i++) if (this.actions[i] !== ACTIONS.delete) skipValue(from);
    const whole = !from.bad && from.at === from.end;
    from.end = end;
    return whole || this.#no(from);
  }

  #log(from: ByteReader): number {
    const number = from.whole();
    const log = Math.floor(number / 2);
    if (number % 2 === 0) return log < this.#logs ? log : from.refuse();
    const author = from.raw(AUTHOR_BYTES);
    const epoch = from.whole();
    if (epoch > EPOCH_MAX || from.bad || (this.#logs !== Infinity && log !== this.#logs)) return from.refuse();
    this.names.push({ author: author.slice(), epoch });
    this.#logs += 1;
    return log;
  }

  #sequence(from: ByteReader): number {
    const sequence = from.whole();
    return sequence > SEQUENCE_MAX ? from.refuse() : sequence;
  }

  #no(from: ByteReader): false {
    from.refuse();
    return false;
  }
}

function mask(from: ByteReader): number {
  const bits = from.whole();
  return bits > 0xffff_ffff ? from.refuse() : bits;
}

export interface OperationParts {
  readonly kind: Kind;
  /** Null where it creates its record. */
  readonly record: { readonly log: number; readonly seq: number; readonly mask: number } | null;
  /** Three to each: log, sequence, mask; numbers of the log that it goes into. */
  readonly supersedes: readonly number[];
  /** Two to each. */
  readonly sources: readonly number[];
  readonly fields: readonly number[];
  readonly actions: readonly number[];
}

/** Writes the header; `before` is the stamp of the operation before it, `named` says whether a log was not named yet, and names it. */
export function writeHeader(
  to: ByteWriter,
  parts: OperationParts,
  stamp: { readonly ms: number; readonly count: number },
  before: { readonly ms: number; readonly count: number },
  payloadLength: number,
  named: (log: number) => LogName | null,
): void {
  const { kind, record, supersedes, sources, fields, actions } = parts;
  const later = stamp.ms - before.ms;
  const counts = stamp.count !== (later > 0 ? 0 : before.count + 1);
  to.byte(
    KINDS.indexOf(kind) +
      (record === null ? CREATES : 0) +
      (later > 0 ? MS : 0) +
      (counts ? COUNT : 0) +
      (sources.length > 0 ? SOURCES : 0),
  );
  if (later > 0) to.whole(later);
  if (counts) to.whole(stamp.count);
  const log = (number: number): void => {
    const name = named(number);
    to.whole(number * 2 + (name === null ? 0 : 1));
    if (name === null) return;
    to.raw(name.author);
    to.whole(name.epoch);
  };
  if (record !== null) {
    log(record.log);
    to.whole(record.seq);
    to.whole(record.mask);
  }
  to.whole(supersedes.length / 3);
  for (let i = 0; i < supersedes.length; i += 3) {
    log(supersedes[i]!);
    to.whole(supersedes[i + 1]!);
    to.whole(supersedes[i + 2]!);
  }
  if (sources.length > 0) to.whole(sources.length / 2);
  for (let i = 0; i < sources.length; i += 2) {
    log(sources[i]!);
    to.whole(sources[i + 1]!);
  }
  to.whole(fields.length);
  for (let i = 0; i < fields.length; i++) to.byte(fields[i]! | (actions[i]! << 5));
  to.whole(payloadLength);
}
