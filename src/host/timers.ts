/** Armed deadlines of one host: a binary heap with lazy deletion, first armed first fired among equals. */
import type { Millis } from '../kernel/index.ts';

interface Entry {
  readonly at: Millis;
  readonly order: number;
  readonly key: string;
  /** Fired, disarmed or moved; it lies in the heap until it is at its top. */
  stale: boolean;
}

export class Timers {
  readonly #armed = new Map<string, Entry>();
  readonly #heap: Entry[] = [];
  #order = 0;

  arm(key: string, at: Millis | null): void {
    const present = this.#armed.get(key);
    if (present?.at === at) return;
    if (present !== undefined) present.stale = true;
    if (at === null) {
      if (present !== undefined) this.#armed.delete(key);
      return;
    }
    const entry = { at, order: (this.#order += 1), key, stale: false };
    this.#armed.set(key, entry);
    this.#heap.push(entry);
    this.#up(this.#heap.length - 1);
  }

  /** The earliest deadline, or null. */
  next(): Millis | null {
    this.#dropStale();
    return this.#heap[0]?.at ?? null;
  }

  /** Takes the earliest timer that is due, or null. */
  due(now: Millis): string | null {
    this.#dropStale();
    const first = this.#heap[0];
    if (first === undefined || first.at > now) return null;
    this.#pop();
    this.#armed.delete(first.key);
    return first.key;
  }

  #dropStale(): void {
    while (this.#heap.length > 0 && this.#heap[0]!.stale) this.#pop();
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a]!;
    const right = this.#heap[b]!;
    return left.at < right.at || (left.at === right.at && left.order < right.order);
  }

  #swap(a: number, b: number): void {
    const entry = this.#heap[a]!;
    this.#heap[a] = this.#heap[b]!;
    this.#heap[b] = entry;
  }

  #up(start: number): void {
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #pop(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    for (let at = 0; ;) {
      let least = at;
      if (2 * at + 1 < this.#heap.length && this.#before(2 * at + 1, least)) least = 2 * at + 1;
      if (2 * at + 2 < this.#heap.length && this.#before(2 * at + 2, least)) least = 2 * at + 2;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
