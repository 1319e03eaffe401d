/**
 * Ledger entries as the store keeps them: those of one transaction in one row, each field of all of them after the other, so that
 * an entry costs its hashes and a copy and not an insert. Owns the row's bytes, written and read; proves nothing.
 *
 *   headers, body_hashes, leaves   96, 32, 32 bytes an entry
 *   nodes                          32 bytes for each inner node an entry completes: how many is known from its index alone
 *   ends                           u32 little endian an entry: where its body ends in `bodies`; the highest bit: it was erased
 *   bodies                         one after the other; an erased one takes no bytes
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { assert } from '../../../kernel/index.ts';
import type { LedgerEntry } from '../../../ports/index.ts';
import { LEDGER_HASH_BYTES, LEDGER_HEADER_BYTES, type LedgerPlace } from '../../../protocol/index.ts';
import { merkleNodesIn } from '../../../structures/index.ts';

/** Bounds what a proof or an erasure has to read. 128, 512 and 1,024 took 8 to 15 % more CPU an entry: rows, then large allocations. */
export const SEGMENT_ENTRIES_MAX = 256;
const SEGMENT_BODIES_MAX = 1024 * 1024; // bytes; one body may be as long
const ERASED = 0x8000_0000;
const END_BYTES = 4;

export const SEGMENT_TABLE: string = `
CREATE TABLE segment (
  realm TEXT NOT NULL, host TEXT NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
  leaves BLOB NOT NULL, nodes BLOB NOT NULL, headers BLOB NOT NULL, body_hashes BLOB NOT NULL,
  ends BLOB NOT NULL, bodies BLOB NOT NULL,
  PRIMARY KEY (realm, host, first)
) STRICT, WITHOUT ROWID;
`;

interface Owner {
  readonly realm: string;
  readonly host: string;
}

interface SegmentRow extends Owner {
  readonly first: number;
  readonly count: number;
  readonly leaves: Uint8Array;
  readonly nodes: Uint8Array;
  readonly headers: Uint8Array;
  readonly body_hashes: Uint8Array;
  readonly ends: Uint8Array;
  readonly bodies: Uint8Array;
}

/** Entries as they are appended: a row each time it is full, and the rest when it is flushed. */
export class SegmentWriter {
  readonly #insert: StatementSync;
  readonly #owner: Owner;
  readonly #headers = Buffer.allocUnsafeSlow(SEGMENT_ENTRIES_MAX * LEDGER_HEADER_BYTES);
  readonly #bodyHashes = Buffer.allocUnsafeSlow(SEGMENT_ENTRIES_MAX * LEDGER_HASH_BYTES);
  readonly #leaves = Buffer.allocUnsafeSlow(SEGMENT_ENTRIES_MAX * LEDGER_HASH_BYTES);
  readonly #nodes = Buffer.allocUnsafeSlow((SEGMENT_ENTRIES_MAX + 64) * LEDGER_HASH_BYTES); // one an entry, and up to the root
  readonly #ends = Buffer.allocUnsafeSlow(SEGMENT_ENTRIES_MAX * END_BYTES);
  #bodies = Buffer.allocUnsafeSlow(64 * 1024);
  #first = 0;
  #count = 0;
  #nodesEnd = 0;
  #bodiesEnd = 0;

  constructor(database: DatabaseSync, owner: Owner) {
    this.#insert = database.prepare('INSERT INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    this.#owner = owner;
  }

