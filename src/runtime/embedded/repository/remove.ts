/** Takes away what a run put into the user's repository: its branch, its refs and the claim of its number. Objects go with git's own gc. */
import { ActivityError } from '../activity.ts';
import { git, gitOk, type GitIo, repositories } from './git.ts';
import { baseRef, branchOf } from './names.ts';
import { checkedOutIn } from './refs.ts';

/** Rejects with `ActivityError` when the branch is checked out somewhere. */
export async function removeRun(io: GitIo, top: string, run: string): Promise<void> {
  const repository = await repositories()(io, top);
  const branch = branchOf(run);
  const elsewhere = await checkedOutIn(io, repository, branch);
  if (elsewhere.length > 0) {
    throw new ActivityError(`${branch} is checked out in ${elsewhere.join(', ')}: switch to another branch there first`, {
      retryable: false,
    });
  }
  const inside = { cwd: repository.commonDir, gitDir: repository.commonDir };
  const listed = await git(io, ['for-each-ref', '--format=%(refname)', branch, `refs/skein/${run}/`, baseRef(run)], inside);
  const refs = listed.out.split('\n').filter((ref) => ref !== '');
  if (refs.length > 0)
    await gitOk(io, ['update-ref', '--stdin'], { ...inside, stdin: refs.map((ref) => `delete ${ref}\n`).join('') });
}
