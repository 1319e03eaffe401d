/**
 * Brings a store of layout 1, whose ledger was a hash chain with a row for each entry, to layout 2, whose ledger is a Merkle log
 * in segments. The chain is recomputed first: a ledger that was changed would otherwise be signed as if it were sound. Headers,
 * bodies and leaves stay as they are.
 */
import type { DatabaseSync } from 'node:sqlite';
import { equalBytes } from '../../../kernel/index.ts';
import { StoreError } from '../../../ports/index.ts';
import { LEDGER_CHAIN_START, ledgerChain, ledgerLeafOfHash } from '../../../protocol/index.ts';
import { MerkleRange } from '../../../structures/index.ts';
import { ADDED_IN_2, LAYOUT } from './database.ts';
import { SegmentWriter, storedEntries } from './segment.ts';
import { sha256 } from './sha256.ts';

interface End {
  readonly realm: string;
  readonly host: string;
  readonly ledger_length: number;
  readonly ledger_chain: Uint8Array;
}

/** Inside the transaction that opens the store. `grown` is called after each entry. Throws `StoreError` for a ledger that is not sound. */
export function migrateLedger(database: DatabaseSync, path: string, grown: (range: MerkleRange) => void): void {
  database.exec(ADDED_IN_2);
  const end = database.prepare('SELECT realm, host, ledger_length, ledger_chain FROM host').get() as unknown as End | undefined;
  const owner = end ?? { realm: '', host: '' }; // nobody opened it: it has no entries either
  const segment = new SegmentWriter(database, owner);
  const range = new MerkleRange(sha256);
  let chain = LEDGER_CHAIN_START;
  for (const { realm, host, index, header, bodyHash, body, leaf, chain: written } of storedEntries(database, 1)) {
    chain = ledgerChain(chain, leaf, sha256);
    const isNext = realm === owner.realm && host === owner.host && index === range.size;
    const isWhole = equalBytes(chain, written!) && equalBytes(ledgerLeafOfHash(header, bodyHash, sha256), leaf);
    if (!isNext || !isWhole) throw unsound(path, range.size);
    segment.append(index, header, bodyHash, body, leaf, range.append(leaf));
    grown(range);
  }
  segment.flush();
  if (end !== undefined && (end.ledger_length !== range.size || !equalBytes(end.ledger_chain, chain)))
    throw unsound(path, range.size);
  database.exec(`
    DROP TABLE ledger;
    ALTER TABLE host RENAME COLUMN ledger_chain TO ledger_root;
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
