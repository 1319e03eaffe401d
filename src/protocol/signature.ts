/**
 * Signatures that outlive the hop: of one message by its agent's own key, and of a batch by its Merkle root, so that any one of
 * its messages can be shown to a third party with ten hashes and one signature for all. For the hop itself a frame is sealed
 * (seal.ts), which proves nothing about a single message. Owns no tree: `structures/merkle` does. Source: RFC 9162, 2.1.
 *
 *   message   16 B key id · 64 B signature over the message's bytes
 *   batch     64 B signature over u32 number of leaves (big endian) || root;   leaf = SHA-256(0x00 || message)
 */
import { assert, concat, type Millis } from '../kernel/index.ts';
import { checkInclusion, inclusionPath, merkleLeaf, MerkleRange } from '../structures/index.ts';
import type { Crypto } from './crypto.ts';
import { type KeyRing } from './key-ring.ts';
import { KEY_ID_BYTES, SIGNATURE_BYTES, type Signer } from './keys.ts';
import type { Refusal } from './refusal.ts';

/** 80 bytes: key id and signature. */
export const MESSAGE_SIGNATURE_BYTES: number = KEY_ID_BYTES + SIGNATURE_BYTES;
export const BATCH_MAX: number = 65_536; // paths of 16 hashes; a frame holds 1,000 messages, a group commit 512 batches of 64

/** What a message says for itself: an agent's key over its exact bytes. */
export function signMessage(bytes: Uint8Array, key: Signer): Uint8Array {
  return concat(key.id, key.sign('message', bytes));
}

/** Whether `author` signed these bytes with a key that counts at that time; null: yes. Never throws. */
export function verifyMessage(
  bytes: Uint8Array,
  signature: Uint8Array,
  author: string,
  ring: KeyRing,
  at: Millis,
): Refusal | null {
  if (signature.length !== MESSAGE_SIGNATURE_BYTES) {
    return refuse(`a message of ${author} has a signature of ${signature.length} bytes, not ${MESSAGE_SIGNATURE_BYTES}`);
  }
  const id = signature.subarray(0, KEY_ID_BYTES);
  const signer = ring.memberOf(id);
  if (signer !== null && signer !== author) return refuse(`${signer} signed a message of ${author}`);
  return ring.verify(id, 'message', bytes, signature.subarray(KEY_ID_BYTES), at);
}

export interface SignedRoot {
  readonly keyId: Uint8Array;
  /** Leaves in the batch, 1 to `BATCH_MAX`. */
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

export interface SignedBatch {
  readonly signed: SignedRoot;
  /** The path of one message to the root: log2(size) hashes, the sibling first. */
  readonly path: (index: number) => readonly Uint8Array[];
}

/** One signature over many messages. Two hashes a message and one signature. */
export function signBatch(messages: readonly Uint8Array[], key: Signer, primitives: Crypto): SignedBatch {
  const size = messages.length;
  assert(size >= 1 && size <= BATCH_MAX, `a batch has 1 to ${BATCH_MAX} messages, not ${size}`);
  const hash = (bytes: Uint8Array): Uint8Array => primitives.hash(bytes);
  const range = new MerkleRange(hash);
  const levels: Uint8Array[][] = [[]];
  for (const message of messages) {
    const leaf = merkleLeaf(message, hash);
    levels[0]!.push(leaf);
    for (const [above, node] of range.append(leaf).entries()) (levels[above + 1] ??= []).push(node);
  }
  const root = range.root();
  const signature = key.sign('batch', statement(size, root));
  return {
    signed: { keyId: key.id, size, root, signature },
    path: (index) => inclusionPath(index, size, (level, at) => levels[level]![at]!, hash),
  };
}

/** Once for a batch: whether its root was signed by a key that counts at that time; null: yes. */
export function verifyRoot(signed: SignedRoot, ring: KeyRing, at: Millis): Refusal | null {
  const { keyId, size, root, signature } = signed;
  if (!Number.isInteger(size) || size < 1 || size > BATCH_MAX || root.length !== 32) return refuse('no root of a batch');
  return ring.verify(keyId, 'batch', statement(size, root), signature, at);
}

/** Once for a message: whether it is in a batch whose root was verified; null: yes. log2(size) + 1 hashes. */
export function checkInBatch(
  message: Uint8Array,
  index: number,
  path: readonly Uint8Array[],
  { size, root }: Pick<SignedRoot, 'size' | 'root'>,
  primitives: Crypto,
): Refusal | null {
  const hash = (bytes: Uint8Array): Uint8Array => primitives.hash(bytes);
  const check = checkInclusion({ index, size, leaf: merkleLeaf(message, hash), root, path }, hash);
  return check.ok ? null : refuse(`message ${index} of ${size} is not in the signed batch: ${check.reason}`);
}

function statement(size: number, root: Uint8Array): Uint8Array {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, size);
  return concat(number, root);
}

function refuse(detail: string): Refusal {
  return { reason: 'bad-signature', detail };
}
