/**
 * A room of one life of a host with what it is given: the context and the effects are made once and set anew for each input, so
 * they are good for that input alone. It hands inputs in and keeps nothing of them.
 */
import type { Id, Millis, Random } from '../kernel/index.ts';
import type { Context, Room, RoomInput, StoredRecord } from '../ports/index.ts';
import { type Batch, Collector } from './batch.ts';

export class RoomSlot {
  readonly room: Room;
  readonly #context: { -readonly [K in keyof Context]: Context[K] };
  readonly #collector: Collector;
  readonly #journaled: boolean;
  /** Drawn for the input at hand. */
  #ids: Id[] = [];

  /** `journaled`: the ids that an input draws are wanted. */
  constructor(
    room: Room,
    of: { readonly random: Random; readonly host: string; readonly incarnation: number },
    nextId: () => Id,
    journaled: boolean,
  ) {
    const drawn = (): Id => {
      const id = nextId();
      this.#ids.push(id);
      return id;
    };
    const draw = journaled ? drawn : nextId;
    this.room = room;
    this.#context = { now: 0, random: of.random, nextId: draw, host: of.host, incarnation: of.incarnation, causation: null };
    this.#collector = new Collector(room.name, room.recordVersion, draw);
    this.#journaled = journaled;
  }

  load(records: Iterable<StoredRecord>, now: Millis, batch: Batch): void {
    this.room.load(records, now, this.#collector.begin(batch, null, now, true));
    this.#collector.end();
  }

  /** Answers the ids it drew, null when nobody wants them. Throws when the room does. */
  handle(input: RoomInput, causation: Id | null, now: Millis, batch: Batch): readonly Id[] | null {
    if (this.#journaled) this.#ids = [];
    this.#context.now = now;
    this.#context.causation = causation;
    this.room.handle(input, this.#context, this.#collector.begin(batch, causation, now, false));
    this.#collector.end();
    return this.#journaled ? this.#ids : null;
  }
}
