/**
 * Arrival: when to tell whom, so that everybody who was invited is ready at T. Pure: it returns a plan, the runtime sends.
 * An agent PREPAREs as soon as it hears and COMMITs at T on its own clock, so the lead needs to be long enough and not exact.
 * Owns the choice of T, the send buckets and what happens to an agent that does not fit; nobody is dropped from the count.
 *
 *   now ──── send ──── lead ────▶ prepared ┄┄ parked ┄┄▶ T commit          told in time
 *   now ──── send ── lead ──✗  hedge ── standby's lead ──▶ T commit      its standby commits for it
 *   now ─ send ─────────────── lead ─────────────── T ──▶ own T        late-join: told at once, not ready at T
 */
import { assert } from '../kernel/index.ts';
import { type Need, type NoMatch, QuantileSketch } from '../structures/index.ts';
import { CLASSES, HUMAN } from './classes.ts';
import type { Estimator } from './estimator.ts';
import { ACTIVE, OFFLINE, type Registry } from './registry.ts';

const SKETCH_ERROR = 1.032; // of a lead sketch: rounded up, nobody is left out by it
const BUCKET_MS = 1; // with 10 ms a send is early by 5 ms for nothing
/** A T further away belongs to a calendar: leads of now say nothing about then, and 10 minutes of buckets are 2.4 MB. */
export const HORIZON_MS = 600_000;
/** The latest send is this long before the standby must start, so that PREPARED can come back. */
const PREPARED_GRACE_MS = 20;

/** A third slot would wait for two others. */
const STANDBY_FOR_MAX = 2;

/** What becomes of an invited agent. */
export const SEND = 0;
export const SUBSTITUTED = 1;
export const LATE_JOIN = 2;
export const ABSTAIN = 3;

export type HoldPolicy = 'park' | 'just-in-time';
/** `park`: told at once, costs the receiver nothing to wait. A GPU slot is worth something: told as late as its lead allows. */
export const HOLD_POLICY: readonly HoldPolicy[] = ['park', 'park', 'park', 'just-in-time', 'park', 'park'];

export interface ArrivalRequest {
  readonly now: number;
  /** T in host ms, or the share of agents that must fit and T is the first time at which they do. */
  readonly target: number | { readonly share: number };
  /** Half of the window around T in which a commit counts, ms. */
  readonly windowMs: number;
  /** By class: payload units and the quantile of the lead. */
  readonly units: readonly number[];
  readonly tau: readonly number[];
  /** Dense ids, or everybody but people. A person is asked before T is set and does not belong to an operation of ms. */
  readonly invited?: Uint32Array;
  readonly needs?: readonly Need[];
  readonly policy?: readonly HoldPolicy[];
  readonly hedge?: boolean;
  /** How long a message takes from the root to the leads. */
  readonly treeMs?: number;
}

export interface ArrivalPlan {
  readonly now: number;
  readonly target: number;
  readonly windowMs: number;
  /** The slots, one for each invited agent; all columns are by slot. */
  readonly invited: Uint32Array;
  readonly fate: Uint8Array;
  readonly leadMs: Float32Array;
  /** From `now` on, ms. */
  readonly sendInMs: Float32Array;
  /** Stands by or was put in its place; -1: nobody. */
  readonly standby: Int32Array;
  /** When the standby is told unless the slot is prepared, from `now` on; Infinity: never. */
  readonly hedgeInMs: Float32Array;
  /** Slots in the order of sending, those that are sent. */
  readonly order: Uint32Array;
  /** By fate. */
  readonly counts: Uint32Array;
}

export type Planned =
  | { readonly ok: true; readonly plan: ArrivalPlan }
  | { readonly ok: false; readonly reason: 'target-in-the-past'; readonly lateMs: number }
  | { readonly ok: false; readonly reason: 'target-too-far'; readonly horizonMs: number }
  | { readonly ok: false; readonly reason: 'nobody-invited' | 'nobody-healthy' }
  | { readonly ok: false; readonly reason: 'nobody-capable'; readonly lacking: NoMatch }
  /** Nobody fits; `earliest` is the first T at which the quantile `share` of the leads does. */
  | { readonly ok: false; readonly reason: 'target-too-soon'; readonly earliest: number; readonly share: number };

/** Leads in ms up to 17 minutes, within 3.2 %. Mergeable: a cluster's has at most as many entries as agents. */
export function leadSketch(): QuantileSketch {
  return new QuantileSketch(4, 20);
}

/** What a leader says upward of its cluster: the leads of those who are up, as of the last refresh. */
export function clusterSketch({ topology, state, impedanceMs }: Registry, cluster: number): QuantileSketch {
  const sketch = leadSketch();
  for (const agent of topology.members(cluster))
    if (state[agent]! < OFFLINE && topology.classOf[agent] !== HUMAN) sketch.add(Math.ceil(impedanceMs[agent]!));
  return sketch;
}

