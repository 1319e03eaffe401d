/**
 * What a run needs to know about the repository it was started in, and the two things it puts there: `.skein/`, which ignores
 * itself, and a number with a branch. It reads as the user does (their trust in directories, their ignore rules).
 */
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ActivityError } from '../activity.ts';
import { findRepository, git, type GitIo, repositories } from './git.ts';
import { baseRef, branchOf } from './names.ts';
import { moveRef, readRef } from './refs.ts';

export interface OpenRepository {
  readonly ok: true;
  readonly top: string;
  readonly head: string;
  readonly headTree: string;
  /** `refs/heads/main`, or null when HEAD is detached. */
  readonly branch: string | null;
  /** Work that is not in HEAD: a run goes on from HEAD and does not see it. */
  readonly dirty: { readonly count: number; readonly sample: readonly string[] };
  readonly shallow: boolean;
  readonly sparse: boolean;
  readonly submodules: readonly string[];
  readonly lfs: boolean;
  readonly objectFormat: 'sha1' | 'sha256';
  /** Sentences for people: what agents will see differently from the user's tree. */
  readonly notes: readonly string[];
}
export interface NoRepository {
  readonly ok: false;
  readonly code: 4;
  readonly message: string;
  readonly todo: string;
}

const GIT_MIN: readonly [number, number] = [2, 38]; // merge-tree --write-tree
const DIRTY_SAMPLE = 5;
const FETCHED = '; if a check needs them, fetch them with `setup:` in skein.yaml';
const no = (message: string, todo: string): NoRepository => ({ ok: false, code: 4, message, todo });

