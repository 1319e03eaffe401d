/**
 * Moving the run's branch. The ref is the commit point: before it nothing has landed, after it everything has, and whoever
 * comes back after a crash reads from it which of the two it is. It never touches a working tree or a ref of the user's.
 *
 *   verified ──▶ (update-ref, durable) ──▶ ref moved ──▶ done
 *     └ crash: nothing landed, run again      └ crash: landed; running again says `already`
 */
import type { work } from '../../../contracts/index.ts';
import { ActivityError, type ActivityFunction } from '../activity.ts';
import { git, type GitIo, type Repositories, type Repository, repositories, trailers } from './git.ts';
import { baseRef, branchOf } from './names.ts';
import { checkedOutIn, isAncestor, moveRef, readRef } from './refs.ts';

export type LandStep = 'verified' | 'ref moved' | 'done';
export const LAND_STEPS: readonly LandStep[] = ['verified', 'ref moved', 'done'];

const REASON_MAX = 1000; // in the reflog, for people

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
    const { branch, commit, expected, chain } = payload;
    const of = { cwd: repository.commonDir, gitDir: repository.commonDir };
    // Only looked at: the branch is moved by compare-and-swap, whatever changes between here and there.
    const [listed, elsewhere, found] = await Promise.all([
      git(io, ['rev-list', '--parents', `--max-count=${chain.length + 1}`, commit, `^${expected}`, '--'], of),
      checkedOutIn(io, repository, branch),
      readRef(io, repository, branch),
    ]);
    const line = chain.map((one, i) => `${one.commit} ${i === 0 ? expected : chain[i - 1]!.commit}`);
    if (listed.code !== 0 || listed.out.trim() !== line.toReversed().join('\n')) {
      const detail = `${commit} does not stand on ${expected} by its own batch alone: it was not checked as the next commit of ${branch}`;
      throw new ActivityError(detail, { retryable: false });
    }
    const landed = await alreadyLanded(io, repository, payload, found);
    if (landed !== null) return { ok: true, commit: landed, already: true };
    if (found !== expected) return { ok: false, found, landed: await landedOf(io, repository, payload, found) };
    if (elsewhere[0] !== undefined) {
      const name = branch.replace('refs/heads/', '');
      throw new ActivityError(
        `target checked out elsewhere: ${name} is checked out in ${elsewhere[0]}; switch that to another branch, then \`skein resume ${payload.run}\``,
        { retryable: true },
      );
    }
    await options.checkpoint?.('verified');
    const why = `land ${chain.map((one) => `${one.task} ${one.fence}`).join(', ')}`.slice(0, REASON_MAX);
    const moved = await moveRef(io, repository, branch, commit, expected, why);
    if (!moved) {
      const now = await readRef(io, repository, branch);
      const since = await alreadyLanded(io, repository, payload, now);
      if (since !== null) return { ok: true, commit: since, already: true };
      return { ok: false, found: now, landed: await landedOf(io, repository, payload, now) };
    }
    await options.checkpoint?.('ref moved');
    await options.checkpoint?.('done');
    return { ok: true, commit, already: false };
  };
}

/** How much of the batch the branch holds: what was last in an earlier batch may have landed without anybody being told. */
async function landedOf(io: GitIo, repository: Repository, { chain }: work.LandPayload, found: string | null): Promise<number> {
  if (found === null) return 0;
  for (let count = chain.length; count > 0; count--)
    if (await isAncestor(io, repository, chain[count - 1]!.commit, found)) return count;
  return 0;
}

/** The commit through which these attempts are on the branch already: their own, or the last of those with their trailers. */
async function alreadyLanded(
  io: GitIo,
  repository: Repository,
  payload: work.LandPayload,
  found: string | null,
): Promise<string | null> {
  if (found === null || found === payload.expected) return null;
  if (found === payload.commit || (await isAncestor(io, repository, payload.commit, found))) return payload.commit;
  const landings = await landingsBetween(io, repository, payload.expected, found);
  const made = payload.chain.map(({ task, fence }) => landings.find((one) => one.task === task && one.fence === fence));
  return made.every((one) => one !== undefined) ? (made.at(-1)?.commit ?? null) : null;
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
