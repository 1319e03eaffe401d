/**
 * Which tests see a change: the import graph of a tree's JavaScript and TypeScript, walked from the changed files up to test
 * files, and a test check's command narrowed to some of its files. It reads text that it is handed and starts nothing. It errs
 * towards more tests: a file whose imports cannot all be followed counts as importing everything, and what reaches tests
 * by another way than imports (data, settings, build output) is answered with null and the reason.
 */
import type { work } from '../../../contracts/index.ts';
import { type Import, importsOf } from './imports.ts';
import { splitChain } from './script.ts';

export interface ModuleGraph {
  readonly modules: ReadonlyMap<string, ModuleNode>;
  /** Files left out, because the tree has more than `MODULES_MAX`. */
  readonly leftOut: number;
}

export interface ModuleNode {
  readonly imports: readonly { readonly path: string; readonly kind: Import['kind'] }[];
  /** Why not every import can be followed; '' = all can. */
  readonly open: string;
}

/** Some 4 s of reading on one core. */
export const MODULES_MAX = 20_000;

const CODE = /\.(?:[cm]?[jt]s|[jt]sx)$/;
/** `.js` may stand for a source that is compiled; Node's own order first. */
const ENDINGS = [
  '',
  '.js',
  '.cjs',
  '.mjs',
  '.json',
  '.ts',
  '.mts',
  '.cts',
  '.tsx',
  '.jsx',
  '.d.ts',
  '/index.js',
  '/index.cjs',
  '/index.mjs',
  '/index.ts',
  '/index.tsx',
  '/index.mts',
];

// ---- the graph ----------------------------------------------------------------------------------------------------------

/** `read` is asked for code and for package.json files, once each, in order. */
export async function moduleGraph(
  paths: readonly string[],
  read: (path: string) => Promise<string | null>,
): Promise<ModuleGraph> {
  const tracked = new Set(paths);
  const code = paths.filter((path) => CODE.test(path) && !path.includes('node_modules/'));
  const packages = await packagesOf(paths, read);
  const modules = new Map<string, ModuleNode>();
  for (const path of code.slice(0, MODULES_MAX)) {
    const text = await read(path);
    if (text !== null) modules.set(path, nodeOf(path, text, tracked, packages));
  }
  return { modules, leftOut: Math.max(0, code.length - MODULES_MAX) };
}

interface Package {
  readonly directory: string;
  readonly name: string;
  readonly main: string;
  readonly imports: Readonly<Record<string, unknown>>;
  readonly exports: unknown;
}

async function packagesOf(paths: readonly string[], read: (path: string) => Promise<string | null>): Promise<Package[]> {
  const found: Package[] = [];
  for (const path of paths) {
    if (!/(?:^|\/)package\.json$/.test(path) || path.includes('node_modules/')) continue;
    try {
      const value = JSON.parse((await read(path)) ?? '{}') as Record<string, unknown>;
      found.push({
        directory: path.slice(0, Math.max(0, path.length - '/package.json'.length)),
        name: typeof value.name === 'string' ? value.name : '',
        main: typeof value.main === 'string' ? value.main : 'index.js',
        imports: isRecord(value.imports) ? value.imports : {},
        exports: value.exports ?? null,
      });
    } catch {
      // a fixture that is broken on purpose
    }
  }
  return found.toSorted((a, b) => b.directory.length - a.directory.length);
}

function nodeOf(path: string, text: string, tracked: ReadonlySet<string>, packages: readonly Package[]): ModuleNode {
  const { imports, computed } = importsOf(text);
  const found: { path: string; kind: Import['kind'] }[] = [];
  let open = computed ? 'it imports by a computed name' : '';
  for (const { specifier, kind } of imports) {
    const targets = resolve(specifier, path, tracked, packages);
    if (targets === null) {
      if (open === '' && kind !== 'type' && kind !== 'path' && !path.endsWith('.d.ts')) open = `${specifier} is not in the tree`;
    } else for (const target of targets) if (target !== path) found.push({ path: target, kind });
  }
  return { imports: found, open };
}

