/** What can be shown of a run after it, from its files: proofs for others, the same again, a fork, and how something came about. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Fleet, Outcome } from '../../src/assembly/index.ts';
import { fleetOf, git, repository, request, runToEnd, shell } from '../run/repositories.ts';

const FILES = { 'sum.js': '// teh sum\n', 'check.sh': 'grep -q . sum.js\n', 'skein.yaml': 'checks: ["sh check.sh"]\n' };

let top = '';
let fleet: Fleet;
let store = '';
let entries = 0;
let task = '';

beforeAll(async () => {
  top = repository('logs', FILES);
  const agents = [shell('fixer', 'sed -i s/teh/the/ sum.js')];
  const ran = await runToEnd(top, request(top, { messages: ['Correct the typo in sum.js'], agents }));
  expect(ran.view.run).toMatchObject({ phase: 'finished', landed: 1 });
  fleet = ran.fleet;
  task = ran.view.tasks[0]!.spec.id;
  store = join(top, '.skein/runs/1/store.db');
  entries = value(await fleet.verify('1')).entries;
}, 60_000);

describe('a proof of one entry', () => {
  it('is accepted by the script in the reference, which knows neither this program nor the ledger, and any change is not', async ({
    annotate,
  }) => {
    await annotate('starts Node ten times');
    const script = join(top, '..', 'check-proof.mjs');
    const page = readFileSync(new URL('../../docs/reference/ledger.md', import.meta.url), 'utf8');
    const [, source = ''] = /```js check-proof\.mjs\n([^]*?)```/.exec(page) ?? [];
    expect(source.split('\n').length).toBeLessThanOrEqual(41);
    writeFileSync(script, source);
    const keys = join(top, '.skein/runs/1/host.pub');
    const file = join(top, '..', 'proof.json');
    const checked = (proof: unknown): string => {
      writeFileSync(file, JSON.stringify(proof));
      try {
        return execFileSync(process.execPath, [script, file, keys], { encoding: 'utf8', stdio: 'pipe' }).trim();
      } catch (error) {
        return (error as { stderr: string }).stderr;
      }
    };
    for (const entry of [0, Math.floor(entries / 2), entries - 1]) {
      const proof = value(await fleet.prove('1', entry));
      expect(checked(proof)).toBe(`entry ${entry} is in the log of ${proof.origin}, signed at ${entries} entries`);
      if (entry === 0 || entry === entries - 1) continue;
      for (const field of ['header', 'bodyHash', 'body', 'root', 'checkpoint'] as const)
        expect(checked({ ...proof, [field]: bent(proof[field]!) }), field).toMatch(/^refused/m);
      expect(checked({ ...proof, path: proof.path.map((step, i) => (i === 1 ? bent(step) : step)) })).toMatch(/^refused/m);
      expect(checked({ ...proof, index: (proof.index + 1) % entries })).toMatch(/^refused/m);
    }
  });

  it('is not given for an entry that is not there', async () => {
    expect(await fleet.prove('1', entries)).toMatchObject({ ok: false, problem: { kind: 'missing' } });
  });
});

describe('a replay', () => {
  it('comes to the same records, activities and ledger entries', async () => {
    const replayed = value(await fleet.replay('1'));
    expect(replayed).toMatchObject({ same: true, lives: 1, divergence: null });
    expect(replayed.inputs).toBeGreaterThan(5);
    expect(replayed.entries).toBeGreaterThan(3);
  });

  it('names the first entry at which something else comes out, with what was expected and what came', async () => {
    const divergence = await withChanged(
      `UPDATE journal SET inputs = replace(inputs, 'Correct the typo', 'Correct teh typo') WHERE inputs LIKE '%Correct the typo%'`,
      async () => value(await fleet.replay('1')).divergence,
    );
    expect(divergence).toMatchObject({
      what: expect.stringContaining('record work/task/') as unknown,
      expected: expect.stringContaining('Correct the typo') as unknown,
      actual: expect.stringContaining('Correct teh typo') as unknown,
    });
    expect(divergence!.entry).toBeLessThan(entries);
  });

  it.each([
    ['DELETE FROM journal WHERE sequence = 3', 'commits 3 to 3 are missing'],
    ['DELETE FROM journal', 'sitting 1 was not journaled'],
    ['DELETE FROM journal WHERE sequence = 0', 'the records it opened with are missing'],
  ])('names the gap and refuses after %s', async (sql, gap) => {
    await withChanged(sql, async () => {
      for (const asked of [fleet.replay('1'), fleet.fork('1', 3), fleet.explain('1', task)]) {
        // oxlint-disable-next-line no-await-in-loop -- one after another, on one file
        const answer = await asked;
        expect(answer).toMatchObject({ ok: false, problem: { kind: 'missing' } });
        expect(answer.ok ? '' : answer.problem.details.join('\n')).toContain(gap);
      }
    });
    expect(readdirSync(join(top, '.skein/runs'))).toEqual(['1']);
  });
});

describe('an explanation', () => {
  it('goes from the message that asked for a task to the commit that landed it, in order, with who decided', async () => {
    const { lines, left } = value(await fleet.explain('1', task));
    expect(left).toBe(0);
    expect(lines[0]).toMatchObject({ entry: null, kind: 'observed', what: expect.stringContaining('work.intent.') as unknown });
    expect(lines.at(-1)!.at).toBeGreaterThanOrEqual(lines[0]!.at);
    const words = lines.map(({ kind, who, what }) => `${kind} ${who}: ${what}`).join('\n');
    expect(words).toMatch(/activity\.intent work through work\.agent/);
    expect(words).toMatch(/observed .*agent.*: done/);
    expect(words).toMatch(/^cost work about fixer/m);
    expect(words).toContain(git(top, 'rev-parse', 'skein/1'));
    const message = /\(message ([0-9a-f]{32})\)/.exec(lines[0]!.what)![1]!;
    expect(value(await fleet.explain('1', message)).lines[0]).toMatchObject({ entry: null, kind: 'observed' });
  });

  it('says that nothing is called so', async () => {
    expect(await fleet.explain('1', 'nobody')).toMatchObject({ ok: false, problem: { kind: 'missing' } });
  });
});

describe('a fork', () => {
  it('is a run of its own with the state of then, which can go on; the old run stays as it was, to the byte', async ({
    annotate,
  }) => {
    await annotate('resumes a run with an agent and a check');
    const { lines } = value(await fleet.explain('1', task));
    const agent = lines.find(({ kind, who }) => kind === 'activity.intent' && who.includes('work.agent'))!;
    const before = fingerprint();
    const tip = git(top, 'rev-parse', 'skein/1');
    const forked = value(await fleet.fork('1', agent.entry!));
    expect(forked).toMatchObject({ run: '2', from: '1', entry: agent.entry });
    const { view } = value(await fleet.read('2'));
    expect(view.tasks[0]).toMatchObject({ state: 'working' });
    expect(view.run).toMatchObject({ phase: 'working', landed: 0 });
    expect(view.run.spec).toMatchObject({ run: '2', branch: 'refs/heads/skein/2' });
    expect(git(top, 'rev-parse', 'skein/2')).toBe(git(top, 'rev-parse', 'main'));
    const none = { agentsMax: null, attemptsMax: null, wallTimeMs: null, costMax: null };
    const { ended } = value(await fleet.resume('2', none));
    expect((await ended).run).toMatchObject({ phase: 'finished', landed: 1 });
    expect(git(top, 'show', 'skein/2:sum.js')).toBe('// the sum');
    expect(value(await fleet.verify('2'))).toMatchObject({ sound: true });
    expect(value(await fleet.replay('2')).divergence).toBe(null);
    expect(fingerprint()).toBe(before);
    expect(git(top, 'rev-parse', 'skein/1')).toBe(tip);
  });

  it('is refused for an entry that is not there, and for one before the run began', async () => {
    expect(await fleet.fork('1', entries)).toMatchObject({ ok: false, problem: { kind: 'missing' } });
    expect(await fleet.fork('1', 0)).toMatchObject({ ok: false, problem: { kind: 'refused' } });
  });
});

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.problem.what}: ${outcome.problem.details.join('; ')}`);
  return outcome.value;
}

function bent(text: string): string {
  const at = text.length >> 1;
  return text.slice(0, at) + (text[at] === '1' ? '2' : '1') + text.slice(at + 1);
}

async function withChanged<T>(sql: string, look: () => Promise<T>): Promise<T> {
  const kept = readFileSync(store);
  const database = new DatabaseSync(store);
  database.exec(sql);
  database.close();
  try {
    return await look();
  } finally {
    for (const end of ['-wal', '-shm']) rmSync(store + end, { force: true });
    writeFileSync(store, kept);
    fleet = await fleetOf(top);
  }
}

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(join(top, '.skein/runs/1'), { recursive: true, encoding: 'utf8' }).toSorted()) {
    if (!/\.(db|pub|key)$/.test(name)) continue;
    hash.update(name).update(readFileSync(join(top, '.skein/runs/1', name)));
  }
  return hash.digest('hex');
}
