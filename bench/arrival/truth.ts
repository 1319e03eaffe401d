/**
 * The truth that the predictions are measured against: a model of 30,000 or 1,000,000 agents under virtual time. It knows what no
 * leader knows (true medians, true backlog, true clocks) and gives one draw for each message. All its parameters are here. The
 * ranges of delays are those of the classes; the spreads, tails and jumps are chosen, so absolute shares are shares of this
 * model; what is compared is compared on the same draws.
 */
import { type Random, seededRandom } from '../../src/kernel/index.ts';
import { HUMAN, SEED_SERVICE_MS, type Topology } from '../../src/mesh/index.ts';

/** By class A to E. */
export const TRUTH = {
  /** Round trip, from a uniform draw for each agent. */
  roundTripMs: [
    [5, 20],
    [50, 150],
    [100, 300],
    [200, 500],
    [20, 400],
  ],
  /** Share of the round trip that goes forward: normal (.5, this), within .2 to .8. */
  forwardShareSpread: 0.08,
  /** Half-normal jitter as a share of the forward delay, times a log-normal of its own for each agent. */
  jitterShare: [0.06, 0.1, 0.1, 0.1, 0.2],
  jitterSpreadOfAgents: 0.5,
  /** 2 % of the messages take a Pareto(1.8) multiple of the jitter scale; 0.3 % are delivered again after 250 ms. */
  tailShare: 0.02,
  tailShape: 1.8,
  redeliveredShare: 0.003,
  redeliveredMs: 250,
  /** Slow sine of the network by sector, +- this share, over 200 rounds. */
  slowShare: 0.1,
  /** A route of an agent changes every 180 rounds of 10 s on average, to 0.7 to 1.4 times. */
  routeJumpShare: 1 / 180,
  /** Service: the seed's base times a log-normal of each agent, times a log-normal of each message. */
  serviceSpreadOfAgents: 0.4,
  serviceSpread: [0.15, 0.25, 0.3, 0.3, 0.4],
  stragglerShare: [0.005, 0.01, 0.01, 0.02, 0.03],
  stragglerTimes: [2, 10],
  /** First call after a pause: share and ms. */
  coldShare: [0, 0.01, 0, 0.01, 0],
  coldMs: [0, 400, 0, 800, 0],
  /** Payload weight of a round, drawn for all; service grows by this share for one unit. Class D: tokens instead. */
  weights: [0, 1, 2, 4],
  weightSlope: [0.3, 0.5, 0.6, 0, 0.4],
  /** Class D: prompt tokens at 0, 10, 50, 90, 99, 100 % of a public trace of a conversation service, and its prefill. */
  tokens: [
    [0, 60],
    [0.1, 280],
    [0.5, 1_020],
    [0.9, 2_734],
    [0.99, 4_142],
    [1, 7_000],
  ],
  prefillMsPerToken: 0.1,
  /** Utilisation of an agent: uniform; a queue changes wholly within this time; the depth was told 0.5 to 5 s ago. */
  utilisation: [0.15, 0.75],
  queueRelaxMs: 4_000,
  depthAgeMs: [500, 5_000],
  /** Share that is down at any time, and for how long; a heartbeat is missed after 5 to 10 s. */
  downShare: 0.01,
  downMs: 100_000,
  /** Standard deviation of what is left of the clock error; E is good only where its host's clock is. */
  clockMs: [0.3, 0.3, 0.3, 2, 1],
  /** A timer that fires at T fires late: exponential. */
  gateLateMs: 0.3,
  /** Not up at an operation: a coordinator, a lead. */
  coordinatorDown: 0.001,
  leadDown: 0.01,
  roundMs: 10_000,
} as const;

export interface Draw {
  forwardMs: number;
  waitMs: number;
  serviceMs: number;
}

const TABLE = 65_536;
const MASK = TABLE - 1;

