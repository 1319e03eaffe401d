/**
 * The health of a tree from its leaves: agents into clusters into sectors into one mesh. Owns counts and states of every node,
 * kept up with each change in one walk to the root; what to do about them is the caller's. A node without present agents has
 * no state and does not count for its parent.
 */
import { assert } from '../kernel/index.ts';

/** From good to bad. Quarantined is the worst: what is offline does no harm. */
export const HEALTH_STATES = ['active', 'degraded', 'offline', 'quarantined'] as const;
export type Health = (typeof HEALTH_STATES)[number];

/** The state that so many of a thousand children do not exceed: 1000 is the worst child, 500 the median. */
export interface RollupRule {
  readonly permille: number;
}

export interface HealthChange {
  readonly node: number;
  readonly from: Health | null;
  readonly to: Health | null;
}

export interface HealthCounts {
  readonly active: number;
  readonly degraded: number;
  readonly offline: number;
  readonly quarantined: number;
}

const STATES = HEALTH_STATES.length;
const ABSENT = 255;

export class HealthRollup {
  readonly #parent: Int32Array;
  readonly #permille: Int32Array; // by node; -1 for a leaf
  readonly #state: Uint8Array;
  readonly #children: Int32Array; // by node and state
  readonly #leaves: Int32Array; // by node and state: agents anywhere below

  /** `parent[node]` is -1 for the root and else greater than the node; a node without children is an agent. `rules[h]` is for nodes whose
   *  longest way down to an agent has h + 1 steps. All agents are absent at first. */
  constructor(parent: ArrayLike<number>, rules: readonly RollupRule[]) {
    const size = parent.length;
    this.#parent = Int32Array.from(parent);
    this.#permille = new Int32Array(size).fill(-1);
    this.#state = new Uint8Array(size).fill(ABSENT);
    this.#children = new Int32Array(size * STATES);
    this.#leaves = new Int32Array(size * STATES);
    const height = new Int32Array(size);
    for (const { permille } of rules) assert(permille >= 0 && permille <= 1000, `a share of ${permille} in a thousand`);
    for (let node = 0; node < size; node++) {
      const up = this.#parent[node]!;
      if (height[node]! > 0) {
        assert(
          height[node]! <= rules.length,
          `node ${node} is ${height[node]} above its agents: there are ${rules.length} rules`,
        );
        this.#permille[node] = rules[height[node]! - 1]!.permille;
      }
      if (up === -1) continue;
      assert(up > node && up < size, `the parent of ${node} is ${up}: greater than the node and below ${size}`);
      height[up] = Math.max(height[up]!, height[node]! + 1);
    }
  }

  state(node: number): Health | null {
    return nameOf(this.#state[node]!);
  }

  /** Of the present agents below, or of the agent itself. */
  agents(node: number): HealthCounts {
    return countsAt(this.#leaves, node);
  }

  /** Of the children that have a state. */
  children(node: number): HealthCounts {
    return countsAt(this.#children, node);
  }

  /** null: the agent left. Returns what changed, from the agent up; O(depth). */
  set(agent: number, health: Health | null): readonly HealthChange[] {
    if (this.#permille[agent] !== -1) assert(false, `node ${agent} has children: its state follows from theirs`);
    const to = health === null ? ABSENT : HEALTH_STATES.indexOf(health);
    const from = this.#state[agent]!;
    if (from === to) return [];
    for (let node = agent; node !== -1; node = this.#parent[node]!) move(this.#leaves, node, from, to);
    const changes: HealthChange[] = [];
    let [before, after] = [from, to];
    for (let node = agent; before !== after;) {
      this.#state[node] = after;
      changes.push({ node, from: nameOf(before), to: nameOf(after) });
      const up = this.#parent[node]!;
      if (up === -1) break;
      move(this.#children, up, before, after);
      before = this.#state[up]!;
      after = this.#rolledUp(up);
      node = up;
    }
    return changes;
  }

  #rolledUp(node: number): number {
    const at = node * STATES;
    let present = 0;
    for (let state = 0; state < STATES; state++) present += this.#children[at + state]!;
    if (present === 0) return ABSENT;
    const rank = Math.max(1, Math.ceil((this.#permille[node]! * present) / 1000));
    let state = 0;
    for (let passed = this.#children[at]!; passed < rank; passed += this.#children[at + state]!) state += 1;
    return state;
  }
}

function move(counts: Int32Array, node: number, from: number, to: number): void {
  if (from !== ABSENT) counts[node * STATES + from]! -= 1;
  if (to !== ABSENT) counts[node * STATES + to]! += 1;
}

function nameOf(state: number): Health | null {
  return state === ABSENT ? null : HEALTH_STATES[state]!;
}

function countsAt(counts: Int32Array, node: number): HealthCounts {
  const [active, degraded, offline, quarantined] = counts.subarray(node * STATES, node * STATES + STATES);
  return { active: active!, degraded: degraded!, offline: offline!, quarantined: quarantined! };
}
