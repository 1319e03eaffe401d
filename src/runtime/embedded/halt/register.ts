/**
 * The halt record of one repository: a small SQLite file that hosts, wardens and commands share, with its signed orders and who
 * acknowledged them. An order gets its epoch under the file's lock and is synced before anybody is told; rows are never changed
 * or removed. A row that cannot be believed counts as a halt of everything: who can write here can stop, never start.
 * SQLite because Node cannot lock a file, and because its journal survives a writer that is killed.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { type HaltAuthority, HaltLog, type HaltOrder, type HaltSignature, type Refusal } from '../../../protocol/index.ts';
import { nodeCrypto } from '../crypto/node-crypto.ts';

const APPLICATION_ID = 0x536b486c; // "SkHl"
const LOCK_WAIT_MS = 5000; // the longest that another writer may sync, and a good deal more
const ROW_CHARS_MAX = 64 * 1024; // sixteen signatures, a scope, two texts
const ACK_CHARS_MAX = 4 * 1024 * 1024; // 30,000 agents by name

const TABLES = `
CREATE TABLE authority (one INTEGER PRIMARY KEY CHECK (one = 1), value TEXT NOT NULL) STRICT;
CREATE TABLE halt_order (epoch INTEGER PRIMARY KEY, value TEXT NOT NULL, signatures TEXT NOT NULL) STRICT;
CREATE TABLE acknowledged (
  epoch INTEGER NOT NULL, who TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (epoch, who)
) STRICT, WITHOUT ROWID;
${['authority', 'halt_order', 'acknowledged']
  .flatMap((table) => ['UPDATE', 'DELETE'].map((verb) => [table, verb]))
  .map(
    ([table, verb]) =>
      `CREATE TRIGGER ${table}_${verb} BEFORE ${verb} ON ${table} BEGIN SELECT raise(ABORT, 'the halt record only grows'); END;`,
  )
  .join('\n')}
PRAGMA application_id = ${APPLICATION_ID};
PRAGMA user_version = 1;
`;

/** What one host or warden says about a halt it saw. */
export interface HaltAck {
  readonly epoch: number;
  /** `warden run/12`, `host run/12`. */
  readonly who: string;
  readonly at: number;
  /** Agents and programs that have stopped, by name. */
  readonly stopped: readonly string[];
  /** Those that have not. */
  readonly left: readonly string[];
  readonly detail: string;
}

export type Appended = { readonly ok: true; readonly order: HaltOrder } | { readonly ok: false; readonly refusal: Refusal };

/** Fails when the record cannot be opened, read or written; then nothing is permitted. */
export class HaltRecordError extends Error {
  override readonly name = 'HaltRecordError';
  readonly code = 'unavailable';
  readonly retryable = true;
}

// Orders carry signatures and hashes, no session codes: what a warden needs is in Node itself, without native code to load.
const primitives = nodeCrypto(() => {
  throw new Error('the halt record has no session codes');
});

export interface HaltRegisterOptions {
  readonly path: string;
  /** Written into a new file; an older file keeps its own. Without it a new file has nobody who may sign, until it is opened with one. */
  readonly authority?: HaltAuthority;
}

export class HaltRegister {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #version: StatementSync;
  readonly #after: StatementSync;
  #log: HaltLog | null = null;
  #seen = -1;
  /** What was read of the file itself; the log may be ahead of it by an order of its own for a row it does not believe. */
  #row = 0;

