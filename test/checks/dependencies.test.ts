import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  baselineActivity,
  checkActivity,
  Checks,
  direct,
  languageEnv,
  linkedOutside,
  missingIgnored,
  provide,
} from '../../src/runtime/embedded/index.ts';
import { judge } from './judge.ts';
import { check, Repository } from './repository.ts';

const open: Repository[] = [];
afterEach(async () => {
  for (const repository of open.splice(0)) await repository.remove();
});

async function link(top: string, links: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, target] of Object.entries(links)) {
    await mkdir(join(top, dirname(path)), { recursive: true });
    await symlink(target, join(top, path));
  }
}

const manifest = (name: string, more: object = {}): string =>
  JSON.stringify({ name, version: '1.0.0', main: 'index.js', ...more });

/** What is in git of a workspace of two packages, `app` using `lib`; app's test goes through node_modules. */
const workspace = {
  '.gitignore': 'node_modules\n',
  'package.json': JSON.stringify({ private: true, workspaces: ['packages/*'] }),
  'packages/lib/package.json': manifest('@w/lib', { bin: { lib: 'bin.js' } }),
  'packages/lib/index.js': 'module.exports = (a, b) => a + b;',
  'packages/lib/bin.js': '#!/usr/bin/env node\nconsole.log(require("./index.js")(2, 2));',
  'packages/app/package.json': manifest('@w/app', { dependencies: { '@w/lib': '*', plugin: '*' } }),
  'packages/app/app.test.js': `const test = require('node:test'); const assert = require('node:assert');
test('adds', () => assert.equal(require('@w/lib')(1, 2), 3));
test('adds through the plugin', () => assert.equal(require('plugin')(1, 2), 3));`,
};

/** npm: packages are directories, siblings links; `plugin` and `deep` need the sibling. */
async function npmLayout(): Promise<Repository> {
  const repository = await Repository.make({
    ...workspace,
    'node_modules/plain/package.json': manifest('plain'),
    'node_modules/plain/index.js': 'module.exports = 1;',
    'node_modules/plain/cli.js': '#!/usr/bin/env node\n',
    'node_modules/deep/package.json': manifest('deep', { peerDependencies: { '@w/lib': '*' } }),
    'node_modules/deep/index.js': "module.exports = require('@w/lib');",
    'node_modules/plugin/package.json': manifest('plugin'),
    'node_modules/plugin/index.js': "module.exports = require('deep');",
    'node_modules/@s/scoped/package.json': manifest('@s/scoped'),
    'node_modules/@s/scoped/index.js': 'module.exports = 2;',
    'node_modules/.cache/x': 'mine',
    'node_modules/.vite/x': 'mine',
    // npm's own list answers for what it names, manifests for the rest
    'node_modules/.package-lock.json': JSON.stringify({ packages: { 'node_modules/plugin': { dependencies: { deep: '*' } } } }),
    'packages/app/node_modules/nested/package.json': manifest('nested'),
    'packages/app/node_modules/nested/index.js': 'module.exports = 3;',
  });
  open.push(repository);
  await chmod(join(repository.top, 'packages/lib/bin.js'), 0o755);
  await link(repository.top, {
    'node_modules/@w/lib': '../../packages/lib',
    'node_modules/@w/app': '../../packages/app',
    'node_modules/.bin/plain': '../plain/cli.js',
    'node_modules/.bin/lib': '../../packages/lib/bin.js',
  });
  return repository;
}

