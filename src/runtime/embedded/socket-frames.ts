/**
 * Envelopes over one connection as sealed frames: what waits, what is under way, and where one frame ends in what comes in.
 * Bounded on both sides of `write`: at most 1,024 messages or 4 MiB are unacknowledged, more urgent ones have a reserve, and
 * nothing is written while the socket says that it is full. What was under way when a connection ended is sent again on the next
 * one, first and in order. It seals nothing itself: the link does.
 */
import type { Socket } from 'node:net';
import { Lanes, type Millis, type Priority } from '../../kernel/index.ts';
import {
  type Envelope,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_MESSAGES_FLUSH,
  FrameBuilder,
  isRecord,
  RECORD_BYTES_MAX,
  type Refusal,
  type WireTable,
} from '../../protocol/index.ts';
import { isOwed } from './socket-words.ts';

const UNDER_WAY_MAX = 1024;
const UNDER_WAY_BYTES_MAX: number = 4 * 1024 * 1024;
const UNDER_WAY_RESERVE = 256; // for control and replies
const QUEUE_MAX: number = 64 * 1024; // as in one process
const QUEUE_RESERVE = 1024;
const FLUSH_MS = 1; // what is not urgent waits so long for company; Node's timers know no less

/** A connection on which frames may be sent. */
export interface FrameLine {
  readonly socket: Socket;
  /** By which both ends number their contracts now. */
  readonly table: WireTable;
  /** The frame that the builder holds, sealed; null: not now, `Outgoing.flushSoon` is called when it may be. */
  seal(builder: FrameBuilder): Uint8Array | null;
}

interface UnderWay {
  readonly number: number;
  readonly envelopes: readonly Envelope[];
  readonly bytes: number;
  readonly since: Millis;
}

export interface OutgoingOptions {
  readonly now: () => Millis;
  /** What has to be said right before a message: its author's signature. */
  readonly before: (envelope: Envelope) => Envelope | null;
  readonly onRefused: (envelope: Envelope, refusal: Refusal) => void;
}

