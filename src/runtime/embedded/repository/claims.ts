/** Numbers of runs, as their refs claim them: also of a run that was killed before it wrote anything else. Reads only. */
import { git, type GitIo, type GitOptions, repositories } from './git.ts';
import { baseRef, branchOf } from './names.ts';
import { readRef } from './refs.ts';

async function inside(io: GitIo, top: string): Promise<GitOptions> {
  const { commonDir } = await repositories()(io, top);
  return { cwd: commonDir, gitDir: commonDir };
}

export async function claimedRuns(io: GitIo, top: string): Promise<readonly string[]> {
  const listed = await git(io, ['for-each-ref', '--format=%(refname:lstrip=3)', 'refs/skein/base/'], await inside(io, top));
  return listed.out.split('\n').filter((run) => /^[1-9]\d{0,8}$/.test(run));
}

/** When its number was taken, in ms since the epoch, 0 where no reflog tells; null when its branch holds a commit of its own. */
export async function emptyClaim(io: GitIo, top: string, run: string): Promise<number | null> {
  const repository = await repositories()(io, top);
  const tip = await readRef(io, repository, branchOf(run));
  if (tip !== null && tip !== (await readRef(io, repository, baseRef(run)))) return null;
  const first = ['reflog', 'show', '--max-count=1', '--date=unix', '--format=%gd', baseRef(run), '--'];
  const done = await git(io, first, await inside(io, top));
  return Number(/@\{(\d+)\}/.exec(done.out)?.[1] ?? 0) * 1000;
}
