/**
 * Starting git: one function, one fixed environment. Nothing a user or an agent has configured runs through here: no hooks,
 * no fsmonitor, no filters from a global file, no signing, no prompt, no network, no automatic gc, no replaced objects.
 * Whatever is written is flushed before git returns, because a ref that survives a power cut must not outlive its objects.
 */
import { lstat, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { ActivityError } from '../activity.ts';
import type { Exec } from '../exec.ts';

/** What is needed to start git; an `ActivityIo` is one. */
export interface GitIo {
  readonly exec: Exec;
  readonly signal?: AbortSignal;
}

export interface GitOptions {
  readonly cwd: string;
  /** GIT_DIR; without it git looks for a repository from `cwd` upwards. */
  readonly gitDir?: string;
  readonly workTree?: string;
  readonly index?: string;
  /** GIT_OBJECT_DIRECTORY: where new objects go. */
  readonly objects?: string;
  readonly stdin?: string;
  /** Author and committer; seconds since the epoch. */
  readonly author?: string;
  readonly time?: number;
  /** Extra `-c` settings. */
  readonly config?: readonly string[];
  /** Read the user's global file too: their trust in directories, ignore rules and filters. Only for what the user calls. */
  readonly asUser?: boolean;
  /** Output over this kills git; the caller asks for `outputLimit` in the result. Default 256 MiB: a list of a million paths. */
  readonly outputBytesMax?: number;
}

export interface GitResult {
  readonly code: number;
  readonly out: string;
  readonly bytes: Buffer;
  readonly err: string;
  readonly outputLimit: boolean;
}

const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
const TIMEOUT_MS = 300_000; // a 100 MB file on a slow disk takes seconds; nothing here takes minutes
export const GIT_NAME = 'Skein';
export const GIT_EMAIL = 'skein@localhost';
export const DURABLE: readonly string[] = ['core.fsync=committed,reference', 'core.fsyncMethod=batch'];

const SAFE: readonly string[] = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.untrackedCache=false',
  'core.quotePath=false',
  'commit.gpgSign=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'protocol.allow=never',
  'advice.detachedHead=false',
];
const NOT_AS_USER: readonly string[] = ['core.attributesFile=/dev/null', 'core.excludesFile=/dev/null'];

function environment(options: GitOptions): Record<string, string> {
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: process.env.HOME ?? '/',
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_AUTHOR_NAME: options.author ?? GIT_NAME,
    GIT_AUTHOR_EMAIL: GIT_EMAIL,
    GIT_COMMITTER_NAME: GIT_NAME,
    GIT_COMMITTER_EMAIL: GIT_EMAIL,
  };
  if (options.asUser === true) {
    if (process.env.XDG_CONFIG_HOME !== undefined) env.XDG_CONFIG_HOME = process.env.XDG_CONFIG_HOME;
    if (process.env.GIT_CONFIG_GLOBAL !== undefined) env.GIT_CONFIG_GLOBAL = process.env.GIT_CONFIG_GLOBAL;
  } else {
    env.GIT_CONFIG_GLOBAL = '/dev/null';
    env.GIT_CONFIG_SYSTEM = '/dev/null';
    env.GIT_ATTR_NOSYSTEM = '1';
  }
  if (options.gitDir !== undefined) env.GIT_DIR = options.gitDir;
  if (options.workTree !== undefined) env.GIT_WORK_TREE = options.workTree;
  if (options.index !== undefined) env.GIT_INDEX_FILE = options.index;
  if (options.objects !== undefined) env.GIT_OBJECT_DIRECTORY = options.objects;
  if (options.time !== undefined) {
    env.GIT_AUTHOR_DATE = `@${options.time} +0000`;
    env.GIT_COMMITTER_DATE = `@${options.time} +0000`;
  }
  return env;
}

