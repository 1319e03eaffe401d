/** What commits changed, as text for people. Read from git's objects alone; a commit that is gone is missing from the answer. */
import { git, type GitIo, repositories } from './git.ts';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024; // far more than a page shows; what comes after it is missing
const COMMIT = /^([0-9a-f]{40}|[0-9a-f]{64})\n/gm;

/** Unified diffs against the first parent, by commit. One process for all of them. */
export async function readDiffs(io: GitIo, top: string, commits: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const diffs = new Map<string, string>();
  if (commits.length === 0) return diffs;
  const repository = await repositories()(io, top);
  const flags = ['--stdin', '-p', '-r', '-M', '--root', '--no-ext-diff', '--no-textconv', '--no-color'];
  const done = await git(io, ['diff-tree', ...flags], {
    cwd: repository.commonDir,
    gitDir: repository.commonDir,
    stdin: `${commits.join('\n')}\n`,
    outputBytesMax: OUTPUT_BYTES_MAX,
  });
  // Lines of a diff begin with a mark, so a line that is nothing but a commit is a header.
  const heads = [...done.out.matchAll(COMMIT)];
  for (const [i, head] of heads.entries()) {
    const last = i === heads.length - 1;
    if (last && done.outputLimit) break; // cut in the middle
    diffs.set(head[1]!, done.out.slice(head.index + head[0].length, heads[i + 1]?.index));
  }
  return diffs;
}
