/** `skein` as a person has it: a program in a process of its own, in somebody else's repository. */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { git } from '../run/repositories.ts';

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** From the start to the first byte on either stream. */
  readonly firstMs: number;
  readonly ms: number;
}

export interface Call {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The Node that runs it. */
  readonly node?: string;
}

const HANGS_MS = 50_000;

/** What a shell of this person has, and no more: nothing of the test runner reaches the program. */
export function environment(cwd: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
    HOME: process.env.HOME ?? '/',
    LANG: 'C.UTF-8',
    SKEIN_CACHE: join(dirname(cwd), 'cache'),
    ...Object.fromEntries(
      Object.entries(process.env).filter((entry): entry is [string, string] => /^(?:CARGO|RUSTUP|PYENV)_/.test(entry[0])),
    ),
    ...more,
  };
}

export function call(program: string, args: readonly string[], { cwd, env = {}, node = process.execPath }: Call): Promise<Said> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    // From source `skein/delegation` is a source too, whether or not somebody has built.
    const source = program.endsWith('.ts') ? ['--conditions=skein-source'] : [];
    const child = spawn(node, [...source, program, ...args], {
      cwd,
      env: environment(cwd, env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const killer = setTimeout(() => child.kill('SIGKILL'), HANGS_MS);
    let firstMs = 0;
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        firstMs ||= performance.now() - start;
        said[name] += text;
      });
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(killer);
      resolve({ code, ...said, firstMs, ms: performance.now() - start });
    });
  });
}

export function write(top: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
}

/** Everything in a person's directory but `.skein`: files by content, and of git what is theirs. */
export function belongings(top: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (directory: string): void => {
    for (const entry of readdirSync(join(top, directory), { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (path === '.skein' || path === '.git') continue;
      if (entry.isDirectory()) walk(path);
      else
        found[path] = entry.isSymbolicLink()
          ? readlinkSync(join(top, path))
          : `${lstatSync(join(top, path)).mode} ${hash(join(top, path))}`;
    }
  };
  walk('');
  if (!readdirSync(top).includes('.git')) return found;
  found['git status'] = git(top, 'status', '--porcelain=v2', '--branch');
  found['git refs'] = git(top, 'for-each-ref')
    .split('\n')
    .filter((line) => !/\trefs\/(?:heads\/)?skein\//.test(line))
    .join('\n');
  for (const file of ['.git/HEAD', '.git/config', '.git/index', '.git/info/exclude']) found[file] = hash(join(top, file));
  found['.git/hooks'] = readdirSync(join(top, '.git', 'hooks')).join(' ');
  return found;
}

function hash(path: string): string {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable';
  }
}

/** Where a program is on the PATH of the tests; null when it is not, or does not start. */
export function tool(name: string, probe: readonly string[] = ['--version']): string | null {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    if (directory === '' || directory.includes('node_modules')) continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      execFileSync(path, probe, { stdio: 'ignore', timeout: 10_000 });
      return path;
    } catch {
      // the next directory
    }
  }
  return null;
}
