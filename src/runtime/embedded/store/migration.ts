/**
 * Brings a store of layout 1, whose ledger was a hash chain, to layout 2, whose ledger is a Merkle log. The chain is recomputed
 * first: a ledger that was changed would otherwise be signed as if it were sound. Entries, leaves and bodies stay as they are.
 */
import type { DatabaseSync } from 'node:sqlite';
import { concat, equalBytes } from '../../../kernel/index.ts';
import { StoreError } from '../../../ports/index.ts';
import { LEDGER_CHAIN_START, ledgerChain, ledgerLeafOfHash } from '../../../protocol/index.ts';
import { MerkleRange } from '../../../structures/index.ts';
import { ADDED_IN_2, LAYOUT } from './database.ts';
import { sha256 } from './sha256.ts';

const ROWS = 1000; // read, then written: SQLite does not promise what a statement sees of a table that changes under it

interface OldRow {
  readonly index: number;
  readonly header: Uint8Array;
  readonly body_hash: Uint8Array;
  readonly leaf: Uint8Array;
  readonly chain: Uint8Array;
}

/** Inside the transaction that opens the store. `grown` is called after each entry. Throws `StoreError` for a ledger that is not sound. */
export function migrateLedger(database: DatabaseSync, path: string, grown: (range: MerkleRange) => void): void {
  database.exec(`ALTER TABLE ledger ADD COLUMN nodes BLOB NOT NULL DEFAULT x''`);
  const read = database.prepare(
    'SELECT "index", header, body_hash, leaf, chain FROM ledger WHERE "index" >= ? ORDER BY "index" LIMIT ?',
  );
  const write = database.prepare('UPDATE ledger SET nodes = ? WHERE "index" = ?');
  const range = new MerkleRange(sha256);
  let chain = LEDGER_CHAIN_START;
  for (;;) {
    const rows = read.all(range.size, ROWS) as unknown as readonly OldRow[];
    for (const row of rows) {
      chain = ledgerChain(chain, row.leaf, sha256);
      const leaf = ledgerLeafOfHash(row.header, row.body_hash, sha256);
      if (row.index !== range.size || !equalBytes(chain, row.chain) || !equalBytes(leaf, row.leaf))
        throw unsound(path, range.size);
      write.run(concat(...range.append(row.leaf)), row.index);
      grown(range);
    }
    if (rows.length < ROWS) break;
  }
  const end = database.prepare('SELECT ledger_length AS length, ledger_chain AS chain FROM host').get();
  if (end !== undefined && (end['length'] !== range.size || !equalBytes(end['chain'] as Uint8Array, chain)))
    throw unsound(path, range.size);
  database.exec(`
    ALTER TABLE ledger DROP COLUMN chain;
    ALTER TABLE host RENAME COLUMN ledger_chain TO ledger_root;
    ${ADDED_IN_2}
    PRAGMA user_version = ${LAYOUT};
  `);
  database.prepare('UPDATE host SET ledger_root = ?').run(range.root());
}

function unsound(path: string, index: number): StoreError {
  return new StoreError(
    'corrupt',
    `the ledger in ${path} was changed at entry ${index}: keep the file as evidence and verify it; start a new run`,
  );
}
