/**
 * What languages other than JavaScript need to find their installed dependencies from a clone: the user's virtual environment
 * is used where it is, an editable install in it is pointed at the clone; cargo and go build into directories of their own.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { delimiter, dirname, join, relative } from 'node:path';

export interface LanguageEnv {
  /** Directories to put before PATH. */
  readonly bins: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
}

/** For commands started in `directory` (relative to the top) of `clone`, with what is installed in `source`. */
export async function languageEnv(clone: string, source: string, directory: string, temp: string): Promise<LanguageEnv> {
  const bins: string[] = [];
  const extra: Record<string, string> = {};
  for (const level of levels(directory)) bins.push(join(clone, level, 'node_modules', '.bin'));
  for (const level of levels(directory)) {
    const venv = await virtualEnv(join(source, level));
    if (venv === null) continue;
    bins.push(join(venv, 'bin'));
    extra.VIRTUAL_ENV = venv;
    const editable = await editablePaths(venv, await realpath(source));
    if (editable.length > 0) extra.PYTHONPATH = editable.map((path) => join(clone, path)).join(delimiter);
    break;
  }
  if ((await stat(join(clone, directory, 'Cargo.toml')).catch(() => null)) !== null)
    Object.assign(extra, { CARGO_TARGET_DIR: join(temp, 'target'), CARGO_NET_OFFLINE: 'true', CARGO_TERM_COLOR: 'never' });
  // Additive: what a project's own settings ask for stays; names are read from `path::name PASSED` lines.
  extra.PYTEST_ADDOPTS = '-v -rpfEsxX --color=no';
  return { bins, extra };
}

/** `a/b` -> a/b, a, top. */
function levels(directory: string): string[] {
  const steps = directory === '' ? [] : directory.split('/');
  return [...steps.map((_, index) => steps.slice(0, steps.length - index).join('/')), ''];
}

async function virtualEnv(directory: string): Promise<string | null> {
  for (const name of ['.venv', 'venv']) {
    const path = join(directory, name);
    if ((await stat(join(path, 'pyvenv.cfg')).catch(() => null)) !== null) return path;
  }
  return null;
}

/**
 * Paths of this repository that an editable install put on the module path. PYTHONPATH comes before site-packages, so the same
 * paths of the clone win over the user's.
 */
async function editablePaths(venv: string, source: string): Promise<string[]> {
  const found = new Set<string>();
  for (const version of await readdir(join(venv, 'lib')).catch(() => [])) {
    const packages = join(venv, 'lib', version, 'site-packages');
    for (const name of await readdir(packages).catch(() => [])) {
      const finder = /^__editable__.*\.py$/.test(name);
      if (!finder && !/\.(?:pth|egg-link)$/.test(name)) continue;
      const text = await readFile(join(packages, name), 'utf8').catch(() => '');
      for (const line of finder ? (text.match(/'[^'\n]+'/g) ?? []).map((quoted) => quoted.slice(1, -1)) : text.split('\n')) {
        const path = line.trim();
        if (path !== source && !path.startsWith(`${source}/`)) continue;
        found.add(relative(source, finder ? dirname(path) : path));
      }
    }
  }
  return [...found].toSorted();
}

/** Changes when what is installed changes, although no file of the commit did: part of a verdict's key. */
export async function dependencyStamp(source: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of [
    'node_modules/.package-lock.json',
    'node_modules/.modules.yaml',
    'node_modules/.yarn-state.yml',
    'node_modules/.yarn-integrity',
    '.pnp.cjs',
    '.venv/pyvenv.cfg',
    'venv/pyvenv.cfg',
  ]) {
    const content = await readFile(join(source, file)).catch(() => null);
    if (content !== null) hash.update(file).update(content);
  }
  for (const venv of ['.venv', 'venv'])
    for (const version of await readdir(join(source, venv, 'lib')).catch(() => [])) {
      const names: string[] = await readdir(join(source, venv, 'lib', version, 'site-packages')).catch(() => []);
      hash.update(names.toSorted((a, b) => (a < b ? -1 : 1)).join('\n'));
    }
  return hash.digest('hex').slice(0, 32);
}
