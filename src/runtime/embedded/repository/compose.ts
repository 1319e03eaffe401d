/**
 * A change as one commit on another commit, by plumbing alone: no working tree, no hooks, no signature, no user configuration,
 * fixed dates. The same payload gives the same commit id, so a re-run after a crash is harmless.
 */
import type { work } from '../../../contracts/index.ts';
import type { ActivityFunction } from '../activity.ts';
import type { Places } from '../places.ts';
import {
  DURABLE,
  failure,
  git,
  type GitIo,
  gitOk,
  type GitOptions,
  readCommit,
  type Repositories,
  repositories,
  runtimeDirectory,
  trailers,
} from './git.ts';
import { composedRef, runtimeGitOf } from './names.ts';
import { moveRef } from './refs.ts';

export type Merged = { readonly ok: true; readonly tree: string } | { readonly ok: false; readonly conflicts: readonly string[] };

/** Three-way merge of trees: what leads from `base` to `change`, put on `onto`. Conflicts are named by path. */
export async function mergeTrees(
  io: GitIo,
  options: GitOptions,
  { base, onto, change }: { readonly base: string; readonly onto: string; readonly change: string },
): Promise<Merged> {
  const durable = { ...options, config: DURABLE };
  const [theirs, descends] = await Promise.all([
    readCommit(io, change, options),
    onto === base ? true : git(io, ['merge-base', '--is-ancestor', base, onto], options).then(({ code }) => code === 0),
  ]);
  if (onto === base) return { ok: true, tree: theirs.tree };
  let [left, right] = [onto, change];
  const fits = theirs.parents.length === 1 && theirs.parents[0] === base;
  if (!fits || !descends) {
    // History would give another merge base (git before 2.40 cannot be told one): three parentless stand-ins with the right shape.
    const commit = (of: string, parents: readonly string[]): Promise<string> =>
      gitOk(io, ['commit-tree', `${of}^{tree}`, ...parents.flatMap((parent) => ['-p', parent]), '-m', 'stand-in'], {
        ...durable,
        time: 0,
      });
    const root = await commit(base, []);
    [left, right] = await Promise.all([commit(onto, [root]), commit(change, [root])]);
  }
  const args = ['merge-tree', '--write-tree', '-z', '--name-only', '--no-messages', left, right];
  const merged = await git(io, args, durable);
  const [tree = '', ...paths] = merged.out.split('\0').filter((part) => part !== '');
  if (merged.code === 0) return { ok: true, tree };
  if (merged.code !== 1) throw failure(args, options, merged);
  return { ok: false, conflicts: [...new Set(paths)] };
}

export interface CommitParts {
  readonly tree: string;
  readonly parent: string;
  readonly message: string;
  readonly author: string;
  readonly time: number;
}

/** One commit, durable. The author is the agent, the committer Skein. */
export function writeCommit(io: GitIo, options: GitOptions, parts: CommitParts): Promise<string> {
  const author = parts.author.replaceAll(/[<>\p{Cc}]/gu, '').trim();
  return gitOk(io, ['commit-tree', parts.tree, '-p', parts.parent, '-F', '-'], {
    ...options,
    config: [...DURABLE, 'i18n.commitEncoding=UTF-8'],
    stdin: parts.message.replaceAll('\0', ''),
    author: author === '' ? 'agent' : author,
    time: parts.time,
  });
}

export function composeActivity(options: {
  readonly places: Places;
  readonly open?: Repositories;
}): ActivityFunction<work.ComposePayload, work.ComposeResult> {
  const open = options.open ?? repositories();
  return async (payload, io) => {
    const repository = await open(io, payload.repository);
    const runtime = await runtimeDirectory(runtimeGitOf(options.places, payload.run), repository);
    const through = { cwd: runtime, gitDir: runtime, objects: repository.objects };
    const [merged, onto] = await Promise.all([mergeTrees(io, through, payload), readCommit(io, payload.onto, through)]);
    if (!merged.ok) return merged;
    // Somebody else made the same change first: a commit without a change would only be noise.
    if (merged.tree === onto.tree) return { ok: false, conflicts: [] };
    const commit = await writeCommit(io, through, {
      tree: merged.tree,
      parent: payload.onto,
      message: payload.message,
      author: trailers(payload.message, 'Skein-Agent').at(-1) ?? 'agent',
      time: payload.time,
    });
    // Until it lands only this keeps it from a `git gc --prune=now` of the user's.
    await moveRef(io, repository, composedRef(payload.run, payload.task, payload.fence), commit, undefined, 'composed');
    return { ok: true, commit, tree: merged.tree };
  };
}
