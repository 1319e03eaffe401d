/** The package as it would be published: built, packed, and installed in an empty directory. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporary } from '../run/repositories.ts';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
const NPM_MS_MAX = 40_000;
const NPM_BYTES_MAX = 16 * 1024 * 1024; // `pack --json` lists every file
const run = promisify(execFile);
const QUIET = ['--prefer-offline', '--no-audit', '--no-fund', '--no-save', '--loglevel=error', '--fetch-retries=0'];

export interface Installed {
  /** An npm project of its own that depends on skein alone. */
  readonly app: string;
  readonly package: string;
  /** What `npx skein` starts. */
  readonly bin: string;
  /** Paths in the tarball. */
  readonly packed: readonly string[];
}

export async function npm(cwd: string, args: readonly string[]): Promise<string> {
  const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_|VITEST|CI$)/.test(name)));
  const { stdout } = await run('npm', args, {
    cwd,
    timeout: NPM_MS_MAX,
    maxBuffer: NPM_BYTES_MAX,
    env: { ...kept, PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter) },
  });
  return stdout;
}

export async function installPacked(): Promise<Installed> {
  await run(join(HERE, 'node_modules/.bin/tsc'), ['-b'], { cwd: HERE });
  const home = temporary('packed');
  // Built above: its own prepack would build all of it once more.
  const [tarball] = JSON.parse(await npm(HERE, ['pack', '--json', '--ignore-scripts', '--pack-destination', home])) as {
    readonly filename: string;
    readonly files: readonly { readonly path: string }[];
  }[];
  const app = join(home, 'app');
  mkdirSync(app);
  const file = join(home, tarball!.filename);
  try {
    await npm(app, ['install', ...QUIET, file]);
  } catch {
    unpack(file, app); // no registry and nothing in the cache
  }
  return {
    app,
    package: join(app, 'node_modules', 'skein'),
    bin: join(app, 'node_modules', '.bin', 'skein'),
    packed: tarball!.files.map(({ path }) => path),
  };
}

/** What `npm install` would do, with the dependencies that this checkout has. */
function unpack(file: string, app: string): void {
  const modules = join(app, 'node_modules');
  const into = join(modules, 'skein');
  mkdirSync(into, { recursive: true });
  mkdirSync(join(modules, '.bin'), { recursive: true });
  execFileSync('tar', ['-xzf', file, '-C', into, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(HERE, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies))
    cpSync(join(HERE, 'node_modules', name), join(modules, name), { recursive: true });
  chmodSync(join(into, 'dist/surfaces/cli/bin.js'), 0o755);
  if (!existsSync(join(modules, '.bin', 'skein')))
    symlinkSync('../skein/dist/surfaces/cli/bin.js', join(modules, '.bin', 'skein'));
}

/**
 * The `node_modules` in which each package from npm is, in their order; null without a registry and with nothing in the cache.
 * All in one go; if that fails, whichever of them can be had.
 */
export async function fromNpm<const Specs extends readonly string[]>(
  specs: Specs,
): Promise<{ [I in keyof Specs]: string | null }> {
  const install = async (some: readonly string[]): Promise<string | null> => {
    const home = temporary('tools');
    try {
      await npm(home, ['install', ...QUIET, '--ignore-scripts', ...some]);
      return join(home, 'node_modules');
    } catch {
      return null;
    }
  };
  const all = await install(specs);
  const each = all === null ? await Promise.all(specs.map((spec) => install([spec]))) : specs.map(() => all);
  return each as { [I in keyof Specs]: string | null };
}

/** Every package under a node_modules, nested ones too. */
export function packagesBelow(modules: string): string[] {
  if (!existsSync(modules)) return [];
  return readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) => (name.startsWith('@') ? readdirSync(join(modules, name)).map((one) => join(name, one)) : [name]))
    .flatMap((name) => [join(modules, name), ...packagesBelow(join(modules, name, 'node_modules'))]);
}
