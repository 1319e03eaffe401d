/**
 * Messages that wait for a turn, a bounded queue of four lanes for each room. A room that fills a peer's outbox is held: its bulk
 * stays here, and when there is no place left here, with who sends it. Lane 0, control and replies, is fed whatever happens.
 */
import { Lanes, type Priority } from '../kernel/index.ts';

export const INBOX_MAX = 4096; // 1,024 messages each from four peers
export const INBOX_RESERVE = 1024; // control and replies get in when bulk does not

export class Inbox<T> {
  readonly #rooms: { readonly name: string; readonly lanes: Lanes<T> }[] = [];
  /** By lane, over all rooms. */
  readonly #waiting: [number, number, number, number] = [0, 0, 0, 0];
  #size = 0;
  /** The room whose turn is next, so that no room starves another of the same lane. */
  #next = 0;

  get size(): number {
    return this.#size;
  }

  push(room: string, item: T, priority: Priority): boolean {
    if (this.#size >= (priority === 0 ? INBOX_MAX : INBOX_MAX - INBOX_RESERVE)) return false;
    if (!this.#lanesOf(room).push(item, priority)) return false;
    this.#size += 1;
    this.#waiting[priority] += 1;
    return true;
  }

  /** The oldest item of the most urgent lane of a room that is not held. */
  shift(held: (room: string) => boolean): T | undefined {
    if (this.#size === 0) return undefined;
    for (let lane = 0 as Priority; lane <= 3; lane = (lane + 1) as Priority) {
      if (this.#waiting[lane] === 0) continue;
      for (let i = 0; i < this.#rooms.length; i++) {
        const at = (this.#next + i) % this.#rooms.length;
        const { name, lanes } = this.#rooms[at]!;
        if (lanes.size === 0 || (lane > 0 && held(name))) continue;
        const item = lanes.shiftFrom(lane);
        if (item === undefined) continue;
        this.#size -= 1;
        this.#waiting[lane] -= 1;
        this.#next = at + 1;
        return item;
      }
    }
    return undefined;
  }

  #lanesOf(room: string): Lanes<T> {
    for (let i = 0; i < this.#rooms.length; i++) if (this.#rooms[i]!.name === room) return this.#rooms[i]!.lanes;
    const lanes = new Lanes<T>(INBOX_MAX, INBOX_RESERVE);
    this.#rooms.push({ name: room, lanes });
    return lanes;
  }
}
