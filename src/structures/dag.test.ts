import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildDag, dagOfNeeds } from './dag.ts';

describe('a dag of needs', () => {
  it('orders every task after what it needs, smaller index first', () => {
    const built = dagOfNeeds([
      { id: 'test', needs: ['build', 'lint'] },
      { id: 'lint', needs: [] },
      { id: 'build', needs: ['lint', 'lint'] },
    ]);
    expect(built.ok && [...built.dag.order]).toEqual([1, 2, 0]);
    expect(built.ok && built.dag.edges).toBe(3);
    expect(built.ok && [...built.dag.depth]).toEqual([2, 0, 1]);
  });

  it('names a cycle as the path that closes it, apart from tasks that merely hang on it', () => {
    const built = dagOfNeeds([
      { id: 'after', needs: ['a'] },
      { id: 'a', needs: ['b'] },
      { id: 'b', needs: ['c', 'free'] },
      { id: 'c', needs: ['a'] },
      { id: 'self', needs: ['self'] },
      { id: 'free', needs: [] },
    ]);
    if (built.ok) throw new Error('a cycle was not found');
    expect(built.problems.map((p) => p.kind === 'cycle' && p.path.join(' -> '))).toEqual(['a -> b -> c -> a', 'self -> self']);
  });

  it('names duplicate ids and unknown needs, all of them', () => {
    const built = dagOfNeeds([
      { id: 'a', needs: ['ghost'] },
      { id: 'a', needs: [] },
      { id: '__proto__', needs: ['constructor'] },
    ]);
    expect(built).toEqual({
      ok: false,
      problems: [
        { kind: 'duplicate', at: 1, id: 'a', first: 0 },
        { kind: 'unknown', at: 0, id: 'a', need: 'ghost' },
        { kind: 'unknown', at: 2, id: '__proto__', need: 'constructor' },
      ],
    });
  });

  it('finds the one cycle of 100,000 tasks without deep recursion', () => {
    const size = 100_000;
    const from = Array.from({ length: size }, (_, i) => i);
    const to = from.map((i) => (i + 1) % size);
    const built = buildDag(size, from, to);
    expect(!built.ok && built.cycles.map((cycle) => [cycle.length, cycle[0]])).toEqual([[size + 1, 0]]);
  });

  it('either orders all nodes or names cycles whose every step is an edge', () => {
    const graph = fc
      .integer({ min: 1, max: 12 })
      .chain((size) =>
        fc.tuple(fc.constant(size), fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: size * 2 })),
      );
    fc.assert(
      fc.property(graph, ([size, edges]) => {
        const built = buildDag(
          size,
          edges.map(([a]) => a),
          edges.map(([, b]) => b),
        );
        if (built.ok) {
          const position = [...built.dag.order].reduce((all, node, at) => all.set(node, at), new Map<number, number>());
          expect(position.size).toBe(size);
          for (const [a, b] of edges) expect(position.get(a)!).toBeLessThan(position.get(b)!);
        } else {
          expect(built.cycles.length).toBeGreaterThan(0);
          for (const cycle of built.cycles) {
            expect(cycle[0]).toBe(cycle.at(-1));
            for (let i = 1; i < cycle.length; i++) {
              expect(edges.some(([a, b]) => a === cycle[i - 1] && b === cycle[i])).toBe(true);
            }
          }
        }
      }),
    );
  });
});
