import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Coverage, coverageShares } from './credit.ts';

/** Small enough for all coalitions to be looked at. */
const games: fc.Arbitrary<Required<Coverage>> = fc
  .record({
    players: fc.integer({ min: 1, max: 6 }),
    items: fc.integer({ min: 1, max: 8 }),
  })
  .chain(({ players, items }) =>
    fc
      .record({
        pairs: fc.array(fc.tuple(fc.nat(players - 1), fc.nat(items - 1)), { maxLength: 24 }),
        weight: fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: items, maxLength: items }),
      })
      .map(({ pairs, weight }) => ({
        players,
        items,
        player: pairs.map(([player]) => player),
        item: pairs.map(([, item]) => item),
        weight,
      })),
  );

/** What the members of a coalition, given as bits, cover together. */
function worth({ player, item, weight }: Required<Coverage>, coalition: number): number {
  const covered = new Set<number>();
  for (let k = 0; k < player.length; k++) if ((coalition >> player[k]!) & 1) covered.add(item[k]!);
  return [...covered].reduce((sum, i) => sum + weight[i]!, 0);
}

/** The definition: what each adds, over all orders in which the players can come. */
function shapley(game: Required<Coverage>): number[] {
  const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
  const n = game.players;
  return Array.from({ length: n }, (_, p) => {
    let sum = 0;
    for (let coalition = 0; coalition < 1 << n; coalition++) {
      if ((coalition >> p) & 1) continue;
      const size = coalition.toString(2).replaceAll('0', '').length;
      const orders = (factorial(size) * factorial(n - size - 1)) / factorial(n);
      sum += orders * (worth(game, coalition | (1 << p)) - worth(game, coalition));
    }
    return sum;
  });
}

describe('credit in the coverage game', () => {
  test('an item is shared evenly by those who cover it', () => {
    const shares = coverageShares({ players: 4, items: 3, player: [0, 1, 1, 2, 2], item: [0, 0, 1, 0, 0] });
    expect([...shares].map((share) => Number(share.toFixed(4)))).toEqual([0.3333, 1.3333, 0.3333, 0]);
  });

  test('is the Shapley value by its definition', () => {
    fc.assert(
      fc.property(games, (game) => {
        const shares = coverageShares(game);
        for (const [p, value] of shapley(game).entries()) expect(shares[p]).toBeCloseTo(value, 6);
      }),
      { numRuns: 60 },
    );
  });

  test('sums to the weight of what is covered', () => {
    fc.assert(
      fc.property(games, (game) => {
        const sum = coverageShares(game).reduce((total, share) => total + share, 0);
        expect(sum).toBeCloseTo(worth(game, (1 << game.players) - 1), 6);
      }),
    );
  });

  test('who covers the same gets the same, who covers nothing gets nothing, order does not matter', () => {
    fc.assert(
      fc.property(games, (game) => {
        // Player 0 a second time under the last number, and one more who covers nothing.
        const twin = game.players;
        const copies = Array.from(game.player).flatMap((p, k) => (p === 0 ? [game.item[k]!] : []));
        const player = [...Array.from(game.player), ...copies.map(() => twin)];
        const item = [...Array.from(game.item), ...copies];
        const shares = coverageShares({ ...game, players: twin + 2, player, item });
        expect(shares[twin]).toBeCloseTo(shares[0]!, 9);
        expect(shares[twin + 1]).toBe(0);
        const reversed = { ...game, players: twin + 2, player: player.toReversed(), item: item.toReversed() };
        expect(coverageShares(reversed)).toEqual(shares);
      }),
    );
  });

  test('a pair outside the game is refused', () => {
    expect(() => coverageShares({ players: 1, items: 1, player: [1], item: [0] })).toThrow('names player 1, there are 1');
    expect(() => coverageShares({ players: 1, items: 1, player: [0], item: [3] })).toThrow('names item 3, there are 1');
  });
});
