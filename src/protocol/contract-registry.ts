/**
 * The contracts a host knows, by type and by number, and what two hosts that meet make of each other's list. Pure: who sends
 * the lists, and what becomes of a message without a contract, is the host's. A number is a contract's place on the wire: given
 * once, never used again for another one.
 */
import { assert } from '../kernel/index.ts';
import type { Contract } from './contract.ts';
import type { Refusal } from './refusal.ts';

/** What hosts tell each other of a contract when they meet. */
export interface ContractIdentity {
  /** `domain.kind.name.vN`. */
  readonly type: string;
  readonly minor: number;
  readonly hash: string;
  /** The number by which the teller will name it in this session. */
  readonly number: number;
}

/** same: one schema. projected: another minor version; the consumer keeps what it knows. unknown: its messages become dead letters. */
export type Understanding =
  | { readonly how: 'same' | 'projected'; readonly contract: Contract }
  | { readonly how: 'unknown'; readonly refusal: Refusal };

export type Agreement =
  /** By the number that the other host uses. */
  | { readonly ok: true; readonly byNumber: ReadonlyMap<number, Understanding> }
  | { readonly ok: false; readonly refusal: Refusal };

/** Numbers fit 16 bits in a frame. */
export const CONTRACT_NUMBER_MAX = 65_535;
/** Below are Skein's own; a fleet's own contracts are counted from here in the order in which they are registered. */
export const FLEET_CONTRACTS_FROM = 4096;
const HASH = /^[0-9a-f]{64}$/;
const TYPE = /^([a-z][a-z0-9-]*\.[a-z]+\.[a-z][a-z0-9-]*)\.v([1-9][0-9]{0,8})$/;

export class ContractRegistry {
  readonly #byType = new Map<string, Contract>();
  readonly #byNumber = new Map<number, Contract>();
  readonly #numbers = new Map<string, number>();
  #next = FLEET_CONTRACTS_FROM;

  /** The same contract again changes nothing. Throws `InvariantError` for another contract under a taken name, version or number. */
  add(contract: Contract, number?: number): void {
    const known = this.#byType.get(contract.type);
    if (known !== undefined) {
      const same = known.hash === contract.hash && known.minor === contract.minor;
      assert(
        same,
        `${contract.type} is registered with hash ${known.hash.slice(0, 12)}, not ${contract.hash.slice(0, 12)}: raise minor`,
      );
      const at = this.#numbers.get(contract.type);
      assert(number === undefined || number === at, `${contract.type} has the number ${at}, not ${number}`);
      return;
    }
    const at = number ?? this.#next;
    assert(Number.isInteger(at) && at >= 1 && at <= CONTRACT_NUMBER_MAX, `${contract.type}: ${at} is no number of a contract`);
    const holder = this.#byNumber.get(at);
    assert(holder === undefined, `the number ${at} of ${contract.type} belongs to ${holder?.type}`);
    this.#byType.set(contract.type, contract);
    this.#byNumber.set(at, contract);
    this.#numbers.set(contract.type, at);
    while (this.#byNumber.has(this.#next)) this.#next += 1;
  }

  get(type: string): Contract | undefined {
    return this.#byType.get(type);
  }

  byNumber(number: number): Contract | undefined {
    return this.#byNumber.get(number);
  }

  numberOf(type: string): number | undefined {
    return this.#numbers.get(type);
  }

  /** In the order of their numbers. */
  list(): readonly Contract[] {
    return [...this.#byNumber].toSorted(([a], [b]) => a - b).map(([, contract]) => contract);
  }

  identities(): readonly ContractIdentity[] {
    return this.list().map(({ type, minor, hash }) => ({ type, minor, hash, number: this.#numbers.get(type)! }));
  }

  /**
   * What this host understands of what the other one says. Refused as a whole when both hold the same version of a contract
   * with different meanings, or when the list makes no sense: then neither side may trust the other's words.
   */
  meet(theirs: readonly ContractIdentity[]): Agreement {
    const byNumber = new Map<number, Understanding>();
    const seen = new Set<string>();
    for (const { type, minor, hash, number } of theirs) {
      const wellFormed =
        TYPE.test(type) && HASH.test(hash) && Number.isSafeInteger(minor) && minor >= 0 && Number.isInteger(number);
      if (!wellFormed || number < 1 || number > CONTRACT_NUMBER_MAX || byNumber.has(number) || seen.has(type))
        return refuse(`the list of contracts names ${JSON.stringify(type).slice(0, 100)} (number ${number}) twice or wrongly`);
      seen.add(type);
      const own = this.#byType.get(type);
      if (own === undefined) byNumber.set(number, { how: 'unknown', refusal: this.unknown(type) });
      else if (own.hash === hash && own.minor === minor) byNumber.set(number, { how: 'same', contract: own });
      else if (own.minor !== minor) byNumber.set(number, { how: 'projected', contract: own });
      else {
        const detail = `${type} minor ${minor} has hash ${own.hash.slice(0, 12)} here and ${hash.slice(0, 12)} there`;
        return refuse(`${detail}: one of the two changed without a new version; skein contracts check says which it needs`);
      }
    }
    return { ok: true, byNumber };
  }

  /** Why a message of this type cannot be read here: the name, or only its major version. */
  unknown(type: string): Refusal {
    const name = TYPE.exec(type)?.[1];
    const others = name === undefined ? [] : this.list().filter((each) => each.type.startsWith(`${name}.v`));
    const known = others.map((each) => `v${each.version}`).join(', ');
    const detail =
      known === ''
        ? `no contract ${type.slice(0, 200)} is known here: register it, or do not send it to this host`
        : `${type} is not known here, only ${known}: send one of those, or upgrade this host`;
    return { reason: 'unknown-contract', detail };
  }
}

function refuse(detail: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { reason: 'invalid', detail } };
}
