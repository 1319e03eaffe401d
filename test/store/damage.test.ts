/** What a store says about a full disk and damaged files, and what `verifyLedger` finds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Id } from '../../src/kernel/index.ts';
import type { Commit, Opened, StoreError } from '../../src/ports/index.ts';
import { readStore, SqliteStore, verifyLedger } from '../../src/runtime/embedded/store/index.ts';

const canMount = mountable();
let directory = '';
let path = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-damage-'));
  path = join(directory, 'store.db');
});
afterEach(() => rmSync(directory, { recursive: true }));

it.skipIf(!canMount)(
  'says that the disk is full, keeps what it acknowledged and goes on when there is space (needs mount)',
  async () => {
    const disk = join(directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'skein-test', disk]);
    try {
      path = join(disk, 'store.db');
      const store = newStore();
      await open(store);
      const { acknowledged, error } = await fill(store);
      expect(error).toMatchObject({ code: 'full', message: expect.stringContaining('free some space') as unknown });
      expect(readStore(path).records).toHaveLength(acknowledged);
      expect(verifyLedger(path)).toMatchObject({ sound: true, entries: acknowledged });
      execFileSync('mount', ['-o', 'remount,size=8m', disk]);
      expect((await open(store)).records).toHaveLength(acknowledged);
      await commit(store, { sequence: 1, writes: [], entries: [entry(1)] });
      await close(store);
    } finally {
      execFileSync('umount', [disk]);
    }
  },
);

it("says what to do about a file that is no database, another program's, another host's, a newer one or none", async ({
  annotate,
}) => {
  await annotate('opens five stores; each opening starts a thread');
  writeFileSync(path, 'x'.repeat(8192));
  await expect(open(newStore())).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringContaining('new run') as unknown,
  });
  expect(() => readStore(path)).toThrow(/damaged/);
  rmSync(path);
  expect(() => readStore(path)).toThrow(/there is no store/);
  change((database) => database.exec('CREATE TABLE theirs (x)'));
  await expect(open(newStore())).rejects.toMatchObject({
    code: 'corrupt',
    message: expect.stringContaining('another program') as unknown,
  });
  rmSync(path);
  const store = newStore();
  await open(store);
  await close(store);
  await expect(open(new SqliteStore({ path, realm: 'other', host: '0123456789ab' }))).rejects.toThrow(/belongs to host/);
  change((database) => database.exec('PRAGMA user_version = 99'));
  await expect(open(newStore())).rejects.toThrow(/newer Skein/);
});

describe('verifyLedger', () => {
  let kept = '';
  beforeAll(async () => {
    kept = mkdtempSync(join(tmpdir(), 'skein-sound-'));
    path = join(kept, 'store.db');
    for (let incarnation = 1; incarnation <= 2; incarnation++) {
      const store = newStore();
      await open(store);
      for (let sequence = 1; sequence <= 10; sequence++) {
        await commit(store, { sequence, writes: [], entries: [entry(sequence * 2), entry(sequence * 2 + 1)] });
      }
      await close(store);
    }
  });
  afterAll(() => rmSync(kept, { recursive: true }));
  beforeEach(() => copyFileSync(join(kept, 'store.db'), path));

  it('finds a sound ledger sound', () => {
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, erased: 0, findings: [] });
  });

  it('finds one flipped bit in every byte of every stored field of an entry', async ({ annotate }) => {
    await annotate('verifies the whole ledger 201 times');
    const sizes = { header: 96, body_hash: 32, leaf: 32, chain: 32, body: 8 };
    const database = new DatabaseSync(path);
    database.exec('PRAGMA synchronous = OFF');
    for (const [column, size] of Object.entries(sizes)) {
      for (let byte = 0; byte < size; byte++) {
        const row = database.prepare(`SELECT ${column} AS bytes FROM ledger WHERE "index" = 17`).get() as { bytes: Uint8Array };
        const write = database.prepare(`UPDATE ledger SET ${column} = ? WHERE "index" = 17`);
        const flipped = Uint8Array.from(row.bytes);
        flipped[byte]! ^= 1 << (byte % 8);
        write.run(flipped);
        const { sound, findings } = verifyLedger(path);
        expect(sound, `${column} byte ${byte}`).toBe(false);
        expect(findings[0]!.index, `${column} byte ${byte}`).toBe(17);
        write.run(row.bytes);
      }
    }
    database.close();
    expect(verifyLedger(path).sound).toBe(true);
  });

  it.each([
    ['an entry in the middle was deleted', 'DELETE FROM ledger WHERE "index" = 17', 17, 'dropped'],
    ['the last entries were deleted', 'DELETE FROM ledger WHERE "index" >= 38', 38, 'truncated'],
    ['all entries were deleted', 'DELETE FROM ledger', 0, 'truncated'],
    [
      'two entries were swapped',
      'UPDATE ledger SET "index" = 1000 WHERE "index" = 5; UPDATE ledger SET "index" = 5 WHERE "index" = 6; UPDATE ledger SET "index" = 6 WHERE "index" = 1000',
      5,
      'reordered',
    ],
    ['an entry was moved to another realm', `UPDATE ledger SET realm = 'other' WHERE "index" = 17`, 17, 'foreign'],
    ['an entry was moved to another host', `UPDATE ledger SET host = 'ffffffffffff' WHERE "index" = 17`, 17, 'foreign'],
    ['an entry was filed at another place', 'UPDATE ledger SET "index" = 40 WHERE "index" = 39', 39, 'dropped'],
    ['the committed length was lowered', 'UPDATE host SET ledger_length = 39', 39, 'changed'],
    ['the committed length was raised', 'UPDATE host SET ledger_length = 41', 40, 'truncated'],
    ['the committed end was changed', 'UPDATE host SET ledger_chain = zeroblob(32)', 40, 'changed'],
    ['the host row is gone', 'DELETE FROM host', 0, 'foreign'],
  ])('finds that %s', (_what, sql, index, problem) => {
    change((database) => database.exec(sql));
    const { sound, findings } = verifyLedger(path);
    expect(sound).toBe(false);
    expect(findings).toContainEqual(expect.objectContaining({ index, problem }));
  });

  it('counts erased bodies and proves the rest', () => {
    change((database) => database.exec('UPDATE ledger SET body = NULL WHERE "index" IN (3, 4)'));
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, erased: 2 });
  });

  it('does not let a host append to a ledger that lost its tail', async () => {
    change((database) => database.exec('DELETE FROM ledger WHERE "index" >= 38'));
    await expect(open(newStore())).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('verify') as unknown,
    });
  });
});

function newStore(): SqliteStore {
  return new SqliteStore({ path, realm: 'test', host: '0123456789ab' });
}

function open(store: SqliteStore): Promise<Opened> {
  return new Promise((resolve, reject) => store.open((error, opened) => (error === null ? resolve(opened!) : reject(error))));
}

function commit(store: SqliteStore, one: Commit): Promise<void> {
  return new Promise((resolve, reject) => store.commit(one, (error) => (error === null ? resolve() : reject(error))));
}

function close(store: SqliteStore): Promise<void> {
  return new Promise((resolve) => store.close(resolve));
}

async function fill(store: SqliteStore): Promise<{ acknowledged: number; error: StoreError }> {
  for (let sequence = 1; ; sequence++) {
    const value = JSON.stringify('x'.repeat(4000));
    const writes = [{ room: 'work', table: 't', key: String(sequence), version: 1, value }];
    try {
      await commit(store, { sequence, writes, entries: [entry(sequence)] });
    } catch (error) {
      return { acknowledged: sequence - 1, error: error as StoreError };
    }
  }
}

function entry(n: number): Commit['entries'][number] {
  const id = n.toString(16).padStart(32, '0') as Id;
  return { kind: 'cost', id, causation: id, time: 1_700_000_000_000 + n, body: Buffer.from(`{"n":${String(n).padStart(2)}}`) };
}

function change(how: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path);
  how(database);
  database.close();
}

function mountable(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const at = mkdtempSync(join(tmpdir(), 'skein-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'skein-test', at]).status === 0;
  if (mounted) execFileSync('umount', [at]);
  rmSync(at, { recursive: true });
  return mounted;
}
