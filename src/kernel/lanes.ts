/**
 * A bounded queue with four priority lanes (0 = control and replies, 3 = bulk), first in first out inside a lane.
 * `push` never drops: it answers whether there was room, so that the caller pushes back on whoever filled it.
 * Lane 0 has a reserve that the other lanes cannot use; a full queue can therefore still be drained and halted.
 */
import { assert } from './assert.ts';

export type Priority = 0 | 1 | 2 | 3;

export class Lanes<T> {
  readonly #lanes: [T[], T[], T[], T[]] = [[], [], [], []];
  readonly #heads: [number, number, number, number] = [0, 0, 0, 0];
  readonly #sizeMax: number;
  readonly #reserve: number;
  #size = 0;

  constructor(sizeMax: number, reserve: number) {
    assert(reserve >= 0 && reserve < sizeMax, `a queue of ${sizeMax} cannot keep ${reserve} places for control`);
    this.#sizeMax = sizeMax;
    this.#reserve = reserve;
  }

  get size(): number {
    return this.#size;
  }

  push(item: T, priority: Priority): boolean {
    const limit = priority === 0 ? this.#sizeMax : this.#sizeMax - this.#reserve;
    if (this.#size >= limit) return false;
    this.#lanes[priority].push(item);
    this.#size += 1;
    return true;
  }

  /** The oldest item of the most urgent lane; lanes less urgent than `last` are left alone. */
  shift(last: Priority = 3): T | undefined {
    for (let lane = 0 as Priority; lane <= last; lane = (lane + 1) as Priority) {
      if (this.#heads[lane] < this.#lanes[lane].length) return this.shiftFrom(lane);
    }
    return undefined;
  }

  /** The oldest item of one lane. */
  shiftFrom(lane: Priority): T | undefined {
    const items = this.#lanes[lane];
    const head = this.#heads[lane];
    if (head >= items.length) return undefined;
    const item = items[head] as T;
    items[head] = undefined as T; // let go of it before the lane is compacted
    this.#heads[lane] = head + 1;
    if (head + 1 === items.length) {
      items.length = 0;
      this.#heads[lane] = 0;
    } else if (head > 1024) {
      items.splice(0, head + 1);
      this.#heads[lane] = 0;
    }
    this.#size -= 1;
    return item;
  }

  /** What `shift` would take; it stays. */
  peek(last: Priority | -1 = 3): T | undefined {
    for (let lane = 0; lane <= last; lane++) {
      const head = this.#heads[lane as Priority];
      const items = this.#lanes[lane as Priority];
      if (head < items.length) return items[head];
    }
    return undefined;
  }

  /** Takes out everything for which this says so, oldest of the most urgent lane first. O(size). */
  remove(which: (item: T) => boolean): readonly T[] {
    const removed: T[] = [];
    for (let lane = 0 as Priority; lane <= 3; lane = (lane + 1) as Priority) {
      const left = this.#lanes[lane].slice(this.#heads[lane]).filter((item) => {
        if (!which(item)) return true;
        removed.push(item);
        return false;
      });
      this.#lanes[lane] = left;
      this.#heads[lane] = 0;
    }
    this.#size -= removed.length;
    return removed;
  }
}
