/** What a page about a run shows beside its records, read from git and from the ledger; and the page on disk, whole or not at all. */
import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { type GitIo, readDiffs, readLedger, verifyLedger } from '../runtime/embedded/index.ts';
import type { RunEvidence } from './run.ts';

const LEDGER_ROWS_MAX = 200; // a page; `skein verify` looks at every entry

export async function readEvidence(io: GitIo, top: string, store: string, commits: readonly string[]): Promise<RunEvidence> {
  const diffs = await readDiffs(io, top, commits).catch(() => new Map<string, string>());
  try {
    const { kinds, lines } = readLedger(store, LEDGER_ROWS_MAX);
    return { diffs, ledger: { ...verifyLedger(store), kinds, rows: lines } };
  } catch {
    return { diffs, ledger: null };
  }
}

export async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  try {
    await writeFile(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
}
