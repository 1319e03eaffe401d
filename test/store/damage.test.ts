/** What a store says about a full disk and damaged files, and what `verifyLedger` finds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Id, sha256 } from '../../src/kernel/index.ts';
import type { Commit, Opened, StoreError } from '../../src/ports/index.ts';
import { LEDGER_CHAIN_START, ledgerChain, ledgerLeafOfHash } from '../../src/protocol/index.ts';
import { MerkleRange } from '../../src/structures/index.ts';
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
  beforeEach(() => {
    for (const file of ['store.db', 'host.pub']) copyFileSync(join(kept, file), join(directory, file));
  });

  it('finds a sound ledger sound', () => {
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, erased: 0, signed: 40, findings: [] });
  });

  it('finds one flipped bit in every byte of every stored field of an entry', async ({ annotate }) => {
    await annotate('verifies the whole ledger 202 times');
    const sizes = { header: 96, body_hash: 32, leaf: 32, nodes: 32, body: 8 };
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
    ['the committed end was changed', 'UPDATE host SET ledger_root = zeroblob(32)', 40, 'changed'],
    ['the host row is gone', 'DELETE FROM host', 0, 'foreign'],
  ])('finds that %s', (_what, sql, index, problem) => {
    change((database) => database.exec(sql));
    const { sound, findings } = verifyLedger(path);
    expect(sound).toBe(false);
    expect(findings).toContainEqual(expect.objectContaining({ index, problem }));
  });

  it('counts erased bodies and proves the rest', () => {
    change((database) => database.exec('UPDATE ledger SET body = NULL WHERE "index" IN (3, 4)'));
    const erasures = ['entry 3: body erased, no entry says why', 'entry 4: body erased, no entry says why'];
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, erased: 2, erasures });
  });

  it('finds every changed byte of a checkpoint', () => {
    const database = new DatabaseSync(path);
    const { note } = database.prepare('SELECT note FROM checkpoint WHERE size = 40').get() as { note: string };
    const write = database.prepare('UPDATE checkpoint SET note = ? WHERE size = 40');
    for (let at = 0; at < note.length; at += 7) {
      write.run(`${note.slice(0, at)}${note[at] === 'x' ? 'y' : 'x'}${note.slice(at + 1)}`);
      expect(verifyLedger(path).findings, `character ${at}`).toContainEqual(
        expect.objectContaining({ index: 40, problem: 'checkpoint' }),
      );
    }
    write.run(note);
    database.close();
    expect(verifyLedger(path).sound).toBe(true);
  });

  it('finds what two logs of one host were spliced of, also when every row and the end were made to fit', () => {
    const other = join(directory, 'other.db');
    copyFileSync(path, other);
    const body = Buffer.from('{"n": 0}');
    rewrite(path, 17, body);
    const { findings, signed } = verifyLedger(path);
    expect(findings).toContainEqual(
      expect.objectContaining({
        problem: 'checkpoint',
        detail: expect.stringContaining('the checkpoint at 20 signs another root') as unknown,
      }),
    );
    expect(signed).toBe(0);
    change((database) => database.exec('DELETE FROM checkpoint'));
    expect(verifyLedger(path).findings).toMatchObject([
      { problem: 'dropped', detail: expect.stringContaining('checkpoint at 40') as unknown },
    ]);
    const against = verifyLedger(other).checkpoint!;
    expect(verifyLedger(path, { against }).findings).toContainEqual(
      expect.objectContaining({
        problem: 'checkpoint',
        detail: expect.stringContaining('kept elsewhere signs another root') as unknown,
      }),
    );
  });

  it('finds a tail that was cut with its checkpoint against one that was kept elsewhere, and nothing without it', () => {
    const against = verifyLedger(path).checkpoint!;
    cutTo(path, 20);
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 20, signed: 20 });
    expect(verifyLedger(path, { against }).findings).toMatchObject([
      { index: 20, problem: 'truncated', detail: expect.stringContaining('kept elsewhere signs 40 entries') as unknown },
    ]);
  });

  it('says that a checkpoint of another host, or no checkpoint at all, shows nothing about this log', () => {
    expect(verifyLedger(path, { against: 'hello' }).findings).toMatchObject([
      { detail: expect.stringContaining('no checkpoint') as unknown },
    ]);
    expect(verifyLedger(path, { keys: '' }).findings).toMatchObject([
      { detail: expect.stringContaining('none of the known keys') as unknown },
      { detail: expect.stringContaining('none of the known keys') as unknown },
    ]);
  });

  it('reads and continues a ledger that was written as a hash chain, and refuses one that was changed', async () => {
    asLayout1(path);
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, signed: 0 });
    const store = newStore();
    await open(store);
    await commit(store, { sequence: 1, writes: [], entries: [entry(41)] });
    await close(store);
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 41, signed: 41 });
    asLayout1(path);
    change((database) => database.exec(`UPDATE ledger SET body_hash = zeroblob(32) WHERE "index" = 3`));
    expect(verifyLedger(path).findings[0]).toMatchObject({ index: 3, problem: 'changed' });
    await expect(open(newStore())).rejects.toMatchObject({
      code: 'corrupt',
      message: expect.stringContaining('entry 3') as unknown,
    });
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

/** Every leaf, node and the end as if entry `from` had always had this body: what somebody without the host's seed can do. */
function rewrite(file: string, from: number, body: Uint8Array): void {
  const database = new DatabaseSync(file);
  const rows = database.prepare('SELECT "index", header, body_hash FROM ledger ORDER BY "index"').all() as unknown as Row[];
  const write = database.prepare(
    'UPDATE ledger SET body = coalesce(?, body), body_hash = ?, leaf = ?, nodes = ? WHERE "index" = ?',
  );
  const range = new MerkleRange(sha256);
  for (const { index, header, body_hash: before } of rows) {
    const bodyHash = index === from ? sha256(body) : before;
    const leaf = ledgerLeafOfHash(header, bodyHash, sha256);
    write.run(index === from ? body : null, bodyHash, leaf, Buffer.concat(range.append(leaf)), index);
  }
  database.prepare('UPDATE host SET ledger_root = ?').run(range.root());
  database.close();
}

