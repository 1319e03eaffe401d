/**
 * One life of a host again, from its journal, through rooms of this build: each input with the time, the ids and the random
 * numbers of then. What the rooms cause is compared with what was committed: records, activities, durable messages, ledger entries.
 * Nothing leaves: messages between rooms come from the journal like every other input. Messages that are not durable left no trace
 * to be compared with.
 */
import { canonicalJson, fromUtf8, type Id, type Json, type Random, seededRandom } from '../kernel/index.ts';
import type {
  JournaledCommit,
  JournaledLife,
  JournalInput,
  LedgerEntry,
  RecordWrite,
  Room,
  StoredRecord,
} from '../ports/index.ts';
import { decodeLedgerHeader, type Envelope, type LedgerHeader } from '../protocol/index.ts';
import { Batch, Collector } from './batch.ts';

/** The same numbers in a replay as in the life itself. */
export function roomRandom(seed: string, host: string, room: string, incarnation: number): Random {
  return seededRandom(`${seed}/${host}/${room}/${incarnation}`);
}

export interface ReplayOptions {
  readonly rooms: readonly (() => Room)[];
  readonly seed: string;
  readonly host: string;
  readonly life: JournaledLife;
  /** The whole ledger, or at least the entries of this life. */
  readonly entries: readonly LedgerEntry[];
}

export interface Divergence {
  /** Index of the first ledger entry of the commit that differs, or of the one that differs itself. */
  readonly entry: number;
  readonly commit: number;
  /** What was being compared, such as `record work/task/3`. */
  readonly what: string;
  readonly expected: string;
  readonly actual: string;
}

export type Replayed =
  | { readonly kind: 'same'; readonly commits: number; readonly inputs: number; readonly entries: number }
  | { readonly kind: 'diverged'; readonly divergence: Divergence }
  /** The journal does not cover this life. */
  | { readonly kind: 'refused'; readonly gaps: readonly string[] };

const HOST = 'host';
const NOT_DRAWN = 'f'.repeat(32) as Id; // asked for more ids than then: what carries it differs

interface Slot {
  readonly room: Room;
  readonly random: Random;
}

interface Written {
  readonly header: LedgerHeader;
  readonly body: Uint8Array | null;
}

export function replay({ rooms, seed, host, life, entries }: ReplayOptions): Replayed {
  const { incarnation, records, commits, gaps } = life;
  if (gaps.length > 0 || records === null) return { kind: 'refused', gaps };
  const slots = new Map<string, Slot>();
  for (const make of rooms) {
    const room = make();
    slots.set(room.name, { room, random: roomRandom(seed, host, room.name, incarnation) });
  }
  const ledger = new Map<number, Written[]>();
  for (const one of writtenIn(entries, incarnation)) {
    const { commit } = one.header;
    ledger.set(commit, [...(ledger.get(commit) ?? []), one]);
  }
  let compared = { inputs: 0, entries: 0 };
  let entry = entries.find((one) => decodeLedgerHeader(one.header)?.incarnation === incarnation)?.index ?? 0;
  for (const commit of commits) {
    const written = ledger.get(commit.sequence) ?? [];
    entry = written[0]?.header.index ?? entry;
    if (commit.inputs.length === 0) continue; // the host's own doing, or records that a fork began with
    const batch = new Batch();
    const found =
      fed(commit, slots, { host, incarnation, records }, batch) ??
      compareRecords(commit, batch) ??
      compareIntents(commit, batch) ??
      compareMessages(commit, batch);
    if (found !== null) return diverged({ entry, commit: commit.sequence, ...found });
    const drawn = new Set(commit.inputs.flatMap(({ ids }) => ids as readonly string[]));
    const own = written.filter(({ header }) => drawn.has(header.id));
    const differing = compareEntries(own, batch, entry);
    if (differing !== null) return diverged({ commit: commit.sequence, ...differing });
    compared = { inputs: compared.inputs + commit.inputs.length, entries: compared.entries + own.length };
    entry = (written.at(-1)?.header.index ?? entry - 1) + 1;
  }
  return { kind: 'same', commits: commits.length, ...compared };
}

