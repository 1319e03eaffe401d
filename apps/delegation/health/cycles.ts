/** Import cycles that exist when the program runs: modules that need each other while they are loaded. */
import type { ModuleGraph } from 'skein/checks';

export interface Cycles {
  /** The shortest one, its first module again at the end; empty = none. */
  readonly shortest: readonly string[];
  /** Groups of modules that all need each other. */
  readonly groups: readonly (readonly string[])[];
}

/** True when `from` needs `to` for more than its types. */
export type NeedsValue = (from: string, to: string) => boolean;

/** O(modules + imports) for the groups, then a breadth-first walk from each module in one. */
export function cyclesOf(graph: ModuleGraph, among: (path: string) => boolean, needs: NeedsValue): Cycles {
  const edges = new Map<string, string[]>();
  for (const [path, node] of graph.modules)
    if (among(path))
      edges.set(path, [
        ...new Set(
          node.imports
            .filter((one) => one.kind === 'load' && among(one.path) && graph.modules.has(one.path))
            .map((one) => one.path),
        ),
      ]);
  // What only its types tie together falls apart when types are erased: ask about the few edges inside groups alone.
  for (const group of groupsOf(edges))
    for (const path of group)
      edges.set(
        path,
        edges.get(path)!.filter((to) => !group.includes(to) || needs(path, to)),
      );
  const groups = groupsOf(edges);
  let shortest: readonly string[] = [];
  for (const group of groups)
    for (const path of group) {
      const found = cycleThrough(path, edges);
      if (shortest.length === 0 || found.length < shortest.length) shortest = found;
    }
  return { shortest, groups };
}

/** Tarjan's strongly connected components of more than one module, without recursion. */
function groupsOf(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const open: string[] = [];
  const onStack = new Set<string>();
  const groups: string[][] = [];
  for (const start of edges.keys()) {
    if (index.has(start)) continue;
    const walk: { readonly path: string; next: number }[] = [];
    const enter = (path: string): void => {
      index.set(path, index.size);
      low.set(path, index.get(path)!);
      open.push(path);
      onStack.add(path);
      walk.push({ path, next: 0 });
    };
    enter(start);
    while (walk.length > 0) {
      const top = walk.at(-1)!;
      const to = edges.get(top.path)![top.next];
      if (to !== undefined) {
        top.next += 1;
        if (!index.has(to) && edges.has(to)) enter(to);
        else if (onStack.has(to)) low.set(top.path, Math.min(low.get(top.path)!, index.get(to)!));
        continue;
      }
      walk.pop();
      const above = walk.at(-1);
      if (above !== undefined) low.set(above.path, Math.min(low.get(above.path)!, low.get(top.path)!));
      if (low.get(top.path) !== index.get(top.path)) continue;
      const group = open.splice(open.indexOf(top.path));
      for (const path of group) onStack.delete(path);
      if (group.length > 1) groups.push(group.toSorted());
    }
  }
  return groups;
}

function cycleThrough(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] {
  const from = new Map<string, string>();
  const queue = [start];
  for (const path of queue)
    for (const to of edges.get(path) ?? []) {
      if (to === start) {
        const back = [start];
        for (let at = path; at !== start; at = from.get(at)!) back.unshift(at);
        return [start, ...back];
      }
      if (!from.has(to)) {
        from.set(to, path);
        queue.push(to);
      }
    }
  return [];
}
