/**
 * The register of one machine: a small SQLite file that all processes of a realm share. A turn's swaps are one transaction
 * (`BEGIN IMMEDIATE`, synced), taken without waiting for the lock: a process whose competitor holds it goes on with its work and
 * tries again. Deleted keys stay as tombstones, so that watchers hear of them and no revision is given twice.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { assert } from '../../kernel/index.ts';
import {
  type Register,
  REGISTER_KEY_CHARS_MAX,
  REGISTER_VALUE_CHARS_MAX,
  type RegisterChange,
  type Registered,
  RegisterError,
  type Swapped,
} from '../../ports/index.ts';
import { fullJitter } from '../../structures/index.ts';

const APPLICATION_ID = 0x536b5267; // "SkRg"
const KEYS_MAX = 262_144; // eight for each agent of a mesh of 30,000
const PENDING_MAX = 4096; // a turn's worth of a whole mesh; beyond it a caller is told to come again
const BATCH_MAX = 256; // swaps under one lock: about 3 ms
const LOCK_WAIT_MS = 5000; // the longest that another process may sync, and a good deal more
const LOCK_RETRY_MS = 1;
const LOCK_RETRY_MS_MAX = 20;
const LOOK_MS = 50; // how late a change of another process is seen
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;

export interface SqliteRegisterOptions {
  readonly path: string;
  readonly realm: string;
}

interface Pending {
  readonly isSwap: boolean;
  /** Inside the transaction; answers what to call once it is committed. */
  readonly run: () => () => void;
  readonly fail: (error: RegisterError) => void;
}

interface Watcher {
  readonly prefix: string;
  readonly onChange: (change: RegisterChange) => void;
  seen: number;
}

export class SqliteRegister implements Register {
  readonly #path: string;
  readonly #realm: string;
  readonly #database: DatabaseSync;
  readonly #select: StatementSync;
  readonly #write: StatementSync;
  readonly #next: StatementSync;
  readonly #changes: StatementSync;
  readonly #version: StatementSync;
  #pending: Pending[] = [];
  readonly #watchers = new Set<Watcher>();
  #scheduled = false;
  #busySince: number | null = null;
  #failures = 0;
  #created = 0;
  #looking: NodeJS.Timeout | null = null;
  #seenVersion = -1;
  #closed = false;

  /** Throws `RegisterError` when the file cannot be used. */
  constructor({ path, realm }: SqliteRegisterOptions) {
    this.#path = path;
    this.#realm = realm;
    try {
      this.#database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
      prepareFile(this.#database, path);
      this.#database.exec('PRAGMA busy_timeout = 0');
      const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
      this.#select = prepare('SELECT value, revision FROM entry WHERE realm = ? AND key = ?');
      this.#write = prepare('INSERT OR REPLACE INTO entry (realm, key, value, revision) VALUES (?, ?, ?, ?)');
      this.#next = prepare('SELECT coalesce(max(revision), 0) + 1 AS revision FROM entry');
      this.#changes = prepare(
        'SELECT key, value, revision FROM entry WHERE realm = ? AND revision > ? AND substr(key, 1, length(?)) = ? ORDER BY revision',
      );
      this.#version = prepare('PRAGMA data_version');
    } catch (cause) {
      throw registerError(path, cause);
    }
  }

