/**
 * Moving the run's branch. The ref is the commit point: before it nothing has landed, after it everything has, and whoever
 * comes back after a crash reads from it which of the two it is. It never touches a working tree or a ref of the user's.
 *
 *   verified ──▶ (update-ref, durable) ──▶ ref moved ──▶ done
 *     └ crash: nothing landed, run again      └ crash: landed; running again says `already`
 */
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction } from '../activity.ts';
import { git, type GitIo, readCommit, type Repositories, type Repository, repositories, trailers } from './git.ts';
import { baseRef, branchOf } from './names.ts';
import { checkedOutIn, isAncestor, moveRef, readRef } from './refs.ts';

export type LandStep = 'verified' | 'ref moved' | 'done';
export const LAND_STEPS: readonly LandStep[] = ['verified', 'ref moved', 'done'];

export interface LandOptions {
  readonly open?: Repositories;
  /** Called between the steps, for tests that stop there. */
  readonly checkpoint?: (step: LandStep) => void | Promise<void>;
}

export interface Landing {
  readonly task: string;
  readonly fence: number;
  readonly commit: string;
  /** The commit's `Skein-Run`: task ids repeat from run to run. */
  readonly run: string;
}

export function landActivity(options: LandOptions = {}): ActivityFunction<work.LandPayload, work.LandResult> {
  const open = options.open ?? repositories();
  return async (payload, io) => {
    const repository = await open(io, payload.repository);
    const { branch, commit, expected } = payload;
    // Only looked at: the branch is moved by compare-and-swap, whatever changes between here and there.
    const [{ parents }, elsewhere, found] = await Promise.all([
      readCommit(io, commit, { cwd: repository.commonDir, gitDir: repository.commonDir }),
      checkedOutIn(io, repository, branch),
      readRef(io, repository, branch),
    ]);
    if (parents.length !== 1 || parents[0] !== expected) {
      throw new ActivityError(
        `${commit} does not stand on ${expected} alone: it was not checked as the next commit of ${branch}`,
        {
          retryable: false,
        },
      );
    }
    const landed = await alreadyLanded(io, repository, payload, found);
    if (landed !== null) return { ok: true, commit: landed, already: true };
    if (found !== expected) return { ok: false, found };
    if (elsewhere[0] !== undefined) {
      const name = branch.replace('refs/heads/', '');
      throw new ActivityError(
        `target checked out elsewhere: ${name} is checked out in ${elsewhere[0]}; switch that to another branch, then \`skein resume ${payload.run}\``,
        { retryable: true },
      );
    }
    await options.checkpoint?.('verified');
    const moved = await moveRef(io, repository, branch, commit, expected, `land ${payload.task} ${payload.fence}`);
    if (!moved) {
      const now = await readRef(io, repository, branch);
      const since = await alreadyLanded(io, repository, payload, now);
      return since === null ? { ok: false, found: now } : { ok: true, commit: since, already: true };
    }
    await options.checkpoint?.('ref moved');
    await options.checkpoint?.('done');
    return { ok: true, commit, already: false };
  };
}

/** The commit through which this attempt is on the branch already: itself, or one with its trailer made before a crash. */
async function alreadyLanded(
  io: GitIo,
  repository: Repository,
  payload: work.LandPayload,
  found: string | null,
): Promise<string | null> {
  if (found === null || found === payload.expected) return null;
  if (found === payload.commit || (await isAncestor(io, repository, payload.commit, found))) return payload.commit;
  const landings = await landingsBetween(io, repository, payload.expected, found);
  return landings.find((one) => one.task === payload.task && one.fence === payload.fence)?.commit ?? null;
}

/** What a run's branch says has landed, oldest first: commits with `Skein-Task: <id> <fence>` since the run's base. */
export async function recoverLandings(io: GitIo, top: string, run: string): Promise<readonly Landing[]> {
  const repository = await repositories()(io, top);
  const [tip, base] = await Promise.all([readRef(io, repository, branchOf(run)), readRef(io, repository, baseRef(run))]);
  return tip === null ? [] : landingsBetween(io, repository, base, tip);
}

/** Without a base only the newest are read: more tasks than this a run does not have. */
const LANDINGS_MAX = 10_000;

export async function landingsBetween(
  io: GitIo,
  repository: Repository,
  base: string | null,
  tip: string,
): Promise<readonly Landing[]> {
  const range = base === null ? [tip] : [tip, `^${base}`];
  const options = { cwd: repository.commonDir, gitDir: repository.commonDir };
  const format = ['--format=%H%n%B%x00', '--first-parent', `--max-count=${LANDINGS_MAX}`, '--no-show-signature'];
  const log = await git(io, ['log', ...format, ...range, '--'], options);
  if (log.code !== 0) return [];
  return log.out
    .split('\0')
    .flatMap((entry) => {
      const text = entry.trimStart();
      const end = text.indexOf('\n');
      const message = text.slice(end + 1);
      const [, task, fence] = /^(.+) (\d+)$/.exec(trailers(message, 'Skein-Task').at(-1) ?? '') ?? [];
      const run = trailers(message, 'Skein-Run').at(-1) ?? '';
      return task === undefined ? [] : [{ task, fence: Number(fence), commit: text.slice(0, end), run }];
    })
    .toReversed();
}
