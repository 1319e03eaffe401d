/**
 * Which checks a repository has, read from its files alone: package scripts, pytest, go, cargo, make, just, or what
 * `checks:` in skein.yaml says instead. It runs nothing; every command it answers is shown to people before it is run.
 */
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { parse as parseYaml } from 'yaml';
import type { work } from '../../../contracts/index.ts';
import { type Part, ending, expand, kindOf, program, splitChain, WRITER } from './script.ts';

export interface Tree {
  /** Paths in the commit, relative to the top, `/` between names. */
  readonly treeFiles: readonly string[];
  /** Text of a file in the commit; null when there is none. */
  readFile(path: string): Promise<string | null>;
}

export interface ChecksConfig {
  /** Replaces everything that would be detected. */
  readonly checks?: readonly (
    | string
    | {
        readonly name?: string;
        readonly run: string;
        readonly kind?: work.CheckSpec['kind'];
        readonly directory?: string;
        /** ms */
        readonly timeout?: number;
      }
  )[];
  /** Shell line that prepares a fresh clone. */
  readonly setup?: string;
}

export interface PackageManager {
  readonly name: 'npm' | 'pnpm' | 'yarn' | 'bun';
  /** From the `packageManager` field; '' when nothing names one. */
  readonly version: string;
  /** What told it: `package-lock.json`, `packageManager`, `default`. */
  readonly source: string;
  readonly found: boolean;
}

export interface Unavailable {
  readonly check: string;
  readonly cause: string;
  /** What to type. */
  readonly todo: string;
}

export interface Detection {
  readonly checks: readonly work.CheckSpec[];
  readonly packageManager: PackageManager | null;
  readonly setup: string | null;
  readonly unavailable: readonly Unavailable[];
  readonly notes: readonly string[];
}

/** A check that says nothing for ten minutes is taken to hang; `timeout:` in skein.yaml gives a longer one. */
const CHECK_TIMEOUT_MS = 600_000;
/** More packages than this in one repository are named in a note instead of being checked one by one. */
const PACKAGES_MAX = 64;
/** What RunSpec takes. */
const CHECKS_MAX = 256;
const NAME_MAX = 200;
const COMMAND_MAX = 4096;

const INSTALL: Readonly<Record<string, string>> = {
  npm: 'install Node.js 22.18 or later (npm comes with it): https://nodejs.org/en/download',
  pnpm: 'npm install --global pnpm',
  yarn: 'npm install --global yarn',
  bun: 'npm install --global bun',
  go: 'install Go: https://go.dev/doc/install',
  cargo: 'install Rust: https://rustup.rs',
  make: 'install make with your system packages, for example: apt-get install make',
  just: 'install just: https://just.systems/man/en/packages.html',
  pytest: 'python3 -m pip install pytest',
};

/** Script names in the order in which they run; of the names in one row the first that exists is taken. */
const SCRIPTS: readonly (readonly string[])[] = [
  ['typecheck', 'type-check', 'check-types', 'check:types', 'types:check', 'tsc'],
  ['lint'],
  ['format:check', 'fmt:check', 'prettier:check', 'check:format'],
  ['check'],
  ['test'],
];

/** One of these in a root script means that it visits the packages itself. */
const VISITS_PACKAGES =
  /--workspaces?\b|\s-ws\b|\s-w\s|\s-r\b|--recursive|--filter|\b(?:turbo|nx|lerna|wsrun|workspaces|ultra|moon|bazel)\b/;
/** Runners that find their files below the directory in which they are started. */
const VISITS_FILES = /^(?:vitest|jest|tsc|eslint|oxlint|oxfmt|biome|prettier|ava|mocha|borp)$/;

/** True when `name` is an executable file on this PATH. */
export async function onPath(name: string, path: string): Promise<boolean> {
  for (const directory of path.split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    try {
      const file = join(directory, name);
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return true;
    } catch {
      // not here: the next directory
    }
  }
  return false;
}

