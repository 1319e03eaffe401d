/**
 * What two replicas of a scope say to become equal, as bytes; who sends them when is somebody else's matter.
 *
 *   few authors                                      many authors
 *   A ── frontier ───────────────────────────▶ B    A ── one cell of the sketch of heads ──▶ B   equal: nothing more
 *   A ◀── delta, and what B wants ──────────── B    A ◀── more cells, until they decode ──── B
 *   A ── delta ──────────────────────────────▶ B    A ── wants ─▶ B, and on as with few
 *
 * wants     u8 (1: also every log that is not listed; then each entry has 4 bytes of its head) · entries: 8 bytes of the log, length
 *           signed * 2 (+ 1 frozen) · digests of heads whose logs are unknown here, 8 bytes each
 * delta     u8 1 · proofs of forks · segments
 */
import { RIBLT_CELL_BYTES } from '../structures/index.ts';
import { ByteReader, ByteWriter } from './lanes.ts';
import { type Log, type LogRefusal, readSegment, type Segment, writeSegment } from './log.ts';
import { FORK_BYTES_MAX } from './fork.ts';
import type { LogName } from './operation.ts';
import type { Scope } from './scope.ts';

export const DELTA_BYTES_MAX = 16_777_216; // what one answer holds at most, beside a last segment that cannot be cut
const VERSION = 1;
const ALL = 1;

/** All that this replica can send on, in one order on all replicas, for replicas with few authors between them. */
export function frontier(scope: Scope): Uint8Array {
  const logs = scope.logs.filter((each) => each.headKnown).toSorted((a, b) => a.low - b.low || a.high - b.high);
  return writeWants({ all: true, logs, digests: [] });
}

/** A prefix of the sketch of heads; two of one cell are equal exactly if the replicas are (but for a chance of 2^-96). */
export function headCells(scope: Scope, to: number, from = 0): Uint8Array {
  return scope.heads.encode(Math.min(to, scope.heads.cells), from);
}

export type Compared =
  | { readonly ok: true; readonly equal: boolean; readonly wants: Uint8Array }
  /** `more`: ask for a longer prefix; `frontier`: the sketch cannot tell, exchange frontiers. */
  | { readonly ok: false; readonly reason: 'more' | 'frontier' };

/** What to ask the owner of these cells for. */
export function compareHeads(scope: Scope, cells: Uint8Array): Compared {
  const decoded = scope.heads.decode(cells);
  if (!decoded.ok) {
    const whole = cells.length / RIBLT_CELL_BYTES >= scope.heads.cells;
    return { ok: false, reason: decoded.reason === 'more' && !whole ? 'more' : 'frontier' };
  }
  const { mine, theirs } = decoded;
  const logs: Log[] = [];
  for (const [i, low] of mine.low.entries()) {
    logs.push(...scope.logsTagged(low).filter((each) => each.headKnown && each.headHigh === mine.high[i]));
  }
  const digests: (readonly [number, number])[] = [];
  for (const [i, low] of theirs.low.entries()) {
    if (scope.logsTagged(low).length === 0) digests.push([low, theirs.high[i]!]);
    else logs.push(...scope.logsTagged(low).filter((each) => !logs.includes(each)));
  }
  const equal = logs.length === 0 && digests.length === 0;
  return { ok: true, equal, wants: writeWants({ all: false, logs, digests }) };
}

export type Answer =
  | {
      readonly ok: true;
      readonly delta: Uint8Array;
      /** What the asker has and this replica wants; null where that is nothing. */
      readonly wants: Uint8Array | null;
      /** Not everything fitted: ask again when the delta was taken. */
      readonly more: boolean;
    }
  | { readonly ok: false; readonly reason: 'bytes' };

