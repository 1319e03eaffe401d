/**
 * The journal of a store: inputs wait here for the commit of their effects, are kept beside it, and are read back as lives.
 * What contracts call `window` is bounded by bytes and dropped oldest first; what is missing is named when it is read.
 */
import type { DatabaseSync } from 'node:sqlite';
import { assert } from '../../../kernel/index.ts';
import type {
  JournalClass,
  JournaledCommit,
  JournaledLife,
  JournalInput,
  RecordWrite,
  StoredWrite,
} from '../../../ports/index.ts';
import { type HostRow, layoutOf, readRecords } from './database.ts';
import { type JournalTexts, unpackWrites } from './packing.ts';
import { withSnapshot } from './reading.ts';

export const WINDOW_BYTES_MAX: number = 256 * 1024 * 1024;
const WINDOW_BYTES_AFTER = 224 * 1024 * 1024; // room for a while: one delete for every 32 MiB
const PENDING_MAX = 4096; // inputs that caused no commit; a full inbox of them
const RECORDS_BYTES_MAX = 64 * 1024 * 1024; // an opening with more is not copied; it is named as a gap

interface Owner {
  readonly realm: string;
  readonly host: string;
}

/** What one row holds, as JSON. */
interface Inputs {
  readonly inputs: readonly (JournalInput & { readonly n: number })[];
  /** How many inputs of a kind were not kept since the commit before. */
  readonly skipped?: Readonly<Record<string, number>>;
}

/** Inputs that were handled and whose commit has not been handed in. */
export class PendingInputs {
  #full: Inputs['inputs'][number][] = [];
  #window: Inputs['inputs'][number][] = [];
  #skipped: Record<string, number> = {};
  #n = 0;

