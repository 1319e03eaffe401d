/**
 * The halt record as one host knows it: a set that only grows, merged in any order to the same state, and the answer whether
 * an effect may start now. Halted until the record was read; halted again when the permission lease is over or its issuer
 * knows of a halt that this host has not heard of.
 */
import { assert, type MonotonicMillis } from '../kernel/index.ts';
import type { Refusal } from '../protocol/index.ts';
import type { HaltRecord, HaltState, PermissionLease } from '../ports/index.ts';

const SCOPES_MAX = 100_000; // three for each of 30,000 agents; a record of more than that is no record of halts
const SEVERITY: Readonly<Record<HaltState, number>> = { RUNNING: 0, REDUCING: 1, HALTED: 2, KILLED: 3 };

export class HaltRecords {
  readonly #byScope = new Map<string, HaltRecord>();
  #read = false;
  #epoch = 0;

  get epoch(): number {
    return this.#epoch;
  }

  /** The whole record is here: from now on its silence means RUNNING. */
  complete(): void {
    this.#read = true;
  }

  /** Answers whether it changed anything. */
  merge(record: HaltRecord): boolean {
    this.#epoch = Math.max(this.#epoch, record.epoch);
    const known = this.#byScope.get(record.scope);
    if (known !== undefined && !replaces(known, record)) return false;
    assert(known !== undefined || this.#byScope.size < SCOPES_MAX, `the halt record names more than ${SCOPES_MAX} scopes`);
    this.#byScope.set(record.scope, record);
    return true;
  }

  /** The most severe state of these scopes and the record that says so. */
  state(scopes: readonly string[]): { readonly state: HaltState; readonly record: HaltRecord | null } {
    if (!this.#read) return { state: 'HALTED', record: null };
    let worst: HaltRecord | null = null;
    for (const scope of scopes) {
      const record = this.#byScope.get(scope);
      if (record !== undefined && (worst === null || SEVERITY[record.state] > SEVERITY[worst.state])) worst = record;
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

/** Later epochs win, the more severe state on a tie, then the larger text; nothing replaces KILLED but an earlier word of it. */
function replaces(known: HaltRecord, record: HaltRecord): boolean {
  const [killed, kills] = [known.state === 'KILLED', record.state === 'KILLED'];
  if (killed !== kills) return kills;
  if (known.epoch !== record.epoch) return killed ? record.epoch < known.epoch : record.epoch > known.epoch;
  if (known.state !== record.state) return SEVERITY[record.state] > SEVERITY[known.state];
  const [before, after] = [`${known.by}\0${known.reason}\0${known.at}`, `${record.by}\0${record.reason}\0${record.at}`];
  return after > before;
}

function halted(detail: string): Refusal {
  return { reason: 'halted', detail };
}