export async function openRepository(io: GitIo, cwd: string): Promise<OpenRepository | NoRepository> {
  const there = await stat(cwd).catch(() => null);
  if (there?.isDirectory() !== true) return no(`${cwd} is not a directory`, 'change into a git repository and try again');
  let version: string;
  try {
    version = (await git(io, ['version'], { cwd })).out.trim();
  } catch (error) {
    if (!(error instanceof ActivityError)) throw error;
    return no('git was not found on PATH', `install git ${GIT_MIN.join('.')} or newer`);
  }
  const [, major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  if (major < GIT_MIN[0] || (major === GIT_MIN[0] && minor < GIT_MIN[1])) {
    return no(`${version} is too old`, `install git ${GIT_MIN.join('.')} or newer (needed: merge-tree --write-tree)`);
  }
  const repository = await findRepository(io, cwd);
  if ('error' in repository) return noRepository(repository.error, cwd);
  const { top, gitDir, commonDir, objectFormat } = repository;
  const asUser = { cwd: top, asUser: true };
  const [head, status, config, shallow] = await Promise.all([
    git(io, ['rev-parse', 'HEAD^{commit}', 'HEAD^{tree}'], asUser),
    git(
      io,
      ['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=normal', '--ignore-submodules=all', '--no-renames'],
      asUser,
    ),
    git(io, ['config', '--get-regexp', '^(core\\.sparsecheckout|extensions\\.partialclone|remote\\..*\\.promisor)$'], asUser),
    stat(join(commonDir, 'shallow')).then(
      () => true,
      () => false,
    ),
  ]);
  if ((await git(io, ['show-ref', '--verify', '--quiet', 'refs/heads/skein'], asUser)).code === 0) {
    return no('a branch named skein is in the way of the branches skein/<run>', 'rename it: `git branch -m skein <other name>`');
  }
  const [sha = '', headTree = ''] = head.out.trim().split('\n');
  if (head.code !== 0) return no(`${top} has no commits`, 'commit something first: `git add -A && git commit -m "first commit"`');
  const lines = status.out.split('\0').filter((line) => line !== '');
  const name = lines.find((line) => line.startsWith('# branch.head '))?.slice(14) ?? '(detached)';
  const changes = lines.filter((line) => !line.startsWith('#')).map(pathOfStatus);
  const listing = await git(io, ['ls-tree', '-r', '-z', sha], { cwd: top, gitDir });
  const entries = listing.out.split('\0');
  const submodules = entries.filter((entry) => entry.startsWith('160000 ')).map((entry) => entry.slice(entry.indexOf('\t') + 1));
  const attributes = entries.filter((entry) => entry.endsWith('.gitattributes')).map((entry) => `${entry.split(/[ \t]/)[2]}\n`);
  const lfs =
    attributes.length > 0 &&
    (await git(io, ['cat-file', '--batch'], { cwd: top, gitDir, stdin: attributes.join('') })).out.includes('filter=lfs');
  const sparse = /^core\.sparsecheckout true$/im.test(config.out);
  const partial = /^(extensions\.partialclone|remote\..*\.promisor) /im.test(config.out);
  const notes: string[] = [];
  const some = changes.slice(0, DIRTY_SAMPLE).join(', ');
  if (changes.length > 0)
    notes.push(
      `work goes on from HEAD: ${changes.length === 1 ? `1 uncommitted path (${some}) is` : `${changes.length} uncommitted paths (${some}) are`} not seen by agents`,
    );
  if (submodules.length > 0)
    notes.push(`submodules are left empty in workspaces: ${submodules.slice(0, DIRTY_SAMPLE).join(', ')}${FETCHED}`);
  if (lfs) notes.push(`git-lfs files are left as pointers in workspaces${FETCHED}`);
  if (sparse) notes.push('this checkout is sparse; workspaces hold the full tree');
  if (partial) notes.push('this is a partial clone: an object that was not fetched yet fails the attempt that needs it');
  if (shallow) notes.push('this clone is shallow: agents see the same shortened history');
  return {
    ok: true,
    top,
    head: sha,
    headTree,
    branch: name === '(detached)' ? null : `refs/heads/${name}`,
    dirty: { count: changes.length, sample: changes.slice(0, DIRTY_SAMPLE) },
    shallow,
    sparse,
    submodules,
    lfs,
    objectFormat,
    notes,
  };
}

/** `1 .M N... 100644 100644 100644 <sha> <sha> path`, `u <10 fields> path`, `? path`. */
function pathOfStatus(line: string): string {
  const fields = line.startsWith('1') ? 8 : line.startsWith('u') ? 10 : 1;
  return line.split(' ').slice(fields).join(' ');
}

function noRepository(error: string, cwd: string): NoRepository {
  if (error.includes('must be run in a work tree')) {
    return no(`${cwd} is a bare repository or inside .git: there are no files to work on`, 'clone it and run in the clone');
  }
  if (error.includes('dubious ownership')) {
    return no(`git does not trust ${cwd}: it belongs to another user`, `git config --global --add safe.directory ${cwd}`);
  }
  if (error.includes('not a git repository')) {
    return no(
      `${cwd} is not in a git repository`,
      'change into your repository, or make one: `git init && git add -A && git commit -m "first commit"`',
    );
  }
  return no(`git cannot use ${cwd}: ${error}`, 'make `git status` work here first');
}

/**
 * The next run's number with its directory. The claim is a ref made by compare-and-swap, so that two runs that start at once,
 * even in two working trees of one repository, get different numbers. The ref also keeps the base commit.
 */
export async function allocateRun(io: GitIo, top: string, base: string): Promise<string> {
  const repository = await repositories()(io, top);
  const home = join(top, '.skein');
  await mkdir(join(home, 'runs'), { recursive: true });
  await writeFile(join(home, '.gitignore'), '*\n', { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  const inside = { cwd: top, gitDir: repository.commonDir };
  const refs = await git(io, ['for-each-ref', '--format=%(refname)', 'refs/heads/skein/', 'refs/skein/'], inside);
  // Deeper parts of a ref are tasks and fences, which are numbers too.
  const inRefs = refs.out
    .split('\n')
    .map((ref) => /^refs\/(?:heads\/skein\/|skein\/base\/|skein\/)(\d+)(?:\/|$)/.exec(ref)?.[1] ?? '');
  const taken = [...(await readdir(join(home, 'runs'))), ...inRefs].filter((text) => /^[1-9]\d{0,8}$/.test(text)).map(Number);
  for (let next = Math.max(0, ...taken) + 1; ; next++) {
    const run = String(next);
    if (!(await moveRef(io, repository, baseRef(run), base, null, `run ${run}`))) continue; // another run was first
    await mkdir(join(home, 'runs', run), { recursive: true });
    return run;
  }
}

/** Makes the run's branch at its base, or leaves it where it is. Returns its tip. */
export async function ensureBranch(io: GitIo, top: string, run: string, base: string): Promise<string> {
  const repository = await repositories()(io, top);
  await moveRef(io, repository, branchOf(run), base, null, `run ${run}`);
  const tip = await readRef(io, repository, branchOf(run));
  if (tip === null) throw new ActivityError(`${branchOf(run)} disappeared while it was made: try again`, { retryable: true });
  return tip;
}