/** Of the leads in a merged sketch, the x at which so large a share is ready if T = now + x. null without leads. */
export function feasibleMs(sketch: QuantileSketch, share: number): number | null {
  return sketch.quantile(Math.round(share * 1_000_000));
}

/** The share that is ready if T = now + x: the feasible-T curve, read the other way. */
export function feasibleShare(sketch: QuantileSketch, leadMs: number): number {
  let [low, high] = [0, 1_000_000];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (sketch.quantile(middle)! <= leadMs) low = middle;
    else high = middle - 1;
  }
  return low / 1_000_000;
}

export function planArrival(estimator: Estimator, request: ArrivalRequest): Planned {
  const { registry } = estimator;
  const { now, treeMs = 0, units, tau, hedge = true, policy = HOLD_POLICY } = request;
  assert(units.length === CLASSES.length && tau.length === CLASSES.length, `payload and tau of ${CLASSES.length} classes`);
  const { target } = request;
  if (typeof target === 'number' && !(target > now)) return { ok: false, reason: 'target-in-the-past', lateMs: now - target };
  if (typeof target === 'number' && target - now > HORIZON_MS)
    return { ok: false, reason: 'target-too-far', horizonMs: HORIZON_MS };

  const invited = invitedOf(estimator, request);
  if (invited.length === 0 && request.needs !== undefined && request.invited === undefined)
    return { ok: false, reason: 'nobody-capable', lacking: registry.lacking(request.needs) };
  if (invited.length === 0) return { ok: false, reason: 'nobody-invited' };

  // First the leads, then T, then everybody's fate. Hot: loops over columns, nothing is made for an agent.
  const slots = invited.length;
  const { state, reverseMs, topology } = registry;
  const { classOf } = topology;
  const leadMs = new Float32Array(slots);
  estimator.leadsInto(leadMs, invited, now, units, tau);
  if (!invited.some((agent) => state[agent]! < OFFLINE)) return { ok: false, reason: 'nobody-healthy' };

  // A slot with a standby must be told early enough that the standby can still be told when it stays silent.
  const standby = new Int32Array(slots).fill(-1);
  const hedgeInMs = new Float32Array(hedge ? slots : 0).fill(Infinity);
  const standbyMs = new Float32Array(hedge ? slots : 0);
  const chainMs = hedge ? new Float32Array(slots) : leadMs;
  if (hedge) {
    standbysInto(standby, invited, estimator);
    const others = new Uint32Array(slots);
    for (let slot = 0; slot < slots; slot++) others[slot] = standby[slot] === -1 ? invited[slot]! : standby[slot]!;
    estimator.leadsInto(standbyMs, others, now, units, tau.map(hedgeTau));
    for (let slot = 0; slot < slots; slot++) {
      const agent = invited[slot]!;
      if (standby[slot] === -1) chainMs[slot] = leadMs[slot]!;
      else if (state[agent]! >= OFFLINE) chainMs[slot] = leadMs[slot] = standbyMs[slot]!;
      else chainMs[slot] = leadMs[slot]! + reverseMs[agent]! + PREPARED_GRACE_MS + standbyMs[slot]!;
    }
  }

  let at: number;
  if (typeof target === 'number') at = target;
  else {
    const sketch = leadSketch();
    for (let slot = 0; slot < slots; slot++)
      if (state[invited[slot]!]! < OFFLINE || standby[slot] !== -1) sketch.add(Math.ceil(chainMs[slot]!));
    at = Math.ceil(now + treeMs + feasibleMs(sketch, target.share)! * SKETCH_ERROR);
    if (at - now > HORIZON_MS) return { ok: false, reason: 'target-too-far', horizonMs: HORIZON_MS };
  }

  const fate = new Uint8Array(slots);
  const sendInMs = new Float32Array(slots);
  const counts = new Uint32Array(4);
  const untilT = at - now;
  const buckets = new Uint32Array(Math.ceil(untilT / BUCKET_MS) + 2);
  const parks = Uint8Array.from(policy, (each) => (each === 'park' ? 1 : 0));
  for (let slot = 0; slot < slots; slot++) {
    const agent = invited[slot]!;
    const isDown = state[agent]! >= OFFLINE;
    const hasStandby = hedge && standby[slot] !== -1;
    const lead = leadMs[slot]!;
    const isLate = treeMs + lead > untilT;
    const becomes = isDown && !hasStandby ? ABSTAIN : isLate ? LATE_JOIN : isDown ? SUBSTITUTED : SEND;
    fate[slot] = becomes;
    counts[becomes]! += 1;
    if (becomes === ABSTAIN) continue;
    const canHedge = hasStandby && becomes === SEND;
    let send = treeMs;
    if (!isLate && parks[classOf[agent]!] === 0) send = Math.max(treeMs, untilT - (canHedge ? chainMs[slot]! : lead));
    sendInMs[slot] = send;
    // Without the time for both the standby cannot wait for the verdict on the first: then there is none.
    if (canHedge && treeMs + chainMs[slot]! <= untilT) hedgeInMs[slot] = untilT - standbyMs[slot]!;
    buckets[Math.floor(sendInMs[slot]! / BUCKET_MS)]! += 1;
  }
  if (counts[SEND] === 0 && counts[SUBSTITUTED] === 0) {
    const sketch = leadSketch();
    for (let slot = 0; slot < slots; slot++) if (fate[slot] === LATE_JOIN) sketch.add(Math.ceil(leadMs[slot]!));
    return {
      ok: false,
      reason: 'target-too-soon',
      earliest: Math.ceil(now + treeMs + feasibleMs(sketch, 0.95)! * SKETCH_ERROR),
      share: 0.95,
    };
  }
  const order = sorted(sendInMs, fate, buckets, slots - counts[ABSTAIN]!);
  const { windowMs } = request;
  return { ok: true, plan: { now, target: at, windowMs, invited, fate, leadMs, sendInMs, standby, hedgeInMs, order, counts } };
}

