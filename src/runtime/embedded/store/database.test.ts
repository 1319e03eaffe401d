import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openForWriting, storeError } from './database.ts';

it('opens with a log that is synced at every commit: a killed process would not show the difference', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-pragma-'));
  const database = openForWriting(join(directory, 'store.db'));
  const value = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get()!)[0];
  expect(value('journal_mode')).toBe('wal');
  expect(value('synchronous')).toBe(2);
  expect(value('fullfsync')).toBe(1);
  expect(value('checkpoint_fullfsync')).toBe(1);
  database.close();
  rmSync(directory, { recursive: true });
});

it.each([
  [13, 'full', /free some space/],
  [11, 'corrupt', /keep the file/],
  [267, 'corrupt', /keep the file/],
  [26, 'corrupt', /keep the file/],
  [5, 'busy', /another process/],
  [778, 'failed', /SQLite error 778/],
])('says for SQLite error %i that the store is %s and what to do', (errcode, code, words) => {
  const error = storeError('/nowhere/store.db', Object.assign(new Error('cause'), { errcode }));
  expect(error).toMatchObject({ code, message: expect.stringMatching(words) as unknown });
  expect(error.message).toContain('/nowhere/store.db');
});
