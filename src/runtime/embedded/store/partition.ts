/**
 * One host's partition of a store file, used synchronously by the commit thread: take ownership, write a group of commits as one
 * transaction, append to the ledger, sign checkpoints, read back. The place where durability is decided.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { equalBytes } from '../../../kernel/index.ts';
import { type LedgerEntry, StoreError, type StoredWrite } from '../../../ports/index.ts';
import {
  checkpointText,
  erasedBy,
  ledgerNodes,
  type LedgerPlace,
  LEDGER_KINDS,
  LedgerWriter,
  type NoteSigner,
  signNote,
} from '../../../protocol/index.ts';
import { emptyMerkleRoot, merklePeaks, MerkleRange } from '../../../structures/index.ts';
import { isAlive } from '../process-identity.ts';
import { type HostRow, openForWriting, prepareTables, readRecords, storeError } from './database.ts';
import { hostSigner } from './host-key.ts';
import { keepRecords, trimJournal, WINDOW_BYTES_MAX, windowBytes } from './journal.ts';
import type { CommitThreadData } from './messages.ts';
import { migrateLedger } from './migration.ts';
import { type PackedEntry, unpack } from './packing.ts';
import { Segments, SegmentWriter } from './segment.ts';
import { sha256 } from './sha256.ts';

/** What is appended between two signatures: a tail that was cut is found to this many entries, without anything kept elsewhere. */
export const CHECKPOINT_EVERY = 10_000;

/** Names a host's log in its checkpoints. */
export function ledgerOrigin(realm: string, host: string): string {
  return `skein/${encodeURIComponent(realm)}/${host}`;
}

export class Partition {
  readonly #data: CommitThreadData;
  readonly #database: DatabaseSync;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #segments: Segments;
  readonly #segment: SegmentWriter;
  readonly #writer: LedgerWriter;
  readonly #signer: NoteSigner;
  readonly #range: MerkleRange;
  readonly incarnation: number;
  #failed = false;
  #windowBytes: number;

  /** Raises the incarnation durably. Throws StoreError; `busy` names the living owner. */
  constructor(data: CommitThreadData) {
    this.#data = data;
    let database: DatabaseSync | null = null;
    try {
      mkdirSync(dirname(data.path), { recursive: true });
      database = openForWriting(data.path);
      this.#database = database;
      database.exec('BEGIN IMMEDIATE');
      const unsigned: { readonly size: number; readonly root: Uint8Array }[] = [];
      const grown = (range: MerkleRange): void => {
        if (range.size % CHECKPOINT_EVERY === 0) unsigned.push({ size: range.size, root: range.root() });
      };
      prepareTables(database, data.path, (older) => migrateLedger(older, data.path, grown));
      this.#statements = prepare(database);
      this.#segments = new Segments(database, data);
      this.#segment = new SegmentWriter(database, data);
      const row = this.#own(database);
      this.incarnation = row.incarnation + 1;
      const realmHash = sha256(Buffer.from(data.realm));
      this.#writer = new LedgerWriter({ incarnation: this.incarnation, host: data.host, realmHash }, sha256);
      this.#signer = hostSigner(data.path, ledgerOrigin(data.realm, data.host));
      this.#range = this.#resumed(row);
      for (const { size, root } of unsigned) this.#sign(size, root);
      if (data.journal !== null) keepRecords(database, data, this.incarnation, data.journal);
      this.#windowBytes = data.journal === null ? 0 : windowBytes(database, data);
      database.exec('COMMIT');
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
      ledger_root: emptyMerkleRoot(sha256),
    };
    // Our own pid is an earlier opening that ended: SqliteStore does not open one file twice.
    if (row.pid !== null && row.pid !== owner.pid && isAlive({ pid: row.pid, started: row.started! })) {
      throw new StoreError('busy', `${path} is in use by process ${row.pid}: wait until it ends or stop it, then try again`);
    }
    database
      .prepare(
        'INSERT OR REPLACE INTO host (realm, host, incarnation, pid, started, instance, commit_sequence, committed_at, ledger_length, ledger_root) ' +
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
        row.ledger_root,
      );
    return row;
  }

