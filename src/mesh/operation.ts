/**
 * Operations under way: who is prepared, whom to tell next, what counts at T. Owns one table of bytes for each operation and the
 * set of operation ids; every input carries its time and what to do is returned. It sends nothing. A slot commits once: from the
 * first commit of the winner on, another one of the same slot counts nothing.
 */
import { ABSTAIN, type ArrivalPlan, LATE_JOIN, SUBSTITUTED, winnerOf } from './arrival.ts';
import { type BeforeT, decideBeforeT, QUORUM, type QuorumRule, type Tally, type Verdict } from './quorum.ts';

/** At 30,000 slots an operation holds 1 MB; who runs more at a time has no operation but a stream. */
export const OPERATIONS_MAX = 64;
/** Ids of ended operations are remembered so long: a copy that comes later than any ttl allows is not news. */
const REMEMBERED = 4_096;

const PREPARED = 1;
const STANDBY_TOLD = 2;
const STANDBY_PREPARED = 4;
const CONFLICT = 8;
const COMMITTED = 16;

export type Opened =
  | { readonly ok: true; readonly operation: Operation }
  | { readonly ok: false; readonly reason: 'duplicate-operation' | 'too-many-operations' };

export type Committed = 'counted' | 'outside-the-window' | 'clock-too-wide' | 'already-committed' | 'not-invited' | 'old-epoch';

export class Operations {
  readonly #running = new Map<string, Operation>();
  readonly #ended = new Set<string>();

