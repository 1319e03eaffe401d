/**
 * The log of one author in one epoch of one scope: operations one after the other, each hashed onto the one before it, the last
 * one signed. A signature therefore covers all before it, and a batch costs one. Nothing unverified is in it.
 *
 *   chain(0) = H("skein memory log 1" scope author epoch)      chain(i+1) = H(chain(i) header(i) H(payload(i)))
 *
 * An epoch begins whenever an author opens the scope: numbers given twice after a restore from a backup would be equivocation.
 */
import { assert, concat, equalBytes, utf8 } from '../kernel/index.ts';
import type { Crypto, KeyPair } from '../protocol/index.ts';
import type { LiveRecord } from './fold.ts';
import { ByteReader, type ByteWriter } from './lanes.ts';
import { AUTHOR_BYTES, EPOCH_MAX, KINDS, type LogName, OperationReader, SEQUENCE_MAX } from './operation.ts';

export const SIGNATURE_BYTES = 64;
const MARK_BYTES = 65_536; // a segment can end at a signature that old: what is kept of them, and the least that a cut sends
const REFERENCES_MAX = 65_536; // logs that one log names

/** A signature that a segment may end at; `length` operations are before it, and hash to `chain`. */
export interface Mark {
  readonly length: number;
  readonly chain: Uint8Array;
  readonly signature: Uint8Array;
}

/** A part of a log as it travels. `bytes` holds headers and payloads, and 32 bytes of hash for payloads that are stripped. */
export interface Segment {
  readonly name: LogName;
  readonly from: number;
  readonly count: number;
  /** Sequences without payload, ascending. */
  readonly stripped: readonly number[];
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
}

export interface Appended {
  /** Logs that were named for the first time, in order. */
  readonly names: readonly LogName[];
  /** Sequences of the operations that erase. */
  readonly erases: readonly number[];
}

export type LogRefusal = 'bytes' | 'signature' | 'full' | 'gap' | 'frozen';

export class Log {
  readonly name: LogName;
  readonly index: number;
  /** Eight bytes of the first chain value: who it is, between replicas. */
  readonly low: number;
  readonly high: number;
  readonly first: Uint8Array;
  length = 0;
  /** How many of them count in the state. */
  folded = 0;
  /** The first sequence of which the author signed two versions; it and what follows never counts. */
  frozenAt: number | null = null;
  chain: Uint8Array;
  bytes: Uint8Array = new Uint8Array(256);
  /** Where each begins, and where the last one ends. */
  starts: Uint32Array = new Uint32Array(9);
  /** Stamps and the first eight bytes of the chain after each. */
  ms: Float64Array = new Float64Array(8);
  counts: Uint16Array = new Uint16Array(8);
  lows: Int32Array = new Int32Array(8);
  highs: Int32Array = new Int32Array(8);
  /** Logs of the scope by the numbers that this log gives them; 0 is itself. */
  readonly logs: number[];
  readonly numbers: Map<number, number>;
  readonly stripped: Set<number> = new Set();
  /** Sequences that an operation with the authority to do so erases, seen or not. */
  readonly erasing: Set<number> = new Set();
  readonly marks: Mark[] = [];
  /** Records by the sequence of their creation, as far as the log is folded; those that are only referred to yet. */
  records: (LiveRecord | null)[] = [];
  readonly early: Map<number, LiveRecord> = new Map();
  /** What stands for it in the sketch of heads. */
  headLow = 0;
  headHigh = 0;
  headKnown = false;
  readonly #crypto: Crypto;
  readonly #operation = new OperationReader();

  constructor(name: LogName, index: number, scope: Uint8Array, primitives: Crypto) {
    this.name = name;
    this.index = index;
    this.#crypto = primitives;
    this.first = firstOf(name, scope, primitives);
    this.chain = this.first;
    const view = new DataView(this.first.buffer, this.first.byteOffset);
    this.low = view.getInt32(0);
    this.high = view.getInt32(4);
    this.logs = [index];
    this.numbers = new Map([[index, 0]]);
  }

  /** How many operations a signature covers: these can be sent on. */
  get signed(): number {
    return this.marks.at(-1)?.length ?? 0;
  }

  /** How many may count at most. */
  get foldable(): number {
    return this.frozenAt === null ? this.length : Math.min(this.length, this.frozenAt);
  }

  get end(): number {
    return this.starts[this.length]!;
  }

  stamp(sequence: number): { readonly ms: number; readonly count: number } {
    return sequence < 0 ? { ms: 0, count: 0 } : { ms: this.ms[sequence]!, count: this.counts[sequence]! };
  }