export function answer(scope: Scope, asked: Uint8Array, bytesMax: number = DELTA_BYTES_MAX): Answer {
  const wants = readWants(asked);
  if (wants === null) return { ok: false, reason: 'bytes' };
  const proofs: Uint8Array[] = [];
  const segments: Segment[] = [];
  const missing: { readonly low: number; readonly high: number; readonly length: number; readonly frozen: boolean }[] = [];
  const listed = new Set<Log>();
  let left = Math.min(bytesMax, DELTA_BYTES_MAX);
  let more = false;
  const send = (log: Log, from: number): void => {
    if (left <= 0) {
      more = true;
      return;
    }
    const own = log.segments(from, left);
    for (const each of own) {
      segments.push(each);
      left -= each.bytes.length;
    }
    const last = own.at(-1);
    if (last !== undefined && last.from + last.count < log.signed) more = true;
  };
  for (const { low, high, length, frozen, head } of wants.entries) {
    const log = scope.logsTagged(low).find((each) => each.high === high);
    if (log === undefined) {
      missing.push({ low, high, length: 0, frozen: false });
      continue;
    }
    listed.add(log);
    const mine = log.frozenAt !== null;
    if (mine && !frozen) proofs.push(scope.forks.get(log)!);
    const { signed } = log;
    if (signed > length) send(log, length);
    else if (signed === length && !mine && !frozen) {
      // Asked for although the lengths are equal: the heads differ. The whole log shows where.
      if (head === null || (signed > 0 && head !== log.lows[signed - 1])) send(log, 0);
    }
    if (signed < length || (frozen && !mine)) missing.push({ low, high, length: signed, frozen: mine });
  }
  if (wants.all) {
    for (const log of scope.logs) {
      if (listed.has(log) || !log.headKnown) continue;
      if (log.frozenAt !== null) proofs.push(scope.forks.get(log)!);
      send(log, 0);
    }
  }
  for (const [low, high] of wants.digests) {
    for (const log of scope.logsTagged(low)) {
      if (log.headKnown && log.headHigh === high && log.frozenAt !== null) proofs.push(scope.forks.get(log)!);
      if (log.headKnown && log.headHigh === high) send(log, 0);
    }
  }
  const reply = missing.length === 0 ? null : writeEntries(missing);
  return { ok: true, delta: writeDelta(proofs, segments), wants: reply, more };
}

export interface DeltaTaken {
  readonly added: number;
  readonly forked: boolean;
  /** `signature` or `bytes` also where a log parted from what is here: `askAgain`. */
  readonly refused: readonly { readonly log: LogName; readonly reason: LogRefusal | 'not-admitted' }[];
  /** The rest could not be read. */
  readonly bytes: boolean;
}

/** Takes a delta of anybody: each segment stands for itself, whole or not at all. Never throws. */
export function takeDelta(scope: Scope, delta: Uint8Array, now: number): DeltaTaken {
  const from = new ByteReader(delta);
  const refused: { log: LogName; reason: LogRefusal | 'not-admitted' }[] = [];
  let [added, forked] = [0, false];
  const broken = { added, forked, refused, bytes: true };
  if (from.byte() !== VERSION) return broken;
  const proofs = from.whole();
  for (let i = 0; i < proofs; i++) {
    const length = from.whole();
    const proof = length > FORK_BYTES_MAX ? null : from.raw(length);
    if (proof === null || from.bad) return { ...broken, forked };
    forked = scope.takeFork(proof, now) || forked;
  }
  const segments = from.whole();
  for (let i = 0; i < segments; i++) {
    const segment = readSegment(from);
    if (segment === null) return { added, forked, refused, bytes: true };
    const taken = scope.take(segment, now);
    if (!taken.ok) refused.push({ log: taken.log, reason: taken.reason });
    else {
      added += taken.added;
      forked ||= taken.forked;
    }
  }
  return { added, forked, refused, bytes: from.bad || from.at !== from.end };
}

/** Asks for the whole of logs that did not continue what is here: either the sender invents, or the author signed two histories,
 *  and then the whole is the proof. Null where there is nothing to ask. Once a peer and log: who invents does it again. */
