import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hex, sha256 } from '../kernel/index.ts';
import {
  checkConsistency,
  checkInclusion,
  consistencyPath,
  inclusionPath,
  merkleLeaf,
  merkleNode,
  merklePeaks,
  MerkleRange,
  merkleRoot,
  type ReadMerkleNode,
} from './merkle.ts';

const vectors = process.env.SKEIN_VECTORS ?? '';
const directory = join(vectors, 'rfc6962/testdata');
const present = vectors !== '' && existsSync(directory);

/** A log of so many leaves with its nodes kept the way a store keeps them: with the leaf that completes them. */
function logOf(size: number): { leaves: Uint8Array[]; roots: string[]; read: ReadMerkleNode; reads: () => number } {
  const range = new MerkleRange(sha256);
  const leaves: Uint8Array[] = [];
  const completed: (readonly Uint8Array[])[] = [];
  const roots = [hex(range.root())];
  for (let index = 0; index < size; index++) {
    leaves.push(merkleLeaf(new Uint8Array([index, index >> 8]), sha256));
    completed.push(range.append(leaves[index]!));
    roots.push(hex(range.root()));
  }
  let reads = 0;
  const read: ReadMerkleNode = (level, index) => {
    reads += 1;
    const last = (index + 1) * 2 ** level - 1;
    return level === 0 ? leaves[last]! : completed[last]![level - 1]!;
  };
  return { leaves, roots, read, reads: () => reads };
}

/** The definition: RFC 6962, 2.1. */
function rootByDefinition(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return sha256(new Uint8Array(0));
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return merkleNode(rootByDefinition(leaves.slice(0, split)), rootByDefinition(leaves.slice(split)), sha256);
}

const MOST = 41;
const log = logOf(MOST);
const rootAt = (size: number): Uint8Array => merkleRoot(size, log.read, sha256);

describe('a Merkle log', () => {
  it('has the root of the definition at every size, while it grows, from stored nodes, and continued from its peaks', () => {
    for (let size = 0; size <= MOST; size++) {
      const wanted = hex(rootByDefinition(log.leaves.slice(0, size)));
      expect(log.roots[size]).toBe(wanted);
      expect(hex(rootAt(size))).toBe(wanted);
      const resumed = new MerkleRange(sha256, size, merklePeaks(size, log.read));
      for (const leaf of log.leaves.slice(size)) resumed.append(leaf);
      expect(hex(resumed.root())).toBe(log.roots[MOST]);
    }
  });

  it('proves every leaf of every size and every earlier log, and both proofs are refused for anything else', () => {
    for (let size = 1; size <= MOST; size++) {
      for (let index = 0; index < size; index++) {
        const path = inclusionPath(index, size, log.read, sha256);
        const proof = { index, size, leaf: log.leaves[index]!, root: rootAt(size), path };
        expect(checkInclusion(proof, sha256)).toEqual({ ok: true });
        if (size > 1) expect(checkInclusion({ ...proof, index: (index + 1) % size }, sha256).ok).toBe(false);
        expect(checkInclusion({ ...proof, root: rootAt(size - 1) }, sha256).ok).toBe(false);
        const before = index + 1;
        const steps = consistencyPath(before, size, log.read, sha256);
        const later = { before, rootBefore: rootAt(before), size, root: rootAt(size), path: steps };
        expect(checkConsistency(later, sha256)).toEqual({ ok: true });
        expect(checkConsistency({ ...later, rootBefore: rootAt(before - 1) }, sha256).ok).toBe(false);
        expect(checkConsistency({ ...later, path: [...steps, rootAt(1)] }, sha256).ok).toBe(false);
        if (steps.length > 0) expect(checkConsistency({ ...later, path: steps.slice(1) }, sha256).ok).toBe(false);
      }
    }
  });

  it('refuses a proof with any bit flipped', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: MOST }), fc.nat(), fc.nat(), fc.nat({ max: 255 }), (size, where, step, bit) => {
        const index = where % size;
        const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const path = inclusionPath(index, size, log.read, sha256);
        const proof = { index, size, leaf: log.leaves[index]!, root: rootAt(size), path };
        const bent = path.map((one, i) => (i === step % path.length ? flip(one) : one));
        for (const wrong of [
          { ...proof, path: bent },
          { ...proof, leaf: flip(proof.leaf) },
          { ...proof, root: flip(proof.root) },
        ])
          expect(checkInclusion(wrong, sha256).ok).toBe(false);
      }),
    );
  });

  it('reads no more than twice the height of the tree for a proof', () => {
    const before = log.reads();
    inclusionPath(25, MOST, log.read, sha256);
    expect(log.reads() - before).toBeLessThanOrEqual(2 * Math.ceil(Math.log2(MOST)));
  });

  it('says that there is no such leaf, and refuses sizes that are no counts', () => {
    expect(() => inclusionPath(3, 3, log.read, sha256)).toThrow('no leaf 3 in a log of 3');
    expect(() => consistencyPath(0, 3, log.read, sha256)).toThrow('does not continue one of 0');
    const [leaf, root] = [log.leaves[0]!, rootAt(1)];
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 1],
      [0.5, 1],
      [0, 2 ** 60],
    ] as const)
      expect(checkInclusion({ index, size, leaf, root, path: [] }, sha256).ok).toBe(false);
  });
});

describe('proofs of others', () => {
  it.skipIf(!present)('from SKEIN_VECTORS/rfc6962 (98 inclusion, 98 consistency) are judged as they say', () => {
    const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
    const seen = { inclusion: 0, consistency: 0 };
    for (const kind of ['inclusion', 'consistency'] as const) {
      for (const file of readdirSync(join(directory, kind), { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.json')) continue;
        const one = JSON.parse(readFileSync(join(directory, kind, file), 'utf8')) as Vector;
        const path = (one.proof ?? []).map(bytes);
        const { ok } =
          kind === 'inclusion'
            ? checkInclusion(
                { index: one.leafIdx, size: one.treeSize, leaf: bytes(one.leafHash), root: bytes(one.root), path },
                sha256,
              )
            : checkConsistency(
                { before: one.size1, rootBefore: bytes(one.root1), size: one.size2, root: bytes(one.root2), path },
                sha256,
              );
        expect(ok, `${kind}/${file}`).toBe(!one.wantErr);
        seen[kind] += 1;
      }
    }
    expect(seen).toEqual({ inclusion: 98, consistency: 98 });
  });
});

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly root: string;
  readonly leafHash: string;
  readonly size1: number;
  readonly size2: number;
  readonly root1: string;
  readonly root2: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}
