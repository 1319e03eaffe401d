/**
 * The board: cells that every host holds and anybody may set anywhere; the newest version wins, and who wrote knowing another write
 * is newer than it, whatever the clocks say. Boards tell each other what they hold until all hold the same.
 * Durable: `cell`.
 */
import type { Json, Millis } from '../../../kernel/index.ts';
import type { Context, Effects, Room, RoomInput, StoredRecord } from '../../../ports/index.ts';
import type { Contract } from '../../../protocol/index.ts';
import { type Cell, Cells, CellSet, type CellWrite, SetCell } from './contracts.ts';
import type { FleetShape } from './desk.ts';

const TELL = 'tell';
const TELL_EVERY: Millis = 3000;

export class Board implements Room {
  readonly name = 'board';
  readonly recordVersion = 1;
  readonly contracts: readonly Contract[] = [SetCell, Cells];
  readonly #shape: FleetShape;
  readonly #cells = new Map<string, Cell>();
  #peer: number;

  constructor(shape: FleetShape) {
    this.#shape = shape;
    this.#peer = shape.me;
  }

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    for (const { value } of records) {
      const cell = value as unknown as Cell;
      this.#cells.set(cell.key, cell);
    }
    out.timer(TELL, now + TELL_EVERY);
  }

  handle(input: RoomInput, { now }: Context, out: Effects): void {
    if (input.kind === 'timer') return this.#tell(now, out);
    if (input.kind === 'activity') return;
    const { type, data } = input.envelope;
    if (type === Cells.type) {
      for (const cell of (data as { cells: readonly Cell[] }).cells) this.#merge(cell, out);
      return;
    }
    const { key, value, round, caller } = data as CellWrite;
    const cell: Cell = { key, value, round: Math.max(round, this.#cells.get(key)?.round ?? 0) + 1, by: this.#shape.me };
    this.#merge(cell, out);
    out.send({ contract: CellSet, data: cell, audience: caller, subject: key, ttl: 5000 });
  }

  query(): readonly Cell[] {
    return [...this.#cells.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
  }

  #merge(cell: Cell, out: Effects): void {
    const mine = this.#cells.get(cell.key);
    if (mine !== undefined && (mine.round > cell.round || (mine.round === cell.round && mine.by >= cell.by))) return;
    this.#cells.set(cell.key, cell);
    out.put('cell', cell.key, cell as unknown as Json);
  }

  /** All of it to one other host, each in turn: what was lost comes round again. */
  #tell(now: Millis, out: Effects): void {
    const { hosts, me } = this.#shape;
    this.#peer = (this.#peer + 1) % hosts.length;
    if (this.#peer === me) this.#peer = (this.#peer + 1) % hosts.length;
    if (this.#cells.size > 0 && this.#peer !== me) {
      const data = { cells: this.query() };
      out.send({ contract: Cells, data, audience: hosts[this.#peer]!, subject: TELL, priority: 2, ttl: 5000 });
    }
    out.timer(TELL, now + TELL_EVERY);
  }
}