function diverged(divergence: Divergence): Replayed {
  return { kind: 'diverged', divergence };
}

type Difference = Pick<Divergence, 'what' | 'expected' | 'actual'>;

/** Hands the inputs of a commit to their rooms; a room that throws or is missing is a difference. */
function fed(
  commit: JournaledCommit,
  slots: ReadonlyMap<string, Slot>,
  life: { readonly host: string; readonly incarnation: number; readonly records: NonNullable<JournaledLife['records']> },
  batch: Batch,
): Difference | null {
  for (const input of commit.inputs) {
    const slot = slots.get(input.room);
    const what = `input ${nameOf(input)}`;
    if (slot === undefined) return { what, expected: `a room ${input.room}`, actual: 'this build has none' };
    try {
      feed(slot, input, life, batch);
    } catch (error) {
      return { what, expected: 'handled', actual: `the room threw: ${error instanceof Error ? error.message : String(error)}` };
    }
  }
  return null;
}

function feed(
  { room, random }: Slot,
  { input, at, causation, ids }: JournalInput,
  { host, incarnation, records }: { host: string; incarnation: number; records: NonNullable<JournaledLife['records']> },
  batch: Batch,
): void {
  let drawn = 0;
  const nextId = (): Id => ids[drawn++] ?? NOT_DRAWN;
  const collector = new Collector(room.name, room.recordVersion, nextId);
  const effects = collector.begin(batch, causation, at, input.kind === 'load');
  if (input.kind === 'load') room.load(storedOf(records, room.name), at, effects);
  else room.handle(input, { now: at, random, nextId, host, incarnation, causation }, effects);
}

function* storedOf(records: NonNullable<JournaledLife['records']>, name: string): Iterable<StoredRecord> {
  for (const { room, table, key, version, value } of records)
    if (room === name) yield { table, key, version, value: JSON.parse(value) as Json };
}

function compareRecords(commit: JournaledCommit, batch: Batch): Difference | null {
  const rooms = (writes: Iterable<RecordWrite>): Map<string, string> => {
    const found = new Map<string, string>();
    for (const { room, table, key, value } of writes) if (room !== HOST) found.set(`${room}/${table}/${key}`, value ?? 'deleted');
    return found;
  };
  const expected = rooms(commit.writes);
  const actual = rooms(batch.writes.list);
  for (const at of new Set([...expected.keys(), ...actual.keys()])) {
    const [then, now] = [expected.get(at) ?? 'not written', actual.get(at) ?? 'not written'];
    if (then !== now) return { what: `record ${at}`, ...aroundDifference(then, now) };
  }
  return null;
}

/** The last order under a key is what is left of it in its commit. Cancelled intents and outcomes are the host's own affair. */
function compareIntents(commit: JournaledCommit, batch: Batch): Difference | null {
  const intents = new Map<string, string>();
  for (const { room, table, key, value } of commit.writes) {
    if (room !== HOST || table !== 'activity' || value === null) continue;
    const { name, kind, fence, payload, cancelled } = JSON.parse(value) as Record<string, Json>;
    if (cancelled !== true) intents.set(key, canonicalJson({ name, kind, fence, payload }));
  }
  const last = new Map(batch.orders.map((order) => [`${order.room}/${order.key}`, order]));
  for (const [at, order] of last) {
    if (order.kind === 'cancel') continue;
    const { name, kind, fence, payload } = order.activity;
    const then = intents.get(at) ?? 'not intended';
    const now = canonicalJson({ name, kind, fence, payload });
    if (then !== now) return { what: `activity ${at}`, ...aroundDifference(then, now) };
    intents.delete(at);
  }
  // The opening re-runs what was in flight; that is the host's doing.
  const [at] = commit.inputs.some(({ input }) => input.kind === 'load') ? [] : intents.keys();
  return at === undefined ? null : { what: `activity ${at}`, expected: clipped(intents.get(at)!), actual: 'not intended' };
}