  /** Reads the header of an operation that is in the log. */
  read(sequence: number, into: OperationReader): void {
    const from = ownReader;
    from.bytes = this.bytes;
    from.at = this.starts[sequence]!;
    from.end = this.starts[sequence + 1]!;
    const first = sequence === 0;
    const whole = into.header(from, first ? 0 : this.ms[sequence - 1]!, first ? 0 : this.counts[sequence - 1]!, Infinity);
    assert(whole, `operation ${sequence} of a log was kept although it cannot be read`);
  }

  /** One's own operation, header first. Not sent before it is signed. */
  write(operation: Uint8Array, payload: number, stamp: { readonly ms: number; readonly count: number }): void {
    const { length } = this;
    assert(length < SEQUENCE_MAX, 'a log is full: begin a new epoch');
    this.#reserve(1, operation.length);
    this.bytes.set(operation, this.end);
    this.chain = step(this.chain, operation, 0, payload, this.#crypto.hash(operation.subarray(payload)), this.#crypto);
    this.#keep(length, this.end + operation.length, stamp.ms, stamp.count, this.chain);
    this.length += 1;
  }

  /** Signs all that was written. */
  sign(keys: KeyPair): void {
    if (this.signed === this.length) return;
    this.#mark(this.#crypto.sign(keys.secretKey, this.#statement(this.length, this.chain)));
  }

  /** Takes what follows its end, whole or not at all. One signature, two hashes an operation. */
  append(segment: Segment, skip = 0): { readonly refused: LogRefusal } | Appended {
    if (this.frozenAt !== null && this.length >= this.frozenAt) return { refused: 'frozen' };
    const count = segment.count - skip;
    const start = this.end;
    if (this.length + count > SEQUENCE_MAX || start + segment.bytes.length > 0xffff_ffff) return { refused: 'full' };
    this.#reserve(count, segment.bytes.length);
    const at = skip === 0 ? 0 : this.#skipped(segment, skip);
    this.bytes.set(segment.bytes.subarray(at), start);
    const from = new ByteReader(this.bytes, start, start + segment.bytes.length - at);
    let { chain } = this;
    let { ms, count: ticks } = this.stamp(this.length - 1);
    const names: LogName[] = [];
    const operation = this.#operation;
    let nextStripped = segment.stripped.findIndex((each) => each >= this.length);
    const stripped: number[] = [];
    const erases: number[] = [];
    for (let i = 0; i < count; i++) {
      const sequence = this.length + i;
      if (!operation.header(from, ms, ticks, this.logs.length + names.length)) return { refused: 'bytes' };
      for (const name of operation.names) names.push(name);
      if (KINDS[operation.kind] === 'erase') erases.push(sequence);
      let hash: Uint8Array;
      if (nextStripped !== -1 && segment.stripped[nextStripped] === sequence) {
        stripped.push(sequence);
        nextStripped += 1;
        hash = from.raw(32);
        if (from.bad) return { refused: 'bytes' };
      } else {
        if (!operation.walk(from)) return { refused: 'bytes' };
        hash = this.#crypto.hash(this.bytes.subarray(operation.payload, from.at));
      }
      chain = step(chain, this.bytes, operation.start, operation.payload, hash, this.#crypto);
      ({ ms, count: ticks } = operation);
      this.#keep(sequence, from.at, ms, ticks, chain);
    }
    if (from.at !== from.end || this.logs.length + names.length > REFERENCES_MAX) return { refused: 'bytes' };
    const length = this.length + count;
    if (!this.#crypto.verify(this.name.author, this.#statement(length, chain, ms, ticks), segment.signature)) {
      return { refused: 'signature' };
    }
    this.length = length;
    this.chain = chain;
    for (const each of stripped) this.stripped.add(each);
    this.#mark(segment.signature.slice());
    return { names, erases };
  }

  /** What follows `from` in segments as short as signatures allow, so that who takes them can cut there too; about `bytesMax`. */
  segments(from: number, bytesMax: number): readonly Segment[] {
    const segments: Segment[] = [];
    let left = bytesMax;
    for (let at = from; left > 0;) {
      const segment = this.segment(at, MARK_BYTES);
      if (segment === null) break;
      segments.push(segment);
      at += segment.count;
      left -= segment.bytes.length;
    }
    return segments;
  }

  /** What follows `from`, up to a signature: the last one that stays within `bytesMax`, else the next one. */
  segment(from: number, bytesMax: number): Segment | null {
    let mark: Mark | null = null;
    for (let i = firstAfter(this.marks, from); i < this.marks.length; i++) {
      const each = this.marks[i]!;
      if (mark !== null && this.starts[each.length]! - this.starts[from]! > bytesMax) break;
      mark = each;
    }
    if (mark === null) return null;
    return {
      name: this.name,
      from,
      count: mark.length - from,
      stripped: [...this.stripped].filter((each) => each >= from && each < mark.length).toSorted((a, b) => a - b),
      bytes: this.bytes.subarray(this.starts[from], this.starts[mark.length]),
      signature: mark.signature,
    };
  }

  /** The chain before an operation: hashes again what is after the last signature before it, which only a dispute is worth. */
  chainBefore(sequence: number): Uint8Array {
    const mark = this.marks[firstAfter(this.marks, sequence) - 1];
    let chain = mark?.chain ?? this.first;
    for (let i = mark?.length ?? 0; i < sequence; i++) {
      this.read(i, this.#operation);
      chain = step(chain, this.bytes, this.starts[i]!, this.#operation.payload, this.payloadHash(i), this.#crypto);
    }
    return chain;
  }

  payloadHash(sequence: number): Uint8Array {
    this.read(sequence, this.#operation);
    const bytes = this.bytes.subarray(this.#operation.payload, this.starts[sequence + 1]);
    return this.stripped.has(sequence) ? bytes.slice() : this.#crypto.hash(bytes);
  }

  /** Drops a payload and keeps its hash. O(length): erasing is rare. */
  strip(sequence: number): void {
    if (this.stripped.has(sequence)) return;
    const hash = this.payloadHash(sequence);
    this.stripped.add(sequence);
    this.#replace(sequence, hash);
  }

  /** Gives a stripped operation its payload back, where it is the right one. */
  fill(sequence: number, payload: Uint8Array): boolean {
    if (!this.stripped.has(sequence) || !equalBytes(this.#crypto.hash(payload), this.payloadHash(sequence))) return false;
    this.stripped.delete(sequence);
    this.#replace(sequence, payload);
    return true;
  }

  #replace(sequence: number, tail: Uint8Array): void {
    this.read(sequence, this.#operation);
    const { payload } = this.#operation;
    const next = this.starts[sequence + 1]!;
    const { end } = this;
    const by = payload + tail.length - next;
    this.#reserve(0, Math.max(0, by));
    this.bytes.copyWithin(next + by, next, end);
    this.bytes.set(tail, payload);
    if (by < 0) this.bytes.fill(0, end + by, end);
    for (let i = sequence + 1; i <= this.length; i++) this.starts[i]! += by;
  }

  /** Where a segment stands after the operations that the log has too. */
  #skipped(segment: Segment, count: number): number {
    return segmentOffsets(segment, this.stamp(segment.from - 1), count)!.at(-1)!;
  }

  #mark(signature: Uint8Array): void {
    const before = this.marks.at(-2);
    // The last one is always kept; those before it only so far apart that a segment cut there is worth sending.
    if (before !== undefined && this.end - this.starts[before.length]! < MARK_BYTES) this.marks.pop();
    this.marks.push({ length: this.length, chain: this.chain, signature });
  }

  #statement(length: number, chain: Uint8Array, ms = this.ms[length - 1]!, count = this.counts[length - 1]!): Uint8Array {
    return headStatement(this.first, length, chain, ms, count);
  }

  #keep(sequence: number, end: number, ms: number, count: number, chain: Uint8Array): void {
    this.starts[sequence + 1] = end;
    this.ms[sequence] = ms;
    this.counts[sequence] = count;
    this.lows[sequence] = (chain[0]! << 24) | (chain[1]! << 16) | (chain[2]! << 8) | chain[3]!;
    this.highs[sequence] = (chain[4]! << 24) | (chain[5]! << 16) | (chain[6]! << 8) | chain[7]!;
  }

  #reserve(operations: number, bytes: number): void {
    const needed = this.end + bytes;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.ceil(needed * 1.5)); // what is not written to yet costs nothing
      larger.set(this.bytes.subarray(0, this.end));
      this.bytes = larger;
    }
    const count = this.length + operations;
    if (count > this.ms.length) {
      const capacity = Math.ceil(count * 1.5);
      this.starts = grown(new Uint32Array(capacity + 1), this.starts);
      this.ms = grown(new Float64Array(capacity), this.ms);
      this.counts = grown(new Uint16Array(capacity), this.counts);
      this.lows = grown(new Int32Array(capacity), this.lows);
      this.highs = grown(new Int32Array(capacity), this.highs);
    }
  }
}

/** The position of the first mark that is longer than `length`. */
function firstAfter(marks: readonly Mark[], length: number): number {
  let [from, to] = [0, marks.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (marks[middle]!.length > length) to = middle;
    else from = middle + 1;
  }
  return from;
}

function grown<T extends { set(from: T): void }>(to: T, from: T): T {
  to.set(from);
  return to;
}

const ownReader = new ByteReader(new Uint8Array(0)); // of what was checked when it was kept
let scratch = new Uint8Array(1024);
/** Views of it by length: making one costs a tenth of a hash. */
let views: Uint8Array[] = [];

/** The chain after an operation whose header is `bytes[start..payload]`. */
export function step(
  chain: Uint8Array,
  bytes: Uint8Array,
  start: number,
  payload: number,
  payloadHash: Uint8Array,
  primitives: Crypto,
): Uint8Array {
  const header = payload - start;
  const length = header + 64;
  if (scratch.length < length) {
    scratch = new Uint8Array(length + 1024);
    views = [];
  }
  scratch.set(chain);
  if (header < 48) for (let i = 0; i < header; i++) scratch[32 + i] = bytes[start + i]!;
  else scratch.set(bytes.subarray(start, payload), 32);
  scratch.set(payloadHash, 32 + header);
  if (length > 256) return primitives.hash(scratch.subarray(0, length));
  return primitives.hash((views[length] ??= scratch.subarray(0, length)));
}

/** The offsets of the first operations of a segment, and where the last of them ends; null where it cannot be read. */
export function segmentOffsets(
  segment: Segment,
  before: { readonly ms: number; readonly count: number },
  count: number,
): readonly number[] | null {
  const from = new ByteReader(segment.bytes);
  const operation = new OperationReader();
  const offsets = [0];
  const stripped = new Set(segment.stripped);
  let { ms, count: ticks } = before;
  for (let i = 0; i < count; i++) {
    // Logs that were named before the segment are not known here; whether they are is checked when it is appended.
    if (!operation.header(from, ms, ticks, Infinity)) return null;
    if (stripped.has(segment.from + i)) from.skip(32);
    else if (!operation.walk(from)) return null;
    if (from.bad) return null;
    offsets.push(from.at);
    ({ ms, count: ticks } = operation);
  }
  return offsets;
}

const LOG_DOMAIN = utf8('skein memory log 1');
const HEAD_DOMAIN = utf8('skein memory head 1');

/** `scope`: the hash of its terms, 32 bytes. */
export function firstOf(name: LogName, scope: Uint8Array, primitives: Crypto): Uint8Array {
  assert(name.author.length === AUTHOR_BYTES, `an author is a key of ${AUTHOR_BYTES} bytes, not ${name.author.length}`);
  assert(name.epoch >= 0 && name.epoch <= EPOCH_MAX, `there is no epoch ${name.epoch}`);
  const epoch = new Uint8Array(4);
  new DataView(epoch.buffer).setUint32(0, name.epoch);
  return primitives.hash(concat(LOG_DOMAIN, scope, name.author, epoch));
}

/** What an author signs: that its log has so many operations and this chain. */
export function headStatement(first: Uint8Array, length: number, chain: Uint8Array, ms: number, count: number): Uint8Array {
  const numbers = new Uint8Array(14);
  const view = new DataView(numbers.buffer);
  view.setUint32(0, length);
  view.setFloat64(4, ms);
  view.setUint16(12, count);
  return concat(HEAD_DOMAIN, first, numbers, chain);
}

export function writeSegment(to: ByteWriter, { name, from, count, stripped, bytes, signature }: Segment): void {
  to.raw(name.author);
  to.whole(name.epoch);
  to.whole(from);
  to.whole(count);
  to.whole(stripped.length);
  let last = from;
  for (const each of stripped) {
    to.whole(each - last);
    last = each;
  }
  to.whole(bytes.length);
  to.raw(bytes);
  to.raw(signature);
}

export function readSegment(from: ByteReader): Segment | null {
  const author = from.raw(AUTHOR_BYTES).slice();
  const epoch = from.whole();
  const start = from.whole();
  const count = from.whole();
  const strippedCount = from.whole();
  if (from.bad || epoch > EPOCH_MAX || count === 0 || start + count > SEQUENCE_MAX) return null;
  if (strippedCount > count || strippedCount > from.end - from.at) return null;
  const stripped: number[] = [];
  let last = start;
  for (let i = 0; i < strippedCount; i++) {
    const by = from.whole();
    if (i > 0 && by === 0) return null;
    last += by;
    stripped.push(last);
  }
  if (last >= start + count) return null;
  const length = from.whole();
  if (count > length) return null; // an operation is at least a byte: no room is made for more
  const bytes = from.raw(length);
  const signature = from.raw(SIGNATURE_BYTES);
  return from.bad ? null : { name: { author, epoch }, from: start, count, stripped, bytes, signature };
}
