/**
 * The shape of a mesh: agents in clusters, clusters in sectors, and who leads. Owns dense ids that are never reused, the two
 * parents of each cluster, and the roles. A role is held by a member of the mesh, so that any healthy one can take it over.
 * It knows nothing of health or time: the caller says who is healthy.
 */
import { assert } from '../kernel/index.ts';
import { CLASS_COUNTS, CLASSES, HUMAN } from './classes.ts';

export interface Shape {
  readonly sectors: number;
  readonly clustersPerSector: number;
  readonly agentsPerCluster: number;
}

export const SHAPE: Shape = { sectors: 100, clustersPerSector: 10, agentsPerCluster: 30 };
export const AGENTS_MAX = 1_048_576; // columns of the registry at 160 B each are then 168 MB
const SECTORS_MAX = 4_096;

export interface Growth {
  readonly firstAgent: number;
  readonly agents: number;
  readonly newClusters: readonly number[];
}

export class Topology {
  readonly shape: Shape;
  agents = 0;
  clusters = 0;
  /** By agent. */
  classOf: Uint8Array = new Uint8Array(0);
  clusterOf: Int32Array = new Int32Array(0);
  /** By cluster. The second parent is of another sector; -1 where there is one sector only. */
  sectorOf: Int32Array = new Int32Array(0);
  secondSectorOf: Int32Array = new Int32Array(0);
  lead: Int32Array = new Int32Array(0);
  backupLead: Int32Array = new Int32Array(0);
  /** By sector. */
  readonly coordinator: Int32Array;
  readonly backupCoordinator: Int32Array;
  readonly #sectorClusters: Int32Array;
  readonly #sectorAgents: Int32Array;
  #placeOf = new Uint16Array(0); // of an agent in its cluster
  #memberCount = new Int32Array(0);
  #members = new Int32Array(0); // by cluster and place; -1 is a free place

  /** `classCounts` fills the shape; without it the usual mix is scaled to the shape. */
  constructor(shape: Shape = SHAPE, classCounts: readonly number[] = mixOf(capacityOf(shape))) {
    const { sectors, clustersPerSector, agentsPerCluster } = shape;
    for (const [name, value] of Object.entries(shape))
      assert(Number.isInteger(value) && value >= 1, `${name} of a mesh is ${value}: at least 1`);
    assert(sectors <= SECTORS_MAX, `${sectors} sectors: at most ${SECTORS_MAX}`);
    const total = classCounts.reduce((sum, count) => sum + count, 0);
    assert(classCounts.length === CLASSES.length, `${classCounts.length} classes: there are ${CLASSES.length}`);
    assert(total <= capacityOf(shape), `${total} agents do not fit ${sectors} x ${clustersPerSector} x ${agentsPerCluster}`);
    this.shape = shape;
    this.coordinator = new Int32Array(sectors).fill(-1);
    this.backupCoordinator = new Int32Array(sectors).fill(-1);
    this.#sectorClusters = new Int32Array(sectors);
    this.#sectorAgents = new Int32Array(sectors);
    // Agents of one class share a cluster, clusters of one class are dealt out to all sectors: a lost sector costs 1 % of
    // each class and not all of one.
    for (let cluster = 0; cluster < sectors * clustersPerSector; cluster++) this.#openCluster(cluster % sectors);
    this.#reserve(total);
    let agent = 0;
    for (const [agentClass, count] of classCounts.entries())
      for (let i = 0; i < count; i++, agent++) this.#place(agentClass, Math.floor(agent / agentsPerCluster));
    for (let cluster = 0; cluster < this.clusters; cluster++) this.#fillRoles(cluster);
    for (let sector = 0; sector < sectors; sector++) this.takeOver(sector, () => true);
  }

