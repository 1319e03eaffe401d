/**
 * Writes to a scope as one author in one epoch: says of every write what it supersedes, which is all of the same field that this
 * replica sees. Signs in batches: what is not signed counts here and can be sent nowhere.
 */
import { assert, equalBytes } from '../kernel/index.ts';
import type { KeyPair } from '../protocol/index.ts';
import { DOT_LOG, dotOf, type LocalDot } from './fold.ts';
import { ByteReader, ByteWriter } from './lanes.ts';
import type { Log } from './log.ts';
import {
  ACTIONS,
  CHANGES_MAX,
  FIELD_ARCHIVED,
  FIELD_DELETED,
  type Kind,
  OperationReader,
  PAYLOAD_BYTES_MAX,
  SOURCES_MAX,
  SUPERSEDES_MAX,
  writeHeader,
} from './operation.ts';
import type { Scope } from './scope.ts';
import type { FieldKind } from './terms.ts';
import { readValue, skipValue, type Value, valueProblem, writeValue } from './value.ts';

export type Change =
  | { readonly field: string; readonly set: Value }
  | { readonly field: string; readonly add: Value }
  | { readonly field: string; readonly remove: Value }
  | { readonly field: string; readonly count: number };

export type Written =
  | { readonly ok: true; readonly record: LocalDot; readonly dot: LocalDot }
  | { readonly ok: false; readonly reason: 'field' | 'value' | 'bounds' | 'no-record' | 'frozen'; readonly message: string };

export type OpenedWriter =
  | { readonly ok: true; readonly writer: ScopeWriter }
  | { readonly ok: false; readonly reason: 'epoch-used'; readonly message: string };

/** An epoch is opened once: raise it whenever the scope is opened again, and always after a restore from a backup. */
export function openWriter(scope: Scope, keys: KeyPair, epoch: number): OpenedWriter {
  const log = scope.log({ author: keys.publicKey, epoch });
  if (log !== null && (log.length > 0 || log.frozenAt !== null)) {
    const message = `epoch ${epoch} of this author has ${log.length} operations in scope ${scope.terms.name}: open a later one`;
    return { ok: false, reason: 'epoch-used', message };
  }
  return { ok: true, writer: new ScopeWriter(scope, keys, epoch) };
}

interface LiveChange {
  readonly dot: LocalDot;
  readonly item: number;
  readonly field: number;
  readonly action: number;
  /** Empty where nobody asked for values. */
  readonly value: Uint8Array;
}

const FIELD_DELETED_BIT = 1 << FIELD_DELETED;
const EVERY_FIELD = -1;
const NO_VALUE = new Uint8Array(0);
const ownReader = new ByteReader(NO_VALUE);

export class ScopeWriter {
  readonly #scope: Scope;
  readonly #keys: KeyPair;
  readonly #log: Log;
  readonly #fields: Map<string, { readonly number: number; readonly kind: FieldKind }>;
  readonly #payload = new ByteWriter();
  readonly #operation = new ByteWriter();
  readonly #reader = new OperationReader();
  /** Logs that the bytes of this log have named. */
  #named = 1;

  constructor(scope: Scope, keys: KeyPair, epoch: number) {
    this.#scope = scope;
    this.#keys = keys;
    this.#log = scope.ensure({ author: keys.publicKey, epoch });
    this.#fields = new Map(scope.terms.fields.map(({ name, kind }, number) => [name, { number, kind }]));
  }

  create(changes: readonly Change[], now: number, sources: readonly LocalDot[] = []): Written {
    return this.#write('set', null, changes, now, sources);
  }

  update(record: LocalDot, changes: readonly Change[], now: number, sources: readonly LocalDot[] = []): Written {
    return this.#write('set', record, changes, now, sources);
  }

  /** Ends a conflict among the writes that this replica sees; one that it does not see opens it again. */
  resolve(record: LocalDot, changes: readonly Change[], now: number, sources: readonly LocalDot[] = []): Written {
    return this.#write('resolve', record, changes, now, sources);
  }

