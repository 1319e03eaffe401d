/**
 * Where operations are written to and read from. Whole numbers have one form only: seven bits a byte, low end first, no
 * superfluous last byte. A reader stops at the first problem and stays there; neither throws, whatever the bytes.
 */
export class ByteWriter {
  bytes: Uint8Array = new Uint8Array(256);
  at = 0;

  reserve(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(this.at + count, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }

  byte(value: number): void {
    if (this.at === this.bytes.length) this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** 0..2^53 - 1. */
  whole(value: number): void {
    this.reserve(8);
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 128;
    for (; rest > 127; rest >>>= 7) this.bytes[this.at++] = rest | 128;
    this.bytes[this.at++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Bytes of its own. */
  taken(): Uint8Array {
    return this.bytes.slice(0, this.at);
  }
}

export class ByteReader {
  bytes: Uint8Array;
  at: number;
  end: number;
  bad = false;

  constructor(bytes: Uint8Array, at = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  refuse(): 0 {
    this.bad = true;
    this.at = this.end;
    return 0;
  }

  byte(): number {
    return this.at < this.end ? this.bytes[this.at++]! : this.refuse();
  }

  whole(): number {
    const first = this.byte();
    if (first < 128) return first;
    let value = first & 127;
    for (let scale = 128; scale <= 562_949_953_421_312; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return byte === 0 || value > Number.MAX_SAFE_INTEGER ? this.refuse() : value;
    }
    return this.refuse();
  }

  /** A view of the bytes that were read. */
  raw(count: number): Uint8Array {
    if (count > this.end - this.at) {
      this.refuse();
      return this.bytes.subarray(0, 0);
    }
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  skip(count: number): void {
    if (count > this.end - this.at) this.refuse();
    else this.at += count;
  }
}
