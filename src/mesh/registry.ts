/**
 * What is known of each agent, as columns of numbers with one row for each dense id. Owns states, measured values, the impedance
 * score and reliability; routes by capability. The estimator writes what it learned into the same columns. A write is seen by the
 * next read. About 150 B a row, no object for an agent.
 */
import { assert } from '../kernel/index.ts';
import {
  CapabilityMatcher,
  HEALTH_STATES,
  type Health,
  type HealthCounts,
  HealthRollup,
  type Need,
  type NoMatch,
} from '../structures/index.ts';
import { CLASSES, type ImpedanceClass, PRIOR_FORWARD_MS, PRIOR_SERVICE_MS } from './classes.ts';
import { extended, type Topology } from './topology.ts';

/** More than 2,000 ms of lead. */
export const DEGRADED_ABOVE = 800;
/** At most 500 ms of lead. */
export const ROUTABLE_UP_TO = 500;
/** After so many observations an agent's own figures outweigh its class's. */
export const SETTLED_AFTER = 5;

const SPANS = 6; // of ten minutes: the last hour
const SPAN_MS = 600_000;
export const ACTIVE = 0;
export const OFFLINE = 2;

export interface AgentRow {
  readonly agent: number;
  readonly agentClass: ImpedanceClass;
  readonly sector: number;
  readonly cluster: number;
  readonly forwardMs: number;
  readonly reverseMs: number;
  readonly clockBoundMs: number;
  readonly serviceMs: number;
  readonly queueDepth: number;
  readonly queueAgeMs: number;
  readonly heardAt: number;
  /** The lead that the agent needs, in ms, at the quantile of the last refresh. */
  readonly impedanceMs: number;
  readonly impedanceScore: number;
  /** Of the last hour; null: nothing was asked of it. */
  readonly reliability: number | null;
  readonly instability: number;
  readonly state: Health;
  readonly observations: number;
}

export type Routed =
  | { readonly ok: true; readonly agents: readonly number[] }
  | { readonly ok: false; readonly reason: 'no-capable-agent'; readonly lacking: NoMatch };

export class Registry {
  readonly topology: Topology;
  state: Uint8Array = new Uint8Array(0);
  observations: Uint16Array = new Uint16Array(0);
  forwardMs: Float32Array = new Float32Array(0);
  reverseMs: Float32Array = new Float32Array(0);
  clockBoundMs: Float32Array = new Float32Array(0);
  serviceMs: Float32Array = new Float32Array(0);
  /** How late timers of its host fire, p99: comes on top of every lead. */
  wakeLateMs: Float32Array = new Float32Array(0);
  impedanceMs: Float32Array = new Float32Array(0);
  /** Slow average of the impedance: what a spike is compared with. */
  usualMs: Float32Array = new Float32Array(0);
  score: Uint16Array = new Uint16Array(0);
  queueDepth: Uint16Array = new Uint16Array(0);
  queueAt: Float64Array = new Float64Array(0);
  heardAt: Float64Array = new Float64Array(0);
  /** Quantiles .1, .5, .9 of the logarithm of (measured / predicted), three for each agent. */
  residual: Float32Array = new Float32Array(0);
  #succeeded: Uint16Array = new Uint16Array(0); // by agent and span
  #asked: Uint16Array = new Uint16Array(0);
  #span = 0;
  #rows = 0;
  #matcher: CapabilityMatcher;
  #health: HealthRollup;
  readonly #skills = new Map<number, readonly Need[]>();

  constructor(topology: Topology) {
    this.topology = topology;
    this.#matcher = new CapabilityMatcher(topology.agents);
    this.#health = rollupOf(topology);
    this.grow();
  }

  get size(): number {
    return this.#rows;
  }