  archive(record: LocalDot, archived: boolean, now: number): Written {
    if (!this.#isHere(record)) return noRecord;
    this.#payload.at = 0;
    writeValue(this.#payload, archived);
    const masks = new Map<LocalDot, number>();
    for (const each of this.#live(record, 1 << FIELD_ARCHIVED)) supersede(masks, each);
    return this.#append('archive', record, masks, [], [FIELD_ARCHIVED], [ACTIONS.set], now);
  }

  delete(record: LocalDot, now: number): Written {
    if (!this.#isHere(record)) return noRecord;
    const masks = new Map<LocalDot, number>();
    for (const each of this.#live(record, EVERY_FIELD)) supersede(masks, each);
    this.#payload.at = 0;
    return this.#append('delete', record, masks, [], [FIELD_DELETED], [ACTIONS.delete], now);
  }

  /** Drops the payloads of these operations of a record everywhere, where this author may; headers and hashes stay. */
  erase(record: LocalDot, dots: readonly LocalDot[], now: number): Written {
    if (dots.length === 0) return noRecord;
    this.#payload.at = 0;
    return this.#append('erase', record, new Map(dots.map((dot) => [dot, 0xffff_ffff])), [], [], [], now);
  }

  /** One signature over all that was written. */
  sign(): void {
    this.#log.sign(this.#keys);
    this.#scope.headMoved(this.#log);
  }

  #write(kind: Kind, record: LocalDot | null, changes: readonly Change[], now: number, sources: readonly LocalDot[]): Written {
    if (changes.length === 0 || changes.length > CHANGES_MAX) {
      return no('bounds', `an operation has 1..${CHANGES_MAX} changes, not ${changes.length}`);
    }
    if (sources.length > SOURCES_MAX) return no('bounds', `an operation names at most ${SOURCES_MAX} sources`);
    const valued = changes.some((each) => !('set' in each));
    if (record !== null && !this.#isHere(record)) return noRecord;
    const live = record === null ? [] : this.#live(record, this.#touched(changes), valued);
    const masks = new Map<LocalDot, number>();
    for (const each of live) if (each.field === FIELD_DELETED) supersede(masks, each); // who writes brings it back
    const payload = this.#payload;
    payload.at = 0;
    const fields: number[] = [];
    const actions: number[] = [];
    for (const change of changes) {
      const field = this.#fields.get(change.field);
      if (field === undefined) return no('field', `scope ${this.#scope.terms.name} has no field ${change.field}`);
      const { number, kind: fieldKind } = field;
      const action = actionOf(change);
      if (!fits(fieldKind, action) || (action === ACTIONS.set && fields.includes(number))) {
        return no('field', `field ${change.field} is not written so: ${Object.keys(change).join(', ')}`);
      }
      const value = valueOf(change);
      const problem = valueProblem(value);
      if (problem !== null) return no('value', `field ${change.field}: ${problem}`);
      const start = payload.at;
      writeValue(payload, value);
      const bytes = payload.bytes.subarray(start, payload.at);
      if (action === ACTIONS.set) {
        for (const each of live) if (each.field === number && each.action === action) supersede(masks, each);
      } else if (action === ACTIONS.count) {
        // One's own count so far is taken over, of this epoch only: another epoch may have counted on from the same number.
        const own = live.find((each) => each.field === number && this.#isOwn(each.dot) && each.action === action);
        if (own !== undefined) {
          supersede(masks, own);
          const counted = readValue(new ByteReader(own.value));
          payload.at = start;
          writeValue(payload, (change as { count: number }).count + (typeof counted === 'number' ? counted : 0));
        }
      } else {
        for (const each of live) if (each.field === number && equalBytes(each.value, bytes)) supersede(masks, each);
        if (action === ACTIONS.remove && fieldKind === 'aw-set') {
          payload.at = start; // a remove that a concurrent add survives is what it supersedes, and nothing else
          continue;
        }
      }
      fields.push(number);
      actions.push(action);
    }
    if (record === null && fields.length === 0) return no('bounds', 'a record begins with something written');
    if (payload.at > PAYLOAD_BYTES_MAX) return no('bounds', `an operation holds at most ${PAYLOAD_BYTES_MAX} bytes`);
    return this.#append(kind, record, masks, sources, fields, actions, now);
  }

  #append(
    kind: Kind,
    record: LocalDot | null,
    masks: ReadonlyMap<LocalDot, number>,
    sources: readonly LocalDot[],
    fields: readonly number[],
    actions: readonly number[],
    now: number,
  ): Written {
    const log = this.#log;
    if (masks.size > SUPERSEDES_MAX) return no('bounds', `an operation supersedes at most ${SUPERSEDES_MAX} others`);
    if (log.frozenAt !== null) return no('frozen', 'this author signed two histories: its epoch is frozen, open a later one');
    const sequence = log.length;
    const dot = dotOf(log.index, sequence);
    // Logs get their numbers in the order in which the bytes name them.
    const of = (record ?? dot) === dot ? null : this.#reference(record!, masks.get(record!) ?? 0);
    const supersedes: number[] = [];
    for (const [other, mask] of masks) if (other !== record) supersedes.push(this.#number(other), other % DOT_LOG, mask);
    const from: number[] = [];
    for (const source of sources) from.push(this.#number(source), source % DOT_LOG);
    const stamp = this.#scope.options.clock.stamp(now);
    const to = this.#operation;
    const { at: length, bytes } = this.#payload;
    to.at = 0;
    const parts = { kind, record: of, supersedes, sources: from, fields, actions };
    writeHeader(to, parts, stamp, log.stamp(sequence - 1), length, (number) => {
      if (number < this.#named) return null;
      this.#named += 1;
      return this.#scope.logs[log.logs[number]!]!.name;
    });
    const payload = to.at;
    to.raw(bytes.subarray(0, length));
    log.write(to.bytes.subarray(0, to.at), payload, stamp);
    assert(log.folded === sequence, 'an own operation counts at once');
    this.#scope.fold.next(log);
    return { ok: true, record: record ?? dot, dot };
  }

  #reference(record: LocalDot, mask: number): { readonly log: number; readonly seq: number; readonly mask: number } {
    return { log: this.#number(record), seq: record % DOT_LOG, mask };
  }

  #number(dot: LocalDot): number {
    const log = this.#log;
    const index = Math.floor(dot / DOT_LOG);
    const known = log.numbers.get(index);
    if (known !== undefined) return known;
    const number = log.logs.push(index) - 1;
    log.numbers.set(index, number);
    return number;
  }

  #isOwn(dot: LocalDot): boolean {
    return Math.floor(dot / DOT_LOG) === this.#log.index;
  }

  #touched(changes: readonly Change[]): number {
    let touched = FIELD_DELETED_BIT;
    for (const { field } of changes) touched |= 1 << (this.#fields.get(field)?.number ?? 0);
    return touched;
  }

  #isHere(record: LocalDot): boolean {
    return (this.#scope.fold.record(record)?.live.length ?? 0) > 0;
  }

  /** What is live in the fields of a mask. */
  #live(record: LocalDot, wanted: number, valued = false): readonly LiveChange[] {
    const live = this.#scope.fold.record(record)?.live ?? [];
    const items: LiveChange[] = [];
    const reader = this.#reader;
    for (let i = 0; i < live.length; i += 2) {
      const dot = live[i]!;
      const log = this.#scope.logs[Math.floor(dot / DOT_LOG)]!;
      const sequence = dot % DOT_LOG;
      log.read(sequence, reader);
      const from = ownReader;
      from.bytes = log.bytes;
      from.at = reader.payload;
      from.end = log.starts[sequence + 1]!;
      const withheld = !valued || log.stripped.has(sequence);
      for (let item = 0; item < reader.changes; item++) {
        const start = from.at;
        if (!withheld && reader.actions[item] !== ACTIONS.delete) skipValue(from);
        if (((live[i + 1]! >>> item) & (wanted >>> reader.fields[item]!) & 1) === 0) continue;
        const value = valued ? log.bytes.subarray(start, from.at) : NO_VALUE;
        items.push({ dot, item, field: reader.fields[item]!, action: reader.actions[item]!, value });
      }
    }
    return items;
  }
}

function supersede(masks: Map<LocalDot, number>, { dot, item }: LiveChange): void {
  masks.set(dot, ((masks.get(dot) ?? 0) | (1 << item)) >>> 0);
}

function actionOf(change: Change): number {
  if ('set' in change) return ACTIONS.set;
  if ('add' in change) return ACTIONS.add;
  return 'remove' in change ? ACTIONS.remove : ACTIONS.count;
}

function valueOf(change: Change): Value {
  if ('set' in change) return change.set;
  if ('add' in change) return change.add;
  return 'remove' in change ? change.remove : change.count;
}

function fits(kind: FieldKind, action: number): boolean {
  if (kind === 'counter') return action === ACTIONS.count;
  const isSet = kind === 'aw-set' || kind === 'rw-set';
  return isSet ? action === ACTIONS.add || action === ACTIONS.remove : action === ACTIONS.set;
}

function no(reason: Exclude<Written, { ok: true }>['reason'], message: string): Written {
  return { ok: false, reason, message };
}

const noRecord: Written = no('no-record', 'nothing of this record is here: read it again, or take in what was missed');
