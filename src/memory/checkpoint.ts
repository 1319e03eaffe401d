/**
 * A signed statement of what a scope is at a frontier: a Merkle root over its records, sorted. A replica at the same frontier can
 * say whether it folded the same, and show a single record to who holds the root only. 64-bit digests find a difference; this one
 * rules it out.
 */
import { concat, equalBytes, utf8 } from '../kernel/index.ts';
import type { Crypto, KeyPair } from '../protocol/index.ts';
import { checkInclusion, inclusionPath, type MerkleHash, merkleLeaf, merkleNode, MerkleRange } from '../structures/index.ts';
import { dotOf, type LocalDot } from './fold.ts';
import { ByteReader, ByteWriter } from './lanes.ts';
import { AUTHOR_BYTES } from './operation.ts';
import { frontier } from './reconcile.ts';
import type { Scope } from './scope.ts';
import { compareLogs, liveItems } from './view.ts';

const DOMAIN = utf8('skein memory checkpoint 1');

export interface Checkpoint {
  /** SHA-256 of the sorted frontier. */
  readonly frontier: Uint8Array;
  readonly root: Uint8Array;
  readonly records: number;
  /** Who vouches for it: whether that counts is a matter of trust. */
  readonly author: Uint8Array;
  readonly signature: Uint8Array;
}

/** What is live of a record: its dot, then every live item with its place, its stamp and its value. The same on every replica. */
export function recordBytes(scope: Scope, record: LocalDot): Uint8Array {
  const to = new ByteWriter();
  const { author, epoch, sequence } = scope.dotOf(record);
  to.raw(author);
  to.whole(epoch);
  to.whole(sequence);
  for (const each of liveItems(scope.fold.record(record)!, scope.logs)) {
    to.raw(each.log.name.author);
    const stamp = each.log.stamp(each.sequence);
    for (const number of [each.log.name.epoch, each.sequence, each.item, stamp.ms, stamp.count, each.field, each.action]) {
      to.whole(number);
    }
    to.whole(each.bytes.length);
    to.raw(each.bytes);
  }
  return to.taken();
}

/** Records of which something is live, in the order that all replicas have. */
export function sortedRecords(scope: Scope): readonly LocalDot[] {
  const sorted: LocalDot[] = [];
  for (const log of scope.logs.toSorted(compareLogs)) {
    for (const [sequence, record] of log.records.entries()) {
      if (record !== null && record.live.length > 0) sorted.push(dotOf(log.index, sequence));
    }
    const early = [...log.early].filter(([, record]) => record.live.length > 0).map(([sequence]) => sequence);
    for (const sequence of early.toSorted((a, b) => a - b)) sorted.push(dotOf(log.index, sequence));
  }
  return sorted;
}

/** The whole state: equal bytes on replicas that hold equal sets of operations. */
export function stateBytes(scope: Scope): Uint8Array {
  return concat(...sortedRecords(scope).map((record) => recordBytes(scope, record)));
}

/** O(records): a `pure` activity where they are many. All that was written must be signed. */
export function makeCheckpoint(scope: Scope, keys: KeyPair): Checkpoint {
  const primitives = scope.options.crypto;
  const range = rangeOf(scope);
  const unsigned = { frontier: frontierHash(scope), root: range.root(), records: range.size, author: keys.publicKey };
  return { ...unsigned, signature: primitives.sign(keys.secretKey, statement(scope.hash, unsigned)) };
}

/** `forged`: not what its author signed. `other-frontier`: this replica holds other operations and cannot tell. */
export function compareCheckpoint(scope: Scope, checkpoint: Checkpoint): 'same' | 'other-state' | 'other-frontier' | 'forged' {
  if (!isSigned(scope.hash, checkpoint, scope.options.crypto)) return 'forged';
  if (!equalBytes(frontierHash(scope), checkpoint.frontier)) return 'other-frontier';
  const range = rangeOf(scope);
  return range.size === checkpoint.records && equalBytes(range.root(), checkpoint.root) ? 'same' : 'other-state';
}

export interface RecordProof {
  readonly bytes: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

/** That a record is in the state that a checkpoint of this frontier names; null where nothing of it is live. */
export function proveRecord(scope: Scope, record: LocalDot): RecordProof | null {
  const hash = hashOf(scope.options.crypto);
  const records = sortedRecords(scope);
  const index = records.indexOf(record);
  if (index === -1) return null;
  const levels: Uint8Array[][] = [records.map((each) => merkleLeaf(recordBytes(scope, each), hash))];
  for (let below = levels[0]!; below.length > 1;) {
    const nodes: Uint8Array[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) nodes.push(merkleNode(below[i]!, below[i + 1]!, hash));
    levels.push(nodes);
    below = nodes;
  }
  const path = inclusionPath(index, records.length, (level, at) => levels[level]![at]!, hash);
  return { bytes: recordBytes(scope, record), index, path };
}

/** For who holds the checkpoint and nothing else. Never throws. */
export function checkRecord(scopeHash: Uint8Array, checkpoint: Checkpoint, proof: RecordProof, primitives: Crypto): boolean {
  if (!isSigned(scopeHash, checkpoint, primitives)) return false;
  const { index, path } = proof;
  const hash = hashOf(primitives);
  const leaf = merkleLeaf(proof.bytes, hash);
  return checkInclusion({ index, size: checkpoint.records, leaf, root: checkpoint.root, path }, hash).ok;
}

export function encodeCheckpoint({ frontier: at, root, records, author, signature }: Checkpoint): Uint8Array {
  const to = new ByteWriter();
  for (const each of [at, root, author, signature]) to.raw(each);
  to.whole(records);
  return to.taken();
}

/** Null where these bytes are none. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint | null {
  const from = new ByteReader(bytes.slice());
  const [at, root, author, signature] = [from.raw(32), from.raw(32), from.raw(AUTHOR_BYTES), from.raw(64)];
  const records = from.whole();
  return from.bad || from.at !== from.end ? null : { frontier: at, root, author, signature, records };
}

function rangeOf(scope: Scope): MerkleRange {
  const hash = hashOf(scope.options.crypto);
  const range = new MerkleRange(hash);
  for (const record of sortedRecords(scope)) range.append(merkleLeaf(recordBytes(scope, record), hash));
  return range;
}

function hashOf(primitives: Crypto): MerkleHash {
  return (bytes) => primitives.hash(bytes);
}

function isSigned(scopeHash: Uint8Array, checkpoint: Checkpoint, primitives: Crypto): boolean {
  return primitives.verify(checkpoint.author, statement(scopeHash, checkpoint), checkpoint.signature);
}

function statement(scopeHash: Uint8Array, { frontier: at, root, records }: Omit<Checkpoint, 'signature' | 'author'>): Uint8Array {
  const count = new ByteWriter();
  count.whole(records);
  return concat(DOMAIN, scopeHash, at, root, count.taken());
}

function frontierHash(scope: Scope): Uint8Array {
  return scope.options.crypto.hash(frontier(scope));
}
