/** What every Store and Ledger promises. A runtime runs it with its own bench; the tests know nothing of disks. */
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hex, type Id } from '../../src/kernel/index.ts';
import type { Commit, Ledger, LedgerEntry, Opened, RecordWrite, Store, StoreError } from '../../src/ports/index.ts';
import { ledgerLeaf, ledgerNodes } from '../../src/protocol/index.ts';
import { checkInclusion, inclusionPath, MerkleRange } from '../../src/structures/index.ts';

export interface StoreBench {
  /** Another handle to the same partition. */
  readonly store: () => Store & Ledger;
  /** The process that holds this handle dies now. */
  readonly crash: (store: Store & Ledger) => Promise<void> | void;
  /** The worst event that the store says it survives; null where only a tool of its own can bring it about. */
  readonly worst: ((store: Store & Ledger) => Promise<void> | void) | null;
  /** The next commit of this handle fails; null where it cannot be arranged. */
  readonly breakNextCommit: ((store: Store & Ledger) => Promise<void> | void) | null;
  /** Lets time pass until the promise settles: real time, or steps of a virtual clock. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly dispose: () => Promise<void> | void;
}

export function storeConformance(name: string, makeStore: () => StoreBench | Promise<StoreBench>): void {
  describe(`${name} as a store`, () => {
    let bench: StoreBench;
    beforeEach(async () => {
      bench = await makeStore();
    });
    afterEach(() => bench.dispose());

    const open = (store: Store): Promise<Opened> =>
      bench.wait(
        new Promise((resolve, reject) => store.open((error, opened) => (error === null ? resolve(opened!) : reject(error)))),
      );
    const commit = (store: Store, one: Commit): Promise<number> =>
      bench.wait(
        new Promise((resolve, reject) =>
          store.commit(one, (error, sequence) => (error === null ? resolve(sequence) : reject(error))),
        ),
      );
    const close = (store: Store): Promise<void> => bench.wait(new Promise((resolve) => store.close(resolve)));
    const read = (store: Ledger, index = 0, max = 1000): Promise<readonly LedgerEntry[]> =>
      bench.wait(
        new Promise((resolve, reject) =>
          store.read(index, max, (error, entries) => (error === null ? resolve(entries) : reject(error))),
        ),
      );
    const reopened = async (store: Store & Ledger): Promise<Opened> => {
      await close(store);
      const next = bench.store();
      const opened = await open(next);
      await close(next);
      return opened;
    };

    it('opens empty, at incarnation 1 or above', async () => {
      const opened = await open(bench.store());
      expect(opened.records).toEqual([]);
      expect(opened.incarnation).toBeGreaterThanOrEqual(1);
    });

    it('gives back exactly what was acknowledged: the last value of each key, without the deleted ones', async () => {
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [put('a', 1), put('b', 1), put('c', 1)], entries: [] });
      await commit(store, { sequence: 2, writes: [put('a', 2), put('b', null), put('missing', null)], entries: [] });
      await commit(store, { sequence: 3, writes: [put('d', 1), put('d', null), put('c', null), put('c', 3)], entries: [] });
      expect((await reopened(store)).records).toEqual([
        { room: 'work', table: 'task', key: 'a', version: 1, value: '{"n":2}' },
        { room: 'work', table: 'task', key: 'c', version: 1, value: '{"n":3}' },
      ]);
    });

    it('keeps the version a record was written with', async () => {
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [{ ...put('a', 1), version: 1 }], entries: [] });
      await commit(store, { sequence: 2, writes: [{ ...put('a', 1), version: 7 }], entries: [] });
      expect((await reopened(store)).records).toMatchObject([{ key: 'a', version: 7 }]);
    });

    it('returns records sorted by room, table and key in code units, with any text as key', async () => {
      const keys = [
        '',
        'B',
        'a',
        'a b',
        'a\u0000b',
        'é',
        'e\u0301',
        '\uE000',
        '\u{1F600}',
        '\uFFFD',
        "'; DROP",
        'a'.repeat(2000),
      ];
      const store = bench.store();
      await open(store);
      const writes = ['work', 'host', 'work2'].flatMap((room) =>
        ['t', 'T', 't2'].flatMap((table) => keys.map((key) => ({ ...put(key, 1), room, table }))),
      );
      await commit(store, { sequence: 1, writes, entries: [] });
      const { records } = await reopened(store);
      expect(records).toEqual(writes.toSorted(byPlace));
    });

    it('keeps values of 64 KiB byte for byte', async () => {
      const value = JSON.stringify({ text: `é"\\${'x'.repeat(64 * 1024 - 32)}\u{1F600}` });
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [{ ...put('big', 0), value }], entries: [] });
      expect((await reopened(store)).records[0]!.value).toBe(value);
    });

    it('acknowledges in the order of sequence, once each, and never while commit is still running', async () => {
      const store = bench.store();
      await open(store);
      const acknowledged: number[] = [];
      let inside = false;
      const all = new Promise<void>((resolve) => {
        for (let sequence = 1; sequence <= 1500; sequence++) {
          inside = true;
          store.commit({ sequence, writes: [put(`k${sequence}`, sequence)], entries: [] }, (error, done) => {
            expect(error).toBe(null);
            expect(inside).toBe(false);
            acknowledged.push(done);
            if (done === 1500) resolve();
          });
          inside = false;
        }
      });
      await bench.wait(all);
      expect(acknowledged).toEqual(Array.from({ length: 1500 }, (_, i) => i + 1));
    });

    it('takes commits from inside an acknowledgement', async () => {
      const store = bench.store();
      await open(store);
      const last = new Promise<number>((resolve) => {
        const next = (sequence: number): void =>
          store.commit({ sequence, writes: [put('k', sequence)], entries: [] }, () =>
            sequence === 20 ? resolve(20) : next(sequence + 1),
          );
        next(1);
      });
      expect(await bench.wait(last)).toBe(20);
    });

    it('finishes what was handed in before it closes', async () => {
      const store = bench.store();
      await open(store);
      let acknowledged = 0;
      for (let sequence = 1; sequence <= 700; sequence++) {
        store.commit({ sequence, writes: [put(`k${sequence}`, 1)], entries: [] }, () => (acknowledged += 1));
      }
      expect((await reopened(store)).records).toHaveLength(700);
      expect(acknowledged).toBe(700);
    });

    it('keeps writes and ledger entries of a commit together when its process dies, and everything acknowledged', async ({
      annotate,
    }) => {
      await annotate('opens a store six times; each opening starts a thread');
      for (let round = 0; round < 3; round++) {
        const store = bench.store();
        const { records } = await open(store);
        const had = records.length;
        let acknowledged = 0;
        const some = new Promise<void>((resolve) => {
          for (let sequence = 1; sequence <= 1000; sequence++) {
            const at = had + sequence;
            store.commit({ sequence, writes: [put(`k${at}`, at)], entries: [entry(at)] }, (error) => {
              if (error === null) acknowledged += 1;
              if (acknowledged === 100 * round + 1) resolve();
            });
          }
        });
        await bench.wait(some);
        await bench.crash(store);
        const atDeath = acknowledged;
        const next = bench.store();
        const kept = (await open(next)).records.length;
        const entries = await readAll(next);
        expect(kept - had).toBeGreaterThanOrEqual(atDeath);
        expect(entries).toHaveLength(kept);
        await close(next);
      }
    });

    it('keeps everything acknowledged through the worst that it says it survives', async () => {
      if (bench.worst === null) return;
      const store = bench.store();
      await open(store);
      for (let sequence = 1; sequence <= 20; sequence++)
        // oxlint-disable-next-line no-await-in-loop -- each is acknowledged before the next
        await commit(store, { sequence, writes: [put(`k${sequence}`, sequence)], entries: [entry(sequence)] });
      await bench.worst(store);
      const next = bench.store();
      expect((await open(next)).records).toHaveLength(20);
      expect(await read(next)).toHaveLength(20);
      await close(next);
    });

    it('never hands out an incarnation twice, also after a crash during open and after a crash before the first commit', async ({
      annotate,
    }) => {
      await annotate('opens a store nine times; each opening starts a thread');
      const seen: number[] = [];
      for (let round = 0; round < 3; round++) {
        const store = bench.store();
        seen.push((await open(store)).incarnation);
        await bench.crash(store);
        const dying = bench.store();
        dying.open((error, opened) => {
          if (error === null) seen.push(opened!.incarnation);
        });
        await bench.crash(dying);
        const third = bench.store();
        seen.push((await open(third)).incarnation);
        await close(third);
      }
      expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
    });

    it('refuses a second holder, and the first one goes on', async () => {
      const store = bench.store();
      const { incarnation } = await open(store);
      await expect(open(bench.store())).rejects.toMatchObject({ code: 'busy' });
      expect(await commit(store, { sequence: 1, writes: [put('a', 1)], entries: [] })).toBe(1);
      expect((await reopened(store)).incarnation).toBeGreaterThan(incarnation);
    });

    it('fails everything after a failed commit until it is opened again', async () => {
      if (bench.breakNextCommit === null) return;
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [put('a', 1)], entries: [entry(1)] });
      await bench.breakNextCommit(store);
      const errors: [number, StoreError | null][] = [];
      const failed = new Promise<void>((resolve) => {
        for (const sequence of [2, 3, 4]) {
          store.commit({ sequence, writes: [put('a', sequence)], entries: [entry(sequence)] }, (error, done) => {
            errors.push([done, error]);
            if (done === 4) resolve();
          });
        }
      });
      await bench.wait(failed);
      expect(errors.map(([sequence]) => sequence)).toEqual([2, 3, 4]);
      for (const [, error] of errors) expect(error?.name).toBe('StoreError');
      await expect(commit(store, { sequence: 5, writes: [], entries: [] })).rejects.toThrow(errors[0]![1]!.message);
      expect((await open(store)).records).toEqual([{ ...put('a', 1) }]);
      expect(await commit(store, { sequence: 1, writes: [put('a', 9)], entries: [] })).toBe(1);
      await close(store);
    });

    it('keeps its ledger as a Merkle log, over commits and over a reopen, and every entry can be proven', async () => {
      const first = bench.store();
      await open(first);
      await commit(first, { sequence: 1, writes: [], entries: [entry(1), entry(2)] });
      await commit(first, { sequence: 2, writes: [put('a', 1)], entries: [entry(3)] });
      await close(first);
      const second = bench.store();
      const { incarnation } = await open(second);
      await commit(second, { sequence: 1, writes: [], entries: [{ ...entry(4), causation: entry(1).id }] });
      const entries = await read(second);
      await close(second);
      const range = new MerkleRange(sha256);
      for (const [index, one] of entries.entries()) {
        expect(one.index).toBe(index);
        expect(one.body).toEqual(new Uint8Array(entry(index + 1).body));
        expect(hex(one.leaf)).toBe(hex(ledgerLeaf(one.header, one.body!, sha256)));
        expect(hex(one.bodyHash)).toBe(hex(sha256(one.body!)));
        expect(hex(one.nodes)).toBe(range.append(one.leaf).map(hex).join(''));
      }
      const nodes = ledgerNodes((index) => entries[index]!);
      for (const { index, leaf } of entries) {
        const path = inclusionPath(index, entries.length, nodes, sha256);
        expect(checkInclusion({ index, size: entries.length, leaf, root: range.root(), path }, sha256)).toEqual({ ok: true });
      }
      expect(entries).toHaveLength(4);
      const view = new DataView(entries[3]!.header.buffer, entries[3]!.header.byteOffset);
      expect(Number(view.getBigUint64(8))).toBe(3);
      expect(Number(view.getBigUint64(16))).toBe(entry(4).time);
      expect(Number(view.getBigUint64(24))).toBe(1);
      expect(view.getUint32(32)).toBe(incarnation);
      expect(hex(entries[3]!.header.subarray(40, 72))).toBe(entry(4).id + entry(1).id);
    });

    it('erases the bodies that an erasure names, with it, and the log stays the same', async () => {
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [], entries: [entry(1), entry(2), entry(3)] });
      const before = (await read(store)).map(({ leaf }) => hex(leaf));
      const body = new TextEncoder().encode('{"erased":[1,7]}');
      await commit(store, { sequence: 2, writes: [], entries: [{ ...entry(4), kind: 'erasure', body }] });
      const after = await read(store);
      expect(after.map((one) => one.body === null)).toEqual([false, true, false, false]);
      expect(after.map(({ leaf }) => hex(leaf)).slice(0, 3)).toEqual(before);
      await close(store);
    });

    it('reads any stretch of the ledger, and nothing beyond its end', async () => {
      const store = bench.store();
      await open(store);
      await commit(store, { sequence: 1, writes: [], entries: Array.from({ length: 30 }, (_, i) => entry(i + 1)) });
      expect((await read(store, 10, 5)).map(({ index }) => index)).toEqual([10, 11, 12, 13, 14]);
      expect((await read(store, 28, 1000)).map(({ index }) => index)).toEqual([28, 29]);
      expect(await read(store, 30, 1)).toEqual([]);
    });

    async function readAll(store: Ledger): Promise<LedgerEntry[]> {
      const all: LedgerEntry[] = [];
      for (;;) {
        const some = await read(store, all.length, 1000);
        if (some.length === 0) return all;
        all.push(...some);
      }
    }
  });
}

function put(key: string, n: number | null): RecordWrite {
  return { room: 'work', table: 'task', key, version: 1, value: n === null ? null : `{"n":${n}}` };
}

function entry(n: number): Commit['entries'][number] {
  const id = n.toString(16).padStart(32, '0') as Id;
  return { kind: 'decision', id, causation: null, time: 1_700_000_000_000 + n, body: new TextEncoder().encode(`{"n":${n}}`) };
}

function byPlace(a: RecordWrite, b: RecordWrite): number {
  return compare(a.room, b.room) || compare(a.table, b.table) || compare(a.key, b.key);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
