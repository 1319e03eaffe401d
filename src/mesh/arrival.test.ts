import { expect, test } from 'vitest';
import {
  ABSTAIN,
  type ArrivalPlan,
  clusterSketch,
  feasibleMs,
  feasibleShare,
  LATE_JOIN,
  leadSketch,
  ownTarget,
  planArrival,
  SEND,
  SUBSTITUTED,
  winnerOf,
} from './arrival.ts';
import { Estimator } from './estimator.ts';
import { Operation, Operations, OPERATIONS_MAX } from './operation.ts';
import { Registry } from './registry.ts';
import { Topology } from './topology.ts';

const TAU = [0.95, 0.95, 0.95, 0.95, 0.95, 0.95];
const NOTHING = [0, 0, 0, 0, 0, 0];
const LATE_BINDING = ['just-in-time', 'just-in-time', 'just-in-time', 'just-in-time', 'just-in-time', 'just-in-time'] as const;

/** Two clusters of four: A in the first, C in the second. */
function mesh(): Estimator {
  const registry = new Registry(new Topology({ sectors: 2, clustersPerSector: 1, agentsPerCluster: 4 }, [4, 0, 4, 0, 0, 0]));
  for (let agent = 0; agent < registry.size; agent++) {
    registry.heard(agent, 0, 0);
    registry.observations[agent] = 10;
  }
  return new Estimator(registry);
}

const request = { now: 1_000, target: 11_000, windowMs: 10, units: NOTHING, tau: TAU } as const;

function planned(estimator: Estimator, change: object = {}): ArrivalPlan {
  const answer = planArrival(estimator, { ...request, ...change });
  if (!answer.ok) throw new Error(answer.reason);
  return answer.plan;
}