/** Runs git and returns whatever its exit code is. Throws `ActivityError` when it could not be started or was killed. */
export async function git(io: GitIo, args: readonly string[], options: GitOptions): Promise<GitResult> {
  const settings = [...SAFE, ...(options.asUser === true ? [] : NOT_AS_USER), ...(options.config ?? [])];
  const max = options.outputBytesMax ?? OUTPUT_BYTES_MAX;
  const done = await io.exec(['git', ...settings.flatMap((setting) => ['-c', setting]), ...args], {
    cwd: options.cwd,
    env: environment(options),
    timeoutMs: TIMEOUT_MS,
    keepBytes: max,
    outputBytesMax: max,
    plumbing: true,
    ...(io.signal === undefined ? {} : { signal: io.signal }),
    ...(options.stdin === undefined ? {} : { stdin: options.stdin }),
  });
  const outputLimit = done.ended === 'output-limit' || done.truncated;
  if (done.exitCode === null && !outputLimit) {
    const how = done.ended === 'not-started' ? done.error : done.ended;
    throw new ActivityError(`git ${args[0]} in ${options.cwd}: ${how}`, { retryable: done.ended !== 'not-started' });
  }
  return {
    code: done.exitCode ?? -1,
    out: done.stdout.toString('utf8'),
    bytes: done.stdout,
    err: done.stderr.toString('utf8'),
    outputLimit,
  };
}

/** Runs git where anything but exit code 0 is a failure; returns what it printed, without the last newline. */
export async function gitOk(io: GitIo, args: readonly string[], options: GitOptions): Promise<string> {
  const done = await git(io, args, options);
  if (done.code !== 0 || done.outputLimit) throw failure(args, options, done);
  return done.out.replace(/\n$/, '');
}

export function failure(args: readonly string[], options: GitOptions, done: GitResult): ActivityError {
  const text = done.outputLimit ? 'it printed more than the bound' : done.err.trim().slice(0, 2000);
  // A lock is held for milliseconds by whoever else works in this repository; everything else says the same a second time.
  const retryable = /\.lock'?: File exists|cannot lock ref/.test(text);
  return new ActivityError(`git ${args.slice(0, 3).join(' ')} in ${options.cwd} ended with ${done.code}: ${text}`, { retryable });
}

/** Where a user's repository keeps its parts. All paths absolute. */
export interface Repository {
  readonly top: string;
  /** Of this working tree: index and HEAD. */
  readonly gitDir: string;
  /** Shared by all working trees: refs, config, hooks. */
  readonly commonDir: string;
  readonly objects: string;
  readonly objectFormat: 'sha1' | 'sha256';
  /** What git found out about this file system when the repository was made. */
  readonly traits: readonly string[];
}

/** Finds the parts of the repository that `cwd` lies in, or says in git's words why there is none. */
export async function findRepository(io: GitIo, cwd: string): Promise<Repository | { readonly error: string }> {
  const flags = ['--show-toplevel', '--absolute-git-dir', '--git-common-dir', '--show-object-format'];
  const found = await git(io, ['rev-parse', '--path-format=absolute', ...flags, '--git-path', 'objects'], { cwd, asUser: true });
  if (found.code !== 0) return { error: found.err.trim() };
  const [top = '', gitDir = '', commonDir = '', format, objects = ''] = found.out.split('\n');
  const pattern = '^core\\.(ignorecase|precomposeunicode|filemode|symlinks)$';
  const traits = await git(io, ['config', '--local', '--get-regexp', pattern], { cwd, gitDir });
  return {
    top,
    gitDir,
    commonDir,
    objects,
    objectFormat: format === 'sha256' ? 'sha256' : 'sha1',
    traits: traits.out.split('\n').filter((line) => line !== ''),
  };
}

export type Repositories = (io: GitIo, top: string) => Promise<Repository>;

/** As `findRepository`, remembered per directory, for activities: there a missing repository is a failure. */
export function repositories(): Repositories {
  const known = new Map<string, Promise<Repository>>();
  const find = async (io: GitIo, top: string): Promise<Repository> => {
    const found = await findRepository(io, top);
    if ('error' in found)
      throw new ActivityError(`${top} is no longer a usable repository: ${found.error}`, { retryable: false });
    return found;
  };
  return (io, top) => {
    let found = known.get(top);
    if (found === undefined) {
      // Without the signal of whoever asked first: others wait for the same answer.
      known.set(top, (found = find({ exec: io.exec }, top)));
      found.catch(() => known.delete(top));
    }
    return found;
  };
}

