/** Where the first design's definitions err, and what ours say instead: one test for each, on small numbers. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import {
  CLASS_COUNTS,
  ClockBound,
  criticalTau,
  decideBeforeT,
  Estimator,
  HUMAN,
  LATE_JOIN,
  leadSketch,
  mixOf,
  oneWayMs,
  Operation,
  planArrival,
  Registry,
  SEED_SERVICE_MS,
  Topology,
  trinaryQuorum,
} from '../../src/mesh/index.ts';
import { CircuitBreaker } from '../../src/structures/index.ts';
import { Fleet, TAU } from '../../bench/arrival/fleet.ts';
import { Truth, TRUTH } from '../../bench/arrival/truth.ts';

/** As the first design's text has it. */
const seed = {
  service: (agentClass: number, weight: number, depth: number) =>
    SEED_SERVICE_MS[agentClass]! * (1 + 0.5 * weight) * (1 + 0.1 * depth),
  confidence: (deviationMs: number, reliability: number) => Math.min(1, Math.max(0, reliability * 0.5 - deviationMs * 0.3 + 0.2)),
  meanRate: (ready: number, sent: number) => ready / sent,
};

function mesh(counts: readonly number[], perCluster: number): Estimator {
  const registry = new Registry(new Topology({ sectors: 2, clustersPerSector: 5, agentsPerCluster: perCluster }, counts));
  for (let agent = 0; agent < registry.size; agent++) registry.heard(agent, 0, 0);
  return new Estimator(registry);
}
const six = (value: number): number[] => [value, value, value, value, value, value];

test('a one-way delay that is halved again is half of the truth: forward and reverse are kept apart', () => {
  const measuredOneWay = 90;
  expect(measuredOneWay / 2).toBe(45);
  const estimator = mesh([10, 0, 0, 0, 0, 0], 1);
  for (let i = 0; i < 60; i++)
    estimator.observe({ agent: 0, depthBucket: 0, units: 0, forwardMs: 90, waitMs: 0, serviceMs: 10, totalMs: 100 });
  expect(estimator.registry.forwardMs[0]).toBeCloseTo(90, 0);
});

test('two clocks apart make a delay negative: here it is corrected by the offset, or dropped', () => {
  const [sent, received] = [1_000, 960]; // 40 ms later on a clock that is 80 behind
  expect(received - sent).toBe(-40);
  expect(oneWayMs(sent, received, { offsetMs: -80, boundMs: 2 })).toBe(40);
  expect(oneWayMs(sent, received, { offsetMs: -80, boundMs: 12 })).toBeNull();
});

test('half a round trip of 10 there and 90 back is 40 off: the bound says so', () => {
  const clock = new ClockBound();
  clock.hear({ sent: 0, received: 10, answered: 10, returned: 100 });
  const { offsetMs, boundMs } = clock.at(100)!;
  expect(Math.abs(offsetMs - 0)).toBe(40);
  expect(boundMs).toBeGreaterThanOrEqual(40);
});

test('a deviation in ms calls every far agent unstable and gives it no confidence: ours has no unit', () => {
  expect(seed.confidence(2.34, 1)).toBeCloseTo(0, 2);
  expect(seed.confidence(0, 1)).toBe(0.7); // of a perfect agent
  const estimator = mesh([0, 0, 10, 0, 0, 0], 1);
  // A tenth of its delay, 30 ms, is nothing unusual.
  for (let i = 0; i < 60; i++) {
    const serviceMs = 200 + (i % 2 === 0 ? 30 : -30);
    estimator.observe({ agent: 0, depthBucket: 0, units: 0, forwardMs: 100, waitMs: 0, serviceMs, totalMs: 100 + serviceMs });
  }
  expect(estimator.registry.read(0, 0).instability).toBeLessThan(0.3);
});

test('ten that wait make it eleven times as long in a queue, not twice: wait is added and learned', () => {
  expect(seed.service(1, 0, 10) / seed.service(1, 0, 0)).toBe(2);
  const estimator = mesh([0, 10, 0, 0, 0, 0], 1);
  estimator.registry.heard(0, 0, 10);
  const depthBucket = estimator.depthBucket(0, 0);
  for (let i = 0; i < 400; i++)
    estimator.observe({ agent: 0, depthBucket, units: 0, forwardMs: 20, waitMs: 500, serviceMs: 50, totalMs: 570 });
  expect(estimator.centralMs(0, depthBucket, 0) / estimator.centralMs(0, 0, 0)).toBeGreaterThan(4);
  expect(Math.abs(estimator.centralMs(0, depthBucket, 0) - 570)).toBeLessThan(60);
});

