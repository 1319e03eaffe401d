/** The store of one machine: SQLite on its own thread, readable and verifiable from outside. */
export { type LedgerFinding, type LedgerVerdict, verifyLedger, type VerifyOptions } from './ledger-check.ts';
export { readEntries } from './entries.ts';
export { readJournal } from './journal.ts';
export { type EntryProof, proveEntry } from './proof.ts';
export { sha256 } from './sha256.ts';
export { readStore, type StoreReading } from './reading.ts';
export { SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
export { type LedgerLine, type LedgerPage, readLedger } from './ledger-page.ts';
