/**
 * The sliding window of one session in one direction: which of the last 1,024 sequence numbers have come. A frame is accepted
 * once, in any order inside the window, and never below it. 128 bytes, whatever the traffic; a set of numbers would grow with
 * ttl times rate. Marks nothing by itself: the tag is checked between `refuses` and `accept`. Source: RFC 6479.
 */
import type { Refusal } from './refusal.ts';

export const REPLAY_WINDOW: number = 1024; // frames in flight between two hosts; at 64 messages each, 65,536

export class ReplayWindow {
  readonly #bits: Uint32Array = new Uint32Array(REPLAY_WINDOW / 32);
  #highest = 0;

  /** Why a frame with this number must not be accepted; null: it is new. Numbers are safe integers from 1 on. */
  refuses(sequence: number): Refusal | null {
    if (!Number.isSafeInteger(sequence) || sequence < 1)
      return { reason: 'invalid', detail: `${sequence} is no sequence number` };
    if (sequence > this.#highest) return null;
    if (sequence <= this.#highest - REPLAY_WINDOW) {
      return { reason: 'duplicate', detail: `frame ${sequence} is older than the last ${REPLAY_WINDOW} before ${this.#highest}` };
    }
    return this.#has(sequence) ? { reason: 'duplicate', detail: `frame ${sequence} has come before` } : null;
  }

  /** After `refuses` said null and the tag held. */
  accept(sequence: number): void {
    if (sequence > this.#highest) {
      const gap = sequence - this.#highest;
      if (gap >= REPLAY_WINDOW) this.#bits.fill(0);
      else for (let next = this.#highest + 1; next < sequence; next++) this.#bits[place(next)]! &= ~bit(next);
      this.#highest = sequence;
    }
    this.#bits[place(sequence)]! |= bit(sequence);
  }

  #has(sequence: number): boolean {
    return (this.#bits[place(sequence)]! & bit(sequence)) !== 0;
  }
}

function place(sequence: number): number {
  return (sequence % REPLAY_WINDOW) >>> 5;
}

function bit(sequence: number): number {
  return 1 << (sequence % 32);
}
