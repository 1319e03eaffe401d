/**
 * A store file seen from outside: what was committed, when last, and by whom, without a live host and without writing to it.
 * Works on what a killed process left behind: its WAL is read, never folded into the file. Synchronous, for short programs.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Millis } from '../../../kernel/index.ts';
import { StoreError, type StoredWrite } from '../../../ports/index.ts';
import { isAlive } from '../process-identity.ts';
import { type HostRow, layoutOf, readRecords, storeError } from './database.ts';

export interface StoreReading {
  readonly realm: string;
  readonly host: string;
  readonly incarnation: number;
  /** Sorted by room, table, key (code units). */
  readonly records: readonly StoredWrite[];
  /** Host time of the last commit; of the first opening when there was none. */
  readonly asOf: Millis;
  /** The process that holds the file; null when nobody does, also when its owner died. */
  readonly owner: number | null;
  readonly ledgerLength: number;
}

/** Throws `StoreError`: `failed` when there is no file, `corrupt` when it cannot be read. */
export function readStore(path: string): StoreReading {
  return withSnapshot(path, (database) => {
    const row = database.prepare('SELECT * FROM host').get() as unknown as HostRow | undefined;
    if (row === undefined)
      throw new StoreError('corrupt', `${path} names no host: it was cut or never finished; start a new run`);
    const alive = row.pid !== null && isAlive({ pid: row.pid, started: row.started ?? '' });
    return {
      realm: row.realm,
      host: row.host,
      incarnation: row.incarnation,
      records: readRecords(database, row.realm, row.host),
      asOf: row.committed_at,
      owner: alive ? row.pid : null,
      ledgerLength: row.ledger_length,
    };
  });
}

const READ_ONLY = 8;
const CANNOT_OPEN = 14;

/** One consistent view, also beside a writing host. */
export function withSnapshot<T>(path: string, look: (database: DatabaseSync) => T): T {
  if (!existsSync(path)) throw new StoreError('failed', `there is no store at ${path}: nothing was run here, or it was dropped`);
  try {
    return lookAt(path, path, look);
  } catch (error) {
    const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
    if (code !== READ_ONLY && code !== CANNOT_OPEN) throw storeError(path, error);
  }
  // SQLite reads a WAL only through a shared-memory file, which it cannot make in a directory it may not write to.
  const beside = mkdtempSync(join(tmpdir(), 'skein-read-'));
  try {
    const copy = join(beside, 'store.db');
    copyFileSync(path, copy);
    if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
    return lookAt(copy, path, look);
  } catch (error) {
    throw storeError(path, error);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
}

function lookAt<T>(file: string, path: string, look: (database: DatabaseSync) => T): T {
  const database = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
  try {
    database.exec('BEGIN');
    if (layoutOf(database, path) === 0) throw new StoreError('corrupt', `${path} is empty: its host never finished opening it`);
    return look(database);
  } finally {
    database.close();
  }
}