test('one weight for all hides that classes differ: each learns its own curve', () => {
  expect(seed.service(0, 4, 0) / seed.service(0, 0, 0)).toBe(seed.service(3, 4, 0) / seed.service(3, 0, 0));
  const fleet = new Fleet({ sectors: 4, clustersPerSector: 10, agentsPerCluster: 30 }, 'curves');
  fleet.rounds(25, { hedge: false });
  expect(fleet.estimator.payloadFactor(0, 4)).toBeLessThan(fleet.estimator.payloadFactor(2, 4));
});

test('a person is asked before T: in no operation of milliseconds, and nobody of them is skipped', () => {
  expect(seed.service(HUMAN, 0, 0)).toBeGreaterThan(500); // always SKIP in a window of 500 ms
  expect(CLASS_COUNTS[HUMAN]! / 30_000).toBeCloseTo(0.067, 3);
  const answer = planArrival(mesh([5, 0, 0, 0, 0, 5], 1), { now: 0, target: 5_000, windowMs: 10, units: six(0), tau: six(0.9) });
  expect(answer.ok && answer.plan.invited.length).toBe(5);
});

test('what does not fit is skipped and then not counted: ours joins late, over everybody who was invited', () => {
  expect(seed.meanRate(75, 100 - 22)).toBeGreaterThan(0.95); // 22 were never asked
  expect(trinaryQuorum({ invited: 100, ready: 75, conflict: 0, transit: 3 }).decision).toBe('RETRY');
  const answer = planArrival(mesh([5, 0, 5, 0, 0, 0], 1), { now: 0, target: 200, windowMs: 10, units: six(0), tau: six(0.9) });
  expect(answer.ok && [answer.plan.invited.length, answer.plan.counts[LATE_JOIN]]).toEqual([10, 5]);
});

test('one window for three meanings: here T is chosen from the leads, and the window is what a commit may be off', () => {
  const request = { now: 0, windowMs: 10, units: six(2), tau: six(0.95), hedge: false };
  const answer = planArrival(mesh(mixOf(300), 30), { ...request, target: { share: 0.95 } });
  expect(answer.ok && answer.plan.target).toBeGreaterThan(500);
  expect(answer.ok && answer.plan.windowMs).toBe(10);
});

test('a level that waits for the one above adds its stragglers and a way back: told before T, the counts flow up meanwhile', () => {
  const random = seededRandom('tree');
  const level = (): number[] =>
    Array.from({ length: 200 }, () => 30 + 15 * random.unit() + (random.chance(0.03) ? 100 : 0)).toSorted((x, y) => x - y);
  const levels = [level(), level(), level()];
  const median = (values: readonly number[]): number => values[100]!;
  const wave = levels.reduce((sum, each) => sum + each[195]! + median(each), 0); // 98 % have answered
  const pipelined = levels.reduce((sum, each) => sum + median(each), 0);
  expect(wave).toBeGreaterThan(2 * pipelined);
  const tally = { invited: 100, ready: 97, conflict: 0, transit: 3 };
  const at = { now: 0, target: 400, treeMs: 150, boundMs: 10, slides: 0, slidesMax: 2, readyAt: 500 };
  expect(decideBeforeT(tally, at).decision).toBe('GO');
});

test('ready early and ready late are not the same: early is parked and commits at T, late does not count', () => {
  const answer = planArrival(mesh([5, 0, 0, 0, 0, 0], 1), { now: 0, target: 5_000, windowMs: 10, units: six(0), tau: six(0.9) });
  if (!answer.ok) throw new Error(answer.reason);
  const operation = new Operation('gate', answer.plan);
  expect(operation.prepared(0, 0, 1)).toBe(true); // at any time before T
  expect(operation.committed(0, 0, 5_000.3, 1, 0)).toBe('counted');
  expect(operation.committed(1, 1, 5_012, 1, 0)).toBe('outside-the-window');
});