  /** Throws `HaltRecordError`. */
  constructor({ path, authority }: HaltRegisterOptions) {
    this.#path = path;
    try {
      mkdirSync(dirname(path), { recursive: true });
      this.#database = new DatabaseSync(path, { timeout: LOCK_WAIT_MS });
      this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON;');
      this.#locked(() => this.#prepare(authority));
      this.#version = this.#database.prepare('PRAGMA data_version');
      this.#after = this.#database.prepare('SELECT epoch, value, signatures FROM halt_order WHERE epoch > ? ORDER BY epoch');
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Who may sign here; null while nobody may. */
  get authority(): HaltAuthority | null {
    const row = this.#database.prepare('SELECT value FROM authority').get();
    return row === undefined ? null : (JSON.parse(String(row['value'])) as HaltAuthority);
  }

  /** The record as it is now: one read of a counter when nobody wrote. Throws `HaltRecordError`. */
  read(): HaltLog {
    try {
      const version = Number(this.#version.get()!['data_version']);
      if (version !== this.#seen || this.#log === null) {
        this.#take();
        this.#seen = version;
      }
      return this.#log!;
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  /** Makes the next order durable. `draft` is signed for the epoch that it gets. Throws `HaltRecordError`. */
  append(
    draft: Omit<HaltOrder, 'epoch'>,
    sign: (order: HaltOrder) => readonly HaltSignature[],
    now: number = draft.at,
  ): Appended {
    try {
      return this.#locked(() => {
        this.#take();
        const order: HaltOrder = { epoch: this.#log!.epoch + 1, ...draft };
        const signatures = sign(order);
        const refusal = this.#log!.admit({ order, signatures }, now);
        if (refusal !== null) return { ok: false, refusal };
        this.#database
          .prepare('INSERT INTO halt_order (epoch, value, signatures) VALUES (?, ?, ?)')
          .run(order.epoch, JSON.stringify(order), JSON.stringify(signatures));
        this.#row = order.epoch;
        return { ok: true, order };
      });
    } catch (cause) {
      this.#log = null; // what was admitted may not be in the file
      throw this.#error(cause);
    }
  }

  /** Who acknowledges twice keeps the first word. */
  acknowledge({ epoch, who, ...rest }: HaltAck): void {
    const value = JSON.stringify(rest);
    const kept = value.length <= ACK_CHARS_MAX ? value : JSON.stringify({ ...rest, stopped: [], left: rest.left.slice(0, 1000) });
    try {
      this.#database.prepare('INSERT OR IGNORE INTO acknowledged (epoch, who, value) VALUES (?, ?, ?)').run(epoch, who, kept);
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  acknowledged(epoch: number): readonly HaltAck[] {
    try {
      return this.#database
        .prepare('SELECT who, value FROM acknowledged WHERE epoch = ?')
        .all(epoch)
        .map(({ who, value }) => ({ epoch, who: String(who), ...(JSON.parse(String(value)) as Omit<HaltAck, 'epoch' | 'who'>) }));
    } catch (cause) {
      throw this.#error(cause);
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #take(): void {
    this.#log ??= ((): HaltLog => {
      this.#row = 0;
      return new HaltLog(this.authority ?? { signers: [], resumeNeeds: 1 }, primitives);
    })();
    for (const { epoch, value, signatures } of this.#after.iterate(this.#row)) {
      this.#row = Number(epoch);
      const why = admitRow(this.#log, String(value), String(signatures), this.#row);
      if (why !== null) this.#log.distrust(this.#row, `row ${this.#row} of ${this.#path} cannot be believed: ${why}`, 0);
    }
  }

  #prepare(authority: HaltAuthority | undefined): void {
    const tables = Number(this.#database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()!['n']);
    const application = Number(this.#database.prepare('PRAGMA application_id').get()!['application_id']);
    if (tables > 0 && application !== APPLICATION_ID) throw new Error('it is a database of another program: move it away');
    if (tables === 0) this.#database.exec(TABLES);
    if (authority === undefined) return;
    this.#database.prepare('INSERT OR IGNORE INTO authority (one, value) VALUES (1, ?)').run(JSON.stringify(authority));
  }

  #locked<T>(act: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = act();
      this.#database.exec('COMMIT');
      return result;
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw cause;
    }
  }

  #error(cause: unknown): HaltRecordError {
    if (cause instanceof HaltRecordError) return cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    return new HaltRecordError(`the halt record ${this.#path} cannot be used: ${why}; nothing starts without it`, { cause });
  }
}

/** What is wrong with a row, or null once it is in the log. */
function admitRow(log: HaltLog, value: string, signatures: string, epoch: number): string | null {
  try {
    if (value.length + signatures.length > ROW_CHARS_MAX) return `it has ${value.length + signatures.length} characters`;
    const order = JSON.parse(value) as HaltOrder;
    if (order.epoch !== epoch) return `it says it is epoch ${order.epoch}`;
    return log.admit({ order, signatures: JSON.parse(signatures) as HaltSignature[] }, null)?.detail ?? null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
