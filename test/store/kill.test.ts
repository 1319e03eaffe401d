/** A store whose process is killed: everything acknowledged is there, whole, and the ledger verifies. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { type Opened, StoreError } from '../../src/ports/index.ts';
import { readStore, SqliteStore, verifyLedger } from '../../src/runtime/embedded/store/index.ts';

const KILLS = 6;
const committer = new URL('committer.ts', import.meta.url).pathname;

let directory = '';
let path = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-kill-'));
  path = join(directory, 'store.db');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

function startCommitter(atOnce: number): { child: ChildProcess; acknowledged: AsyncIterator<string> } {
  const child = spawn(process.execPath, [committer, path, String(atOnce)], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return { child, acknowledged: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

/** Lets a committer acknowledge so many, kills it there, and answers the last number it was heard to acknowledge. */
async function killAfter(acknowledgements: number, atOnce: number): Promise<number> {
  const { child, acknowledged } = startCommitter(atOnce);
  let last = 0;
  for (let n = 0; ; n++) {
    const { value, done } = (await acknowledged.next()) as IteratorResult<string, undefined>;
    if (done === true) break;
    last = Number(value);
    if (n === acknowledgements) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return last;
}

it(`keeps every acknowledged commit, whole, over ${KILLS} kills at random instants`, async ({ annotate }) => {
  await annotate('starts a process and waits for its end six times');
  const seed = process.env['SKEIN_SEED'] ?? String(Date.now());
  const random = seededRandom(seed);
  let had = 0;
  for (let round = 1; round <= KILLS; round++) {
    const acknowledgements = random.below(round % 2 === 0 ? 10 : 500);
    const atOnce = 1 + random.below(100);
    const words = `seed ${seed}, round ${round}: ${acknowledgements} acknowledgements, ${atOnce} at once`;
    const acknowledged = await killAfter(acknowledgements, atOnce);
    if (random.chance(0.5)) rmSync(`${path}-shm`, { force: true });
    const { records, incarnation, owner, ledgerLength } = readStore(path);
    const numbers = (table: string): number[] => records.filter((one) => one.table === table).map(({ key }) => Number(key));
    const kept = numbers('left');
    expect(kept, words).toEqual(Array.from({ length: kept.length }, (_, i) => i + 1));
    expect(numbers('right'), words).toEqual(kept);
    expect(kept.length, words).toBeGreaterThanOrEqual(Math.max(acknowledged, had));
    const torn = records.filter(({ key, value }) => (JSON.parse(value) as { number: number }).number !== Number(key));
    expect(torn, words).toEqual([]);
    expect({ incarnation, owner, ledgerLength }, words).toEqual({ incarnation: round, owner: null, ledgerLength: kept.length });
    expect(verifyLedger(path), words).toMatchObject({ sound: true, entries: kept.length, findings: [] });
    had = kept.length;
  }
});

it('names the living owner to a second process, and lets it in when the owner was killed', async ({ annotate }) => {
  await annotate('starts one process and opens the store twice');
  const { child, acknowledged } = startCommitter(1);
  await acknowledged.next();
  expect(readStore(path).owner).toBe(child.pid);
  const error = await open().catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code: 'busy', message: expect.stringContaining(`process ${child.pid}`) as unknown });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect((await open()).incarnation).toBe(2);
});

it('lets exactly one of several processes in that start at the same time', async ({ annotate }) => {
  await annotate('starts three processes at once');
  const starters = Array.from({ length: 3 }, () =>
    spawn(process.execPath, [committer, path, '1'], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
  children.push(...starters);
  const ends = starters.map(async (child) => {
    let words = '';
    child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
    const acknowledged = once(child.stdout, 'data').then(() => 'owner');
    return Promise.race([acknowledged, once(child, 'close').then(() => words)]);
  });
  const outcomes = await Promise.all(ends);
  expect(outcomes.filter((outcome) => outcome === 'owner')).toHaveLength(1);
  for (const words of outcomes.filter((outcome) => outcome !== 'owner')) expect(words).toContain("code: 'busy'");
});

/** A checkout below a private directory, or a Node there, is closed to everybody else. */
function openToOthers(place: string): boolean {
  const above = dirname(place);
  return (statSync(place).mode & 0o001) !== 0 && (above === place || openToOthers(above));
}
const canBecome = process.getuid?.() === 0 && openToOthers(realpathSync(process.execPath));

it.skipIf(!canBecome)('is readable for a user who may not write beside it (needs root to become one)', async () => {
  await killAfter(10, 1);
  rmSync(`${path}-shm`);
  chmodSync(directory, 0o755);
  const reader = new URL('read.ts', import.meta.url).pathname;
  const printed = execFileSync(process.execPath, [reader, path], { uid: 65534, gid: 65534, encoding: 'utf8' });
  const { records } = readStore(path);
  expect(JSON.parse(printed)).toEqual({ records: records.length, incarnation: 1, owner: null });
});

function open(): Promise<Opened> {
  const store = new SqliteStore({ path, realm: 'test', host: '0123456789ab' });
  return new Promise((resolve, reject) =>
    store.open((error, opened) => (error === null ? store.close(() => resolve(opened!)) : reject(error))),
  );
}
