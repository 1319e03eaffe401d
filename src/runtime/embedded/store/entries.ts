/** The entries of a stored ledger, whole, for those who read it as a story: replay, fork, explain. Proves nothing itself. */
import type { LedgerEntry } from '../../../ports/index.ts';
import { layoutOf } from './database.ts';
import { withSnapshot } from './reading.ts';
import { storedEntries } from './segment.ts';

const ENTRIES_MAX = 1_000_000; // of some 500 bytes: what a reading program has memory for

/** All entries in order. Throws `StoreError` when the file cannot be read; a RangeError above a million. */
export function readEntries(path: string): readonly LedgerEntry[] {
  return withSnapshot(path, (database) => {
    const entries: LedgerEntry[] = [];
    for (const { index, header, bodyHash, body, leaf, nodes } of storedEntries(database, layoutOf(database, path))) {
      if (entries.length === ENTRIES_MAX)
        throw new RangeError(`${path} holds more than the ${ENTRIES_MAX} ledger entries that are read at once`);
      entries.push({ index, header, bodyHash, body, leaf, nodes });
    }
    return entries;
  });
}
