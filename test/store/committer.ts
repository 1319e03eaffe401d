/**
 * A host that only commits: two records and a ledger entry each time, the acknowledged numbers on stdout. It is there to be killed.
 * `node committer.ts <store> <at once>`; numbers go on where the file ends.
 */
import type { Id } from '../../src/kernel/index.ts';
import type { Commit } from '../../src/ports/index.ts';
import { SqliteStore } from '../../src/runtime/embedded/store/index.ts';

const [path, atOnce] = process.argv.slice(2) as [string, string];
const store = new SqliteStore({ path, realm: 'test', host: '0123456789ab' });

store.open((error, opened) => {
  if (error !== null) throw error;
  const had = opened!.records.length / 2;
  let sequence = 0;
  const next = (): void => {
    sequence += 1;
    const number = had + sequence;
    store.commit(commitOf(sequence, number), (failure) => {
      if (failure !== null) throw failure;
      process.stdout.write(`${number}\n`); // synchronous for pipes
      next();
    });
  };
  for (let i = 0; i < Number(atOnce); i++) next();
});

function commitOf(sequence: number, number: number): Commit {
  const value = JSON.stringify({ number, filler: 'x'.repeat(number % 700) });
  const id = number.toString(16).padStart(32, '0') as Id;
  return {
    sequence,
    writes: ['left', 'right'].map((table) => ({ room: 'work', table, key: String(number).padStart(9, '0'), version: 1, value })),
    entries: [{ kind: 'decision', id, causation: null, time: Date.now(), body: Buffer.from(value) }],
  };
}
