import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { baselineActivity, checkActivity, Checks, direct, type Exec } from '../../src/runtime/embedded/index.ts';
import type { work } from '../../src/contracts/index.ts';
import { judge } from './judge.ts';
import { check, Repository } from './repository.ts';

const open: Repository[] = [];
afterEach(async () => {
  for (const repository of open.splice(0)) await repository.remove();
});

async function repositoryOf(files: Record<string, string>): Promise<Repository> {
  const repository = await Repository.make(files);
  open.push(repository);
  return repository;
}

function parts(repository: Repository, env: Record<string, string> = { PATH: process.env.PATH!, HOME: process.env.HOME! }) {
  const options = { places: repository.places, checkout: repository.checkout, judge, failureText: () => 'what went wrong', env };
  const checks = new Checks(options);
  return { checks, baseline: baselineActivity(checks), candidate: checkActivity(checks, options) };
}

async function verdictsOf(repository: Repository, result: { blob: work.BaselineResult['blob'] }): Promise<work.CheckVerdict[]> {
  return JSON.parse((await repository.io('').blobs.get(result.blob)).toString('utf8')) as work.CheckVerdict[];
}

const TESTS = `import test from 'node:test'; import assert from 'node:assert'; import { add } from './add.mjs';
test('adds', () => assert.equal(add(1, 2), 3)); test('is here', () => {});`;

