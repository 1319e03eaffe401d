/**
 * One host's partition of a store file, used synchronously by the commit thread: take ownership, write a group of commits as one
 * transaction, append to the ledger, read it back. The place where durability is decided.
 */
import { hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type LedgerEntry, StoreError, type StoredWrite } from '../../../ports/index.ts';
import { encodeLedgerHeader, type Hash, LEDGER_CHAIN_START, ledgerChain, ledgerLeafOfHash } from '../../../protocol/index.ts';
import { isAlive } from '../process-identity.ts';
import { type HostRow, openForWriting, prepareTables, readRecords, storeError } from './database.ts';
import type { CommitThreadData } from './messages.ts';
import { type PackedEntry, type PackedWrite, unpack } from './packing.ts';

export const sha256: Hash = (bytes) => hash('sha256', bytes, 'buffer');

export class Partition {
  readonly #data: CommitThreadData;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #realmHash: Uint8Array;
  readonly incarnation: number;
  #ledgerLength: number;
  #ledgerChain: Uint8Array;

  /** Raises the incarnation durably. Throws StoreError; `busy` names the living owner. */
  constructor(data: CommitThreadData) {
    this.#data = data;
    this.#realmHash = sha256(Buffer.from(data.realm)).subarray(0, 16);
    let database: DatabaseSync | null = null;
    try {
      mkdirSync(dirname(data.path), { recursive: true });
      database = openForWriting(data.path);
      database.exec('BEGIN IMMEDIATE');
      prepareTables(database, data.path);
      this.#statements = prepare(database);
      const row = this.#own(database);
      this.incarnation = row.incarnation + 1;
      this.#ledgerLength = row.ledger_length;
      this.#ledgerChain = new Uint8Array(row.ledger_chain);
      this.#checkLedgerEnd();
      database.exec('COMMIT');
      this.#database = database;
    } catch (error) {
      const known = storeError(data.path, error);
      database?.close(); // rolls back
      throw known;
    }
  }

