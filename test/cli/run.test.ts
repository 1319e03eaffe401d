import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { Check } from 'typebox/value';
import { cells } from '../../src/surfaces/cli/terminal.ts';
import { PlanDocument, ProblemDocument, RunEvent, RunSummary } from '../../src/surfaces/cli/index.ts';
import {
  attempt,
  FakeRun,
  fleetOf,
  mixed,
  prepared,
  type Seen,
  type Setting,
  skein,
  task,
  verdict,
  view,
  type World,
} from './fake.ts';

const working = (): ReturnType<typeof view> =>
  view(
    [
      task('parse', 'fix the parser', {
        state: 'working',
        attempts: [attempt({ outcome: 'running', endedAt: null, cost: null })],
      }),
      task('lex', 'speed up the lexer', {
        state: 'queued',
        failures: 1,
        conflicts: 1,
        attempts: [
          attempt({ outcome: 'refused', violations: [{ rule: 'test-disappeared', detail: 'npm test: lex > keywords' }] }),
          attempt({ fence: 2, outcome: 'running', endedAt: null }),
        ],
      }),
      task('docs', 'write down the lexer', { state: 'waiting', needs: ['lex'] }),
    ],
    { phase: 'working', reason: '', endedAt: null, landed: 0 },
  );

async function whole(
  args: string[],
  setting: Setting & { last?: ReturnType<typeof view>; fleet?: Parameters<typeof fleetOf>[0] } = {},
): Promise<Seen & { world: World }> {
  const live = new FakeRun(view([], { phase: 'baseline', baseline: null, endedAt: null }));
  const world = fleetOf({ live, ...setting.fleet });
  const call = skein(args, { ...setting, world });
  await live.followed;
  live.change(working());
  live.end(setting.last ?? mixed());
  return { ...(await call.done), world };
}

const REWRITE = new RegExp(String.raw`\u001b\[\d+A\u001b\[0J`, 'g');
const RUN = ['run', 'tasks.md', '--agent', 'claude'];
const lines = (text: string): string[] => text.split('\n').map((line) => line.replaceAll(/\s+/g, ' ').trim());

