/**
 * Claim: exact credit of 30,000 agents for 1,000,000 items takes less than a second. Baseline in the same run: the same closed
 * form with a map of sets, as one would write it first.
 */
import { seededRandom } from '../src/kernel/index.ts';
import { coverageShares } from '../src/structures/index.ts';
import { quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const AGENTS = 30_000;
const ITEMS = 1_000_000;
const OWNERS_MAX = 5; // 1 to 5 agents close the same item: 3,000,000 pairs
const ROUNDS = 7;

function plainShares(player: Int32Array, item: Int32Array): Map<number, number> {
  const owners = new Map<number, Set<number>>();
  for (let k = 0; k < player.length; k++) {
    const known = owners.get(item[k]!);
    if (known === undefined) owners.set(item[k]!, new Set([player[k]!]));
    else known.add(player[k]!);
  }
  const shares = new Map<number, number>();
  for (const together of owners.values()) {
    for (const agent of together) shares.set(agent, (shares.get(agent) ?? 0) + 1 / together.size);
  }
  return shares;
}

function timed(action: () => unknown, rounds: number): number[] {
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    action();
    times.push(performance.now() - start);
  }
  return times;
}

export default async function creditBench(): Promise<Row[]> {
  const random = seededRandom('bench/credit');
  const pairs: [number[], number[]] = [[], []];
  for (let i = 0; i < ITEMS; i++) {
    for (let k = random.below(OWNERS_MAX); k >= 0; k--) {
      pairs[0].push(random.below(AGENTS));
      pairs[1].push(i);
    }
  }
  // Items arrive as the agents worked, not sorted.
  const order = Int32Array.from(pairs[0].keys());
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  const player = Int32Array.from(order, (k) => pairs[0][k]!);
  const item = Int32Array.from(order, (k) => pairs[1][k]!);

  const shares = coverageShares({ players: AGENTS, items: ITEMS, player, item });
  const plain = plainShares(player, item);
  const worst = shares.reduce((most, share, p) => Math.max(most, Math.abs(share - (plain.get(p) ?? 0))), 0);
  const total = shares.reduce((sum, share) => sum + share, 0);

  const ours = timed(() => coverageShares({ players: AGENTS, items: ITEMS, player, item }), ROUNDS);
  const naive = quantile(
    timed(() => plainShares(player, item), 3),
    0.5,
  );
  const p50 = quantile(ours, 0.5);
  const p99 = quantile(ours, 0.99);
  return [
    {
      claim: `credit of ${AGENTS} agents for ${ITEMS} items, ${player.length} pairs`,
      target: '< 1000 ms',
      ours: p50,
      unit: 'ms',
      baseline: naive,
      ratio: naive / p50,
      p50,
      p99,
      met: p99 < 1000,
    },
    {
      claim: 'the same shares as the map of sets, largest difference',
      target: '<= 1e-9 items',
      ours: worst,
      unit: 'items',
      p50: worst,
      p99: worst,
      met: worst <= 1e-9,
    },
    {
      claim: 'what the shares sum to',
      target: `= ${ITEMS} items within 1e-6`,
      ours: total,
      unit: 'items',
      p50: total,
      p99: total,
      met: Math.abs(total - ITEMS) <= 1e-6,
    },
  ];
}
