/** What every journal promises: inputs are there exactly when the commit of their effects is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Id } from '../../src/kernel/index.ts';
import type { Journal, JournaledLife, JournalInput, Opened, Store } from '../../src/ports/index.ts';

export interface JournalBench {
  /** Another handle to the same partition. */
  readonly store: () => Store & Journal;
  /** The process that holds this handle dies now. */
  readonly crash: (store: Store & Journal) => Promise<void> | void;
  /** What is journaled, read while nobody holds the partition. */
  readonly lives: () => readonly JournaledLife[];
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  readonly dispose: () => Promise<void> | void;
}

export function journalConformance(name: string, makeBench: () => JournalBench): void {
  describe(`${name} as a journal`, () => {
    let bench: JournalBench;
    beforeEach(() => void (bench = makeBench()));
    afterEach(() => bench.dispose());

    const open = (store: Store): Promise<Opened> =>
      bench.wait(
        new Promise((resolve, reject) => store.open((error, opened) => (error === null ? resolve(opened!) : reject(error)))),
      );
    const commit = (store: Store, sequence: number, n: number): Promise<void> =>
      bench.wait(
        new Promise((resolve, reject) =>
          store.commit({ sequence, writes: [put(n)], entries: [] }, (error) => (error === null ? resolve() : reject(error))),
        ),
      );
    const close = (store: Store): Promise<void> => bench.wait(new Promise((resolve) => store.close(resolve)));

    it('gives back inputs in order with what they wrote, by commit, and each life with the records it was opened with', async () => {
      const first = bench.store();
      const { incarnation } = await open(first);
      first.record(timer(1), 'full');
      first.record(timer(2), 'window');
      first.record(timer(3), 'full');
      await commit(first, 1, 1);
      await commit(first, 2, 2);
      await close(first);
      const second = bench.store();
      await open(second);
      second.record(timer(4), 'window');
      await commit(second, 1, 3);
      await close(second);
      expect(bench.lives()).toEqual([
        {
          incarnation,
          records: [],
          commits: [
            { sequence: 1, inputs: [timer(1), timer(2), timer(3)], writes: [put(1)] },
            { sequence: 2, inputs: [], writes: [put(2)] },
          ],
          gaps: [],
        },
        {
          incarnation: incarnation + 1,
          records: [put(1), put(2)],
          commits: [{ sequence: 1, inputs: [timer(4)], writes: [put(3)] }],
          gaps: [],
        },
      ]);
    });

    it('drops what waits for a commit when its host dies', async () => {
      const store = bench.store();
      const { incarnation } = await open(store);
      await commit(store, 1, 1);
      store.record(timer(1), 'full');
      await bench.crash(store);
      const next = bench.store();
      await open(next);
      await commit(next, 1, 2);
      await close(next);
      expect(bench.lives().find((life) => life.incarnation === incarnation)!.commits).toEqual([
        { sequence: 1, inputs: [], writes: [put(1)] },
      ]);
      expect(bench.lives().at(-1)!.commits[0]!.inputs).toEqual([]);
    });

    it('names inputs that a contract keeps out of it', async () => {
      const store = bench.store();
      await open(store);
      store.record(timer(1), 'none');
      store.record(timer(2), 'none');
      await commit(store, 1, 1);
      await close(store);
      expect(bench.lives().at(-1)!.gaps).toEqual([expect.stringMatching(/^2 of timer before commit 1 were not journaled/)]);
    });
  });
}

function timer(n: number): JournalInput {
  const id = n.toString(16).padStart(32, '0') as Id;
  return { room: 'work', input: { kind: 'timer', key: `t${n}` }, at: 1000 + n, causation: null, ids: [id] };
}

function put(n: number) {
  return { room: 'work', table: 'task', key: String(n), version: 1, value: `{"n":${n}}` };
}