describe('skein run on a terminal', () => {
  test('says what landed, what was refused and by which line, what is open and for whom, the cost, and what to do next', async () => {
    const { code, out } = await whole(RUN, { env: { NO_COLOR: '1' } });
    expect(code).toBe(1);
    const said = lines(out);
    expect(said).toContain('landed 1 of 3 tasks');
    expect(said).toContain('✓ parse fix the parser claude 1 file +14 -3 fffffffff');
    expect(said).toContain('✗ lex attempt 1 by claude');
    expect(said).toContain('green-turned-red npm test: parse > empty input was green and is red');
    expect(said).toContain('suppression-added src/lex.ts: // eslint-disable-next-line');
    expect(out).toMatch(/○ {2}lex .* after 2 attempts$/m);
    expect(said).toContain('‖ docs write down the lexer waits for lex');
    expect(out).toMatch(/^open {2}2 tasks, for a senior agent or a person$/m);
    expect(said).toContain('cost unknown of $5.00: 1 attempt reported none (known: $0.42)');
    expect(said).toContain('exit 1 2 of the given tasks not done: lex, docs');
    expect(out.trimEnd().split('\n').slice(-3)).toEqual(['git diff HEAD...skein/12', 'skein land 12', 'skein pr 12']);
    expect(said).toContain('report /nowhere/.skein/runs/12/report.html');
  });

  test('a report that cannot be written or made is a note and fails nothing', async () => {
    const full = { kind: 'missing', what: 'the disk is full', details: [], next: '' } as const;
    const unwritten = await whole(RUN, { tty: 'none', fleet: { keepReport: async () => ({ ok: false, problem: full }) } });
    expect(JSON.parse(unwritten.out)).toMatchObject({ report: null, notes: ['the disk is full'], exit: { code: 1 } });
    const unmade = await whole(RUN, { tty: 'none', fleet: { evidence: () => Promise.reject(new Error('no such thing')) } });
    expect(JSON.parse(unmade.out)).toMatchObject({
      report: null,
      notes: ['the report of run 12 could not be made: no such thing'],
    });
  });

  test('says tasks, agents at once, most attempts and minutes, and the money cap before it starts anything', async () => {
    const world = fleetOf({
      start: async () => ({ ok: false, problem: { kind: 'missing', what: 'no', details: [], next: '' } }),
    });
    const { err, code } = await skein(RUN, { world, env: { NO_COLOR: '1' }, width: 120 }).done;
    expect(err.split('\n')[0]).toBe(
      '2 tasks · 1 agent at once (claude) · at most 6 attempts · at most 10 min · at most $5.00 · sandbox full',
    );
    expect(code).toBe(4);
    const uncapped = prepared();
    const limits = { ...uncapped.spec.limits, costMax: null };
    const plan = { ok: true as const, value: { ...uncapped, spec: { ...uncapped.spec, limits } } };
    const start = world.fleet.start!;
    expect((await skein(RUN, { world: fleetOf({ plan, start }), width: 120 }).done).err).toContain('money cap unknown');
  });

  test('what an agent prints cannot move the cursor', async () => {
    const { out, err } = await whole(RUN, { env: { NO_COLOR: '1' } });
    expect(out).not.toContain('\u001b');
    // Only the painter's own two sequences: up n lines, clear to the end.
    expect(err.replaceAll(REWRITE, '')).not.toContain('\u001b');
  });

  test.each([60, 80, 120])('at %i columns no line of the live view wraps', async (width) => {
    const { err } = await whole(RUN, { width, env: { NO_COLOR: '1' } });
    const frames = err
      .split('\n')
      .slice(3)
      .map((line) => stripVTControlCharacters(line));
    expect(frames.filter((line) => cells(line) > width)).toEqual([]);
    expect(frames.join('\n')).toMatch(/▸ {2}parse/);
    expect(frames.join('\n')).toMatch(/◆ {2}lex/);
  });

  test('the live view is rewritten in place and gone at the end', async () => {
    const { err } = await whole(RUN, { env: { NO_COLOR: '1' } });
    expect(err).toContain('✗ lex refused: test-disappeared: npm test: lex > keywords\n');
    expect(err.match(REWRITE)?.length).toBeGreaterThan(1);
    expect(err.endsWith('\u001b[0J')).toBe(true);
  });

  test('colour is for exceptions: vermilion for what was refused, violet for a conflict, dim for what is well', async () => {
    const { out, err } = await whole(RUN);
    expect(out).toContain('\u001b[38;5;202mgreen-turned-red\u001b[0m');
    expect(out).toContain('\u001b[2m✓\u001b[0m');
    expect(err).toContain('\u001b[38;5;141m◆\u001b[0m');
  });

  test('without UTF-8 the symbols are ASCII', async () => {
    const { out, err } = await whole(RUN, { env: { NO_COLOR: '1', LANG: 'C' } });
    expect(Buffer.byteLength(out + err)).toBe((out + err).length);
  });
});

describe('skein run for programs', () => {
  test('prints exactly one JSON document on stdout, and it fits the schema', async () => {
    for (const setting of [{ tty: 'none' }, { tty: 'stderr' }] as const) {
      const { out, code } = await whole(RUN, setting);
      const summary: unknown = JSON.parse(out);
      expect(Check(RunSummary, summary)).toBe(true);
      expect(summary).toMatchObject({
        schema: 'skein.run-summary.v1',
        run: '12',
        exit: { code },
        cost: { spent: 420_000, total: 'unknown' },
      });
    }
    const { out } = await whole([...RUN, '--json'], { tty: 'both' });
    expect(Check(RunSummary, JSON.parse(out))).toBe(true);
  });

  test('a cost that was not reported is the word unknown, never 0', async () => {
    const { out } = await whole(RUN, { tty: 'none' });
    const summary = JSON.parse(out) as RunSummary;
    expect(summary.tasks[1]!.attempts.map((each) => each.cost)).toEqual([420_000, 'unknown']);
    expect(summary.agents[0]!.attemptPrice).toBe('unknown');
  });

  test('writes one event a line on stderr, numbered without gaps, each fitting the schema', async () => {
    const { err } = await whole(RUN, { tty: 'none' });
    const events = err
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
    for (const event of events) expect(Check(RunEvent, event), JSON.stringify(event)).toBe(true);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i));
    expect(events[0]).toMatchObject({ type: 'plan', tasks: 2, attemptsMost: 6, costCap: 5_000_000 });
    const types = events.map((event) => event.type);
    expect(types).toEqual(expect.arrayContaining(['phase', 'baseline', 'task', 'attempt-started', 'attempt-ended', 'landed']));
    expect(events.filter((event) => event.type === 'attempt-ended' && event.task === 'lex')).toHaveLength(2);
  });

  test('a problem is one document too, with its exit code', async () => {
    const problem = { kind: 'missing' as const, what: '/nowhere is not a git repository', details: [], next: 'git init' };
    const world = fleetOf({ prepare: async () => ({ ok: false, problem }) });
    const { code, out, err } = await skein(RUN, { tty: 'none', world }).done;
    expect([code, err]).toEqual([4, '']);
    expect(Check(ProblemDocument, JSON.parse(out))).toBe(true);
    const person = await skein(RUN, { world, env: { NO_COLOR: '1' } }).done;
    expect(person.err).toBe('skein: /nowhere is not a git repository\nnext:  git init\n');
    expect(person.out).toBe('');
  });
});

