/**
 * Recomputes a stored ledger from its bytes: every body hash, leaf and link, every header against its place, and the end against
 * what the host committed last. It finds what was changed, dropped, reordered or cut by somebody who did not rewrite everything
 * after it and the host row; a ledger rewritten as a whole is consistent again, and only a signature or a witness would show it.
 */
import { equalBytes, hex } from '../../../kernel/index.ts';
import { LEDGER_CHAIN_START, LEDGER_HEADER_BYTES, LEDGER_KINDS, ledgerChain, ledgerLeafOfHash } from '../../../protocol/index.ts';
import type { HostRow } from './database.ts';
import { sha256 } from './partition.ts';
import { withSnapshot } from './reading.ts';

export interface LedgerFinding {
  /** Where in the log; entries before it are sound. */
  readonly index: number;
  readonly problem: 'changed' | 'dropped' | 'reordered' | 'truncated' | 'foreign';
  readonly detail: string;
}

export interface LedgerVerdict {
  readonly sound: boolean;
  readonly entries: number;
  /** Entries whose body was erased: their place and hash are proven, their words are gone. */
  readonly erased: number;
  /** Chain value after the last entry, 64 hexadecimal digits. */
  readonly chain: string;
  /** The first 100. */
  readonly findings: readonly LedgerFinding[];
}

const FINDINGS_MAX = 100; // enough to see a pattern; the first one is what matters

interface LedgerRow {
  readonly realm: string;
  readonly host: string;
  readonly index: number;
  readonly header: Uint8Array;
  readonly body_hash: Uint8Array;
  readonly leaf: Uint8Array;
  readonly chain: Uint8Array;
  readonly body: Uint8Array | null;
}

/** Throws `StoreError` when the file cannot be read at all. */
export function verifyLedger(path: string): LedgerVerdict {
  return withSnapshot(path, (database) => {
    const findings: LedgerFinding[] = [];
    const find = (index: number, problem: LedgerFinding['problem'], detail: string): void => {
      if (findings.length < FINDINGS_MAX) findings.push({ index, problem, detail: `entry ${index}: ${detail}` });
    };
    const owner = database.prepare('SELECT * FROM host').get() as unknown as HostRow | undefined;
    const order = new Order(find);
    let erased = 0;
    let chain: Uint8Array = LEDGER_CHAIN_START;
    const rows = database.prepare('SELECT * FROM ledger ORDER BY realm, host, "index"').iterate();
    for (const row of rows as unknown as Iterable<LedgerRow>) {
      if (row.realm !== owner?.realm || row.host !== owner.host) {
        find(row.index, 'foreign', `is filed under host ${row.host} of realm ${row.realm}, which does not own this file`);
        continue;
      }
      order.next(row);
      if (row.body === null) erased += 1;
      const wrong = wrongBytes(row);
      if (wrong !== null) find(row.index, 'changed', wrong);
      else if (!equalBytes(ledgerChain(chain, row.leaf, sha256), row.chain)) {
        find(row.index, 'changed', 'does not continue the chain: it, or the one before it, was replaced');
      }
      chain = row.chain; // as stored, so that one change is reported where it is and not in every entry after it
    }
    const length = owner?.ledger_length ?? 0;
    if (order.length < length) {
      find(order.length, 'truncated', `${length} entries were committed, the log ends after ${order.length}`);
    } else if (order.length > length) {
      find(length, 'changed', `only ${length} entries were committed, the log holds ${order.length}`);
    } else if (!equalBytes(chain, owner?.ledger_chain ?? LEDGER_CHAIN_START)) {
      find(length, 'changed', 'the log does not end with the chain value that was committed last');
    }
    return { sound: findings.length === 0, entries: order.length, erased, chain: hex(chain), findings };
  });
}

/** What the bytes of one entry contradict among themselves, or null. */
function wrongBytes({ realm, host, header, body, body_hash: bodyHash, leaf }: LedgerRow): string | null {
  if (header.length !== LEDGER_HEADER_BYTES || header[0] !== 1) return 'its header is not one of layout 1';
  if (!equalBytes(ledgerLeafOfHash(header, bodyHash, sha256), leaf))
    return 'its header, body hash and leaf do not belong together';
  if (body !== null && !equalBytes(sha256(body), bodyHash)) return 'its body is not the one that was written';
  if (body !== null && viewOf(header).getUint32(4) !== body.length) return 'its header states another length of the body';
  if (!KINDS.has(header[1]!)) return `its kind ${header[1]} does not exist`;
  if (hex(header.subarray(72, 78)) !== host) return 'its header names another host';
  if (!equalBytes(header.subarray(80, 96), sha256(Buffer.from(realm)).subarray(0, 16))) return 'its header names another realm';
  return null;
}

const KINDS: ReadonlySet<number> = new Set(Object.values(LEDGER_KINDS));

function viewOf(header: Uint8Array): DataView {
  return new DataView(header.buffer, header.byteOffset, header.byteLength);
}

/** Places: no gap between indexes, each header at the index it names, commits and incarnations never going back. */
class Order {
  readonly #find: (index: number, problem: LedgerFinding['problem'], detail: string) => void;
  #incarnation = 0;
  #commit = 0;
  length = 0;

  constructor(find: (index: number, problem: LedgerFinding['problem'], detail: string) => void) {
    this.#find = find;
  }

  next({ index, header }: LedgerRow): void {
    if (index !== this.length) {
      this.#find(this.length, 'dropped', index === this.length + 1 ? 'is missing' : `is missing, up to entry ${index - 1}`);
    }
    this.length = index + 1;
    if (header.length !== LEDGER_HEADER_BYTES) return;
    const view = viewOf(header);
    const named = Number(view.getBigUint64(8));
    if (named !== index) this.#find(index, 'reordered', `was written as entry ${named}`);
    const incarnation = view.getUint32(32);
    const commit = Number(view.getBigUint64(24));
    if (incarnation < this.#incarnation || (incarnation === this.#incarnation && commit < this.#commit)) {
      this.#find(index, 'reordered', 'comes from an earlier commit than the entry before it');
    }
    this.#incarnation = incarnation;
    this.#commit = commit;
  }
}
