/**
 * What a checkout holds: its packages, which files are sources and which are tests, how a package's unit tests are started
 * without its linters. Reads manifests and names only.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

export interface CheckLine {
  readonly name: string;
  readonly command: string;
  readonly directory: string;
  readonly kind: string;
}

export interface Package {
  /** '' = top. */
  readonly directory: string;
  readonly name: string;
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

export interface Manifest {
  readonly name?: string;
  readonly type?: string;
  readonly main?: string;
  readonly types?: string;
  readonly typings?: string;
  readonly exports?: unknown;
  readonly scripts?: Readonly<Record<string, string>>;
}

const CODE = /\.(?:[cm]?[jt]sx?)$/;
const NOT_SOURCE =
  /(?:^|\/)(?:tests?|__tests__|__mocks__|spec|specs|fixtures?|examples?|bench|benchmarks?|benchmarking|docs?|scripts?|tools?|build|dist|coverage|integration|perf|e2e|website|\.[^/]+)\//i;
const NOT_SOURCE_FILE =
  /(?:[.-](?:test|spec|tst|test-d|bench|config|stories)\.[cm]?[jt]sx?$|(?:^|\/)(?:tests?|bench(?:mark)?|examples?|[^/]*rc|gulpfile|gruntfile)\.[cm]?[jt]sx?$|\.d\.[cm]?ts$)/i;
const TEST =
  /(?:[.-](?:test|spec)\.[cm]?[jt]sx?$|(?:^|\/)(?:tests?|__tests__|specs?)\/.*\.[cm]?[jt]sx?$|(?:^|\/)test\.[cm]?js$)/i;

/** Packages by the manifests among the tracked files, outermost last, so that a file belongs to the nearest. */
export function packagesOf(workspace: string, files: readonly string[]): Package[] {
  const directories = files
    .filter((path) => posix.basename(path) === 'package.json' && !NOT_SOURCE.test(path))
    .map((path) => (posix.dirname(path) === '.' ? '' : posix.dirname(path)));
  if (directories.length === 0 && existsSync(join(workspace, 'package.json'))) directories.push('');
  directories.sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  const owner = (path: string): string | undefined =>
    directories.find((directory) => directory === '' || path.startsWith(`${directory}/`));
  return directories.map((directory) => {
    const mine = files.filter((path) => CODE.test(path) && owner(path) === directory);
    const inside = (path: string): string => (directory === '' ? path : path.slice(directory.length + 1));
    return {
      directory,
      name: manifestOf(workspace, directory).name ?? (directory || 'the repository'),
      sources: mine.filter((path) => !NOT_SOURCE.test(inside(path)) && !NOT_SOURCE_FILE.test(path)),
      tests: mine.filter((path) => TEST.test(inside(path))),
    };
  });
}

export function manifestOf(workspace: string, directory: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(workspace, directory, 'package.json'), 'utf8')) as Manifest;
  } catch {
    return {};
  }
}

/** What only looks at the code: an instrumented copy would only make it complain. */
const LOOKERS =
  /^(?:eslint|standard|semistandard|neostandard|ts-standard|xo|biome|oxlint|oxfmt|prettier|dprint|tsc|tsd|tstyche|attw|publint|knip|echo|license-checker|snazzy|rimraf|rm|markdownlint\S*|commitlint|lockfile-lint|madge|size-limit|nsp|airtap|playwright|cypress|tsup|rollup|webpack|vite|esbuild|tap-mocha-reporter|codecov|snyk)$/;
const SCRIPTS = ['test:unit', 'unit', 'test-unit', 'test:node', 'tests-only', 'test:ci', 'test'];
const EXPANSION_DEPTH = 4;

/** Shell lines that run the unit tests of a package and nothing else. `checks` are the lines the run already knows. */
export function unitTestLines(workspace: string, directory: string, checks: readonly CheckLine[]): string[] {
  const scripts = manifestOf(workspace, directory).scripts ?? {};
  const given = checks
    .filter((check) => check.kind.startsWith('test') && check.directory === directory)
    .map(({ command }) => command);
  const own = SCRIPTS.find((name) => scripts[name] !== undefined && !/no test specified/.test(scripts[name]));
  const start = given.length > 0 ? given : own === undefined ? [] : [scripts[own]!];
  const lines = start.flatMap((line) => expanded(line, scripts, 0));
  return [...new Set(lines)];
}