  /** The bytes are copied; `body` is null where it was erased before. */
  append(
    index: number,
    header: Uint8Array,
    bodyHash: Uint8Array,
    body: Uint8Array | null,
    leaf: Uint8Array,
    nodes: readonly Uint8Array[],
  ): void {
    const bodyBytes = body?.length ?? 0;
    if (this.#count === SEGMENT_ENTRIES_MAX || this.#bodiesEnd + bodyBytes > SEGMENT_BODIES_MAX) this.flush();
    if (this.#count === 0) this.#first = index;
    assert(index === this.#first + this.#count, 'the entries of a segment follow each other');
    this.#headers.set(header, this.#count * LEDGER_HEADER_BYTES);
    this.#bodyHashes.set(bodyHash, this.#count * LEDGER_HASH_BYTES);
    this.#leaves.set(leaf, this.#count * LEDGER_HASH_BYTES);
    for (const node of nodes) {
      this.#nodes.set(node, this.#nodesEnd);
      this.#nodesEnd += LEDGER_HASH_BYTES;
    }
    if (this.#bodiesEnd + bodyBytes > this.#bodies.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#bodies.length * 2, this.#bodiesEnd + bodyBytes));
      grown.set(this.#bodies.subarray(0, this.#bodiesEnd));
      this.#bodies = grown;
    }
    if (body !== null) this.#bodies.set(body, this.#bodiesEnd);
    this.#bodiesEnd += bodyBytes;
    this.#ends.writeUInt32LE(body === null ? this.#bodiesEnd + ERASED : this.#bodiesEnd, this.#count * END_BYTES);
    this.#count += 1;
  }

  flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#insert.run(
      this.#owner.realm,
      this.#owner.host,
      this.#first,
      count,
      this.#leaves.subarray(0, count * LEDGER_HASH_BYTES),
      this.#nodes.subarray(0, this.#nodesEnd),
      this.#headers.subarray(0, count * LEDGER_HEADER_BYTES),
      this.#bodyHashes.subarray(0, count * LEDGER_HASH_BYTES),
      this.#ends.subarray(0, count * END_BYTES),
      this.#bodies.subarray(0, this.#bodiesEnd),
    );
    this.#count = 0;
    this.#nodesEnd = 0;
    this.#bodiesEnd = 0;
  }
}

export interface StoredEntry extends LedgerEntry, Owner {
  /** What its row contradicts as a row. */
  readonly misfit: string | null;
  /** In layout 1, in place of nodes. */
  readonly chain: Uint8Array | null;
}

/** Every entry as it lies in the file, in order of index; damaged ones too. Views into a row. */
export function* storedEntries(database: DatabaseSync, layout: number): Generator<StoredEntry> {
  if (layout === 1) {
    const rows = database
      .prepare(
        'SELECT realm, host, "index", header, body_hash AS bodyHash, body, leaf, chain, NULL AS misfit ' +
          `FROM ledger ORDER BY realm, host, "index"`,
      )
      .iterate();
    for (const row of rows as unknown as Iterable<Omit<StoredEntry, 'nodes'>>) yield { ...row, nodes: NOTHING };
    return;
  }
  const rows = database.prepare('SELECT * FROM segment ORDER BY realm, host, first').iterate();
  for (const row of rows as unknown as Iterable<SegmentRow>) yield* entriesOf(row);
}

const NOTHING = new Uint8Array(0);

function* entriesOf(row: SegmentRow): Generator<StoredEntry> {
  const { realm, host, first } = row;
  const count = Math.min(Math.max(row.count, 1), SEGMENT_ENTRIES_MAX);
  const misfit = misfitOf(row);
  const hash = (of: Uint8Array, at: number): Uint8Array => of.subarray(at * LEDGER_HASH_BYTES, (at + 1) * LEDGER_HASH_BYTES);
  let bodyFrom = 0;
  let nodesFrom = 0;
  for (let i = 0; i < count; i++) {
    const [bodyTo, erased] = endOf(row.ends, i);
    const nodesTo = merkleNodesIn(first + i + 1) - merkleNodesIn(first);
    const isWhole = !erased || bodyTo === bodyFrom;
    yield {
      realm,
      host,
      index: first + i,
      header: row.headers.subarray(i * LEDGER_HEADER_BYTES, (i + 1) * LEDGER_HEADER_BYTES),
      bodyHash: hash(row.body_hashes, i),
      body: erased ? null : row.bodies.subarray(bodyFrom, bodyTo),
      leaf: hash(row.leaves, i),
      nodes: row.nodes.subarray(nodesFrom * LEDGER_HASH_BYTES, nodesTo * LEDGER_HASH_BYTES),
      chain: null,
      misfit: isWhole ? (i === count - 1 ? misfit : null) : 'its body is called erased and is there',
    };
    bodyFrom = bodyTo;
    nodesFrom = nodesTo;
  }
}

/** Bytes that belong to no entry would be proved by nothing. */
function misfitOf({ first, count, leaves, nodes, headers, body_hashes: bodyHashes, ends, bodies }: SegmentRow): string | null {
  if (count < 1 || count > SEGMENT_ENTRIES_MAX) return `its row counts ${count} entries: 1 to ${SEGMENT_ENTRIES_MAX}`;
  const [end] = endOf(ends, count - 1);
  const fits =
    leaves.length === count * LEDGER_HASH_BYTES &&
    bodyHashes.length === count * LEDGER_HASH_BYTES &&
    headers.length === count * LEDGER_HEADER_BYTES &&
    ends.length === count * END_BYTES &&
    nodes.length === (merkleNodesIn(first + count) - merkleNodesIn(first)) * LEDGER_HASH_BYTES &&
    bodies.length === end;
  return fits ? null : `its row does not hold what ${count} entries are made of, and nothing else`;
}

function endOf(ends: Uint8Array, i: number): readonly [end: number, erased: boolean] {
  if (ends.length < (i + 1) * END_BYTES) return [0, false];
  const written = new DataView(ends.buffer, ends.byteOffset, ends.byteLength).getUint32(i * END_BYTES, true);
  return written >= ERASED ? [written - ERASED, true] : [written, false];
}

/** The rows of one host, by the index of an entry in them. */
export class Segments {
  readonly #owner: Owner;
  readonly #one: StatementSync;
  readonly #places: StatementSync;
  readonly #from: StatementSync;
  readonly #change: StatementSync;
  #last: Pick<SegmentRow, 'first' | 'count' | 'leaves' | 'nodes'> | null = null;

  constructor(database: DatabaseSync, owner: Owner) {
    const where = 'WHERE realm = ? AND host = ? AND first <= ? ORDER BY first DESC LIMIT 1';
    this.#owner = owner;
    this.#one = database.prepare(`SELECT * FROM segment ${where}`);
    this.#places = database.prepare(`SELECT first, count, leaves, nodes FROM segment ${where}`);
    this.#from = database.prepare('SELECT * FROM segment WHERE realm = ? AND host = ? AND first > ? ORDER BY first');
    this.#change = database.prepare('UPDATE segment SET ends = ?, bodies = ? WHERE realm = ? AND host = ? AND first = ?');
  }

  /** Where the log ends. */
  length(): number {
    const last = this.#places.get(this.#owner.realm, this.#owner.host, Number.MAX_SAFE_INTEGER);
    return last === undefined ? 0 : Number(last['first']) + Number(last['count']);
  }

  /** For proofs of a file that does not change meanwhile: the row read last is kept. */
  place(index: number): LedgerPlace | null {
    let row = this.#last;
    if (row === null || index < row.first || index >= row.first + row.count) {
      row = this.#find(this.#places, index) as typeof row;
      if (row === null || index >= row.first + row.count) return null;
      this.#last = row;
    }
    const at = (index - row.first) * LEDGER_HASH_BYTES;
    const before = merkleNodesIn(row.first);
    return {
      leaf: row.leaves.subarray(at, at + LEDGER_HASH_BYTES),
      nodes: row.nodes.subarray(
        (merkleNodesIn(index) - before) * LEDGER_HASH_BYTES,
        (merkleNodesIn(index + 1) - before) * LEDGER_HASH_BYTES,
      ),
    };
  }

  /** At most `max` entries from `index` on, with bytes of their own. */
  entries(index: number, max: number): readonly LedgerEntry[] {
    const found: LedgerEntry[] = [];
    const rows = this.#from.iterate(this.#owner.realm, this.#owner.host, index - SEGMENT_ENTRIES_MAX);
    for (const row of rows as unknown as Iterable<SegmentRow>) {
      for (const one of entriesOf(row)) {
        if (one.index < index) continue;
        if (found.length === max) return found;
        found.push(ownBytes(one));
      }
    }
    return found;
  }

  /** Inside a transaction: rewrites the rows of these entries without their bodies. */
  erase(indexes: readonly number[]): void {
    const left = new Set(indexes);
    for (const index of left) {
      const row = this.#find(this.#one, index) as SegmentRow | null;
      if (row === null) continue;
      const ends = Buffer.alloc(row.ends.length);
      const bodies: Uint8Array[] = [];
      let end = 0;
      for (const [i, one] of [...entriesOf(row)].entries()) {
        const body = left.delete(one.index) ? null : one.body;
        if (body !== null) bodies.push(body);
        end += body?.length ?? 0;
        ends.writeUInt32LE(body === null ? end + ERASED : end, i * END_BYTES);
      }
      this.#change.run(ends, Buffer.concat(bodies), this.#owner.realm, this.#owner.host, row.first);
    }
  }

  #find(by: StatementSync, index: number): unknown {
    return by.get(this.#owner.realm, this.#owner.host, index) ?? null;
  }
}

export function ownBytes({ index, header, bodyHash, body, leaf, nodes }: LedgerEntry): LedgerEntry {
  return {
    index,
    header: header.slice(),
    bodyHash: bodyHash.slice(),
    body: body === null ? null : body.slice(),
    leaf: leaf.slice(),
    nodes: nodes.slice(),
  };
}
