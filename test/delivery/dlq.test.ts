/** `skein dlq` over a real store that nobody holds, and what its host does with it when it opens. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deadLettersOf, settleLetter } from '../../src/assembly/dead-letters.ts';
import { host as own } from '../../src/contracts/index.ts';
import { canonicalJson } from '../../src/kernel/index.ts';
import type { Commit } from '../../src/ports/index.ts';
import { SqliteStore, verifyLedger } from '../../src/runtime/embedded/index.ts';
import type { Fleet } from '../../src/assembly/index.ts';
import { fleetOf, skein } from '../cli/fake.ts';
import { Order, SmallWorld } from './world.ts';

const B = 'bbbbbbbbbbbb';
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'skein-dlq-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A host with one letter, of a message that its room could not bear. */
function poisoned(): { world: SmallWorld; letter: own.DeadLetter } {
  const world = new SmallWorld();
  const b = world.host(B);
  world.pass(10);
  b.react = () => {
    throw new Error('cannot yet');
  };
  const poison = world.say(b, Order, { to: B, account: 'x', n: 1 });
  for (let n = 0; n < 2; n++) {
    b.tell(poison);
    world.pass(20);
  }
  b.react = null;
  return { world, letter: b.letters()[0]! };
}

async function stored(letter: own.DeadLetter): Promise<{ run: string; store: string; hostFile: string }> {
  const path = join(directory, 'runs', '1', 'store.db');
  mkdirSync(dirname(path), { recursive: true });
  const store = new SqliteStore({ path, realm: 'test', host: B });
  await new Promise((resolve) => store.open(resolve));
  const write = { room: own.HOST_ROOM, table: own.DEAD_TABLE, key: letter.key, version: 1, value: canonicalJson(letter) };
  const commit: Commit = { sequence: 1, writes: [write], entries: [] };
  await new Promise((resolve) => store.commit(commit, resolve));
  await new Promise<void>((resolve) => store.close(resolve));
  return { run: '1', store: path, hostFile: join(directory, 'run', '1.json') };
}

it('a retry while nobody holds the store is noted, and the host hands it in through its gates when it opens', async () => {
  const { world, letter } = poisoned();
  const at = await stored(letter);
  expect(await settleLetter(at, letter.key, 'retry')).toEqual({ ok: true, value: 'noted' });
  const [noted] = deadLettersOf(at.store);
  expect(noted).toEqual({ ...letter, retry: true });
  const b = world.hosts.get(B)!;
  const record = b.records.get(`host/dead/${letter.key}`)!;
  b.records.set(`host/dead/${letter.key}`, { ...record, value: canonicalJson(noted) });
  b.crash(1);
  world.pass(100);
  expect([b.handled, b.letters()]).toEqual([[letter.key.slice('in/'.length)], []]);
});

it('a drop is written to the store and to its ledger; a letter that is gone is said to be', async () => {
  const at = await stored(poisoned().letter);
  const { key } = deadLettersOf(at.store)[0]!;
  expect(await settleLetter(at, key, 'drop')).toEqual({ ok: true, value: 'dropped' });
  expect(deadLettersOf(at.store)).toEqual([]);
  expect(verifyLedger(at.store)).toMatchObject({ sound: true, entries: 1 });
  expect(await settleLetter(at, key, 'drop')).toMatchObject({ ok: false, problem: { kind: 'refused' } });
});

it('the verb lists, shows, retries and drops, by the end of a key', async () => {
  const { letter } = poisoned();
  const done: string[] = [];
  const fleet: Partial<Fleet> = {
    deadLetters: async () => ({ ok: true, value: [letter] }),
    settleDeadLetter: async (run, key, action) => {
      done.push(`${run} ${action} ${key}`);
      return { ok: true, value: action === 'drop' ? 'dropped' : 'handed-in' };
    },
  };
  const call = async (...words: string[]): Promise<{ code: number; out: string; err: string }> =>
    skein(['dlq', ...words, '--run', '1'], { world: fleetOf(fleet), env: { NO_COLOR: '1' } }).done;
  expect((await call()).out).toMatch(/1 dead letter\n +in\/\.\.\.000000000001 .*corrupt/);
  expect((await call('show', '1')).out).toContain('cannot yet');
  expect((await call('retry', letter.key)).out).toContain('handed in again');
  expect((await call('drop', '01')).code).toBe(0);
  expect(done).toEqual([`1 retry ${letter.key}`, `1 drop ${letter.key}`]);
  expect(await call('retry', 'nothing')).toMatchObject({ code: 2 });
  expect(await call('retry')).toMatchObject({ code: 2 });
  expect(await call('eat')).toMatchObject({ code: 2 });
  const { out } = await skein(['dlq', '--run', '1'], { world: fleetOf(fleet), tty: 'none' }).done;
  expect(JSON.parse(out)).toMatchObject({ schema: 'skein.dead-letters.v1', letters: [{ key: letter.key }] });
});
