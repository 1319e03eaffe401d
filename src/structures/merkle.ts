/**
 * A Merkle log: a root over a growing list of leaves, and short proofs that a leaf is in it or that one log continues another.
 * It keeps nothing but the peaks of the tree; complete inner nodes are handed out once, when their last leaf comes, and are read
 * back through a function, so that where they are stored is somebody else's matter. The hash is handed in and must answer with
 * bytes of its own. Sizes and indexes are safe integers. Source: RFC 6962, 2.1; RFC 9162, 2.1.3 and 2.1.4.
 *
 *   level 2          n(2,0)                     A log of six: the peaks are n(2,0) and n(1,2).
 *   level 1     n(1,0)    n(1,1)    n(1,2)      n(level, index) covers the leaves from index * 2^level on.
 *   leaves      0    1    2    3    4    5
 */
import { assert, concat, equalBytes } from '../kernel/index.ts';

export type MerkleHash = (bytes: Uint8Array) => Uint8Array;

const LEAF = new Uint8Array([0x00]);
const NODE = 0x01;

export function merkleLeaf(data: Uint8Array, hash: MerkleHash): Uint8Array {
  return hash(concat(LEAF, data));
}

let scratch = new Uint8Array(65); // one prefix and two SHA-256 values; every proof step would allocate it otherwise

export function merkleNode(left: Uint8Array, right: Uint8Array, hash: MerkleHash): Uint8Array {
  const length = 1 + left.length + right.length;
  if (scratch.length !== length) scratch = new Uint8Array(length);
  scratch[0] = NODE;
  scratch.set(left, 1);
  scratch.set(right, 1 + left.length);
  return hash(scratch);
}

/** The root of a log without leaves. */
export function emptyMerkleRoot(hash: MerkleHash): Uint8Array {
  return hash(new Uint8Array(0));
}

/** The growing end of a log: O(log n) memory, one node hash a leaf on average. */
export class MerkleRange {
  readonly #hash: MerkleHash;
  #size: number;
  /** Roots of the complete subtrees that the log consists of, the largest first. */
  readonly #peaks: Uint8Array[];

