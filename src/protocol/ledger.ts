/**
 * The bytes a ledger commits to. leaf = SHA-256(0x00 || header || SHA-256(body)); the header is fixed-width, integers only;
 * the body is the exact bytes as written and lives beside the log, so that it can be erased while proofs survive.
 * The leaves are those of a Merkle log (structures/merkle); each entry keeps the inner nodes that it completes, so that any
 * proof is O(log n) reads of entries. Hashing itself is handed in: the same layout serves the simulation and the commit thread.
 *
 * header, 96 bytes, big endian:
 *   0 u8 layout version (1) · 1 u8 kind · 2 u16 zero · 4 u32 body length
 *   8 u64 index in this log · 16 u64 host time ms · 24 u64 commit sequence · 32 u32 incarnation · 36 u32 zero
 *   40 16 B entry id · 56 16 B causation id (zeros: none) · 72 6 B host · 78 2 B zero · 80 16 B first half of SHA-256(realm)
 */
import { assert, concat, fromHex, fromUtf8, hex, type Millis } from '../kernel/index.ts';
import type { ReadMerkleNode } from '../structures/index.ts';

export const LEDGER_HEADER_BYTES: number = 96;
export const LEDGER_HASH_BYTES: number = 32;
export const LEDGER_BODY_BYTES_MAX: number = 1024 * 1024; // one frame

/** What kind of fact an entry states. Numbers are on disk: append only, never reuse. */
export const LEDGER_KINDS = {
  'host.started': 1,
  'host.stopped': 2,
  'input.refused': 3,
  'activity.intent': 4,
  'activity.outcome': 5,
  decision: 6,
  cost: 7,
  effect: 8,
  halt: 9,
  config: 10,
  checkpoint: 11,
  erasure: 12,
  'clock.stepped': 13,
} as const;
export type LedgerKind = keyof typeof LEDGER_KINDS;

export interface LedgerHeader {
  readonly kind: LedgerKind;
  readonly bodyLength: number;
  readonly index: number;
  readonly time: Millis;
  readonly commit: number;
  readonly incarnation: number;
  /** 32 hexadecimal digits. */
  readonly id: string;
  readonly causation: string | null;
  /** 12 hexadecimal digits. */
  readonly host: string;
  /** The first 16 bytes of SHA-256 of the realm's name. */
  readonly realmHash: Uint8Array;
}

export type Hash = (bytes: Uint8Array) => Uint8Array;