  #own(database: DatabaseSync): HostRow {
    const { path, realm, host, owner, instance } = this.#data;
    const rows = database.prepare('SELECT * FROM host').all() as unknown as readonly HostRow[];
    const other = rows.find((row) => row.realm !== realm || row.host !== host);
    if (other !== undefined) {
      throw new StoreError('failed', `${path} belongs to host ${other.host} of realm ${other.realm}, not to ${host} of ${realm}`);
    }
    const row = rows[0] ?? {
      realm,
      host,
      incarnation: 0,
      pid: null,
      started: null,
      instance: null,
      commit_sequence: 0,
      committed_at: Date.now(),
      ledger_length: 0,
      ledger_chain: LEDGER_CHAIN_START,
    };
    // Our own pid is an earlier opening that ended: SqliteStore does not open one file twice.
    if (row.pid !== null && row.pid !== owner.pid && isAlive({ pid: row.pid, started: row.started! })) {
      throw new StoreError('busy', `${path} is in use by process ${row.pid}: wait until it ends or stop it, then try again`);
    }
    database
      .prepare(
        'INSERT OR REPLACE INTO host (realm, host, incarnation, pid, started, instance, commit_sequence, committed_at, ledger_length, ledger_chain) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        realm,
        host,
        row.incarnation + 1,
        owner.pid,
        owner.started,
        instance,
        0,
        row.committed_at,
        row.ledger_length,
        row.ledger_chain,
      );
    return row;
  }

  /** The last entry must be the one the host row names: appending to a cut ledger would hide the cut. */
  #checkLedgerEnd(): void {
    const { path, realm, host } = this.#data;
    const last = this.#statements.ledgerEnd.get(realm, host);
    const length = last === undefined ? 0 : Number(last['index']) + 1;
    const chain = last === undefined ? LEDGER_CHAIN_START : (last['chain'] as Uint8Array);
    if (length === this.#ledgerLength && Buffer.compare(chain, this.#ledgerChain) === 0) return;
    throw new StoreError(
      'corrupt',
      `the ledger in ${path} has ${length} entries where ${this.#ledgerLength} were committed, or its last one was changed: ` +
        'keep the file as evidence and verify it; start a new run',
    );
  }

  records(): readonly StoredWrite[] {
    return readRecords(this.#database, this.#data.realm, this.#data.host);
  }

  /** One transaction; on any error nothing of it is there and the partition is not used again. */
  commit(buffer: ArrayBuffer, length: number, first: number, last: number): void {
    const { path, realm, host, instance } = this.#data;
    const { put, remove, append, advance } = this.#statements;
    let index = this.#ledgerLength;
    let chain = this.#ledgerChain;
    const onWrite = (write: PackedWrite): void => {
      if (write.value === null) remove.run(realm, host, write.room, write.table, write.key);
      else put.run(realm, host, write.room, write.table, write.key, write.version, write.value);
    };
    const onEntry = (entry: PackedEntry, commit: number): void => {
      const header = encodeLedgerHeader({
        ...entry,
        bodyLength: entry.body.length,
        index,
        commit: first + commit,
        incarnation: this.incarnation,
        host,
        realmHash: this.#realmHash,
      });
      const bodyHash = sha256(entry.body);
      const leaf = ledgerLeafOfHash(header, bodyHash, sha256);
      chain = ledgerChain(chain, leaf, sha256);
      append.run(realm, host, index, header, bodyHash, leaf, chain, entry.body);
      index += 1;
    };
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      unpack(buffer, length, onWrite, onEntry);
      const { changes } = advance.run(last, Date.now(), index, chain, realm, host, this.incarnation, instance);
      if (changes !== 1) throw new StoreError('failed', `${path} was taken over by another process: this host must stop`);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      throw storeError(path, error);
    }
    this.#ledgerLength = index;
    this.#ledgerChain = chain;
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has done it already, or closing does
    }
  }

  entries(index: number, max: number): readonly LedgerEntry[] {
    const rows = this.#statements.entries.all(this.#data.realm, this.#data.host, index, max);
    return rows as unknown as readonly LedgerEntry[];
  }

  /** Gives up ownership and leaves one file behind. */
  close(): void {
    const { realm, host, instance } = this.#data;
    try {
      this.#statements.release.run(realm, host, instance);
      this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch {
      // a full or damaged disk: the next open finds this process gone all the same
    }
    this.#database.close();
  }
}

function prepare(database: DatabaseSync) {
  const where = 'realm = ? AND host = ?';
  return {
    // The packet holds UTF-8 bytes: SQLite takes them as text without a detour through JavaScript strings.
    put: database.prepare(
      'INSERT INTO record VALUES (?, ?, CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT)) ' +
        'ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value',
    ),
    remove: database.prepare(
      `DELETE FROM record WHERE ${where} AND room = CAST(? AS TEXT) AND "table" = CAST(? AS TEXT) AND key = CAST(? AS TEXT)`,
    ),
    append: database.prepare('INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)'),
    advance: database.prepare(
      'UPDATE host SET commit_sequence = ?, committed_at = max(committed_at, ?), ledger_length = ?, ledger_chain = ? ' +
        `WHERE ${where} AND incarnation = ? AND instance = ?`,
    ),
    release: database.prepare(`UPDATE host SET pid = NULL, started = NULL, instance = NULL WHERE ${where} AND instance = ?`),
    ledgerEnd: database.prepare(`SELECT "index", chain FROM ledger WHERE ${where} ORDER BY "index" DESC LIMIT 1`),
    entries: database.prepare(
      `SELECT "index", header, body, leaf, chain FROM ledger WHERE ${where} AND "index" >= ? ORDER BY "index" LIMIT ?`,
    ),
  } satisfies Record<string, StatementSync>;
}
