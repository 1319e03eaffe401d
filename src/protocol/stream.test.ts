import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Chunk, type Grant, StreamReader, StreamWriter } from './stream.ts';

const SOURCE = Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff);

function chunkOf(writer: StreamWriter): Chunk | null {
  const range = writer.next();
  if (range === null) return null;
  const { round, offset, length, last } = range;
  return { stream: 's', round, offset, last, bytes: SOURCE.subarray(offset, offset + length) };
}

describe('a pull stream', () => {
  it('brings every byte once and in order, and none beyond the credit, whatever is lost, repeated or overtaken', () => {
    // What happens to a message on the way, and how often the reader loses patience.
    const fate = fc.constantFrom('arrives', 'lost', 'twice', 'late');
    const property = fc.property(
      fc.array(fate, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 120 }),
      fc.integer({ min: 0, max: SOURCE.length }),
      (fates, window, chunkMax, length) => {
        const writer = new StreamWriter('s', length, true, chunkMax);
        let reader = new StreamReader('s', window);
        const got: number[] = [];
        let step = 0;
        let limit = 0;
        let toWriter: Grant[] = [reader.grant];
        let toReader: Chunk[] = [];
        const carry = <T>(queue: T[], message: T): void => {
          const what = step < 400 ? fates[(step += 1) % fates.length] : 'arrives'; // in the end the network heals
          if (what === 'lost') return;
          if (what === 'late') queue.unshift(message);
          else queue.push(message);
          if (what === 'twice') queue.push(message);
        };
        for (let turn = 0; turn < 5000 && !reader.done; turn++) {
          for (const grant of toWriter.splice(0)) {
            writer.grant(grant);
            limit = Math.max(limit, grant.upTo);
          }
          for (let chunk = chunkOf(writer); chunk !== null; chunk = chunkOf(writer)) {
            expect(chunk.offset + chunk.bytes.length).toBeLessThanOrEqual(limit);
            carry(toReader, chunk);
          }
          for (const chunk of toReader.splice(0)) {
            const read = reader.read(chunk);
            if (!read.ok) {
              expect(read.reason).not.toBe('invalid');
              continue;
            }
            got.push(...read.bytes);
            const grant = reader.consumed(read.bytes.length);
            if (grant !== null) carry(toWriter, grant);
          }
          if (reader.done || toWriter.length > 0) continue;
          if (turn % 7 === 3) reader = new StreamReader('s', window, reader.received, reader.grant.round + 1); // a restart
          carry(toWriter, turn % 2 === 0 ? reader.resume() : reader.grant);
        }
        expect(reader.done).toBe(true);
        expect(got).toEqual([...SOURCE.subarray(0, length)]);
      },
    );
    fc.assert(property, { numRuns: 150 });
  });

  it('is held back by a reader that does not use what it got', () => {
    const writer = new StreamWriter('s', 1000, true, 100);
    const reader = new StreamReader('s', 250);
    writer.grant(reader.grant);
    const read = (): void => {
      for (let chunk = chunkOf(writer); chunk !== null; chunk = chunkOf(writer)) expect(reader.read(chunk).ok).toBe(true);
    };
    read();
    expect(reader.received).toBe(250);
    expect(reader.consumed(100)).toBeNull(); // not worth a message yet
    expect(writer.grant(reader.grant)).toBe(false);
    const grant = reader.consumed(25)!;
    expect(grant.upTo).toBe(375);
    writer.grant(grant);
    read();
    expect(reader.received).toBe(375);
  });

  it('says that a writer broke its word, and takes nothing from it', () => {
    const reader = new StreamReader('s', 100);
    const chunk = { stream: 's', round: 1, offset: 0, bytes: new Uint8Array(101), last: false };
    expect(reader.read(chunk)).toEqual({ ok: false, reason: 'invalid' });
    expect(reader.read({ ...chunk, bytes: new Uint8Array(1), round: 2 })).toEqual({ ok: false, reason: 'invalid' });
    expect(reader.read({ ...chunk, bytes: new Uint8Array(1), stream: 't' })).toEqual({ ok: false, reason: 'invalid' });
    expect(reader.received).toBe(0);
  });

  it('does not follow a reader beyond the end, and sends what is added later', () => {
    const writer = new StreamWriter('s', 10, false);
    expect(writer.grant({ stream: 's', round: 1, from: 11, upTo: 20 })).toBe(false);
    writer.grant({ stream: 's', round: 1, from: 0, upTo: 100 });
    expect(writer.next()).toEqual({ round: 1, offset: 0, length: 10, last: false });
    expect(writer.next()).toBeNull();
    writer.extend(15, true);
    expect(writer.next()).toEqual({ round: 1, offset: 10, length: 5, last: true });
    expect(writer.next()).toBeNull();
  });
});
