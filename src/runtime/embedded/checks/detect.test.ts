import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChecksConfig, detectChecks, type Detection } from './detect.ts';

const homes: string[] = [];
let tools = '';

beforeAll(async () => {
  tools = await directory();
  for (const name of ['npm', 'pnpm', 'yarn', 'pytest', 'make', 'just', 'cargo', 'go']) {
    await writeFile(join(tools, name), '#!/bin/sh\n');
    await chmod(join(tools, name), 0o755);
  }
});

afterAll(async () => {
  for (const home of homes) await rm(home, { recursive: true, force: true });
});

async function directory(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'skein-detect-'));
  homes.push(home);
  return home;
}

type Files = Record<string, string | object>;

function text(content: string | object): string {
  return typeof content === 'string' ? content : JSON.stringify(content);
}

/** Detects on files alone; `installed` are put into the user's tree. */
async function detect(
  files: Files,
  options: { config?: ChecksConfig; path?: string; installed?: string[] } = {},
): Promise<Detection> {
  const top = await directory();
  for (const name of options.installed ?? ['node_modules/.package-lock.json']) {
    await mkdir(join(top, dirname(name)), { recursive: true });
    await writeFile(join(top, name), '');
  }
  const tree = {
    treeFiles: Object.keys(files),
    readFile: async (path: string): Promise<string | null> => (files[path] === undefined ? null : text(files[path])),
  };
  return detectChecks(top, tree, options.config ?? {}, options.path ?? tools);
}

const shown = (found: Detection): string[] =>
  found.checks.map(
    (check) => `${check.directory === '' ? '' : `[${check.directory}] `}${check.name} = ${check.command} (${check.kind})`,
  );

describe('npm scripts', () => {
  it('finds the checks of a plain package in a useful order and runs nothing that writes', async () => {
    const found = await detect({
      'package.json': {
        scripts: {
          test: 'node --test',
          lint: 'eslint .',
          typecheck: 'tsc --noEmit',
          'format:check': 'prettier --check .',
          'lint:fix': 'eslint --fix .',
          format: 'prettier --write .',
          start: 'node .',
          release: 'npm publish',
        },
      },
      'package-lock.json': '{}',
    });
    expect(shown(found)).toEqual([
      'npm run typecheck = tsc --noEmit (findings)',
      'npm run lint = eslint . (findings)',
      'npm run format:check = prettier --check . (findings)',
      'npm test = node --test (tests)',
    ]);
    expect(found.packageManager).toMatchObject({ name: 'npm', source: 'package-lock.json', found: true });
    expect(found.checks.every((check) => check.timeout > 0 && check.source.startsWith('package.json scripts.'))).toBe(true);
  });

  it('gives each part of a chain a verdict of its own, once', async () => {
    const found = await detect({
      'package.json': { scripts: { lint: 'eslint .', test: 'npm run lint && npm run build && vitest', build: 'tsc -p .' } },
    });
    expect(shown(found)).toEqual([
      'npm run lint = eslint . (findings)',
      'build: tsc = tsc -p . (findings)',
      'test: vitest = vitest run --reporter=verbose (tests)',
    ]);
    expect(found.notes).toContain('npm test: `vitest` is run as `vitest run --reporter=verbose`');
  });

  it("counts npm's placeholder as no tests and says so", async () => {
    const found = await detect({ 'package.json': { scripts: { test: 'echo "Error: no test specified" && exit 1' } } });
    expect(found.checks).toEqual([]);
    expect(found.notes.join('\n')).toMatch(/counts as no tests[\s\S]*no checks found/);
  });

  it('names a test script that serves instead of running it', async () => {
    const found = await detect({ 'package.json': { scripts: { test: 'webpack serve' } } });
    expect(found.checks).toEqual([]);
    expect(found.unavailable).toEqual([
      {
        check: 'npm test',
        cause: '`webpack serve` serves or watches and does not end',
        todo: 'name a command that ends under checks: in skein.yaml',
      },
    ]);
  });

  it('leaves the reporters of a project alone', async () => {
    const found = await detect({
      'package.json': { scripts: { test: 'vitest run' } },
      'vitest.config.ts': 'export default { test: { reporters: ["x"] } }',
    });
    expect(found.checks[0]!.command).toBe('vitest run');
  });

  it('runs a script that reads variables of npm through npm', async () => {
    const found = await detect({ 'package.json': { scripts: { test: 'mocha $npm_package_config_dir' } } });
    expect(found.checks[0]).toMatchObject({ name: 'npm test', command: 'npm run test' });
  });

  it('takes a compiler behind build as the type check where there is no other', async () => {
    expect(shown(await detect({ 'package.json': { scripts: { build: 'tsc -b' } } }))).toEqual([
      'npm run build = tsc -b (findings)',
    ]);
  });

  it('survives a package.json that is not JSON', async () => {
    const found = await detect({ 'package.json': '{ "scripts": ' });
    expect(found.checks).toEqual([]);
    expect(found.notes[0]).toMatch(/package\.json is not readable/);
  });
});

