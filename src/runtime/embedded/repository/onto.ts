/**
 * `skein land`: a run's commits onto the branch that the user has checked out. In two halves, because between them the caller
 * runs the checks on exactly the tree that would become theirs. The plan writes commits but moves nothing; applying it moves
 * the branch and its working tree together, forward only, and never over work that is not committed.
 */
import { git, type GitIo, readCommit, repositories } from './git.ts';
import { mergeTrees, writeCommit } from './compose.ts';
import { type Landing, landingsBetween, recoverLandings } from './landing.ts';
import { baseRef, branchOf } from './names.ts';
import { readRef } from './refs.ts';

export interface LandPlan {
  readonly ok: true;
  /** fastForward: the run's own commits, as checked. rebase: the same changes, committed anew on today's HEAD. */
  readonly kind: 'nothing' | 'fastForward' | 'rebase';
  readonly branch: string;
  readonly from: string;
  readonly to: string;
  readonly tree: string;
  readonly commits: readonly { readonly task: string; readonly was: string; readonly commit: string }[];
}
export interface LandRefusal {
  readonly ok: false;
  readonly reason: 'no-run' | 'detached' | 'dirty' | 'unknown-task' | 'conflict' | 'moved';
  readonly message: string;
  readonly todo: string;
  /** Paths: what is dirty or in conflict. */
  readonly paths: readonly string[];
}

const PATHS_MAX = 20;
const no = (reason: LandRefusal['reason'], message: string, todo: string, paths: readonly string[] = []): LandRefusal => ({
  ok: false,
  reason,
  message,
  todo,
  paths: paths.slice(0, PATHS_MAX),
});

const keyOf = (one: Landing): string => `${one.run} ${one.task} ${one.fence}`;

interface Place {
  readonly branch: string | null;
  readonly head: string;
  readonly changed: readonly string[];
}

async function placeOf(io: GitIo, top: string): Promise<Place> {
  const asUser = { cwd: top, asUser: true };
  const [symbolic, head, status] = await Promise.all([
    git(io, ['symbolic-ref', '--quiet', 'HEAD'], asUser),
    git(io, ['rev-parse', '--verify', 'HEAD^{commit}'], asUser),
    git(io, ['status', '--porcelain', '-z', '--untracked-files=no', '--no-renames', '--ignore-submodules=untracked'], asUser),
  ]);
  const changed = status.out.split('\0').flatMap((line) => (line === '' ? [] : [line.slice(3)]));
  return { branch: symbolic.code === 0 ? symbolic.out.trim() : null, head: head.out.trim(), changed };
}

/** What landing the run, or only some of its tasks, on the checked-out branch would do. */
export async function planLand(io: GitIo, top: string, run: string, tasks?: readonly string[]): Promise<LandPlan | LandRefusal> {
  const repository = await repositories()(io, top);
  const tip = await readRef(io, repository, branchOf(run));
  if (tip === null)
    return no('no-run', `run ${run} has no branch ${branchOf(run)}`, '`skein runs` lists the runs of this repository');
  const { branch, head, changed } = await placeOf(io, top);
  const short = `skein/${run}`;
  if (branch === null) {
    return no(
      'detached',
      `HEAD is detached at ${head.slice(0, 12)}: there is no branch to land on`,
      `git switch <branch>; landing would put the commits of ${short} on it`,
    );
  }
  if (changed.length > 0) {
    return no(
      'dirty',
      `${changed.length} uncommitted changes in ${top}`,
      'commit or stash them first: landing never writes over them',
      changed,
    );
  }
  const landings = await recoverLandings(io, top, run);
  const missing = (tasks ?? []).filter((task) => !landings.some((one) => one.task === task));
  if (missing.length > 0)
    return no('unknown-task', `not landed in run ${run}: ${missing.join(', ')}`, `git log ${short} shows what has landed`);
  // What this branch already holds of the run, whether by fast-forward or committed anew by an earlier `land`.
  const base = await readRef(io, repository, baseRef(run));
  const held = base === null ? [] : await landingsBetween(io, repository, base, head);
  const here = new Set(held.map(keyOf));
  const inside = { cwd: repository.commonDir, gitDir: repository.commonDir };
  let onto = head;
  const commits: { task: string; was: string; commit: string }[] = [];
  for (const one of landings) {
    if ((tasks !== undefined && !tasks.includes(one.task)) || here.has(keyOf(one))) continue;
    const was = await readCommit(io, one.commit, inside);
    let { commit } = one;
    if (was.parents[0] !== onto) {
      const merged = await mergeTrees(io, inside, { base: was.parents[0]!, onto, change: one.commit });
      if (!merged.ok) {
        const paths = merged.conflicts;
        return no(
          'conflict',
          `${one.task} conflicts with ${branch} in ${paths.slice(0, 5).join(', ')}`,
          `merge ${short} by hand: git merge ${short}`,
          paths,
        );
      }
      commit = await writeCommit(io, inside, {
        tree: merged.tree,
        parent: onto,
        message: was.message,
        author: was.author,
        time: was.time,
      });
    }
    commits.push({ task: one.task, was: one.commit, commit });
    onto = commit;
  }
  const { tree } = await readCommit(io, onto, inside);
  const kind = commits.length === 0 ? 'nothing' : commits.every((one) => one.was === one.commit) ? 'fastForward' : 'rebase';
  return { ok: true, kind, branch, from: head, to: onto, tree, commits };
}

/** Moves the checked-out branch with its working tree. Refuses when anything changed since the plan was made. */
export async function applyLand(
  io: GitIo,
  top: string,
  plan: LandPlan,
): Promise<{ readonly ok: true; readonly head: string } | LandRefusal> {
  const { branch, head, changed } = await placeOf(io, top);
  if (branch === plan.branch && head === plan.to) return { ok: true, head };
  if (branch !== plan.branch || head !== plan.from) {
    return no('moved', `${plan.branch} is no longer where it was checked (${plan.from.slice(0, 12)})`, 'run `skein land` again');
  }
  if (changed.length > 0)
    return no('dirty', `${changed.length} uncommitted changes in ${top}`, 'commit or stash them first', changed);
  const args = ['merge', '--ff-only', '--no-autostash', '--no-verify-signatures', '--no-stat', '--quiet', plan.to];
  const done = await git(io, args, { cwd: top, asUser: true });
  if (done.code === 0) return { ok: true, head: plan.to };
  const paths = done.err.split('\n').flatMap((line) => (line.startsWith('\t') ? [line.trim()] : []));
  return no(
    'dirty',
    `git would not move ${plan.branch}: ${done.err.trim().split('\n')[0]}`,
    'move the named files away and run `skein land` again',
    paths,
  );
}