/** pnpm: everything real is under `.pnpm`, with links beside each package to what it needs. */
async function pnpmLayout(): Promise<Repository> {
  const repository = await Repository.make({
    ...workspace,
    'pnpm-workspace.yaml': 'packages: [packages/*]\n',
    'node_modules/.modules.yaml': 'layoutVersion: 5\n',
    'node_modules/.pnpm/plain@1.0.0/node_modules/plain/package.json': manifest('plain'),
    'node_modules/.pnpm/plain@1.0.0/node_modules/plain/index.js': 'module.exports = 1;',
    'node_modules/.pnpm/deep@1.0.0_x/node_modules/deep/package.json': manifest('deep'),
    'node_modules/.pnpm/deep@1.0.0_x/node_modules/deep/index.js': "module.exports = require('@w/lib');",
    'node_modules/.pnpm/plugin@1.0.0_x/node_modules/plugin/package.json': manifest('plugin'),
    'node_modules/.pnpm/plugin@1.0.0_x/node_modules/plugin/index.js': "module.exports = require('deep');",
  });
  open.push(repository);
  await link(repository.top, {
    'node_modules/plain': '.pnpm/plain@1.0.0/node_modules/plain',
    'node_modules/.pnpm/node_modules/plain': '../plain@1.0.0/node_modules/plain',
    'node_modules/.pnpm/node_modules/@w/lib': '../../../../packages/lib',
    'node_modules/.pnpm/deep@1.0.0_x/node_modules/@w/lib': '../../../../../packages/lib',
    'node_modules/.pnpm/plugin@1.0.0_x/node_modules/deep': '../../deep@1.0.0_x/node_modules/deep',
    'packages/app/node_modules/@w/lib': '../../../lib',
    'packages/app/node_modules/plugin': '../../../node_modules/.pnpm/plugin@1.0.0_x/node_modules/plugin',
  });
  const launcher = join(repository.top, 'packages/app/node_modules/.bin/plugin');
  await mkdir(dirname(launcher), { recursive: true });
  await writeFile(launcher, `#!/bin/sh\nexport NODE_PATH="${repository.top}/node_modules/.pnpm/node_modules"\n`, { mode: 0o755 });
  return repository;
}

async function cloneOf(repository: Repository): Promise<string> {
  const clone = join(repository.home, 'clone', 'tree');
  await repository.checkout(repository.tree(), clone);
  return clone;
}

const resolved = (clone: string, from: string, name: string): string =>
  execFileSync('node', ['-p', `require.resolve(${JSON.stringify(name)})`], { cwd: join(clone, from), encoding: 'utf8' }).trim();