/** Files of the tree that a specifier may mean; [] = somebody else's package or no module at all; null = cannot be told. */
function resolve(
  specifier: string,
  from: string,
  tracked: ReadonlySet<string>,
  packages: readonly Package[],
): readonly string[] | null {
  const own = packages.find((one) => one.directory === '' || from.startsWith(`${one.directory}/`));
  if (/^\.{1,2}(?:\/|$)/.test(specifier)) {
    const target = join(directoryOf(from), specifier);
    if (target === null) return [];
    const file = fileAt(target);
    // A path into what is installed or built is no module of this tree; another missing one may be built, or never meant.
    return file !== null ? [file] : /\.[a-z]+$/i.test(target) && !CODE.test(target) ? [] : null;
  }
  if (specifier.startsWith('#') && own !== undefined) return mapped(own.imports, specifier, own);
  if (/^[@~]\//.test(specifier)) return null; // an alias of some bundler
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
  const target = packages.find((one) => one.name !== '' && one.name === name);
  if (target === undefined) return [];
  const rest = `.${specifier.slice(name.length)}`;
  if (target.exports !== null) {
    const map =
      isRecord(target.exports) && Object.keys(target.exports).some((key) => key.startsWith('.'))
        ? target.exports
        : { '.': target.exports };
    return mapped(map, rest, target);
  }
  const file = fileAt(join(target.directory, rest === '.' ? target.main : rest) ?? '');
  return file === null ? null : [file];

  function fileAt(path: string): string | null {
    for (const ending of ENDINGS) if (tracked.has(path + ending)) return path + ending;
    const source = path.replace(/\.([cm]?)js(x?)$/, '.$1ts$2');
    if (source !== path) for (const one of [source, source.replace(/\.ts$/, '.tsx')]) if (tracked.has(one)) return one;
    const below = packages.find((one) => one.directory === path);
    const main = below === undefined ? path : join(path, below.main);
    return main === null || main === path ? null : (fileAt(main) ?? fileAt(join(path, 'index.js') ?? ''));
  }

  /** Every target that any condition names: more tests rather than fewer. */
  function mapped(map: Readonly<Record<string, unknown>>, key: string, within: Package): readonly string[] | null {
    let hole = '';
    let value = map[key];
    if (value === undefined)
      for (const [pattern, said] of Object.entries(map)) {
        const [before = '', after] = pattern.split('*');
        if (after === undefined || !key.startsWith(before) || !key.endsWith(after) || key.length < before.length + after.length)
          continue;
        hole = key.slice(before.length, key.length - after.length);
        value = said;
      }
    const files = strings(value).flatMap((one) => fileAt(join(within.directory, one.replaceAll('*', hole)) ?? '') ?? []);
    return files.length === 0 ? null : [...new Set(files)];
  }
}

function strings(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(strings) : [];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const directoryOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** Repository-relative; null when it leaves the repository. */
function join(base: string, to: string): string | null {
  const steps = base === '' ? [] : base.split('/');
  for (const step of to.split('/')) {
    if (step === '' || step === '.') continue;
    if (step !== '..') steps.push(step);
    else if (steps.pop() === undefined) return null;
  }
  return steps.join('/');
}

// ---- tests of a change --------------------------------------------------------------------------------------------------

export interface Affected {
  /** Test files that import a changed file, directly or not; null = cannot be told. */
  readonly tests: readonly string[] | null;
  /** Why it cannot be told, or what was assumed; '' = neither. */
  readonly why: string;
}

/** Which of `tests` (see `testFiles`) see a change of these paths. O(files + imports). */
export function affectedTests(graph: ModuleGraph, tests: readonly string[], changed: readonly string[]): Affected {
  if (graph.leftOut > 0) return { tests: null, why: `the tree has more than ${MODULES_MAX} modules` };
  const importers = new Map<string, string[]>();
  for (const [path, node] of graph.modules)
    for (const target of node.imports) {
      const list = importers.get(target.path);
      if (list === undefined) importers.set(target.path, [path]);
      else list.push(path);
    }
  for (const path of changed)
    if (!graph.modules.has(path) && !importers.has(path) && !/\.(?:md|markdown|txt|d\.ts)$/i.test(path))
      return { tests: null, why: `${path} is no module that the tree imports` };
  const up = (from: readonly string[]): Set<string> => {
    const reached = new Set(from);
    for (const path of reached) for (const importer of importers.get(path) ?? []) reached.add(importer);
    return reached;
  };
  const sure = up(changed);
  const open = [...graph.modules].filter(([path, node]) => node.open !== '' && !sure.has(path)).map(([path]) => path);
  const reached = up([...sure, ...open]);
  const unsure = tests.find((path) => reached.has(path) && !sure.has(path));
  const seen = tests.filter((path) => reached.has(path));
  if (unsure === undefined) return { tests: seen, why: '' };
  const first = open.find((path) => up([path]).has(unsure))!;
  return { tests: seen, why: `${first}: ${graph.modules.get(first)!.open}, so its tests count as affected` };
}

// ---- commands -----------------------------------------------------------------------------------------------------------

type Runner = 'node' | 'tap' | 'borp' | 'mocha' | 'vitest' | 'jest' | 'ava' | 'tape';

interface TestCommand {
  readonly runner: Runner;
  /** Assignments before the program. */
  readonly env: readonly string[];
  /** The program's own words, with its options and without the files. */
  readonly words: readonly string[];
  readonly files: readonly string[];
}

/** Options that take the next word. */
const VALUED: Readonly<Record<Runner, RegExp>> = {
  node: /^(?:-r|--require|--import|--loader|--experimental-loader|--test-reporter|--test-reporter-destination|--test-name-pattern|--test-skip-pattern|--test-concurrency|--test-timeout|-C|--conditions|--env-file|--input-type)$/,
  tap: /^(?:-R|--reporter|-j|--jobs|-t|--timeout|--node-arg|--plugin|--include|--exclude|-x|--before|--after|--coverage-map|--coverage-report)$/,
  borp: /^(?:-c|--concurrency|-t|--timeout|-r|--reporter|-i|--ignore|-p|--pattern|-X|--coverage-exclude|--lines|--branches|--functions|--statements)$/,
  mocha:
    /^(?:-r|--require|--import|-R|--reporter|-O|--reporter-option|-t|--timeout|-s|--slow|-g|--grep|-f|--fgrep|-u|--ui|--config|--extension|--file|--ignore|--exclude|-j|--jobs|--retries|-n|--node-option|--package|--loader)$/,
  vitest:
    /^(?:-c|--config|-r|--root|--dir|--project|--reporter|-t|--testNamePattern|--environment|--pool|--mode|--outputFile|--maxWorkers|--bail|--retry|--exclude|--shard|--testTimeout|--hookTimeout)$/,
  jest: /^(?:-c|--config|-t|--testNamePattern|--env|--rootDir|--roots|--selectProjects|--reporters|-w|--maxWorkers|--shard|--testTimeout|--coverageDirectory|--setupFilesAfterEnv|--outputFile)$/,
  ava: /^(?:-m|--match|-T|--timeout|-c|--concurrency|--config|--node-arguments)$/,
  tape: /^(?:-r|--require|-i|--ignore|--ignore-pattern)$/,
};

/** Reads a shell line that starts one test runner; null for anything else. Coverage tools around it are left out: what they demand of a whole run means nothing for a part. */
function testCommand(command: string): TestCommand | null {
  if (splitChain(command)?.length !== 1 || /[$\\]/.test(command)) return null;
  const all = shellWords(command);
  const env: string[] = [];
  let at = 0;
  for (let wrapped = false; at < all.length; at += 1) {
    const word = all[at]!;
    if (/^[A-Za-z_]\w*=/.test(word))
      env.push(`${word.slice(0, word.indexOf('=') + 1)}${quote(word.slice(word.indexOf('=') + 1))}`);
    else if (/^(?:c8|nyc)$/.test(word)) wrapped = true;
    else if (!/^(?:cross-env|npx|env|--yes|-y|--no-install|--)$/.test(word) && !(wrapped && !isRunner(word))) break;
  }
  const [first = '', ...rest] = all.slice(at);
  const base = first.slice(first.lastIndexOf('/') + 1);
  if (!isRunner(base)) return null;
  const runner = base as Runner;
  if (runner === 'node' && !rest.includes('--test')) return null;
  const own: string[] = [first];
  const files: string[] = [];
  for (let i = 0; i < rest.length; i += 1) {
    const word = rest[i]!;
    if (word.startsWith('-')) {
      if (isCoverage(word)) continue;
      own.push(word);
      if (VALUED[runner].test(word) && rest[i + 1] !== undefined) own.push(rest[(i += 1)]!);
    } else if (runner === 'vitest' && i === 0 && /^(?:run|watch|dev|bench|related|list)$/.test(word)) {
      if (word !== 'run') return null;
      own.push(word);
    } else files.push(word);
  }
  if (runner === 'vitest' && own[1] !== 'run' && !own.includes('--run')) return null;
  return { runner, env, words: own, files };
}

/** `a='b c' "d"` -> a=b c, d. */
function shellWords(command: string): string[] {
  return (command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []).map((word) => word.replaceAll(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}

const isRunner = (word: string): boolean =>
  /^(?:node|tap|borp|mocha|vitest|jest|ava|tape)$/.test(word.slice(word.lastIndexOf('/') + 1));
const isCoverage = (word: string): boolean =>
  /^(?:-C|--coverage|--check-coverage|--experimental-test-coverage|--test-coverage-[\w-]+(?:=.*)?|--coverage[.=].*|--(?:lines|branches|functions|statements)=.*)$/.test(
    word,
  );

const NODE_DEFAULT = /(?:^|\/)(?:test\/.*|(?:.*[.\-_])?test|test-[^/]*)\.[cm]?[jt]s$/;
const SUFFIXED = /\.(?:test|spec)\.[cm]?[jt]sx?$/;
const DEFAULTS: Readonly<Record<Runner, RegExp>> = {
  node: NODE_DEFAULT,
  tap: /(?:^|\/)(?:(?:tests?|__tests__)\/.*|(?:.*\.)?(?:tests?|spec))\.(?:[cm]?[jt]s|[jt]sx)$/,
  borp: /(?:^|\/)[^/]*\.test\.[cm]?[jt]s$/,
  mocha: /^test\/[^/]*\.[cm]?js$/,
  vitest: SUFFIXED,
  jest: /(?:^|\/)__tests__\/.*\.[cm]?[jt]sx?$|(?:^|\/)(?:[^/]*\.)?(?:test|spec)\.[cm]?[jt]sx?$/,
  ava: /(?:^|\/)(?:test|(?:test|tests|__tests__)\/(?!.*(?:helpers|fixtures)\/)[^_].*|(?:test-|src\/test-)[^/]*|[^/]*\.test)\.[cm]?js$/,
  tape: /(?!)/,
};
/** Never a test by itself, wherever it lies. */
const SUPPORT = /(?:^|\/)(?:node_modules|fixtures?|__fixtures__|helpers?|__mocks__)\//;

/** Test files that the check runs, of `paths`; null when its command cannot be read. */
export function testFiles(
  check: Pick<work.CheckSpec, 'command' | 'directory'>,
  paths: readonly string[],
): readonly string[] | null {
  const command = testCommand(check.command);
  if (command === null) return null;
  const below = check.directory === '' ? '' : `${check.directory}/`;
  const named = command.files.map((file) => file.replace(/^\.\//, '')).filter((file) => !file.startsWith('!'));
  const wanted =
    named.length === 0
      ? (path: string): boolean => DEFAULTS[command.runner].test(path) && !SUPPORT.test(path)
      : (path: string): boolean => named.some((glob) => covers(glob, path, command.runner));
  return paths.filter(
    (path) => path.startsWith(below) && CODE.test(path) && !path.endsWith('.d.ts') && wanted(path.slice(below.length)),
  );
}

/** Shell and runner globs, a directory, a file, or (vitest, jest) a part of the path. */
function covers(glob: string, path: string, runner: Runner): boolean {
  if (glob === path) return true;
  if (!/[*?[{]/.test(glob))
    return path.startsWith(`${glob.replace(/\/$/, '')}/`) || (/^(?:vitest|jest)$/.test(runner) && path.includes(glob));
  const source = glob
    .replaceAll(/[.+^$()|\\]/g, '\\$&')
    .replaceAll('{', '(?:')
    .replaceAll('}', ')')
    .replaceAll(',', '|')
    .replaceAll(/\*\*\/|\*\*|\*|\?(?!:)/g, (one) => ({ '**/': '(?:[^/]+/)*', '**': '.*', '*': '[^/]*' })[one] ?? '[^/]');
  try {
    return new RegExp(`^${source}$`).test(path);
  } catch {
    return false;
  }
}

export interface Narrowing {
  /** The runner's own way to end at the first failure, where it has one. */
  readonly untilFailure?: boolean;
  /** Arguments added behind the program: a reporter. */
  readonly options?: readonly string[];
}

/** The check's command for these of its test files alone (all of them when `files` is null); null when that cannot be said in a command. Runs in the check's directory. */
export function narrow(
  check: Pick<work.CheckSpec, 'command' | 'directory'>,
  files: readonly string[] | null,
  how: Narrowing = {},
): string | null {
  const command = testCommand(check.command);
  if (command === null || files?.length === 0) return null;
  const below = check.directory === '' ? 0 : check.directory.length + 1;
  const chosen = files === null ? command.files : files.map((file) => file.slice(below));
  const { runner } = command;
  const extra = [...(how.options ?? [])];
  if (how.untilFailure === true)
    extra.push(
      ...((
        { mocha: ['--bail'], vitest: ['--bail=1'], jest: ['--bail'], tap: ['--bail'], ava: ['--fail-fast'] } as Partial<
          Record<Runner, string[]>
        >
      )[runner] ?? []),
    );
  if (files !== null && runner === 'jest') extra.push('--runTestsByPath');
  const env = runner === 'tap' ? ['TAP_ALLOW_INCOMPLETE_COVERAGE=1', 'TAP_ALLOW_EMPTY_COVERAGE=1', ...command.env] : command.env;
  // A glob that the shell was to expand stays one.
  const spelled = chosen.map((file) => (files === null && !/['"]/.test(check.command) ? file : quote(file)));
  return [...env, ...[...command.words, ...extra].map(quote), ...spelled].join(' ');
}

/** What the runner of this check is called; null when its command cannot be read. */
export function runnerOf(check: Pick<work.CheckSpec, 'command'>): Runner | null {
  return testCommand(check.command)?.runner ?? null;
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
