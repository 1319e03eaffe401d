/**
 * Who gets the credit when several did the same: the exact Shapley value of the coverage game, in which a coalition is worth
 * the weight of the items that at least one of its members covers. There the value has a closed form: every item is shared
 * evenly among those who cover it, so nothing is sampled and a million items take milliseconds.
 * It knows nothing of agents' names or of what an item is. Source: L. S. Shapley, A Value for n-Person Games, 1953.
 */
import { assert } from '../kernel/index.ts';

/** Player `player[k]` covers item `item[k]`. A pair that is given twice counts once, an item that nobody covers for nobody. */
export interface Coverage {
  readonly players: number;
  readonly items: number;
  readonly player: ArrayLike<number>;
  readonly item: ArrayLike<number>;
  /** By item, not negative; 1 for each where it is not given. */
  readonly weight?: ArrayLike<number>;
}

/** The share of each player; together they are the weight of all covered items. O(players + items + pairs). */
export function coverageShares({ players, items, player, item, weight }: Coverage): Float64Array {
  const pairs = player.length;
  assert(item.length === pairs, `${pairs} players for ${item.length} items: a pair has both`);
  const start = new Int32Array(items + 1);
  for (let k = 0; k < pairs; k++) {
    const i = item[k]!;
    if (!(i >= 0 && i < items)) assert(false, `pair ${k} names item ${i}, there are ${items}`);
    start[i + 1]! += 1;
  }
  for (let i = 0; i < items; i++) start[i + 1]! += start[i]!;
  const next = start.slice(0, items);
  const covering = new Int32Array(pairs);
  for (let k = 0; k < pairs; k++) {
    const p = player[k]!;
    if (!(p >= 0 && p < players)) assert(false, `pair ${k} names player ${p}, there are ${players}`);
    covering[next[item[k]!]!++] = p;
  }

  const shares = new Float64Array(players);
  const seenAt = new Int32Array(players).fill(-1); // the last item at which a player was met
  for (let i = 0; i < items; i++) {
    const from = start[i]!;
    let distinct = from;
    for (let k = from; k < start[i + 1]!; k++) {
      const p = covering[k]!;
      if (seenAt[p] === i) continue;
      seenAt[p] = i;
      covering[distinct++] = p;
    }
    const share = (weight === undefined ? 1 : weight[i]!) / (distinct - from);
    for (let k = from; k < distinct; k++) shares[covering[k]!]! += share;
  }
  return shares;
}