function cutTo(file: string, size: number): void {
  const database = new DatabaseSync(file);
  database.exec(`DELETE FROM ledger WHERE "index" >= ${size}; DELETE FROM checkpoint WHERE size > ${size}`);
  const range = new MerkleRange(sha256);
  for (const { leaf } of database.prepare('SELECT leaf FROM ledger ORDER BY "index"').all()) range.append(leaf as Uint8Array);
  database.prepare('UPDATE host SET ledger_length = ?, ledger_root = ?').run(size, range.root());
  database.close();
}

/** The file as the version before Merkle logs wrote it. */
function asLayout1(file: string): void {
  const database = new DatabaseSync(file);
  database.exec(`
    DROP TABLE checkpoint; DROP TABLE journal; ALTER TABLE ledger DROP COLUMN nodes;
    ALTER TABLE ledger ADD COLUMN chain BLOB NOT NULL DEFAULT x''; ALTER TABLE host RENAME COLUMN ledger_root TO ledger_chain;
    PRAGMA user_version = 1;
  `);
  let chain = LEDGER_CHAIN_START;
  const write = database.prepare('UPDATE ledger SET chain = ? WHERE "index" = ?');
  for (const { index, leaf } of database.prepare('SELECT "index", leaf FROM ledger ORDER BY "index"').all()) {
    chain = ledgerChain(chain, leaf as Uint8Array, sha256);
    write.run(chain, index!);
  }
  database.prepare('UPDATE host SET ledger_chain = ?').run(chain);
  database.close();
}

interface Row {
  readonly index: number;
  readonly header: Uint8Array;
  readonly body_hash: Uint8Array;
}

function mountable(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const at = mkdtempSync(join(tmpdir(), 'skein-mount-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'skein-test', at]).status === 0;
  if (mounted) execFileSync('umount', [at]);
  rmSync(at, { recursive: true });
  return mounted;
}
