/** Reading and moving the runtime's own refs in the user's repository. It never moves a ref that is not the runtime's. */
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { assert } from '../../../kernel/index.ts';
import { DURABLE, failure, git, type GitIo, type GitOptions, type Repository } from './git.ts';

/**
 * An update holds its lock for milliseconds, and for seconds where the disk is slow to say that it has written; one this old was left
 * by a git that was killed. Who loses its lock all the same is told that it could not set the ref, and tries again.
 */
const LOCK_AGE_MS_MAX = 10_000;
const LOCK_WAIT_MS = 100;

const inside = (repository: Repository): GitOptions => ({ cwd: repository.commonDir, gitDir: repository.commonDir });

export async function readRef(io: GitIo, repository: Repository, ref: string): Promise<string | null> {
  const done = await git(io, ['rev-parse', '--verify', '--quiet', `${ref}^{commit}`], inside(repository));
  return done.code === 0 ? done.out.trim() : null;
}

/** Compare-and-swap; `expected` null = must not exist, undefined = whatever it is. Durable when it returns true. */
export async function moveRef(
  io: GitIo,
  repository: Repository,
  ref: string,
  to: string,
  expected: string | null | undefined,
  reason: string,
): Promise<boolean> {
  assert(/^refs\/(heads\/skein|skein)\//.test(ref), `the runtime moves only its own refs, not ${ref}`);
  const old = expected === undefined ? [] : [expected ?? '0'.repeat(to.length)];
  const args = ['update-ref', '--create-reflog', '-m', `skein: ${reason}`, ref, to, ...old];
  const options = { ...inside(repository), config: DURABLE };
  let done = await git(io, args, options);
  for (
    let waited = 0;
    done.code !== 0 && /\.lock': File exists|couldn't set /.test(done.err) && waited <= LOCK_AGE_MS_MAX;
    waited += LOCK_WAIT_MS
  ) {
    const lock = join(repository.commonDir, `${ref}.lock`);
    const left = await stat(lock).catch(() => null);
    if (left !== null && Date.now() - left.mtimeMs > LOCK_AGE_MS_MAX) await rm(lock, { force: true });
    else await setTimeout(LOCK_WAIT_MS, undefined, io.signal === undefined ? {} : { signal: io.signal });
    done = await git(io, args, options);
  }
  if (done.code === 0) return true;
  if (expected !== undefined && /is at|reference already exists|unable to resolve reference/.test(done.err)) return false;
  throw failure(args, options, done);
}

/** Working trees that have this branch checked out. */
export async function checkedOutIn(io: GitIo, repository: Repository, ref: string): Promise<readonly string[]> {
  const done = await git(io, ['worktree', 'list', '--porcelain', '-z'], inside(repository));
  return done.out
    .split('\0\0')
    .map((entry) => entry.split('\0'))
    .filter((lines) => lines.includes(`branch ${ref}`))
    .map((lines) => lines.find((line) => line.startsWith('worktree '))?.slice(9) ?? '?');
}

export async function isAncestor(io: GitIo, repository: Repository, ancestor: string, of: string): Promise<boolean> {
  return (await git(io, ['merge-base', '--is-ancestor', ancestor, of], inside(repository))).code === 0;
}