/** Throws `InvariantError` for a number that does not fit its field: it would wrap silently and be proved for ever. */
export function encodeLedgerHeader(header: LedgerHeader): Uint8Array {
  const bytes = new Uint8Array(LEDGER_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  writeOpening(bytes, view, header);
  const ids = new Uint8Array(32);
  ids.set(idBytes(header.id, 16));
  if (header.causation !== null) ids.set(idBytes(header.causation, 16), 16);
  writeFact(bytes, view, { ...header, kind: LEDGER_KINDS[header.kind], ids }, header.bodyLength);
  return bytes;
}

/** What all headers of one opening of one host have in common. */
export type LedgerOpening = Pick<LedgerHeader, 'incarnation' | 'host' | 'realmHash'>;

/** What differs from entry to entry. */
export interface LedgerFact {
  /** As in `LEDGER_KINDS`. */
  readonly kind: number;
  readonly time: Millis;
  readonly commit: number;
  readonly index: number;
  /** Id and causation, 16 bytes each; zeros for no causation. */
  readonly ids: Uint8Array;
}

function writeOpening(bytes: Uint8Array, view: DataView, { incarnation, host, realmHash }: LedgerOpening): void {
  field('incarnation', incarnation, 0xffff_ffff);
  assert(realmHash.length >= 16, `a realm hash of ${realmHash.length} bytes is shorter than 16`);
  view.setUint8(0, 1);
  view.setUint32(32, incarnation);
  bytes.set(idBytes(host, 6), 72);
  bytes.set(realmHash.subarray(0, 16), 80);
}

function writeFact(bytes: Uint8Array, view: DataView, fact: LedgerFact, bodyLength: number): void {
  field('body length', bodyLength, LEDGER_BODY_BYTES_MAX);
  field('index', fact.index, Number.MAX_SAFE_INTEGER);
  field('time', fact.time, Number.MAX_SAFE_INTEGER);
  field('commit sequence', fact.commit, Number.MAX_SAFE_INTEGER);
  view.setUint8(1, fact.kind);
  view.setUint32(4, bodyLength);
  setUint64(view, 8, fact.index);
  setUint64(view, 16, fact.time);
  setUint64(view, 24, fact.commit);
  bytes.set(fact.ids, 40);
}

/** Writes the entries of one opening where they are many: the header goes straight into what its leaf is the hash of. */
export class LedgerWriter {
  readonly #hash: Hash;
  /** 0x00 || header || body hash. */
  readonly #hashed: Uint8Array = new Uint8Array(1 + LEDGER_HEADER_BYTES + LEDGER_HASH_BYTES);
  readonly #view: DataView = new DataView(this.#hashed.buffer, 1);
  /** Of the entry written last; bytes that the next one changes. */
  readonly header: Uint8Array = this.#hashed.subarray(1, 1 + LEDGER_HEADER_BYTES);

  constructor(opening: LedgerOpening, hash: Hash) {
    this.#hash = hash;
    writeOpening(this.header, this.#view, opening);
  }

  write(fact: LedgerFact, body: Uint8Array): { readonly bodyHash: Uint8Array; readonly leaf: Uint8Array } {
    writeFact(this.header, this.#view, fact, body.length);
    const bodyHash = this.#hash(body);
    this.#hashed.set(bodyHash, 1 + LEDGER_HEADER_BYTES);
    return { bodyHash, leaf: this.#hash(this.#hashed) };
  }
}

const KIND_NAMES: ReadonlyMap<number, LedgerKind> = new Map(
  Object.entries(LEDGER_KINDS).map(([name, number]) => [number, name as LedgerKind]),
);
const NO_ID = '0'.repeat(32);

/** Null for bytes that are no header of this layout. */
export function decodeLedgerHeader(bytes: Uint8Array): LedgerHeader | null {
  const kind = KIND_NAMES.get(bytes[1] ?? 0);
  if (bytes.length !== LEDGER_HEADER_BYTES || bytes[0] !== 1 || kind === undefined) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const causation = hex(bytes.subarray(56, 72));
  return {
    kind,
    bodyLength: view.getUint32(4),
    index: Number(view.getBigUint64(8)),
    time: Number(view.getBigUint64(16)),
    commit: Number(view.getBigUint64(24)),
    incarnation: view.getUint32(32),
    id: hex(bytes.subarray(40, 56)),
    causation: causation === NO_ID ? null : causation,
    host: hex(bytes.subarray(72, 78)),
    realmHash: bytes.slice(80, 96),
  };
}

/** Without a bigint for each number. */
function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value % 0x1_0000_0000);
}

function field(name: string, value: number, max: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= max) return; // before the words are made: this is asked four times an entry
  assert(false, `a ledger header cannot hold the ${name} ${value}: 0..${max}`);
}

function idBytes(text: string, length: number): Uint8Array {
  const bytes = fromHex(text);
  assert(bytes !== null && bytes.length === length, `"${text}" is not ${length * 2} hexadecimal digits`);
  return bytes;
}

const LEAF_PREFIX = new Uint8Array([0x00]);
const scratch = new Uint8Array(1 + LEDGER_HEADER_BYTES + LEDGER_HASH_BYTES); // the prefix is its first byte
const CHAIN_PREFIX = new Uint8Array([0x02]); // 0x01 is an inner node of the Merkle log over the same leaves

export function ledgerLeaf(header: Uint8Array, body: Uint8Array, hash: Hash): Uint8Array {
  return ledgerLeafOfHash(header, hash(body), hash);
}

/** The same leaf from the hash of the body, which outlives an erased body. */
export function ledgerLeafOfHash(header: Uint8Array, bodyHash: Uint8Array, hash: Hash): Uint8Array {
  if (header.length !== LEDGER_HEADER_BYTES || bodyHash.length !== LEDGER_HASH_BYTES)
    return hash(concat(LEAF_PREFIX, header, bodyHash)); // damaged: it only has to come out different
  scratch.set(header, 1);
  scratch.set(bodyHash, 1 + LEDGER_HEADER_BYTES);
  return hash(scratch);
}

/** The indexes an entry of kind `erasure` names (`{"erased":[3,4],...}`): the bodies of those go in the transaction it is written in.
 *  What is no index before its own is nothing to erase. */
export function erasedBy(body: Uint8Array, own: number): readonly number[] {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(body));
  } catch {
    return [];
  }
  const erased: unknown = typeof value === 'object' && value !== null && 'erased' in value ? value.erased : [];
  if (!Array.isArray(erased)) return [];
  return erased.filter((index): index is number => Number.isSafeInteger(index) && index >= 0 && index < own);
}

/** What a proof needs of an entry: its leaf, and the inner nodes that it completes from level 1 up, 32 bytes each. */
export interface LedgerPlace {
  readonly leaf: Uint8Array;
  readonly nodes: Uint8Array;
}

/** Nodes of the Merkle log, read from the entries that completed them. Throws `InvariantError` where an entry lacks its nodes. */
export function ledgerNodes(place: (index: number) => LedgerPlace): ReadMerkleNode {
  return (level, index) => {
    let width = 1;
    for (let i = 0; i < level; i++) width *= 2;
    const last = (index + 1) * width - 1;
    const { leaf, nodes } = place(last);
    if (level === 0) return leaf;
    const node = nodes.subarray((level - 1) * LEDGER_HASH_BYTES, level * LEDGER_HASH_BYTES);
    assert(node.length === LEDGER_HASH_BYTES, `entry ${last} does not hold its node of level ${level}`);
    return node;
  };
}

/** Ledgers written before they were Merkle logs: chain(n) = SHA-256(0x02 || chain(n-1) || leaf(n)). Read, never written. */
export const LEDGER_CHAIN_START: Uint8Array = new Uint8Array(32);

export function ledgerChain(previous: Uint8Array, leaf: Uint8Array, hash: Hash): Uint8Array {
  return hash(concat(CHAIN_PREFIX, previous, leaf));
}