  open(id: string, plan: ArrivalPlan): Opened {
    if (this.#running.has(id) || this.#ended.has(id)) return { ok: false, reason: 'duplicate-operation' };
    if (this.#running.size >= OPERATIONS_MAX) return { ok: false, reason: 'too-many-operations' };
    const operation = new Operation(id, plan);
    this.#running.set(id, operation);
    return { ok: true, operation };
  }

  end(id: string): void {
    if (!this.#running.delete(id)) return;
    this.#ended.add(id);
    if (this.#ended.size > REMEMBERED) this.#ended.delete(this.#ended.values().next().value!);
  }
}

export class Operation {
  readonly id: string;
  readonly plan: ArrivalPlan;
  target: number;
  /** Grows with each SLIDE; a commit of an older one does not count. */
  epoch = 0;
  isAborted = false;
  readonly #state: Uint8Array;
  readonly #slotOf = new Map<number, number>();
  readonly #hedges: Uint32Array; // slots by the time of their standby
  #nextHedge = 0;
  #tally: { ready: number; conflict: number; committed: number; extra: number } = {
    ready: 0,
    conflict: 0,
    committed: 0,
    extra: 0,
  };

  constructor(id: string, plan: ArrivalPlan) {
    this.id = id;
    this.plan = plan;
    this.target = plan.target;
    this.#state = new Uint8Array(plan.invited.length);
    for (const [slot, agent] of plan.invited.entries()) this.#slotOf.set(agent, slot);
    this.#hedges = Uint32Array.from(plan.hedgeInMs.keys())
      .filter((slot) => plan.hedgeInMs[slot]! < Infinity)
      .toSorted((a, b) => plan.hedgeInMs[a]! - plan.hedgeInMs[b]! || a - b);
  }

  slotOf(agent: number): number {
    return this.#slotOf.get(agent) ?? -1;
  }

  /** Parked and waiting for T. The bound of its clock must fit the window, else it is not ready whatever it says. */
  prepared(slot: number, agent: number, boundMs: number): boolean {
    const bit = this.#roleBit(slot, agent);
    if (bit === 0 || boundMs > this.plan.windowMs) return false;
    const before = this.#state[slot]!;
    this.#state[slot] = before | bit;
    if ((before & (PREPARED | STANDBY_PREPARED)) === 0 && this.plan.fate[slot] !== LATE_JOIN) this.#tally.ready += 1;
    return true;
  }

  /** It heard, and cannot: known before T. The standby is told at once, not when its time comes. */
  refused(slot: number, agent: number): readonly number[] {
    if (this.#roleBit(slot, agent) !== PREPARED || (this.#state[slot]! & (PREPARED | CONFLICT)) !== 0) return [];
    this.#state[slot]! |= CONFLICT;
    this.#tally.conflict += 1;
    return this.#tell(slot) ? [slot] : [];
  }

  /** Slots whose standby must be told now. */
  hedgesDue(now: number): readonly number[] {
    const due: number[] = [];
    for (; this.#nextHedge < this.#hedges.length; this.#nextHedge++) {
      const slot = this.#hedges[this.#nextHedge]!;
      if (this.plan.now + this.plan.hedgeInMs[slot]! > now) break;
      if ((this.#state[slot]! & PREPARED) === 0 && this.#tell(slot)) due.push(slot);
    }
    return due;
  }

  /** Of two that are prepared, the one that is told to stand down; -1: nobody. */
  loserOf(slot: number): number {
    const both = PREPARED | STANDBY_PREPARED;
    if ((this.#state[slot]! & both) !== both) return -1;
    const agent = this.plan.invited[slot]!;
    const other = this.plan.standby[slot]!;
    return winnerOf(this.id, slot, agent, other) === agent ? other : agent;
  }

  /** `at`: when it committed, on our clock; `boundMs`: how well that is known. */
  committed(slot: number, agent: number, at: number, boundMs: number, epoch: number): Committed {
    if (this.#roleBit(slot, agent) === 0) return 'not-invited';
    if (epoch !== this.epoch || this.isAborted) return 'old-epoch';
    if ((this.#state[slot]! & COMMITTED) !== 0 || this.loserOf(slot) === agent) return 'already-committed';
    this.#state[slot]! |= COMMITTED;
    if (boundMs > this.plan.windowMs) return 'clock-too-wide';
    if (Math.abs(at - this.target) > this.plan.windowMs) return 'outside-the-window';
    this.#tally.committed += 1;
    return 'counted';
  }

  /** Over everybody who was invited. A conflict whose standby is ready is a ready slot. */
  tally(): Tally {
    const invited = this.plan.invited.length;
    let transit = 0;
    let conflict = 0;
    for (let slot = 0; slot < invited; slot++) {
      const state = this.#state[slot]!;
      const fate = this.plan.fate[slot]!;
      if ((state & (PREPARED | STANDBY_PREPARED)) !== 0 || fate === ABSTAIN || fate === LATE_JOIN) continue;
      if ((state & CONFLICT) !== 0 && (state & STANDBY_TOLD) === 0) conflict += 1;
      else transit += 1;
    }
    return { invited, ready: this.#tally.ready, conflict, transit };
  }

  /** Sends beyond one for each invited agent, conflicts reported, commits that count. */
  get counts(): { readonly extraSends: number; readonly conflicts: number; readonly committed: number } {
    return { extraSends: this.#tally.extra, conflicts: this.#tally.conflict, committed: this.#tally.committed };
  }

  decide(at: Omit<BeforeT, 'target' | 'slides'>, rule: QuorumRule = QUORUM): Verdict {
    const verdict = decideBeforeT(this.tally(), { ...at, target: this.target, slides: this.epoch }, rule);
    if (verdict.decision === 'SLIDE') {
      this.target = verdict.to;
      this.epoch += 1;
    } else if (verdict.decision === 'ABORT') this.isAborted = true;
    return verdict;
  }

  #tell(slot: number): boolean {
    if (this.plan.standby[slot] === -1 || (this.#state[slot]! & STANDBY_TOLD) !== 0) return false;
    this.#state[slot]! |= STANDBY_TOLD;
    this.#tally.extra += 1;
    return true;
  }

  #roleBit(slot: number, agent: number): number {
    const { invited, standby, fate } = this.plan;
    if (slot < 0 || slot >= invited.length || fate[slot] === ABSTAIN) return 0;
    if (fate[slot] !== SUBSTITUTED && agent === invited[slot]) return PREPARED;
    if (agent === -1 || agent !== standby[slot]) return 0;
    // Put in its place from the start, or told because the first was silent.
    if (fate[slot] === SUBSTITUTED) return PREPARED;
    return (this.#state[slot]! & STANDBY_TOLD) === 0 ? 0 : STANDBY_PREPARED;
  }
}
