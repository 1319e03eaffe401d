/**
 * Where a payload is written to and read from: two lanes. Numbers, lengths and choices go into one, the characters of all
 * strings, in order, into the other; a message is then one UTF-8 conversion however many strings it has, which is most of what
 * writing and reading it costs. Both ends stop at the first problem and say what it is; neither throws, whatever the bytes.
 *
 * Whole numbers have one form only: seven bits a byte, low end first, no superfluous last byte.
 */
import { fromUtf8, utf8Into } from '../kernel/index.ts';
import { FRAME_BYTES_MAX, isShort, utf8Length } from './limits.ts';

const BYTES_START = 64 * 1024;
const BYTES_KEPT: number = 256 * 1024; // a writer stands ready for each peer: one large frame must not keep a megabyte for ever

export class Writer {
  bytes: Uint8Array = new Uint8Array(BYTES_START);
  /** Where the next byte goes. */
  at = 0;
  /** What the text lane holds so far. */
  text = '';
  /** Why the last write said no. */
  problem = '';
  /** The reason was the bound: it may fit elsewhere. */
  overflow = false;
  readonly #bytesMax: number;
  #view = new DataView(this.bytes.buffer);

  constructor(bytesMax: number = FRAME_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Begins again at `at`, with what was written before that lost. */
  reset(at: number): void {
    if (this.bytes.length > BYTES_KEPT) this.#use(new Uint8Array(BYTES_START));
    this.at = at;
    this.text = '';
  }

  refuse(problem: string): false {
    this.problem = problem;
    return false;
  }

  /** Makes room for `count` bytes; false where that passes the bound. Grows by doubling. */
  reserve(count: number): boolean {
    const needed = this.at + count;
    if (needed <= this.bytes.length) return true;
    if (needed > this.#bytesMax) {
      this.overflow = true;
      return this.refuse(`it does not fit into ${this.#bytesMax} bytes`);
    }
    const larger = new Uint8Array(Math.min(this.#bytesMax, Math.max(needed, this.bytes.length * 2)));
    larger.set(this.bytes.subarray(0, this.at));
    this.#use(larger);
    return true;
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  byte(value: number): boolean {
    if (!this.reserve(1)) return false;
    this.bytes[this.at++] = value;
    return true;
  }

  /** 0..2^53 - 1. */
  whole(value: number): boolean {
    if (!this.reserve(8)) return false;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      this.bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.bytes[this.at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
    return true;
  }

  /** A safe integer: the sign is the seventh bit of the first byte. */
  signed(value: number): boolean {
    const size = Math.abs(value);
    const first = (size % 64) | (value < 0 ? 64 : 0);
    if (size < 64) return this.byte(first);
    return this.byte(first | 128) && this.whole(Math.floor(size / 64));
  }

  double(value: number): boolean {
    if (!this.reserve(8)) return false;
    this.#view.setFloat64(this.at, value + 0); // -0 is 0, as in JSON
    this.at += 8;
    return true;
  }

  string(value: string): boolean {
    if (value === '') return this.byte(0);
    if (!isShort(value)) return this.refuse('a string is longer than 256 KiB');
    if (endsInHalf(value)) return this.refuse('a string holds half a surrogate pair');
    this.text += value;
    return this.whole(value.length);
  }

  /** Empties the text lane to where the next byte goes; the number of bytes, or -1. */
  flushText(): number {
    const { text } = this;
    this.text = '';
    if (text === '') return 0;
    // Three bytes for each code unit always suffice; only near the bound is it worth counting.
    if (this.at + text.length * 3 > this.bytes.length && !this.reserve(utf8Length(text))) return -1;
    const written = utf8Into(text, this.bytes.subarray(this.at));
    if (written !== text.length && /\p{Surrogate}/u.test(text)) {
      this.refuse('a string holds half a surrogate pair');
      return -1;
    }
    this.at += written;
    return written;
  }
}

/** Of a text that is not empty. A well-formed one neither begins with the second half of a surrogate pair nor ends with the first. */
export function endsInHalf(text: string): boolean {
  return (text.charCodeAt(0) & 0xfc00) === 0xdc00 || (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}

const EIGHT: Uint8Array = new Uint8Array(8);
const EIGHT_VIEW: DataView = new DataView(EIGHT.buffer);

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #text: string;
  /** Only then can a string begin or end inside a character. */
  readonly #wide: boolean;
  #at: number;
  #textAt = 0;
  /** Why reading stopped, '' while it goes well. Whoever loops asks; what is read afterwards means nothing. */
  problem = '';

  /** Numbers in [start, end), text in [textStart, textEnd). */
  constructor(bytes: Uint8Array, start: number, end: number, textStart: number, textEnd: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    let text = '';
    if (textEnd > textStart) {
      try {
        text = fromUtf8(bytes.subarray(textStart, textEnd));
      } catch {
        this.problem = 'its text is not UTF-8';
      }
    }
    this.#text = text;
    this.#wide = text.length !== textEnd - textStart;
  }

  refuse(problem: string): void {
    if (this.problem === '') this.problem = problem;
    this.#at = this.#end;
  }

  /** Both lanes were used up and nothing went wrong. */
  get isDone(): boolean {
    return this.problem === '' && this.#at === this.#end && this.#textAt === this.#text.length;
  }

  byte(): number {
    if (this.#at < this.#end) return this.#bytes[this.#at++]!;
    this.refuse('it ends too early');
    return 0;
  }

  whole(): number {
    let byte = this.byte();
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 1;
    do {
      scale *= 128;
      byte = this.byte();
      value += (byte & 127) * scale;
      if (scale > 2 ** 49 || value > Number.MAX_SAFE_INTEGER) {
        this.refuse('a number is too large');
        return 0;
      }
    } while (byte >= 128);
    if (byte === 0) this.refuse('a number has a superfluous byte');
    return value;
  }

  signed(): number {
    const first = this.byte();
    const low = first & 63;
    const high = first < 128 ? 0 : this.whole();
    const size = low + high * 64;
    if (size > Number.MAX_SAFE_INTEGER || (first >= 128 && high === 0) || (first === 64 && size === 0)) {
      this.refuse('a number is too large or not in its one form');
      return 0;
    }
    return (first & 64) === 0 ? size : -size;
  }

  double(): number {
    if (this.#at + 8 > this.#end) {
      this.refuse('it ends too early');
      return 0;
    }
    for (let i = 0; i < 8; i++) EIGHT[i] = this.#bytes[this.#at++]!;
    const value = EIGHT_VIEW.getFloat64(0);
    if (!Number.isFinite(value) || Object.is(value, -0)) this.refuse('a number is not finite, or -0');
    return value;
  }

  string(): string {
    const length = this.whole();
    const start = this.#textAt;
    if (length > this.#text.length - start) {
      this.refuse('a string is longer than the text');
      return '';
    }
    if (length === 0) return '';
    this.#textAt = start + length;
    const value = this.#text.substring(start, this.#textAt);
    if (!isShort(value)) this.refuse('a string is longer than 256 KiB');
    if (this.#wide && endsInHalf(value)) this.refuse('a string ends inside a character');
    return value;
  }
}
