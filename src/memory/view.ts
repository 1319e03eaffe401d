/**
 * What a reader sees of a record: for each field the value and whether it is contested, both derived from the live writes at the
 * moment of reading, and never written back. Equal values of different authors are one value with more than one witness.
 */
import { equalBytes, hex } from '../kernel/index.ts';
import { compareStamps } from '../structures/index.ts';
import { DOT_LOG, type LiveRecord } from './fold.ts';
import { ByteReader } from './lanes.ts';
import type { Log } from './log.ts';
import { ACTIONS, FIELD_ARCHIVED, FIELD_DELETED, OperationReader } from './operation.ts';
import type { FieldKind, ScopeTerms } from './terms.ts';
import { readValue, type Value } from './value.ts';

export const SIBLINGS_MAX = 16; // more different values than a person can weigh: somebody has to be asked

/** A live write. `value` is undefined where its payload was withheld. */
export interface LiveItem {
  readonly log: Log;
  readonly sequence: number;
  readonly item: number;
  readonly field: number;
  readonly action: number;
  readonly value: Value | undefined;
  /** The value as it was written; equal values have equal bytes. */
  readonly bytes: Uint8Array;
}

export interface FieldView {
  /** mvr: the latest of the values; sets: their elements by their bytes; null where nothing is written. */
  readonly value: Value;
  /** Different values, latest first; one where all agree. */
  readonly values: readonly Value[];
  /** More than one, in a field that keeps them all. */
  readonly contested: boolean;
  /** More values than `SIBLINGS_MAX`. */
  readonly crowded: boolean;
  /** The live writes, by time; whose they are and what they say. */
  readonly items: readonly LiveItem[];
}

export interface RecordView {
  readonly archived: boolean;
  readonly fields: ReadonlyMap<string, FieldView>;
}

/** A pure, deterministic fold over live values, sorted by time; its answer is shown and never stored. */
export type CustomFold = (values: readonly Value[]) => Value;

const operation = new OperationReader();

export function liveItems(record: LiveRecord, logs: readonly Log[]): LiveItem[] {
  const items: LiveItem[] = [];
  const { live } = record;
  for (let i = 0; i < live.length; i += 2) {
    const log = logs[Math.floor(live[i]! / DOT_LOG)]!;
    const sequence = live[i]! % DOT_LOG;
    log.read(sequence, operation);
    const withheld = log.stripped.has(sequence);
    const from = new ByteReader(log.bytes, operation.payload, log.starts[sequence + 1]);
    for (let item = 0; item < operation.changes; item++) {
      const field = operation.fields[item]!;
      const action = operation.actions[item]!;
      const start = from.at;
      const value = action === ACTIONS.delete ? null : withheld ? undefined : readValue(from);
      if (((live[i + 1]! >>> item) & 1) === 0) continue;
      items.push({ log, sequence, item, field, action, value, bytes: log.bytes.subarray(start, from.at) });
    }
  }
  return items.toSorted(byTime);
}

/** Null where it is deleted, or nothing of it is live. */
export function viewOf(items: readonly LiveItem[], terms: ScopeTerms, folds: ReadonlyMap<string, CustomFold>): RecordView | null {
  const ofRecord = items.filter((each) => each.field < terms.fields.length);
  const deleted = items.some(({ field, action }) => field === FIELD_DELETED && action === ACTIONS.delete);
  if (deleted ? ofRecord.length === 0 || terms.deleteWins === true : ofRecord.length === 0) return null;
  const fields = new Map<string, FieldView>();
  for (const [field, { name, kind }] of terms.fields.entries()) {
    const own = ofRecord.filter((each) => each.field === field && belongs(kind, each.action));
    if (own.length > 0) fields.set(name, fieldView(own, kind, folds));
  }
  const archived = items.findLast(({ field, action }) => field === FIELD_ARCHIVED && action === ACTIONS.set);
  return { archived: archived?.value === true, fields };
}

function belongs(kind: FieldKind, action: number): boolean {
  if (kind === 'counter') return action === ACTIONS.count;
  if (kind === 'aw-set') return action === ACTIONS.add;
  if (kind === 'rw-set') return action === ACTIONS.add || action === ACTIONS.remove;
  return action === ACTIONS.set;
}

function fieldView(items: readonly LiveItem[], kind: FieldKind, folds: ReadonlyMap<string, CustomFold>): FieldView {
  const calm = { contested: false, crowded: false, items };
  if (kind === 'counter') {
    const sum = items.reduce((total, { value }) => (typeof value === 'number' ? total + value : total), 0);
    return { value: sum, values: [sum], ...calm };
  }
  if (kind === 'aw-set' || kind === 'rw-set') {
    const removed = new Set(items.filter(({ action }) => action === ACTIONS.remove).map(({ bytes }) => hex(bytes)));
    const elements = new Map<string, Value>();
    for (const { value, bytes } of items) {
      const key = hex(bytes);
      if (value !== undefined && !removed.has(key)) elements.set(key, value);
    }
    const list = [...elements].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
    return { value: list, values: [list], ...calm };
  }
  const distinct: LiveItem[] = [];
  for (const each of items.toReversed()) {
    if (each.value !== undefined && !distinct.some((other) => equalBytes(other.bytes, each.bytes))) distinct.push(each);
  }
  const values = distinct.map(({ value }) => value!);
  const fold = typeof kind === 'object' ? folds.get(kind.custom) : undefined;
  if (fold !== undefined) {
    const value = fold(values.toReversed());
    return { value, values: [value], ...calm };
  }
  const contested = kind !== 'lww' && values.length > 1;
  return { value: values[0] ?? null, values, contested, crowded: values.length > SIBLINGS_MAX, items };
}

/** By stamp, then author, then epoch, then chain: the same on every replica. Two items of one operation by position. */
export function byTime(a: LiveItem, b: LiveItem): number {
  return compareStamps(a.log.stamp(a.sequence), b.log.stamp(b.sequence)) || compareLogs(a.log, b.log) || a.item - b.item;
}

export function compareLogs(a: Log, b: Log): number {
  if (a === b) return 0;
  for (let i = 0; i < a.name.author.length; i++) {
    const by = a.name.author[i]! - b.name.author[i]!;
    if (by !== 0) return by;
  }
  return a.name.epoch - b.name.epoch;
}
