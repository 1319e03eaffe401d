/**
 * How long before T an agent must be told. Predicts forward delay + wait by queue depth + service by payload, and multiplies by
 * a quantile of (measured / predicted) that all agents of a class share and that is tracked online, so that the chosen share of
 * agents is ready in time whatever the distribution is. Owns the class tables; what is known of one agent is in the registry.
 * It never believes one sample by more than a factor of two. Sources: Gibbs and Candes, Adaptive conformal inference, 2021;
 * Angelopoulos et al., Conformal PID control, 2023 (quantile tracking); the critical ratio of the newsvendor.
 */
import { assert, naturalExp, naturalLog } from '../kernel/index.ts';
import { CLASSES, PRIOR_UNIT_SHARE } from './classes.ts';
import type { Registry } from './registry.ts';

/** The tracked quantiles; one between them is interpolated. */
export const TAUS: readonly number[] = [0.5, 0.9, 0.95, 0.99, 0.999];
/** Of each tracked quantile, in logarithms: where samples are dense a small step already follows within a thousand of them. */
const STEPS_MIN: readonly number[] = [0.0005, 0.003, 0.005, 0.01, 0.02];
/** What (measured / predicted) is taken for in a class nobody measured: early rather than late. */
const PRIOR_RATIOS: readonly number[] = [1, 1.8, 2.2, 3.5, 6];
const WAITS = 9; // depth 0, 1, 2, 3-4, 5-8, 9-16, 17-32, more, and not known
const UNKNOWN_DEPTH = 8;
const DEPTH_MAX_AGE_MS = 10_000; // two heartbeats: an older depth says nothing any more
const KNOTS = 17; // payload 0, 1, 2, 4 ... 32,768 units; linear between them
const PAYLOAD_MAX = 32_768;
const CLAMP = 2; // a sample counts as at most twice and at least half of what was expected: one lie moves little
const COLD = [1.5, 1.3, 1.2, 1.12, 1.06]; // an agent's own figures are that much less sure after 0..4 observations
const LEVEL_GAIN = 0.12; // of one sample, once an agent has eight
const CURVE_GAIN_MIN = 0.002; // shared by a class: thousands of samples a minute
const COVERAGE_WINDOW = 20_000; // predictions of a class over which coverage is averaged

/** What one agent did with one message. Durations come from one clock each; `forwardMs` is null where the clocks do not allow it. */
export interface Observation {
  readonly agent: number;
  /** The bucket of its queue when it was sent to. */
  readonly depthBucket: number;
  /** Payload in units of its class: bytes / 1,024, prompt tokens, weight. */
  readonly units: number;
  readonly forwardMs: number | null;
  readonly waitMs: number;
  readonly serviceMs: number;
  /** From send to ready as the leader saw it, without the way back: what is claimed beyond it is cut. */
  readonly totalMs: number;
}

/** The share of time a slot should be ready: cost of one late arrival and cost of having waited ready. */
export function criticalTau(lateCost: number, holdCost: number): number {
  assert(lateCost > 0 && holdCost > 0, `costs ${lateCost} and ${holdCost}: both above 0`);
  return lateCost / (lateCost + holdCost);
}

export class Estimator {
  readonly registry: Registry;
  readonly #wait = new Float64Array(CLASSES.length * WAITS); // in service times
  readonly #waitSeen = new Float64Array(CLASSES.length * WAITS);
  readonly #curve = new Float64Array(CLASSES.length * KNOTS);
  readonly #curveSeen = new Float64Array(CLASSES.length * KNOTS);
  readonly #logRatio = new Float64Array(CLASSES.length * TAUS.length);
  readonly #seen = new Float64Array(CLASSES.length);
  readonly #covered = new Float64Array(CLASSES.length * TAUS.length);
  readonly #frozen = new Set<number>();

  constructor(registry: Registry) {
    this.registry = registry;
    const depths = [0, 1, 2, 3.5, 6.5, 12, 24, 40, 1];
    for (let agentClass = 0; agentClass < CLASSES.length; agentClass++) {
      this.#wait.set(depths, agentClass * WAITS);
      for (let knot = 0; knot < KNOTS; knot++)
        this.#curve[agentClass * KNOTS + knot] = 1 + PRIOR_UNIT_SHARE[agentClass]! * (knot === 0 ? 0 : 1 << (knot - 1));
      this.#logRatio.set(PRIOR_RATIOS.map(naturalLog), agentClass * TAUS.length);
      this.#covered.set(TAUS, agentClass * TAUS.length);
    }
  }

  depthBucket(agent: number, now: number): number {
    if (now - this.registry.queueAt[agent]! > DEPTH_MAX_AGE_MS) return UNKNOWN_DEPTH;
    return bucketOf(this.registry.queueDepth[agent]!);
  }

