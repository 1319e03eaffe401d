/** Runs the mesh's own code against the truth, round by round: one operation for all of A to E every ten seconds. */
import {
  criticalTau,
  Estimator,
  HUMAN,
  mixOf,
  type Observation,
  planArrival,
  Registry,
  SEED_SERVICE_MS,
  type Shape,
  SUBSTITUTED,
  TAUS,
  Topology,
  winnerOf,
} from '../../src/mesh/index.ts';
import { type Draw, Truth, TRUTH } from './truth.ts';

/** A late slot costs the others' time; waiting ready costs a slot that is there anyway. */
export const TAU = criticalTau(32, 1);
export const WINDOW_MS = 10;
const AHEAD_MS = 60_000; // T is far enough for every lead, so that what counts is the sending and not the choice of T
const LATE_BINDING = Array.from({ length: 6 }, () => 'just-in-time' as const); // the hard case: parked ones are ready long before

export interface Round {
  invited: number;
  hits: number;
  hits1: number;
  extra: number;
  substituted: number;
  holdMs: number;
  held: number;
  /** Live agents whose total was within the lead at TAU, and all live ones. */
  prepared: number;
  live: number;
  seedHits: number;
  ungatedHits: number;
  changedLate: number;
  changed: number;
}

export class Fleet {
  readonly topology: Topology;
  readonly registry: Registry;
  readonly estimator: Estimator;
  readonly truth: Truth;
  /** By class and tau: predictions that held, and all. */
  readonly covered: Float64Array = new Float64Array(6 * TAUS.length);
  readonly predicted: Float64Array = new Float64Array(6);
  changed: Uint8Array | null = null;
  readonly #jitterMs: Float32Array; // of the forward delay, as the first design measures it: standard deviation
  #rounds = 0;

  constructor(shape: Shape, seed: string) {
    const { sectors, clustersPerSector, agentsPerCluster } = shape;
    this.topology = new Topology(shape, mixOf(sectors * clustersPerSector * agentsPerCluster));
    this.registry = new Registry(this.topology);
    this.estimator = new Estimator(this.registry);
    this.truth = new Truth(this.topology, seed);
    this.#jitterMs = new Float32Array(this.topology.agents);
  }

