import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { buildDag, type Dag } from './dag.ts';
import { layered } from './layered.ts';

function dagOf(size: number, edges: readonly (readonly [number, number])[]): Dag {
  const built = buildDag(
    size,
    edges.map(([from]) => from),
    edges.map(([, to]) => to),
  );
  if (!built.ok) throw new Error('edges run from smaller to larger numbers');
  return built.dag;
}

const dags = fc
  .integer({ min: 1, max: 20 })
  .chain((size) =>
    fc
      .uniqueArray(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 40, selector: ([a, b]) => a * size + b })
      .map((edges) => ({ size, edges: edges.filter(([a, b]) => a < b) })),
  );

/** Every pair of edges between the same two neighbouring layers, looked at. */
function crossings(edges: readonly (readonly [number, number])[], layer: Int32Array, row: Int32Array): number {
  const near = edges.filter(([a, b]) => layer[b] === layer[a]! + 1);
  let count = 0;
  for (const [i, [a, b]] of near.entries())
    for (const [c, d] of near.slice(i + 1))
      if (layer[a] === layer[c] && (row[a]! - row[c]!) * (row[b]! - row[d]!) < 0) count += 1;
  return count;
}

describe('layers of a graph', () => {
  test('edges run to later layers, and every place in a layer is taken once', () => {
    fc.assert(
      fc.property(dags, ({ size, edges }) => {
        const { layer, row, sizes, layers, rows } = layered(dagOf(size, edges));
        for (const [a, b] of edges) expect(layer[a]).toBeLessThan(layer[b]!);
        for (let at = 0; at < layers; at++) {
          const places = [...row].filter((_, node) => layer[node] === at).toSorted((a, b) => a - b);
          expect(places).toEqual(Array.from({ length: sizes[at]! }, (_, i) => i));
          expect(sizes[at]).toBeLessThanOrEqual(rows);
        }
      }),
    );
  });

  test('sweeping never makes more crossings than the first order has, and they are counted right', () => {
    fc.assert(
      fc.property(dags, ({ size, edges }) => {
        const drawn = layered(dagOf(size, edges));
        expect(drawn.crossings).toBe(crossings(edges, drawn.layer, drawn.row));
        const first = new Int32Array(size);
        const next = new Int32Array(drawn.layers);
        for (let i = 0; i < size; i++) first[i] = next[drawn.layer[i]!]!++;
        expect(drawn.crossings).toBeLessThanOrEqual(crossings(edges, drawn.layer, first));
      }),
    );
  });

  test('two pairs that cross are turned so that they do not', () => {
    const { crossings: left, row } = layered(
      dagOf(4, [
        [0, 3],
        [1, 2],
      ]),
    );
    expect([left, [...row]]).toEqual([0, [0, 1, 1, 0]]);
  });

  test('nothing has no layers', () => {
    expect(layered(dagOf(0, []))).toMatchObject({ layers: 0, rows: 0, crossings: 0 });
  });
});
