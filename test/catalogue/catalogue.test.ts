/** The ways in which fleets of agents are known to lose work or to call it done when it is not, each as a test of that name. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AgentChoice, CheckChoice, Fleet, LiveRun, Prepared, RunRequest, RunView } from '../../src/assembly/index.ts';
import { detectSandbox } from '../../src/runtime/embedded/index.ts';
import { exitOf } from '../../src/surfaces/cli/summary.ts';
import { fleetOf, git, oneCache, repository, request, runToEnd, shell, temporary } from '../run/repositories.ts';

const { mode } = await detectSandbox();
oneCache(); // some of these runs are made side by side
const PLAIN: Readonly<Record<string, string>> = { 'a.txt': 'a\n', 'check.sh': 'grep -q a a.txt\n' };
const CHECK: CheckChoice = { name: 'check', command: 'sh check.sh', directory: '', kind: null, timeoutMs: null, source: 'test' };

const UNCHANGED = { agentsMax: null, attemptsMax: null, wallTimeMs: null, costMax: null };

const agents = (commands: Readonly<Record<string, string>>, more: Partial<AgentChoice> = {}): AgentChoice[] =>
  Object.entries(commands).map(([name, command]) => ({ ...shell(name, command), ...more }));

/** One task for each agent, under its name. */
function oneEach(top: string, commands: Readonly<Record<string, string>>, over: Partial<RunRequest> = {}): RunRequest {
  const file = join(dirname(top), 'tasks.md');
  writeFileSync(
    file,
    Object.keys(commands)
      .map((name) => `- [ ] ${name} (id: ${name}, agent: ${name})\n`)
      .join(''),
  );
  return request(top, { tasksFile: file, agents: agents(commands), checks: [CHECK], attemptsMax: 1, ...over });
}

async function prepared(fleet: Fleet, wish: RunRequest): Promise<Prepared> {
  const answer = await fleet.prepare(wish);
  if (!answer.ok) throw new Error(`${answer.problem.what} ${answer.problem.details.join('; ')}`);
  return answer.value;
}

async function started(fleet: Fleet, wish: RunRequest): Promise<LiveRun> {
  const live = await fleet.start(await prepared(fleet, wish));
  if (!live.ok) throw new Error(live.problem.what);
  return live.value;
}

/** Settles with the first view that fits. */
const sees = (live: LiveRun, fits: (view: RunView) => boolean): Promise<RunView> =>
  new Promise((resolve) => {
    const stop = live.onChange((view) => {
      if (!fits(view)) return;
      stop();
      resolve(view);
    });
  });

const taskOf = (view: RunView, id: string): RunView['tasks'][number] => view.tasks.find(({ spec }) => spec.id === id)!;
const rulesOf = (view: RunView, id: string): string[] =>
  taskOf(view, id).attempts.flatMap(({ violations }) => violations.map(({ rule }) => rule));
/** What \`skein run\` would exit with, and why. */
const exit = (view: RunView): ReturnType<typeof exitOf> => exitOf(view, { failOnOpen: false, interrupted: false });
/** What the agent of a task was told, and with it whoever reads the run. */
const toldTo = (view: RunView, id: string): string => taskOf(view, id).attempts[0]!.failure;
const landedOn = (top: string, branch: string): string[] =>
  git(top, 'log', '--format=%s', `main..${branch}`)
    .split('\n')
    .filter((subject) => subject !== '')
    .toSorted();

