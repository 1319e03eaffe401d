/**
 * Recomputes a stored ledger from its bytes: every body hash, leaf and inner node, every header against its place, every signed
 * checkpoint against the root at its size, and the end against what was committed and signed last. It needs the file and public
 * keys. What it cannot find: a history that was rewritten as a whole by somebody who has the host's seed. A checkpoint that was
 * kept elsewhere (`against`) shows that too, and a tail that was cut together with its checkpoints.
 */
import type { DatabaseSync } from 'node:sqlite';
import { concat, equalBytes, hex } from '../../../kernel/index.ts';
import {
  erasedBy,
  LEDGER_CHAIN_START,
  LEDGER_HEADER_BYTES,
  LEDGER_KINDS,
  ledgerChain,
  ledgerLeafOfHash,
  type NoteKey,
  openNote,
} from '../../../protocol/index.ts';
import { MerkleRange } from '../../../structures/index.ts';
import { type HostRow, layoutOf } from './database.ts';
import { keyFile, readKeys, verifySignature } from './host-key.ts';
import { CHECKPOINT_EVERY, ledgerOrigin } from './partition.ts';
import { withSnapshot } from './reading.ts';
import { type StoredEntry, storedEntries } from './segment.ts';
import { sha256 } from './sha256.ts';

export interface LedgerFinding {
  /** Where in the log; entries before it are sound. */
  readonly index: number;
  /** `checkpoint`: a signed statement about the log was changed, or signs another log. */
  readonly problem: 'changed' | 'dropped' | 'reordered' | 'truncated' | 'foreign' | 'checkpoint';
  readonly detail: string;
}

export interface LedgerVerdict {
  readonly sound: boolean;
  readonly entries: number;
  /** Entries whose body was erased: their place and hash are proven, their words are gone. */
  readonly erased: number;
  /** The first erased ones, and the entry that erased each where one says so. */
  readonly erasures: readonly string[];
  /** Merkle root of all entries, 64 hexadecimal digits. */
  readonly root: string;
  /** The newest checkpoint that verifies, as a signed note; null where there is none. */
  readonly checkpoint: string | null;
  /** Entries up to here are signed. */
  readonly signed: number;
  /** The first 100. */
  readonly findings: readonly LedgerFinding[];
}

export interface VerifyOptions {
  /** Public keys, one a line; default: those that lie beside the store. */
  readonly keys?: string;
  /** A signed checkpoint that was kept elsewhere: the log must continue it. */
  readonly against?: string;
}

const FINDINGS_MAX = 100; // enough to see a pattern; the first one is what matters

type Find = (index: number, problem: LedgerFinding['problem'], detail: string) => void;

/** Throws `StoreError` when the file cannot be read at all. */
export function verifyLedger(path: string, options: VerifyOptions = {}): LedgerVerdict {
  return withSnapshot(path, (database) => {
    const findings: LedgerFinding[] = [];
    const find: Find = (index, problem, detail) => {
      if (findings.length < FINDINGS_MAX) findings.push({ index, problem, detail: `entry ${index}: ${detail}` });
    };
    const owner = database.prepare('SELECT * FROM host').get() as unknown as
      | (HostRow & { ledger_chain?: Uint8Array })
      | undefined;
    const notes = new Notes(database, path, owner, options, find);
    const order = new Order(find);
    const tree = new Tree(find);
    const erasures = new Erasures();
    for (const row of storedEntries(database, layoutOf(database, path))) {
      if (row.realm !== owner?.realm || row.host !== owner.host) {
        find(row.index, 'foreign', `is filed under host ${row.host} of realm ${row.realm}, which does not own this file`);
        continue;
      }
      order.next(row);
      erasures.next(row);
      const wrong = wrongBytes(row);
      if (wrong !== null) find(row.index, 'changed', wrong);
      tree.next(row, wrong === null);
      notes.reached(tree.range);
    }
    const length = owner?.ledger_length ?? 0;
    const root = tree.range.root();
    if (order.length < length) {
      find(order.length, 'truncated', `${length} entries were committed, the log ends after ${order.length}`);
    } else if (order.length > length) {
      find(length, 'changed', `only ${length} entries were committed, the log holds ${order.length}`);
    } else if (owner !== undefined && !tree.endsWith(owner.ledger_root ?? null, owner.ledger_chain ?? null)) {
      find(length, 'changed', 'the log does not end with the root that was committed last');
    }
    notes.finish(tree.range.size, owner);
    findings.sort((a, b) => a.index - b.index);
    return {
      sound: findings.length === 0,
      entries: order.length,
      erased: erasures.count,
      erasures: erasures.words(),
      root: hex(root),
      checkpoint: notes.newest,
      signed: notes.signed,
      findings,
    };
  });
}

/** What the bytes of one entry contradict among themselves, or null. */
function wrongBytes({ realm, host, header, body, bodyHash, leaf, misfit }: StoredEntry): string | null {
  if (header.length !== LEDGER_HEADER_BYTES || header[0] !== 1) return 'its header is not one of layout 1';
  if (!equalBytes(ledgerLeafOfHash(header, bodyHash, sha256), leaf))
    return 'its header, body hash and leaf do not belong together';
  if (body !== null && !equalBytes(sha256(body), bodyHash)) return 'its body is not the one that was written';
  if (body !== null && viewOf(header).getUint32(4) !== body.length) return 'its header states another length of the body';
  if (!KINDS.has(header[1]!)) return `its kind ${header[1]} does not exist`;
  if (misfit !== null) return misfit;
  if (hex(header.subarray(72, 78)) !== host) return 'its header names another host';
  if (!equalBytes(header.subarray(80, 96), sha256(Buffer.from(realm)).subarray(0, 16))) return 'its header names another realm';
  return null;
}

