import { readdirSync, readFileSync } from 'node:fs';
import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { PlanDocument, RunSummary, SCHEMAS, schemaText } from '../../src/surfaces/cli/index.ts';
import { fleetOf, mixed, prepared, skein, T0, verdict } from './fake.ts';

const plain = { env: { NO_COLOR: '1' } };
const stored = (): Parameters<typeof fleetOf>[0] => {
  const view = mixed();
  return {
    reading: {
      view: { ...view, run: { ...view.run, phase: 'working', reason: '', endedAt: null } },
      state: 'stored',
      asOf: T0 + 65_000,
      processes: [{ task: 'lex', pid: 4242, command: 'claude -p', startedAt: T0 + 5000, memoryBytes: 210_000_000 }],
      disk: { usedBytes: 1_200_000_000, freeBytes: null },
    },
    rows: [
      { run: '12', phase: 'interrupted', reason: '', startedAt: T0, tasks: 3, landed: 1, branch: 'refs/heads/skein/12' },
      { run: '11', phase: 'finished', reason: 'done', startedAt: T0, tasks: 1, landed: 1, branch: 'refs/heads/skein/11' },
    ],
  };
};

describe('skein plan', () => {
  test('shows order, times, critical path, limits and every command, and starts nothing', async () => {
    const world = fleetOf();
    const { code, out } = await skein(['plan', 'tasks.md', '--max-minutes', '10'], { ...plain, world }).done;
    expect([code, world.started.length]).toEqual([0, 0]);
    expect(out).toMatch(/1 {2}parse {2}fix the parser {2}any +0:00-1:30/);
    expect(out).toMatch(/2 {2}docs +write it down +claude +1:30-2:00 +after parse/);
    expect(out).toContain('critical path: parse → docs');
    expect(out).toContain('one agent is enough: every task needs the one before it');
    expect(out).toMatch(/time +10 min +flag/);
    for (const command of prepared().commands) expect(out).toContain(command.command);
    expect(out).toContain('  --agent codex\n      codex exec --json {prompt}\n');
  });

  test('a command is never shown in part, however narrow the terminal', async () => {
    const command = `npm run ${'verify-everything-'.repeat(12)}`;
    const plan = prepared({ commands: [{ what: 'check', name: 'x', command, source: 'package.json' }] });
    const { out } = await skein(['plan'], { ...plain, width: 60, world: fleetOf({ plan: { ok: true, value: plan } }) }).done;
    expect(out).toContain(command);
  });

  test('is one document for programs', async () => {
    const { out } = await skein(['plan', '-m', 'fix it'], { tty: 'none' }).done;
    expect(Check(PlanDocument, JSON.parse(out))).toBe(true);
    expect(JSON.parse(out)).toMatchObject({ attemptsMost: 6, costCap: 5_000_000, criticalPath: ['parse', 'docs'] });
  });

  test('what was asked for reaches the runtime', async () => {
    const world = fleetOf();
    const args = [
      'plan',
      'tasks.md',
      '-m',
      'fix #12',
      '-a',
      './fix.sh {task}',
      '--max-agents',
      '2',
      '--max-cost',
      '2.50',
      '--no-sandbox',
    ];
    await skein(args, { world }).done;
    expect(world.requests[0]).toMatchObject({
      cwd: '/nowhere/src',
      tasksFile: 'tasks.md',
      messages: ['fix #12'],
      agents: [{ name: 'fix.sh', spec: './fix.sh {task}' }],
      agentsMax: 2,
      costMax: 2_500_000,
      wallTimeMs: null,
      sandbox: false,
    });
  });
});