  /** Members of a cluster in the order of their places. */
  members(cluster: number): readonly number[] {
    const from = cluster * this.shape.agentsPerCluster;
    return Array.from(this.#members.subarray(from, from + this.#memberCount[cluster]!));
  }

  /** The next member of the same cluster and class, around in a circle: of n healthy members each stands by for one. -1: nobody. */
  standbyOf(agent: number, isHealthy: (agent: number) => boolean): number {
    const cluster = this.clusterOf[agent]!;
    const from = cluster * this.shape.agentsPerCluster;
    const count = this.#memberCount[cluster]!;
    const at = this.#placeOf[agent]!;
    for (let step = 1; step < count; step++) {
      const other = this.#members[from + ((at + step) % count)]!;
      if (this.classOf[other] === this.classOf[agent] && isHealthy(other)) return other;
    }
    return -1;
  }

  /** More agents of one class. `existing` takes free places first, `new` opens clusters only; a new cluster goes to the sector
   *  with the fewest agents. */
  add(count: number, agentClass: number, where: 'existing' | 'new' = 'existing'): Growth {
    assert(Number.isInteger(count) && count >= 1, `${count} new agents: at least 1`);
    assert(this.agents + count <= AGENTS_MAX, `${this.agents} and ${count} agents: at most ${AGENTS_MAX}`);
    const firstAgent = this.agents;
    this.#reserve(firstAgent + count);
    const fill = (cluster: number): void => {
      while (this.agents < firstAgent + count && this.#memberCount[cluster]! < this.shape.agentsPerCluster)
        this.#place(agentClass, cluster);
      this.#fillRoles(cluster);
    };
    if (where === 'existing') for (let cluster = 0; cluster < this.clusters; cluster++) fill(cluster);
    const newClusters: number[] = [];
    while (this.agents < firstAgent + count) {
      let sector = 0;
      for (let each = 1; each < this.shape.sectors; each++)
        if (this.#sectorAgents[each]! < this.#sectorAgents[sector]!) sector = each;
      newClusters.push(this.#openCluster(sector));
      fill(this.clusters - 1);
    }
    return { firstAgent, agents: count, newClusters };
  }

  /** The lead is gone: its backup leads, the first healthy member is the next backup. False: nobody in the cluster is healthy. */
  promote(cluster: number, isHealthy: (agent: number) => boolean): boolean {
    const backup = this.backupLead[cluster]!;
    const fit = this.members(cluster).filter(isHealthy);
    const next = fit.includes(backup) ? backup : fit.find((agent) => agent !== this.lead[cluster]);
    if (next === undefined) return false;
    this.lead[cluster] = next;
    this.backupLead[cluster] = fit.find((agent) => agent !== next) ?? -1;
    return true;
  }

  /** The coordinator is gone: the backup takes the sector, and a lead of another cluster becomes the next backup. */
  takeOver(sector: number, isHealthy: (agent: number) => boolean): boolean {
    const gone = this.coordinator[sector]!;
    const fit: number[] = [];
    for (let cluster = 0; cluster < this.clusters; cluster++) {
      if (this.sectorOf[cluster] !== sector) continue;
      for (const agent of [this.lead[cluster]!, this.backupLead[cluster]!])
        if (agent !== -1 && agent !== gone && this.classOf[agent] !== HUMAN && isHealthy(agent)) fit.push(agent);
    }
    const backup = this.backupCoordinator[sector]!;
    const next = fit.includes(backup) ? backup : fit[0];
    if (next === undefined) return false;
    this.coordinator[sector] = next;
    this.backupCoordinator[sector] = fit.find((agent) => this.clusterOf[agent] !== this.clusterOf[next]) ?? -1;
    return true;
  }

  #openCluster(sector: number): number {
    const { sectors, agentsPerCluster } = this.shape;
    const cluster = this.clusters++;
    this.sectorOf = extended(this.sectorOf, this.clusters);
    this.secondSectorOf = extended(this.secondSectorOf, this.clusters);
    this.lead = extended(this.lead, this.clusters);
    this.backupLead = extended(this.backupLead, this.clusters);
    this.#memberCount = extended(this.#memberCount, this.clusters);
    this.#members = extended(this.#members, this.clusters * agentsPerCluster);
    this.#members.fill(-1, cluster * agentsPerCluster, this.clusters * agentsPerCluster);
    // The clusters of one sector have their second parents in different sectors, so that its loss loads many a little.
    const ordinal = this.#sectorClusters[sector]!++;
    this.sectorOf[cluster] = sector;
    this.secondSectorOf[cluster] = sectors === 1 ? -1 : (sector + 1 + (ordinal % (sectors - 1))) % sectors;
    this.lead[cluster] = this.backupLead[cluster] = -1;
    return cluster;
  }

  #reserve(agents: number): void {
    this.classOf = extended(this.classOf, agents);
    this.clusterOf = extended(this.clusterOf, agents);
    this.#placeOf = extended(this.#placeOf, agents);
  }

  #place(agentClass: number, cluster: number): void {
    const agent = this.agents++;
    this.classOf[agent] = agentClass;
    this.clusterOf[agent] = cluster;
    this.#placeOf[agent] = this.#memberCount[cluster]!++;
    this.#members[cluster * this.shape.agentsPerCluster + this.#placeOf[agent]] = agent;
    this.#sectorAgents[this.sectorOf[cluster]!]! += 1;
  }

  #fillRoles(cluster: number): void {
    const [first = -1] = this.members(cluster);
    if (this.lead[cluster] === -1) this.lead[cluster] = first;
    if (this.backupLead[cluster] === -1)
      this.backupLead[cluster] = this.members(cluster).find((agent) => agent !== this.lead[cluster]) ?? -1;
  }
}

function capacityOf({ sectors, clustersPerSector, agentsPerCluster }: Shape): number {
  return sectors * clustersPerSector * agentsPerCluster;
}

/** The usual mix for so many agents; what rounding leaves over is class A. */
export function mixOf(agents: number): readonly number[] {
  const [, ...others] = CLASS_COUNTS.map((count) => Math.floor((count * agents) / 30_000));
  return [agents - others.reduce((sum, count) => sum + count, 0), ...others];
}

/** The same column with room for at least `size`; doubles, so that growth by one stays cheap. */
export function extended<T extends Uint8Array | Uint16Array | Int32Array | Float32Array | Float64Array>(
  column: T,
  size: number,
): T {
  if (column.length >= size) return column;
  const Column = column.constructor as new (length: number) => T;
  const wider = new Column(Math.max(size, column.length * 2));
  wider.set(column);
  return wider;
}
