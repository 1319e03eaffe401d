/** The published package in repositories of other people: what it holds, what it does there, and what it leaves alone. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import type { RunSummary } from '../../src/surfaces/cli/index.ts';
import { CALCULATOR, git, repository, temporary } from '../run/repositories.ts';
import { fromNpm, type Installed, installPacked, npm, packagesBelow } from './package.ts';
import { belongings, call, type Said, tool } from './skein.ts';

const SCHEMAS = readdirSync(new URL('../../schema/', import.meta.url)).toSorted();
const SCHEMA = JSON.parse(readFileSync(new URL('../../schema/run-summary.v1.json', import.meta.url), 'utf8')) as TSchema;
const PNPM = '10.18.0';
const YARN = '1.22.22';
const BUN = '1.3.0';
const BUN_PACKAGE = `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`;
const OLDEST = '22.18.0';
const NODE_PACKAGE = `node-${process.platform}-${process.arch}`;

let skein: Installed;
let pnpm: string | null;
let yarn: string | null;
let bun: string | null;
let oldest: string | null;
beforeAll(async () => {
  const tools = [`pnpm@${PNPM}`, `yarn@${YARN}`, `${BUN_PACKAGE}@${BUN}`, `${NODE_PACKAGE}@${OLDEST}`] as const;
  [skein, [pnpm, yarn, bun, oldest]] = await Promise.all([installPacked(), fromNpm(tools)]);
}, 120_000);

describe('what is published', () => {
  it('is the compiled program, its types, its data and schemas and the papers, and no test or source', () => {
    const others = skein.packed.filter((path) => !/^dist\/.*(?:\.d\.c?ts|\.c?js)$/.test(path));
    expect(others.toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'dist/runtime/embedded/agents/presets.json',
      'package.json',
      ...SCHEMAS.map((name) => `schema/${name}`),
    ]);
    expect(skein.packed.filter((path) => /\.test\.|\.bench\.|conformance|fixtures/.test(path))).toEqual([]);
  });

  it('is small, needs few packages, and runs nothing when it is installed', () => {
    const packages = packagesBelow(join(skein.app, 'node_modules'));
    expect(packages.length).toBeLessThanOrEqual(40);
    const bytes = readdirSync(join(skein.app, 'node_modules'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
    expect(bytes).toBeLessThan(48_000_000); // 23 MB of it are the classic compiler, 13 the policy engine
    for (const directory of packages) {
      const { scripts = {} } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as {
        scripts?: Record<string, string>;
      };
      expect(
        Object.keys(scripts).filter((name) => /^(?:pre|post)?install$/.test(name)),
        directory,
      ).toEqual([]);
    }
  });

  it('has doors that lead somewhere', () => {
    const { exports, bin } = JSON.parse(readFileSync(join(skein.package, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
      bin: Record<string, string>;
    };
    for (const [door, way] of Object.entries(exports))
      for (const [condition, path] of Object.entries(typeof way === 'string' ? { default: way } : way))
        if (condition !== 'skein-source') expect(existsSync(join(skein.package, path)), `${door} ${condition}`).toBe(true);
    expect(Object.values(bin).filter((path) => !existsSync(join(skein.package, path)))).toEqual([]);
  });
});

const MS_MAX = 5_000; // people wait 2 s at most, which the bench holds; here other tests have the cores as well
const NODE_TEST = "import { test } from 'node:test';\nimport assert from 'node:assert';\n";
const HONEST = '// it says what it does';

interface Foreign {
  readonly files: Readonly<Record<string, string>>;
  /** Shell words of an honest change (a file is added when left out), and of one that breaks something. */
  readonly honest?: string;
  readonly saboteur: string;
  readonly check: string | RegExp;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In the person's tree, before anything. */
  readonly prepare?: (top: string) => unknown;
}