/** T for everybody but a late joiner: that one commits when it can, and its slot counts as not ready. */
export function ownTarget(plan: ArrivalPlan, slot: number): number {
  return plan.fate[slot] === LATE_JOIN ? plan.now + plan.sendInMs[slot]! + plan.leadMs[slot]! : plan.target;
}

/** Who commits when the slot and its standby are both prepared: the same answer everywhere, and no load on one side only. */
export function winnerOf(operation: string, slot: number, agent: number, standby: number): number {
  let hash = slot ^ 0x9e3779b9;
  for (let i = 0; i < operation.length; i++) hash = Math.imul(hash ^ operation.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 15)) & 1) === 0 ? agent : standby;
}

/** A standby runs only when the first is late, so its own lateness is a product of two small shares: a lower quantile will do. */
function hedgeTau(tau: number): number {
  return Math.min(tau, 0.95);
}

function invitedOf({ registry }: Estimator, { invited, needs }: ArrivalRequest): Uint32Array {
  if (invited !== undefined) {
    const known = new Uint8Array(registry.size);
    return invited.filter((agent) => {
      if (agent >= registry.size) assert(false, `agent ${agent} of ${registry.size} was invited`);
      return known[agent] === 1 ? false : (known[agent] = 1) === 1;
    });
  }
  const { classOf } = registry.topology;
  if (needs !== undefined) return Uint32Array.from(registry.capable(needs).filter((agent) => classOf[agent] !== HUMAN));
  const everybody = new Uint32Array(registry.size);
  let count = 0;
  for (let agent = 0; agent < registry.size; agent++) if (classOf[agent] !== HUMAN) everybody[count++] = agent;
  return everybody.subarray(0, count);
}

/** Each healthy agent stands by for one slot, or for two where others are down: many late slots at once do not fall on one. */
function standbysInto(standby: Int32Array, invited: Uint32Array, { registry }: Estimator): void {
  const { state, topology } = registry;
  const taken = new Uint8Array(registry.size);
  const isFree = (agent: number): boolean => taken[agent] === 0 && state[agent] === ACTIVE;
  const isHalfFree = (agent: number): boolean => taken[agent]! < STANDBY_FOR_MAX && state[agent] === ACTIVE;
  for (let slot = 0; slot < invited.length; slot++) {
    let other = topology.standbyOf(invited[slot]!, isFree);
    if (other === -1) other = topology.standbyOf(invited[slot]!, isHalfFree);
    if (other === -1) continue;
    taken[other]! += 1;
    standby[slot] = other;
  }
}

/** Counting sort into 1 ms buckets: slots of one bucket stay in their order. */
function sorted(sendInMs: Float32Array, fate: Uint8Array, buckets: Uint32Array, sent: number): Uint32Array {
  let before = 0;
  for (let bucket = 0; bucket < buckets.length; bucket++) {
    const count = buckets[bucket]!;
    buckets[bucket] = before;
    before += count;
  }
  const order = new Uint32Array(sent);
  for (let slot = 0; slot < sendInMs.length; slot++)
    if (fate[slot] !== ABSTAIN) order[buckets[Math.floor(sendInMs[slot]! / BUCKET_MS)]!++] = slot;
  return order;
}
