import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Health, HEALTH_STATES, HealthRollup } from './health-rollup.ts';

/** Agents, then clusters, then sectors, then the mesh. */
function tree(sectors: number, clusters: number, agents: number): number[] {
  const agentCount = sectors * clusters * agents;
  const clusterCount = sectors * clusters;
  return [
    ...Array.from({ length: agentCount }, (_, i) => agentCount + Math.floor(i / agents)),
    ...Array.from({ length: clusterCount }, (_, i) => agentCount + clusterCount + Math.floor(i / clusters)),
    ...Array.from({ length: sectors }, () => agentCount + clusterCount + sectors),
    -1,
  ];
}

const MEDIAN = { permille: 500 };
const WORST = { permille: 1_000 };

describe('health of a tree', () => {
  it('is the state that a share of the children does not exceed, the worst child at the most', () => {
    const rollup = new HealthRollup(tree(1, 2, 3), [MEDIAN, WORST, WORST]);
    [0, 1, 2, 3, 4, 5].forEach((agent) => rollup.set(agent, 'active'));
    expect(rollup.set(0, 'offline')).toEqual([{ node: 0, from: 'active', to: 'offline' }]); // one of three
    expect(rollup.set(1, 'degraded')).toEqual([
      { node: 1, from: 'active', to: 'degraded' },
      { node: 6, from: 'active', to: 'degraded' },
      { node: 8, from: 'active', to: 'degraded' },
      { node: 9, from: 'active', to: 'degraded' },
    ]);
    expect(rollup.agents(9)).toEqual({ active: 4, degraded: 1, offline: 1, quarantined: 0 });
    expect(rollup.children(8)).toEqual({ active: 1, degraded: 1, offline: 0, quarantined: 0 });
  });

  it('leaves out whoever is absent, and a node whose agents all left has no state', () => {
    const rollup = new HealthRollup(tree(1, 2, 1), [WORST, WORST, WORST]);
    expect(rollup.state(5)).toBeNull();
    rollup.set(0, 'active');
    rollup.set(1, 'quarantined');
    expect(rollup.state(5)).toBe('quarantined');
    expect(rollup.set(1, null).at(-1)).toEqual({ node: 5, from: 'quarantined', to: 'active' });
    rollup.set(0, null);
    expect([rollup.state(5), rollup.agents(5).active]).toEqual([null, 0]);
  });

  it('is what counting everything anew gives after every change, and each change is told once', () => {
    const parent = tree(2, 3, 4);
    const agents = 24;
    const share = fc.constantFrom(0, 1, 333, 500, 900, 950, 1_000);
    const change = fc.tuple(fc.nat(agents - 1), fc.constantFrom<Health | null>(...HEALTH_STATES, null));
    fc.assert(
      fc.property(fc.tuple(share, share, share), fc.array(change, { maxLength: 60 }), (shares, changes) => {
        const rollup = new HealthRollup(
          parent,
          shares.map((permille) => ({ permille })),
        );
        const leaves = new Map<number, Health | null>();
        const told: (Health | null)[] = parent.map(() => null);
        for (const [agent, health] of changes) {
          leaves.set(agent, health);
          for (const { node, from, to } of rollup.set(agent, health)) {
            expect(told[node]).toBe(from);
            told[node] = to;
          }
          const height = (node: number): number => (node < 24 ? 0 : node < 30 ? 1 : node < 32 ? 2 : 3);
          const state = (node: number): Health | null => {
            if (height(node) === 0) return leaves.get(node) ?? null;
            const children = parent.flatMap((up, child) => (up === node ? [state(child)] : [])).filter((each) => each !== null);
            const sorted = children.toSorted((a, b) => HEALTH_STATES.indexOf(a) - HEALTH_STATES.indexOf(b));
            return sorted[Math.max(0, Math.ceil((shares[height(node) - 1]! * sorted.length) / 1_000) - 1)] ?? null;
          };
          parent.forEach((_, node) => {
            expect(rollup.state(node)).toBe(state(node));
            expect(told[node]).toBe(state(node));
          });
          const active = [...leaves.values()].filter((each) => each === 'active').length;
          expect(rollup.agents(parent.length - 1).active).toBe(active);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('refuses to set what follows from others, and a parent before its child', () => {
    expect(() => new HealthRollup(tree(1, 1, 1), [WORST, WORST, WORST]).set(1, 'active')).toThrow('node 1 has children');
    expect(() => new HealthRollup([-1, 0], [WORST])).toThrow('the parent of 1 is 0');
  });
});