describe('dependencies in a clone', () => {
  it.each([
    ['npm', npmLayout],
    ['pnpm', pnpmLayout],
  ])('resolve siblings into the clone and the rest into the installed packages (%s)', async (_name, layout) => {
    const repository = await layout();
    const clone = await cloneOf(repository);
    const provided = await provide(clone, repository.top);
    expect(resolved(clone, 'packages/app', '@w/lib')).toBe(join(clone, 'packages/lib/index.js'));
    expect(resolved(clone, '.', 'plain')).toContain(`${repository.top}/node_modules/`);
    // A package that needs a sibling, through another package, sees the clone's.
    await writeFile(join(clone, 'packages/lib/index.js'), "module.exports = () => 'clone';");
    expect(
      execFileSync('node', ['-p', "require('plugin')()"], { cwd: join(clone, 'packages/app'), encoding: 'utf8' }).trim(),
    ).toBe('clone');
    expect(provided.copied.map((path) => path.split('/').at(-1))).toEqual(['deep', 'plugin']);
    expect(provided.notes).toEqual([]);
  });

  it('have a private .bin, private caches and a private lock file', async () => {
    const repository = await npmLayout();
    const clone = await cloneOf(repository);
    await provide(clone, repository.top);
    expect(lstatSync(join(clone, 'node_modules')).isSymbolicLink()).toBe(false);
    expect(await readdir(join(clone, 'node_modules/.cache'))).toEqual([]);
    expect(await readdir(join(clone, 'node_modules/.vite'))).toEqual([]);
    expect(realpathSync(join(clone, 'node_modules/.bin/lib'))).toBe(join(clone, 'packages/lib/bin.js'));
    expect(realpathSync(join(clone, 'node_modules/.bin/plain'))).toBe(join(repository.top, 'node_modules/plain/cli.js'));
    expect(resolved(clone, 'packages/app', 'nested')).toBe(join(repository.top, 'packages/app/node_modules/nested/index.js'));
    await writeFile(join(clone, 'node_modules/.cache/y'), '');
    await writeFile(join(clone, 'node_modules/new'), '');
    expect(existsSync(join(repository.top, 'node_modules/.cache/y'))).toBe(false);
    expect(existsSync(join(repository.top, 'node_modules/new'))).toBe(false);
  });

  it('point launchers with absolute paths into the clone', async () => {
    const repository = await pnpmLayout();
    const clone = await cloneOf(repository);
    await provide(clone, repository.top);
    expect(await readFile(join(clone, 'packages/app/node_modules/.bin/plugin'), 'utf8')).toContain(
      `"${clone}/node_modules/.pnpm`,
    );
  });

  it('name a link that leaves the repository', async () => {
    const repository = await npmLayout();
    await mkdir(join(repository.home, 'elsewhere'));
    await link(repository.top, { 'node_modules/linked': join(repository.home, 'elsewhere') });
    const clone = await cloneOf(repository);
    expect((await provide(clone, repository.top)).notes).toEqual([
      `node_modules/linked links to ${join(repository.home, 'elsewhere')}, outside the repository: it is used as it is there`,
    ]);
  });

  it('are the same after a second time', async () => {
    const repository = await npmLayout();
    const clone = await cloneOf(repository);
    const first = await provide(clone, repository.top);
    expect(await provide(clone, repository.top)).toEqual(first);
  });

  it('cost a fraction of making 300 links from the second clone on', async () => {
    const repository = await Repository.make({ 'package.json': '{}', '.gitignore': 'node_modules\n' });
    open.push(repository);
    for (let n = 0; n < 300; n += 1) await mkdir(join(repository.top, `node_modules/p${n}`), { recursive: true });
    const clone = await cloneOf(repository);
    const made = join(repository.home, 'made');
    const took: number[] = [];
    for (let n = 0; n < 6; n += 1) {
      await rm(join(clone, 'node_modules'), { recursive: true, force: true });
      const started = performance.now();
      expect((await provide(clone, repository.top, made)).links).toBe(300);
      took.push(performance.now() - started);
      expect((await readdir(join(clone, 'node_modules'))).length).toBe(300);
      expect(realpathSync(join(clone, 'node_modules/p7'))).toBe(join(repository.top, 'node_modules/p7'));
    }
    // The best of five: the machine is shared with other work.
    expect(Math.min(...took.slice(1)), `ms: ${took.map((ms) => ms.toFixed(1)).join(' ')}`).toBeLessThan(60);
  });

  it('share no name with another clone: what one unlinks or replaces stays in the other', async () => {
    const repository = await npmLayout();
    const made = join(repository.home, 'made');
    const one = await cloneOf(repository);
    const other = join(repository.home, 'other', 'tree');
    await repository.checkout(repository.tree(), other);
    await provide(one, repository.top, made);
    await provide(other, repository.top, made);
    await rm(join(one, 'node_modules/plain'));
    await writeFile(join(one, 'node_modules/plain'), 'mine');
    expect(realpathSync(join(other, 'node_modules/plain'))).toBe(join(repository.top, 'node_modules/plain'));
    expect(resolved(other, 'packages/app', '@w/lib')).toBe(join(other, 'packages/lib/index.js'));
  });
});