/** Between rooms, or in the account of a peer; one with a history was sent again by the host. The gate may trim or deny its own. */
function compareMessages(commit: JournaledCommit, batch: Batch): Difference | null {
  const said = commit.writes.flatMap(({ room, table, value }): { readonly what: string; readonly text: string }[] => {
    if (room !== HOST || value === null || (table !== 'outbox' && table !== 'peer-outbox')) return [];
    const record = JSON.parse(value) as { readonly envelope?: Envelope; readonly history?: readonly unknown[] };
    if ((record.history?.length ?? 0) > 0) return [];
    const envelope = record.envelope ?? (record as unknown as Envelope);
    const sender = envelope.source.slice(envelope.source.lastIndexOf('/') + 1);
    return [messageText(sender, envelope.type, envelope, canonicalJson(envelope.data))];
  });
  for (const { room, draft, causation, data } of batch.sends) {
    const { durability, risk, type } = draft.contract;
    if (durability !== 'durable') continue;
    const now = messageText(
      room,
      type,
      { ...draft, causation: draft.causation === undefined ? causation : draft.causation },
      data ?? canonicalJson(draft.data),
    );
    const same = said.findIndex(({ what, text }) => (risk === 'gated' ? what === now.what : text === now.text));
    if (same >= 0) said.splice(same, 1);
    else if (risk !== 'gated') {
      const then = said.find(({ what }) => what === now.what)?.text ?? 'not sent';
      return { what: now.what, ...aroundDifference(then, now.text) };
    }
  }
  const [left] = said;
  return left === undefined ? null : { what: left.what, expected: clipped(left.text), actual: 'not sent' };
}

function messageText(
  room: string,
  type: string,
  { audience, subject, causation }: Pick<Envelope, 'audience' | 'subject' | 'causation'>,
  data: string,
): { readonly what: string; readonly text: string } {
  const text = `to ${audience} about ${subject}, caused by ${causation ?? 'nothing'}: ${data}`;
  return { what: `message ${type} of ${room}`, text };
}

function compareEntries(
  written: readonly Written[],
  batch: Batch,
  first: number,
): (Difference & { readonly entry: number }) | null {
  for (let i = 0; i < Math.max(written.length, batch.entries.length); i++) {
    const [then, now] = [written[i], batch.entries[i]];
    const entry = then?.header.index ?? first;
    const expected = then === undefined ? 'no entry' : entryText(then.header, then.body);
    const actual = now === undefined ? 'no entry' : entryText(now, then?.body === null ? null : now.body);
    if (expected !== actual) return { entry, what: `ledger entry ${entry}`, ...aroundDifference(expected, actual) };
  }
  return null;
}

function entryText(
  { kind, id, causation, time }: Pick<LedgerHeader, 'kind' | 'id' | 'causation' | 'time'>,
  body: Uint8Array | null,
): string {
  return `${kind} ${id} caused by ${causation ?? 'nothing'} at ${time}: ${body === null ? 'erased' : fromUtf8(body)}`;
}

function writtenIn(entries: readonly LedgerEntry[], incarnation: number): readonly Written[] {
  return entries.flatMap(({ header, body }) => {
    const decoded = decodeLedgerHeader(header);
    return decoded?.incarnation === incarnation ? { header: decoded, body } : [];
  });
}

function nameOf({ input, room }: JournalInput): string {
  if (input.kind === 'message') return `message ${input.envelope.type} ${input.envelope.id} to ${room}`;
  if (input.kind === 'activity') return `outcome of ${input.key} for ${room}`;
  return input.kind === 'timer' ? `timer ${input.key} of ${room}` : `load of ${room}`;
}

const TEXT_MAX = 400; // what fits a screen; the records themselves are in the store

/** Two long texts where they begin to differ. */
function aroundDifference(expected: string, actual: string): { readonly expected: string; readonly actual: string } {
  let same = 0;
  while (same < expected.length && expected[same] === actual[same]) same += 1;
  const from = Math.max(0, same - TEXT_MAX / 4);
  const lead = from > 0 ? '…' : '';
  return { expected: lead + clipped(expected.slice(from)), actual: lead + clipped(actual.slice(from)) };
}

function clipped(text: string): string {
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}
