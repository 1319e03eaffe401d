/** What a store says about a full disk and damaged files, and what `verifyLedger` finds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Id, sha256 } from '../../src/kernel/index.ts';
import type { Commit, Opened, StoreError } from '../../src/ports/index.ts';
import { LEDGER_CHAIN_START, ledgerChain, ledgerLeafOfHash } from '../../src/protocol/index.ts';
import { MerkleRange } from '../../src/structures/index.ts';
import { readEntries, readStore, SqliteStore, verifyLedger } from '../../src/runtime/embedded/store/index.ts';
import { Segments, SegmentWriter, storedEntries } from '../../src/runtime/embedded/store/segment.ts';

const OWNER = { realm: 'test', host: '0123456789ab' };
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

  it('finds one flipped bit in every byte of every stored field of an entry, and names the entry', async ({ annotate }) => {
    await annotate('verifies the whole ledger 248 times');
    const database = new DatabaseSync(path);
    database.exec('PRAGMA synchronous = OFF');
    const sizes = { headers: 96, body_hashes: 32, leaves: 32, nodes: 32, ends: 4, bodies: 8 };
    for (const [column, size] of Object.entries(sizes)) {
      const row = database.prepare(`SELECT ${column} AS bytes FROM segment WHERE first = 16`).get() as { bytes: Uint8Array };
      const write = database.prepare(`UPDATE segment SET ${column} = ? WHERE first = 16`);
      const from = column === 'nodes' ? 0 : size; // entry 16 completes no node
      for (let byte = 0; byte < size; byte++) {
        const flipped = Uint8Array.from(row.bytes);
        flipped[from + byte]! ^= 1 << (byte % 8);
        write.run(flipped);
        const { sound, findings } = verifyLedger(path);
        expect(sound, `${column} byte ${byte}`).toBe(false);
        expect(findings[0]!.index, `${column} byte ${byte}`).toBe(17);
      }
      write.run(row.bytes);
    }
    database.close();
    expect(verifyLedger(path).sound).toBe(true);
  });

  it.each([
    ['the entries of a commit were deleted', 'DELETE FROM segment WHERE first = 16', 16, 'dropped'],
    ['the last entries were deleted', 'DELETE FROM segment WHERE first >= 36', 36, 'truncated'],
    ['all entries were deleted', 'DELETE FROM segment', 0, 'truncated'],
    [
      'two commits were swapped',
      'UPDATE segment SET first = 1000 WHERE first = 4; UPDATE segment SET first = 4 WHERE first = 6; UPDATE segment SET first = 6 WHERE first = 1000',
      4,
      'reordered',
    ],
    ['entries were moved to another realm', `UPDATE segment SET realm = 'other' WHERE first = 16`, 16, 'foreign'],
    ['entries were moved to another host', `UPDATE segment SET host = 'ffffffffffff' WHERE first = 16`, 17, 'foreign'],
    ['entries were filed at another place', 'UPDATE segment SET first = 40 WHERE first = 38', 38, 'dropped'],
    ['a row counts fewer entries than it holds', 'UPDATE segment SET count = 1 WHERE first = 16', 17, 'dropped'],
    ['a row counts more entries than it holds', 'UPDATE segment SET count = 3 WHERE first = 38', 40, 'changed'],
    ['a row counts no entries', 'UPDATE segment SET count = 0 WHERE first = 38', 38, 'changed'],
    ['the last entry of a commit was cut off', cutRow('count = 1'), 17, 'dropped'],
    ['the first entry of a commit was cut out', cutRow('count = 1, first = 17', 2), 16, 'dropped'],
    ['bytes were added to a row', `UPDATE segment SET bodies = CAST(bodies || x'00' AS BLOB) WHERE first = 16`, 17, 'changed'],
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

  it('finds two entries that changed places within their commit', () => {
    change((database) => {
      const row = database.prepare('SELECT leaves, headers, body_hashes, bodies FROM segment WHERE first = 16').get()!;
      for (const [column, bytes] of Object.entries(row) as unknown as [string, Uint8Array][]) {
        const half = bytes.length / 2;
        const swapped = Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]);
        database.prepare(`UPDATE segment SET ${column} = ? WHERE first = 16`).run(swapped);
      }
    });
    const { findings } = verifyLedger(path);
    expect(findings).toContainEqual(expect.objectContaining({ index: 16, problem: 'reordered' }));
  });

  it('counts erased bodies and proves the rest', () => {
    change((database) => new Segments(database, OWNER).erase([3, 4]));
    const erasures = ['entry 3: body erased, no entry says why', 'entry 4: body erased, no entry says why'];
    expect(verifyLedger(path)).toMatchObject({ sound: true, entries: 40, erased: 2, erasures });
    expect(readFileSync(path).includes('{"n": 5}')).toBe(true); // that of entry 24; the other one is gone
    expect(
      readEntries(path)
        .map(({ body }) => (body === null ? null : String(Buffer.from(body))))
        .slice(2, 6),
    ).toEqual(['{"n": 4}', null, null, '{"n": 7}']);
  });

  it('does not take a body that is there for an erased one, nor a lost one for one that is there', () => {
    for (const [ends, index] of [
      [[8, 16 + 0x8000_0000], 17],
      [[0, 8], 16],
    ] as const) {
      const bytes = Buffer.alloc(8);
      for (const [i, end] of ends.entries()) bytes.writeUInt32LE(end, i * 4);
      change((database) => database.prepare('UPDATE segment SET ends = ? WHERE first = 16').run(bytes));
      expect(verifyLedger(path).findings[0]).toMatchObject({ index, problem: 'changed' });
    }
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
    change((database) => database.exec('DELETE FROM segment WHERE first >= 36'));
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
  const entries = readEntries(file);
  const database = new DatabaseSync(file);
  database.exec('DELETE FROM segment');
  const segment = new SegmentWriter(database, OWNER);
  const range = new MerkleRange(sha256);
  for (const { index, header, bodyHash: before, body: bodyBefore } of entries) {
    const bodyHash = index === from ? sha256(body) : before;
    const leaf = ledgerLeafOfHash(header, bodyHash, sha256);
    segment.append(index, header, bodyHash, index === from ? body : bodyBefore, leaf, range.append(leaf));
  }
  segment.flush();
  database.prepare('UPDATE host SET ledger_root = ?').run(range.root());
  database.close();
}

function cutTo(file: string, size: number): void {
  const database = new DatabaseSync(file);
  database.exec(`DELETE FROM segment WHERE first >= ${size}; DELETE FROM checkpoint WHERE size > ${size}`);
  const range = new MerkleRange(sha256);
  for (const { leaf } of storedEntries(database, 2)) range.append(leaf);
  database.prepare('UPDATE host SET ledger_length = ?, ledger_root = ?').run(size, range.root());
  database.close();
}

/** Takes one of the two entries 16 and 17 out of their row, cleanly. */
function cutRow(set: string, from = 1): string {
  const one = (column: string, size: number): string => `${column} = substr(${column}, ${(from - 1) * size + 1}, ${size})`;
  const columns = [one('leaves', 32), one('headers', 96), one('body_hashes', 32), one('bodies', 8)].join(', ');
  return `UPDATE segment SET ${set}, ${columns}, ends = x'08000000', nodes = substr(nodes, 1, ${(from - 1) * 32}) WHERE first = 16`;
}

/** The file as the version before Merkle logs wrote it. */
function asLayout1(file: string): void {
  const entries = readEntries(file);
  const database = new DatabaseSync(file);
  database.exec(`
    DROP TABLE checkpoint; DROP TABLE journal; DROP TABLE segment;
    CREATE TABLE ledger (
      realm TEXT NOT NULL, host TEXT NOT NULL, "index" INTEGER NOT NULL,
      header BLOB NOT NULL, body_hash BLOB NOT NULL, leaf BLOB NOT NULL, chain BLOB NOT NULL, body BLOB,
      PRIMARY KEY (realm, host, "index")
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE host RENAME COLUMN ledger_root TO ledger_chain;
    PRAGMA user_version = 1;
  `);
  let chain = LEDGER_CHAIN_START;
  const insert = database.prepare('INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  for (const { index, header, bodyHash, leaf, body } of entries) {
    chain = ledgerChain(chain, leaf, sha256);
    insert.run(OWNER.realm, OWNER.host, index, header, bodyHash, leaf, chain, body);
  }
  database.prepare('UPDATE host SET ledger_chain = ?').run(chain);
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