describe('package managers', () => {
  it('prefers the packageManager field to a lock file and says when they differ', async () => {
    const found = await detect({
      'package.json': { packageManager: 'pnpm@10.2.0+sha512.ab', scripts: { test: 'mocha' } },
      'yarn.lock': '',
    });
    expect(found.packageManager).toEqual({
      name: 'pnpm',
      version: '10.2.0',
      source: 'packageManager: pnpm@10.2.0+sha512.ab',
      found: true,
    });
    expect(found.notes).toContain('yarn.lock does not belong to pnpm, which is used');
  });

  it.each([
    ['bun.lock', undefined, 'npm install --global bun'],
    ['pnpm-lock.yaml', 'pnpm@9.1.0', 'npm install --global pnpm@9.1.0'],
    ['yarn.lock', 'yarn@4.1.0', 'corepack enable'],
  ])('gives the install line when the tool of %s is missing', async (lock, packageManager, todo) => {
    const found = await detect({ 'package.json': { packageManager, scripts: {} }, [lock]: '' }, { path: '/nowhere' });
    expect(found.unavailable[0]!.todo).toBe(todo);
  });

  it('says when dependencies are declared and nowhere installed, unless setup makes them', async () => {
    const files = { 'package.json': { devDependencies: { mocha: '1' }, scripts: { test: 'mocha' } }, 'package-lock.json': '{}' };
    expect((await detect(files, { installed: [] })).unavailable).toEqual([
      { check: 'dependencies', cause: 'dependencies are declared but not installed (no node_modules)', todo: 'npm ci' },
    ]);
    const prepared = await detect(files, { installed: [], config: { setup: 'npm ci' } });
    expect(prepared).toMatchObject({ unavailable: [], setup: 'npm ci' });
  });
});

describe('workspaces', () => {
  const members = {
    'packages/a/package.json': { name: 'a', scripts: { test: 'node --test' } },
    'packages/ü b/package.json': { name: 'b', scripts: { test: 'node --test' } },
    'examples/c/package.json': { name: 'c', scripts: { test: 'node --test' } },
  };

  it('checks the packages of an npm workspace one by one when the root does not', async () => {
    const found = await detect({ 'package.json': { workspaces: ['packages/*'], scripts: { lint: 'eslint .' } }, ...members });
    expect(shown(found)).toEqual([
      'npm run lint = eslint . (findings)',
      '[packages/a] packages/a: npm test = node --test (tests)',
      '[packages/ü b] packages/ü b: npm test = node --test (tests)',
    ]);
  });

  it('leaves them to a root script that visits them', async () => {
    const found = await detect({
      'package.json': { workspaces: { packages: ['packages/**'] }, scripts: { test: 'npm test -ws' } },
      ...members,
    });
    expect(shown(found)).toEqual(['npm test = npm test -ws (tests)']);
  });

  it('reads pnpm-workspace.yaml with its exclusions', async () => {
    const found = await detect({
      'package.json': {},
      'pnpm-lock.yaml': '',
      'pnpm-workspace.yaml': 'packages:\n  - packages/*\n  - "!packages/a"\n',
      ...members,
    });
    expect(shown(found)).toEqual(['[packages/ü b] packages/ü b: pnpm test = node --test (tests)']);
  });

  it('finds a package in a subdirectory of a repository that has none at its top', async () => {
    const found = await detect({ 'web/package.json': { scripts: { test: 'node --test' } }, 'README.md': '' }, { installed: [] });
    expect(shown(found)).toEqual(['[web] web: npm test = node --test (tests)']);
  });
});

