/**
 * Enough ready, not too many in conflict, not too many unknown: the answer of a set of agents that has three states, always over
 * everybody who was invited. Late and abstaining ones are invited and not ready, so that leaving out the slow never helps.
 */
import { assert } from '../kernel/index.ts';

export interface Tally {
  readonly invited: number;
  readonly ready: number;
  readonly conflict: number;
  /** Asked, and nothing heard yet. */
  readonly transit: number;
}

export interface QuorumRule {
  readonly readyMin: number;
  readonly conflictMax: number;
  readonly transitMax: number;
}

export const QUORUM: QuorumRule = { readyMin: 0.95, conflictMax: 0.05, transitMax: 0.1 };

export interface Quorum {
  readonly decision: 'PROCEED' | 'WAIT' | 'RESOLVE_CONFLICTS' | 'RETRY';
  /** Ready share less half of the conflict share, 0..1. */
  readonly confidence: number;
  readonly reason: string;
}

export function trinaryQuorum(tally: Tally, rule: QuorumRule = QUORUM): Quorum {
  const { invited, ready, conflict, transit } = tally;
  assert(ready + conflict + transit <= invited, `${ready} + ${conflict} + ${transit} answers of ${invited} invited`);
  if (invited === 0) return { decision: 'RETRY', confidence: 0, reason: 'nobody was invited' };
  const confidence = Math.max(0, (ready - conflict / 2) / invited);
  const share = (count: number): string => `${count} of ${invited} (${((100 * count) / invited).toFixed(1)} %)`;
  const enough = ready >= rule.readyMin * invited;
  const agreed = conflict <= rule.conflictMax * invited;
  const settled = transit <= rule.transitMax * invited;
  if (enough && agreed && settled) return { decision: 'PROCEED', confidence, reason: `${share(ready)} ready` };
  if (!settled) return { decision: 'WAIT', confidence, reason: `${share(transit)} in transit: extend the window` };
  if (!agreed) return { decision: 'RESOLVE_CONFLICTS', confidence, reason: `${share(conflict)} in conflict: resolve them first` };
  return {
    decision: 'RETRY',
    confidence,
    reason: `${share(ready)} ready, ${share(invited - ready - conflict - transit)} late or abstaining: choose a later T`,
  };
}

export interface BeforeT {
  readonly now: number;
  readonly target: number;
  /** What a broadcast needs to reach everybody (p99.9 of the tree), and the widest stated clock bound. */
  readonly treeMs: number;
  readonly boundMs: number;
  readonly slides: number;
  readonly slidesMax: number;
  /** When those in transit are expected, from the lead sketch. */
  readonly readyAt: number;
}

export type Verdict =
  | { readonly decision: 'GO'; readonly quorum: Quorum }
  | { readonly decision: 'SLIDE'; readonly to: number; readonly quorum: Quorum }
  | { readonly decision: 'ABORT'; readonly why: string; readonly quorum: Quorum };

/** GO is silent. A SLIDE only ever moves T later and only while everybody can still hear it before T: else some would commit at the
 *  old T and some at the new one. After that the choice is GO or ABORT, and an ABORT that comes too late voids the epoch. */
export function decideBeforeT(tally: Tally, at: BeforeT, rule: QuorumRule = QUORUM): Verdict {
  const quorum = trinaryQuorum(tally, rule);
  // Whether transit is within its limit is known at T only; before T it counts as not ready.
  const { decision } = trinaryQuorum({ ...tally, transit: 0 }, rule);
  if (decision === 'PROCEED') return { decision: 'GO', quorum };
  const reachable = at.target - at.now >= at.treeMs + at.boundMs;
  const waitable =
    tally.ready + tally.transit >= rule.readyMin * tally.invited && tally.conflict <= rule.conflictMax * tally.invited;
  const why = !waitable
    ? quorum.reason
    : !reachable
      ? `a new T needs ${at.treeMs + at.boundMs} ms to reach everybody and T is in ${at.target - at.now} ms`
      : at.slides >= at.slidesMax
        ? `T was moved ${at.slides} times`
        : null;
  if (why !== null) return { decision: 'ABORT', why, quorum };
  return { decision: 'SLIDE', to: Math.max(at.readyAt, at.target + 1), quorum };
}
