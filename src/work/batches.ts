/**
 * Which tree of the landing queue is checked next. The queue is a chain of commits: a check of one of them is a verdict on it and on
 * all before it. Green, they land together; red, the first bad one is found by checking prefixes of the same chain. How many go
 * together follows from how often changes of their agents were refused in this run. Decides about indexes alone; keeps no state.
 *
 *   a b c d e f    check f: red      [a b c d e f]   one of them is bad
 *                  check c: green     a b c land      [d e f]
 *                  check d: red                       d is bad, and its own check says why; e f are composed again
 */
import type { work } from '../contracts/index.ts';

/** All of a batch should be good more often than not: below this, finding the bad one costs what the batch saved. */
const GOOD_TOGETHER = 0.55;
/** The gain of larger ones is small even at 1 % failures: 0.12 checks for each change instead of 0.14 at half the size. */
const BATCH_MAX = 32;
/** Of an agent that nobody knows: it is checked alone. */
const RISK_UNKNOWN = 1 / 3;
/** Changes of others that count as much as its own when an agent is judged. */
const RUN_WEIGHT = 2;

/** One entry of the queue as far as batches are concerned. */
export interface Link {
  readonly stage: work.LandingEntry['stage'];
  /** Checked, and not fit to land. */
  readonly red: boolean;
  /** How probable it is that it is refused, 0..1. */
  readonly risk: number;
  /** It needs a verdict that nothing else has a part in. */
  readonly alone: boolean;
}

/** How probable it is that a change of each agent is refused: a Beta posterior over the decided changes of this run. */
export function riskOf(tasks: Iterable<work.TaskRecord>): (agent: string) => number {
  const byAgent = new Map<string, { decided: number; refused: number }>();
  const run = { decided: 0, refused: 0 };
  for (const { attempts, landing } of tasks) {
    for (const { agent, fence, outcome, vet } of attempts) {
      // What screening or the judge refused never got as far as a check.
      const refused = outcome === 'refused' && vet !== null && vet.violations.length === 0;
      const landed = outcome === 'landed' || (landing?.stage === 'landing' && landing.fence === fence);
      if (!landed && !refused) continue;
      const own = byAgent.get(agent) ?? { decided: 0, refused: 0 };
      byAgent.set(agent, own);
      for (const tally of [run, own]) {
        tally.decided += 1;
        tally.refused += refused ? 1 : 0;
      }
    }
  }
  const ofRun = (1 + run.refused) / (3 + run.decided);
  return (agent) => {
    const own = byAgent.get(agent);
    if (own === undefined) return Math.max(RISK_UNKNOWN, ofRun);
    return (own.refused + RUN_WEIGHT * ofRun) / (own.decided + RUN_WEIGHT);
  };
}

/** Index of the entry whose tree is to be checked while those at `checking` are under way; null = nothing more at present. */
export function nextCheck(chain: readonly Link[]): number | null {
  const red = chain.findIndex((link) => link.red);
  if (red >= 0) return bisect(chain, 0, red);
  let start = 0;
  for (;;) {
    const flying = chain.findIndex((link, i) => i >= start && link.stage === 'checking');
    if (flying < 0) {
      const end = batchEnd(chain, start);
      // What is queued is the batch: it is composed in a moment, and nobody waits for more to come.
      return end !== null && chain[end]!.stage === 'composed' ? end : null;
    }
    // Beside a batch that is likely good the next one is checked; beside one that is not, its first half.
    const good = chain.slice(start, flying + 1).reduce((chance, { risk }) => chance * (1 - risk), 1);
    const half = bisect(chain, start, flying);
    if (half !== null && good < 0.5) return half;
    if (flying + 1 >= chain.length || chain[flying + 1]!.stage === 'conflicted') return half;
    start = flying + 1;
  }
}

/** The entry in the middle of those before `end`; while it is checked, the middles of what it leaves. */
function bisect(chain: readonly Link[], start: number, end: number): number | null {
  if (start >= end) return null;
  const middle = start + ((end - start - 1) >> 1);
  const { stage } = chain[middle]!;
  if (stage === 'composed') return middle;
  return stage === 'checking' ? (bisect(chain, middle + 1, end) ?? bisect(chain, start, middle)) : null;
}

/** Last entry of the batch that begins at `start`. */
function batchEnd(chain: readonly Link[], start: number): number | null {
  let good = 1;
  let end: number | null = null;
  for (let i = start; i < chain.length && i < start + BATCH_MAX; i++) {
    const { stage, risk, alone } = chain[i]!;
    good *= 1 - risk;
    if (stage === 'conflicted' || (end !== null && (alone || good < GOOD_TOGETHER))) break;
    end = i;
    if (alone) break;
  }
  return end;
}
