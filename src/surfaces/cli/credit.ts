/**
 * Who closed what: the coverage game over the items (diagnostics, findings, tests) that a run closed on its branch. An item is
 * shared evenly by the agents whose sound candidates for a landed task close it. Pure; the game itself is in structures.
 */
import type { RunView } from '../../assembly/index.ts';
import type { work } from '../../contracts/index.ts';
import { coverageShares } from '../../structures/index.ts';

export interface Credit {
  /** Distinct items closed by what landed. The shares sum to it. */
  readonly items: number;
  /** Items that a candidate closed beyond those it listed: in nobody's share. */
  readonly unlisted: number;
  /** Most first; agents that tried and closed nothing are there with 0. */
  readonly shares: readonly { readonly agent: string; readonly share: number }[];
}

/** Vetted and not refused: it did the work, whether or not a rival's change was the one that landed. */
const SOUND: ReadonlySet<work.AttemptRecord['outcome']> = new Set(['landed', 'outscored', 'candidate']);

export function creditOf({ tasks }: Pick<RunView, 'tasks'>): Credit {
  const agents = new Map<string, number>();
  const items = new Map<string, number>();
  const player: number[] = [];
  const item: number[] = [];
  let unlisted = 0;
  const numberIn = (known: Map<string, number>, name: string): number => {
    const number = known.get(name) ?? known.size;
    known.set(name, number);
    return number;
  };
  for (const task of tasks) {
    const landed = task.attempts.findLast((attempt) => attempt.outcome === 'landed');
    const closed = new Set(landed?.vet?.closed ?? []);
    unlisted += landed?.vet?.more ?? 0;
    for (const attempt of task.attempts) {
      const agent = numberIn(agents, attempt.agent);
      if (!SOUND.has(attempt.outcome) || attempt.vet === null) continue;
      for (const name of attempt.vet.closed) {
        if (!closed.has(name)) continue;
        player.push(agent);
        item.push(numberIn(items, name));
      }
    }
  }
  const shares = coverageShares({ players: agents.size, items: items.size, player, item });
  return {
    items: items.size,
    unlisted,
    shares: [...agents.keys()]
      .map((agent, at) => ({ agent, share: shares[at]! }))
      .toSorted((a, b) => b.share - a.share || (a.agent < b.agent ? -1 : 1)),
  };
}