describe('a saboteur in a workspace sibling', () => {
  it.each([
    ['npm', npmLayout],
    ['pnpm', pnpmLayout],
  ])('that writes through node_modules reaches the clone alone and is caught (%s)', async (_name, layout) => {
    const repository = await layout();
    const options = {
      places: repository.places,
      checkout: repository.checkout,
      judge,
      failureText: () => '',
      env: { PATH: process.env.PATH!, HOME: process.env.HOME! },
    };
    const checks = new Checks(options);
    const specs = [check('node --test', { directory: 'packages/app' })];
    const base = await baselineActivity(checks)(repository.baseline(repository.tree(), specs), repository.io('b'));
    expect(base.verdicts).toMatchObject([{ status: 'green', passed: 2 }]);
    const before = readFileSync(join(repository.top, 'packages/lib/index.js'), 'utf8');

    // The agent's clone: it edits the sibling where its own package sees it.
    const clone = await cloneOf(repository);
    await provide(clone, repository.top);
    const through = ['packages/app/node_modules/@w/lib', 'node_modules/@w/lib'].find((path) => existsSync(join(clone, path)))!;
    await writeFile(join(clone, through, 'index.js'), 'module.exports = (a, b) => a - b;');
    expect(readFileSync(join(repository.top, 'packages/lib/index.js'), 'utf8')).toBe(before);
    const env = { GIT_DIR: join(repository.top, '.git'), GIT_WORK_TREE: clone, GIT_INDEX_FILE: `${clone}.index` };
    repository.git(['add', '-A'], env, clone);
    const tree = repository.git(['write-tree'], env, clone);

    const result = await checkActivity(checks, options)(
      {
        ...repository.baseline(tree, specs),
        task: 't',
        fence: 1,
        taskChecks: [],
        mends: [],
        baseline: base.blob,
        unstable: [],
        serial: false,
      },
      repository.io('c'),
    );
    expect(result.violations.map((violation) => violation.detail)).toEqual([
      'node --test: adds',
      'node --test: adds through the plugin',
    ]);
    expect((await stat(join(repository.top, 'node_modules'))).isDirectory()).toBe(true);
  });
});

describe('Python', () => {
  it('uses the virtual environment of the tree and turns an editable install to the clone', async () => {
    const repository = await Repository.make({ 'src/pkg/__init__.py': '', '.venv/pyvenv.cfg': 'home = /usr\n' });
    open.push(repository);
    const packages = '.venv/lib/python3.11/site-packages';
    await repository.write({
      [`${packages}/_pkg.pth`]: `${repository.top}/src\n/usr/share/other\n`,
      [`${packages}/__editable___other_finder.py`]: `MAPPING = {'other': '${repository.top}/lib/other'}\n`,
    });
    const env = await languageEnv('/clone', repository.top, '', '/temp');
    expect(env.extra).toMatchObject({ VIRTUAL_ENV: join(repository.top, '.venv'), PYTHONPATH: '/clone/lib:/clone/src' });
    expect(env.bins).toEqual(['/clone/node_modules/.bin', join(repository.top, '.venv/bin')]);
  });
});

describe('ignored files', () => {
  it('are named without what is provided anyway, secrets marked', async () => {
    const repository = await Repository.make({
      '.gitignore': 'node_modules\ndist\n.env*\n*.log\nlocal.json\n',
      'node_modules/x/y': '',
      'dist/a.js': '',
      '.env.test': '',
      'a.log': '',
      'local.json': '',
    });
    open.push(repository);
    expect(await missingIgnored(repository.top, direct, { PATH: process.env.PATH!, HOME: '/' })).toEqual([
      { path: '.env.test', secret: true },
      { path: 'dist/', secret: false },
      { path: 'local.json', secret: false },
    ]);
  });
});

describe('packages that are linked from outside the repository', () => {
  it('are where a sandbox has to let a program look: each place once, the repository itself not', async () => {
    const store = await Repository.make({
      'node_modules/a/index.js': '',
      'node_modules/@s/b/index.js': '',
      'linked/index.js': '',
    });
    const repository = await Repository.make({ '.gitignore': 'node_modules\n', 'packages/lib/index.js': '' });
    open.push(store, repository);
    await link(repository.top, {
      'node_modules/a': join(store.top, 'node_modules/a'),
      'node_modules/@s/b': join(store.top, 'node_modules/@s/b'),
      'node_modules/linked': join(store.top, 'linked'),
      'node_modules/lib': '../packages/lib',
      'node_modules/broken': join(store.top, 'gone'),
    });
    const top = realpathSync(store.top);
    expect((await linkedOutside(repository.top)).toSorted()).toEqual([join(top, 'linked'), join(top, 'node_modules')]);
  });
});