describe('other languages', () => {
  it.each<[string, Files, string[]]>([
    ['pytest by its files', { 'tests/test_a.py': '' }, ['pytest = pytest (tests)']],
    ['pytest by pyproject', { 'pyproject.toml': '[tool.pytest.ini_options]\n' }, ['pytest = pytest (tests)']],
    ['no pytest without tests', { 'pyproject.toml': '[project]\n', 'a.py': '' }, []],
    ['go', { 'go.mod': 'module m\n' }, ['go test ./... = go test -v ./... (tests)']],
    ['cargo', { 'Cargo.toml': '', 'crates/x/Cargo.toml': '' }, ['cargo test = cargo test --workspace --no-fail-fast (tests)']],
    [
      'make targets that exist',
      { Makefile: 'all:\n\ntest: all\n\t./t\n.PHONY: lint\nTEST:=1\n' },
      ['make test = make test (tests)'],
    ],
    ['just recipes that exist', { justfile: 'test x="1":\n  ./t\nlint := "a"\n' }, ['just test = just test (tests)']],
    [
      'make only where nothing else tests',
      { Makefile: 'test:\n\tgo test ./...\nlint:\n\tx\n', 'go.mod': '' },
      ['go test ./... = go test -v ./... (tests)', 'make lint = make lint (findings)'],
    ],
  ])('%s', async (_what, files, expected) => {
    expect(shown(await detect(files))).toEqual(expected);
  });

  it.each([
    ['go', { 'go.mod': '' }, 'go test ./...'],
    ['cargo', { 'Cargo.toml': '' }, 'cargo test'],
    ['pytest', { 'test_a.py': '' }, 'pytest'],
    ['make', { Makefile: 'test:\n' }, 'make test'],
  ])('names %s when it is missing, with what to do', async (tool, files, check) => {
    const found = await detect(files, { path: '/nowhere' });
    expect(found.checks).toEqual([]);
    expect(found.unavailable[0]).toMatchObject({ check, cause: `${tool} is not on PATH` });
    expect(found.unavailable[0]!.todo).not.toBe('');
  });

  it('finds pytest in the virtual environment of the tree', async () => {
    const top = await directory();
    await mkdir(join(top, '.venv/bin'), { recursive: true });
    await writeFile(join(top, '.venv/bin/pytest'), '');
    await chmod(join(top, '.venv/bin/pytest'), 0o755);
    const found = await detectChecks(top, { treeFiles: ['test_a.py'], readFile: async () => null }, {}, '/nowhere');
    expect(found.checks.map((check) => check.command)).toEqual(['pytest']);
  });
});

describe('checks: in skein.yaml', () => {
  it('replaces what would be found', async () => {
    const config = {
      checks: ['./verify', { name: 'types', run: 'tsc', kind: 'build' as const, directory: './web/', timeout: 5 }],
    };
    const found = await detect({ 'package.json': { scripts: { test: 'mocha' } } }, { config });
    expect(found.checks).toEqual([
      { name: './verify', command: './verify', directory: '', kind: 'tests', timeout: 600_000, source: 'skein.yaml checks' },
      { name: 'types', command: 'tsc', directory: 'web', kind: 'build', timeout: 5, source: 'skein.yaml checks' },
    ]);
  });

  it('says plainly when there are none in an empty repository', async () => {
    const found = await detect({});
    expect(found).toMatchObject({ checks: [], packageManager: null, unavailable: [] });
    expect(found.notes[0]).toMatch(/no checks found/);
  });

  it('gives two checks with one name different names', async () => {
    const found = await detect(
      {},
      {
        config: {
          checks: [
            { name: 'a', run: 'x' },
            { name: 'a', run: 'y' },
          ],
        },
      },
    );
    expect(found.checks.map((check) => check.name)).toEqual(['a', 'a (2)']);
  });
});
