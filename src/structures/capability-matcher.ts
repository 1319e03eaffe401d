/**
 * Who can do it: from required capabilities with levels and attributes to candidates, best first, or why nobody. Owns an index of
 * one bit for each agent and term; agents are dense numbers, what they are called is the caller's. A match over 30,000 agents is
 * some thousand words of bits and a look at each candidate. It keeps no load and promises nobody anything: the caller hands in a cost.
 */
import { assert } from '../kernel/index.ts';

/** A level counts as having all below it. */
export interface Need {
  readonly capability: string;
  /** 1 (the default) to 8. */
  readonly level?: number;
}

export interface MatchQuery {
  readonly needs: readonly Need[];
  /** Each must be equal: `{ class: 'gpu', sector: 'eu' }`. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Most important first; one that an agent lacks costs it rank, never its place. */
  readonly prefer?: readonly (Need | { readonly attribute: string; readonly value: string })[];
  readonly limit: number;
}

/** Terms as text, as in `gpu >= 2`, `class = edge`, `available`. */
export type NoMatch = readonly { readonly term: string; readonly have: number; readonly leftWithAllBefore: number }[];

export const LEVELS_MAX = 8;
export const TERMS_MAX = 4_096; // 15 MB of bits for 30,000 agents; a term for each agent is a name, not an attribute
const PREFERENCES_MAX = 16; // more than anybody ranks by; the rank stays a small integer

interface Candidate {
  readonly agent: number;
  /** A bit for each preference that it lacks, the most important one highest. */
  readonly lack: number;
  readonly price: number;
}

export class CapabilityMatcher {
  readonly #agents: number;
  readonly #words: number;
  readonly #terms = new Map<string, Int32Array>();
  readonly #available: Int32Array;
  readonly #empty: Int32Array;

  constructor(agents: number) {
    this.#agents = agents;
    this.#words = (agents + 31) >>> 5;
    this.#available = new Int32Array(this.#words);
    this.#empty = new Int32Array(this.#words);
  }

  /** Replaces what is known of the agent; available from then on. False, and nothing changed, when the index is full. O(all terms). */
  describe(agent: number, capabilities: readonly Need[], attributes: Readonly<Record<string, string>> = {}): boolean {
    assert(agent >= 0 && agent < this.#agents, `agent ${agent} of ${this.#agents}`);
    const terms = new Set(Object.entries(attributes).map(([name, value]) => attributeTerm(name, value)));
    for (const { capability, level = 1 } of capabilities) {
      checkLevel(level);
      for (let each = 1; each <= level; each++) terms.add(levelTerm({ capability, level: each }));
    }
    let fresh = 0;
    for (const term of terms) if (!this.#terms.has(term)) fresh += 1;
    if (this.#terms.size + fresh > TERMS_MAX) this.#forgetUnused();
    if (this.#terms.size + fresh > TERMS_MAX) return false;
    this.remove(agent);
    for (const term of terms) {
      let bits = this.#terms.get(term);
      if (bits === undefined) this.#terms.set(term, (bits = new Int32Array(this.#words)));
      bits[agent >>> 5]! |= 1 << (agent & 31);
    }
    this.setAvailable(agent, true);
    return true;
  }

  remove(agent: number): void {
    for (const bits of this.#terms.values()) bits[agent >>> 5]! &= ~(1 << (agent & 31));
    this.setAvailable(agent, false);
  }

  setAvailable(agent: number, available: boolean): void {
    if (available) this.#available[agent >>> 5]! |= 1 << (agent & 31);
    else this.#available[agent >>> 5]! &= ~(1 << (agent & 31));
  }

  /** The first `limit`: by preferences in their order, then by the smaller `cost[agent]` (load, impedance), then by number. */
  match(query: MatchQuery, cost: ArrayLike<number> | null = null): readonly number[] {
    const { prefer = [], limit } = query;
    assert(prefer.length <= PREFERENCES_MAX, `${prefer.length} preferences: at most ${PREFERENCES_MAX}`);
    const required = this.#required(query).map((term) => this.#bits(term));
    const preferred = prefer.map((each) =>
      this.#bits('attribute' in each ? attributeTerm(each.attribute, each.value) : levelTerm(each)),
    );
    if (limit <= 0) return [];
    const best: Candidate[] = []; // sorted, at most `limit`
    let worst: Candidate | null = null; // of a full list: most candidates are compared with it alone
    for (let word = 0; word < this.#words; word++) {
      let bits = this.#available[word]!;
      for (let i = 0; i < required.length && bits !== 0; i++) bits &= required[i]![word]!;
      for (; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        const agent = word * 32 + 31 - Math.clz32(bit);
        let lack = 0;
        for (let i = 0; i < preferred.length; i++) lack = lack * 2 + ((preferred[i]![word]! & bit) === 0 ? 1 : 0);
        const price = cost === null ? 0 : cost[agent]!;
        // Agents come by number: an equal one stays behind.
        if (worst !== null && (lack > worst.lack || (lack === worst.lack && price >= worst.price))) continue;
        let at = best.length;
        while (at > 0 && (lack < best[at - 1]!.lack || (lack === best[at - 1]!.lack && price < best[at - 1]!.price))) at -= 1;
        best.splice(at, 0, { agent, lack, price });
        if (best.length > limit) best.pop();
        if (best.length === limit) worst = best[limit - 1]!;
      }
    }
    return best.map(({ agent }) => agent);
  }

  /** What this agent lacks; empty = it matches. */
  whyNot(agent: number, query: MatchQuery): readonly string[] {
    const lacks = (bits: Int32Array): boolean => (bits[agent >>> 5]! & (1 << (agent & 31))) === 0;
    const lacking = this.#required(query).filter((term) => lacks(this.#bits(term)));
    return lacks(this.#available) ? [...lacking, 'available'] : lacking;
  }

  /** Each term with how many have it, and how many are left with all terms before it: the first 0 is what nobody has together. */
  whyNobody(query: MatchQuery): NoMatch {
    const left = new Int32Array(this.#words).fill(-1);
    return [...this.#required(query), 'available'].map((term) => {
      const bits = term === 'available' ? this.#available : this.#bits(term);
      for (let word = 0; word < this.#words; word++) left[word]! &= bits[word]!;
      return { term, have: countBits(bits), leftWithAllBefore: countBits(left) };
    });
  }

  #required({ needs, attributes = {} }: MatchQuery): string[] {
    return [...needs.map(levelTerm), ...Object.entries(attributes).map(([name, value]) => attributeTerm(name, value))];
  }

  #forgetUnused(): void {
    for (const [term, bits] of this.#terms) if (bits.every((word) => word === 0)) this.#terms.delete(term);
  }

  #bits(term: string): Int32Array {
    return this.#terms.get(term) ?? this.#empty;
  }
}

function levelTerm({ capability, level = 1 }: Need): string {
  checkLevel(level);
  return `${capability} >= ${level}`;
}

// Ends with a quotation mark, a capability's term with a digit: they cannot be confused.
function attributeTerm(name: string, value: string): string {
  return `${JSON.stringify(name)} = ${JSON.stringify(value)}`;
}

function checkLevel(level: number): void {
  assert(Number.isInteger(level) && level >= 1 && level <= LEVELS_MAX, `level ${level}: 1 to ${LEVELS_MAX}`);
}

function countBits(words: Int32Array): number {
  let count = 0;
  for (let word of words) for (; word !== 0; word &= word - 1) count += 1;
  return count;
}
