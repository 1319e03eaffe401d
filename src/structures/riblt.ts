/**
 * Set reconciliation by a rateless invertible Bloom lookup table: two sides learn in which 64-bit digests they differ from about
 * 1.4 cells a difference, whatever the size of their sets. A sketch is kept up to date as items come and go, and one prefix of it
 * serves every peer. Digests must be salted by the caller: who can choose them can make two of them cancel out, so what was
 * reconciled is still verified by other means. Source: Yang, Gilad and Alizadeh, Practical Rateless Set Reconciliation, 2024.
 *
 *   cells    0   1   2   3   4   5   6 ...   Every item is in cell 0, and in cell i with a chance of about 1 / (1 + i/2).
 *   item a   x   x       x               x   A cell holds the sum of its items; where the difference of two cells has a single
 *   item b   x       x           x           item left, that item is known, is taken out everywhere, and so on.
 */
import { assert } from '../kernel/index.ts';

export const RIBLT_CELL_BYTES = 13; // 8 of the sum, 4 of the check, 1 of the count
export const RIBLT_CELLS_MAX = 65_536; // 852 kB, 47,000 differences: beyond that, copying is cheaper

/** Items by the two halves of their digests, as signed 32-bit integers. */
export interface RibltItems {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

export type RibltDecoded =
  | { readonly ok: true; readonly mine: RibltItems; readonly theirs: RibltItems }
  /** `more`: the prefix is too short for the difference. */
  | { readonly ok: false; readonly reason: 'more' | 'not-cells' | 'too-many-cells' };

export class RibltSketch {
  readonly cells: number;
  /** Four to a cell: low, high, check, count. */
  readonly #of: Int32Array;
  #size = 0;

  constructor(cells: number) {
    assert(cells >= 1 && cells <= RIBLT_CELLS_MAX, `a sketch has 1..${RIBLT_CELLS_MAX} cells, not ${cells}`);
    this.cells = cells;
    this.#of = new Int32Array(cells * 4);
  }

  get size(): number {
    return this.#size;
  }

  /** O(log cells). The item must not be in it. */
  add(low: number, high: number): void {
    this.#size += 1;
    change(this.#of, this.cells, low, high, 1);
  }

  /** The item must be in it. */
  remove(low: number, high: number): void {
    this.#size -= 1;
    change(this.#of, this.cells, low, high, -1);
  }

  /** The first cells as bytes; `from` continues what was sent before. */
  encode(to: number, from = 0): Uint8Array {
    assert(from >= 0 && from <= to && to <= this.cells, `there are no cells ${from}..${to} in a sketch of ${this.cells}`);
    const out = new Uint8Array((to - from) * RIBLT_CELL_BYTES);
    const view = new DataView(out.buffer);
    for (let cell = from, at = 0; cell < to; cell++, at += RIBLT_CELL_BYTES) {
      view.setInt32(at, this.#of[cell * 4]!);
      view.setInt32(at + 4, this.#of[cell * 4 + 1]!);
      view.setInt32(at + 8, this.#of[cell * 4 + 2]!);
      out[at + 12] = this.#of[cell * 4 + 3]!; // a difference of one item is 1 or 255, however many both have
    }
    return out;
  }

  /** What the two sets differ in, from a prefix of the other's sketch. Never throws; at most one item a cell is looked for. */
  decode(theirs: Uint8Array): RibltDecoded {
    const cells = theirs.length / RIBLT_CELL_BYTES;
    if (!Number.isInteger(cells) || cells === 0) return { ok: false, reason: 'not-cells' };
    if (cells > this.cells) return { ok: false, reason: 'too-many-cells' };
    const view = new DataView(theirs.buffer, theirs.byteOffset, theirs.length);
    const left = this.#of.slice(0, cells * 4);
    for (let cell = 0, at = 0; cell < cells; cell++, at += RIBLT_CELL_BYTES) {
      left[cell * 4]! ^= view.getInt32(at);
      left[cell * 4 + 1]! ^= view.getInt32(at + 4);
      left[cell * 4 + 2]! ^= view.getInt32(at + 8);
      left[cell * 4 + 3]! -= theirs[at + 12]!;
    }
    const sides = { mine: { low: [] as number[], high: [] as number[] }, theirs: { low: [] as number[], high: [] as number[] } };
    const look: number[] = [];
    for (let cell = cells - 1; cell >= 0; cell--) look.push(cell);
    let found = 0;
    while (look.length > 0) {
      const cell = look.pop()! * 4;
      const low = left[cell]!;
      const high = left[cell + 1]!;
      const count = left[cell + 3]! & 255;
      if ((count !== 1 && count !== 255) || left[cell + 2] !== checkOf(low, high)) continue;
      if (++found > cells) return { ok: false, reason: 'more' }; // no prefix tells of more: these cells are forged
      const side = count === 1 ? sides.mine : sides.theirs;
      side.low.push(low);
      side.high.push(high);
      change(left, cells, low, high, count === 1 ? -1 : 1, look);
    }
    for (let at = 0; at < left.length; at += 4) {
      if ((left[at]! | left[at + 1]! | left[at + 2]! | (left[at + 3]! & 255)) !== 0) return { ok: false, reason: 'more' };
    }
    return { ok: true, ...sides };
  }
}

/** Puts an item into its cells or takes it out; tells which cells those were. */
function change(of: Int32Array, cells: number, low: number, high: number, by: number, touched?: number[]): void {
  const check = checkOf(low, high);
  let state = mixed(low ^ 0x3c6ef372, high);
  for (let cell = 0; cell < cells;) {
    const at = cell * 4;
    of[at]! ^= low;
    of[at + 1]! ^= high;
    of[at + 2]! ^= check;
    of[at + 3]! += by;
    touched?.push(cell);
    state = (state + 0x6d2b79f5) | 0;
    // The gap to the next cell has the distribution that makes cell i hold an item with the chance 1 / (1 + i/2).
    cell += Math.ceil((cell + 1.5) * (65_536 / Math.sqrt((mixed(state, 0x1b873593) >>> 0) + 1) - 1));
  }
}

function checkOf(low: number, high: number): number {
  return mixed(high ^ 0x510e527f, low);
}

/** The finalizer of MurmurHash3 over two words. */
function mixed(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
