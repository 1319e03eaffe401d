/**
 * One tree in a directory of its own, for checks: a private git directory with one commit, so that tools which ask git for files or
 * HEAD work, and nothing in it can reach the user's refs, config or stash.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gitOk, type GitIo, makeGitDirectory, type Repositories, repositories } from './git.ts';

export type CheckOut = (repository: string, tree: string, into: string, io: GitIo) => Promise<void>;

export function checkOutTree(open: Repositories = repositories()): CheckOut {
  return async (top, tree, into, io) => {
    const repository = await open(io, top);
    const gitDir = join(into, '.git');
    await mkdir(into, { recursive: true });
    await makeGitDirectory(gitDir, repository, { head: 'ref: refs/heads/checked', bare: false });
    const inTree = { cwd: into, gitDir, workTree: into };
    const [commit] = await Promise.all([
      gitOk(io, ['commit-tree', tree, '-m', 'the tree under check'], { ...inTree, author: 'checks', time: 0 }),
      gitOk(io, ['read-tree', '-m', '-u', tree], { ...inTree, config: ['core.fsync=none'] }), // made again after a power cut
    ]);
    await writeFile(join(gitDir, 'HEAD'), `${commit}\n`);
  };
}