const KINDS: ReadonlySet<number> = new Set(Object.values(LEDGER_KINDS));

function viewOf(header: Uint8Array): DataView {
  return new DataView(header.buffer, header.byteOffset, header.byteLength);
}

/** The inner nodes, or in older files the chain. One change is reported where it is and not in every entry after it. */
class Tree {
  readonly #find: Find;
  readonly range: MerkleRange = new MerkleRange(sha256);
  #chain: Uint8Array = LEDGER_CHAIN_START;
  #holds = true;

  constructor(find: Find) {
    this.#find = find;
  }

  next({ index, leaf, nodes, chain }: StoredEntry, sound: boolean): void {
    const completed = this.range.append(leaf);
    if (chain === null && this.#holds && !equalBytes(concat(...completed), nodes)) {
      this.#holds = false;
      if (sound) this.#find(index, 'changed', 'its inner nodes are not those of its leaves: it, or one before it, was replaced');
    }
    if (chain === null) return;
    if (sound && !equalBytes(ledgerChain(this.#chain, leaf, sha256), chain))
      this.#find(index, 'changed', 'does not continue the chain: it, or the one before it, was replaced');
    this.#chain = chain;
  }

  endsWith(root: Uint8Array | null, chain: Uint8Array | null): boolean {
    return root === null ? equalBytes(this.#chain, chain ?? LEDGER_CHAIN_START) : equalBytes(this.range.root(), root);
  }
}

/** Checkpoints: signed by a key that is known, each the root at its size, none missing where one was due. */
class Notes {
  readonly #find: Find;
  readonly #keys: readonly NoteKey[];
  readonly #origin: string | null;
  readonly #due: { readonly size: number; readonly root: Uint8Array; readonly note: string; readonly what: string }[] = [];
  readonly #sizes = new Set<number>();
  readonly #layout: number;
  #at = 0;
  newest: string | null = null;
  signed = 0;

  constructor(database: DatabaseSync, path: string, owner: HostRow | undefined, { keys, against }: VerifyOptions, find: Find) {
    this.#find = find;
    this.#layout = layoutOf(database, path);
    this.#origin = owner === undefined ? null : ledgerOrigin(owner.realm, owner.host);
    this.#keys = readKeys(keys ?? keyFile(path));
    if (this.#layout > 1) {
      const rows = database.prepare('SELECT size, note FROM checkpoint ORDER BY size').all();
      for (const { size, note } of rows as unknown as readonly { size: number; note: string }[])
        this.#take(note, `the checkpoint at ${size}`, size);
    }
    if (against !== undefined) this.#take(against, 'the checkpoint kept elsewhere', null);
    this.#due.sort((a, b) => a.size - b.size);
  }

  #take(note: string, what: string, size: number | null): void {
    const opened = openNote(note, this.#keys, verifySignature, sha256);
    if (size !== null) this.#sizes.add(size);
    if (!opened.ok) return this.#find(size ?? 0, 'checkpoint', `${what}: ${opened.detail}`);
    const { checkpoint } = opened;
    if (checkpoint.origin !== this.#origin) {
      return this.#find(size ?? 0, 'checkpoint', `${what} is one of ${checkpoint.origin}, this log is ${this.#origin}`);
    }
    if (size !== null && checkpoint.size !== size)
      return this.#find(size, 'checkpoint', `${what} is filed at the wrong place: it signs ${checkpoint.size} entries`);
    this.#due.push({ size: checkpoint.size, root: checkpoint.root, note, what });
  }

  /** Called after each entry. */
  reached(range: MerkleRange): void {
    while (this.#at < this.#due.length && this.#due[this.#at]!.size <= range.size) {
      const { size, root, note, what } = this.#due[this.#at++]!;
      if (size !== range.size) continue; // of size 0: it says nothing
      if (equalBytes(root, range.root())) [this.newest, this.signed] = [note, size];
      else this.#find(size - 1, 'checkpoint', `${what} signs another root: entries up to here are not those that were signed`);
    }
  }

  finish(length: number, owner: HostRow | undefined): void {
    for (const { size, what } of this.#due.slice(this.#at))
      this.#find(length, 'truncated', `${what} signs ${size} entries, the log ends after ${length}`);
    if (this.#layout < 2 || owner === undefined) return;
    for (let size = CHECKPOINT_EVERY; size <= length; size += CHECKPOINT_EVERY)
      if (!this.#sizes.has(size)) this.#find(size, 'dropped', `the checkpoint at ${size} is missing`);
    if (owner.instance === null && length > 0 && !this.#sizes.has(length))
      this.#find(length, 'dropped', `the checkpoint at ${length}, signed when the host closed, is missing`);
  }
}

/** Bodies that are gone, and the entries that say they erased them. */
class Erasures {
  readonly #gone: number[] = [];
  readonly #by = new Map<number, number>();
  count = 0;

  next({ index, header, body }: StoredEntry): void {
    if (body === null) {
      this.count += 1;
      if (this.#gone.length < FINDINGS_MAX) this.#gone.push(index);
    } else if (header[1] === LEDGER_KINDS.erasure) {
      for (const one of erasedBy(body, index)) this.#by.set(one, index);
    }
  }

  words(): readonly string[] {
    return this.#gone.map((index) => {
      const by = this.#by.get(index);
      return `entry ${index}: body erased${by === undefined ? ', no entry says why' : ` by entry ${by}`}`;
    });
  }
}

/** Places: no gap between indexes, each header at the index it names, commits and incarnations never going back. */
class Order {
  readonly #find: Find;
  #incarnation = 0;
  #commit = 0;
  length = 0;

  constructor(find: Find) {
    this.#find = find;
  }

  next({ index, header }: StoredEntry): void {
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