  /** Continues a log from its peaks, as `merklePeaks` reads them. */
  constructor(hash: MerkleHash, size = 0, peaks: readonly Uint8Array[] = []) {
    assert(peaks.length === peakCount(size), `a log of ${size} leaves has ${peakCount(size)} peaks, not ${peaks.length}`);
    this.#hash = hash;
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size(): number {
    return this.#size;
  }

  /** Answers the inner nodes that this leaf completes, from level 1 up: `node(level, floor(index / 2^level))` for this index. */
  append(leaf: Uint8Array): readonly Uint8Array[] {
    const completed: Uint8Array[] = [];
    let node = leaf;
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      node = merkleNode(this.#peaks.pop()!, node, this.#hash);
      completed.push(node);
    }
    this.#peaks.push(node);
    this.#size += 1;
    return completed;
  }

  peaks(): readonly Uint8Array[] {
    return [...this.#peaks];
  }

  root(): Uint8Array {
    return this.#size === 0 ? emptyMerkleRoot(this.#hash) : fold(this.#peaks, this.#hash);
  }
}

/** Reads a complete node; level 0 are the leaves. */
export type ReadMerkleNode = (level: number, index: number) => Uint8Array;

/** How many inner nodes a log of this many leaves has completed: where those of the next leaf begin, when all lie in one row. */
export function merkleNodesIn(size: number): number {
  return size - peakCount(size);
}

/** The peaks of the log when it had `size` leaves. */
export function merklePeaks(size: number, read: ReadMerkleNode): readonly Uint8Array[] {
  return peaksOf(0, size, read);
}

/** The root of the log when it had `size` leaves, in O(log n) reads. */
export function merkleRoot(size: number, read: ReadMerkleNode, hash: MerkleHash): Uint8Array {
  return size === 0 ? emptyMerkleRoot(hash) : fold(peaksOf(0, size, read), hash);
}

/** The path from a leaf to the root of the first `size` leaves, the sibling of the leaf first; at most 2 log2(n) reads. */
export function inclusionPath(index: number, size: number, read: ReadMerkleNode, hash: MerkleHash): readonly Uint8Array[] {
  assert(isCount(size) && isCount(index) && index < size, `there is no leaf ${index} in a log of ${size}`);
  const path: Uint8Array[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push(fold(peaksOf(middle, to, read), hash));
      to = middle;
    } else {
      path.push(fold(peaksOf(from, middle, read), hash));
      from = middle;
    }
  }
  return path.toReversed();
}

/** Shows that the log of `size` leaves continues the one of `before` leaves; `before` from 1 on, empty where they are equal. */
export function consistencyPath(before: number, size: number, read: ReadMerkleNode, hash: MerkleHash): readonly Uint8Array[] {
  assert(
    isCount(size) && isCount(before) && before >= 1 && before <= size,
    `a log of ${size} does not continue one of ${before}`,
  );
  const path: Uint8Array[] = [];
  let from = 0;
  let to = size;
  while (to !== before) {
    const middle = from + splitOf(to - from);
    if (before <= middle) {
      path.push(fold(peaksOf(middle, to, read), hash));
      to = middle;
    } else {
      path.push(fold(peaksOf(from, middle, read), hash));
      from = middle;
    }
  }
  if (from > 0) path.push(fold(peaksOf(from, to, read), hash)); // else it is the earlier root, which the verifier has
  return path.toReversed();
}

export type MerkleCheck = { readonly ok: true } | { readonly ok: false; readonly reason: string };

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf: Uint8Array;
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** Whether the leaf is at its index in the log that has this root. Never throws; one hash a step. Source: RFC 9162, 2.1.3.2. */
export function checkInclusion({ index, size, leaf, root, path }: Inclusion, hash: MerkleHash): MerkleCheck {
  if (!isCount(size) || !isCount(index) || index >= size) return no(`there is no leaf ${index} in a log of ${size}`);
  if (leaf.length === 0 || leaf.length !== root.length) return no('the leaf is no hash like the root');
  let at = index;
  let last = size - 1;
  let node = leaf;
  for (const step of path) {
    if (last === 0) return no('the path is longer than the log is high');
    if (step.length !== root.length) return no('a step of the path is no hash');
    if (at % 2 === 1 || at === last) {
      node = merkleNode(step, node, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else node = merkleNode(node, step, hash);
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return no('the path is shorter than the log is high');
  return equalBytes(node, root) ? YES : no('the path leads to another root');
}

export interface Consistency {
  readonly before: number;
  readonly rootBefore: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** Whether the later log only adds to the earlier one. An empty log is continued by every other: that shows nothing and is refused.
 *  Never throws; two hashes a step. Source: RFC 9162, 2.1.4.2. */
export function checkConsistency({ before, rootBefore, size, root, path }: Consistency, hash: MerkleHash): MerkleCheck {
  if (!isCount(size) || !isCount(before) || before > size) return no(`a log of ${size} does not continue one of ${before}`);
  if (before === 0) return no('every log continues an empty one: it shows nothing');
  if (rootBefore.length === 0 || rootBefore.length !== root.length) return no('the roots are no hashes of one kind');
  if (path.some((step) => step.length !== root.length)) return no('a step of the path is no hash');
  if (before === size) {
    if (path.length > 0) return no('two logs of one size need no path');
    return equalBytes(rootBefore, root) ? YES : no('two logs of one size have different roots');
  }
  let at = before - 1;
  let last = size - 1;
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  const start = at === 0 ? rootBefore : path[0]; // a complete earlier log is itself a node of the later one
  if (start === undefined) return no('the path is empty');
  let nodeBefore = start;
  let node = start;
  for (const step of at === 0 ? path : path.slice(1)) {
    if (last === 0) return no('the path is longer than the log is high');
    if (at % 2 === 1 || at === last) {
      nodeBefore = merkleNode(step, nodeBefore, hash);
      node = merkleNode(step, node, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, half(last)];
    } else node = merkleNode(node, step, hash);
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) return no('the path is shorter than the log is high');
  if (!equalBytes(nodeBefore, rootBefore)) return no('the path leads to another earlier root');
  return equalBytes(node, root) ? YES : no('the path leads to another root');
}

const YES: MerkleCheck = { ok: true };

function no(reason: string): MerkleCheck {
  return { ok: false, reason };
}

function half(n: number): number {
  return Math.floor(n / 2);
}

function isCount(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

/** The largest power of two below `n`, for n > 1. */
function splitOf(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

/** The complete nodes over the leaves from..to, left to right; `from` is a multiple of a power of two not below `to - from`. */
function peaksOf(from: number, to: number, read: ReadMerkleNode): readonly Uint8Array[] {
  const widths: { readonly level: number; readonly leaves: number }[] = []; // 13 = 8 + 4 + 1
  for (let level = 0, leaves = 1, rest = to - from; rest > 0; level++, leaves *= 2, rest = half(rest)) {
    if (rest % 2 === 1) widths.unshift({ level, leaves });
  }
  let at = from;
  return widths.map(({ level, leaves }) => {
    const node = read(level, at / leaves);
    at += leaves;
    return node;
  });
}

function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = half(rest)) count += rest % 2;
  return count;
}

function fold(peaks: readonly Uint8Array[], hash: MerkleHash): Uint8Array {
  return peaks.reduceRight((right, left) => merkleNode(left, right, hash));
}