  /** Takes in what the topology gained. New agents are offline until they are heard. */
  grow(): void {
    const { agents, classOf } = this.topology;
    const from = this.#rows;
    this.state = extended(this.state, agents);
    this.observations = extended(this.observations, agents);
    this.forwardMs = extended(this.forwardMs, agents);
    this.reverseMs = extended(this.reverseMs, agents);
    this.clockBoundMs = extended(this.clockBoundMs, agents);
    this.serviceMs = extended(this.serviceMs, agents);
    this.wakeLateMs = extended(this.wakeLateMs, agents);
    this.impedanceMs = extended(this.impedanceMs, agents);
    this.usualMs = extended(this.usualMs, agents);
    this.score = extended(this.score, agents);
    this.queueDepth = extended(this.queueDepth, agents);
    this.queueAt = extended(this.queueAt, agents);
    this.heardAt = extended(this.heardAt, agents);
    this.residual = extended(this.residual, agents * 3);
    this.#succeeded = extended(this.#succeeded, agents * SPANS);
    this.#asked = extended(this.#asked, agents * SPANS);
    this.#rows = agents;
    for (let agent = from; agent < agents; agent++) {
      const agentClass = classOf[agent]!;
      this.state[agent] = OFFLINE;
      this.forwardMs[agent] = this.reverseMs[agent] = PRIOR_FORWARD_MS[agentClass]!;
      this.serviceMs[agent] = PRIOR_SERVICE_MS[agentClass]!;
      this.clockBoundMs[agent] = PRIOR_FORWARD_MS[agentClass]!; // half of a round trip of the class
      this.queueAt[agent] = this.heardAt[agent] = -Infinity;
      this.setImpedance(agent, PRIOR_FORWARD_MS[agentClass]! + PRIOR_SERVICE_MS[agentClass]!);
    }
    this.#health = rollupOf(this.topology);
    this.#matcher = new CapabilityMatcher(agents);
    for (const [agent, skills] of this.#skills) this.#matcher.describe(agent, skills);
    for (let agent = 0; agent < agents; agent++) {
      this.#health.set(agent, HEALTH_STATES[this.state[agent]!]!);
      this.#matcher.setAvailable(agent, this.state[agent] === ACTIVE);
    }
  }

  /** False: the index holds no more different capabilities. */
  describe(agent: number, skills: readonly Need[]): boolean {
    if (!this.#matcher.describe(agent, skills)) return false;
    this.#skills.set(agent, skills);
    this.#matcher.setAvailable(agent, this.state[agent] === ACTIVE);
    return true;
  }

  setState(agent: number, state: Health): void {
    this.state[agent] = HEALTH_STATES.indexOf(state);
    this.#health.set(agent, state);
    this.#matcher.setAvailable(agent, state === 'active');
  }

  stateOf(agent: number): Health {
    return HEALTH_STATES[this.state[agent]!]!;
  }

  /** Heard from the agent itself or from its live host. Offline ends here; quarantine does not. */
  heard(agent: number, at: number, queueDepth: number | null = null): void {
    if (at < this.heardAt[agent]!) return; // an older one came late
    this.heardAt[agent] = at;
    if (queueDepth !== null) {
      this.queueDepth[agent] = Math.min(queueDepth, 65_535);
      this.queueAt[agent] = at;
    }
    if (this.state[agent] === OFFLINE) this.setState(agent, this.score[agent]! > DEGRADED_ABOVE ? 'degraded' : 'active');
  }

  /** Agents that said nothing for so long become offline; returns them. */
  expire(now: number, silentMs: number): readonly number[] {
    const gone: number[] = [];
    for (let agent = 0; agent < this.#rows; agent++)
      if (this.state[agent]! < OFFLINE && now - this.heardAt[agent]! > silentMs) gone.push(agent);
    for (const agent of gone) this.setState(agent, 'offline');
    return gone;
  }

  setImpedance(agent: number, leadMs: number): void {
    this.impedanceMs[agent] = leadMs;
    const usual = this.usualMs[agent]!;
    this.usualMs[agent] = usual === 0 ? leadMs : usual + 0.02 * (Math.min(leadMs, 2 * usual) - usual);
    const score = impedanceScore(leadMs);
    this.score[agent] = score;
    if (this.state[agent] === ACTIVE && score > DEGRADED_ABOVE) this.setState(agent, 'degraded');
    else if (this.state[agent] === 1 && score <= DEGRADED_ABOVE) this.setState(agent, 'active');
  }

  record(agent: number, now: number, succeeded: boolean): void {
    this.#turnTo(now);
    const at = agent * SPANS + (this.#span % SPANS);
    if (this.#asked[at] === 65_535) return; // 65,535 in ten minutes: the share is known
    this.#asked[at]! += 1;
    if (succeeded) this.#succeeded[at]! += 1;
  }

  /** Share of successes in the last hour, 0..1; null where nothing was asked. */
  reliability(agent: number, now: number): number | null {
    this.#turnTo(now);
    let [asked, succeeded] = [0, 0];
    for (let at = agent * SPANS; at < (agent + 1) * SPANS; at++) {
      asked += this.#asked[at]!;
      succeeded += this.#succeeded[at]!;
    }
    return asked === 0 ? null : succeeded / asked;
  }

  read(agent: number, now: number): AgentRow {
    assert(agent >= 0 && agent < this.#rows, `agent ${agent} of ${this.#rows}`);
    const cluster = this.topology.clusterOf[agent]!;
    return {
      agent,
      agentClass: CLASSES[this.topology.classOf[agent]!]!,
      sector: this.topology.sectorOf[cluster]!,
      cluster,
      forwardMs: this.forwardMs[agent]!,
      reverseMs: this.reverseMs[agent]!,
      clockBoundMs: this.clockBoundMs[agent]!,
      serviceMs: this.serviceMs[agent]!,
      queueDepth: this.queueDepth[agent]!,
      queueAgeMs: now - this.queueAt[agent]!,
      heardAt: this.heardAt[agent]!,
      impedanceMs: this.impedanceMs[agent]!,
      impedanceScore: this.score[agent]!,
      reliability: this.reliability(agent, now),
      instability: instabilityOf(this.residual, agent),
      state: this.stateOf(agent),
      observations: this.observations[agent]!,
    };
  }

  isRoutable(agent: number): boolean {
    return this.state[agent] === ACTIVE && this.score[agent]! <= ROUTABLE_UP_TO && this.observations[agent]! >= SETTLED_AFTER;
  }

  /** The capable agents with the smallest impedance, mesh-wide or of one cluster; those above `scoreMax` or not settled are left out. */
  route(
    needs: readonly Need[],
    limit: number,
    { cluster = -1, scoreMax = ROUTABLE_UP_TO }: { readonly cluster?: number; readonly scoreMax?: number } = {},
  ): Routed {
    const query = { needs, limit: cluster === -1 ? limit : 0 };
    const fits = (agent: number): boolean => this.score[agent]! <= scoreMax && this.observations[agent]! >= SETTLED_AFTER;
    let agents: readonly number[];
    if (cluster === -1) {
      const cost = this.score.map((score, agent) => (fits(agent) ? score : 65_535));
      agents = this.#matcher.match(query, cost).filter(fits);
    } else {
      agents = this.topology
        .members(cluster)
        .filter((agent) => fits(agent) && this.#matcher.whyNot(agent, query).length === 0)
        .toSorted((a, b) => this.score[a]! - this.score[b]! || a - b)
        .slice(0, limit);
    }
    if (agents.length > 0) return { ok: true, agents };
    return { ok: false, reason: 'no-capable-agent', lacking: this.#matcher.whyNobody(query) };
  }

  /** Everybody who has the capabilities and is active, by number. */
  capable(needs: readonly Need[]): readonly number[] {
    return this.#matcher.match({ needs, limit: this.#rows });
  }

  lacking(needs: readonly Need[]): NoMatch {
    return this.#matcher.whyNobody({ needs, limit: 0 });
  }

  /** Agents by state: of a cluster, or of all. */
  counts(cluster: number | null = null): HealthCounts {
    const { agents, clusters, shape } = this.topology;
    return this.#health.agents(cluster === null ? agents + clusters + shape.sectors : agents + cluster);
  }

  #turnTo(now: number): void {
    const span = Math.floor(now / SPAN_MS);
    if (span <= this.#span) return;
    for (let each = Math.max(this.#span + 1, span - SPANS + 1); each <= span; each++)
      for (let at = each % SPANS; at < this.#rows * SPANS; at += SPANS) this.#asked[at] = this.#succeeded[at] = 0;
    this.#span = span;
  }
}

/** 1000 L / (L + 500): monotone, 500 ms is 500, 2,000 ms is 800, 4,500 ms is 900; never reaches 1000. */
export function impedanceScore(leadMs: number): number {
  assert(leadMs >= 0, `a lead of ${leadMs} ms`);
  return leadMs === Infinity ? 1000 : Math.round((1000 * leadMs) / (leadMs + 500));
}

/** Robust coefficient of variation: (q90 - q10) / (2.56 q50) of the residual; here of its logarithm, where q50 divides out. */
export function instabilityOf(residual: Float32Array, agent: number): number {
  return (residual[agent * 3 + 2]! - residual[agent * 3]!) / 2.56;
}

function rollupOf({ agents, clusters, shape, clusterOf, sectorOf }: Topology): HealthRollup {
  const root = agents + clusters + shape.sectors;
  const parent = new Int32Array(root + 1).fill(root);
  for (let agent = 0; agent < agents; agent++) parent[agent] = agents + clusterOf[agent]!;
  for (let cluster = 0; cluster < clusters; cluster++) parent[agents + cluster] = agents + clusters + sectorOf[cluster]!;
  parent[root] = -1;
  // A cluster or sector is as its child at 95 %: one bad agent of thirty is no bad cluster.
  return new HealthRollup(parent, [{ permille: 950 }, { permille: 950 }, { permille: 950 }]);
}
