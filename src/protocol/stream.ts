/**
 * Pull streams: bytes that a reader asks for. The reader grants credit as an absolute end, so a grant may be lost, repeated or
 * overtaken and still means the same; the writer sends nothing beyond it. After a loss or a restart the reader opens a new
 * round from the byte that it has. Neither side sends, waits or keeps the bytes: the writer says which range to read from its
 * source. Source: QUIC (RFC 9000, 4.1), where credit is absolute for the same reason.
 */
import { assert } from '../kernel/index.ts';

export const CHUNK_BYTES_MAX: number = 64 * 1024; // sixteen fit in a frame, beside other messages

export interface Grant {
  readonly stream: string;
  /** Grows whenever the reader starts again; an older one is stale. */
  readonly round: number;
  /** Where this round begins. */
  readonly from: number;
  /** The first byte that may not be sent. */
  readonly upTo: number;
}

export interface Chunk {
  readonly stream: string;
  readonly round: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The stream ends with it. */
  readonly last: boolean;
}

/** What the reader makes of a chunk. `stale`, `known` and `gap` cost nothing; `invalid` is a writer that broke its word. */
export type ChunkRead =
  | { readonly ok: true; readonly bytes: Uint8Array; readonly done: boolean }
  | { readonly ok: false; readonly reason: 'stale' | 'known' | 'gap' | 'invalid' };

export class StreamReader {
  readonly #stream: string;
  readonly #window: number;
  #round = 1;
  #from: number;
  #received: number;
  #consumed: number;
  #granted: number;
  #done = false;

  /** `window`: how many bytes may be under way or unread. `from`: what an earlier reader had. */
  constructor(stream: string, window: number, from = 0, round = 1) {
    assert(window >= 1, `a window of ${window} bytes never grants anything`);
    this.#stream = stream;
    this.#window = window;
    this.#round = round;
    this.#from = from;
    this.#received = from;
    this.#consumed = from;
    this.#granted = from + window;
  }

  get received(): number {
    return this.#received;
  }

  get done(): boolean {
    return this.#done;
  }

  /** What is granted now: the first message of a stream, and again whenever it may have been lost. */
  get grant(): Grant {
    return { stream: this.#stream, round: this.#round, from: this.#from, upTo: this.#granted };
  }

  read(chunk: Chunk): ChunkRead {
    const end = chunk.offset + chunk.bytes.length;
    if (chunk.stream !== this.#stream || chunk.round > this.#round || chunk.bytes.length > CHUNK_BYTES_MAX) {
      return { ok: false, reason: 'invalid' };
    }
    if (chunk.round < this.#round) return { ok: false, reason: 'stale' };
    if (end > this.#granted) return { ok: false, reason: 'invalid' };
    if (chunk.offset > this.#received) return { ok: false, reason: 'gap' };
    if (end < this.#received || (end === this.#received && (!chunk.last || this.#done))) return { ok: false, reason: 'known' };
    const bytes = chunk.bytes.subarray(this.#received - chunk.offset);
    this.#received = end;
    this.#done ||= chunk.last;
    return { ok: true, bytes, done: this.#done };
  }

  /** The owner used so many bytes more. Answers the grant to send when it is worth a message. */
  consumed(bytes: number): Grant | null {
    assert(bytes >= 0 && this.#consumed + bytes <= this.#received, `${bytes} bytes were never read from ${this.#stream}`);
    this.#consumed += bytes;
    const upTo = this.#consumed + this.#window;
    if (this.#done || upTo - this.#granted < this.#window / 2) return null;
    this.#granted = upTo;
    return this.grant;
  }

  /** Something was lost, or the writer is another one: begins a new round at the first byte that is missing. */
  resume(): Grant {
    this.#round += 1;
    this.#from = this.#received;
    this.#granted = Math.max(this.#received, this.#consumed + this.#window);
    return this.grant;
  }
}

/** A range of the source that may be sent now. */
export interface ChunkRange {
  readonly round: number;
  readonly offset: number;
  readonly length: number;
  readonly last: boolean;
}

export class StreamWriter {
  readonly #stream: string;
  readonly #chunkMax: number;
  #length: number;
  #closed: boolean;
  #round = 0;
  #sent = 0;
  #upTo = 0;
  #saidLast = false;

  /** `closed`: nothing will be added to the `length` bytes that there are. */
  constructor(stream: string, length: number, closed: boolean, chunkMax: number = CHUNK_BYTES_MAX) {
    assert(chunkMax >= 1 && chunkMax <= CHUNK_BYTES_MAX, `chunks of ${chunkMax} bytes: 1 to ${CHUNK_BYTES_MAX} are allowed`);
    this.#stream = stream;
    this.#chunkMax = chunkMax;
    this.#length = length;
    this.#closed = closed;
  }

  /** There is more to read, or the end is known. */
  extend(length: number, closed: boolean): void {
    assert(!this.#closed && length >= this.#length, `${this.#stream} ended at ${this.#length} bytes or shrank to ${length}`);
    this.#length = length;
    this.#closed = closed;
  }

  /** Answers whether the grant says anything new. One that begins beyond the end is the reader's mistake and is not followed. */
  grant({ stream, round, from, upTo }: Grant): boolean {
    if (stream !== this.#stream || round < this.#round || from > this.#length || from < 0 || upTo < from) return false;
    if (round === this.#round) {
      if (upTo <= this.#upTo) return false;
    } else {
      this.#round = round;
      this.#sent = from;
      this.#saidLast = false;
    }
    this.#upTo = upTo;
    return true;
  }

  /** The next range to send; null until more is granted or added, or when everything was sent. */
  next(): ChunkRange | null {
    if (this.#round === 0 || this.#saidLast) return null;
    const offset = this.#sent;
    const length = Math.min(this.#chunkMax, this.#upTo - offset, this.#length - offset);
    const last = this.#closed && offset + length === this.#length;
    if (length <= 0 && !last) return null;
    this.#sent = offset + length;
    this.#saidLast = last;
    return { round: this.#round, offset, length, last };
  }
}
