import { expect, test } from 'vitest';
import { impedanceScore, Registry, SETTLED_AFTER } from './registry.ts';
import { Topology } from './topology.ts';
import { takeHostHeartbeat } from './host-heartbeat.ts';

const small = (): Registry =>
  new Registry(new Topology({ sectors: 2, clustersPerSector: 1, agentsPerCluster: 4 }, [8, 0, 0, 0, 0, 0]));
const settled = (registry: Registry): Registry => {
  for (let agent = 0; agent < registry.size; agent++) {
    registry.heard(agent, 1_000, 0);
    registry.observations[agent] = SETTLED_AFTER;
  }
  return registry;
};

test('the score grows with the lead, is 500 at 500 ms and 800 at 2 s', () => {
  expect([0, 100, 500, 2_000, 4_500, Infinity].map(impedanceScore)).toEqual([0, 167, 500, 800, 900, 1_000]);
  expect(() => impedanceScore(-1)).toThrow('a lead of -1 ms');
});

test('a new agent is offline until it is heard, degraded above 2 s of lead, and quarantine does not end by talking', () => {
  const registry = small();
  expect(registry.stateOf(0)).toBe('offline');
  registry.heard(0, 1_000, 3);
  expect(registry.read(0, 1_500)).toMatchObject({
    state: 'active',
    queueDepth: 3,
    queueAgeMs: 500,
    agentClass: 'A',
    reliability: null,
  });
  registry.setImpedance(0, 2_100);
  expect(registry.stateOf(0)).toBe('degraded');
  registry.setImpedance(0, 400);
  expect(registry.stateOf(0)).toBe('active');
  registry.setState(0, 'quarantined');
  registry.heard(0, 2_000, 0);
  expect(registry.stateOf(0)).toBe('quarantined');
  expect(registry.counts()).toMatchObject({ active: 0, quarantined: 1, offline: 7 });
});

test('who is silent for too long is offline, and a heartbeat that comes late does not turn time back', () => {
  const registry = settled(small());
  registry.heard(1, 20_000, 1);
  registry.heard(1, 15_000, 9);
  expect(registry.queueDepth[1]).toBe(1);
  expect(registry.expire(31_001, 30_000)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  expect(registry.counts()).toMatchObject({ active: 1, offline: 7 });
});

test('reliability is the share of successes of the last hour', () => {
  const registry = small();
  const minute = 60_000;
  for (let i = 0; i < 4; i++) registry.record(0, minute, i !== 0);
  expect(registry.reliability(0, minute)).toBe(0.75);
  registry.record(0, 45 * minute, false);
  expect(registry.reliability(0, 45 * minute)).toBe(0.6);
  expect(registry.reliability(0, 65 * minute)).toBe(0);
  expect(registry.reliability(0, 300 * minute)).toBeNull();
});

test('a capability goes to the least impedance, mesh-wide and in a cluster, and never to a degraded or new agent', () => {
  const registry = settled(small());
  for (let agent = 0; agent < 8; agent++) {
    registry.describe(agent, [{ capability: 'transform' }]);
    registry.setImpedance(agent, 400 - agent * 10);
  }
  registry.setState(7, 'degraded');
  registry.observations[6] = 0;
  expect(registry.route([{ capability: 'transform' }], 2)).toEqual({ ok: true, agents: [5, 4] });
  expect(registry.route([{ capability: 'transform' }], 2, { cluster: 0 })).toEqual({ ok: true, agents: [3, 2] });
  registry.setImpedance(5, 600);
  expect(registry.route([{ capability: 'transform' }], 1)).toEqual({ ok: true, agents: [4] });
});

test('an unknown capability says that nobody has it', () => {
  expect(settled(small()).route([{ capability: 'llm-inference' }], 1)).toMatchObject({
    ok: false,
    reason: 'no-capable-agent',
    lacking: [{ term: 'llm-inference >= 1', have: 0 }, { term: 'available' }],
  });
});

test('agents that were added keep what was known of the others', () => {
  const registry = settled(small());
  registry.describe(3, [{ capability: 'vision' }]);
  registry.topology.add(5, 1);
  registry.grow();
  expect([registry.size, registry.stateOf(3), registry.stateOf(12)]).toEqual([13, 'active', 'offline']);
  expect(registry.counts()).toMatchObject({ active: 8, offline: 5 });
  expect(registry.route([{ capability: 'vision' }], 1)).toEqual({ ok: true, agents: [3] });
});

test('one heartbeat of a host tells of all its agents, on our clock, once, and of nobody else', () => {
  const registry = small();
  const last = { sequence: 0 };
  const alive = Uint8Array.of(0b0101);
  const beat = { at: 6_000, sequence: 1, alive, rows: [{ index: 2, queueDepth: 4, queueAgeMs: 300 }], wakeLateMs: 1 };
  expect(takeHostHeartbeat(registry, [4, 5, 6], beat, 1_000, last)).toEqual({ ok: true, alive: 2, gone: 0 });
  expect([4, 5, 6].map((agent) => registry.stateOf(agent))).toEqual(['active', 'offline', 'active']);
  expect(registry.read(6, 5_000)).toMatchObject({ queueDepth: 4, queueAgeMs: 300, heardAt: 5_000 });
  expect([registry.wakeLateMs[4], registry.wakeLateMs[5]]).toEqual([1, 0]);
  expect(takeHostHeartbeat(registry, [4, 5, 6], beat, 0, last)).toEqual({ ok: false, reason: 'old' });
  expect(takeHostHeartbeat(registry, [4], { ...beat, sequence: 2 }, 0, last)).toEqual({ ok: false, reason: 'row-outside' });
  expect(takeHostHeartbeat(registry, [4, 5, 6], { ...beat, sequence: 2, alive: new Uint8Array(2) }, 0, last)).toEqual({
    ok: false,
    reason: 'wrong-length',
  });
  expect(
    takeHostHeartbeat(registry, [4, 5, 6], { ...beat, sequence: 3, alive: Uint8Array.of(1), rows: [] }, 0, last),
  ).toMatchObject({ gone: 1 });
});