describe('skein run without tasks or without agents', () => {
  test('says which checks there are, what they say, and the exact line that would use an agent found on PATH', async () => {
    const red = verdict({ check: 'npm run lint', status: 'red', passed: 0, findings: 2 });
    const tool = verdict({ check: 'make check', status: 'unavailable', passed: 0, cause: 'make: not found' });
    const baseline = { ...view([]).run.baseline!, verdicts: [verdict(), red, tool], unstable: ['npm test: a > b'], serial: true };
    const { code, out } = await whole(['run'], { env: { NO_COLOR: '1' }, width: 120, last: view([], { baseline }) });
    expect(code).toBe(0);
    const said = lines(out);
    expect(said).toContain('✓ npm test 412 passed 3.1 s package.json scripts.test');
    expect(said).toContain('✗ npm run lint 2 findings 3.1 s package.json scripts.lint');
    const unavailable = said.findIndex((line) => line.startsWith('? make check unavailable'));
    expect(said[unavailable + 1]).toBe('make: not found');
    expect(said).toContain('◆ two runs of the same tree disagree: npm test: a > b');
    expect(said).toContain(`skein run -m 'make "npm run lint" green' --agent codex`);
    expect(said).toContain('starts: codex exec --json {prompt}');
    expect((await whole(['run', '--fail-on', 'open'], { last: view([], { baseline }) })).code).toBe(1);
  });

  test('tasks without an agent start nothing, and each line that would is printed', async () => {
    const plan = prepared();
    const world = fleetOf({ plan: { ok: true, value: { ...plan, spec: { ...plan.spec, agents: [] } } } });
    const { code, err } = await skein(['run', 'tasks.md'], { world, env: { NO_COLOR: '1' } }).done;
    expect([code, world.started.length]).toEqual([4, 0]);
    expect(err).toContain('  skein run tasks.md --agent codex    starts: codex exec --json {prompt}\n');
  });
});

