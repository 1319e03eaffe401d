/** The store of one machine: SQLite on its own thread, readable and verifiable from outside. */
export { type LedgerFinding, type LedgerVerdict, verifyLedger } from './ledger-check.ts';
export { readStore, type StoreReading } from './reading.ts';
export { SqliteStore, type SqliteStoreOptions } from './sqlite-store.ts';
export { type LedgerLine, type LedgerPage, readLedger } from './ledger-page.ts';