  read(key: string, done: (error: RegisterError | null, entry: Registered | null) => void): void {
    this.#enqueue({
      isSwap: false,
      run: () => {
        const entry = this.#entry(key);
        return () => done(null, entry);
      },
      fail: (error) => done(error, null),
    });
  }

  swap(
    key: string,
    expected: number,
    value: string | null,
    done: (error: RegisterError | null, swapped: Swapped | null) => void,
  ): void {
    assert(key.length >= 1 && key.length <= REGISTER_KEY_CHARS_MAX, `a key of ${key.length} characters: 1 to 256 are allowed`);
    const length = value?.length ?? 0;
    assert(length <= REGISTER_VALUE_CHARS_MAX, `${key}: a value of ${length} characters does not belong into a register`);
    this.#enqueue({
      isSwap: true,
      run: () => {
        const current = this.#entry(key);
        if ((current?.revision ?? 0) !== expected) return () => done(null, { ok: false, current });
        if (current === null && value !== null && !this.#hasRoom()) {
          const full = `${this.#path} holds ${KEYS_MAX} keys: delete some before ${key} is written`;
          return () => done(new RegisterError('full', full), null);
        }
        const revision = Number(this.#next.get()!['revision']);
        this.#write.run(this.#realm, key, value, revision);
        return () => done(null, { ok: true, revision });
      },
      fail: (error) => done(error, null),
    });
  }

  watch(prefix: string, onChange: (change: RegisterChange) => void): () => void {
    const watcher: Watcher = { prefix, onChange, seen: 0 };
    this.#watchers.add(watcher);
    const first = setImmediate(() => this.#look(watcher));
    this.#lookLater();
    return () => {
      clearImmediate(first);
      this.#watchers.delete(watcher);
    };
  }

  /** What is still waiting is answered `unavailable`. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#looking !== null) clearTimeout(this.#looking);
    this.#watchers.clear();
    this.#failAll(new RegisterError('unavailable', `the register ${this.#path} was closed`));
    this.#database.close();
  }

  #enqueue(pending: Pending): void {
    if (this.#closed || this.#pending.length >= PENDING_MAX) {
      const why = this.#closed ? 'was closed' : `has ${PENDING_MAX} operations waiting: try again later`;
      setImmediate(() => pending.fail(new RegisterError('unavailable', `the register ${this.#path} ${why}`)));
      return;
    }
    this.#pending.push(pending);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (this.#closed) return;
    const batch = this.#pending.slice(0, BATCH_MAX);
    const swaps = batch.some(({ isSwap }) => isSwap);
    const answers: (() => void)[] = [];
    try {
      this.#database.exec(swaps ? 'BEGIN IMMEDIATE' : 'BEGIN');
      for (const { run } of batch) answers.push(run());
      this.#database.exec('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      if (this.#tryAgain(cause)) return;
      const error = registerError(this.#path, cause);
      answers.splice(
        0,
        answers.length,
        ...batch.map(
          ({ fail }) =>
            (): void =>
              fail(error),
        ),
      );
    }
    this.#pending = this.#pending.slice(batch.length);
    this.#busySince = null;
    this.#failures = 0;
    this.#scheduled = this.#pending.length > 0;
    if (this.#scheduled) setImmediate(() => this.#turn());
    if (swaps) for (const watcher of this.#watchers) setImmediate(() => this.#look(watcher));
    for (const answer of answers) answer();
  }

  /** Another process holds the lock: nothing of the batch took place. */
  #tryAgain(cause: unknown): boolean {
    if (codeOf(cause) !== SQLITE_BUSY) return false;
    const now = performance.now();
    this.#busySince ??= now;
    if (now - this.#busySince > LOCK_WAIT_MS) return false;
    setTimeout(() => this.#turn(), fullJitter(this.#failures, LOCK_RETRY_MS, LOCK_RETRY_MS_MAX, Math.random()));
    this.#failures += 1;
    return true;
  }

  #entry(key: string): Registered | null {
    const row = this.#select.get(this.#realm, key);
    if (row === undefined || row['value'] === null) return null;
    return { key, value: row['value'] as string, revision: Number(row['revision']) };
  }

  /** Counted seldom, because counting reads the whole table: the bound is kept within 256 keys for each process. */
  #hasRoom(): boolean {
    this.#created += 1;
    if (this.#created % 256 !== 1) return true;
    const count = this.#database.prepare('SELECT count(*) AS keys FROM entry');
    if (Number(count.get()!['keys']) < KEYS_MAX) return true;
    // The newest tombstone keeps the count of revisions; the older ones were told long ago.
    this.#database.exec('DELETE FROM entry WHERE value IS NULL AND revision < (SELECT max(revision) FROM entry)');
    const room = Number(count.get()!['keys']) < KEYS_MAX;
    if (!room) this.#created = 0;
    return room;
  }

  #lookLater(): void {
    if (this.#looking !== null || this.#closed) return;
    this.#looking = setTimeout(() => {
      this.#looking = null;
      if (this.#watchers.size === 0) return;
      this.#lookLater();
      // Grows when another connection commits; a few microseconds instead of a query for each watcher.
      const version = Number(this.#version.get()!['data_version']);
      if (version === this.#seenVersion) return;
      this.#seenVersion = version;
      for (const watcher of this.#watchers) this.#look(watcher);
    }, LOOK_MS);
    this.#looking.unref();
  }

  #look(watcher: Watcher): void {
    if (this.#closed || !this.#watchers.has(watcher)) return;
    const { prefix } = watcher;
    const isFirst = watcher.seen === 0;
    let rows: readonly RegisterChange[];
    try {
      rows = this.#changes.all(this.#realm, watcher.seen, prefix, prefix) as unknown as readonly RegisterChange[];
    } catch {
      this.#seenVersion = -1; // locked for the moment, by a recovery of the file: it looks again
      return;
    }
    for (const { key, value, revision } of rows) {
      watcher.seen = revision;
      if (value !== null || !isFirst) watcher.onChange({ key, value, revision });
      if (!this.#watchers.has(watcher)) return;
    }
  }

  #failAll(error: RegisterError): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { fail } of pending) fail(error);
  }
}

function prepareFile(database: DatabaseSync, path: string): void {
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; BEGIN IMMEDIATE');
  const application = Number(database.prepare('PRAGMA application_id').get()!['application_id']);
  const tables = Number(database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n']);
  if (tables > 0 && application !== APPLICATION_ID) {
    database.exec('ROLLBACK');
    throw new RegisterError('failed', `${path} is a database of another program, not a register: move it away`);
  }
  if (tables === 0) {
    database.exec(`
      CREATE TABLE entry (
        realm TEXT NOT NULL, key TEXT NOT NULL, value TEXT, revision INTEGER NOT NULL, PRIMARY KEY (realm, key)
      ) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX entry_revision ON entry (revision);
      PRAGMA application_id = ${APPLICATION_ID};
    `);
  }
  database.exec('COMMIT');
}

function codeOf(cause: unknown): number {
  return ((cause as { errcode?: number } | null)?.errcode ?? 0) & 0xff;
}

function registerError(path: string, cause: unknown): RegisterError {
  if (cause instanceof RegisterError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = codeOf(cause);
  if (code === SQLITE_BUSY)
    return new RegisterError('unavailable', `another process has held ${path} for ${LOCK_WAIT_MS} ms (${text})`, { cause });
  if (code === SQLITE_FULL) return new RegisterError('full', `the disk of ${path} is full (${text}): free some space`, { cause });
  return new RegisterError('failed', `the register ${path} failed: ${text}`, { cause });
}
