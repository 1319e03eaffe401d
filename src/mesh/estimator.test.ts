import { expect, test } from 'vitest';
import { seededRandom } from '../kernel/index.ts';
import { anomaliesOf, freezeIfCoordinated } from './anomaly.ts';
import { criticalTau, Estimator, type Observation } from './estimator.ts';
import { Registry } from './registry.ts';
import { Topology } from './topology.ts';

const mesh = (): Estimator => {
  const registry = new Registry(new Topology({ sectors: 1, clustersPerSector: 2, agentsPerCluster: 10 }, [0, 20, 0, 0, 0, 0]));
  for (let agent = 0; agent < 20; agent++) registry.heard(agent, 0, 0);
  return new Estimator(registry);
};

const steady = (agent: number, change: Partial<Observation> = {}): Observation => ({
  agent,
  depthBucket: 0,
  units: 0,
  forwardMs: 40,
  waitMs: 0,
  serviceMs: 60,
  totalMs: 100,
  ...change,
});

test('the quantile follows from what a late slot and a waiting one cost', () => {
  expect(criticalTau(19, 1)).toBe(0.95);
  expect(() => criticalTau(0, 1)).toThrow('both above 0');
});

test('after five observations the lead is the agent and no longer its class', () => {
  const estimator = mesh();
  for (let i = 0; i < 5; i++) estimator.observe(steady(0, { forwardMs: 20, serviceMs: 30, totalMs: 50 }));
  expect(estimator.centralMs(0, 0, 0)).toBeGreaterThan(45);
  expect(estimator.centralMs(0, 0, 0)).toBeLessThan(55);
});

test('one sample is believed by a factor of two at most, and no agent by more than we waited for it', () => {
  const estimator = mesh();
  for (let i = 0; i < 20; i++) estimator.observe(steady(0));
  const before = estimator.registry.serviceMs[0]!;
  estimator.observe(steady(0, { serviceMs: 1e9, totalMs: 1e9 }));
  expect(estimator.registry.serviceMs[0]! / before).toBeLessThan(1.35);
  const cut = mesh();
  cut.observe(steady(0, { serviceMs: 5_000, totalMs: 75 }));
  expect(cut.registry.serviceMs[0]).toBeCloseTo(75);
  for (const bad of [Number.NaN, -1, Infinity]) expect(cut.observe(steady(0, { totalMs: bad }))).toBeNull();
});

test('each class learns what payload costs it, and interpolates between what it saw', () => {
  const estimator = mesh();
  for (let i = 0; i < 12_000; i++) {
    const units = [0, 1, 2, 4][Math.floor(i / 20) % 4]!;
    const serviceMs = 60 * (1 + 0.25 * units);
    estimator.observe(steady(i % 20, { units, serviceMs, totalMs: 40 + serviceMs }));
  }
  const at = (units: number): number => estimator.payloadFactor(1, units) / estimator.payloadFactor(1, 0);
  expect(at(4)).toBeGreaterThan(1.85);
  expect(at(4)).toBeLessThan(2.15);
  expect(at(3)).toBeCloseTo((at(2) + at(4)) / 2, 5);
});

test('what is told of a queue counts for ten seconds', () => {
  const estimator = mesh();
  estimator.registry.heard(0, 1_000, 30);
  expect([estimator.depthBucket(0, 2_000), estimator.depthBucket(0, 11_001)]).toEqual([6, 8]);
  for (const [depth, bucket] of [
    [0, 0],
    [2, 2],
    [3, 3],
    [4, 3],
    [5, 4],
    [8, 4],
    [9, 5],
    [33, 7],
    [60_000, 7],
  ] as const) {
    estimator.registry.heard(1, 5_000, depth);
    expect(estimator.depthBucket(1, 5_000)).toBe(bucket);
  }
});

test('the stated share of predictions holds, whatever the distribution is', () => {
  const estimator = mesh();
  const random = seededRandom('coverage');
  const tail = (): number => 60 * (random.chance(0.1) ? 1 + 9 * random.unit() : 0.8 + 0.4 * random.unit());
  for (let i = 0; i < 30_000; i++) {
    const serviceMs = tail();
    estimator.observe(steady(i % 20, { serviceMs, totalMs: 40 + serviceMs }));
  }
  for (const tau of [0.5, 0.9, 0.99]) expect(Math.abs(estimator.coverage(1, tau).covered - tau)).toBeLessThan(0.01);
  expect(estimator.ratio(1, 0.5)).toBeLessThan(estimator.ratio(1, 0.97));
  expect(() => estimator.ratio(1, 0.9999)).toThrow('.5 to .999');
});

test('a cluster that moves as one is frozen until somebody calibrates it', () => {
  const estimator = mesh();
  for (let i = 0; i < 400; i++) estimator.observe(steady(i % 20));
  const lead = estimator.centralMs(0, 0, 0);
  expect(freezeIfCoordinated(estimator, 0, [0.1, -0.2, 0.3, 0.9, 0, 0.1])).toBe(false);
  expect(freezeIfCoordinated(estimator, 0, [0.9, 0.8, 0.9, 0.7, 0.1, 0.9])).toBe(true);
  for (let i = 0; i < 50; i++) expect(estimator.observe(steady(0, { serviceMs: 600, totalMs: 640 }))).toBeNull();
  expect(estimator.centralMs(0, 0, 0)).toBe(lead);
  expect(estimator.observe(steady(10))).not.toBeNull();
  estimator.calibrate(0);
  expect(estimator.observe(steady(0))).not.toBeNull();
});

test('twice the usual impedance is a spike, and an agent that nobody can predict is unstable', () => {
  const estimator = mesh();
  const { registry } = estimator;
  for (let i = 0; i < 60; i++) {
    registry.setImpedance(0, 100);
    estimator.observe(steady(0));
    const serviceMs = i % 2 === 0 ? 10 : 2_000;
    estimator.observe(steady(1, { serviceMs, totalMs: 40 + serviceMs }));
  }
  expect(anomaliesOf(estimator, 0)).toEqual([]);
  registry.setImpedance(0, 260);
  expect(anomaliesOf(estimator, 0)).toEqual(['spike']);
  expect(anomaliesOf(estimator, 1)).toContain('unstable');
});

test('a refresh brings impedance, score and state up to what was learned, and a late host comes on top', () => {
  const estimator = mesh();
  const { registry } = estimator;
  for (let i = 0; i < 20; i++) estimator.observe(steady(0, { forwardMs: 1_500, serviceMs: 1_500, totalMs: 3_000 }));
  for (let i = 0; i < 20; i++) estimator.observe(steady(1));
  estimator.refresh(0, 0.9);
  expect(registry.read(0, 0)).toMatchObject({ state: 'degraded' });
  expect(registry.read(1, 0).impedanceMs).toBeCloseTo(estimator.leadMs(1, 0, 0, 0.9), 2);
  const before = registry.impedanceMs[1]!;
  registry.wakeLateMs[1] = 40;
  estimator.refresh(0, 0.9);
  expect(registry.impedanceMs[1]! - before).toBeGreaterThan(30);
});
