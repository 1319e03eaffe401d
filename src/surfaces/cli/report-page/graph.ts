/** The tasks and what each needs, as a picture: columns by the longest chain of needs, the critical path in ink. Pure. */
import { dagOfNeeds, layered } from '../../../structures/index.ts';
import { type Markup, markup, short } from './markup.ts';

export interface GraphNode {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly string[];
  readonly state: 'landed' | 'left' | 'waiting' | 'running';
}

const NAMED_MAX = 240; // more boxes than this cannot be read: then a task is a cell
const EDGES_MAX = 4000; // a picture of more is black
const BOX = { width: 96, height: 18, across: 58, down: 8, chars: 15 };
const CELL = { width: 9, height: 9, across: 26, down: 3, chars: 0 };

/** Null where no task needs another: a picture of that says nothing. */
export function graph(nodes: readonly GraphNode[], critical: readonly string[]): Markup | null {
  const known = new Set(nodes.map((node) => node.id));
  const built = dagOfNeeds(nodes.map(({ id, needs }) => ({ id, needs: needs.filter((need) => known.has(need)) })));
  if (!built.ok || built.dag.edges === 0) return null;
  const { dag } = built;
  const { layer, row, rows, layers, sizes } = layered(dag);
  const box = nodes.length <= NAMED_MAX ? BOX : CELL;
  const width = layers * (box.width + box.across) - box.across + 4;
  const height = rows * (box.height + box.down) - box.down + 4;
  const x = (i: number): number => 2 + layer[i]! * (box.width + box.across);
  const y = (i: number): number => 2 + (row[i]! + (rows - sizes[layer[i]!]!) / 2) * (box.height + box.down);
  const onPath = new Set(critical);
  const steps = new Set(critical.slice(1).map((id, i) => `${critical[i]}\n${id}`));
  const edges: { path: string; crit: boolean }[] = [];
  for (let i = 0; i < dag.size; i++) {
    for (let e = dag.successorStart[i]!; e < dag.successorStart[i + 1]!; e++) {
      const j = dag.successor[e]!;
      const [x1, y1, x2, y2] = [x(i) + box.width, y(i) + box.height / 2, x(j), y(j) + box.height / 2];
      const bend = (x2 - x1) / 2;
      const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
      edges.push({ path, crit: steps.has(`${nodes[i]!.id}\n${nodes[j]!.id}`) });
    }
  }
  const drawn = [...edges.slice(0, EDGES_MAX).filter((edge) => !edge.crit), ...edges.filter((edge) => edge.crit)];
  const depth = `${layers} deep, at most ${rows} side by side`;
  const path = critical.length > 1 ? `; the critical path is ${critical.slice(0, 40).join(', ')}` : '';
  return markup`<svg
    role="img"
    aria-label="${nodes.length} tasks, ${edges.length} needs, ${depth}${short(path, 1000)}"
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
  >
    ${drawn.map(({ path: d, crit }) => markup`<path class="edge${crit && ' crit'}" d="${d}" />`)}${nodes.map(
      (node, i) =>
        markup`<g class="node s-${node.state}${onPath.has(node.id) && ' crit'}"
          ><title>${short(node.id, 80)}: ${short(node.title, 160)}</title
          ><rect
            x="${x(i)}"
            y="${y(i)}"
            width="${box.width}"
            height="${box.height}"
            rx="${box.chars > 0 ? 3 : 1.5}"
          />${box.chars > 0 && markup`<text x="${x(i) + box.width / 2}" y="${y(i) + 12.5}" text-anchor="middle">${short(node.id, box.chars)}</text>`}</g
        >`,
    )}
  </svg>`;
}