  /** What it takes for usual, without the safety of a quantile. */
  centralMs(agent: number, depthBucket: number, units: number): number {
    const agentClass = this.registry.topology.classOf[agent]!;
    const factor = this.payloadFactor(agentClass, units) + this.#wait[agentClass * WAITS + depthBucket]!;
    const { forwardMs, wakeLateMs, serviceMs } = this.registry;
    return forwardMs[agent]! + wakeLateMs[agent]! + serviceMs[agent]! * factor;
  }

  /** The tau-quantile of the lead, in ms: the impedance of this agent for this payload. */
  leadMs(agent: number, now: number, units: number, tau: number): number {
    const central = this.centralMs(agent, this.depthBucket(agent, now), units);
    return central * this.ratio(this.registry.topology.classOf[agent]!, tau) * this.coldFactor(agent, tau);
  }

  coldFactor(agent: number, tau: number): number {
    return tau > 0.5 ? (COLD[this.registry.observations[agent]!] ?? 1) : 1;
  }

  /** The leads of many, into `leads`; `units` and `tau` by class. The class's part is worked out once: some ns for each agent. */
  leadsInto(leads: Float32Array, agents: Uint32Array, now: number, units: ArrayLike<number>, tau: ArrayLike<number>): void {
    const { forwardMs, wakeLateMs, serviceMs, queueAt, queueDepth, observations, topology } = this.registry;
    const { classOf } = topology;
    const factors = new Float64Array(CLASSES.length * WAITS);
    const ratios = new Float64Array(CLASSES.length);
    for (let agentClass = 0; agentClass < CLASSES.length; agentClass++) {
      ratios[agentClass] = this.ratio(agentClass, tau[agentClass]!);
      const payload = this.payloadFactor(agentClass, units[agentClass]!);
      for (let bucket = 0; bucket < WAITS; bucket++)
        factors[agentClass * WAITS + bucket] = payload + this.#wait[agentClass * WAITS + bucket]!;
    }
    const oldest = now - DEPTH_MAX_AGE_MS;
    for (let i = 0; i < agents.length; i++) {
      const agent = agents[i]!;
      const agentClass = classOf[agent]!;
      const bucket = queueAt[agent]! < oldest ? UNKNOWN_DEPTH : bucketOf(queueDepth[agent]!);
      const central = forwardMs[agent]! + wakeLateMs[agent]! + serviceMs[agent]! * factors[agentClass * WAITS + bucket]!;
      const cold = observations[agent]! < COLD.length ? this.coldFactor(agent, tau[agentClass]!) : 1;
      leads[i] = central * ratios[agentClass]! * cold;
    }
  }

  /** Brings the impedance, score and state of everybody up to date, for an empty payload. Once a second: about 1 ms for 30,000. */
  refresh(now: number, tau: number): void {
    const everybody = Uint32Array.from({ length: this.registry.size }, (_, agent) => agent);
    const leads = new Float32Array(everybody.length);
    const each = CLASSES.map(() => tau);
    this.leadsInto(
      leads,
      everybody,
      now,
      CLASSES.map(() => 0),
      each,
    );
    for (const agent of everybody) this.registry.setImpedance(agent, leads[agent]!);
  }

