/**
 * Virtual time. Events lie in buckets of one millisecond, first in first out inside a bucket, so that their total order is
 * (time, insertion) without a comparator that could get a tie wrong. Nothing here knows what an event means.
 */
import { assert, type Millis } from '../../kernel/index.ts';

/** An event that was asked for and may still be called off. */
export interface Scheduled {
  cancel(): void;
}

interface Entry extends Scheduled {
  run: (() => void) | null;
}

export class Timeline {
  #now: Millis = 0;
  #pending = 0;
  readonly #buckets = new Map<Millis, Entry[]>();
  /** Binary heap of the times that have a bucket: all distinct, so no order among equals is ever needed. */
  readonly #times: Millis[] = [];
  /** How far the bucket of `#now` has been run. */
  #head = 0;

  get now(): Millis {
    return this.#now;
  }

  /** Events that will still run. */
  get pending(): number {
    return this.#pending;
  }

  at(time: Millis, run: () => void): Scheduled {
    assert(Number.isSafeInteger(time) && time >= this.#now, `an event cannot happen at ${time} ms, it is ${this.#now} ms`);
    const entry: Entry = {
      run,
      cancel: () => {
        if (entry.run === null) return;
        entry.run = null;
        this.#pending -= 1;
      },
    };
    const bucket = this.#buckets.get(time);
    if (bucket === undefined) {
      this.#buckets.set(time, [entry]);
      this.#pushTime(time);
    } else {
      bucket.push(entry);
    }
    this.#pending += 1;
    return entry;
  }

  after(delay: Millis, run: () => void): Scheduled {
    return this.at(this.#now + delay, run);
  }

  /** Runs the next event unless it lies after `until`; answers whether there was one. */
  step(until: Millis): boolean {
    for (;;) {
      const time = this.#times[0];
      if (time === undefined || time > until) return false;
      const bucket = this.#buckets.get(time)!;
      if (time > this.#now) {
        this.#now = time;
        this.#head = 0;
      }
      if (this.#head >= bucket.length) {
        this.#buckets.delete(time);
        this.#popTime();
        this.#head = 0;
        continue;
      }
      const entry = bucket[this.#head]!;
      this.#head += 1;
      const run = entry.run;
      if (run === null) continue;
      entry.run = null;
      this.#pending -= 1;
      run();
      return true;
    }
  }

  /** Lets time pass when nothing happens until then. */
  idleUntil(time: Millis): void {
    assert(this.#times[0] === undefined || this.#times[0] >= time, `events lie before ${time} ms`);
    if (time <= this.#now) return;
    this.#now = time;
    this.#head = 0;
  }

  #pushTime(time: Millis): void {
    const heap = this.#times;
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
    const heap = this.#times;
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