/** One honest agent, one that breaks something: one commit lands, the other is refused by name, and the person's tree stays theirs. */
async function runIn(
  annotate: TestContext['annotate'],
  name: string,
  foreign: Foreign,
  over: { readonly node?: string } = {},
): Promise<{ top: string; summary: RunSummary; said: Said }> {
  await annotate('a real run: baselines and two changes, each checked in processes of their own');
  const top = repository(name, { ...foreign.files, '.gitignore': 'node_modules\n' });
  await foreign.prepare?.(top);
  const before = belongings(top);
  const agent = `sh:case $SKEIN_TASK in *honest*) ${foreign.honest ?? `echo '${HONEST}' > NOTES.md`};; *) ${foreign.saboteur};; esac`;
  const args = ['run', '-m', 'honest work', '-m', 'break it', '-a', agent, '--max-attempts', '1', ...(foreign.args ?? [])];
  const said = await call(skein.bin, args, { cwd: top, ...(foreign.env === undefined ? {} : { env: foreign.env }), ...over });
  const summary = JSON.parse(said.stdout) as RunSummary;
  const shown = JSON.stringify({ baseline: summary.baseline, tasks: summary.tasks, notes: summary.notes }, null, 1);
  expect([Check(SCHEMA, summary), Check(SCHEMA, { ...summary, landed: 'all' })]).toEqual([true, false]);
  expect([said.code, summary.exit.code, summary.landed], shown).toEqual([1, 1, 1]);
  expect(summary.tasks.map((task) => [task.id, task.state])).toEqual([
    ['honest-work', 'landed'],
    ['break-it', 'open'],
  ]);
  const refused = summary.tasks[1]!.attempts.at(-1)!; // an earlier one may have met the honest change
  expect(
    refused.violations.map(({ rule }) => rule),
    shown,
  ).toContain('green-turned-red');
  expect(summary.baseline!.verdicts.map(({ check, status }) => [check, status])).toContainEqual([
    expect.stringMatching(foreign.check),
    'green',
  ]);
  expect(git(top, 'log', '--format=%s', 'main..skein/1')).toBe('honest work');
  expect(git(top, 'log', '-1', '--format=%(trailers:key=Skein-Task,valueonly)', 'skein/1')).toMatch(/^honest-work\b/);
  expect(belongings(top)).toEqual(before);
  expect(git(top, 'status', '--porcelain')).toBe('');
  expect(readFileSync(summary.report!, 'utf8')).toContain('<h1>1 of 2 tasks landed, 1 left.</h1>');
  return { top, summary, said };
}