/** `top` is the user's tree: only asked whether dependencies and a Python environment are there. */
export async function detectChecks(
  top: string,
  tree: Tree,
  config: ChecksConfig = {},
  path: string = process.env.PATH ?? '',
): Promise<Detection> {
  const files = new Set(tree.treeFiles);
  const notes: string[] = [];
  const unavailable: Unavailable[] = [];
  const checks: work.CheckSpec[] = [];
  const add = (check: Omit<work.CheckSpec, 'timeout'> & { timeout?: number }): void => {
    if (check.command.length > COMMAND_MAX) {
      unavailable.push({
        check: check.name,
        cause: `its command is longer than ${COMMAND_MAX} characters`,
        todo: 'put it in a script file',
      });
      return;
    }
    if (checks.some((other) => other.command === check.command && other.directory === check.directory)) return;
    if (checks.length >= CHECKS_MAX) {
      if (checks.length === CHECKS_MAX)
        notes.push(`more than ${CHECKS_MAX} checks: the rest is not run; name the ones that matter under checks: in skein.yaml`);
      return;
    }
    let name = check.name.length > NAME_MAX - 6 ? `${check.name.slice(0, NAME_MAX - 7)}…` : check.name;
    for (let n = 2; checks.some((other) => other.name === name); n += 1) name = `${check.name.slice(0, NAME_MAX - 6)} (${n})`;
    checks.push({ ...check, name, timeout: check.timeout ?? CHECK_TIMEOUT_MS });
  };
  const need = async (tool: string, check: string): Promise<boolean> => {
    if (await onPath(tool, path)) return true;
    if (!unavailable.some((other) => other.check === check && other.cause.startsWith(`${tool} `)))
      unavailable.push({ check, cause: `${tool} is not on PATH`, todo: INSTALL[tool] ?? `install ${tool}` });
    return false;
  };

  const packages = await packagesOf(tree, files, notes);
  const packageManager = packages.length === 0 ? null : await packageManagerOf(packages[0]!, files, path, notes);
  if (packageManager !== null && !packageManager.found)
    unavailable.push({
      check: packageManager.name,
      cause: `${packageManager.name} is not on PATH (${packageManager.source} asks for it)`,
      todo: install(packageManager),
    });
  if (packageManager !== null && config.setup === undefined) {
    const bare = await withoutDependencies(top, packages, files);
    if (bare !== null)
      unavailable.push({
        check: 'dependencies',
        cause: `${bare === '' ? '' : `${bare}: `}dependencies are declared but not installed (no node_modules)`,
        todo: `${bare === '' ? '' : `cd ${bare} && `}${packageManager.name} ${packageManager.name === 'npm' && files.has(at(bare, 'package-lock.json')) ? 'ci' : 'install'}`,
      });
  }

  if (config.checks !== undefined) {
    for (const given of config.checks) {
      const check = typeof given === 'string' ? { run: given } : given;
      const directory = (check.directory ?? '').replaceAll(/^\.?\/+|\/+$/g, '').replace(/^\.$/, '');
      add({
        name: check.name ?? check.run,
        command: check.run,
        directory,
        kind: check.kind ?? kindOf(check.run, check.name ?? 'test'),
        source: 'skein.yaml checks',
        ...(check.timeout === undefined ? {} : { timeout: check.timeout }),
      });
    }
  } else {
    if (packageManager !== null)
      scriptChecks(packages, packageManager, files, !(await hasReporters(tree)), add, unavailable, notes);
    for (const directory of projects(files, [
      'pytest.ini',
      'pyproject.toml',
      'setup.cfg',
      'setup.py',
      'tox.ini',
      'requirements.txt',
    ]))
      await pythonChecks(directory);
    if (
      ![...files].some((file) =>
        /(?:^|\/)(?:pytest\.ini|pyproject\.toml|setup\.cfg|setup\.py|tox\.ini|requirements\.txt)$/.test(file),
      )
    )
      await pythonChecks('');
    for (const directory of projects(files, ['go.mod', 'go.work']))
      if (await need('go', 'go test ./...'))
        add({
          name: label(directory, 'go test ./...'),
          command: 'go test -v ./...',
          directory,
          kind: 'tests',
          source: at(directory, 'go.mod'),
        });
    for (const directory of projects(files, ['Cargo.toml']))
      if (await need('cargo', 'cargo test'))
        add({
          name: label(directory, 'cargo test'),
          command: 'cargo test --workspace --no-fail-fast',
          directory,
          kind: 'tests',
          source: at(directory, 'Cargo.toml'),
        });
    await targetChecks();
  }
  if (checks.length === 0 && unavailable.length === 0)
    notes.push('no checks found: nothing here can tell a good change from a bad one; name commands under checks: in skein.yaml');
  return { checks, packageManager, setup: config.setup ?? null, unavailable, notes };

  async function pythonChecks(directory: string): Promise<void> {
    const below = [...files].filter((file) => directory === '' || file.startsWith(`${directory}/`));
    const hasTests = below.some((file) => /(?:^|\/)(?:test_[^/]*|[^/]*_test)\.py$/.test(file));
    const asked =
      files.has(at(directory, 'pytest.ini')) ||
      /^\[tool\.pytest/m.test((await tree.readFile(at(directory, 'pyproject.toml'))) ?? '') ||
      /^\[tool:pytest\]/m.test((await tree.readFile(at(directory, 'setup.cfg'))) ?? '') ||
      /^\[pytest\]/m.test((await tree.readFile(at(directory, 'tox.ini'))) ?? '');
    if (!hasTests && !asked) return;
    const bins = ['.venv', 'venv'].flatMap((name) => [join(top, directory, name, 'bin'), join(top, name, 'bin')]);
    if (!(await onPath('pytest', [...bins, path].join(delimiter)))) {
      await need('pytest', label(directory, 'pytest'));
      return;
    }
    add({
      name: label(directory, 'pytest'),
      command: 'pytest',
      directory,
      kind: 'tests',
      source: asked ? 'pytest settings' : 'test_*.py',
    });
  }

  /** make and just, for the kinds of check that nothing else gave: they mostly wrap the same commands. */
  async function targetChecks(): Promise<void> {
    for (const [file, tool] of [
      ['GNUmakefile', 'make'],
      ['makefile', 'make'],
      ['Makefile', 'make'],
      ['justfile', 'just'],
      ['Justfile', 'just'],
      ['.justfile', 'just'],
    ] as const) {
      const text = files.has(file) ? await tree.readFile(file) : null;
      if (text === null) continue;
      const targets = ['lint', 'check', 'test'].filter((target) =>
        tool === 'make'
          ? new RegExp(`^(?:[^\\s:=#]+\\s+)*${target}(?:\\s+[^\\s:=#]+)*\\s*::?(?!=)`, 'm').test(text)
          : new RegExp(`^@?${target}(?:\\s[^:\\n]*)?:(?!=)`, 'm').test(text),
      );
      for (const target of targets) {
        const kind = target === 'lint' ? 'findings' : 'tests';
        const covered = checks.filter((check) => check.kind === kind && check.directory === '' && check.source !== file);
        if (covered.length > 0)
          notes.push(`${file} has ${target} too: not run, since ${covered[0]!.name} is; name it under checks: to run both`);
        else if (await need(tool, `${tool} ${target}`))
          add({ name: `${tool} ${target}`, command: `${tool} ${target}`, directory: '', kind, source: file });
      }
    }
  }
}

// ---- packages ---------------------------------------------------------------------------------------------------------

interface Package {
  readonly directory: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly needsInstall: boolean;
  readonly packageManager: string;
  /** Part of the workspace at the top, so that its links and lock file are there. */
  readonly member: boolean;
}

/** The package at the top first, then its workspace members, then packages elsewhere with a lock file of their own. */
async function packagesOf(tree: Tree, files: ReadonlySet<string>, notes: string[]): Promise<Package[]> {
  const globs: string[] = [];
  const root = await packageAt('', false);
  if (root !== null) {
    const listed = root.workspaces;
    globs.push(
      ...(Array.isArray(listed) ? listed : isRecord(listed) && Array.isArray(listed.packages) ? listed.packages : []).filter(
        isText,
      ),
    );
    const pnpm = await tree.readFile('pnpm-workspace.yaml');
    if (pnpm !== null) {
      try {
        const value: unknown = parseYaml(pnpm);
        if (isRecord(value) && Array.isArray(value.packages)) globs.push(...value.packages.filter(isText));
      } catch {
        notes.push('pnpm-workspace.yaml is not readable as YAML: its packages are not checked');
      }
    }
  }
  const others = [...files]
    .filter(
      (file) =>
        file.endsWith('/package.json') && !/(?:^|\/)(?:node_modules|fixtures?|__fixtures__|examples?|templates?)\//.test(file),
    )
    .map((file) => file.slice(0, -'/package.json'.length))
    .toSorted();
  const isMember = (directory: string): boolean =>
    globs.some((glob) => !glob.startsWith('!') && matches(glob, directory)) &&
    !globs.some((glob) => glob.startsWith('!') && matches(glob.slice(1), directory));
  const chosen = others.filter(
    (directory) =>
      isMember(directory) ||
      LOCKS.some(([file]) => files.has(at(directory, file))) ||
      (root === null && directory.split('/').length <= 2),
  );
  if (chosen.length > PACKAGES_MAX)
    notes.push(`${chosen.length} packages: only the first ${PACKAGES_MAX} are checked one by one`);
  const found: Package[] = root === null ? [] : [root];
  for (const directory of chosen.slice(0, PACKAGES_MAX)) {
    const one = await packageAt(directory, isMember(directory));
    if (one !== null) found.push(one);
  }
  return found;

  async function packageAt(directory: string, member: boolean): Promise<(Package & { workspaces: unknown }) | null> {
    const text = await tree.readFile(at(directory, 'package.json'));
    if (text === null) return null;
    try {
      const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
      if (!isRecord(value)) throw new Error('not an object');
      const scripts = isRecord(value.scripts)
        ? Object.fromEntries(Object.entries(value.scripts).filter((row): row is [string, string] => isText(row[1])))
        : {};
      const needsInstall = [value.dependencies, value.devDependencies].some(
        (names) => isRecord(names) && Object.keys(names).length > 0,
      );
      const packageManager = isText(value.packageManager) ? value.packageManager : '';
      return { directory, scripts, needsInstall, packageManager, member, workspaces: value.workspaces };
    } catch (error) {
      notes.push(`${at(directory, 'package.json')} is not readable: ${(error as Error).message}`);
      return null;
    }
  }
}

const LOCKS: readonly (readonly [string, PackageManager['name']])[] = [
  ['pnpm-lock.yaml', 'pnpm'],
  ['yarn.lock', 'yarn'],
  ['bun.lock', 'bun'],
  ['bun.lockb', 'bun'],
  ['package-lock.json', 'npm'],
  ['npm-shrinkwrap.json', 'npm'],
];

async function packageManagerOf(
  first: Package,
  files: ReadonlySet<string>,
  path: string,
  notes: string[],
): Promise<PackageManager> {
  const named = /^(npm|pnpm|yarn|bun)@([^+\s]+)/.exec(first.packageManager);
  const locks = LOCKS.filter(([file]) => files.has(at(first.directory, file)));
  const name = named === null ? (locks[0]?.[1] ?? 'npm') : (named[1] as PackageManager['name']);
  const different = locks.filter(([, other]) => other !== name);
  if (different.length > 0) notes.push(`${different.map(([file]) => file).join(', ')} does not belong to ${name}, which is used`);
  const source = named !== null ? `packageManager: ${first.packageManager}` : (locks[0]?.[0] ?? 'package.json');
  return { name, version: named?.[2] ?? '', source, found: await onPath(name, path) };
}

function install(manager: PackageManager): string {
  if (manager.name === 'npm' || manager.version === '') return INSTALL[manager.name]!;
  return manager.name === 'yarn' && !manager.version.startsWith('1.')
    ? 'corepack enable'
    : `npm install --global ${manager.name}@${manager.version}`;
}

/** The first package directory whose dependencies are declared and nowhere installed. */
async function withoutDependencies(
  top: string,
  packages: readonly Package[],
  files: ReadonlySet<string>,
): Promise<string | null> {
  for (const one of packages.filter((each) => !each.member && each.needsInstall)) {
    if (files.has(at(one.directory, '.pnp.cjs'))) continue;
    const there = await stat(join(top, one.directory, 'node_modules')).catch(() => null);
    const pnp = await stat(join(top, one.directory, '.pnp.cjs')).catch(() => null);
    if (there === null && pnp === null) return one.directory;
  }
  return null;
}

/** A runner's own `reporters:` are part of what the check does: an option on the command line would replace them. */
async function hasReporters(tree: Tree): Promise<boolean> {
  const configs = tree.treeFiles.filter((file) => /(?:^|\/)(?:vite|vitest|jest)\.config\.[cm]?[jt]s(?:on)?$/.test(file));
  for (const file of configs.slice(0, PACKAGES_MAX)) if (/\breporters\b/.test((await tree.readFile(file)) ?? '')) return true;
  return false;
}

function scriptChecks(
  packages: readonly Package[],
  manager: PackageManager,
  files: ReadonlySet<string>,
  nameTests: boolean,
  add: (check: Omit<work.CheckSpec, 'timeout'>) => void,
  unavailable: Unavailable[],
  notes: string[],
): void {
  const root = packages.find((one) => one.directory === '');
  for (const row of SCRIPTS) {
    const covered = root === undefined ? null : coveredBy(root, row);
    for (const one of packages) {
      if (one.member && covered !== null) continue;
      const script = row.find((name) => one.scripts[name] !== undefined);
      if (script !== undefined) addScript(one, script);
    }
  }
  // A compiler behind `build` is a type check where nothing else is one.
  for (const one of packages) {
    const build = one.scripts.build ?? '';
    if (/^(?:tsc|vue-tsc)$/.test(program(build)[0] ?? '') && !SCRIPTS[0]!.some((name) => one.scripts[name] !== undefined))
      addScript(one, 'build');
  }

  function addScript(one: Package, script: string): void {
    const line = one.scripts[script]!;
    const full = label(one.directory, script === 'test' ? `${manager.name} test` : `${manager.name} run ${script}`);
    if (placeholder(line)) {
      notes.push(`${full} is the placeholder that says "no test specified": it counts as no tests`);
      return;
    }
    const source = `${at(one.directory, 'package.json')} scripts.${script}`;
    if (files.has('.pnp.cjs')) {
      add({ name: full, command: `yarn run ${script}`, directory: one.directory, kind: kindOf(line, script), source });
      return;
    }
    const expansion = expand(script, one.scripts, one.directory);
    for (const note of expansion.notes) notes.push(`${full}: ${note}`);
    for (const part of expansion.parts) {
      if (WRITER.test(part.script) && part.script !== script) continue;
      const ends = ending(part.command, nameTests);
      if (ends === null) {
        unavailable.push({
          check: full,
          cause: `\`${part.command}\` serves or watches and does not end`,
          todo: 'name a command that ends under checks: in skein.yaml',
        });
        continue;
      }
      if (ends.note !== '') notes.push(`${full}: ${ends.note}`);
      const whole = expansion.parts.length === 1 && splitChain(line)?.length === 1;
      const whatever = /\bnpm_|\bINIT_CWD\b/.test(part.command);
      add({
        name: whole ? full : label(one.directory, nameOf(part, expansion.parts, manager.name)),
        command: whatever ? `${manager.name} run ${part.script}` : ends.command,
        directory: part.directory,
        kind: kindOf(part.command, part.script),
        source,
      });
    }
  }
}

/** `test: borp` for `borp --timeout 60000 --coverage` of the script `test`: the options are told in the report, where no other part of it starts the same way. */
function nameOf(part: Part, all: readonly Part[], manager: string): string {
  if (part.command.startsWith(`${manager} `)) return part.command;
  const bare = ({ command }: Part): string => command.replace(/(?<!^node) +-.*$|(?<=^node --test) .*$/s, '');
  const short = bare(part);
  const alone = !all.some((other) => other !== part && other.script === part.script && bare(other) === short);
  if (alone && short === part.script) return short;
  return `${part.script}: ${alone ? short : part.command}`;
}

/** The root script that already visits the packages; null when they have to be checked one by one. */
function coveredBy(root: Package, row: readonly string[]): string | null {
  const script = row.find((name) => root.scripts[name] !== undefined);
  if (script === undefined || placeholder(root.scripts[script]!)) return null;
  const parts = expand(script, root.scripts, '').parts;
  return parts.some((part) => VISITS_PACKAGES.test(part.command) || VISITS_FILES.test(program(part.command)[0] ?? ''))
    ? script
    : null;
}

function placeholder(line: string): boolean {
  return /^\s*echo\s+["']?(?:Error: )?no tests? (?:specified|yet|configured)?/i.test(line) || line.trim() === '';
}

// ---- paths ------------------------------------------------------------------------------------------------------------

/** Directories that hold one of these files, without those below another such directory: the top of each project. */
function projects(files: ReadonlySet<string>, names: readonly string[]): string[] {
  const found = [...files]
    .filter(
      (file) =>
        names.includes(file.slice(file.lastIndexOf('/') + 1)) &&
        !/(?:^|\/)(?:node_modules|vendor|testdata|fixtures?|examples?)\//.test(file),
    )
    .map((file) => (file.includes('/') ? file.slice(0, file.lastIndexOf('/')) : ''))
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const tops: string[] = [];
  for (const directory of found)
    if (!tops.some((top) => top === '' || top === directory || directory.startsWith(`${top}/`))) tops.push(directory);
  return tops.slice(0, PACKAGES_MAX);
}

/** Workspace globs: `*` within a name, `**` across. */
function matches(glob: string, directory: string): boolean {
  const pattern = glob
    .replaceAll(/^\.\/|\/+$/g, '')
    .split('/')
    .map((step) =>
      step === '**' ? '(?:[^/]+/)*' : `${step.replaceAll(/[.+^${}()|[\]\\?]/g, '\\$&').replaceAll('*', '[^/]*')}/`,
    );
  return new RegExp(`^${pattern.join('')}$`).test(`${directory}/`);
}

const at = (directory: string, file: string): string => (directory === '' ? file : `${directory}/${file}`);
const label = (directory: string, name: string): string => (directory === '' ? name : `${directory}: ${name}`);
const isText = (value: unknown): value is string => typeof value === 'string';
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
