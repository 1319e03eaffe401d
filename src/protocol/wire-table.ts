/**
 * Which contracts two hosts speak with each other, and under which number each of them goes on the wire. Both ends work it out
 * from the same two lists, so nothing but (name with version, hash) is exchanged, and a frame carries the fingerprint of the
 * table that it was written with: a number is never read under another table's meaning.
 */
import { assert, canonicalJson, sha256, utf8 } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import type { Refusal } from './refusal.ts';
import { compileShape, type Shape } from './wire.ts';

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** What a host says of each contract it speaks. */
export type ContractOffer = Pick<Contract, 'type' | 'hash'>;

export const CONTRACTS_MAX = 0xffff; // a number of 16 bits; 0 is a contract that was not agreed
export const FINGERPRINT_BYTES = 8;

export interface WireEntry {
  readonly number: number;
  readonly contract: Contract;
  readonly shape: Shape;
}

export class WireTable {
  /** First eight bytes of the SHA-256 of all names and hashes, in order. */
  readonly fingerprint: Uint8Array;
  readonly #entries: readonly WireEntry[];
  readonly #byType: ReadonlyMap<string, WireEntry>;

  /** The order given does not matter. Two contracts of one name are a mistake of the caller. */
  constructor(contracts: readonly Contract[]) {
    assert(contracts.length <= CONTRACTS_MAX, `a wire table holds at most ${CONTRACTS_MAX} contracts, not ${contracts.length}`);
    const sorted = contracts.toSorted((a, b) => (a.type < b.type ? -1 : 1));
    this.#entries = sorted.map((contract, i) => entry(i + 1, contract));
    this.#byType = new Map(this.#entries.map((each) => [each.contract.type, each]));
    assert(this.#byType.size === sorted.length, 'a wire table holds each contract once');
    const text = canonicalJson(sorted.map(({ type, hash }) => [type, hash]));
    this.fingerprint = sha256(utf8(text)).subarray(0, FINGERPRINT_BYTES);
  }

  get size(): number {
    return this.#entries.length;
  }

  /** The entry for exactly this contract: the same name under another hash is another contract. */
  find(type: string, hash: string): WireEntry | undefined {
    const found = this.#byType.get(type);
    return found !== undefined && found.contract.hash === hash ? found : undefined;
  }

  at(number: number): WireEntry | undefined {
    return this.#entries[number - 1];
  }
}

function entry(number: number, contract: Contract): WireEntry {
  let shape: Shape | null = null;
  return {
    number,
    contract,
    get shape(): Shape {
      return (shape ??= compileShape(contract)); // most hosts use few of the contracts that they know
    },
  };
}

/**
 * The contracts that both speak. One name and version with two hashes means that the two hosts would misread each other: the
 * session is refused.
 */
export function agreeOnContracts(mine: readonly Contract[], theirs: readonly ContractOffer[]): Result<WireTable> {
  if (theirs.length > CONTRACTS_MAX)
    return refused('invalid', `the peer offers ${theirs.length} contracts, the limit is ${CONTRACTS_MAX}`);
  const offered = new Map<string, string>();
  for (const { type, hash } of theirs) {
    if (offered.has(type)) return refused('invalid', `the peer offers the contract ${type} twice`);
    offered.set(type, hash);
  }
  for (const { type, hash } of mine) {
    const other = offered.get(type);
    if (other === undefined || other === hash) continue;
    return refused(
      'unknown-contract',
      `${type} has the hash ${hash.slice(0, 12)} here and ${other.slice(0, 12)} at the peer: ` +
        'bring both hosts to the same build, or give the changed contract a new version',
    );
  }
  return { ok: true, value: new WireTable(mine.filter(({ type }) => offered.has(type))) };
}

function refused(reason: Refusal['reason'], detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason, detail } };
}
