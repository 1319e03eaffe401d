/**
 * A directed acyclic graph over dense integers 0..size-1 in compressed rows: two typed arrays per direction, nothing
 * allocated per edge. Owns ids becoming numbers, the topological order, and the naming of what is wrong: duplicate ids,
 * unknown ids, cycles as a path. It knows nothing of durations; who schedules keeps those beside it.
 * Pure and deterministic: equal input gives equal order, ties go to the smaller number.
 */

import { assert } from '../kernel/index.ts';

/** Row `i` of a direction holds the entries start[i] .. start[i+1]-1. */
export interface Dag {
  readonly size: number;
  readonly edges: number;
  readonly successorStart: Int32Array;
  readonly successor: Int32Array;
  /** Weight of the edge at the same position in `successor`. */
  readonly successorWeight: Float64Array;
  readonly predecessorStart: Int32Array;
  readonly predecessor: Int32Array;
  readonly predecessorWeight: Float64Array;
  /** Every node after its predecessors. */
  readonly order: Int32Array;
  /** Edges on the longest path from an entry to the node: smaller never depends on larger. */
  readonly depth: Int32Array;
}

export type DagResult =
  | { readonly ok: true; readonly dag: Dag }
  /** Each cycle as the nodes along the edges, the first repeated at the end: [0, 2, 0]. */
  | { readonly ok: false; readonly cycles: readonly (readonly number[])[] };

/** More cycles than this are not listed: whoever repairs ten starts again anyway. */
const CYCLES_MAX = 10;

/** Edge k goes from[k] -> to[k]; both must be in 0..size-1. Weight 0 where `weight` is not given. O(nodes + edges). */
export function buildDag(size: number, from: ArrayLike<number>, to: ArrayLike<number>, weight?: ArrayLike<number>): DagResult {
  const edges = from.length;
  const successorStart = new Int32Array(size + 1);
  const predecessorStart = new Int32Array(size + 1);
  for (let k = 0; k < edges; k++) {
    const a = from[k] as number;
    const b = to[k] as number;
    if (!(a >= 0 && a < size && b >= 0 && b < size)) assert(false, `edge ${k} (${a} -> ${b}) leaves 0..${size - 1}`);
    successorStart[a + 1]! += 1;
    predecessorStart[b + 1]! += 1;
  }
  for (let i = 0; i < size; i++) {
    successorStart[i + 1]! += successorStart[i]!;
    predecessorStart[i + 1]! += predecessorStart[i]!;
  }
  const successor = new Int32Array(edges);
  const successorWeight = new Float64Array(edges);
  const predecessor = new Int32Array(edges);
  const predecessorWeight = new Float64Array(edges);
  const nextOut = successorStart.slice(0, size);
  const nextIn = predecessorStart.slice(0, size);
  for (let k = 0; k < edges; k++) {
    const a = from[k] as number;
    const b = to[k] as number;
    const w = weight === undefined ? 0 : (weight[k] as number);
    const out = nextOut[a]!++;
    successor[out] = b;
    successorWeight[out] = w;
    const back = nextIn[b]!++;
    predecessor[back] = a;
    predecessorWeight[back] = w;
  }

  // Kahn's algorithm; `order` is its queue at the same time.
  const order = new Int32Array(size);
  const depth = new Int32Array(size);
  const waiting = new Int32Array(size);
  let known = 0;
  for (let i = 0; i < size; i++) {
    waiting[i] = predecessorStart[i + 1]! - predecessorStart[i]!;
    if (waiting[i] === 0) order[known++] = i;
  }
  for (let at = 0; at < known; at++) {
    const i = order[at]!;
    const below = depth[i]! + 1;
    for (let e = successorStart[i]!; e < successorStart[i + 1]!; e++) {
      const j = successor[e]!;
      if (depth[j]! < below) depth[j] = below;
      if (--waiting[j]! === 0) order[known++] = j;
    }
  }
  if (known < size) return { ok: false, cycles: findCycles(size, waiting, predecessorStart, predecessor) };
  return {
    ok: true,
    dag: {
      size,
      edges,
      successorStart,
      successor,
      successorWeight,
      predecessorStart,
      predecessor,
      predecessorWeight,
      order,
      depth,
    },
  };
}

/** A node that still waits has a predecessor that still waits: walking back from it must close a cycle. */
function findCycles(size: number, waiting: Int32Array, start: Int32Array, predecessor: Int32Array): number[][] {
  const cycles: number[][] = [];
  const walkOf = new Int32Array(size); // 0 = not visited, else the number of the walk
  for (let first = 0, walk = 1; first < size && cycles.length < CYCLES_MAX; first++, walk++) {
    const path: number[] = [];
    let i = first;
    while (waiting[i]! > 0 && walkOf[i] === 0) {
      walkOf[i] = walk;
      path.push(i);
      let e = start[i]!;
      while (waiting[predecessor[e]!] === 0) e++;
      i = predecessor[e]!;
    }
    if (path.length === 0 || walkOf[i] !== walk) continue; // ran into the cycle of an earlier walk
    const cycle = path.slice(path.indexOf(i)).toReversed(); // walked against the edges
    const smallest = cycle.indexOf(cycle.reduce((a, b) => Math.min(a, b)));
    const turned = [...cycle.slice(smallest), ...cycle.slice(0, smallest)];
    cycles.push([...turned, turned[0]!]);
  }
  return cycles;
}

/** What has an id and names the ids it needs. */
export interface Node {
  readonly id: string;
  readonly needs: readonly string[];
}

export type NameProblem =
  | { readonly kind: 'duplicate'; readonly at: number; readonly id: string; readonly first: number }
  | { readonly kind: 'unknown'; readonly at: number; readonly id: string; readonly need: string }
  /** `a -> b -> a`: a needs b, b needs a. `at` is the position of the first. */
  | { readonly kind: 'cycle'; readonly at: number; readonly path: readonly string[]; readonly positions: readonly number[] };

export type NamedDag =
  | { readonly ok: true; readonly dag: Dag }
  | { readonly ok: false; readonly problems: readonly NameProblem[] };

/**
 * The graph of what is needed: an edge runs from each need to the node that needs it; node i is nodes[i], weights are 0.
 * A need named twice counts once. Cycles are looked for only when all names are right.
 */
export function dagOfNeeds(nodes: readonly Node[]): NamedDag {
  const problems: NameProblem[] = [];
  const at = new Map<string, number>();
  nodes.forEach((node, i) => {
    const first = at.get(node.id);
    if (first === undefined) at.set(node.id, i);
    else problems.push({ kind: 'duplicate', at: i, id: node.id, first });
  });
  const from: number[] = [];
  const to: number[] = [];
  nodes.forEach((node, i) => {
    for (const need of new Set(node.needs)) {
      const j = at.get(need);
      if (j === undefined) problems.push({ kind: 'unknown', at: i, id: node.id, need });
      else {
        from.push(j);
        to.push(i);
      }
    }
  });
  if (problems.length > 0) return { ok: false, problems };
  const built = buildDag(nodes.length, from, to);
  if (built.ok) return built;
  for (const cycle of built.cycles) {
    const positions = cycle.toReversed(); // edges run need -> needing; people read the other way
    problems.push({ kind: 'cycle', at: positions[0]!, path: positions.map((i) => nodes[i]!.id), positions });
  }
  return { ok: false, problems };
}
