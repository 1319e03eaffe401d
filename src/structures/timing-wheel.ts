/**
 * Timers by the hundred thousand on typed arrays: arming and cancelling relink two numbers, idle time is skipped. Owns which timer
 * is due when; it has no clock, the caller says how late it is and arms one real timer for `nextAt`. A timer is a dense number.
 *
 * Five wheels of 256 slots; a timer lies in the wheel of the highest byte in which its time differs from now, and comes down a
 * wheel whenever that byte is reached. So timers of one millisecond always share a slot, in the order in which they were armed:
 * they fire by time, then by arming. None fires early. Source: Varghese and Lauck, Hashed and Hierarchical Timing Wheels, 1987.
 */
import { assert } from '../kernel/index.ts';

const LEVELS = 5; // 2^40 ms: 34 years after the origin
const SLOTS = 256;
const TICKS_MAX = 1099511627776;
const TWO_32 = 4294967296;
const NONE = -1;
const FIRING = LEVELS * SLOTS; // the list of the tick that is being fired

export class TimingWheel {
  readonly #origin: number;
  readonly #at: Float64Array; // in ms since the origin
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #list: Int16Array; // of a timer; NONE = not armed
  readonly #first: Int32Array = new Int32Array(FIRING + 1).fill(NONE);
  readonly #last: Int32Array = new Int32Array(FIRING + 1).fill(NONE);
  readonly #occupied: Int32Array = new Int32Array(((FIRING + 1) >> 5) + 1); // a bit for each list
  #current = 0; // every tick before it was fired
  #armed = 0;

  /** For timers 0 .. timers - 1. Nothing is due before `origin`. */
  constructor(timers: number, origin: number) {
    this.#origin = origin;
    this.#at = new Float64Array(timers);
    this.#next = new Int32Array(timers);
    this.#previous = new Int32Array(timers);
    this.#list = new Int16Array(timers).fill(NONE);
  }

  get armed(): number {
    return this.#armed;
  }

  /** Anew if it was armed. What is due already fires with the next millisecond, so that a timer that re-arms itself ends a turn. */
  arm(timer: number, at: number): void {
    if (!(timer >= 0 && timer < this.#at.length)) assert(false, `timer ${timer} of ${this.#at.length}`);
    const tick = Math.max(this.#current, Math.ceil(at - this.#origin));
    if (!(tick < TICKS_MAX)) assert(false, `a timer at ${at} is more than 34 years away`);
    this.cancel(timer);
    this.#at[timer] = tick;
    this.#armed += 1;
    this.#append(timer, this.#listFor(tick));
  }

  cancel(timer: number): boolean {
    if (this.#list[timer] === NONE) return false;
    this.#unlink(timer);
    this.#armed -= 1;
    return true;
  }

  /** Not after the first timer that is due, and not before now; null without timers. Exact within 256 ms, a wake-up too many beyond. */
  nextAt(): number | null {
    const tick = this.#earliest();
    return tick === NONE ? null : this.#origin + tick;
  }

  /** Fires all that is due at `now`, by time and then by arming; `fire` may arm and cancel. */
  advance(now: number, fire: (timer: number, at: number) => void): void {
    const until = Math.floor(now - this.#origin);
    for (let tick = this.#earliest(); tick !== NONE && tick <= until; tick = this.#earliest()) {
      this.#moveTo(tick);
      const slot = tick % SLOTS;
      if (!this.#isOccupied(slot)) continue; // it only came down a wheel
      for (let timer = this.#first[slot]!; timer !== NONE; timer = this.#first[slot]!) {
        this.#unlink(timer);
        this.#append(timer, FIRING);
      }
      this.#moveTo(tick + 1);
      for (let timer = this.#first[FIRING]!; timer !== NONE; timer = this.#first[FIRING]!) {
        this.#unlink(timer);
        this.#armed -= 1;
        fire(timer, this.#origin + tick);
      }
    }
    if (until >= this.#current) this.#moveTo(until + 1);
  }

  /** Of all slots ahead the first; lower wheels come before higher ones. */
  #earliest(): number {
    for (let level = 0; level < LEVELS; level++) {
      const slot = this.#firstOccupied(level, digit(this.#current, level));
      if (slot === NONE) continue;
      const width = unit(level);
      return Math.max(this.#current, Math.floor(this.#current / (width * SLOTS)) * width * SLOTS + slot * width);
    }
    return NONE;
  }

  #firstOccupied(level: number, from: number): number {
    for (let word = from >> 5; word < SLOTS / 32; word++) {
      let bits = this.#occupied[level * (SLOTS / 32) + word]!;
      if (word === from >> 5) bits &= -1 << (from & 31);
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
    }
    return NONE;
  }

  /** No slot between may be occupied. What lies in the slots that begin now comes down, from the highest wheel. */
  #moveTo(tick: number): void {
    this.#current = tick;
    for (let level = LEVELS - 1; level > 0; level--) {
      const list = level * SLOTS + digit(tick, level);
      for (let timer = this.#first[list]!; timer !== NONE; timer = this.#first[list]!) {
        this.#unlink(timer);
        this.#append(timer, this.#listFor(this.#at[timer]!));
      }
    }
  }

  #listFor(tick: number): number {
    const isFar = Math.floor(tick / TWO_32) !== Math.floor(this.#current / TWO_32);
    const differing = (tick ^ this.#current) >>> 0;
    const level = isFar ? LEVELS - 1 : differing === 0 ? 0 : (31 - Math.clz32(differing)) >> 3;
    return level * SLOTS + digit(tick, level);
  }

  #append(timer: number, list: number): void {
    const last = this.#last[list]!;
    this.#previous[timer] = last;
    this.#next[timer] = NONE;
    if (last === NONE) {
      this.#first[list] = timer;
      this.#occupied[list >> 5]! |= 1 << (list & 31);
    } else this.#next[last] = timer;
    this.#last[list] = timer;
    this.#list[timer] = list;
  }

  #unlink(timer: number): void {
    const list = this.#list[timer]!;
    const next = this.#next[timer]!;
    const previous = this.#previous[timer]!;
    if (previous === NONE) this.#first[list] = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#last[list] = previous;
    else this.#previous[next] = previous;
    if (this.#first[list] === NONE) this.#occupied[list >> 5]! &= ~(1 << (list & 31));
    this.#list[timer] = NONE;
  }

  #isOccupied(list: number): boolean {
    return this.#first[list] !== NONE;
  }
}

function unit(level: number): number {
  return level < 4 ? (1 << (8 * level)) >>> 0 : TWO_32;
}

function digit(tick: number, level: number): number {
  return level < 4 ? (tick >>> (8 * level)) & 255 : Math.floor(tick / TWO_32) & 255;
}
