/** The entries of a stored ledger, whole, for those who read it as a story: replay, fork, explain. Proves nothing itself. */
import type { LedgerEntry } from '../../../ports/index.ts';
import { withSnapshot } from './reading.ts';

const ENTRIES_MAX = 1_000_000; // of some 500 bytes: what a reading program has memory for

/** All entries in order. Throws `StoreError` when the file cannot be read; a RangeError above a million. */
export function readEntries(path: string): readonly LedgerEntry[] {
  return withSnapshot(path, (database) => {
    const { n } = database.prepare('SELECT count(*) AS n FROM ledger').get() as { n: number };
    if (n > ENTRIES_MAX) throw new RangeError(`${path} holds ${n} ledger entries; up to ${ENTRIES_MAX} are read at once`);
    const columns = new Set(
      database
        .prepare('SELECT name FROM pragma_table_info(?)')
        .all('ledger')
        .map(({ name }) => name),
    );
    const nodes = columns.has('nodes') ? 'nodes' : `x'' AS nodes`;
    return database
      .prepare(`SELECT "index", header, body_hash AS bodyHash, body, leaf, ${nodes} FROM ledger ORDER BY realm, host, "index"`)
      .all() as unknown as readonly LedgerEntry[];
  });
}