describe('the baseline', () => {
  it('runs every check in fresh clones, names tests and leaves nothing behind', async () => {
    const repository = await repositoryOf({ 'add.mjs': 'export const add = (a, b) => a + b;', 'a.test.mjs': TESTS });
    const { baseline } = parts(repository);
    const checks = [
      check('node --test'),
      check('echo "src/a.js:1:2: bad"; exit 1', { kind: 'findings' }),
      check('no-such-tool .'),
    ];
    const result = await baseline(repository.baseline(repository.tree(), checks), repository.io('b'));
    const [tests, findings, missing] = await verdictsOf(repository, result);
    expect(tests).toMatchObject({
      status: 'green',
      tests: { adds: 'pass', 'is here': 'pass' },
      counts: { passed: 2, failed: 0 },
    });
    expect(findings).toMatchObject({ status: 'red', findings: ['src/a.js: bad'] });
    expect(missing).toMatchObject({ status: 'unavailable' });
    expect(missing!.cause).toMatch(/^no-such-tool: not found/);
    expect(result).toMatchObject({ unstable: [], serial: false });
    expect(repository.checkouts).toBe(2);
    expect(await readdir(join(repository.places.workspaces('1'), 'checks'))).toEqual([]);
  });

  it('answers from the cache for an unchanged tree, without a clone', async () => {
    const repository = await repositoryOf({ 'add.mjs': 'export const add = (a, b) => a + b;', 'a.test.mjs': TESTS });
    const payload = repository.baseline(repository.tree(), [check('node --test')]);
    await parts(repository).baseline(payload, repository.io('b'));
    const started = performance.now();
    const again = await parts(repository).baseline(payload, repository.io('c'));
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(repository.checkouts).toBe(2);
    expect(again.verdicts).toMatchObject([{ status: 'green', cached: true, passed: 2 }]);
  });

  it('takes a corrupt cache file for a miss', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const payload = repository.baseline(repository.tree(), [check('true', { kind: 'build' })]);
    await parts(repository).baseline(payload, repository.io('b'));
    for (const name of await readdir(repository.places.verdicts)) {
      const file = join(repository.places.verdicts, name);
      await writeFile(file, (await readFile(file, 'utf8')).replace('green', 'wrong'));
    }
    const again = await parts(repository).baseline(payload, repository.io('c'));
    expect(again.verdicts).toMatchObject([{ status: 'green', cached: false }]);
    expect(repository.checkouts).toBe(4);
  });

  it('remembers neither a check that hangs nor one that cannot run', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const payload = repository.baseline(repository.tree(), [
      check('echo Watching for file changes; exec sleep 30', { timeout: 300 }),
      check('./nothing'),
    ]);
    const result = await parts(repository).baseline(payload, repository.io('b'));
    expect(result.verdicts.map((verdict) => verdict.status)).toEqual(['timed-out', 'unavailable']);
    expect(result.verdicts[0]!.cause).toMatch(/it watches for changes: name a command that ends/);
    expect(await readdir(repository.places.verdicts).catch(() => [])).toEqual([]);
  });

  it('that disagrees and has no time for more says so: what came and went holds nothing back, the rest still does', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const shaky = check(`mkdir '${join(repository.home, 'once')}'; code=$?; sleep 0.2; exit $code`, { name: 'shaky' });
    const payload = repository.baseline(repository.tree(), [check('true', { name: 'firm' }), shaky], null, 300);
    const result = await parts(repository).baseline(payload, repository.io('b'));
    expect(result).toMatchObject({ serial: true, unstable: ['shaky'], verdicts: [{ status: 'green' }, { status: 'green' }] });
    expect(result.notes.join()).toMatch(/the time box had no room to run them one at a time: one result that came and went/);
  });

  it('tells checks that disturb each other from tests that are unstable', async ({ annotate }) => {
    await annotate('four baselines of checks that wait for each other');
    const repository = await repositoryOf({ a: 'x' });
    const at = (name: string): string => `'${join(repository.home, name)}'`;
    // The first waits for its twin once and then meets it at a directory that only one can make; the second never says the same twice.
    const twin = `echo >> ${at('started')}; for n in $(seq 200); do [ $(wc -l < ${at('started')}) -ge 2 ] && break; sleep 0.02; done`;
    const meets = check(`${twin}; mkdir ${at('lock')} && sleep 0.3 && rmdir ${at('lock')}`, { name: 'meets', kind: 'build' });
    const shaky = check(`for n in 1 2 3 4; do mkdir ${at('turn')}$n 2>&1 && exit $((n % 2)); done`, {
      name: 'shaky',
      kind: 'build',
    });
    const alone = await parts(repository).baseline(repository.baseline(repository.tree(), [meets]), repository.io('b'));
    expect(alone).toMatchObject({ serial: true, unstable: [], verdicts: [{ status: 'green' }] });
    expect(alone.notes.join()).toMatch(/one at a time they agree/);
    const both = await parts(repository).baseline(repository.baseline(repository.tree(), [meets, shaky]), repository.io('c'));
    expect(both).toMatchObject({ serial: true, unstable: ['shaky'] });
  });

  it('names the ignored file that a red check may miss, and copies no secret', async () => {
    const repository = await repositoryOf({ '.gitignore': 'dist/\n.env\n', 'dist/x.js': '', '.env': 'TOKEN=1', a: 'x' });
    const payload = repository.baseline(repository.tree(), [check('ls -a; cat dist/x.js', { kind: 'build' })]);
    const result = await parts(repository).baseline(payload, repository.io('b'));
    expect(result.notes.join('\n')).toMatch(/not green in a fresh clone;.*dist\/.*`setup:` in skein\.yaml/);
    expect((await verdictsOf(repository, result))[0]!.tail).not.toContain('.env');
  });

  it('prepares each clone with setup, and says when that fails', async () => {
    const repository = await repositoryOf({ '.gitignore': 'dist\n', a: 'x' });
    const checks = [check('cat dist', { kind: 'build' })];
    const good = await parts(repository).baseline(
      repository.baseline(repository.tree(), checks, 'echo made > dist'),
      repository.io('b'),
    );
    expect(good.verdicts).toMatchObject([{ status: 'green' }]);
    const bad = await parts(repository).baseline(repository.baseline(repository.tree(), checks, 'exit 3'), repository.io('c'));
    expect(bad.verdicts).toMatchObject([{ status: 'unavailable', cause: 'setup failed (exit code 3): exit 3' }]);
  });

  it('gives a check no secret, no Node options, a port and a temp directory of its own, and takes the directory away', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const env = {
      PATH: process.env.PATH!,
      HOME: '/h',
      GITHUB_TOKEN: 'hidden-1',
      NODE_OPTIONS: '--hidden-2',
      npm_config_x: 'hidden-3',
    };
    const result = await parts(repository, env).baseline(
      repository.baseline(repository.tree(), [check('env; touch "$TMPDIR/x"; test -t 0 || exit 1', { kind: 'build' })]),
      repository.io('b'),
    );
    const [verdict] = await verdictsOf(repository, result);
    expect(verdict).toMatchObject({ status: 'red' }); // no terminal
    expect(verdict!.tail).not.toMatch(/hidden/);
    expect(verdict!.tail).toMatch(/^PORT=\d+$/m);
    expect(
      (await readdir(tmpdir())).filter((name) => /^skein-[0-9a-f]{12}$/.test(name) && existsSync(join(tmpdir(), name, 'x'))),
    ).toEqual([]);
  });
});

