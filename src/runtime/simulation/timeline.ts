/**
 * Virtual time. Events lie in buckets of one millisecond, first in first out inside a bucket, so that their total order is
 * (time, insertion) without a comparator that could get a tie wrong. Nothing here knows what an event means.
 *
 *   now ─▶ |ring of 8,192 buckets, one bit each: the next full one is found by counting zeros| later: a heap of distinct times
 *
 * An event is a slot in parallel arrays, linked into its bucket and reused through a free list: posting one allocates nothing.
 * What lies beyond the ring enters it as soon as the ring reaches there, before anything can be posted behind it.
 */
import { assert, type Millis } from '../../kernel/index.ts';

/** An event that was asked for and may still be called off. */
export interface Scheduled {
  cancel(): void;
}

type Run = (argument: never) => void;

interface Later {
  head: number;
  tail: number;
}

const RING = 8192; // eight seconds: heartbeats, retries and leases of a fleet stay inside
const MASK = RING - 1;
const SLOTS_AT_FIRST = 256;

export class Timeline {
  #now: Millis = 0;
  #pending = 0;
  readonly #heads = new Int32Array(RING).fill(-1);
  readonly #tails = new Int32Array(RING);
  /** One bit for each bucket that holds something. */
  readonly #full = new Int32Array(RING / 32);
  #next = new Int32Array(SLOTS_AT_FIRST);
  /** Grows when a slot is given back, so that a late `cancel` cannot hit its next owner. */
  #turns = new Int32Array(SLOTS_AT_FIRST);
  readonly #runs: (Run | null)[] = [];
  readonly #arguments: unknown[] = [];
  #slots = 0;
  #free = -1;
  readonly #later = new Map<Millis, Later>();
  /** Binary heap of the times in `#later`: all distinct, so no order among equals is ever needed. */
  readonly #laterTimes: Millis[] = [];

  get now(): Millis {
    return this.#now;
  }

  /** Events that will still run. */
  get pending(): number {
    return this.#pending;
  }

  at(time: Millis, run: () => void): Scheduled {
    const slot = this.#post(time, run, undefined);
    return new Handle(this, slot, this.#turns[slot]!);
  }

  after(delay: Millis, run: () => void): Scheduled {
    return this.at(this.#now + delay, run);
  }

  /** An event that nobody will call off: no closure, no handle. */
  post<T>(time: Millis, run: (argument: T) => void, argument: T): void {
    this.#post(time, run, argument);
  }

  /** Of `Handle` alone. */
  callOff(slot: number, turn: number): void {
    if (this.#turns[slot] !== turn || this.#runs[slot] === null) return;
    this.#runs[slot] = null;
    this.#arguments[slot] = undefined;
    this.#pending -= 1;
  }

  /** Runs the next event unless it lies after `until`; answers whether there was one. */
  step(until: Millis): boolean {
    for (;;) {
      const time = this.#nextTime();
      if (time < 0 || time > until) return false;
      if (time > this.#now) this.#reach(time);
      const bucket = time & MASK;
      const slot = this.#heads[bucket]!;
      const next = this.#next[slot]!;
      this.#heads[bucket] = next;
      if (next < 0) this.#full[bucket >> 5]! &= ~(1 << (bucket & 31));
      const run = this.#runs[slot]!;
      const argument = this.#arguments[slot] as never;
      this.#arguments[slot] = undefined;
      this.#runs[slot] = null;
      this.#turns[slot]! += 1;
      this.#next[slot] = this.#free;
      this.#free = slot;
      if (run === null) continue;
      this.#pending -= 1;
      run(argument);
      return true;
    }
  }

  /** Lets time pass when nothing happens until then. */
  idleUntil(time: Millis): void {
    const next = this.#nextTime();
    assert(next < 0 || next >= time, `events lie before ${time} ms`);
    if (time > this.#now) this.#reach(time);
  }

  #post(time: Millis, run: Run, argument: unknown): number {
    if (!Number.isSafeInteger(time) || time < this.#now)
      assert(false, `an event cannot happen at ${time} ms, it is ${this.#now} ms`);
    let slot = this.#free;
    if (slot >= 0) {
      this.#free = this.#next[slot]!;
    } else {
      slot = this.#slots;
      this.#slots += 1;
      if (slot === this.#next.length) this.#grow();
    }
    this.#runs[slot] = run;
    this.#arguments[slot] = argument;
    this.#next[slot] = -1;
    this.#pending += 1;
    if (time - this.#now < RING) {
      this.#link(time, slot, slot);
    } else {
      const later = this.#later.get(time);
      if (later === undefined) {
        this.#later.set(time, { head: slot, tail: slot });
        this.#pushTime(time);
      } else {
        this.#next[later.tail] = slot;
        later.tail = slot;
      }
    }
    return slot;
  }

  #link(time: Millis, head: number, tail: number): void {
    const bucket = time & MASK;
    if (this.#heads[bucket]! < 0) {
      this.#heads[bucket] = head;
      this.#full[bucket >> 5]! |= 1 << (bucket & 31);
    } else {
      this.#next[this.#tails[bucket]!] = head;
    }
    this.#tails[bucket] = tail;
  }

  /** The time of the first bucket that holds something, or -1. */
  #nextTime(): Millis {
    const start = this.#now & MASK;
    const first = start >> 5;
    let word = this.#full[first]! & (-1 << (start & 31));
    for (let step = 0; step <= RING / 32; step++) {
      if (word !== 0) {
        const bucket = (((first + step) & (RING / 32 - 1)) << 5) | (31 - Math.clz32(word & -word));
        return this.#now + ((bucket - start) & MASK);
      }
      word = this.#full[(first + step + 1) & (RING / 32 - 1)]!;
    }
    return this.#laterTimes[0] ?? -1;
  }

  /** Time moves on, and what the ring can hold now enters it. */
  #reach(time: Millis): void {
    this.#now = time;
    const heap = this.#laterTimes;
    while (heap.length > 0 && heap[0]! - time < RING) {
      const at = heap[0]!;
      const { head, tail } = this.#later.get(at)!;
      this.#later.delete(at);
      this.#popTime();
      this.#link(at, head, tail);
    }
  }

  #grow(): void {
    const next = new Int32Array(this.#next.length * 2);
    const turns = new Int32Array(next.length);
    next.set(this.#next);
    turns.set(this.#turns);
    this.#next = next;
    this.#turns = turns;
  }

  #pushTime(time: Millis): void {
    const heap = this.#laterTimes;
    let at = heap.push(time) - 1;
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (heap[up]! <= time) break;
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = time;
  }

  #popTime(): void {
    const heap = this.#laterTimes;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let down = at * 2 + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && heap[down + 1]! < heap[down]!) down += 1;
      if (heap[down]! >= last) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
  }
}

class Handle implements Scheduled {
  readonly #timeline: Timeline;
  readonly #slot: number;
  readonly #turn: number;

  constructor(timeline: Timeline, slot: number, turn: number) {
    this.#timeline = timeline;
    this.#slot = slot;
    this.#turn = turn;
  }

  cancel(): void {
    this.#timeline.callOff(this.#slot, this.#turn);
  }
}