/** The object directory and every alternate it leans on, however deep: a clone of a clone of a clone still finds its objects. */
export async function objectDirectories(objects: string): Promise<readonly string[]> {
  const seen: string[] = [];
  const visit = async (directory: string): Promise<void> => {
    if (seen.includes(directory)) return;
    seen.push(directory);
    const text = await readFile(join(directory, 'info', 'alternates'), 'utf8').catch(() => '');
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      await visit(isAbsolute(line) ? line : resolve(directory, line));
    }
  };
  await visit(objects);
  return seen;
}

/**
 * Writes a git directory by hand: `git init` would copy the user's templates, hooks among them, and costs a process.
 * It has no remote and no hooks, reads the user's objects as alternates and writes its own.
 */
export async function makeGitDirectory(
  path: string,
  repository: Repository,
  options: { readonly head: string; readonly bare: boolean; readonly config?: readonly string[] },
): Promise<void> {
  const config = [
    '[core]',
    `\trepositoryformatversion = ${repository.objectFormat === 'sha256' ? 1 : 0}`,
    `\tbare = ${options.bare}`,
    ...repository.traits.map((line) => `\t${line.replace(/^core\.(\S+) /, '$1 = ')}`),
    ...(repository.objectFormat === 'sha256' ? ['[extensions]', '\tobjectformat = sha256'] : []),
    ...(options.config ?? []),
  ];
  const [alternates, shallow] = await Promise.all([
    objectDirectories(repository.objects),
    readFile(join(repository.commonDir, 'shallow')).catch(() => null),
    mkdir(join(path, 'objects', 'info'), { recursive: true }),
    mkdir(join(path, 'refs', 'heads'), { recursive: true }),
    mkdir(join(path, 'info'), { recursive: true }),
  ]);
  await Promise.all([
    writeFile(join(path, 'HEAD'), `${options.head}\n`),
    writeFile(join(path, 'config'), `${config.join('\n')}\n`),
    writeFile(join(path, 'objects', 'info', 'alternates'), `${alternates.join('\n')}\n`),
    ...(shallow === null ? [] : [writeFile(join(path, 'shallow'), shallow)]),
  ]);
}

/**
 * The runtime's own git directory for a run. Merges, diffs and taking go through it, so that neither the user's working tree
 * (its attributes), their configuration, nor an agent's can change what comes out.
 */
export async function runtimeDirectory(path: string, repository: Repository): Promise<string> {
  if (await lstat(join(path, 'HEAD')).catch(() => null)) return path;
  const beside = `${path}.${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  await makeGitDirectory(beside, repository, { head: 'ref: refs/heads/none', bare: true });
  await rename(beside, path).catch(async () => rm(beside, { recursive: true, force: true })); // another activity was first
  return path;
}

export interface Commit {
  readonly tree: string;
  readonly parents: readonly string[];
  readonly time: number;
  readonly author: string;
  readonly message: string;
}

export async function readCommit(io: GitIo, sha: string, options: GitOptions): Promise<Commit> {
  const text = await gitOk(io, ['cat-file', 'commit', sha], options);
  const end = text.indexOf('\n\n');
  const header = (end < 0 ? text : text.slice(0, end)).split('\n');
  const field = (name: string): string => header.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1) ?? '';
  return {
    tree: field('tree'),
    parents: header.filter((line) => line.startsWith('parent ')).map((line) => line.slice(7)),
    time: Number(/ (\d+) [+-]\d{4}$/.exec(field('committer'))?.[1] ?? 0),
    author: /^(.*) <[^<]*$/.exec(field('author'))?.[1] ?? '',
    message: end < 0 ? '' : text.slice(end + 2),
  };
}

/** Values of one trailer in the last paragraph of a message, in order. */
export function trailers(message: string, key: string): readonly string[] {
  const last =
    message
      .trimEnd()
      .split(/\n\s*\n/)
      .at(-1) ?? '';
  const prefix = `${key}: `;
  return last.split('\n').flatMap((line) => (line.startsWith(prefix) ? [line.slice(prefix.length).trim()] : []));
}
