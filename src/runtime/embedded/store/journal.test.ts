import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { openForWriting, prepareTables } from './database.ts';
import { keepRecords, PendingInputs, readJournal, trimJournal, windowBytes } from './journal.ts';

const owner = { realm: 'r', host: '0123456789ab' };

it('drops the oldest of the window when it is too long, keeps what is kept in full, and names the gap', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-window-'));
  const path = join(directory, 'store.db');
  const database = openForWriting(path);
  prepareTables(database, path, () => {});
  database.exec(`INSERT INTO host VALUES ('r', '0123456789ab', 1, NULL, NULL, NULL, 0, 0, 0, x'')`);
  keepRecords(database, owner, 1, 'contracts');
  const insert = database.prepare('INSERT INTO journal VALUES (?, ?, 1, ?, ?, ?, ?)');
  const row = JSON.stringify({ inputs: [] });
  for (let sequence = 1; sequence <= 10; sequence++) {
    insert.run(owner.realm, owner.host, sequence, 0, row, new Uint8Array(0));
    insert.run(owner.realm, owner.host, sequence, 1, row, new Uint8Array(100 - row.length));
  }
  keepRecords(database, owner, 2, 'contracts');
  keepRecords(database, owner, 3, 'full');
  // Of 1,000 bytes in ten rows and two copies of no records, 14 bytes each, 450 may stay: four rows and the newer copy.
  expect(windowBytes(database, owner)).toBe(1028);
  expect(trimJournal(database, owner, 450)).toBe(414);
  const rows = database
    .prepare('SELECT class, count(*) AS n FROM journal WHERE sequence > 0 GROUP BY class ORDER BY class')
    .all();
  expect(rows.map(({ n }) => n)).toEqual([10, 4]);
  database.exec('DELETE FROM journal WHERE class = 1 AND sequence > 0'); // no writes in these: they only took room
  database.close();
  const [life, next, recorded] = readJournal(path);
  expect(life).toMatchObject({ incarnation: 1, gaps: [expect.stringContaining('inputs up to commit 6 are gone') as unknown] });
  expect(life!.commits).toHaveLength(10);
  expect(life!.records).toBe(null);
  expect(next).toMatchObject({ incarnation: 2, records: [], gaps: [] });
  expect(recorded).toMatchObject({ incarnation: 3, records: [], gaps: [] });
  rmSync(directory, { recursive: true });
});

it('does not grow with every opening: old copies of the records go with the window, those of a recorded run stay', () => {
  const database = new DatabaseSync(':memory:');
  prepareTables(database, ':memory:', () => {});
  database
    .prepare('INSERT INTO record VALUES (?, ?, ?, ?, ?, 1, ?)')
    .run(owner.realm, owner.host, 'work', 't', 'k', 'x'.repeat(900));
  for (let incarnation = 1; incarnation <= 40; incarnation++) {
    keepRecords(database, owner, incarnation, incarnation === 2 ? 'full' : 'contracts');
    trimJournal(database, owner, 5000);
  }
  const kept = database.prepare('SELECT incarnation FROM journal WHERE class <> 1 ORDER BY incarnation').all();
  expect(kept.map(({ incarnation }) => incarnation)).toEqual([2, 36, 37, 38, 39, 40]);
  database.close();
});

it('counts inputs that cause nothing for too long, instead of keeping all of them', () => {
  const pending = new PendingInputs();
  const input = { room: 'work', input: { kind: 'timer' as const, key: 't' }, at: 1, causation: null, ids: [] };
  for (let i = 0; i < 5000; i++) pending.add(input, 'window');
  const { full, window } = pending.take();
  expect(JSON.parse(full!)).toEqual({ inputs: [], skipped: { timer: 904 } });
  expect((JSON.parse(window!) as { inputs: unknown[] }).inputs).toHaveLength(4096);
  expect(pending.take()).toEqual({ full: '{"inputs":[]}', window: null });
});
