/**
 * A private repository per attempt: shared objects, its own everything else, detached at an explicit commit. It inherits no
 * branch, remote, hook, stash or configuration, and what is done to any of these in it reaches nobody. The user's objects are
 * read through alternates and never written. It never decides what a task may change; `take.ts` looks at what was done.
 */
import { lstat, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction, type ActivityIo } from '../activity.ts';
import type { Places } from '../places.ts';
import { mergeTrees } from './compose.ts';
import { ignoreRules, readBase, untracked } from './base.ts';
import { git, gitOk, makeGitDirectory, readCommit, type Repositories, repositories, runtimeDirectory } from './git.ts';
import { attemptDirectory, runtimeGitOf } from './names.ts';

export interface WorkspaceOptions {
  readonly places: Places;
  readonly open?: Repositories;
  /** Puts dependencies into a fresh tree. What it leaves there is not taken as the agent's change. */
  readonly prepare?: (payload: work.WorkspacePayload, tree: string, io: ActivityIo) => Promise<void>;
}

/** What the clone's own git says and does: agents' commits work without `user.name`, sign nothing and start nothing. */
const CLONE_CONFIG: readonly string[] = [
  '[core]',
  '\tlogAllRefUpdates = true',
  '\thooksPath = /dev/null',
  '\tfsmonitor = false',
  '[user]',
  '\tname = Agent',
  '\temail = agent@localhost',
  '[commit]',
  '\tgpgSign = false',
  '[gc]',
  '\tauto = 0',
  '[maintenance]',
  '\tauto = false',
];

export function workspaceActivity(options: WorkspaceOptions): ActivityFunction<work.WorkspacePayload, work.WorkspaceResult> {
  const open = options.open ?? repositories();
  return async (payload, io) => {
    const started = performance.now();
    const repository = await open(io, payload.repository);
    const attempt = attemptDirectory(options.places, payload.run, payload.task, payload.fence);
    const tree = join(attempt, 'tree');
    // A crash left half of it: the same payload gives the same clean workspace, so nothing of the first try is kept.
    await removeTree(io, attempt);
    await mkdir(join(attempt, 'tmp'), { recursive: true });
    await makeGitDirectory(join(tree, '.git'), repository, { head: payload.base, bare: false, config: CLONE_CONFIG });
    // Nothing here has to outlive a power cut: it is made again.
    const inTree = { cwd: tree, gitDir: join(tree, '.git'), workTree: tree, config: ['core.fsync=none'] };
    const earlier = payload.from === null ? null : await earlierChange(payload, payload.from, io, options.places);
    // While the files are written: what will be compared with them.
    const runtime = await runtimeDirectory(runtimeGitOf(options.places, payload.run), repository);
    const index = join(attempt, 'prepared.index');
    const looking = { cwd: tree, gitDir: runtime, workTree: tree, index, objects: repository.objects };
    const base = options.prepare === undefined ? null : readBase(io, looking, earlier ?? payload.base);
    base?.catch(() => undefined); // a failed checkout says more
    const checkout = await git(io, ['read-tree', '-m', '-u', earlier ?? payload.base], inTree);
    if (checkout.code !== 0) {
      const missing = /unable to read|missing|not a valid object|bad object|not a tree|not unpack/i.test(checkout.err);
      const todo = missing ? '; if this is a partial clone, fetch what is missing with `git fetch --refetch`' : '';
      throw new ActivityError(`cannot check out ${payload.base} for ${payload.task}: ${checkout.err.trim()}${todo}`, {
        retryable: false,
      });
    }
    // The earlier change stays in the files, as edits on top of the base: HEAD and index are the base's.
    if (earlier !== null) await gitOk(io, ['read-tree', '-m', payload.base], inTree);
    if (base !== null) {
      await options.prepare?.(payload, tree, io);
      const prepared = await untracked(io, looking, await ignoreRules(repository, await base));
      await writeFile(join(attempt, 'prepared'), prepared.join('\0'));
    }
    return { path: tree, applied: earlier !== null, ms: Math.round(performance.now() - started) };
  };

  /** The tree of `base` with the change of `from` put on top, or null when the two do not fit. */
  async function earlierChange(
    payload: work.WorkspacePayload,
    from: string,
    io: ActivityIo,
    places: Places,
  ): Promise<string | null> {
    const repository = await open(io, payload.repository);
    const runtime = await runtimeDirectory(runtimeGitOf(places, payload.run), repository);
    const through = { cwd: runtime, gitDir: runtime, objects: repository.objects };
    const change = await readCommit(io, from, through);
    const stoodOn = change.parents[0];
    if (stoodOn === undefined) return null;
    const merged = await mergeTrees(io, through, { base: stoodOn, onto: payload.base, change: from });
    return merged.ok ? merged.tree : null;
  }
}

export function discardActivity(options: { readonly places: Places }): ActivityFunction<work.DiscardPayload, null> {
  return async (payload, io) => {
    await removeTree(io, attemptDirectory(options.places, payload.run, payload.task, payload.fence));
    return null;
  };
}

/** Removes a directory that an agent had in its hands: it may have taken away its own write permission. */
async function removeTree(io: ActivityIo, path: string): Promise<void> {
  if ((await lstat(path).catch(() => null)) === null) return;
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await io.exec(['chmod', '-R', 'u+rwX', path], {
      cwd: '/',
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin' },
      timeoutMs: 60_000,
      keepBytes: 4096,
      outputBytesMax: 16 * 1024 * 1024,
    });
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }
}