  round({ tau = TAU, hedge = true, observes = true } = {}): Round {
    const { truth, registry, estimator, topology } = this;
    const { classOf } = topology;
    truth.nextRound();
    const { now, units } = truth;
    for (let agent = 0; agent < topology.agents; agent++) {
      if (classOf[agent] === HUMAN) continue;
      if (truth.isKnownDown(agent)) {
        if (registry.state[agent]! <= 1) registry.setState(agent, 'offline');
      } else registry.heard(agent, now - truth.toldAgeMs[agent]!, truth.toldDepth[agent]);
    }
    const planned = planArrival(estimator, {
      now,
      target: now + AHEAD_MS,
      windowMs: WINDOW_MS,
      units,
      tau: Array.from({ length: 6 }, () => tau),
      hedge,
      policy: LATE_BINDING,
    });
    if (!planned.ok) throw new Error(`no plan: ${planned.reason}`);
    const { plan } = planned;
    const T = plan.target;
    const out: Round = {
      invited: plan.invited.length,
      hits: 0,
      hits1: 0,
      extra: 0,
      substituted: plan.counts[SUBSTITUTED]!,
      holdMs: 0,
      held: 0,
      prepared: 0,
      live: 0,
      seedHits: 0,
      ungatedHits: 0,
      changedLate: 0,
      changed: 0,
    };
    const id = `operation ${this.#rounds++}`;
    const draw: Draw = { forwardMs: 0, waitMs: 0, serviceMs: 0 };
    const medians = Array.from({ length: 6 }, (_, c) => estimator.ratio(c, 0.5));
    const ratios = Array.from({ length: 6 }, (_, c) => TAUS.map((each) => estimator.ratio(c, each)));
    const seen: { -readonly [K in keyof Observation]: Observation[K] } = {
      agent: 0,
      depthBucket: 0,
      units: 0,
      forwardMs: 0,
      waitMs: 0,
      serviceMs: 0,
      totalMs: 0,
    };
    for (let slot = 0; slot < plan.invited.length; slot++) {
      const isSubstituted = plan.fate[slot] === SUBSTITUTED;
      const agent = isSubstituted ? plan.standby[slot]! : plan.invited[slot]!;
      const c = classOf[agent]!;
      const unreachable = this.#isUnreachable();
      const isUp = !truth.isDown(agent) && !unreachable;
      let readyAt = Infinity;
      if (isUp) {
        truth.draw(agent, units[c]!, draw);
        const total = draw.forwardMs + draw.waitMs + draw.serviceMs;
        readyAt = now + plan.sendInMs[slot]! + total;
        const central = estimator.centralMs(agent, estimator.depthBucket(agent, now), units[c]!);
        if (!isSubstituted) {
          const jitter = this.#jitterMs[agent]!;
          // The first design: half a round trip, base times weight times queue, and the deviation; sent so that it ends at T.
          const weight = c === 3 ? units[c]! / 1_000 : units[c]!;
          const seed =
            (truth.forwardMs[agent]! + truth.reverseMs[agent]!) / 2 +
            SEED_SERVICE_MS[c]! * (1 + 0.5 * weight) * (1 + 0.1 * registry.queueDepth[agent]!) +
            jitter;
          if (Math.abs(total - seed) <= WINDOW_MS) out.seedHits += 1;
          if (Math.abs(total - central * medians[c]!) <= WINDOW_MS) out.ungatedHits += 1;
          const off = draw.forwardMs - truth.forwardMs[agent]!;
          this.#jitterMs[agent] = Math.sqrt(0.95 * jitter * jitter + 0.05 * off * off);
        }
        for (let i = 0; i < TAUS.length; i++)
          if (total <= central * ratios[c]![i]! * estimator.coldFactor(agent, TAUS[i]!)) this.covered[c * TAUS.length + i]! += 1;
        this.predicted[c]! += 1;
        out.live += 1;
        const inTime = total <= plan.leadMs[slot]!;
        if (inTime) out.prepared += 1;
        if (this.changed?.[agent] === 1) {
          out.changed += 1;
          if (!inTime) out.changedLate += 1;
        }
        if (observes) {
          const clockMs = TRUTH.clockMs[c]!;
          seen.agent = agent;
          seen.depthBucket = estimator.depthBucket(agent, now);
          seen.units = units[c]!;
          // A bound of three deviations must be a quarter of the delay at most, else the way there is not told from the clock.
          seen.forwardMs = 3 * clockMs <= draw.forwardMs / 4 ? draw.forwardMs : null;
          seen.waitMs = draw.waitMs;
          seen.serviceMs = draw.serviceMs;
          seen.totalMs = total;
          estimator.observe(seen);
        }
      }
      let committer = readyAt < T + WINDOW_MS ? agent : -1;
      let committerReady = readyAt;
      const back = truth.reverseMs[agent]! * 1.1;
      if (!isSubstituted && readyAt + back > now + plan.hedgeInMs[slot]!) {
        out.extra += 1;
        const other = plan.standby[slot]!;
        if (!truth.isDown(other) && !unreachable) {
          truth.draw(other, units[classOf[other]!]!, draw);
          // Its own slot was told a whole standby lead earlier and is taken to be done.
          const otherReady = now + plan.hedgeInMs[slot]! + draw.forwardMs + draw.waitMs + draw.serviceMs;
          if (
            otherReady < T + WINDOW_MS &&
            (committer === -1 || (otherReady < T && readyAt < T && winnerOf(id, slot, agent, other) === other))
          ) {
            committer = other;
            committerReady = otherReady;
          }
        }
      }
      if (committer === -1) continue;
      const error = Math.max(committerReady - T, truth.gateErrorMs(committer));
      if (Math.abs(error) <= WINDOW_MS) out.hits += 1;
      if (Math.abs(error) <= 1) out.hits1 += 1;
      if (committerReady < T) out.holdMs += T - committerReady;
      out.held += 1;
    }
    return out;
  }

  rounds(count: number, options: { tau?: number; hedge?: boolean } = {}): Round {
    const sum = this.round(options);
    for (let i = 1; i < count; i++) {
      const next = this.round(options);
      for (const key of Object.keys(sum) as (keyof Round)[]) sum[key] += next[key];
    }
    return sum;
  }

  /** Two leads of a cluster, each fed by a coordinator of another sector. */
  #isUnreachable(): boolean {
    const { truth } = this;
    const lost = TRUTH.coordinatorDown + TRUTH.leadDown;
    return truth.chance(lost) && truth.chance(lost);
  }
}
