/** What people get wrong, and what the machine gets wrong for them: an exit code, one document, and words that say what to do. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Check } from 'typebox/value';
import { beforeAll, describe, expect, it } from 'vitest';
import { openFleet } from '../../src/assembly/index.ts';
import { main, ProblemDocument, RunSummary, type Surface } from '../../src/surfaces/cli/index.ts';
import { CALCULATOR as TESTED, git, repository, temporary } from '../run/repositories.ts';
import { belongings, call, environment, tool, write } from '../packed/skein.ts';

const BIN = fileURLToPath(new URL('../../src/surfaces/cli/bin.ts', import.meta.url));

/** Its test takes milliseconds. */
const CALCULATOR: Readonly<Record<string, string>> = {
  ...TESTED,
  'package.json': JSON.stringify({ name: 'calculator', type: 'module', scripts: { test: 'sh test.sh' } }),
  'test.sh': "grep 'a + b' sum.js && grep 'a \\* b' product.js\n",
};

interface Answer {
  readonly code: number | null;
  readonly document: Readonly<Record<string, unknown>>;
  readonly stderr: string;
}

/** Nobody watches: stdout is one JSON document, whatever happens. */
async function skein(cwd: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const { code, stdout, stderr } = await call(BIN, args, { cwd, env });
  const document = JSON.parse(stdout) as Answer['document'];
  if (document.schema === 'skein.problem.v1') expect(Check(ProblemDocument, document)).toBe(true);
  if (document.schema === 'skein.run-summary.v1') expect(Check(RunSummary, document)).toBe(true);
  for (const line of stderr.split('\n').filter((text) => text !== ''))
    expect(line, 'stderr is events').toMatch(/^\{"schema":"skein\.run-event\.v1"/);
  return { code, document, stderr };
}

/** The same in this process, for what starts no run: a tenth of the time. */
async function typed(cwd: string, args: readonly string[]): Promise<Answer> {
  const said = { stdout: '', stderr: '' };
  const stream = (name: keyof typeof said): Surface['stdout'] => ({
    write: (text) => void (said[name] += text),
    isTTY: false,
    columns: 80,
    rows: 24,
    colors: 1,
  });
  const code = await main(args, {
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    env: environment(cwd),
    cwd,
    platform: process.platform,
    versions: { skein: '0.0.0', node: process.versions.node, platform: process.platform },
    packs: async () => [],
    openFleet,
    now: () => Date.now(),
    every: () => () => {},
    onSignal: () => () => {},
  });
  return { code, document: JSON.parse(said.stdout) as Answer['document'], stderr: said.stderr };
}

const says = (answer: Answer): string =>
  [answer.document.what, ...(answer.document.details as string[]), answer.document.next].join('\n');
const notes = (answer: Answer): string => {
  const summary = answer.document as unknown as RunSummary;
  return [...summary.notes, ...(summary.baseline?.notes ?? [])].join('\n');
};

describe.concurrent('where there is nothing to work on', () => {
  it('not a repository: git init, and the directory stays empty', async () => {
    const empty = temporary('nothing');
    const answer = await typed(empty, ['run']);
    expect([answer.code, answer.document.next]).toEqual([4, expect.stringContaining('git init')]);
    expect(readdirSync(empty)).toEqual([]);
  });

  it('no commits: how to make the first', async () => {
    const top = join(temporary('no-commits'), 'repo');
    mkdirSync(top);
    git(top, 'init', '-q', '-b', 'main');
    const answer = await typed(top, ['run']);
    expect([answer.code, answer.document.what, answer.document.next]).toEqual([
      4,
      expect.stringContaining('no commit'),
      expect.stringContaining('git commit'),
    ]);
    expect(readdirSync(top)).toEqual(['.git']);
  });

  it("npm's placeholder counts as no tests", async ({ annotate }) => {
    await annotate('a real run');
    const placeholder = { scripts: { test: 'echo "Error: no test specified" && exit 1' } };
    const answer = await skein(repository('placeholder', { 'package.json': JSON.stringify(placeholder) }), ['run']);
    expect([answer.code, answer.document.checks]).toEqual([0, []]);
    expect(notes(answer)).toMatch(
      /npm test is the placeholder .* counts as no tests[\s\S]*no checks found: .*under checks: in skein\.yaml/,
    );
  });
});

describe.concurrent('where work can go on', () => {
  it('a dirty tree: work goes on from HEAD, says so, and leaves the changes alone', async ({ annotate }) => {
    await annotate('two baselines');
    const top = repository('dirty', CALCULATOR);
    writeFileSync(join(top, 'sum.js'), 'export const sum = broken');
    writeFileSync(join(top, 'new.txt'), 'mine');
    const before = belongings(top);
    const answer = await skein(top, ['run']);
    expect([answer.code, (answer.document as unknown as RunSummary).baseline!.verdicts[0]!.status]).toEqual([0, 'green']);
    expect(notes(answer)).toMatch(/work goes on from HEAD: 2 uncommitted paths \(sum\.js, new\.txt\) are not seen by agents/);
    expect(belongings(top)).toEqual(before);
  });

  it('spaces and letters of other scripts in paths, and HEAD detached', async ({ annotate }) => {
    await annotate('a real run');
    const top = join(temporary('paths'), "a dir's ünïcode 目录");
    mkdirSync(top);
    write(top, { ...CALCULATOR, 'ä b/ß.txt': 'x\n' });
    git(top, 'init', '-q', '-b', 'main');
    git(top, 'add', '-A');
    git(top, 'commit', '-q', '-m', 'first');
    git(top, 'checkout', '-q', '--detach');
    const args = ['run', '-m', 'ändere 目录', '-a', "sh:echo y >> 'ä b/ß.txt'", '--max-attempts', '1'];
    const answer = await skein(top, args);
    expect([answer.code, answer.document.landed]).toEqual([0, 1]);
    expect(git(top, '-c', 'core.quotePath=false', 'diff', '--name-only', 'HEAD...skein/1')).toBe('ä b/ß.txt');
    const landed = await typed(top, ['land']);
    expect([landed.code, says(landed)]).toEqual([1, expect.stringMatching(/HEAD is detached[\s\S]*git switch/)]);
  });

  it('a bare vitest that would watch is run once', async ({ annotate }) => {
    await annotate('two baselines of a program that is asked not to watch');
    const top = repository('watching', {
      'package.json': JSON.stringify({ scripts: { test: 'vitest' } }),
      '.gitignore': 'node_modules\n',
    });
    write(top, {
      'node_modules/.bin/vitest':
        '#!/bin/sh\nif [ "$1" = run ]; then echo "Tests  1 passed (1)"; exit 0; fi\necho "press h to show help, watching for file changes"; exec sleep 1000\n',
    });
    chmodSync(join(top, 'node_modules/.bin/vitest'), 0o755);
    const answer = await skein(top, ['run']);
    expect((answer.document as unknown as RunSummary).baseline!.verdicts[0]).toMatchObject({
      check: 'npm test',
      status: 'green',
    });
  });

  it('a check that does not end is ended, and the words name the setting', async ({ annotate }) => {
    await annotate('a check that hangs, twice side by side');
    const config = 'checks:\n  - command: echo watching for file changes; sleep 1000\n    name: hangs\n    minutes: 0.02\n';
    const answer = await skein(repository('hanging', { 'skein.yaml': config }), ['run']);
    expect(answer.code).toBe(0);
    const verdict = (answer.document as unknown as RunSummary).baseline!.verdicts[0];
    expect(verdict).toMatchObject({
      check: 'hangs',
      status: 'timed-out',
      cause: expect.stringMatching(/because it watches for changes: .*skein\.yaml/),
    });
  });
});

describe.concurrent('what is missing', () => {
  it('the package manager that the repository asks for: the line that installs it', async () => {
    const top = repository('pnpm', {
      'package.json': JSON.stringify({ packageManager: 'pnpm@10.2.0', scripts: { test: 'true' } }),
    });
    const bin = temporary('bin');
    const programs = { git: tool('git')!, sh: '/bin/sh', node: process.execPath };
    for (const [name, path] of Object.entries(programs)) symlinkSync(path, join(bin, name));
    const answer = await skein(top, ['run'], { PATH: bin });
    expect([answer.code, answer.document.next]).toEqual([4, 'npm install --global pnpm@10.2.0']);
  });

  it('a check whose tool is not there is unavailable, by name', async ({ annotate }) => {
    await annotate('two baselines');
    const top = repository('no-tool', { 'package.json': JSON.stringify({ scripts: { test: 'surely-not-a-program' } }) });
    const answer = await skein(top, ['run']);
    expect((answer.document as unknown as RunSummary).baseline!.verdicts[0]).toMatchObject({
      status: 'unavailable',
      cause: expect.stringContaining('surely-not-a-program: not found'),
    });
  });

  const mount = process.getuid?.() === 0 && process.platform === 'linux' && tool('mount') !== null;
  it.skipIf(!mount).each(['the cache', 'the repository'])(
    'space on the disk of %s (needs root to mount a small one)',
    async (where) => {
      const disk = temporary('disk');
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
      try {
        let top = repository('full', CALCULATOR);
        if (where === 'the repository') {
          execFileSync('cp', ['-R', top, disk]);
          top = join(disk, 'repo');
        }
        const answer = await skein(top, ['run'], {
          SKEIN_CACHE: where === 'the cache' ? disk : join(temporary('room'), 'cache'),
        });
        expect([answer.code, says(answer)]).toEqual([
          4,
          expect.stringMatching(/only 0\.0 GB are free at .*a run needs 2 GB[\s\S]*SKEIN_CACHE.*skein runs prune/),
        ]);
        expect(git(top, 'branch', '--list', 'skein/*')).toBe('');
      } finally {
        execFileSync('umount', ['-l', disk]);
      }
    },
  );
});

interface Typed {
  readonly args: string[];
  readonly code: number;
  readonly words: RegExp;
  readonly line: string;
}

describe('what was typed', () => {
  let top: string;
  beforeAll(() => {
    top = repository('typed', CALCULATOR);
    write(top, {
      '.git/info/exclude': '*.md\n*.yaml\n',
      'empty.md': '',
      'words.md': 'Please fix everything.\n',
      'key.md': '- [ ] Fix it (id: fix, colour: red)\n',
      'cycle.md': '- [ ] A (id: a, needs: b)\n- [ ] B (id: b, needs: a)\n',
      'twice.md': '- [ ] A (id: a)\n- [ ] B (id: a)\n',
      'unknown-need.md': '- [ ] A (id: a, needs: z)\n',
      'many.md': Array.from({ length: 10_001 }, (_, i) => `- [ ] task ${i}\n`).join(''),
      'bomb.yaml': `a: &a [${'x,'.repeat(9)}x]\n${['b', 'c', 'd', 'e', 'f'].map((name, i) => `${name}: &${name} [${`*${'abcde'[i]},`.repeat(9)}*${'abcde'[i]}]\n`).join('')}tasks: *f\n`,
      'huge.yaml': `- id: a\n  title: x\n  text: ${'word '.repeat(200_000)}\n`,
      'code.yaml': '- id: a\n  title: !!js/function "function () { process.exit(7) }"\n',
      'proto.yaml': '- id: a\n  title: x\n  __proto__: { polluted: true }\n',
      'broken.yaml': '- id: a\n  title: [unclosed\n',
    });
  });

  it.each(
    [
      [['run', 'missing.md'], 4, /there is no task file .*missing\.md/],
      [['run', 'empty.md'], 4, /empty\.md:1: the file is empty; write lines such as `- \[ \] fix the parser/],
      [['run', 'words.md'], 4, /words\.md[\s\S]*- \[ \]/],
      [['run', 'key.md'], 4, /key\.md:1: unknown key `colour`; known keys: id, needs/],
      [['run', 'cycle.md', '-a', 'sh:true'], 4, /a.*b|b.*a[\s\S]*cycle/],
      [['run', 'twice.md'], 4, /twice\.md:2: the id `a` is used twice, first on line 1/],
      [['run', 'unknown-need.md', '-a', 'sh:true'], 4, /unknown-need\.md[\s\S]*`?z`?/],
      [['run', 'many.md'], 4, /more than 10000 tasks; split the file/],
      [['run', 'bomb.yaml'], 4, /bomb\.yaml:1: unknown key `a`/],
      [['run', 'huge.yaml'], 4, /huge\.yaml:1: task `a` has \d+ characters of text; keep it below 32768, or point to a file/],
      [['run', '-m', 'x'.repeat(100_000)], 2, /has \d+ characters of text/],
      [['run', 'code.yaml'], 4, /code\.yaml/],
      [['run', 'proto.yaml'], 4, /proto\.yaml:1: unknown key `__proto__`/],
      [['run', 'broken.yaml'], 4, /broken\.yaml:\d+: not valid YAML/],
      [['run', '-m', 'x', '-a', 'clod'], 2, /agent "clod" is not known.*\(claude, [\s\S]*--agent 'sh:clod'/],
      [['run', '-m', 'x', '-a', 'aider'], 4, /aider is not on PATH[\s\S]*install it/],
      [['run', '-m', 'x', '-a', 'surely-not-a-program {task}'], 4, /surely-not-a-program is not on PATH/],
      [['run', '-m', 'x', '-a', './fix.sh {task}'], 4, /\.\/fix\.sh is not in the commit[\s\S]*git add \.\/fix\.sh/],
      [['run', '-m', 'x', '-a', '/nowhere/fix.sh'], 4, /there is no \/nowhere\/fix\.sh/],
      [['run', '-m', 'x'], 4, /an agent is started only when you ask for it/],
      [['run', '-m', ' '], 2, /say what is to be done|needs a value|says nothing/],
      [['run', '--max-minutes', '0'], 2, /--max-minutes is "0".*for example --max-minutes 10/s],
      [['run', '--max-minuets', '3'], 2, /no flag --max-minuets; did you mean --max-minutes\?/],
      [['rnu'], 2, /no verb "rnu"; did you mean run\?/],
      [['status', '99'], 2, /there is no run 99 here[\s\S]*skein runs/],
      [['resume', '99'], 2, /there is no run 99 here/],
      [['land', '99'], 2, /there is no run 99 here/],
      [['pr', '99'], 2, /there is no run 99 here/],
      [['runs', 'show', '99'], 2, /there is no run 99 here/],
      [['runs', 'drop', '99'], 2, /there is no run 99 here/],
      [['land'], 4, /no run yet/],
    ].map(([args, code, words]) => ({ args, code, words, line: (args as string[]).join(' ').slice(0, 60) })) as Typed[],
  )('skein $line: exit $code', async ({ args, code, words }) => {
    const before = belongings(top);
    const answer = await typed(top, args);
    expect(Check(ProblemDocument, answer.document)).toBe(true);
    expect([answer.code, answer.document.schema, answer.stderr]).toEqual([code, 'skein.problem.v1', '']);
    expect(says(answer)).toMatch(words);
    expect(says(answer)).not.toMatch(/\bat .*\.ts:|ENOENT|undefined|\[object/);
    expect(answer.document.next).not.toBe('');
    expect(belongings(top)).toEqual(before);
    expect(git(top, 'for-each-ref', 'refs/heads/skein', 'refs/skein')).toBe('');
  });
});

describe.concurrent('what is said', () => {
  const stripped = (text: string): string => text.replaceAll(new RegExp(`${String.fromCodePoint(27)}\\[[\\d;]*m`, 'g'), '');
  /** Everything that a terminal could be made to do with a title. */
  const HOSTILE = '\u001b[2J\u001b]0;owned\u0007\u009b31m\rpassed \u202Eevil\u0000';

  it.skipIf(process.platform !== 'linux' || tool('script') === null)(
    'no control character of a task reaches the terminal, and with NO_COLOR none at all (tool: script)',
    async () => {
      const top = repository('hostile', CALCULATOR);
      writeFileSync(
        join(top, 'tasks.yaml'),
        `- id: a\n  title: ${JSON.stringify(`title ${HOSTILE}`)}\n  text: ${JSON.stringify(HOSTILE)}\n`,
      );
      const shown = (env: Readonly<Record<string, string>>): string => {
        const line = `'${process.execPath}' '${BIN}' plan tasks.yaml -a 'sh:true'`;
        return execFileSync('script', ['-qec', line, '/dev/null'], {
          cwd: top,
          encoding: 'utf8',
          env: environment(top, { TERM: 'xterm-256color', ...env }),
        }).replaceAll('\r\n', '\n');
      };
      const colours = shown({});
      expect(colours).toContain('title');
      // Colours are ours; nothing else that moves, clears, names or reverses.
      expect(stripped(colours)).not.toMatch(/[^\P{C}\n]/u);
      expect(shown({ NO_COLOR: '1' })).not.toMatch(/[^\P{C}\n]/u);
    },
  );
});

describe.concurrent('landing', () => {
  it('asks for a clean tree, does it once, and prints the pull request where there is no remote', async ({ annotate }) => {
    await annotate('a real run');
    const top = repository('landing', CALCULATOR);
    // As long as a task may be, and all of it reaches the agent.
    const tasks = join(dirname(top), 'tasks.yaml');
    writeFileSync(tasks, `- id: fix-the-typo\n  title: fix the typo\n  text: ${'word '.repeat(6_000)}\n`);
    const agent = `sh:test \${#SKEIN_TASK} -gt 29999 && sed s/teh/the/ sum.js > x && mv x sum.js`;
    expect((await skein(top, ['run', tasks, '-a', agent])).code).toBe(0);
    writeFileSync(join(top, 'sum.js'), 'mine\n');
    const dirty = await typed(top, ['land', '1']);
    expect([dirty.code, says(dirty)]).toEqual([1, expect.stringMatching(/1 uncommitted change[\s\S]*commit or stash/)]);
    git(top, 'checkout', '-q', 'sum.js');
    expect(await typed(top, ['land', '1', 'fix-the-tyop'])).toMatchObject({
      code: 1,
      document: { what: expect.stringContaining('fix-the-tyop') },
    });
    expect(await skein(top, ['land', '1'])).toMatchObject({ code: 0, document: { how: 'fast-forward' } });
    const head = git(top, 'rev-parse', 'HEAD');
    expect(await typed(top, ['land', '1'])).toMatchObject({ code: 0, document: { how: 'already there' } });
    expect(git(top, 'rev-parse', 'HEAD')).toBe(head);
    const request = await typed(top, ['pr', '1']);
    expect(request).toMatchObject({
      code: 0,
      document: { published: false, why: 'this repository has no remote', title: 'fix the typo' },
    });
    rmSync(join(top, '.skein'), { recursive: true });
    expect(git(top, 'status', '--porcelain')).toBe('');
  });

  it('of a run that landed nothing says so', async ({ annotate }) => {
    await annotate('a real run');
    const top = repository('nothing-landed', CALCULATOR);
    // A program of theirs that lies outside the repository, as one tries things out.
    const program = join(dirname(top), 'give-up.sh');
    writeFileSync(program, '#!/bin/sh\necho I cannot >&2\nexit 3\n', { mode: 0o755 });
    const run = await skein(top, ['run', '-m', 'give up', '-a', `${program} {task}`, '--max-attempts', '1']);
    const [attempt] = (run.document as unknown as RunSummary).tasks[0]!.attempts;
    expect([run.code, attempt!.outcome, attempt!.failure]).toEqual([
      1,
      'agent-failed',
      expect.stringMatching(/exited with 3: I cannot/),
    ]);
    for (const verb of ['land', 'pr']) {
      const answer = await typed(top, [verb]);
      expect([answer.code, says(answer)]).toEqual([1, expect.stringMatching(/run 1 landed nothing[\s\S]*skein runs open 1/)]);
    }
  });
});