describe('a repository with everything in it, in a path with spaces and letters of any alphabet', () => {
  let top: string;
  let view: RunView;
  let notes: readonly string[];
  let base: string;
  let theirs: string;
  let meanwhile: readonly string[];

  beforeAll(async () => {
    top = repository(
      'hard',
      { ...PLAIN, 'src/größe 名前.txt': 'one\n', 'left out/far.txt': 'far\n', '.gitattributes': '*.bin filter=lfs\n' },
      'mein Répo ☂ 名',
    );
    const other = repository('sub', { 'sub.txt': 'sub\n' });
    process.env.SKEIN_CACHE = join(dirname(top), 'cache ☂');
    symlinkSync('loop', join(top, 'loop'));
    symlinkSync('.', join(top, 'here'));
    git(top, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', other, 'module');
    git(top, 'add', '-A');
    git(top, 'commit', '-q', '-m', 'second');
    // What was pushed is not what stands here: agents start from HEAD, whatever the remote says.
    git(top, 'remote', 'add', 'origin', other);
    git(top, 'update-ref', 'refs/remotes/origin/main', git(top, 'rev-parse', 'HEAD^'));
    git(top, 'sparse-checkout', 'set', '--no-cone', '/*', '!/left out/');
    writeFileSync(join(top, 'a.txt'), 'somebody is editing a\n');
    base = git(top, 'rev-parse', 'HEAD');
    const fleet = await fleetOf(top);
    const wish = oneEach(top, {
      base: 'git rev-parse HEAD > base.txt; sleep 0.4',
      unicode: 'echo two >> "src/größe 名前.txt"; echo new > "neue Datei ☂.txt"',
      sparse: 'cat "left out/far.txt" > seen.txt; test -L loop && test -L here && test -d module',
    });
    const ready = await prepared(fleet, wish);
    ({ notes } = ready);
    const live = await fleet.start(ready);
    if (!live.ok) throw new Error(live.problem.what);
    await sees(live.value, ({ tasks }) => tasks.some(({ state }) => state === 'working'));
    writeFileSync(join(top, 'mine.txt'), 'mine\n');
    git(top, 'add', 'mine.txt');
    git(top, 'commit', '-q', '-m', 'mine', 'mine.txt');
    theirs = git(top, 'rev-parse', 'HEAD');
    view = await live.value.ended;
    meanwhile = await live.value.meanwhile();
  }, 60_000);

  it('silent base: agents stand on HEAD as it was at the start, though origin/main is another and main moves meanwhile', () => {
    expect(git(top, 'show', 'skein/1:base.txt')).toBe(base);
    expect(git(top, 'merge-base', 'skein/1', 'main')).toBe(base);
  });

  it('user commits and edits while the run works: reported, held against nobody, left as it is', () => {
    expect(view.run).toMatchObject({ phase: 'finished', reason: 'done', landed: 3 });
    expect(meanwhile.join('\n')).toContain(`commits on refs/heads/main: ${base} -> ${theirs}`);
    expect(git(top, 'rev-parse', 'main')).toBe(theirs);
    expect(git(top, 'status', '--porcelain')).toBe('M a.txt');
    expect(readFileSync(join(top, 'a.txt'), 'utf8')).toBe('somebody is editing a\n');
    expect(git(top, 'ls-tree', '--name-only', 'skein/1', 'mine.txt')).toBe('');
  });

  it('dirty tree: work goes on from HEAD, and the plan says so', () => {
    expect(notes.join('\n')).toMatch(/work goes on from HEAD: 1 uncommitted path \(a\.txt\) is not seen by agents/);
    expect(exit(view).code).toBe(0);
  });

  it('submodule: left empty, and the plan says how a check gets it', () => {
    expect(notes.join('\n')).toMatch(
      /submodules are left empty in workspaces: module; .*fetch them with `setup:` in skein\.yaml/,
    );
    expect(git(top, 'rev-parse', 'skein/1:module')).toBe(git(top, 'rev-parse', `${base}:module`));
  });

  it('git-lfs: files stay pointers, and the plan says how a check gets them', () => {
    expect(notes.join('\n')).toMatch(/git-lfs files are left as pointers in workspaces; .*`setup:` in skein\.yaml/);
  });

  it('sparse checkout: agents have the whole tree, and the plan says so', () => {
    expect(notes.join('\n')).toMatch(/this checkout is sparse; workspaces hold the full tree/);
    expect(git(top, 'show', 'skein/1:seen.txt')).toBe('far');
    expect(existsSync(join(top, 'left out'))).toBe(false);
  });

  it('symlink loop: copied as it is, followed by nobody', () => {
    expect(taskOf(view, 'sparse').state).toBe('landed'); // it looks for the links
    expect(git(top, 'diff', '--name-only', base, 'skein/1', '--', 'loop', 'here')).toBe('');
  });

  it('spaces and unicode in paths: the work lands all the same', () => {
    expect(git(top, 'show', 'skein/1:src/größe 名前.txt')).toBe('one\ntwo');
    expect(git(top, 'show', 'skein/1:neue Datei ☂.txt')).toBe('new');
    expect(git(top, '-c', 'core.quotePath=false', 'diff', '--name-only', base, 'skein/1').split('\n').toSorted()).toEqual(
      ['base.txt', 'neue Datei ☂.txt', 'seen.txt', 'src/größe 名前.txt'].toSorted(),
    );
  });
});

describe('agents that do what agents do', () => {
  let top: string;
  let view: RunView;
  const before = new Map<string, string>();
  const look = (): [string, string][] => [
    ['refs', git(top, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/heads/main', 'refs/tags', 'refs/stash')],
    ['config', readFileSync(join(top, '.git', 'config'), 'utf8')],
    ['hooks', execFileSync('ls', [join(top, '.git', 'hooks')], { encoding: 'utf8' })],
    ['tree', execFileSync('ls', ['-A', top], { encoding: 'utf8' })],
  ];

  beforeAll(async () => {
    top = repository('agents', PLAIN);
    execFileSync('mkdir', ['-p', join(top, '.skein')]);
    const outside = dirname(top);
    for (const [name, value] of look()) before.set(name, value);
    const wish = oneEach(top, {
      honest: 'echo b >> a.txt',
      idle: 'echo "done, all tests pass"',
      markers: `printf 'x\\n<<<<<<< HEAD\\na\\n=======\\nb\\n>>>>>>> theirs\\n' > merged.txt`,
      binary: 'head -c 6000000 /dev/urandom > blob.bin',
      enormous: 'seq 1 900000 > long.txt',
      toucher: `cd "${top}"; git update-ref refs/heads/main HEAD^0; git tag taken; echo x > a.txt; git stash; git config user.name Mallory; echo x > .git/hooks/pre-commit; echo x > "${outside}/outside.txt"; true`,
      absent: 'cd . && no-such-agent-program --do-it',
    });
    ({ view } = await runToEnd(top, wish));
  }, 60_000);

  it('conflict markers left: refused, with the file and what to do', () => {
    expect(new Set(rulesOf(view, 'markers'))).toEqual(new Set(['conflict-markers']));
    expect(toldTo(view, 'markers')).toContain('Resolve the conflict and remove the markers.');
    expect(taskOf(view, 'markers')).toMatchObject({ state: 'open', detail: expect.stringContaining('merged.txt') as unknown });
  });

  it('done without commit: the runtime commits what an agent left, and where it left nothing its word counts for nothing', () => {
    expect(git(top, 'log', '-1', '--format=%cn/%(trailers:key=Skein-Agent,valueonly)', 'skein/1')).toBe('Skein/honest');
    expect(rulesOf(view, 'idle')).toEqual(['empty-change']);
    expect(toldTo(view, 'idle')).toContain('saying that it is done changes nothing');
    expect(taskOf(view, 'idle').state).toBe('open');
  });

  it.each(['binary', 'enormous'])('a %s diff is refused as too large', (id) => {
    expect(rulesOf(view, id)).toContain('too-large');
    expect(taskOf(view, id).state).toBe('open');
    expect(toldTo(view, id)).toContain('Make the change smaller, without binary or generated files.');
  });

  it('missing agent program: named before anything starts, or by the last words of the attempt that met it', async () => {
    const wish = request(top, { messages: ['work'], agents: agents({ absent: 'no-such-agent-program --do-it' }) });
    const what = 'agent absent: no-such-agent-program is not on PATH';
    expect(await (await fleetOf(top)).prepare(wish)).toMatchObject({ ok: false, problem: { kind: 'missing', what } });
    expect(taskOf(view, 'absent').attempts[0]).toMatchObject({ outcome: 'agent-failed' });
    expect(taskOf(view, 'absent').detail).toMatch(/exited with 127: .*no-such-agent-program/);
  });

  it.skipIf(mode !== 'full')('in the full sandbox an agent cannot move main, stash, configure, hook or write outside', () => {
    for (const [name, value] of look()) expect(value, name).toBe(before.get(name));
    expect(existsSync(join(dirname(top), 'outside.txt'))).toBe(false);
    expect(rulesOf(view, 'toucher')).toEqual(['empty-change']);
  });

  it('honest work lands beside all of them, alone', () => {
    expect(landedOn(top, 'skein/1')).toEqual(['honest']);
    expect(exit(view)).toMatchObject({
      code: 1,
      why: expect.stringMatching(/^6 of the given tasks not done: .*enormous/) as unknown,
    });
  });
});

describe.concurrent('agents without a sandbox', () => {
  it('an agent that moves main, stashes, configures, hooks: each is named, and its attempt refused', async ({ annotate }) => {
    await annotate('a whole run of five agents, one at a time');
    const top = repository('touched', PLAIN);
    const base = git(top, 'rev-parse', 'main');
    const wish = oneEach(
      top,
      {
        mover: `echo m > mover.txt; git -C "${top}" update-ref refs/heads/main $(git -C "${top}" -c user.name=x -c user.email=x@x commit-tree -p main -m stolen main^{tree})`,
        stasher: `echo s > stasher.txt; echo x >> "${top}/a.txt"; git -C "${top}" -c user.name=x -c user.email=x@x stash`,
        configurer: `echo c > c.txt; git -C "${top}" config core.pager less; echo exit 1 > "${top}/.git/hooks/pre-commit"`,
        pusher: `echo p > p.txt; git push -q "${top}" HEAD:refs/heads/pushed`,
        honest: 'echo b >> a.txt',
      },
      { agentsMax: 1, sandbox: false },
    );
    const { view } = await runToEnd(top, wish);
    const said = (id: string): string =>
      taskOf(view, id)
        .attempts.flatMap(({ violations }) => violations.map(({ rule, detail }) => `${rule} ${detail}`))
        .join('\n');
    expect(view.run.spec.sandbox).toBe('none');
    expect(said('mover')).toContain(`repository-touched refs/heads/main was changed: ${base} -> `);
    expect(said('stasher')).toMatch(/repository-touched stash was created/);
    expect(said('configurer')).toMatch(/repository-touched config was changed/);
    expect(said('configurer')).toMatch(/repository-touched hooks\/pre-commit was created/);
    expect(said('pusher')).toMatch(/repository-touched refs\/heads\/pushed was created/);
    expect(git(top, 'log', '--format=%s', `${base}..skein/1`)).toBe('honest');
  }, 60_000);

  it('an agent that forks and ignores SIGTERM: the time-out ends all of it, and says so', async ({ annotate }) => {
    await annotate('the warden waits its grace of 2 s before SIGKILL');
    const top = repository('stubborn', PLAIN);
    const marks = ['98.0001', '98.0002', '98.0003'];
    const command = `trap "" TERM; sleep ${marks[0]} & (setsid sh -c 'trap "" TERM; sleep ${marks[1]}' &); echo c >> a.txt; while :; do sleep ${marks[2]}; done`;
    const wish = request(top, {
      messages: ['hang'],
      agents: agents({ stubborn: command }, { timeoutMs: 600 }),
      checks: [CHECK],
      attemptsMax: 1,
      sandbox: false,
    });
    const { view } = await runToEnd(top, wish);
    expect(view.tasks[0]).toMatchObject({
      state: 'open',
      detail: expect.stringMatching(/ended after .* without finishing/) as unknown,
    });
    expect(exit(view)).toEqual({ code: 1, why: '1 of the given tasks not done: hang' });
    const ps = execFileSync('ps', ['-axww', '-o', 'args='], { encoding: 'utf8' });
    for (const mark of marks) expect(ps).not.toContain(`sleep ${mark}`);
  }, 60_000);
});

describe.concurrent('checks that are no help', () => {
  it('hanging, missing, red and unstable checks are named, and what is green still guards', async ({ annotate }) => {
    await annotate('four baselines one after another, each with a check that hangs');
    const toggle = join(temporary('toggle'), 'on');
    const top = repository('checks', {
      ...PLAIN,
      'watch.sh': 'echo Watching for file changes; sleep 96\n',
      'fail.sh': 'echo always; exit 1\n',
    });
    const check = (name: string, command: string, timeoutMs: number | null = null): CheckChoice => ({
      ...CHECK,
      name,
      command,
      timeoutMs,
    });
    const wish = oneEach(
      top,
      { honest: 'echo b >> a.txt', saboteur: 'echo nothing > a.txt' },
      {
        sandbox: false,
        checks: [
          CHECK,
          check('watch', 'sh watch.sh', 500),
          check('absent', 'no-such-linter .'),
          check('red', 'sh fail.sh'),
          // Every second time, also when two run at once: only one of them can make the directory.
          check('unstable', `mkdir ${toggle} 2>/dev/null && exit 0; rmdir ${toggle}; exit 1`),
        ],
      },
    );
    const { view } = await runToEnd(top, wish);
    const verdicts = Object.fromEntries(
      view.run.baseline!.verdicts.map(({ check: name, status, cause }) => [name, `${status} ${cause}`]),
    );
    expect(verdicts.check).toBe('green ');
    expect(verdicts.watch).toMatch(
      /^timed-out it did not end within .* because it watches for changes: name a command that ends/,
    );
    expect(verdicts.absent).toMatch(/^unavailable no-such-linter: not found/);
    expect(verdicts.red).toMatch(/^red /);
    expect(view.run.baseline).toMatchObject({ serial: true, unstable: ['unstable'] });
    expect(view.run.baseline!.notes.join('\n')).toMatch(/disagree/);
    expect(landedOn(top, 'skein/1')).toEqual(['honest']);
    expect(rulesOf(view, 'saboteur')).toContain('green-turned-red');
  }, 60_000);
});

describe.concurrent('branches and restarts', () => {
  it('empty-commit repository: work lands on it, and the plan says that nothing checks it', async ({ annotate }) => {
    await annotate('a whole run');
    const top = repository('empty', {});
    const fleet = await fleetOf(top);
    const ready = await prepared(
      fleet,
      request(top, { messages: ['Begin'], agents: agents({ starter: 'echo hello > hello.txt' }) }),
    );
    expect(ready.notes.join('\n')).toMatch(/no (check|test)/i);
    const live = await fleet.start(ready);
    if (!live.ok) throw new Error(live.problem.what);
    const view = await live.value.ended;
    expect([view.run.phase, view.run.landed, exit(view).code]).toEqual(['finished', 1, 0]);
    expect(git(top, 'show', 'skein/1:hello.txt')).toBe('hello');
  });

  it('target checked out elsewhere: the run stops with words and loses nothing; after they switch away, resume lands', async ({
    annotate,
  }) => {
    await annotate('a whole run in two sittings');
    const top = repository('elsewhere', PLAIN);
    const elsewhere = join(dirname(top), 'their tree');
    const fleet = await fleetOf(top);
    const live = await started(fleet, oneEach(top, { honest: 'sleep 0.4; echo b >> a.txt' }));
    await sees(live, ({ tasks }) => tasks[0]!.state === 'working');
    git(top, 'worktree', 'add', '-q', elsewhere, 'skein/1');
    const stopped = await live.ended;
    expect(stopped.run).toMatchObject({ phase: 'stopped', reason: 'landing-refused', landed: 0 });
    expect(stopped.run.detail).toContain(`skein/1 is checked out in ${elsewhere}`);
    expect(exit(stopped)).toMatchObject({ code: 1, why: '1 of the given tasks not done: honest' });
    expect(git(elsewhere, 'status', '--porcelain')).toBe('');
    git(elsewhere, 'switch', '-q', '--detach');
    const resumed = await fleet.resume('1', UNCHANGED);
    if (!resumed.ok) throw new Error(resumed.problem.what);
    const ended = await resumed.value.ended;
    expect(ended.run).toMatchObject({ phase: 'finished', reason: 'done', landed: 1 });
    expect(ended.tasks[0]!.attempts).toHaveLength(1); // the agent was not paid twice
  }, 60_000);

  it('branch deleted: the run stops with the line that brings it back; after that, resume lands', async ({ annotate }) => {
    await annotate('a whole run in two sittings');
    const top = repository('deleted', PLAIN);
    const fleet = await fleetOf(top);
    const live = await started(fleet, oneEach(top, { honest: 'sleep 0.4; echo b >> a.txt' }));
    await sees(live, ({ tasks }) => tasks[0]!.state === 'working');
    git(top, 'branch', '-q', '-D', 'skein/1');
    const { run } = await live.ended;
    expect(run).toMatchObject({ phase: 'stopped', reason: 'landing-refused' });
    const [, line] = /deleted by somebody else; git (.*) brings it back/.exec(run.detail) ?? [];
    git(top, ...line!.split(' '));
    const resumed = await fleet.resume('1', UNCHANGED);
    if (!resumed.ok) throw new Error(resumed.problem.what);
    expect((await resumed.value.ended).run).toMatchObject({ phase: 'finished', reason: 'done', landed: 1 });
  }, 60_000);

  it('two runs at once: they get different numbers and both land', async ({ annotate }) => {
    await annotate('two whole runs');
    const top = repository('two', PLAIN);
    const wish = (name: string): RunRequest => oneEach(top, { [name]: `echo ${name} > ${name}.txt` });
    const both = await Promise.all([started(await fleetOf(top), wish('left')), started(await fleetOf(top), wish('right'))]);
    const views = await Promise.all(both.map((live) => live.ended));
    expect(views.map(({ run }) => run.spec.run).toSorted()).toEqual(['1', '2']);
    expect(views.map((view) => [view.run.phase, view.run.landed, exit(view).code])).toEqual([
      ['finished', 1, 0],
      ['finished', 1, 0],
    ]);
    expect([...landedOn(top, 'skein/1'), ...landedOn(top, 'skein/2')].toSorted()).toEqual(['left', 'right']);
  }, 60_000);
});