describe('stopping', () => {
  test('Ctrl-C once drains, twice kills, and both are said', async () => {
    const live = new FakeRun(working());
    const call = skein(RUN, { world: fleetOf({ live }), env: { NO_COLOR: '1' } });
    await live.followed;
    call.signal('SIGINT');
    expect(live.calls).toEqual(['drain']);
    call.signal('SIGINT');
    expect(live.calls).toEqual(['drain', 'kill']);
    live.end(view(working().tasks, { phase: 'stopped', reason: 'killed' }));
    const { code, out, err } = await call.done;
    expect(code).toBe(1);
    expect(err).toContain('work in hand finishes and lands');
    expect(out).toContain('\nskein resume 12\n');
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('%s stops at once and leaves a run that can be resumed', async (signal) => {
    const live = new FakeRun(working());
    const call = skein(RUN, { world: fleetOf({ live }), tty: 'none' });
    await live.followed;
    call.signal(signal);
    expect(live.calls).toEqual(['kill']);
    live.end(view(working().tasks, { phase: 'stopped', reason: 'killed' }));
    const { err } = await call.done;
    expect(err).toContain(`${signal}: stopping; skein resume 12 goes on`);
  });

  test.each([
    ['budget', 'stopped', 3],
    ['time', 'stopped', 3],
    ['drained', 'stopped', 1],
    ['baseline-failed', 'finished', 4],
    ['done', 'finished', 1],
  ] as const)('a run that ended by %s exits with its code', async (reason, phase, expected) => {
    expect((await whole(RUN, { last: view(working().tasks, { phase, reason }) })).code).toBe(expected);
  });

  test('everything given landed is exit 0, and what nobody gave counts only with --fail-on open', async () => {
    const tasks = [task('parse', 'fix the parser'), task('lint', 'make lint green', { state: 'open', given: false })];
    expect((await whole(RUN, { last: view(tasks) })).code).toBe(0);
    expect((await whole([...RUN, '--fail-on', 'open'], { last: view(tasks) })).code).toBe(1);
  });

  test('a host that dies is a sentence and a command, not a stack trace', async () => {
    const live = new FakeRun(working());
    const call = skein(RUN, { world: fleetOf({ live }), env: { NO_COLOR: '1' } });
    await live.followed;
    live.die('database or disk is full');
    const { code, err } = await call.done;
    expect(code).toBe(1);
    expect(err).toContain(
      'skein: run 12 lost its host: database or disk is full\nnext:  what had landed stays landed; skein resume 12\n',
    );
  });
});

describe('skein run without anybody to do the tasks', () => {
  const base = prepared();
  const nobody = { ...base, spec: { ...base.spec, agents: [] } };
  const rows = [{ run: '3', phase: 'finished' as const, reason: 'done', startedAt: 0, tasks: 0, landed: 0, branch: 'skein/3' }];
  const reading = {
    view: view([]),
    state: 'stored' as const,
    asOf: 0,
    processes: [],
    disk: { usedBytes: null, freeBytes: null },
  };
  const world = (): World => fleetOf({ plan: { ok: true, value: nobody }, rows, reading });

  test('rehearses the plan with what an earlier run measured, starts nothing, and says what to type', async () => {
    const seen = world();
    const { code, out, err } = await skein(['run', 'tasks.md'], { world: seen, env: { NO_COLOR: '1' }, width: 120 }).done;
    expect(code).toBe(4);
    expect(seen.started).toEqual([]);
    expect(out).toMatch(/^rehearsal {2}2 tasks, 2 agents at once; nothing was started or done$/m);
    expect(out).toMatch(/^ {2}would land {2}2 of 2 tasks/m);
    expect(out).toContain('cost        unknown');
    expect(out).toContain('(2 of 2 measured');
    expect(err).toContain('skein run tasks.md --agent codex');
  });

  test('does the same where the agent that was asked for is not to be had', async () => {
    const seen = world();
    const missing = { kind: 'missing' as const, what: 'agent claude: claude is not on PATH', details: [], next: 'install it' };
    const absent = fleetOf({
      ...seen.fleet,
      prepare: async ({ agents }) => (agents.length > 0 ? { ok: false, problem: missing } : { ok: true, value: nobody }),
    });
    const { code, out } = await skein(['run', 'tasks.md', '-a', 'claude'], { world: absent, tty: 'none' }).done;
    expect(code).toBe(4);
    expect(JSON.parse(out)).toMatchObject({ what: missing.what, next: 'install it', rehearsal: { mode: 'rehearsal' } });
  });

  test.each([
    ['run', ProblemDocument, 4],
    ['plan', PlanDocument, 0],
  ] as const)('%s has it in its document, called a rehearsal', async (verb, schema, exit) => {
    const { code, out } = await skein([verb, 'tasks.md'], { world: world(), tty: 'none' }).done;
    const document: unknown = JSON.parse(out);
    expect(code).toBe(exit);
    expect(Check(schema, document)).toBe(true);
    expect(document).toMatchObject({
      rehearsal: { mode: 'rehearsal', cost: 'unknown', gate: { ms: 3900, measured: 2 }, tasks: 2 },
    });
  });
});
