/**
 * Envelopes over one connection as sealed frames: what waits, what is under way and what comes in. Bounded on both sides of
 * `write`: at most 1,024 messages or 4 MiB are unacknowledged, more urgent ones have a reserve, and nothing is written while the
 * socket says that it is full. What was under way when a connection ended is sent again on the next one, first and in order.
 */
import type { Socket } from 'node:net';
import { Lanes, type Priority } from '../../kernel/index.ts';
import {
  type Envelope,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  FrameBuilder,
  type FrameHeader,
  openFrame,
  type Refusal,
  type Seal,
  type Unseal,
  type WireTable,
} from '../../protocol/index.ts';

const UNDER_WAY_MAX = 1024;
const UNDER_WAY_BYTES_MAX: number = 4 * 1024 * 1024;
const UNDER_WAY_RESERVE = 256; // for control and replies
const QUEUE_MAX: number = 64 * 1024; // as in one process
const QUEUE_RESERVE = 1024;

export interface FrameTerms {
  /** This end, 12 hexadecimal digits. */
  readonly host: string;
  readonly incarnation: number;
  readonly table: WireTable;
  /** For the n-th frame of a connection, from 1. */
  readonly seal: (sequence: number) => Pick<FrameHeader, 'authentication' | 'key' | 'sequence'> & { readonly seal: Seal };
  readonly unseal: Unseal;
}

interface UnderWay {
  readonly number: number;
  readonly envelopes: readonly Envelope[];
  readonly bytes: number;
}

export class Outgoing {
  readonly #terms: FrameTerms;
  readonly #builder: FrameBuilder;
  readonly #onRefused: (envelope: Envelope, refusal: Refusal) => void;
  readonly #lanes: Lanes<Envelope> = new Lanes(QUEUE_MAX, QUEUE_RESERVE);
  #again: Envelope[] = [];
  #underWay: UnderWay[] = [];
  #messages = 0;
  #bytes = 0;
  #number = 0;
  #socket: Socket | null = null;
  #isFull = false;
  #scheduled = false;

  constructor(terms: FrameTerms, onRefused: (envelope: Envelope, refusal: Refusal) => void) {
    this.#terms = terms;
    this.#builder = new FrameBuilder(terms.table);
    this.#onRefused = onRefused;
  }

  /** Messages that the other end has not acknowledged. */
  get size(): number {
    return this.#lanes.size + this.#again.length + this.#messages;
  }

  push(envelope: Envelope): boolean {
    if (!this.#lanes.push(envelope, envelope.priority)) return false;
    this.#flushSoon();
    return true;
  }

  /** Begins on a new connection. `keep`: what still means something there. */
  connect(socket: Socket, keep: (envelope: Envelope) => boolean): void {
    this.#again = [...this.#underWay.flatMap(({ envelopes }) => envelopes), ...this.#again].filter(keep);
    this.#lanes.remove((envelope) => !keep(envelope));
    this.#underWay = [];
    [this.#messages, this.#bytes, this.#number] = [0, 0, 0];
    this.#socket = socket;
    this.#isFull = false;
    socket.on('drain', () => {
      if (this.#socket !== socket) return;
      this.#isFull = false;
      this.#flush();
    });
    this.#flushSoon();
  }

  disconnect(): void {
    this.#socket = null;
  }

  /** The other end has this frame of the connection, and all before it. */
  acknowledged(number: number): void {
    while (this.#underWay.length > 0 && this.#underWay[0]!.number <= number) {
      const { envelopes, bytes } = this.#underWay.shift()!;
      this.#messages -= envelopes.length;
      this.#bytes -= bytes;
    }
    this.#flushSoon();
  }

  /** What is sent in one turn shares frames. */
  #flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#socket !== null && !this.#isFull) {
      const envelopes: Envelope[] = [];
      for (let next = this.#next(envelopes.length); next !== undefined; next = this.#next(envelopes.length)) {
        const added = this.#builder.isDue ? 'full' : this.#builder.add(next);
        if (added === 'full') break;
        this.#shift(next.priority);
        if (added === 'added') envelopes.push(next);
        else this.#onRefused(next, added);
      }
      if (envelopes.length === 0) return;
      this.#number += 1;
      const { seal, ...claims } = this.#terms.seal(this.#number);
      const { host, incarnation } = this.#terms;
      const frame = this.#builder.seal({ ...claims, from: host, to: null, incarnation }, seal);
      this.#underWay.push({ number: this.#number, envelopes, bytes: frame.length });
      this.#messages += envelopes.length;
      this.#bytes += frame.length;
      this.#isFull = !this.#socket.write(frame); // goes on with `drain`: else the frames would pile up in memory
    }
  }

  #next(adding: number): Envelope | undefined {
    const again = this.#again[0];
    if (again !== undefined) return again; // was within the window before
    const messages = this.#messages + adding;
    if (messages >= UNDER_WAY_MAX + UNDER_WAY_RESERVE) return undefined;
    const isFull = messages >= UNDER_WAY_MAX || this.#bytes + this.#builder.bytes >= UNDER_WAY_BYTES_MAX;
    return this.#lanes.peek(isFull ? 0 : 3);
  }

  #shift(lane: Priority): void {
    if (this.#again.length > 0) this.#again.shift();
    else this.#lanes.shiftFrom(lane);
  }
}

/** Reads frames until the connection ends. What cannot be a frame, or is not sealed as it says, ends it: `onBroken` says why. */
export function readFrames(
  socket: Socket,
  terms: Pick<FrameTerms, 'table' | 'unseal'>,
  onFrame: (envelopes: readonly Envelope[], header: FrameHeader) => void,
  onBroken: (refusal: Refusal) => void,
): void {
  let rest: Uint8Array = new Uint8Array(0);
  const broken = (refusal: Refusal): void => {
    socket.destroy();
    onBroken(refusal);
  };
  socket.on('data', (chunk: Uint8Array) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= 12 && !socket.destroyed) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(8);
      if (length < FRAME_HEADER_BYTES || length > FRAME_BYTES_MAX) {
        return broken({ reason: 'corrupt', detail: `a frame claims ${length} bytes: the connection is closed` });
      }
      if (rest.length < length) return;
      const opened = openFrame(rest.subarray(0, length), terms.table, terms.unseal);
      rest = rest.subarray(length);
      if (!opened.ok) return broken(opened.refusal);
      const envelopes: Envelope[] = [];
      for (const message of opened.value.messages) {
        const read = message.envelope();
        if (!read.ok) return broken(read.refusal);
        envelopes.push(read.value);
      }
      onFrame(envelopes, opened.value.header);
    }
  });
}