export class Truth {
  readonly agents: number;
  readonly forwardMs: Float32Array;
  readonly reverseMs: Float32Array;
  readonly serviceMs: Float32Array;
  readonly depth: Uint8Array;
  readonly toldDepth: Uint8Array;
  readonly toldAgeMs: Float32Array;
  readonly downUntil: Float64Array;
  readonly downSince: Float64Array;
  now = 0;
  /** Of this round: the weight that classes A, B, C and E are told, and the prompt of class D. */
  weight = 0;
  tokens = 0;
  /** Timed messages overtake what waits and only let end what is in service. */
  priorityLane = true;
  readonly #classOf: Uint8Array;
  readonly #sectorOf: Int32Array;
  readonly #jitter: Float32Array;
  readonly #load: Float32Array;
  readonly #random: Random;
  readonly #normal: Float32Array;

  readonly #exp = new Float32Array(16_384); // e^x for x in -4..4
  #round = 0;

  constructor(topology: Topology, seed: string) {
    this.agents = topology.agents;
    this.#classOf = topology.classOf;
    this.#sectorOf = Int32Array.from({ length: this.agents }, (_, agent) => topology.sectorOf[topology.clusterOf[agent]!]!);
    this.#random = seededRandom(seed);
    this.#normal = Float32Array.from({ length: TABLE }, () => {
      const [u, v] = [this.#random.unit(), this.#random.unit()];
      return Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
    });
    for (let i = 0; i < this.#exp.length; i++) this.#exp[i] = Math.exp(i / 2_048 - 4);
    const column = (): Float32Array => new Float32Array(this.agents);
    [this.forwardMs, this.reverseMs, this.serviceMs, this.toldAgeMs, this.#jitter, this.#load] = [
      column(),
      column(),
      column(),
      column(),
      column(),
      column(),
    ];
    this.depth = new Uint8Array(this.agents);
    this.toldDepth = new Uint8Array(this.agents);
    this.downUntil = new Float64Array(this.agents).fill(-1);
    this.downSince = new Float64Array(this.agents).fill(-1);
    for (let agent = 0; agent < this.agents; agent++) {
      const c = this.#classOf[agent]!;
      if (c === HUMAN) continue;
      const [low, high] = TRUTH.roundTripMs[c]!;
      const trip = low + this.#random.unit() * (high - low);
      const share = Math.min(0.8, Math.max(0.2, 0.5 + TRUTH.forwardShareSpread * this.#gauss()));
      this.forwardMs[agent] = trip * share;
      this.reverseMs[agent] = trip * (1 - share);
      this.#jitter[agent] = TRUTH.jitterShare[c]! * this.#spread(TRUTH.jitterSpreadOfAgents);
      this.serviceMs[agent] = SEED_SERVICE_MS[c]! * this.#spread(TRUTH.serviceSpreadOfAgents);
      this.#load[agent] = TRUTH.utilisation[0] + this.#random.unit() * (TRUTH.utilisation[1] - TRUTH.utilisation[0]);
      this.depth[agent] = this.#depthDraw(agent);
      if (this.#random.chance(TRUTH.downShare)) this.#fall(agent, -this.#random.unit() * TRUTH.downMs);
    }
  }

  /** Ten seconds later: queues, routes, failures, a new payload. What is told of a queue is `depthAgeMs` old. */
  nextRound(): void {
    this.#round += 1;
    this.now = this.#round * TRUTH.roundMs;
    this.weight = TRUTH.weights[this.#random.below(TRUTH.weights.length)]!;
    this.tokens = this.#tokensDraw();
    const [young, old] = TRUTH.depthAgeMs;
    for (let agent = 0; agent < this.agents; agent++) {
      if (this.#classOf[agent] === HUMAN) continue;
      this.toldDepth[agent] = this.#depthDraw(agent);
      this.toldAgeMs[agent] = young + this.#random.unit() * (old - young);
      const isOther = !this.#random.chance(this.#expOf(-this.toldAgeMs[agent]! / TRUTH.queueRelaxMs));
      this.depth[agent] = isOther ? this.#depthDraw(agent) : this.toldDepth[agent]!;
      if (this.#random.chance(TRUTH.routeJumpShare)) this.forwardMs[agent]! *= 0.7 + 0.7 * this.#random.unit();
      if (this.downUntil[agent]! <= this.now && this.#random.chance((TRUTH.downShare * TRUTH.roundMs) / TRUTH.downMs))
        this.#fall(agent, this.now - this.#random.unit() * TRUTH.roundMs);
    }
  }

  isDown(agent: number): boolean {
    return this.downUntil[agent]! > this.now;
  }

  /** The leader has missed its heartbeat. */
  isKnownDown(agent: number): boolean {
    return this.isDown(agent) && this.now - this.downSince[agent]! > 7_500;
  }

  /** Payload units by class. */
  get units(): readonly number[] {
    return [this.weight, this.weight, this.weight, this.tokens, this.weight, 0];
  }

  /** One message to this agent with so many units. */
  draw(agent: number, units: number, into: Draw): void {
    const c = this.#classOf[agent]!;
    const slow = 1 + TRUTH.slowShare * Math.sin((this.#round / 200 + this.#sectorOf[agent]! / 100) * 2 * Math.PI);
    let forward = this.forwardMs[agent]! * slow;
    const scale = this.forwardMs[agent]! * this.#jitter[agent]!;
    forward += scale * Math.abs(this.#gauss());
    if (this.#random.chance(TRUTH.tailShare)) forward += scale * (1 - this.#random.unit()) ** (-1 / TRUTH.tailShape);
    if (this.#random.chance(TRUTH.redeliveredShare)) forward += TRUTH.redeliveredMs;
    const level = this.serviceMs[agent]!;
    const sigma = TRUTH.serviceSpread[c]!;
    let service =
      (level * (1 + TRUTH.weightSlope[c]! * (c === 3 ? 0 : units)) + (c === 3 ? units * TRUTH.prefillMsPerToken : 0)) *
      this.#spread(sigma);
    if (this.#random.chance(TRUTH.stragglerShare[c]!))
      service *= TRUTH.stragglerTimes[0] + this.#random.unit() * (TRUTH.stragglerTimes[1] - TRUTH.stragglerTimes[0]);
    if (this.#random.chance(TRUTH.coldShare[c]!)) service += TRUTH.coldMs[c]!;
    const depth = this.depth[agent]!;
    let wait = 0;
    if (depth > 0) wait = level * this.#random.unit() * this.#spread(sigma);
    if (!this.priorityLane) for (let i = 1; i < depth; i++) wait += level * this.#spread(sigma);
    into.forwardMs = forward;
    into.waitMs = wait;
    into.serviceMs = service;
  }

  /** A commit at T on the agent's own clock, as an error against true T. */
  gateErrorMs(agent: number): number {
    const late = -TRUTH.gateLateMs * Math.log(1 - this.#random.unit());
    return TRUTH.clockMs[this.#classOf[agent]!]! * this.#gauss() + late;
  }

  /** Something changed for a share of the agents: network and service by these factors from now on. */
  change(share: number, network: number, service: number): Uint8Array {
    const changed = new Uint8Array(this.agents);
    for (let agent = 0; agent < this.agents; agent++) {
      if (!this.#random.chance(share)) continue;
      changed[agent] = 1;
      this.forwardMs[agent]! *= network;
      this.serviceMs[agent]! *= service;
    }
    return changed;
  }

  chance(share: number): boolean {
    return this.#random.chance(share);
  }

  #fall(agent: number, since: number): void {
    this.downSince[agent] = since;
    this.downUntil[agent] = since - TRUTH.downMs * Math.log(1 - this.#random.unit());
  }

  #depthDraw(agent: number): number {
    const load = this.#load[agent]!;
    let depth = 0;
    while (depth < 60 && this.#random.chance(load)) depth += 1;
    return depth;
  }

  #tokensDraw(): number {
    const u = this.#random.unit();
    let i = 1;
    while (TRUTH.tokens[i]![0] < u) i += 1;
    const [[low, from], [high, to]] = [TRUTH.tokens[i - 1]!, TRUTH.tokens[i]!];
    return Math.round(from + ((u - low) / (high - low)) * (to - from));
  }

  #gauss(): number {
    return this.#normal[this.#random.uint32() & MASK]!;
  }

  #expOf(x: number): number {
    return this.#exp[Math.round((Math.max(-4, Math.min(3.999, x)) + 4) * 2_048)]!;
  }

  #spread(sigma: number): number {
    return this.#expOf(sigma * this.#normal[this.#random.uint32() & MASK]!);
  }
}
