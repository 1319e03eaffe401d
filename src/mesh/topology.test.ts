import { expect, test } from 'vitest';
import { CLASS_COUNTS } from './classes.ts';
import { SHAPE, Topology } from './topology.ts';

const everybody = (): boolean => true;

test('the usual mesh has 100 sectors of 10 clusters of 30 agents with the counts of its classes', () => {
  const mesh = new Topology();
  expect([mesh.agents, mesh.clusters]).toEqual([30_000, 1_000]);
  const counts = [0, 0, 0, 0, 0, 0];
  for (const agentClass of mesh.classOf) counts[agentClass]! += 1;
  expect(counts).toEqual(CLASS_COUNTS);
  expect(mesh.members(0)).toHaveLength(SHAPE.agentsPerCluster);
});

test('the two parents of a cluster are of different sectors, and one lost sector loads many a little', () => {
  const mesh = new Topology();
  const helpers = new Set<number>();
  for (let cluster = 0; cluster < mesh.clusters; cluster++) {
    expect(mesh.secondSectorOf[cluster]).not.toBe(mesh.sectorOf[cluster]);
    if (mesh.sectorOf[cluster] === 7) helpers.add(mesh.secondSectorOf[cluster]!);
  }
  expect(helpers.size).toBe(10);
  expect(new Topology({ sectors: 1, clustersPerSector: 2, agentsPerCluster: 3 }).secondSectorOf[0]).toBe(-1);
});

test('a thousand more agents take 34 new clusters in the sectors with the fewest agents, or the free places first', () => {
  const mesh = new Topology();
  const grown = mesh.add(1_000, 1, 'new');
  expect(grown).toMatchObject({ firstAgent: 30_000, agents: 1_000 });
  expect(grown.newClusters).toHaveLength(34);
  expect(new Set(grown.newClusters.map((cluster) => mesh.sectorOf[cluster])).size).toBe(34);
  const last = grown.newClusters.at(-1)!;
  expect(mesh.members(last)).toHaveLength(10);
  const again = mesh.add(25, 0);
  expect(mesh.members(last)).toHaveLength(30);
  expect(again.newClusters).toHaveLength(1);
  expect(mesh.lead[again.newClusters[0]!]).toBe(mesh.members(again.newClusters[0]!)[0]);
});

test('a backup takes over from a lead that is gone, and from a coordinator', () => {
  const mesh = new Topology({ sectors: 2, clustersPerSector: 2, agentsPerCluster: 4 });
  const [lead, backup] = [mesh.lead[0]!, mesh.backupLead[0]!];
  expect(mesh.promote(0, (agent) => agent !== lead)).toBe(true);
  expect(mesh.lead[0]).toBe(backup);
  expect(mesh.backupLead[0]).not.toBe(lead);
  expect(mesh.promote(0, () => false)).toBe(false);

  const [coordinator, second] = [mesh.coordinator[0]!, mesh.backupCoordinator[0]!];
  expect(mesh.clusterOf[coordinator]).not.toBe(mesh.clusterOf[second]);
  expect(mesh.takeOver(0, (agent) => agent !== coordinator)).toBe(true);
  expect(mesh.coordinator[0]).toBe(second);
  expect(mesh.takeOver(0, () => false)).toBe(false);
});

test('in a cluster each member stands by for one other of its class', () => {
  const mesh = new Topology({ sectors: 1, clustersPerSector: 1, agentsPerCluster: 5 }, [5, 0, 0, 0, 0, 0]);
  expect(mesh.members(0).map((agent) => mesh.standbyOf(agent, everybody))).toEqual([1, 2, 3, 4, 0]);
  expect(mesh.standbyOf(0, (agent) => agent !== 1)).toBe(2);
  expect(mesh.standbyOf(0, () => false)).toBe(-1);
});

test('a shape that cannot be is refused with what is wrong', () => {
  expect(() => new Topology({ sectors: 0, clustersPerSector: 1, agentsPerCluster: 1 })).toThrow('sectors of a mesh is 0');
  expect(() => new Topology(SHAPE, [30_001, 0, 0, 0, 0, 0])).toThrow('30001 agents do not fit');
  expect(() => new Topology().add(2_000_000, 0)).toThrow('at most 1048576');
});