test('who costs nothing by waiting is told at once, the others as late as their lead allows, the slowest first', () => {
  const estimator = mesh();
  expect([...planned(estimator).sendInMs]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  const { order, sendInMs, leadMs } = planned(estimator, { policy: LATE_BINDING, hedge: false });
  expect([...order]).toEqual([4, 5, 6, 7, 0, 1, 2, 3]);
  expect(sendInMs[4]! + leadMs[4]!).toBeCloseTo(10_000, 1);
});

test('a slot with a standby is told early enough that the standby can still be told', () => {
  const { sendInMs, hedgeInMs, leadMs, standby } = planned(mesh(), { policy: LATE_BINDING });
  expect([...standby]).toEqual([1, 2, 3, 0, 5, 6, 7, 4]);
  for (let slot = 0; slot < 8; slot++) {
    expect(sendInMs[slot]! + leadMs[slot]!).toBeLessThan(hedgeInMs[slot]!);
    expect(hedgeInMs[slot]! + leadMs[standby[slot]!]!).toBeLessThanOrEqual(10_000.1);
  }
});

test('who does not fit joins late with a time of its own and stays in the count, as does who is down', () => {
  const estimator = mesh();
  estimator.registry.setState(2, 'offline');
  const plan = planned(estimator, { target: 1_200 });
  expect([...plan.fate]).toEqual([SEND, SEND, SUBSTITUTED, SEND, LATE_JOIN, LATE_JOIN, LATE_JOIN, LATE_JOIN]);
  expect([...plan.counts]).toEqual([3, 1, 4, 0]);
  expect(ownTarget(plan, 4)).toBeGreaterThan(1_200);
  expect(ownTarget(plan, 0)).toBe(1_200);
  expect(plan.counts.reduce((sum, count) => sum + count)).toBe(plan.invited.length);
  expect(planned(estimator, { target: 1_200, hedge: false }).counts[ABSTAIN]).toBe(1);
});

test('T is chosen as the first time at which the wanted share fits', () => {
  const estimator = mesh();
  const half = planned(estimator, { target: { share: 0.5 }, hedge: false });
  const all = planned(estimator, { target: { share: 1 }, hedge: false });
  expect([...half.counts]).toEqual([4, 0, 4, 0]);
  expect([...all.counts]).toEqual([8, 0, 0, 0]);
  expect(all.target).toBeLessThan(1_000 + all.leadMs[4]! * 1.08);
});

test('sketches of clusters merge to one curve that answers both ways, and a cluster fits 256 bytes', () => {
  const [left, right] = [leadSketch(), leadSketch()];
  for (let i = 1; i <= 30; i++) {
    left.add(i * 10);
    right.add(i * 100);
  }
  expect([...left.entries()].length * 4).toBeLessThanOrEqual(256);
  left.merge(right);
  expect(feasibleMs(left, 0.5)! / 280).toBeCloseTo(1, 1); // 28 of the left and 2 of the right are within 280
  expect(feasibleShare(left, 310)).toBeGreaterThan(0.5);
  expect(feasibleShare(left, 5)).toBe(0);
  expect(feasibleMs(leadSketch(), 0.5)).toBeNull();
});

test('a leader tells the leads of those who are up', () => {
  const { registry } = mesh();
  registry.setState(1, 'offline');
  const sketch = clusterSketch(registry, 0);
  expect(sketch.count).toBe(3);
  expect(feasibleMs(sketch, 1)).toBe(25);
});

test('a T that cannot be is an answer with what can be', () => {
  const estimator = mesh();
  expect(planArrival(estimator, { ...request, target: 999 })).toEqual({ ok: false, reason: 'target-in-the-past', lateMs: 1 });
  expect(planArrival(estimator, { ...request, target: Number.NaN })).toMatchObject({ reason: 'target-in-the-past' });
  expect(planArrival(estimator, { ...request, target: 1e9 })).toMatchObject({ reason: 'target-too-far' });
  const soon = planArrival(estimator, { ...request, target: 1_001 });
  expect(soon).toMatchObject({ ok: false, reason: 'target-too-soon' });
  if (!soon.ok && soon.reason === 'target-too-soon')
    expect(planned(estimator, { target: soon.earliest }).counts[LATE_JOIN]).toBe(0);
});

test('nobody invited, nobody capable and nobody healthy are told apart', () => {
  const estimator = mesh();
  const { registry } = estimator;
  expect(planArrival(estimator, { ...request, invited: new Uint32Array(0) })).toEqual({ ok: false, reason: 'nobody-invited' });
  expect(planArrival(estimator, { ...request, needs: [{ capability: 'vision' }] })).toMatchObject({
    ok: false,
    reason: 'nobody-capable',
    lacking: [{ term: 'vision >= 1', have: 0 }, { term: 'available' }],
  });
  for (let agent = 0; agent < registry.size; agent++) registry.setState(agent, 'offline');
  expect(planArrival(estimator, request)).toEqual({ ok: false, reason: 'nobody-healthy' });
  expect(() => planArrival(estimator, { ...request, invited: Uint32Array.of(99) })).toThrow('agent 99 of 8');
});

test('an agent that is invited twice has one slot, and people have none', () => {
  expect([...planned(mesh(), { invited: Uint32Array.of(3, 3, 1) }).invited]).toEqual([3, 1]);
  const people = new Registry(new Topology({ sectors: 1, clustersPerSector: 1, agentsPerCluster: 4 }, [2, 0, 0, 0, 0, 2]));
  for (let agent = 0; agent < 4; agent++) people.heard(agent, 0, 0);
  expect([...planned(new Estimator(people)).invited]).toEqual([0, 1]);
});

test('a silent slot is hedged in time, one of two commits, and both sides know which', () => {
  const operation = new Operation('op-1', planned(mesh(), { policy: LATE_BINDING }));
  for (let slot = 1; slot < 8; slot++) expect(operation.prepared(slot, slot, 1)).toBe(true);
  expect(operation.prepared(0, 1, 1)).toBe(false); // it was not told yet
  expect(operation.hedgesDue(5_000)).toEqual([]);
  expect(operation.hedgesDue(11_000)).toEqual([0]);
  expect(operation.hedgesDue(11_000)).toEqual([]);
  expect(operation.prepared(0, 1, 1)).toBe(true);
  expect(operation.prepared(0, 0, 1)).toBe(true);
  const winner = winnerOf('op-1', 0, 0, 1);
  const loser = 1 - winner;
  expect(operation.loserOf(0)).toBe(loser);
  expect(operation.committed(0, loser, 11_001, 1, 0)).toBe('already-committed');
  expect(operation.committed(0, winner, 11_001, 1, 0)).toBe('counted');
  expect(operation.committed(0, winner, 11_001, 1, 0)).toBe('already-committed');
  expect(operation.counts).toEqual({ extraSends: 1, conflicts: 0, committed: 1 });
});

test('the tie goes to either side about as often', () => {
  let first = 0;
  for (let slot = 0; slot < 1_000; slot++) if (winnerOf('op', slot, 0, 1) === 0) first += 1;
  expect(first).toBeGreaterThan(400);
  expect(first).toBeLessThan(600);
});

test('a clock that is wider than the window is not ready, and a commit outside the window does not count', () => {
  const operation = new Operation('op-2', planned(mesh()));
  expect(operation.prepared(0, 0, 11)).toBe(false);
  expect(operation.tally()).toEqual({ invited: 8, ready: 0, conflict: 0, transit: 8 });
  expect(operation.committed(0, 0, 11_000, 11, 0)).toBe('clock-too-wide');
  expect(operation.committed(1, 1, 11_010.5, 1, 0)).toBe('outside-the-window');
  expect(operation.committed(2, 2, 10_990, 1, 0)).toBe('counted');
  expect(operation.committed(9, 9, 11_000, 1, 0)).toBe('not-invited');
});

test('a refusal is known before T and tells the standby at once', () => {
  const operation = new Operation('op-3', planned(mesh()));
  expect(operation.refused(0, 0)).toEqual([0]);
  expect(operation.refused(0, 0)).toEqual([]);
  expect(operation.tally()).toMatchObject({ conflict: 0, transit: 8 });
  expect(operation.prepared(0, 1, 1)).toBe(true);
  const alone = new Operation('op-4', planned(mesh(), { hedge: false }));
  expect(alone.refused(0, 0)).toEqual([]);
  expect(alone.tally()).toMatchObject({ conflict: 1, transit: 7 });
});

test('after a slide only commits of the new T count, and after an abort none', () => {
  const operation = new Operation('op-5', planned(mesh()));
  const at = { now: 10_000, treeMs: 160, boundMs: 1, slidesMax: 1, readyAt: 12_000 };
  expect(operation.decide(at)).toMatchObject({ decision: 'SLIDE', to: 12_000 });
  expect(operation.committed(0, 0, 11_000, 1, 0)).toBe('old-epoch');
  expect(operation.committed(0, 0, 12_000, 1, 1)).toBe('counted');
  expect(operation.decide({ ...at, now: 11_000 })).toMatchObject({ decision: 'ABORT', why: 'T was moved 1 times' });
  expect(operation.committed(1, 1, 12_000, 1, 1)).toBe('old-epoch');
});

test('an operation id is taken once, also after it ended, and only so many run at a time', () => {
  const operations = new Operations();
  const plan = planned(mesh());
  expect(operations.open('op', plan).ok).toBe(true);
  expect(operations.open('op', plan)).toEqual({ ok: false, reason: 'duplicate-operation' });
  operations.end('op');
  expect(operations.open('op', plan)).toEqual({ ok: false, reason: 'duplicate-operation' });
  for (let i = 0; i < OPERATIONS_MAX; i++) expect(operations.open(`op-${i}`, plan).ok).toBe(true);
  expect(operations.open('one-more', plan)).toEqual({ ok: false, reason: 'too-many-operations' });
});