describe('a candidate tree', () => {
  it('is refused where a green check turns red, with the text for the agent', async () => {
    const repository = await repositoryOf({ 'add.mjs': 'export const add = (a, b) => a + b;', 'a.test.mjs': TESTS });
    const { baseline, candidate } = parts(repository);
    const checks = [check('node --test')];
    const base = await baseline(repository.baseline(repository.tree(), checks), repository.io('b'));
    await repository.write({ 'add.mjs': 'export const add = (a, b) => a - b;' });
    const payload: work.CheckPayload = {
      run: '1',
      repository: repository.top,
      task: 't',
      fence: 1,
      commit: '0'.repeat(40),
      tree: repository.tree(),
      checks,
      taskChecks: ['grep -q multiply add.mjs'],
      mends: [],
      setup: null,
      baseline: base.blob,
      unstable: [],
      serial: false,
      sandbox: 'none',
    };
    const refused = await candidate(payload, repository.io('c'));
    expect(refused.violations.map((violation) => violation.rule)).toEqual(['test-failed', 'task-check-failed']);
    expect(refused.failure).toBe('what went wrong');
    expect((await verdictsOf(repository, refused))[0]!.tests).toEqual({ adds: 'fail', 'is here': 'pass' });

    await repository.write({ 'add.mjs': 'export const add = (a, b) => a + b; // multiply' });
    const landed = await candidate({ ...payload, tree: repository.tree() }, repository.io('d'));
    expect(landed).toMatchObject({ violations: [], failure: '' });
  });

  it('that is to mend a red check is refused until a failing test passes; what fails is named at the baseline', async () => {
    const repository = await repositoryOf({ 'add.mjs': 'export const add = (a, b) => a - b;', 'a.test.mjs': TESTS });
    const { baseline, candidate } = parts(repository);
    const checks = [check('node --test')];
    const base = await baseline(repository.baseline(repository.tree(), checks), repository.io('b'));
    expect(base.red).toEqual([{ check: checks[0]!.name, lines: ['adds'] }]);
    const tree = async (text: string): Promise<string> => {
      await repository.write({ 'add.mjs': text });
      return repository.tree();
    };
    const mending = async (text: string): Promise<string[]> => {
      const common = { run: '1', repository: repository.top, task: 't', fence: 1, commit: '0'.repeat(40), setup: null };
      const mends = [checks[0]!.name];
      const against = { baseline: base.blob, unstable: [], serial: false, sandbox: 'none' as const };
      const payload = { ...common, tree: await tree(text), checks, taskChecks: [], mends, ...against };
      return (await candidate(payload, repository.io(text))).violations.map(({ rule }) => rule);
    };
    expect(await mending('export const add = (a, b) => a - b; // honest')).toEqual(['not-mended']);
    expect(await mending('export const add = (a, b) => a + b;')).toEqual([]);
  });

  it('is checked one at a time when the baseline said so', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const lock = join(repository.home, 'lock');
    const checks = [check(`mkdir '${lock}' && sleep 0.1 && rmdir '${lock}'`, { name: 'port', kind: 'build' })];
    const { candidate } = parts(repository);
    const blob = await repository.io('').blobs.put('[{"check":"port","status":"green"}]');
    const trees: string[] = [];
    for (const text of ['1', '2', '3']) {
      await repository.write({ a: text });
      trees.push(repository.tree());
    }
    const results = await Promise.all(
      trees.map((tree, index) =>
        candidate(
          {
            run: '1',
            repository: repository.top,
            task: 't',
            fence: index,
            commit: '0'.repeat(40),
            tree,
            checks,
            taskChecks: [],
            mends: [],
            setup: null,
            baseline: blob,
            unstable: [],
            serial: true,
            sandbox: 'none',
          },
          repository.io(`k${index}`),
        ),
      ),
    );
    expect(results.map((result) => result.verdicts[0]!.status)).toEqual(['green', 'green', 'green']);
  });

  it('runs without network inside the sandbox it was asked for', async () => {
    const repository = await repositoryOf({ a: 'x' });
    const asked: unknown[] = [];
    const exec: Exec = (argv, options) => {
      if (argv[0] === '/bin/sh')
        asked.push({
          network: options.sandbox?.network,
          inside: options.sandbox?.writable.some((path) => options.cwd.startsWith(path)),
        });
      return direct(argv, options);
    };
    const payload = { ...repository.baseline(repository.tree(), [check('true')], 'true'), sandbox: 'full' as const };
    await parts(repository).baseline(payload, repository.io('b', exec));
    expect(asked).toContainEqual({ network: false, inside: true });
    expect(asked.filter((each) => (each as { network: boolean }).network)).toHaveLength(2); // the user's own setup line, per clone
  });
});