export function askAgain(scope: Scope, { refused }: DeltaTaken): Uint8Array | null {
  const entries: Entry[] = [];
  for (const { log: name, reason } of refused) {
    const log = reason === 'signature' || reason === 'bytes' ? scope.log(name) : null;
    if (log !== null) entries.push({ low: log.low, high: log.high, length: 0, frozen: log.frozenAt !== null });
  }
  return entries.length === 0 ? null : writeEntries(entries);
}

/** Everything that can be sent on: what is stored, and loaded by taking it. */
export function wholeDelta(scope: Scope): Uint8Array {
  const segments = scope.logs.flatMap((each) => each.segments(0, Infinity));
  return writeDelta([...scope.forks.values()], segments);
}

function writeDelta(proofs: readonly Uint8Array[], segments: readonly Segment[]): Uint8Array {
  const to = new ByteWriter();
  to.byte(VERSION);
  to.whole(proofs.length);
  for (const proof of proofs) {
    to.whole(proof.length);
    to.raw(proof);
  }
  to.whole(segments.length);
  for (const segment of segments) writeSegment(to, segment);
  return to.taken();
}

interface Entry {
  readonly low: number;
  readonly high: number;
  readonly length: number;
  readonly frozen: boolean;
}

interface Wants {
  readonly all: boolean;
  readonly entries: readonly (Entry & { readonly head: number | null })[];
  readonly digests: readonly (readonly [number, number])[];
}

function writeWants(wants: {
  readonly all: boolean;
  readonly logs: readonly Log[];
  readonly digests: readonly (readonly [number, number])[];
}): Uint8Array {
  const to = new ByteWriter();
  to.byte(wants.all ? ALL : 0);
  to.whole(wants.logs.length);
  for (const log of wants.logs) {
    writeEntry(to, { low: log.low, high: log.high, length: log.signed, frozen: log.frozenAt !== null });
    if (wants.all) word(to, log.signed === 0 ? 0 : log.lows[log.signed - 1]!);
  }
  to.whole(wants.digests.length);
  for (const [low, high] of wants.digests) {
    word(to, low);
    word(to, high);
  }
  return to.taken();
}

function writeEntries(entries: readonly Entry[]): Uint8Array {
  const to = new ByteWriter();
  to.byte(0);
  to.whole(entries.length);
  for (const each of entries) writeEntry(to, each);
  to.whole(0);
  return to.taken();
}

function writeEntry(to: ByteWriter, { low, high, length, frozen }: Entry): void {
  word(to, low);
  word(to, high);
  to.whole(length * 2 + (frozen ? 1 : 0));
}

function readWants(bytes: Uint8Array): Wants | null {
  const from = new ByteReader(bytes);
  const flags = from.byte();
  const count = from.whole();
  if (flags > ALL || count > from.end - from.at) return null;
  const entries: Wants['entries'][number][] = [];
  for (let i = 0; i < count && !from.bad; i++) {
    const [low, high, length] = [readWord(from), readWord(from), from.whole()];
    const head = flags === ALL ? readWord(from) : null;
    entries.push({ low, high, length: Math.floor(length / 2), frozen: length % 2 === 1, head });
  }
  const digests: (readonly [number, number])[] = [];
  const others = from.whole();
  if (others > from.end - from.at) return null;
  for (let i = 0; i < others && !from.bad; i++) digests.push([readWord(from), readWord(from)]);
  return from.bad || from.at !== from.end ? null : { all: flags === ALL, entries, digests };
}

function word(to: ByteWriter, value: number): void {
  to.byte(value >>> 24);
  to.byte((value >>> 16) & 255);
  to.byte((value >>> 8) & 255);
  to.byte(value & 255);
}

function readWord(from: ByteReader): number {
  return (from.byte() << 24) | (from.byte() << 16) | (from.byte() << 8) | from.byte();
}