  /** (measured / predicted) that a share of tau of the class does not exceed. */
  ratio(agentClass: number, tau: number): number {
    assert(tau >= 0.5 && tau <= 0.999, `tau ${tau}: .5 to .999, beyond it nothing is tracked`);
    const at = agentClass * TAUS.length;
    let above = 1;
    while (above < TAUS.length - 1 && TAUS[above]! < tau) above += 1;
    const [low, high] = [TAUS[above - 1]!, TAUS[above]!];
    // Tails are straight over the logarithm of what is left, so that is where to interpolate.
    const share = (naturalLog(1 - low) - naturalLog(1 - tau)) / (naturalLog(1 - low) - naturalLog(1 - high));
    return naturalExp(this.#logRatio[at + above - 1]! * (1 - share) + this.#logRatio[at + above]! * share);
  }

  /** How much longer the class takes for such a payload than for none. */
  payloadFactor(agentClass: number, units: number): number {
    const { knot, share } = knotOf(units);
    const at = agentClass * KNOTS + knot;
    return this.#curve[at]! * (1 - share) + this.#curve[Math.min(at + 1, agentClass * KNOTS + KNOTS - 1)]! * share;
  }

  /** Share of the last predictions that held at this tau (one of TAUS), 0..1: it should be tau. */
  coverage(agentClass: number, tau: number): { readonly tau: number; readonly covered: number; readonly predictions: number } {
    const at = TAUS.indexOf(tau);
    assert(at !== -1, `coverage is tracked at ${TAUS.join(', ')}`);
    return { tau, covered: this.#covered[agentClass * TAUS.length + at]!, predictions: this.#seen[agentClass]! };
  }

  /** The whole cluster moved at once: nothing that it says changes a weight until somebody calibrates it. */
  freeze(cluster: number): void {
    this.#frozen.add(cluster);
  }

  isFrozen(cluster: number): boolean {
    return this.#frozen.has(cluster);
  }

  calibrate(cluster: number): void {
    this.#frozen.delete(cluster);
  }

  /** Learns from what happened. Returns the logarithm of (measured / predicted), or null where the cluster is frozen or the figures
   *  are no durations. */
  observe(seen: Observation): number | null {
    const { registry } = this;
    const { agent, units } = seen;
    const agentClass = registry.topology.classOf[agent]!;
    if (!(seen.totalMs > 0) || !(seen.waitMs >= 0) || !(seen.serviceMs >= 0) || seen.totalMs === Infinity) return null;
    const central = this.centralMs(agent, seen.depthBucket, units);
    const residual = clampLog(naturalLog(seen.totalMs / central), 4);
    if (this.#frozen.has(registry.topology.clusterOf[agent]!)) return null;
    // What an agent says it did cannot have taken longer than we waited for it.
    const wait = Math.min(seen.waitMs, seen.totalMs);
    const service = Math.min(seen.serviceMs, seen.totalMs - wait);

    const count = registry.observations[agent]!;
    this.#track(agentClass, agent, residual, count);
    // A second sample in a row on the same far side is a change and not chance: follow it faster.
    const median = registry.residual[agent * 3 + 1]!;
    const isShift = count > COLD.length && Math.abs(median) > 0.2 && median > 0 === residual > 0;
    const gain = isShift ? 0.4 : Math.max(LEVEL_GAIN, 1 / (count + 1));
    if (seen.forwardMs !== null && seen.forwardMs > 0)
      registry.forwardMs[agent]! *= naturalExp(gain * clampLog(naturalLog(seen.forwardMs / registry.forwardMs[agent]!), 1));
    const level = registry.serviceMs[agent]!;
    if (service > 0) {
      const { knot, share } = knotOf(units);
      const off = clampLog(naturalLog(service / (level * this.payloadFactor(agentClass, units))), 1);
      registry.serviceMs[agent] = level * naturalExp(gain * off);
      this.#bend(agentClass * KNOTS + knot, 1 - share, off);
      if (share > 0) this.#bend(agentClass * KNOTS + knot + 1, share, off);
    }
    const waitAt = agentClass * WAITS + seen.depthBucket;
    const waits = (this.#waitSeen[waitAt]! += 1);
    const expected = this.#wait[waitAt]!;
    this.#wait[waitAt] =
      expected + Math.max(0.002, 1 / (waits + 10)) * (Math.min(wait / level, CLAMP * expected + 0.5) - expected);
    if (count < 65_535) registry.observations[agent] = count + 1;
    return residual;
  }

  /** Knot 0 stays 1: the level of an agent is its time for an empty payload. */
  #bend(at: number, weight: number, off: number): void {
    if (at % KNOTS === 0) return;
    const seen = (this.#curveSeen[at]! += weight);
    this.#curve[at]! *= 1 + Math.max(CURVE_GAIN_MIN, 1 / (20 + seen)) * weight * off;
  }

  #track(agentClass: number, agent: number, residual: number, count: number): void {
    const { residual: own } = this.registry;
    for (const [i, tau] of [0.1, 0.5, 0.9].entries())
      own[agent * 3 + i]! += (count === 0 ? 0 : 0.15) * (residual > own[agent * 3 + i]! ? tau : tau - 1);
    const seen = (this.#seen[agentClass]! += 1);
    const at = agentClass * TAUS.length;
    for (let i = 0; i < TAUS.length; i++) {
      const cold = i === 0 ? 1 : (COLD[count] ?? 1);
      const isCovered = residual <= this.#logRatio[at + i]! + (cold === 1 ? 0 : naturalLog(cold));
      const step = Math.max(STEPS_MIN[i]!, 1 / (10 + seen / 10));
      this.#logRatio[at + i]! += step * (isCovered ? TAUS[i]! - 1 : TAUS[i]!);
      this.#covered[at + i]! += ((isCovered ? 1 : 0) - this.#covered[at + i]!) / Math.min(COVERAGE_WINDOW, 100 + seen);
    }
    // Each quantile is tracked alone; they must not cross.
    for (let i = 1; i < TAUS.length; i++)
      if (this.#logRatio[at + i]! < this.#logRatio[at + i - 1]!) this.#logRatio[at + i] = this.#logRatio[at + i - 1]!;
  }
}

function bucketOf(depth: number): number {
  return depth <= 2 ? depth : Math.min(7, 33 - Math.clz32(depth - 1));
}

/** Between 1 / CLAMP and CLAMP, so many times over, as logarithms. */
function clampLog(value: number, times: number): number {
  const most = times * Math.LN2;
  return Math.max(-most, Math.min(most, value));
}

function knotOf(units: number): { readonly knot: number; readonly share: number } {
  assert(units >= 0, `a payload of ${units} units`);
  const kept = Math.min(units, PAYLOAD_MAX);
  if (kept < 1) return { knot: 0, share: kept };
  const power = 31 - Math.clz32(kept);
  return { knot: power + 1, share: kept / (1 << power) - 1 };
}
