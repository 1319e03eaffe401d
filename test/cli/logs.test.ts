import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { LedgerReport, ReplayReport } from '../../src/assembly/index.ts';
import { fleetOf, skein, T0 } from './fake.ts';

const plain = { env: { NO_COLOR: '1' } };
const directory = mkdtempSync(join(tmpdir(), 'skein-logs-'));
afterAll(() => rmSync(directory, { recursive: true }));

const sound: LedgerReport = {
  sound: true,
  entries: 24,
  erased: 1,
  erasures: ['entry 3: body erased by entry 9'],
  root: 'ab'.repeat(32),
  signed: 20,
  checkpoint: 'skein/x/0123456789ab\n20\nAAAA\n\n— skein/x/0123456789ab AAAA\n',
  findings: [],
};
const changed: LedgerReport = {
  ...sound,
  sound: false,
  findings: [{ index: 17, problem: 'changed', detail: 'entry 17: its body is not the one that was written' }],
};
const missing = (what: string) => ({
  ok: false as const,
  problem: { kind: 'missing' as const, what, details: ['sitting 1 was not journaled'], next: 'skein run --record' },
});

describe('skein verify', () => {
  test('says what is signed and whose bodies are gone, and exits 1 with every finding when something was changed', async () => {
    const good = await skein(['verify', '12'], { ...plain, world: fleetOf({ verify: async () => ({ ok: true, value: sound }) }) })
      .done;
    expect(good.code).toBe(0);
    expect(good.out).toContain('24 ledger entries, none changed, dropped or reordered');
    expect(good.out).toContain('signed up to entry 19');
    expect(good.out).toContain('entry 3: body erased by entry 9');
    const bad = fleetOf({ verify: async () => ({ ok: true, value: changed }) });
    const told = await skein(['verify', '12'], { ...plain, world: bad }).done;
    expect([told.code, told.out]).toEqual([1, expect.stringContaining('entry 17  changed: entry 17: its body')]);
    const piped = await skein(['verify', '12'], { tty: 'none', world: bad }).done;
    expect(JSON.parse(piped.out)).toMatchObject({ schema: 'skein.verify.v1', sound: false, findings: [{ index: 17 }] });
  });

  test('prints the signed checkpoint alone, to be kept, and never one of a ledger that was changed', async () => {
    const world = fleetOf({ verify: async () => ({ ok: true, value: sound }) });
    expect(await skein(['verify', '12', '--checkpoint'], { tty: 'none', world }).done).toMatchObject({
      code: 0,
      out: sound.checkpoint,
    });
    const bad = fleetOf({ verify: async () => ({ ok: true, value: changed }) });
    expect((await skein(['verify', '12', '--checkpoint'], { tty: 'none', world: bad }).done).code).toBe(1);
  });

  test('hands on the checkpoint and the keys it is given, and says which file cannot be read', async () => {
    const file = join(directory, 'kept');
    writeFileSync(file, 'a note');
    const asked: unknown[] = [];
    const world = fleetOf({
      verify: async (run, options) => {
        asked.push([run, options]);
        return { ok: true, value: sound };
      },
    });
    await skein(['verify', '12', '--against', file, '--keys', file], { world }).done;
    expect(asked).toEqual([['12', { against: 'a note', keys: 'a note' }]]);
    const none = await skein(['verify', '12', '--against', join(directory, 'none')], { ...plain, world }).done;
    expect([none.code, none.err]).toEqual([4, expect.stringContaining('none cannot be read')]);
  });

  test('prints a proof as one document, and knows what a number of an entry is', async () => {
    const proof = {
      origin: 'o',
      index: 3,
      header: '',
      bodyHash: '',
      body: null,
      leaf: '',
      size: 4,
      root: '',
      path: [],
      checkpoint: null,
    };
    const world = fleetOf({ prove: async (_run, entry) => ({ ok: true, value: { ...proof, index: entry } }) });
    const { out, code } = await skein(['verify', '12', '--proof', '3'], { world }).done;
    expect([code, JSON.parse(out)]).toEqual([0, { schema: 'skein.proof.v1', ...proof }]);
    expect((await skein(['verify', '12', '--proof', 'three'], { world }).done).code).toBe(2);
  });
});