  /** The log as it stands. It must be the one the host row names: appending to a cut ledger would hide the cut. */
  #resumed(row: HostRow): MerkleRange {
    const { path } = this.#data;
    const length = this.#segments.length();
    const changed = (): StoreError =>
      new StoreError(
        'corrupt',
        `the ledger in ${path} has ${length} entries where ${row.ledger_length} were committed, or was changed: ` +
          'keep the file as evidence and verify it; start a new run',
      );
    if (length !== row.ledger_length) throw changed();
    const place = (index: number): LedgerPlace => {
      const found = this.#segments.place(index);
      if (found === null || found.leaf.length === 0) throw changed();
      return found;
    };
    const range = new MerkleRange(sha256, length, merklePeaks(length, ledgerNodes(place)));
    if (!equalBytes(range.root(), row.ledger_root)) throw changed();
    return range;
  }

  records(): readonly StoredWrite[] {
    return readRecords(this.#database, this.#data.realm, this.#data.host);
  }

  /** One transaction; on any error nothing of it is there and the partition is not used again. */
  commit(buffer: ArrayBuffer, length: number, first: number, last: number): void {
    const { path, realm, host, instance } = this.#data;
    const { put, remove, advance, journal } = this.#statements;
    const segment = this.#segment;
    const range = this.#range;
    const writer = this.#writer;
    const onEntry = ({ kind, time, ids, body }: PackedEntry, commit: number): void => {
      const index = range.size;
      const { bodyHash, leaf } = writer.write({ kind, time, ids, index, commit: first + commit }, body);
      segment.append(index, writer.header, bodyHash, body, leaf, range.append(leaf));
      if (kind === LEDGER_KINDS.erasure) this.#erase(erasedBy(body, index));
      if (range.size % CHECKPOINT_EVERY === 0) this.#sign(range.size, range.root());
    };
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      unpack(buffer, length, {
        onWrite: (write) => {
          if (write.value === null) remove.run(realm, host, write.room, write.table, write.key);
          else put.run(realm, host, write.room, write.table, write.key, write.version, write.value);
        },
        onEntry,
        onJournal: (commit, full, window, writes) => {
          if (full !== null) journal.run(realm, host, this.incarnation, first + commit, 0, full, writes);
          if (window === null) return;
          const own = full === null ? writes : NOTHING; // once
          journal.run(realm, host, this.incarnation, first + commit, 1, window, own);
          this.#windowBytes += window.length + own.length;
        },
      });
      segment.flush();
      if (this.#windowBytes > WINDOW_BYTES_MAX) this.#windowBytes = trimJournal(this.#database, this.#data);
      const { changes } = advance.run(last, Date.now(), range.size, range.root(), realm, host, this.incarnation, instance);
      if (changes !== 1) throw new StoreError('failed', `${path} was taken over by another process: this host must stop`);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#failed = true;
      this.#rollBack();
      throw storeError(path, error);
    }
  }

  /** Inside a transaction. Overwritten, not only unlinked; the write-ahead log holds them until it is folded into the file. */
  #erase(indexes: readonly number[]): void {
    this.#segment.flush();
    this.#database.exec('PRAGMA secure_delete = ON');
    this.#segments.erase(indexes);
    this.#database.exec('PRAGMA secure_delete = OFF');
  }

  /** Inside a transaction: states what the log is, or was at this size. */
  #sign(size: number, root: Uint8Array): void {
    const { realm, host } = this.#data;
    const text = checkpointText({ origin: this.#signer.name, size, root });
    this.#statements.checkpoint.run(realm, host, size, signNote(text, this.#signer, sha256));
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // SQLite has done it already, or closing does
    }
  }

  entries(index: number, max: number): readonly LedgerEntry[] {
    return this.#segments.entries(index, max);
  }

  /** Signs what there is, gives up ownership and leaves one file behind. */
  close(): void {
    const { realm, host, instance } = this.#data;
    try {
      if (!this.#failed) {
        this.#database.exec('BEGIN IMMEDIATE');
        const { changes } = this.#statements.release.run(realm, host, instance);
        if (changes === 1 && this.#range.size > 0) this.#sign(this.#range.size, this.#range.root());
        this.#database.exec('COMMIT');
        this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      }
    } catch {
      // a full or damaged disk: the next open finds this process gone all the same
    }
    this.#database.close();
  }
}

const NOTHING = new Uint8Array(0);

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
    checkpoint: database.prepare('INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?)'),
    journal: database.prepare('INSERT INTO journal VALUES (?, ?, ?, ?, ?, CAST(? AS TEXT), ?)'),
    advance: database.prepare(
      'UPDATE host SET commit_sequence = ?, committed_at = max(committed_at, ?), ledger_length = ?, ledger_root = ? ' +
        `WHERE ${where} AND incarnation = ? AND instance = ?`,
    ),
    release: database.prepare(`UPDATE host SET pid = NULL, started = NULL, instance = NULL WHERE ${where} AND instance = ?`),
  } satisfies Record<string, StatementSync>;
}