export class Outgoing {
  readonly #options: OutgoingOptions;
  readonly #lanes: Lanes<Envelope> = new Lanes(QUEUE_MAX, QUEUE_RESERVE);
  #builder: FrameBuilder | null = null;
  #table: WireTable | null = null;
  #again: Envelope[] = [];
  #underWay: UnderWay[] = [];
  #messages = 0;
  #bytes = 0;
  #number = 0;
  #line: FrameLine | null = null;
  #isFull = false;
  #scheduled = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: OutgoingOptions) {
    this.#options = options;
  }

  /** Messages that the other end has not acknowledged. */
  get size(): number {
    return this.#lanes.size + this.#again.length + this.#messages;
  }

  /** Since when the other end owes an acknowledgement; null: it owes none. */
  get owedSince(): Millis | null {
    return this.#underWay.find(({ envelopes }) => isOwed(envelopes))?.since ?? null;
  }

  push(envelope: Envelope): boolean {
    if (!this.#lanes.push(envelope, envelope.priority)) return false;
    if (envelope.priority === 0 || this.#lanes.size >= FRAME_MESSAGES_FLUSH) this.flushSoon();
    else if (this.#timer === null && !this.#scheduled) this.#timer = setTimeout(() => this.#flush(), FLUSH_MS);
    return true;
  }

  /** Begins on a new connection. `keep`: what still means something there. */
  connect(line: FrameLine, keep: (envelope: Envelope) => boolean): void {
    this.#again = [...this.#underWay.flatMap(({ envelopes }) => envelopes), ...this.#again].filter(keep);
    this.#lanes.remove((envelope) => !keep(envelope));
    this.#underWay = [];
    [this.#messages, this.#bytes, this.#number] = [0, 0, 0];
    this.#line = line;
    this.#isFull = false;
    line.socket.on('drain', () => {
      if (this.#line !== line) return;
      this.#isFull = false;
      this.#flush();
    });
    this.flushSoon();
  }

  disconnect(): void {
    this.#line = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** The other end has this frame of the connection, and all before it. */
  acknowledged(number: number): void {
    while (this.#underWay.length > 0 && this.#underWay[0]!.number <= number) {
      const { envelopes, bytes } = this.#underWay.shift()!;
      this.#messages -= envelopes.length;
      this.#bytes -= bytes;
    }
    if (this.#lanes.size + this.#again.length >= FRAME_MESSAGES_FLUSH || this.#timer === null) this.flushSoon();
  }

  /** At the end of this turn: what is sent in one turn shares frames. */
  flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#line !== null && !this.#isFull) {
      const line = this.#line;
      if (this.#builder === null || this.#table !== line.table) {
        this.#builder = new FrameBuilder(line.table);
        this.#table = line.table;
      }
      const builder = this.#builder;
      const envelopes: Envelope[] = [];
      for (let next = this.#next(envelopes.length); next !== undefined; next = this.#next(envelopes.length)) {
        const added = builder.isDue ? 'full' : this.#add(builder, next);
        if (added === 'full') break;
        this.#shift(next.priority);
        if (added === 'added') envelopes.push(next);
        else this.#options.onRefused(next, added);
      }
      if (envelopes.length === 0) return builder.clear();
      const frame = line.seal(builder);
      if (frame === null) {
        this.#again.unshift(...envelopes);
        return builder.clear();
      }
      this.#number += 1;
      this.#underWay.push({ number: this.#number, envelopes, bytes: frame.length, since: this.#options.now() });
      this.#messages += envelopes.length;
      this.#bytes += frame.length;
      this.#isFull = !line.socket.write(frame); // goes on with `drain`: else the frames would pile up in memory
    }
  }

  #add(builder: FrameBuilder, envelope: Envelope): 'added' | 'full' | Refusal {
    const before = this.#options.before(envelope);
    if (before === null) return builder.add(envelope);
    const alone = builder.count === 0;
    const first = builder.add(before);
    if (first !== 'added') return first;
    const added = builder.add(envelope);
    if (added !== 'full' || !alone) return added; // a signature at the end of a frame is said again in the next one
    return { reason: 'invalid', detail: `message ${envelope.id} and its signature do not fit into ${FRAME_BYTES_MAX} bytes` };
  }

  #next(adding: number): Envelope | undefined {
    const again = this.#again[0];
    if (again !== undefined) return again; // was within the window before
    const messages = this.#messages + adding;
    if (messages >= UNDER_WAY_MAX + UNDER_WAY_RESERVE) return undefined;
    const isFull = messages >= UNDER_WAY_MAX || this.#bytes + this.#builder!.bytes >= UNDER_WAY_BYTES_MAX;
    return this.#lanes.peek(isFull ? 0 : 3);
  }

  #shift(lane: Priority): void {
    if (this.#again.length > 0) this.#again.shift();
    else this.#lanes.shiftFrom(lane);
  }
}

/** Cuts what comes over a connection into records and frames, by the length that each says of itself. `broken`: it cannot be one. */
export function readUnits(socket: Socket, onUnit: (unit: Uint8Array) => void, broken: (refusal: Refusal) => void): void {
  let rest: Uint8Array = new Uint8Array(0);
  socket.on('data', (chunk: Uint8Array) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 12 && !socket.destroyed && socket.writable) {
      const length = ((rest[8]! << 24) | (rest[9]! << 16) | (rest[10]! << 8) | rest[11]!) >>> 0;
      const [least, most] = isRecord(rest) ? [12, RECORD_BYTES_MAX] : [FRAME_HEADER_BYTES, FRAME_BYTES_MAX];
      if (length < least || length > most) {
        rest = new Uint8Array(0);
        return broken({ reason: 'corrupt', detail: `a frame claims ${length} bytes: the connection is closed` });
      }
      if (rest.length < length) return;
      const unit = rest.subarray(0, length);
      rest = rest.subarray(length);
      onUnit(unit);
    }
    if (socket.destroyed || !socket.writable) rest = new Uint8Array(0);
  });
}