test('"no clocks are synchronised" hides whose error it is: an agent is ready only when its bound fits the window', () => {
  const answer = planArrival(mesh([5, 0, 0, 0, 0, 0], 1), { now: 0, target: 5_000, windowMs: 10, units: six(0), tau: six(0.9) });
  if (!answer.ok) throw new Error(answer.reason);
  expect(new Operation('bound', answer.plan).prepared(0, 0, 40)).toBe(false);
});

test('failures counted for ever trip every cluster at 1 % per operation: the breaker counts a share of a window', () => {
  let [failures, tripped] = [0, 0];
  const breaker = new CircuitBreaker({
    windowMs: 600_000,
    buckets: 10,
    failuresMax: null,
    failurePermilleMax: 200,
    volumeMin: 30,
    consecutiveMax: null,
    openMs: 30_000,
    openMsMax: 60_000,
    probes: 3,
    probeMs: 5_000,
  });
  for (let operation = 1; operation <= 60; operation++) {
    for (let agent = 0; agent < 30; agent++) {
      const admission = breaker.admit(operation * 10_000);
      const failed = (operation * 30 + agent) % 100 === 0;
      if (failed && ++failures === 6) tripped = operation;
      if (admission.ok) breaker.report(admission.permit, !failed, operation * 10_000);
    }
  }
  expect(tripped).toBeGreaterThan(15);
  expect(tripped).toBeLessThan(25);
  expect(breaker.state(600_000)).toBe('closed');
});

test('the 95 % quantile of 95 % quantiles is no quantile: sketches merge to the true one', () => {
  const clusters = [
    Array.from({ length: 20 }, () => 10),
    Array.from({ length: 20 }, () => 10),
    Array.from({ length: 20 }, (_, i) => (i < 10 ? 10 : 900)),
  ];
  const p95 = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.ceil(values.length * 0.95) - 1]!;
  expect(p95(clusters.flat())).toBe(900);
  expect(clusters.map(p95).reduce((sum, each) => sum + each, 0) / 3).toBeLessThan(310);
  const all = leadSketch();
  for (const cluster of clusters) {
    const sketch = leadSketch();
    for (const lead of cluster) sketch.add(lead);
    all.merge(sketch);
  }
  expect(all.quantile(950_000)! / 900).toBeCloseTo(1, 1);
});

test('one parent loses a hundred times as many agents for an operation as two of different sectors', () => {
  const truth = new Truth(new Topology({ sectors: 1, clustersPerSector: 1, agentsPerCluster: 1 }), 'parents');
  const lost = TRUTH.coordinatorDown + TRUTH.leadDown;
  let [one, two] = [0, 0];
  for (let i = 0; i < 200_000; i++) {
    const first = truth.chance(lost);
    if (first) one += 1;
    if (first && truth.chance(lost)) two += 1;
  }
  expect(one / 200_000).toBeGreaterThan(0.009);
  expect(two / 200_000).toBeLessThan(0.0005);
});

test('a median with the deviation on top makes every second one late: a quantile by cost does what it says', () => {
  const fleet = new Fleet({ sectors: 10, clustersPerSector: 10, agentsPerCluster: 30 }, 'small');
  fleet.rounds(30);
  const { invited, hits, extra, seedHits, ungatedHits, prepared, live } = fleet.rounds(10);
  expect(criticalTau(32, 1)).toBe(TAU);
  expect(Math.abs(prepared / live - TAU)).toBeLessThan(0.015);
  expect(hits / invited).toBeGreaterThan(0.997);
  expect(extra / invited).toBeLessThan(0.05);
  expect(seedHits / invited).toBeLessThan(0.4);
  expect(ungatedHits / invited).toBeLessThan(0.6);
});

test('95 % of 30,000 is always or never reached by independent slots: lost sectors decide, and the tally shows each', () => {
  const deviation = Math.sqrt(30_000 * 0.95 * 0.05) / 30_000;
  expect(deviation).toBeLessThan(0.0014);
  // Six of a hundred sectors gone: not enough, however good the rest is.
  expect(trinaryQuorum({ invited: 30_000, ready: 28_200, conflict: 0, transit: 1_800 }).decision).toBe('RETRY');
});
