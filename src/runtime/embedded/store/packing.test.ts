import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { hex, type Id } from '../../../kernel/index.ts';
import type { Commit, LedgerDraft, RecordWrite } from '../../../ports/index.ts';
import { LEDGER_KINDS, type LedgerKind } from '../../../protocol/index.ts';
import { Packet, unpack, unpackWrites } from './packing.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex') as Id);
const write: fc.Arbitrary<RecordWrite> = fc.record({
  room: text,
  table: text,
  key: text,
  version: fc.nat(),
  value: fc.option(fc.oneof(text, fc.constant('x'.repeat(70_000)))),
});
const entry: fc.Arbitrary<LedgerDraft> = fc.record({
  kind: fc.constantFrom(...(Object.keys(LEDGER_KINDS) as LedgerKind[])),
  id,
  causation: fc.option(id),
  time: fc.maxSafeNat(),
  body: fc.uint8Array({ maxLength: 300 }),
});
const texts = fc.record({ full: fc.option(text), window: fc.option(text) });
const commits = fc.array(
  fc.record({ writes: fc.array(write, { maxLength: 4 }), entries: fc.array(entry, { maxLength: 4 }), journal: texts }),
  { maxLength: 8 },
);

it('gives back what was packed, commit by commit, also in a buffer that was used before', () => {
  fc.assert(
    fc.property(commits, (some) => {
      const full = some.map((one, i) => ({ ...one, sequence: i + 1 }));
      const used = new Packet(null);
      for (const one of full.toReversed()) used.add(one, one.journal);
      const packet = new Packet(used.take());
      for (const one of full) packet.add(one, one.journal);
      const writes: RecordWrite[] = [];
      const entries: unknown[] = [];
      const journaled: unknown[] = [];
      unpack(packet.take(), packet.length, {
        onWrite: ({ room, table, key, version, value }) =>
          writes.push({ room: string(room), table: string(table), key: string(key), version, value: value && string(value) }),
        onEntry: ({ kind, time, ids, body }, commit) =>
          entries.push({ kind, time, ids: hex(ids), body: Uint8Array.from(body), commit }),
        onJournal: (commit, kept, window, packed) =>
          journaled.push({ commit, full: kept && string(kept), window: window && string(window), writes: unpackWrites(packed) }),
      });
      const wanted = full.flatMap(({ journal, writes: own }, commit) =>
        journal.full === null && journal.window === null ? [] : [{ commit, ...journal, writes: own }],
      );
      expect(journaled).toEqual(wanted);
      expect(writes).toEqual(full.flatMap((one) => one.writes));
      const packed = ({ kind, id: own, causation, time, body }: LedgerDraft, commit: number): unknown => {
        const ids = own + (causation ?? '0'.repeat(32));
        return { kind: LEDGER_KINDS[kind], time, ids, body: Uint8Array.from(body), commit };
      };
      expect(entries).toEqual(full.flatMap((one, commit) => one.entries.map((draft) => packed(draft, commit))));
    }),
  );
});

it('refuses what could not be read back as it was, before anything of the commit is packed', () => {
  const packet = new Packet(null);
  const bad: Omit<Commit, 'sequence'>[] = [
    { writes: [{ room: 'r', table: 't', key: '\ud800', version: 1, value: '1' }], entries: [] },
    { writes: [], entries: [{ kind: 'cost', id: 'xyz' as Id, causation: null, time: 1, body: new Uint8Array() }] },
    {
      writes: [],
      entries: [{ kind: 'cost', id: '0'.repeat(32) as Id, causation: null, time: 1, body: new Uint8Array(1024 * 1024 + 1) }],
    },
  ];
  for (const one of bad) expect(() => packet.add({ ...one, sequence: 1 })).toThrow(/not well-formed|hexadecimal|over 1048576/);
  expect(packet.length).toBe(0);
});

function string(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