function expanded(line: string, scripts: Readonly<Record<string, string>>, depth: number): string[] {
  return line
    .split(/\s*(?:&&|;)\s*/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => {
      const called =
        /^(?:npm|pnpm|yarn|bun)\s+(?:run(?:-script)?\s+)?(?:-s\s+|--silent\s+)?([\w:.-]+)(?:\s+--)?(?:\s+(.*))?$/.exec(part);
      const several = /^(?:run-s|run-p|npm-run-all)\s+(.*)$/.exec(part);
      const names =
        called === null
          ? several === null
            ? []
            : several[1]!.split(/\s+/).filter((name) => !name.startsWith('-'))
          : [called[1] === 't' ? 'test' : called[1]!];
      const known = names.flatMap((name) =>
        Object.keys(scripts).filter(
          (script) => script === name || (name.endsWith('*') && script.startsWith(name.replace(/\*+$/, ''))),
        ),
      );
      if (known.length > 0 && depth < EXPANSION_DEPTH)
        return known
          .filter((name) => !/lint|typescript|types?$|format|coverage:|build/.test(name))
          .flatMap((name) => expanded(scripts[name]!, scripts, depth + 1));
      const bare = withoutCoverage(part);
      const words = bare.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word) && word !== 'npx' && word !== 'cross-env');
      return words.length === 0 || LOOKERS.test(words[0]!) ? [] : [bare];
    });
}

/** Coverage slows the tests down and complains about instrumented code. */
function withoutCoverage(line: string): string {
  const wrapped =
    /^((?:[A-Z_]+=\S+\s+)*)(?:npx\s+)?(?:c8|nyc|istanbul cover)\s+((?:-{1,2}[\w-]+(?:=\S+)?(?:\s+(?!node\b|tap\b|mocha\b|ava\b|jest\b|vitest\b|borp\b|-)[^-\s]\S*)?\s+)*)(.*)$/.exec(
      line,
    );
  const inner = wrapped === null ? line : `${wrapped[1]}${wrapped[3]}`;
  return inner
    .replace(/\s--(?:check-)?coverage\b(?:=\S+)?/g, '')
    .replace(/\s--(?:lines|branches|functions|statements)[= ]\d+/g, '');
}

export interface Entry {
  readonly code: string;
  readonly types: string;
}

/** Files that users of a package import, each with the declaration file shipped for it. Paths are relative to the checkout. */
export function entriesOf(manifest: Manifest, directory: string, exists: (path: string) => boolean): Entry[] {
  const entries: Entry[] = [];
  const place = (path: string): string => posix.join(directory, path);
  const add = (code: string | undefined, types: string | undefined): void => {
    const file = [code, `${code}.js`, `${code}/index.js`]
      .filter((path) => path !== undefined)
      .map(place)
      .find(exists);
    if (file === undefined) return;
    const beside = file.replace(/\.([cm]?)js$/, '.d.$1ts');
    const declared = types === undefined ? (exists(beside) ? beside : undefined) : place(types);
    if (
      declared !== undefined &&
      declared !== file &&
      exists(declared) &&
      !entries.some((entry) => entry.code === file && entry.types === declared)
    )
      entries.push({ code: file, types: declared });
  };
  add(manifest.main ?? 'index.js', manifest.types ?? manifest.typings);
  const walk = (value: unknown, types: string | undefined, depth: number): void => {
    if (depth > 6 || value === null || value === undefined) return;
    if (typeof value === 'string') {
      if (/\.[cm]?js$/.test(value)) add(value, types);
      return;
    }
    if (typeof value !== 'object') return;
    const record = value as Record<string, unknown>;
    const own = typeof record['types'] === 'string' ? record['types'] : types;
    for (const [key, inner] of Object.entries(record)) if (key !== 'types') walk(inner, own, depth + 1);
  };
  walk(manifest.exports, undefined, 0);
  return entries;
}
