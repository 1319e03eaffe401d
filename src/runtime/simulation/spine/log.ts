/**
 * The ledgers of a run, judged at its end: every byte of every host's Merkle log recomputed, held against checkpoints that the
 * host signed when the storm ended and at the very end, with proofs between them, and against what the world saw begin.
 * It trusts nothing that the store computed; the hash is the real one, whoever signs.
 */
import { concat, equalBytes, fromUtf8, sha256, utf8 } from '../../../kernel/index.ts';
import type { LedgerEntry } from '../../../ports/index.ts';
import {
  type Checkpoint,
  checkpointText,
  type Crypto,
  decodeLedgerHeader,
  type KeyPair,
  ledgerLeafOfHash,
  ledgerNodes,
  openNote,
  signNote,
} from '../../../protocol/index.ts';
import { checkConsistency, checkInclusion, consistencyPath, inclusionPath, MerkleRange } from '../../../structures/index.ts';

export class LedgerWatch {
  readonly #crypto: Crypto;
  readonly #host: string;
  readonly #realmHash: Uint8Array;
  readonly #origin: string;
  readonly #keys: KeyPair;
  /** Signed statements about the log, each of a later state than the one before. */
  readonly #notes: string[] = [];
  /** Keys and fences of what the world saw begin. */
  readonly #began = new Set<string>();

  constructor(crypto: Crypto, realm: string, host: string) {
    this.#crypto = crypto;
    this.#host = host;
    this.#realmHash = sha256(utf8(realm)).subarray(0, 16);
    this.#origin = `skein/${realm}/${host}`;
    this.#keys = crypto.keyPair(crypto.hash(utf8(`simulated ledger of ${host}`)));
  }

  began(key: string, fence: number): void {
    this.#began.add(`${key} ${fence}`);
  }

  /** The host says what its log is now. */
  sign(entries: readonly LedgerEntry[]): void {
    const range = new MerkleRange(sha256);
    for (const { leaf } of entries) range.append(leaf);
    const { publicKey, secretKey } = this.#keys;
    const signer = { name: this.#origin, publicKey, sign: (bytes: Uint8Array) => this.#crypto.sign(secretKey, bytes) };
    const text = checkpointText({ origin: this.#origin, size: range.size, root: range.root() });
    this.#notes.push(signNote(text, signer, sha256));
  }

  /** The first thing that is wrong with it, or null. */
  judge(entries: readonly LedgerEntry[]): string | null {
    const signed: Checkpoint[] = [];
    for (const note of this.#notes) {
      const keys = [{ name: this.#origin, publicKey: this.#keys.publicKey }];
      const opened = openNote(note, keys, (key, bytes, tag) => this.#crypto.verify(key, bytes, tag), sha256);
      if (!opened.ok) return opened.detail;
      signed.push(opened.checkpoint);
    }
    return this.#entries(entries, signed) ?? proofs(entries, signed);
  }

  #entries(entries: readonly LedgerEntry[], signed: readonly Checkpoint[]): string | null {
    const missing = new Set(this.#began);
    const range = new MerkleRange(sha256);
    const due = [...signed];
    for (let index = 0; ; index++) {
      for (; due[0]?.size === index; due.shift())
        if (!equalBytes(due[0].root, range.root())) return `entry ${index}: the log before it is not the one that was signed`;
      const entry = entries[index];
      if (entry === undefined) break;
      const wrong = this.#wrong(entry, index) ?? wrongNodes(entry, range);
      if (wrong !== null) return `entry ${index}: ${wrong}`;
      if (entry.body === null || decodeLedgerHeader(entry.header)?.kind !== 'activity.intent') continue;
      const { key, fence } = JSON.parse(fromUtf8(entry.body)) as { key: string; fence: number };
      missing.delete(`${key} ${fence}`);
    }
    if (due.length > 0) return `it ends after ${entries.length} entries, ${due[0]!.size} were signed`;
    const [first] = missing;
    return first === undefined ? null : `${first} began and no entry says so`;
  }

  #wrong({ header, bodyHash, body, leaf }: LedgerEntry, index: number): string | null {
    const read = decodeLedgerHeader(header);
    if (read === null) return 'its header cannot be read';
    if (read.index !== index) return `it was written as entry ${read.index}`;
    if (read.host !== this.#host || !equalBytes(read.realmHash, this.#realmHash)) return 'it is of another host';
    if (body !== null && (body.length !== read.bodyLength || !equalBytes(sha256(body), bodyHash)))
      return 'its body is not the one that was written';
    return equalBytes(ledgerLeafOfHash(header, bodyHash, sha256), leaf) ? null : 'header, body and leaf do not belong together';
  }
}

function wrongNodes({ leaf, nodes }: LedgerEntry, range: MerkleRange): string | null {
  return equalBytes(concat(...range.append(leaf)), nodes) ? null : 'its inner nodes are not those of its leaves';
}

/** What somebody who has only checkpoints could be shown: each continues the one before, and an entry is in the last. */
function proofs(entries: readonly LedgerEntry[], signed: readonly Checkpoint[]): string | null {
  const read = ledgerNodes((index) => entries[index]!);
  for (const [n, { size, root }] of signed.entries()) {
    const before = signed[n - 1];
    if (before === undefined || before.size === 0) continue;
    const path = consistencyPath(before.size, size, read, sha256);
    const continued = checkConsistency({ before: before.size, rootBefore: before.root, size, root, path }, sha256);
    if (!continued.ok) return `the log of ${size} does not continue that of ${before.size}: ${continued.reason}`;
  }
  const last = signed.at(-1);
  if (last === undefined || last.size === 0) return null;
  const index = Math.floor(last.size / 2);
  const path = inclusionPath(index, last.size, read, sha256);
  const included = checkInclusion({ index, size: last.size, leaf: entries[index]!.leaf, root: last.root, path }, sha256);
  return included.ok ? null : `entry ${index} cannot be proven: ${included.reason}`;
}
