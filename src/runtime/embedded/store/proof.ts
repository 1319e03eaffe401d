/**
 * The proof that one entry is in a stored ledger, as a document that can be checked without this program and without the ledger:
 * header and hash of the body give the leaf, the path leads from it to the root, and a signed checkpoint names that root.
 */
import type { DatabaseSync } from 'node:sqlite';
import { hex } from '../../../kernel/index.ts';
import { StoreError } from '../../../ports/index.ts';
import { ledgerNodes, parseNote } from '../../../protocol/index.ts';
import { inclusionPath, merkleRoot } from '../../../structures/index.ts';
import { type HostRow, layoutOf } from './database.ts';
import { ledgerOrigin } from './partition.ts';
import { withSnapshot } from './reading.ts';
import { Segments } from './segment.ts';
import { sha256 } from './sha256.ts';

/** Bytes are lower-case hexadecimal. */
export interface EntryProof {
  readonly origin: string;
  readonly index: number;
  readonly header: string;
  readonly bodyHash: string;
  /** Null when it was erased. */
  readonly body: string | null;
  readonly leaf: string;
  readonly size: number;
  readonly root: string;
  /** The sibling of the leaf first. */
  readonly path: readonly string[];
  /** A signed note that names size and root; null while nothing that covers the entry was signed. */
  readonly checkpoint: string | null;
}

/** Null where there is no such entry. At most 2 log2(n) reads. Throws `StoreError` when the file cannot be read, or is of a layout without proofs. */
export function proveEntry(path: string, index: number): EntryProof | null {
  return withSnapshot(path, (database) => {
    const owner = database.prepare('SELECT * FROM host').get() as unknown as HostRow | undefined;
    if (owner === undefined || layoutOf(database, path) < 2) return null;
    const { realm, host } = owner;
    const segments = new Segments(database, owner);
    const [entry] = segments.entries(index, 1);
    if (entry?.index !== index) return null;
    const note = signedBeyond(database, owner, index);
    const size = note?.size ?? owner.ledger_length;
    const nodes = ledgerNodes((at) => {
      const place = segments.place(at);
      if (place === null) throw new StoreError('corrupt', `${path} lacks its ledger entry ${at}: verify it`);
      return place;
    });
    return {
      origin: ledgerOrigin(realm, host),
      index,
      header: hex(entry.header),
      bodyHash: hex(entry.bodyHash),
      body: entry.body === null ? null : hex(entry.body),
      leaf: hex(nodes(0, index)),
      size,
      root: hex(merkleRoot(size, nodes, sha256)),
      path: inclusionPath(index, size, nodes, sha256).map(hex),
      checkpoint: note?.note ?? null,
    };
  });
}

/** The newest checkpoint that covers the entry and reads as one. */
function signedBeyond(
  database: DatabaseSync,
  { realm, host, ledger_length: length }: HostRow,
  index: number,
): { readonly size: number; readonly note: string } | null {
  const row = database
    .prepare(
      'SELECT size, note FROM checkpoint WHERE realm = ? AND host = ? AND size > ? AND size <= ? ORDER BY size DESC LIMIT 1',
    )
    .get(realm, host, index, length) as unknown as { size: number; note: string } | undefined;
  return row !== undefined && parseNote(row.note)?.checkpoint.size === row.size ? row : null;
}