  add(input: JournalInput, keep: JournalClass): void {
    const of = input.input;
    if (keep === 'none' || this.#full.length + this.#window.length >= PENDING_MAX) {
      const name = of.kind === 'message' ? of.envelope.type : of.kind;
      this.#skipped[name] = (this.#skipped[name] ?? 0) + 1;
      return;
    }
    (keep === 'full' ? this.#full : this.#window).push({ n: (this.#n += 1), ...input });
  }

  /** What the next commit keeps. A commit without inputs is kept for what it writes. */
  take(): JournalTexts {
    const onlyWindow = this.#full.length === 0 && this.#window.length > 0 && Object.keys(this.#skipped).length === 0;
    const skipped = Object.keys(this.#skipped).length === 0 ? {} : { skipped: this.#skipped };
    const texts = {
      full: onlyWindow ? null : JSON.stringify({ inputs: this.#full, ...skipped }),
      window: this.#window.length === 0 ? null : JSON.stringify({ inputs: this.#window }),
    };
    this.#full = [];
    this.#window = [];
    this.#skipped = {};
    this.#n = 0;
    return texts;
  }
}

const RECORDS_KEPT = 0;
const RECORDS_IN_WINDOW = 2;

/** Inside the opening transaction: the records that this life starts from. They go with the window, or every opening would add to the file. */
export function keepRecords(
  database: DatabaseSync,
  { realm, host }: Owner,
  incarnation: number,
  journal: 'contracts' | 'full',
): void {
  const records = readRecords(database, realm, host);
  let bytes = 0;
  for (const { key, value } of records) bytes += key.length + value.length;
  const kept = bytes > RECORDS_BYTES_MAX ? { tooMany: bytes } : { records };
  database
    .prepare(`INSERT INTO journal VALUES (?, ?, ?, 0, ?, ?, x'')`)
    .run(realm, host, incarnation, journal === 'full' ? RECORDS_KEPT : RECORDS_IN_WINDOW, JSON.stringify(kept));
}

export function windowBytes(database: DatabaseSync, { realm, host }: Owner): number {
  const row = database
    .prepare(
      'SELECT coalesce(sum(length(inputs) + length(writes)), 0) AS bytes FROM journal WHERE realm = ? AND host = ? AND class > 0',
    )
    .get(realm, host);
  return Number(row!['bytes']);
}

/** Inside a transaction: drops the oldest of the window, notes up to where, and answers the bytes that stay. */
export function trimJournal(database: DatabaseSync, { realm, host }: Owner, bytesAfter: number = WINDOW_BYTES_AFTER): number {
  const rows = database
    .prepare(
      'SELECT incarnation, sequence, class, length(inputs) + length(writes) AS bytes FROM journal ' +
        'WHERE realm = ? AND host = ? AND class > 0 AND (sequence > 0 OR class = 2) ORDER BY incarnation, sequence',
    )
    .all(realm, host) as unknown as readonly { incarnation: number; sequence: number; class: number; bytes: number }[];
  let left = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  const drop = database.prepare(
    'DELETE FROM journal WHERE realm = ? AND host = ? AND incarnation = ? AND sequence = ? AND class = ?',
  );
  const note = database.prepare(`INSERT OR REPLACE INTO journal VALUES (?, ?, ?, 0, 1, ?, x'')`);
  for (const { incarnation, sequence, class: kind, bytes } of rows) {
    if (left <= bytesAfter) break;
    drop.run(realm, host, incarnation, sequence, kind);
    note.run(realm, host, incarnation, JSON.stringify({ droppedTo: sequence }));
    left -= bytes;
  }
  return left;
}

interface Row {
  readonly incarnation: number;
  readonly sequence: number;
  readonly class: number;
  readonly inputs: string;
  readonly writes: Uint8Array;
}

/** Every opening of the store that left something in its journal, oldest first. Throws `StoreError` when the file cannot be read. */
export function readJournal(path: string): readonly JournaledLife[] {
  return withSnapshot(path, (database) => {
    if (layoutOf(database, path) < 2) return [];
    const owner = database.prepare('SELECT * FROM host').get() as unknown as HostRow | undefined;
    if (owner === undefined) return [];
    const rows = database
      .prepare(
        'SELECT incarnation, sequence, class, inputs, writes FROM journal WHERE realm = ? AND host = ? ' +
          'ORDER BY incarnation, sequence, class',
      )
      .all(owner.realm, owner.host) as unknown as readonly Row[];
    const lives = new Map<number, Life>();
    for (const row of rows) {
      let life = lives.get(row.incarnation);
      if (life === undefined) lives.set(row.incarnation, (life = new Life(row.incarnation)));
      life.take(row);
    }
    return [...lives.values()].map((life) => life.read());
  });
}

class Life {
  readonly #incarnation: number;
  readonly #commits: { sequence: number; inputs: Inputs['inputs'][number][]; writes: RecordWrite[] }[] = [];
  readonly #gaps: string[] = [];
  #records: readonly StoredWrite[] | null = null;

  constructor(incarnation: number) {
    this.#incarnation = incarnation;
  }

  take({ sequence, class: kind, inputs, writes }: Row): void {
    const value: unknown = JSON.parse(inputs);
    if (sequence === 0) {
      const opening = value as { records?: readonly StoredWrite[]; tooMany?: number; droppedTo?: number };
      if (kind === 1)
        this.#gaps.push(
          opening.droppedTo === 0
            ? 'the window of the journal was exceeded: the records it opened with are gone'
            : `the window of the journal was exceeded: inputs up to commit ${opening.droppedTo} are gone`,
        );
      else if (opening.records === undefined)
        this.#gaps.push(`the ${opening.tooMany} bytes of records it opened with were not kept`);
      else this.#records = opening.records;
      return;
    }
    const row = value as Inputs;
    for (const [name, count] of Object.entries(row.skipped ?? {}))
      this.#gaps.push(
        `${count} of ${name} before commit ${sequence} were not journaled: their contract says so, or they caused nothing for too long`,
      );
    let commit = this.#commits.at(-1);
    if (commit?.sequence !== sequence) this.#commits.push((commit = { sequence, inputs: [], writes: [] }));
    commit.inputs.push(...row.inputs);
    commit.writes.push(...unpackWrites(writes));
  }

  read(): JournaledLife {
    const commits: readonly JournaledCommit[] = this.#commits.map(({ sequence, inputs, writes }) => ({
      sequence,
      inputs: inputs
        .toSorted((a, b) => a.n - b.n)
        .map(({ room, input, at, causation, ids }) => ({ room, input, at, causation, ids })),
      writes,
    }));
    if (this.#records === null && this.#gaps.length === 0) this.#gaps.push('the records it opened with are missing');
    for (const [i, { sequence }] of commits.entries()) {
      const before = commits[i - 1]?.sequence ?? 0;
      if (sequence !== before + 1) this.#gaps.push(`commits ${before + 1} to ${sequence - 1} are missing`);
    }
    assert(this.#incarnation > 0, 'an incarnation counts from 1');
    return { incarnation: this.#incarnation, records: this.#records, commits, gaps: this.#gaps };
  }
}
