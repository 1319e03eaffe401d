/**
 * The tables of a store file and what SQLite's errors mean in our words. Everything is keyed by realm and host first.
 * `host` holds one row: who owns the file, which incarnation it is at, and where its ledger ends; the row is part of every
 * commit, so that a host which lost the file to another one cannot write, and a ledger that lost its tail is noticed.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError, type StoredWrite } from '../../../ports/index.ts';
import { SEGMENT_TABLE } from './segment.ts';

/** Raised when the tables change; a file with a higher number was written by a later version. 1: the ledger was a hash chain, a row an entry. */
export const LAYOUT: number = 2;
const APPLICATION_ID = 0x536b6569; // "Skei"
const BUSY_MS = 5000; // longer than any checkpoint; only openers and the owner ever write

/** `note`: a signed checkpoint. `journal`: by commit, and by what may be dropped first (0 is kept, 1 is the window); sequence 0 holds the records of the opening (0, or 2
 *  where they go with the window) and up to where the window was dropped (1). */
export const ADDED_IN_2: string = `
${SEGMENT_TABLE}
CREATE TABLE checkpoint (
  realm TEXT NOT NULL, host TEXT NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (realm, host, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE journal (
  realm TEXT NOT NULL, host TEXT NOT NULL, incarnation INTEGER NOT NULL, sequence INTEGER NOT NULL, class INTEGER NOT NULL,
  inputs TEXT NOT NULL, writes BLOB NOT NULL,
  PRIMARY KEY (realm, host, incarnation, sequence, class)
) STRICT, WITHOUT ROWID;
`;

const TABLES = `
CREATE TABLE host (
  realm TEXT NOT NULL, host TEXT NOT NULL, incarnation INTEGER NOT NULL,
  pid INTEGER, started TEXT, instance TEXT,
  commit_sequence INTEGER NOT NULL, committed_at INTEGER NOT NULL,
  ledger_length INTEGER NOT NULL, ledger_root BLOB NOT NULL,
  PRIMARY KEY (realm, host)
) STRICT, WITHOUT ROWID;
CREATE TABLE record (
  realm TEXT NOT NULL, host TEXT NOT NULL, room TEXT NOT NULL, "table" TEXT NOT NULL, key TEXT NOT NULL,
  version INTEGER NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (realm, host, room, "table", key)
) STRICT, WITHOUT ROWID;
${ADDED_IN_2}
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = ${LAYOUT};
`;

export type Migrate = (database: DatabaseSync, path: string) => void;

export interface HostRow {
  readonly realm: string;
  readonly host: string;
  readonly incarnation: number;
  readonly pid: number | null;
  readonly started: string | null;
  readonly instance: string | null;
  readonly commit_sequence: number;
  readonly committed_at: number;
  readonly ledger_length: number;
  readonly ledger_root: Uint8Array;
}

/** Opens for writing: WAL, every commit synced to the disk (on macOS through its write cache too). */
export function openForWriting(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
  `);
  return database;
}

/** Inside a transaction: makes the tables of a new file, brings an older one up to date, refuses one that this version cannot read. */
export function prepareTables(database: DatabaseSync, path: string, migrate: Migrate): void {
  const layout = layoutOf(database, path);
  if (layout === 0) database.exec(TABLES);
  else if (layout < LAYOUT) migrate(database, path);
}

/** 0 for a new file. Throws for anything that is not a store this version can read. */
export function layoutOf(database: DatabaseSync, path: string): number {
  const layout = Number(database.prepare('PRAGMA user_version').get()!['user_version']);
  const application = Number(database.prepare('PRAGMA application_id').get()!['application_id']);
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n']);
  if (tables === 0) return 0;
  if (application !== APPLICATION_ID) {
    throw new StoreError('corrupt', `${path} is a database of another program, not a Skein store: move it away`);
  }
  if (layout < 1 || layout > LAYOUT) {
    throw new StoreError('failed', `${path} has store layout ${layout}, this version reads 1 to ${LAYOUT}: use a newer Skein`);
  }
  return layout;
}

/** Sorted by room, table and key in code units; SQLite's own order is by bytes, which differs above the basic plane. */
export function readRecords(database: DatabaseSync, realm: string, host: string): readonly StoredWrite[] {
  const rows = database
    .prepare('SELECT room, "table", key, version, value FROM record WHERE realm = ? AND host = ?')
    .all(realm, host) as unknown as readonly StoredWrite[];
  return rows.toSorted(
    (a, b) => compareCodeUnits(a.room, b.room) || compareCodeUnits(a.table, b.table) || compareCodeUnits(a.key, b.key),
  );
}

function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** SQLite's primary result codes that have a meaning of their own here. */
const BUSY = 5;
const IO_ERROR = 10;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;
const FREE_BYTES_MIN = 1024 * 1024; // below it an I/O error is a full disk: shared memory reports it as one

export function storeError(path: string, cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const extended = (cause as { errcode?: number } | null)?.errcode ?? 0;
  const code = extended & 0xff;
  if (code === FULL || (code === IO_ERROR && diskIsFull(path))) {
    return new StoreError(
      'full',
      `the disk of ${path} is full (${text}): nothing acknowledged is lost; free some space and start again`,
      { cause },
    );
  }
  if (code === CORRUPT || code === NOT_A_DATABASE) {
    return new StoreError(
      'corrupt',
      `${path} is damaged (${text}): keep the file and its -wal as evidence, restore them from a backup or start a new run`,
      { cause },
    );
  }
  if (code === BUSY) {
    return new StoreError('busy', `${path} is being written by another process (${text}): wait for it or end it`, { cause });
  }
  const number = extended === 0 ? '' : ` (SQLite error ${extended})`;
  return new StoreError('failed', `the store ${path} failed: ${text}${number}: nothing acknowledged is lost; start again`, {
    cause,
  });
}

function diskIsFull(path: string): boolean {
  try {
    const disk = statfsSync(dirname(path));
    return disk.bavail * disk.bsize < FREE_BYTES_MIN;
  } catch {
    return false;
  }
}