describe('skein replay', () => {
  const same: ReplayReport = { same: true, lives: 1, commits: 20, inputs: 18, entries: 24, divergence: null };
  test('exits 0 for the same, 1 with expected and actual at the first entry that differs, 4 with the gap', async () => {
    const replayed = (value: ReplayReport) => fleetOf({ replay: async () => ({ ok: true, value }) });
    const good = await skein(['replay', '12'], { ...plain, world: replayed(same) }).done;
    expect([good.code, good.out]).toEqual([0, expect.stringContaining('same: 18 inputs in 1 sitting')]);
    const divergence = { entry: 7, commit: 3, what: 'record work/task/3', expected: 'landed', actual: 'open' };
    const bad = await skein(['replay', '12'], { ...plain, world: replayed({ ...same, same: false, divergence }) }).done;
    expect(bad.code).toBe(1);
    expect(bad.out).toMatch(
      /first divergence at entry 7, commit 3: record work\/task\/3\n {2}expected {2}landed\n {2}actual {4}open/,
    );
    const gap = fleetOf({ replay: async () => missing('run 12 cannot be replayed') });
    const refused = await skein(['replay', '12'], { ...plain, world: gap }).done;
    expect([refused.code, refused.err]).toEqual([4, expect.stringContaining('sitting 1 was not journaled')]);
  });
});

describe('skein fork', () => {
  test('names the new run, and asks for the entry', async () => {
    const world = fleetOf({
      fork: async (from, entry) => ({ ok: true, value: { run: '13', from, entry, records: 5, branch: 'skein/13' } }),
    });
    const { out, code } = await skein(['fork', '12', '--at', '40'], { tty: 'none', world }).done;
    expect([code, JSON.parse(out)]).toEqual([
      0,
      { schema: 'skein.fork.v1', run: '13', from: '12', entry: 40, records: 5, branch: 'skein/13' },
    ]);
    for (const args of [
      ['fork', '12'],
      ['fork', '12', '--at', 'x'],
    ])
      expect((await skein(args, { world }).done).code).toBe(2);
  });
});

describe('skein explain', () => {
  test('shows every step with its time, its place in the logs and who decided', async () => {
    const step = { at: T0, incarnation: 1, commit: 1 };
    const lines = [
      { ...step, entry: null, kind: 'observed', who: 'agent:x/operator', what: 'work.intent.start.v1 (message 0a) reached work' },
      { ...step, entry: 9, at: T0 + 61_000, kind: 'effect', who: 'work on 0123', what: 'landed abc' },
    ];
    const world = fleetOf({ explain: async (_run, subject) => ({ ok: true, value: { subject, lines, left: 2 } }) });
    const { out, code } = await skein(['explain', 'lex', '--run', '12'], { ...plain, width: 120, world }).done;
    expect(code).toBe(0);
    expect(out).toMatch(/0:00 {2}journal +observed +agent:x\/operator: work\.intent\.start\.v1/);
    expect(out).toMatch(/1:01 {2}entry 9 +effect +work on 0123: landed abc/);
    expect(out).toContain('and 2 more');
    const piped = await skein(['explain', 'lex', '--run', '12'], { tty: 'none', world }).done;
    expect(JSON.parse(piped.out)).toMatchObject({
      schema: 'skein.explanation.v1',
      run: '12',
      subject: 'lex',
      steps: [{ entry: null }, { entry: 9 }],
    });
    expect((await skein(['explain'], { world }).done).code).toBe(2);
  });
});

test('skein run --record asks for every input to be journaled', async () => {
  const asked: unknown[] = [];
  const world = fleetOf({
    start: async (_prepared, options) => {
      asked.push(options);
      return missing('no');
    },
  });
  await skein(['run', '-m', 'fix it', '-a', 'claude', '--record'], { world }).done;
  expect(asked).toEqual([{ record: true }]);
});
