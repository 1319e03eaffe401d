/**
 * Finds records of one host through SQLite: a table by key and an FTS5 index over their texts, in memory or in a file beside the
 * store. It is fed by what the host committed and nothing else, and rebuilt from all records when the host (re)opens, so it is
 * never backed up and never trusted more than the store. Writes are only noted; whoever asks pays for indexing what changed
 * since, each record once.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { Json } from '../../kernel/index.ts';
import {
  type Query,
  type QueryAnswer,
  QueryError,
  type QueryFilter,
  type QueryRequest,
  type RecordWrite,
} from '../../ports/index.ts';

const LIMIT_MAX = 1000;
const FILTERS_MAX = 16; // each is a term of one statement
const WORDS_MAX = 64; // of a text asked for
const NOTED_MAX = 20_000; // changes that wait to be indexed: 20 MB of small records, half a second of work

export interface SqliteQueryOptions {
  /** Default: in memory. */
  readonly path?: string;
}

export class SqliteQuery implements Query {
  readonly #database: DatabaseSync;
  readonly #remove: StatementSync;
  readonly #insert: StatementSync;
  readonly #insertText: StatementSync;
  #noted = new Map<string, RecordWrite>();
  #replaced = false;
  #closed = false;

  constructor({ path = ':memory:' }: SqliteQueryOptions = {}) {
    this.#database = new DatabaseSync(path);
    // Nothing in it is the only copy: no sync, and whatever an earlier process left is replaced.
    this.#database.exec(`
      PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;
      DROP TABLE IF EXISTS record; DROP TABLE IF EXISTS words;
      CREATE TABLE record (
        id INTEGER PRIMARY KEY, room TEXT NOT NULL, "table" TEXT NOT NULL, key TEXT NOT NULL,
        version INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (room, "table", key)
      ) STRICT;
      CREATE VIRTUAL TABLE words USING fts5 (
        texts, content = '', contentless_delete = 1, tokenize = "unicode61 remove_diacritics 0", prefix = '2 3'
      );
    `);
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#remove = prepare('DELETE FROM record WHERE room = ? AND "table" = ? AND key = ? RETURNING id');
    this.#insert = prepare('INSERT INTO record (room, "table", key, version, value) VALUES (?, ?, ?, ?, ?) RETURNING id');
    this.#insertText = prepare('INSERT INTO words (rowid, texts) VALUES (?, ?)');
  }

  /** What a host committed, in its order; `loaded`: it is all there is. */
  apply(writes: readonly RecordWrite[], loaded: boolean): void {
    if (loaded) {
      this.#noted.clear();
      this.#replaced = true;
    }
    for (const write of writes) this.#noted.set(JSON.stringify([write.room, write.table, write.key]), write);
    if (this.#noted.size > NOTED_MAX) this.#index();
  }

  find(request: QueryRequest, done: (error: QueryError | null, answer: QueryAnswer | null) => void): void {
    setImmediate(() => {
      let [error, answer]: [QueryError | null, QueryAnswer | null] = [null, null];
      try {
        if (this.#closed) throw new QueryError('failed', 'the index was closed');
        answer = this.#answer(request);
      } catch (cause) {
        const detail = cause instanceof Error ? cause.message : String(cause);
        error = cause instanceof QueryError ? cause : new QueryError('failed', `the index failed: ${detail}`, { cause });
      }
      done(error, answer);
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#database.close();
  }

  #answer({ room, table, text = '', filters = [], limit, cursor }: QueryRequest): QueryAnswer {
    if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX) {
      throw new QueryError('invalid', `limit ${limit}: ask for 1 to ${LIMIT_MAX} records at a time`);
    }
    if (filters.length > FILTERS_MAX) throw new QueryError('invalid', `${filters.length} filters: at most ${FILTERS_MAX}`);
    this.#index();
    const conditions = ['room = ?', '"table" = ?'];
    const values: SQLInputValue[] = [room, table];
    if (cursor !== undefined) {
      conditions.push('key > ?');
      values.push(cursor);
    }
    const words = ftsQuery(text);
    if (words !== null) {
      conditions.push('id IN (SELECT rowid FROM words WHERE words MATCH ?)');
      values.push(words);
    }
    for (const filter of filters) conditions.push(conditionOf(filter, values));
    const sql = `SELECT key, version, value FROM record WHERE ${conditions.join(' AND ')} ORDER BY key LIMIT ?`;
    const rows = this.#database.prepare(sql).all(...values, limit + 1) as unknown as readonly {
      readonly key: string;
      readonly version: number;
      readonly value: string;
    }[];
    const records = rows.slice(0, limit).map((row) => ({ ...row, value: JSON.parse(row.value) as Json }));
    return { records, cursor: rows.length > limit ? records.at(-1)!.key : null };
  }

  #index(): void {
    if (!this.#replaced && this.#noted.size === 0) return;
    const database = this.#database;
    database.exec('BEGIN');
    try {
      if (this.#replaced) database.exec("DELETE FROM record; INSERT INTO words (words) VALUES ('delete-all')");
      for (const { room, table, key, version, value } of this.#noted.values()) {
        const old = this.#remove.get(room, table, key);
        if (old !== undefined) database.prepare('DELETE FROM words WHERE rowid = ?').run(old['id'] as number);
        if (value === null) continue;
        const { id } = this.#insert.get(room, table, key, version, value) as { id: number };
        this.#insertText.run(id, [...textsOf(JSON.parse(value) as Json)].join('\n'));
      }
      database.exec('COMMIT');
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
    this.#noted = new Map();
    this.#replaced = false;
  }
}

/** Words of a person's text as FTS5 reads them, each quoted, so that nothing in it is an operator. null: no word, no condition. */
function ftsQuery(text: string): string | null {
  const words = [...text.matchAll(/([\p{L}\p{N}\p{Co}]+)(\*?)/gu)].map(([, word, begins]) => `"${word}"${begins}`);
  if (words.length > WORDS_MAX) throw new QueryError('invalid', `${words.length} words: at most ${WORDS_MAX}`);
  return words.length === 0 ? null : words.join(' AND ');
}

function conditionOf({ field, is, value }: QueryFilter, values: SQLInputValue[]): string {
  const path = `$${field
    .split('/')
    .map((step) => (/^(0|[1-9][0-9]*)$/.test(step) ? `[${step}]` : `.${JSON.stringify(step)}`))
    .join('')}`;
  if (/["\\]/.test(field)) throw new QueryError('invalid', `${field}: a field with a quote or backslash cannot be asked for`);
  const operator = { equal: '=', 'at-least': '>=', 'at-most': '<=' }[is];
  if (value === null || typeof value === 'boolean') {
    if (is !== 'equal') return '0';
    values.push(path, String(value));
    return `json_type(value, ?) = ?`;
  }
  const types = typeof value === 'number' ? "('integer', 'real')" : "('text')";
  values.push(path, path, value);
  return `(json_type(value, ?) IN ${types} AND json_extract(value, ?) ${operator} ?)`;
}

function* textsOf(value: Json): Iterable<string> {
  if (typeof value === 'string') yield value;
  else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) yield* textsOf(part);
}
