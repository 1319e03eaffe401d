/** The files of one commit, read from git's objects: what is in it, whatever the working tree looks like. */
import { git, type GitIo, repositories } from './git.ts';

const TEXT_BYTES_MAX = 4 * 1024 * 1024; // manifests and scripts; nothing larger is read for its meaning

export interface ReadTree {
  /** Relative to the top, `/` between names. */
  readonly treeFiles: readonly string[];
  /** Text of a file in the commit; null when there is none or it is too large to be read for its meaning. */
  readFile(path: string): Promise<string | null>;
}

export async function readTree(io: GitIo, top: string, commit: string): Promise<ReadTree> {
  const repository = await repositories()(io, top);
  const inside = { cwd: repository.commonDir, gitDir: repository.commonDir };
  const listed = await git(io, ['ls-tree', '-r', '-z', '--name-only', commit], inside);
  const treeFiles = listed.out.split('\0').filter((path) => path !== '');
  const there = new Set(treeFiles);
  return {
    treeFiles,
    async readFile(path) {
      if (!there.has(path)) return null;
      const shown = await git(io, ['cat-file', 'blob', `${commit}:${path}`], { ...inside, outputBytesMax: TEXT_BYTES_MAX });
      return shown.code === 0 && !shown.outputLimit ? shown.out : null;
    },
  };
}
