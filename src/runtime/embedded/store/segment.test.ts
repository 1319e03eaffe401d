import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { hex, seededRandom } from '../../../kernel/index.ts';
import type { LedgerEntry } from '../../../ports/index.ts';
import { MerkleRange } from '../../../structures/index.ts';
import { SEGMENT_ENTRIES_MAX, SEGMENT_TABLE, Segments, SegmentWriter, storedEntries } from './segment.ts';
import { sha256 } from './sha256.ts';

const owner = { realm: 'r', host: '0123456789ab' };

function written(bodies: readonly Uint8Array[], flushAfter: (index: number) => boolean) {
  const database = new DatabaseSync(':memory:');
  database.exec(SEGMENT_TABLE);
  const writer = new SegmentWriter(database, owner);
  const range = new MerkleRange(sha256);
  const entries = bodies.map((body, index): LedgerEntry => {
    const bodyHash = sha256(body);
    const header = Buffer.concat([bodyHash, bodyHash, bodyHash]);
    const leaf = sha256(header);
    const nodes = range.append(leaf);
    writer.append(index, header, bodyHash, body, leaf, nodes);
    if (flushAfter(index)) writer.flush();
    return { index, header, bodyHash, body, leaf, nodes: Buffer.concat(nodes) };
  });
  writer.flush();
  const rows = Number(database.prepare('SELECT count(*) AS n FROM segment').get()!['n']);
  return { database, entries, rows, segments: new Segments(database, owner) };
}

it('gives back every entry as it was appended, its place in the log too, and those that were erased without their bodies', () => {
  const random = seededRandom('segments');
  const bodies = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(random.below(40), i));
  const { database, entries, segments } = written(bodies, () => random.chance(0.01));
  expect(segments.length()).toBe(3000);
  const erased = new Set(Array.from({ length: 50 }, () => random.below(3000)));
  segments.erase([...erased]);
  segments.erase([...erased]); // again, and nothing more goes
  const wanted = entries.map((one) => (erased.has(one.index) ? { ...one, body: null } : one));
  const stored = [...storedEntries(database, 2)];
  expect(stored.filter(({ misfit }) => misfit !== null)).toEqual([]);
  expect(stored.map(plain)).toEqual(wanted.map(plain));
  for (const from of [0, 1, 255, 256, 2500, 2999, 3000])
    expect(segments.entries(from, 700).map(plain)).toEqual(wanted.slice(from, from + 700).map(plain));
  for (const { index, leaf, nodes } of entries) {
    const place = segments.place(index)!;
    expect(Buffer.compare(place.leaf, leaf) === 0 && Buffer.compare(place.nodes, nodes) === 0, `place ${index}`).toBe(true);
  }
  expect(segments.place(3000)).toBe(null);
});

it('begins a new row where one has as many entries or bytes as may be rewritten at once', () => {
  const never = (): boolean => false;
  const tiny = (count: number): number =>
    written(
      Array.from({ length: count }, () => Buffer.alloc(1)),
      never,
    ).rows;
  expect([tiny(SEGMENT_ENTRIES_MAX), tiny(SEGMENT_ENTRIES_MAX + 1)]).toEqual([1, 2]);
  const half = Buffer.alloc(512 * 1024);
  expect([written([half, half], never).rows, written([half, half, Buffer.alloc(1)], never).rows]).toEqual([1, 2]);
});

function plain({ index, header, bodyHash, body, leaf, nodes }: LedgerEntry): string {
  return [index, hex(header), hex(bodyHash), body === null ? 'erased' : hex(body), hex(leaf), hex(nodes)].join(' ');
}