describe('looking at runs', () => {
  test('status shows tasks, pids, memory, disk and cost by lease; a dead host is interrupted, with the line that goes on', async () => {
    const { out } = await skein(['status'], { ...plain, world: fleetOf(stored()) }).done;
    expect(out).toContain('run 12  interrupted  1/3 landed  1 open');
    expect(out).toContain('\nskein resume 12\n');
    expect(out).toMatch(/lex {2}pid 4242 {2}claude -p {2}210 MB {2}1:00/);
    expect(out).toMatch(/✓ {2}parse {2}fix the parser +landed/);
    expect(out).toMatch(/○ {2}lex +speed up the lexer.* open/);
    expect(out).toMatch(/lex#2 {4}claude {2}refused {2}unknown/);
    expect(out).toContain('disk  private clones 1.2 GB, free unknown');
    const document = JSON.parse((await skein(['status', 'skein/12'], { tty: 'none', world: fleetOf(stored()) }).done).out) as {
      summary: unknown;
    };
    expect(document).toMatchObject({ state: 'stored', disk: { freeBytes: 'unknown' }, summary: { phase: 'interrupted' } });
    expect(Check(RunSummary, document.summary)).toBe(true);
  });

  test('runs lists them newest first and says which to resume', async () => {
    const { out } = await skein(['runs'], { ...plain, world: fleetOf(stored()) }).done;
    const rows = out.split('\n');
    expect(rows[0]).toBe('12  interrupted        1 of 3 tasks landed  2026-01-02 10:00  skein/12');
    expect(rows[1]).toContain('11  finished     done  1 of 1 task landed');
    expect(rows.at(-2)).toBe('skein resume 12');
  });

  test('runs open says what was tried and where to start from', async () => {
    const { out } = await skein(['runs', 'open', '12'], { ...plain, world: fleetOf(stored()) }).done;
    expect(out).toContain('○ lex  speed up the lexer');
    expect(out).toContain('      green-turned-red  npm test: parse > empty input was green and is red\n');
    expect(out).toContain('      git cherry-pick -n cccccccccccc\n');
  });

  test('prune passes its bounds on and changes nothing in a dry run', async () => {
    const seen: unknown[] = [];
    const world = fleetOf({ prune: async (options) => (seen.push(options), ['3', '4']) });
    const { out } = await skein(['runs', 'prune', '--keep', '5', '--dry-run'], { ...plain, world }).done;
    expect(seen).toEqual([{ keep: 5, days: 7, dryRun: true }]);
    expect(out).toBe('2 runs would be removed: 3, 4\n');
  });
});

const publish = async () => ({
  ok: true as const,
  value: { published: false as const, why: 'gh is not installed', commands: ['git push -u origin skein/12'] },
});

describe('land and pr', () => {
  test('land says how the branch moved, what the checks said, and how to undo it', async () => {
    const report = {
      branch: 'refs/heads/main',
      how: 'fast-forward' as const,
      from: 'a'.repeat(40),
      to: 'b'.repeat(40),
      tasks: ['parse'],
      verdicts: [verdict()],
    };
    const asked: unknown[] = [];
    const world = fleetOf({ land: async (run, tasks) => (asked.push([run, tasks]), { ok: true, value: report }) });
    const { out, code } = await skein(['land', '12', 'parse'], { ...plain, world }).done;
    expect([code, asked]).toEqual([0, [['12', ['parse']]]]);
    expect(out).toContain('main  aaaaaaaaa..bbbbbbbbb (fast-forward)  1 task\n');
    expect(out).toContain('git reset --keep aaaaaaaaaaaa   undoes this');
  });

  test('a dirty tree refuses the landing with exit 1 and what to do', async () => {
    const problem = {
      kind: 'refused' as const,
      what: 'the working tree has changes: src/a.ts',
      details: [],
      next: 'git stash, then skein land 12',
    };
    const { code, err } = await skein(['land', '12'], {
      ...plain,
      world: fleetOf({ land: async () => ({ ok: false, problem }) }),
    }).done;
    expect([code, err]).toEqual([1, 'skein: the working tree has changes: src/a.ts\nnext:  git stash, then skein land 12\n']);
  });

  test('pr prints title and body with what changed, verdicts, refusals and cost where gh is missing', async () => {
    const { out } = await skein(['pr', '12'], { ...plain, world: fleetOf({ ...stored(), publish }) }).done;
    expect(out.split('\n')[0]).toBe('fix the parser');
    expect(out).toContain('| parse: fix the parser | claude | 1 | +14 -3 | fffffffff |');
    expect(out).toContain('- npm test: green, 412 passed');
    expect(out).toContain('- lex by claude: green-turned-red: npm test: parse > empty input');
    expect(out).toContain('Cost: unknown of $5.00');
    expect(out).toContain('not opened: gh is not installed\ngit push -u origin skein/12');
  });
});

describe('mistakes', () => {
  test.each([
    [['rnu'], 'skein: skein has no verb "rnu"; did you mean run?'],
    [['run', '--max-minuets', '3'], 'skein: skein run has no flag --max-minuets; did you mean --max-minutes?'],
    [['run', '--max-agents', '0'], 'skein: --max-agents is "0", which is not a whole number from 1 to 1024'],
    [['runs', 'shwo'], 'skein: skein runs cannot "shwo"; did you mean show?'],
    [['status', 'latest'], 'skein: "latest" is no run: a run is a number such as 12'],
    [['run', '--fail-on', 'red'], 'skein: --fail-on knows only "open", not "red"'],
  ])('%j is exit 2 with the nearest word and what to do', async (args, first) => {
    const { code, out, err } = await skein(args, plain).done;
    expect([code, out, err.split('\n')[0]]).toEqual([2, '', first]);
    expect(err).toContain('next:  ');
  });
});

test('the published schemas are what the code checks against', () => {
  const directory = new URL('../../schema/', import.meta.url);
  expect(readdirSync(directory).toSorted()).toEqual(Object.keys(SCHEMAS).toSorted());
  for (const [name, schema] of Object.entries(SCHEMAS))
    expect(
      JSON.parse(readFileSync(new URL(name, directory), 'utf8')),
      `${name}: write it anew with test/cli/write-schema.ts`,
    ).toEqual(JSON.parse(schemaText(schema)));
});
