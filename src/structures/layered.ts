/**
 * Where to draw the nodes of a graph so that its edges run one way and seldom cross: a layer for each length of the longest
 * path to a node, and an order inside each layer found by barycentre sweeps, of which the one with the fewest crossings is kept.
 * It gives places on a grid and knows nothing of pixels. Source: Sugiyama, Tagawa, Toda, Methods for Visual Understanding of
 * Hierarchical System Structures, 1981; without virtual nodes, so edges over several layers do not count as crossings.
 */
import type { Dag } from './dag.ts';

export interface Layered {
  readonly layers: number;
  /** Nodes in the fullest layer. */
  readonly rows: number;
  /** Of each node. */
  readonly layer: Int32Array;
  /** Of each node: its place in its layer, from 0. */
  readonly row: Int32Array;
  /** Of each layer: how many nodes it has. */
  readonly sizes: Int32Array;
  /** Between neighbouring layers. */
  readonly crossings: number;
}

const SWEEPS = 6; // there and back three times; later sweeps rarely change anything

/** Deterministic: nodes begin in the order of their numbers, ties keep their order. O(sweeps x edges x log edges). */
export function layered(dag: Dag): Layered {
  const { size, depth } = dag;
  let layers = 0;
  for (let i = 0; i < size; i++) layers = Math.max(layers, depth[i]! + 1);
  const members: number[][] = Array.from({ length: layers }, () => []);
  for (let i = 0; i < size; i++) members[depth[i]!]!.push(i);
  const row = new Int32Array(size);
  const number = (layer: readonly number[]): void => layer.forEach((node, at) => (row[node] = at));
  for (const layer of members) number(layer);

  let best = row.slice();
  let crossings = crossingsOf(dag, members, row);
  for (let sweep = 0; sweep < SWEEPS && crossings > 0; sweep++) {
    const forward = sweep % 2 === 0;
    const order = forward ? members : members.toReversed();
    for (const layer of order.slice(1)) {
      const pull = new Map(layer.map((node) => [node, barycentre(dag, node, forward, members, row)]));
      layer.sort((a, b) => pull.get(a)! - pull.get(b)! || row[a]! - row[b]!);
      number(layer);
    }
    const now = crossingsOf(dag, members, row);
    if (now >= crossings) continue;
    best = row.slice();
    crossings = now;
  }
  const sizes = Int32Array.from(members, (layer) => layer.length);
  return {
    layers,
    rows: sizes.reduce((most, each) => Math.max(most, each), 0),
    layer: depth.slice(),
    row: best,
    sizes,
    crossings,
  };
}

/** Mean place of the neighbours on one side, as distance from the middle of their layer; its own place when it has none. */
function barycentre(dag: Dag, node: number, forward: boolean, members: readonly number[][], row: Int32Array): number {
  const start = forward ? dag.predecessorStart : dag.successorStart;
  const neighbour = forward ? dag.predecessor : dag.successor;
  const middle = (i: number): number => row[i]! - (members[dag.depth[i]!]!.length - 1) / 2;
  const [from, to] = [start[node]!, start[node + 1]!];
  if (from === to) return middle(node);
  let sum = 0;
  for (let e = from; e < to; e++) sum += middle(neighbour[e]!);
  return sum / (to - from);
}

/** Pairs of edges between neighbouring layers that cross, counted with a Fenwick tree over the rows on the right. */
function crossingsOf(dag: Dag, members: readonly number[][], row: Int32Array): number {
  let total = 0;
  for (let at = 0; at + 1 < members.length; at++) {
    const tree = new Int32Array(members[at + 1]!.length + 1);
    let seen = 0;
    for (const node of members[at]!.toSorted((a, b) => row[a]! - row[b]!)) {
      const ends: number[] = [];
      for (let e = dag.successorStart[node]!; e < dag.successorStart[node + 1]!; e++) {
        const j = dag.successor[e]!;
        if (dag.depth[j] === at + 1) ends.push(row[j]!);
      }
      for (const end of ends) {
        let notBelow = 0;
        for (let i = end + 1; i > 0; i -= i & -i) notBelow += tree[i]!;
        total += seen - notBelow;
      }
      for (const end of ends) for (let i = end + 1; i < tree.length; i += i & -i) tree[i]! += 1;
      seen += ends.length;
    }
  }
  return total;
}
