/**
 * A hybrid logical clock: stamps that never contradict cause and effect and stay close to real time. Owns the clock's state; time
 * comes in. A stamp from too far ahead is *held* by the caller until real time comes near, never refused: a refusal that depends
 * on local time would let replicas differ for ever. A stamp of the past is always taken.
 * No stamp is above a mark that the caller made durable before, so that none is given twice across a crash.
 * Source: Kulkarni et al., Logical Physical Clocks, 2014.
 */
import { assert } from '../kernel/index.ts';

export interface HybridStamp {
  /** 48 bits. */
  readonly ms: number;
  /** 16 bits. */
  readonly count: number;
}

const COUNT_MAX = 65_535;
const MS_MAX = 281_474_976_710_655;
const MARK_AHEAD_MS = 2_000; // a durable write every two seconds; so far ahead begins a restart, less than others hold it for

/** Order of stamps; equal ones are told apart by their authors. */
export function compareStamps(a: HybridStamp, b: HybridStamp): number {
  return a.ms - b.ms || a.count - b.count;
}

export class HybridClock {
  readonly #aheadMsMax: number;
  #last: HybridStamp;
  #mark: number;

  /** `mark`: the last one that was made durable, 0 at the very first start. */
  constructor(aheadMsMax: number, mark: number) {
    this.#aheadMsMax = aheadMsMax;
    this.#last = { ms: mark, count: COUNT_MAX };
    this.#mark = mark;
  }

  get last(): HybridStamp {
    return this.#last;
  }

  /** What has to be durable before the next `stamp`; null = nothing, go on. Then `marked`. */
  markBefore(now: number): number | null {
    const next = this.#next(now);
    return next.ms > this.#mark ? Math.max(now, next.ms) + MARK_AHEAD_MS : null;
  }

  marked(mark: number): void {
    this.#mark = Math.max(this.#mark, mark);
  }

  /** For an operation of one's own: greater than all that was stamped or received before. */
  stamp(now: number): HybridStamp {
    const next = this.#next(now);
    assert(next.ms <= this.#mark, `a stamp at ${next.ms} is above the durable mark ${this.#mark}: make markBefore durable first`);
    assert(next.ms <= MS_MAX, `a stamp at ${next.ms} does not fit 48 bits`);
    this.#last = next;
    return next;
  }

  /** 0 = taken in: the next stamp is greater. Else nothing changed; hold it for so many ms and count it against its author. */
  receive(stamp: HybridStamp, now: number): number {
    if (stamp.ms > now + this.#aheadMsMax) return stamp.ms - now - this.#aheadMsMax;
    if (compareStamps(stamp, this.#last) > 0) this.#last = stamp;
    return 0;
  }

  #next(now: number): HybridStamp {
    const { ms, count } = this.#last;
    if (now > ms) return { ms: now, count: 0 };
    return count < COUNT_MAX ? { ms, count: count + 1 } : { ms: ms + 1, count: 0 };
  }
}
