/**
 * Files that a repository's own linter looks at: what it is told to ignore is not planned, edited or counted here either. ESLint
 * is asked itself; the ignore lists of the others are read by git, whose patterns theirs are. A linter that cannot be asked
 * ignores nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const ESLINT = /^(?:eslint\.config\.[cm]?[jt]s|\.eslintrc(?:\.\w+)?)$/;
const TIME_MS = 20_000;
const OUTPUT_MAX = 64 * 1024 * 1024;

interface EslintModule {
  readonly ESLint: new (options: { cwd: string }) => { isPathIgnored(path: string): Promise<boolean> };
}

/** `directory` is where the linter is configured, '' = the top; paths are relative to the top. */
export async function notIgnored(workspace: string, directory: string, files: readonly string[]): Promise<string[]> {
  const at = join(workspace, directory);
  const patterns = [...ignoreFile(at), ...oxlint(at), ...biome(at)];
  const left = patterns.length === 0 ? [...files] : matchless(workspace, directory, files, patterns);
  if (!readdirSync(at).some((name) => ESLINT.test(name))) return left;
  try {
    const require = createRequire(join(at, 'package.json'));
    const { ESLint } = (await import(pathToFileURL(require.resolve('eslint')).href)) as EslintModule;
    const linter = new ESLint({ cwd: at });
    const ignored = await Promise.all(left.map((path) => linter.isPathIgnored(join(workspace, path))));
    return left.filter((_, i) => !ignored[i]);
  } catch {
    return left;
  }
}

function ignoreFile(at: string): string[] {
  const file = join(at, '.eslintignore');
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
}

function oxlint(at: string): string[] {
  return strings((settings(at, ['.oxlintrc.json', '.oxlintrc.jsonc']) as { ignorePatterns?: unknown }).ignorePatterns);
}

/** Biome 2 lists what it takes, `!` before what it does not; Biome 1 had a list of its own. */
function biome(at: string): string[] {
  const { files = {} } = settings(at, ['biome.json', 'biome.jsonc']) as { files?: { includes?: unknown; ignore?: unknown } };
  const not = strings(files.includes).flatMap((one) => (one.startsWith('!') ? [one.replace(/^!+/, '')] : []));
  return [...strings(files.ignore), ...not];
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function settings(at: string, names: readonly string[]): object {
  const name = names.find((one) => existsSync(join(at, one)));
  if (name === undefined) return {};
  try {
    const text = readFileSync(join(at, name), 'utf8').replaceAll(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\//g, (part) =>
      part.startsWith('"') ? part : '',
    );
    const value: unknown = JSON.parse(text.replaceAll(/,(\s*[}\]])/g, '$1'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** The files that none of the patterns ignores. Their own language is git's, so git reads them. */
function matchless(workspace: string, directory: string, files: readonly string[], patterns: readonly string[]): string[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  const temp = mkdtempSync(join(tmpdir(), 'ignored-'));
  try {
    const list = join(temp, 'patterns');
    writeFileSync(list, patterns.join('\n'));
    // A repository of its own: what the other one ignores says nothing here.
    const asked = files.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
    const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
    const options = { cwd: temp, env, encoding: 'utf8', timeout: TIME_MS, maxBuffer: OUTPUT_MAX } as const;
    spawnSync('git', ['init', '-q', '.'], options);
    const check = ['-c', `core.excludesFile=${list}`, 'check-ignore', '--no-index', '--stdin', '-z'];
    const done = spawnSync('git', check, { ...options, input: asked.join('\0') });
    if (done.status !== 0) return [...files];
    const ignored = new Set(done.stdout.split('\0').map((path) => `${prefix}${path}`));
    return files.filter((path) => !ignored.has(path));
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}