describe.concurrent('in the repositories of others', () => {
  it('a package with node --test: the honest change lands, the other does not, and a second look comes from the cache', async ({
    annotate,
  }) => {
    const { top, said } = await runIn(annotate, 'node-test', {
      files: CALCULATOR,
      honest: `echo '${HONEST}' >> sum.js`,
      saboteur: "echo 'export const sum = (a, b) => a - b;' > sum.js",
      check: /^npm test$/,
    });
    expect(said.firstMs).toBeLessThan(MS_MAX);
    // The same from a directory further down, as one would.
    const again = await call(skein.bin, ['run'], { cwd: join(top, 'test'), env: { SKEIN_CACHE: join(dirname(top), 'cache') } });
    const summary = JSON.parse(again.stdout) as RunSummary;
    expect(again.code).toBe(0);
    expect(summary).toMatchObject({ run: '2', repository: top, landed: 0 });
    expect(summary.baseline!.verdicts.every((verdict) => verdict.cached)).toBe(true); // how fast that is, bench/run says
    const landed = await call(skein.bin, ['land', '1'], { cwd: top });
    expect([landed.code, git(top, 'log', '-1', '--format=%s')]).toEqual([0, 'honest work']);
    expect(git(top, 'status', '--porcelain')).toBe('');
  });

  it('plain JavaScript without a package.json: a check that was named decides', async ({ annotate }) => {
    await runIn(annotate, 'plain', {
      files: {
        'double.mjs': 'export const double = (n) => n * 2;\n',
        'double.test.mjs': `${NODE_TEST}import { double } from './double.mjs';\ntest('doubles', () => assert.equal(double(2), 4));\n`,
      },
      saboteur: "echo 'export const double = (n) => n;' > double.mjs",
      args: ['--check', 'node --test'],
      check: 'node --test',
    });
  });

  it('plain JavaScript without scripts: it says that nothing here can tell good from bad', async () => {
    const top = repository('silent', { 'package.json': '{"name":"silent"}', 'index.js': 'console.log(1);\n' });
    const before = belongings(top);
    const { code, stdout } = await call(skein.bin, ['run'], { cwd: top });
    const summary = JSON.parse(stdout) as RunSummary;
    expect([code, Check(SCHEMA, summary), summary.checks]).toEqual([0, true, []]);
    expect(summary.notes.join('\n')).toMatch(/no checks found: .* name commands under checks: in skein\.yaml/);
    expect(belongings(top)).toEqual(before);
  });

  const WORKSPACE: Readonly<Record<string, string>> = {
    'package.json': JSON.stringify({ name: 'both', private: true, workspaces: ['packages/*'], scripts: {} }),
    'packages/units/package.json': JSON.stringify({ name: 'units', version: '1.0.0', type: 'module', exports: './index.js' }),
    'packages/units/index.js': 'export const inch = 25.4;\n',
    'packages/ruler/package.json': JSON.stringify({
      name: 'ruler',
      version: '1.0.0',
      type: 'module',
      dependencies: { units: '1.0.0' },
      scripts: { test: 'node ruler.test.js' },
    }),
    'packages/ruler/ruler.test.js':
      "import assert from 'node:assert';\nimport { inch } from 'units';\nassert.equal(inch, 25.4);\nconsole.log('an inch is an inch');\n",
  };
  const SIBLING: Pick<Foreign, 'honest' | 'saboteur'> = {
    honest: `echo '${HONEST}' >> packages/units/index.js`,
    saboteur: "echo 'export const inch = 25;' > packages/units/index.js",
  };

  it('an npm workspace: a package is checked against the sibling that was changed', async ({ annotate }) => {
    await runIn(annotate, 'workspace', {
      files: WORKSPACE,
      ...SIBLING,
      check: /packages\/ruler/,
      prepare: (top) => npm(top, ['install', '--offline', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error']),
    });
  });

  it(`a pnpm workspace (tool: pnpm ${PNPM} from npm)`, async ({ annotate, skip }) => {
    if (pnpm === null) skip('npm could not bring it');
    const bin = join(pnpm!, '.bin');
    const path = [onlyTools(bin, ['pnpm']), dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
    const ruler = JSON.parse(WORKSPACE['packages/ruler/package.json']!) as Record<string, unknown>;
    await runIn(annotate, 'pnpm', {
      files: {
        ...WORKSPACE,
        'package.json': JSON.stringify({ name: 'both', private: true, packageManager: `pnpm@${PNPM}` }),
        'pnpm-workspace.yaml': 'packages: ["packages/*"]\n',
        'packages/ruler/package.json': JSON.stringify({ ...ruler, dependencies: { units: 'workspace:*' } }),
      },
      ...SIBLING,
      check: /packages\/ruler/,
      env: {
        PATH: path,
      },
      prepare: (top) => {
        execFileSync(join(bin, 'pnpm'), ['install', '--offline', '--lockfile=false', '--silent'], {
          cwd: top,
          env: { ...process.env, PATH: path },
        });
      },
    });
  });

  it(`a yarn workspace (tool: yarn ${YARN} from npm)`, async ({ annotate, skip }) => {
    if (yarn === null) skip('npm could not bring it');
    const bin = join(yarn!, '.bin');
    const path = [onlyTools(bin, ['yarn']), dirname(process.execPath), process.env.PATH ?? ''].join(delimiter);
    await runIn(annotate, 'yarn', {
      files: { ...WORKSPACE, 'yarn.lock': '# yarn lockfile v1\n' },
      ...SIBLING,
      check: /packages\/ruler/,
      env: { PATH: path },
      prepare: (top) => {
        execFileSync(join(bin, 'yarn'), ['install', '--offline', '--frozen-lockfile', '--silent'], {
          cwd: top,
          env: { ...process.env, PATH: path },
        });
      },
    });
  });

  it(`a bun workspace (tool: bun ${BUN} from npm)`, async ({ annotate, skip }) => {
    if (bun === null) skip('npm could not bring it');
    const bin = onlyTools(join(bun!, BUN_PACKAGE, 'bin'), ['bun']);
    await runIn(annotate, 'bun', {
      files: {
        ...WORKSPACE,
        'package.json': JSON.stringify({ name: 'both', workspaces: ['packages/*'], packageManager: `bun@${BUN}` }),
      },
      ...SIBLING,
      check: /packages\/ruler/,
      env: { PATH: [bin, dirname(process.execPath), process.env.PATH ?? ''].join(delimiter) },
      prepare: (top) => execFileSync(join(bin, 'bun'), ['install', '--no-save'], { cwd: top, stdio: 'ignore' }),
    });
  });

  it.skipIf(tool('pytest') === null)('Python (tool: pytest)', async ({ annotate }) => {
    await runIn(annotate, 'python', {
      files: {
        'area.py': 'def area(a, b):\n    return a * b\n',
        'test_area.py': 'from area import area\n\n\ndef test_area():\n    assert area(2, 3) == 6\n',
      },
      saboteur: "printf 'def area(a, b):\\n    return a + b\\n' > area.py",
      check: 'pytest',
      // Plugins of this machine take four times as long to load as pytest.
      args: ['--pass-env', 'PYTEST_DISABLE_PLUGIN_AUTOLOAD'],
      env: { PYTEST_DISABLE_PLUGIN_AUTOLOAD: '1' },
    });
  });

  it.skipIf(tool('make') === null)('Make (tool: make)', async ({ annotate }) => {
    await runIn(annotate, 'make', {
      files: { Makefile: 'test:\n\tsh test.sh\n', 'greet.sh': 'echo hello\n', 'test.sh': 'test "$(sh greet.sh)" = hello\n' },
      saboteur: "echo 'echo bye' > greet.sh",
      check: 'make test',
    });
  });

  it.skipIf(tool('go', ['version']) === null)('Go (tool: go)', async ({ annotate }) => {
    await runIn(annotate, 'go', {
      files: {
        'go.mod': 'module half\n\ngo 1.21\n',
        'half.go': 'package half\n\nfunc Half(n int) int { return n / 2 }\n',
        'half_test.go':
          'package half\n\nimport "testing"\n\nfunc TestHalf(t *testing.T) {\n\tif Half(4) != 2 {\n\t\tt.Fatal("not half")\n\t}\n}\n',
      },
      saboteur: "printf 'package half\\n\\nfunc Half(n int) int { return n }\\n' > half.go",
      check: 'go test ./...',
    });
  });

  it.skipIf(tool('cargo') === null)('Rust (tool: cargo)', async ({ annotate }) => {
    await runIn(annotate, 'rust', {
      files: {
        'Cargo.toml': '[package]\nname = "half"\nversion = "0.1.0"\nedition = "2021"\n\n[lib]\ndoctest = false\n',
        'Cargo.lock': 'version = 3\n\n[[package]]\nname = "half"\nversion = "0.1.0"\n',
        'src/lib.rs': 'pub fn half(n: u32) -> u32 {\n    n / 2\n}\n\n#[test]\nfn halves() {\n    assert_eq!(half(4), 2);\n}\n',
      },
      saboteur: "sed 's:n / 2:n:' src/lib.rs > x && mv x src/lib.rs",
      check: 'cargo test',
    });
  });

  it('a repository without a commit, and a directory that is no repository: exit 4, and what to type', async () => {
    const bare = temporary('no-repository');
    const outside = await call(skein.bin, ['run'], { cwd: bare });
    expect(outside.code).toBe(4);
    expect(JSON.parse(outside.stdout)).toMatchObject({
      schema: 'skein.problem.v1',
      exit: 4,
      next: expect.stringContaining('git init'),
    });
    expect(readdirSync(bare)).toEqual([]);
    const top = join(temporary('no-commit'), 'repo');
    mkdirSync(top);
    git(top, 'init', '-q', '-b', 'main');
    const before = belongings(top);
    const silent = await call(skein.bin, ['run'], { cwd: top });
    expect(silent.code).toBe(4);
    expect(JSON.parse(silent.stdout)).toMatchObject({
      exit: 4,
      what: expect.stringContaining('no commit'),
      next: expect.stringContaining('git commit'),
    });
    expect(belongings(top)).toEqual(before);
    expect(existsSync(join(top, '.skein'))).toBe(false);
  });

  it('npx finds it', async ({ annotate }) => {
    await annotate('npm starts slowly');
    const top = repository('npx', CALCULATOR);
    const before = belongings(top);
    const npx = join(dirname(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim()), 'npx');
    const { code, stdout, stderr } = await call(npx, ['--prefix', skein.app, '--offline', 'skein', 'plan', '-m', 'honest work'], {
      cwd: top,
    });
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error')]);
    expect(JSON.parse(stdout)).toMatchObject({ schema: 'skein.plan.v1', repository: top });
    expect(belongings(top)).toEqual(before);
  });

  it(`runs on Node ${OLDEST} without a warning of its own (tool: that Node from npm)`, async ({ annotate, skip }) => {
    if (oldest === null) skip('npm could not bring it');
    const node = join(oldest!, NODE_PACKAGE, 'bin', 'node');
    const { summary, said } = await runIn(
      annotate,
      'oldest',
      {
        files: {
          'package.json': JSON.stringify({ scripts: { test: 'sh test.sh' } }),
          'a.txt': 'a\n',
          'test.sh': 'grep a a.txt\n',
        },
        saboteur: 'echo b > a.txt',
        check: 'npm test',
        env: { PATH: [dirname(node), process.env.PATH ?? ''].join(delimiter) },
      },
      { node },
    );
    expect(summary.versions.node).toBe(OLDEST);
    expect(said.stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{"schema":"skein.run-event.v1"'))).toEqual(
      [],
    );
  });

  const old = ['/usr/bin/node', '/usr/local/bin/node'].find(
    (path) =>
      existsSync(path) &&
      /^(?:1\d|2[01]|22\.(?:\d|1[0-7])\.)/.test(execFileSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })),
  );
  it.skipIf(old === undefined)('says which Node it needs (tool: a Node before 22.18)', async () => {
    const { code, stdout, stderr } = await call(skein.bin, ['run'], { cwd: temporary('old'), node: old! });
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr).toMatch(/^skein needs Node 22\.18 or newer and found [\d.]+\. Install it from https:\/\/nodejs\.org\n$/);
  });
});

/** A directory with these programs of another, so that nothing else of it is on a PATH. */
function onlyTools(bin: string, names: readonly string[]): string {
  const directory = temporary('bin');
  for (const name of names) execFileSync('ln', ['-s', join(bin, name), join(directory, name)]);
  return directory;
}
