/**
 * The counters: a tally that nothing but the idempotency key keeps from counting twice, registers that callers read, write and
 * compare-and-set, and a stream of numbered entries to the next host, which takes them in order, each once.
 * Durable: `tally`, `register`, `sent`, `taken`. Soft: how much of the stream is on its way.
 */
import type { Millis } from '../../../kernel/index.ts';
import type { Context, Effects, Room, RoomInput, StoredRecord } from '../../../ports/index.ts';
import type { Contract } from '../../../protocol/index.ts';
import { Add, Answered, Change, type Operate, type Progress, Read, Step, Stepped } from './contracts.ts';
import type { FleetShape } from './desk.ts';

const STREAM = 'stream';
const STREAM_EVERY: Millis = 1500;
const WINDOW = 8; // entries on their way: more than the ones of a second, so that a lost one shows

export interface CountersView {
  readonly tallies: ReadonlyMap<string, number>;
  readonly sent: number;
  /** By the number of the host it comes from. */
  readonly taken: ReadonlyMap<number, number>;
}

export class Counters implements Room {
  readonly name = 'counters';
  readonly recordVersion = 1;
  readonly contracts: readonly Contract[] = [Add, Change, Read, Step, Stepped];
  readonly #shape: FleetShape;
  readonly #entriesMax: number;
  readonly #tallies = new Map<string, number>();
  readonly #registers = new Map<string, number>();
  readonly #taken = new Map<number, number>();
  #sent = 0;
  #heard = 0;

  /** `entriesMax` = length of the stream. */
  constructor(shape: FleetShape, entriesMax: number) {
    this.#shape = shape;
    this.#entriesMax = entriesMax;
  }

  load(records: Iterable<StoredRecord>, now: Millis, out: Effects): void {
    for (const { table, key, value } of records) {
      const number = value as number;
      if (table === 'tally') this.#tallies.set(key, number);
      else if (table === 'register') this.#registers.set(key, number);
      else if (table === 'taken') this.#taken.set(Number(key), number);
      else this.#sent = number;
    }
    out.timer(STREAM, now + STREAM_EVERY);
  }

  handle(input: RoomInput, { now }: Context, out: Effects): void {
    if (input.kind === 'timer') return this.#stream(now, out);
    if (input.kind === 'activity') return;
    const { type, data } = input.envelope;
    switch (type) {
      case Add.type: {
        const { key } = data as { key: string };
        const tally = (this.#tallies.get(key) ?? 0) + 1;
        this.#tallies.set(key, tally);
        return out.put('tally', key, tally);
      }
      case Change.type:
      case Read.type:
        return this.#operate(data as Operate, out);
      case Step.type:
        return this.#take(data as Progress, out);
      case Stepped.type:
        this.#heard = Math.max(this.#heard, (data as Progress).number);
    }
  }

  query(): CountersView {
    return { tallies: this.#tallies, sent: this.#sent, taken: this.#taken };
  }

  #operate({ op, register, does, value, expected, caller }: Operate, out: Effects): void {
    const present = this.#registers.get(register) ?? 0;
    const ok = does !== 'cas' || present === expected;
    if (does !== 'read' && ok) {
      this.#registers.set(register, value);
      out.put('register', register, value);
    }
    out.send({ contract: Answered, data: { op, ok, value: present }, audience: caller, subject: register, ttl: 5000 });
  }

  /** One more entry, and everything that the other end has not confirmed. */
  #stream(now: Millis, out: Effects): void {
    const { hosts, me } = this.#shape;
    if (this.#sent < this.#entriesMax && this.#sent - this.#heard < WINDOW) {
      this.#sent += 1;
      out.put('sent', 'all', this.#sent);
    }
    for (let number = this.#heard + 1; number <= this.#sent; number++)
      out.send({
        contract: Step,
        data: { from: me, number },
        audience: hosts[(me + 1) % hosts.length]!,
        subject: STREAM,
        priority: 2,
        ttl: 5000,
      });
    if (this.#heard < this.#entriesMax) out.timer(STREAM, now + STREAM_EVERY);
  }

  #take({ from, number }: Progress, out: Effects): void {
    const taken = this.#taken.get(from) ?? 0;
    if (number === taken + 1) {
      this.#taken.set(from, number);
      out.put('taken', String(from), number);
    }
    const data = { from, number: Math.max(taken, number === taken + 1 ? number : 0) };
    out.send({ contract: Stepped, data, audience: this.#shape.hosts[from]!, subject: STREAM, priority: 2, ttl: 5000 });
  }
}
