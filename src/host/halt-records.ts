/**
 * The halt record as one host knows it: a set of halts and of their ends that only grows, merged in any order to the same
 * state, and the answer whether an effect may start now. Halted until the record was read; halted again when the permission lease is over or its issuer
 * knows of a halt that this host has not heard of.
 */
import { assert, type MonotonicMillis } from '../kernel/index.ts';
import type { Refusal } from '../protocol/index.ts';
import type { HaltRecord, HaltState, PermissionLease } from '../ports/index.ts';

const HALTS_MAX = 100_000; // three for each of 30,000 agents; a record of more than that is no record of halts
const SEVERITY: Readonly<Record<HaltState, number>> = { RUNNING: 0, REDUCING: 1, HALTED: 2, KILLED: 3 };

interface Scope {
  readonly halts: Map<number, HaltRecord>;
  /** Epochs of halts that are over, also of those that were not heard of yet. */
  readonly ended: Set<number>;
  /** The most severe halt that holds. */
  worst: HaltRecord | null;
}

export class HaltRecords {
  readonly #byScope = new Map<string, Scope>();
  #read = false;
  #epoch = 0;
  /** The highest that was heard, also beyond a gap. */
  #heard = 0;
  #count = 0;

  /** Every word up to this one is known here. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The whole record is here: from now on its silence means RUNNING. */
  complete(): void {
    this.#read = true;
    this.#epoch = this.#heard;
  }

  /** Answers whether it was new. */
  merge(record: HaltRecord): boolean {
    // Beyond a gap nothing counts as known until the record was read again: what was missed may be a halt of another scope.
    if (record.epoch === this.#epoch + 1) this.#epoch = record.epoch;
    this.#heard = Math.max(this.#heard, record.epoch);
    let scope = this.#byScope.get(record.scope);
    if (scope === undefined) this.#byScope.set(record.scope, (scope = { halts: new Map(), ended: new Set(), worst: null }));
    if (record.state === 'RUNNING') {
      if (record.ends === undefined || record.ends >= record.epoch || scope.ended.has(record.ends)) return false;
      scope.ended.add(record.ends);
    } else {
      const known = scope.halts.get(record.epoch);
      if (known !== undefined && !replaces(known, record)) return false;
      if (known === undefined) this.#count += 1;
      assert(this.#count <= HALTS_MAX, `the halt record names more than ${HALTS_MAX} halts`);
      scope.halts.set(record.epoch, record);
    }
    scope.worst = worstOf(scope);
    return true;
  }

  /** The most severe state of these scopes and the record that says so. */
  state(scopes: readonly string[]): { readonly state: HaltState; readonly record: HaltRecord | null } {
    if (!this.#read) return { state: 'HALTED', record: null };
    let worst: HaltRecord | null = null;
    for (const scope of scopes) {
      const record = this.#byScope.get(scope)?.worst ?? null;
      if (record !== null && (worst === null || SEVERITY[record.state] > SEVERITY[worst.state])) worst = record;
    }
    return { state: worst?.state ?? 'RUNNING', record: worst };
  }

  /** null = an effect in these scopes may start now. */
  refusal(
    scopes: readonly string[],
    reduces: boolean,
    lease: PermissionLease | null,
    monotonic: MonotonicMillis,
  ): Refusal | null {
    const { state, record } = this.state(scopes);
    if (record === null && state !== 'RUNNING') return halted('the halt record was not read yet: try again when the host has it');
    if (record !== null && (SEVERITY[state] >= SEVERITY.HALTED || (state === 'REDUCING' && !reduces)))
      return halted(`${record.scope} is ${state} since epoch ${record.epoch} by ${record.by}: ${record.reason}`);
    if (lease === null) return halted('this host has no permission lease: it waits for the holder of the halt record');
    if (lease.until <= monotonic)
      return halted(`the permission lease of this host is over since ${monotonic - lease.until} ms: it waits for a new one`);
    if (lease.epoch > this.#epoch)
      return halted(
        `the permission lease knows epoch ${lease.epoch} of the halt record, this host ${this.#epoch}: it reads again`,
      );
    return null;
  }
}

function worstOf({ halts, ended }: Scope): HaltRecord | null {
  let worst: HaltRecord | null = null;
  for (const halt of halts.values()) {
    if (ended.has(halt.epoch) && halt.state !== 'KILLED') continue;
    const severer = worst === null ? 1 : SEVERITY[halt.state] - SEVERITY[worst.state];
    if (worst === null || severer > 0 || (severer === 0 && halt.epoch < worst.epoch)) worst = halt;
  }
  return worst;
}

/** Two words about one halt: the more severe counts, then the larger text, so that every host keeps the same one. */
function replaces(known: HaltRecord, record: HaltRecord): boolean {
  if (known.state !== record.state) return SEVERITY[record.state] > SEVERITY[known.state];
  const [before, after] = [`${known.by}\0${known.reason}\0${known.at}`, `${record.by}\0${record.reason}\0${record.at}`];
  return after > before;
}

function halted(detail: string): Refusal {
  return { reason: 'halted', detail };
}
