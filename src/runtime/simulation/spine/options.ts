/**
 * What one run of the small fleet is: its size, its work and everything that goes wrong, all drawn from the seed. Rates are drawn
 * too, and each class of faults is often absent: a fixed mild rate finds some bugs an order of magnitude more slowly. What happens
 * at a moment (a cut, a crash, a clock that is set) is drawn first, as a list, so that a mask over it is enough to leave one out.
 * Nothing exceeds what the ports promise: two clocks differ by less than the accepted skew, and a cut ends.
 */
import { type Millis, type Random, seededRandom } from '../../../kernel/index.ts';
import { type Faults, NO_FAULTS } from '../faults.ts';

/** What can be left out of a run by name. */
export const FAULT_CLASSES = ['crash', 'disk', 'network', 'partition', 'clog', 'clock', 'activity', 'delay'] as const;
export type FaultClass = (typeof FAULT_CLASSES)[number];

export type Incident = { readonly at: Millis } & (
  | { readonly kind: 'partition'; readonly hosts: readonly number[]; readonly oneWay: boolean; readonly lasts: Millis }
  /** Links stop one after another and come back in another order. */
  | { readonly kind: 'clog'; readonly links: readonly (readonly [number, number])[]; readonly lasts: Millis }
  | { readonly kind: 'crash'; readonly host: number; readonly power: boolean }
  | { readonly kind: 'clock'; readonly host: number; readonly by: Millis }
);

/** What a caller may ask for; everything else the seed draws. */
export interface FleetRequest {
  readonly seed: string;
  readonly hosts?: number;
  readonly agents?: number;
  readonly storm?: Millis;
  readonly without?: readonly FaultClass[];
  /** Indexes of the incidents that happen; default: all. */
  readonly only?: readonly number[];
  /** Whether messages travel as signed frames of the real codec; default: one seed in a hundred. */
  readonly codec?: boolean;
}

export interface FleetOptions {
  readonly seed: string;
  readonly hosts: number;
  readonly agents: number;
  readonly storm: Millis;
  readonly without: readonly FaultClass[];
  readonly only: readonly number[] | null;
  readonly codec: boolean;
  readonly tasks: number;
  readonly adds: number;
  /** Operations of each caller on registers, and writes to each cell of the board. */
  readonly operations: number;
  readonly writes: number;
  readonly entries: number;
  readonly lease: Millis;
  readonly beatEvery: Millis;
  /** Longest time that an agent needs; more than a lease lasts, sometimes. */
  readonly workMax: Millis;
  readonly riskyShare: number;
  /** From the first on the policy denies what is risky, from the second on it allows it again. */
  readonly denied: readonly [Millis, Millis];
  readonly clocks: readonly { readonly offset: Millis; readonly ppm: number }[];
  readonly faults: Faults;
  readonly incidents: readonly Incident[];
}

export const HOSTS_MAX = 32;
export const AGENTS_MAX = 100_000; // rows; beyond it a heartbeat takes longer than an input may
const STORM: Millis = 25_000; // the rest of 40 s is for quiet
const CLOCK_OFF_MAX: Millis = 450; // twice that on each side of a pair stays below the accepted skew of 2 s

export function drawFleet(request: FleetRequest): FleetOptions {
  const random = seededRandom(request.seed).stream('fleet');
  const size = random.stream('size');
  const hosts = request.hosts ?? 3 + size.below(6);
  const agents = request.agents ?? 300;
  const storm = request.storm ?? STORM;
  const without = request.without ?? [];
  const work = random.stream('work');
  const oneOf = <T>(from: Random, ...choices: readonly T[]): T => choices[from.below(choices.length)]!;
  // Work follows the length of the storm and the size of the fleet, so that a shorter run is a smaller one.
  const scale = (storm / STORM) * Math.min(1, agents / 300);
  const count = (least: number, most: number): number => Math.max(1, Math.round((least + work.below(most - least + 1)) * scale));
  const denyFrom = work.below(storm * 2);
  return {
    seed: request.seed,
    hosts,
    agents,
    storm,
    without,
    only: request.only ?? null,
    codec: request.codec ?? random.stream('codec').below(100) === 0,
    tasks: count(15, 50),
    adds: count(8, 20),
    operations: count(5, 15),
    writes: count(3, 10),
    entries: count(5, 15),
    lease: oneOf(work, 2000, 3000, 6000),
    beatEvery: oneOf(work, 2000, 5000, 5000),
    workMax: oneOf(work, 300, 1500, 1500, 5000),
    riskyShare: oneOf(work, 0, 0.1, 0.5),
    denied: [denyFrom, denyFrom + work.below(storm * 2)],
    clocks: drawClocks(random.stream('clocks'), hosts, without),
    faults: drawRates(random.stream('rates'), without),
    incidents: drawIncidents(random.stream('incidents'), hosts, storm).map((incident, index) =>
      without.includes(incident.kind) || request.only?.includes(index) === false ? { ...incident, at: -1 } : incident,
    ),
  };
}

function drawClocks(random: Random, hosts: number, without: readonly FaultClass[]): FleetOptions['clocks'] {
  const spread = [0, 50, CLOCK_OFF_MAX, CLOCK_OFF_MAX][random.below(4)]!;
  return Array.from({ length: hosts }, () => {
    const [offset, ppm] = [random.below(2 * spread + 1) - spread, random.below(201) - 100];
    return without.includes('clock') ? { offset: 0, ppm: 0 } : { offset, ppm };
  });
}

function drawRates(random: Random, without: readonly FaultClass[]): Faults {
  const upTo = (...choices: readonly number[]): number => choices[random.below(choices.length)]!;
  const share = (): number => upTo(0, 0, 0.001, 0.01, 0.03, 0.1);
  const drawn: Readonly<Record<string, Partial<Faults>>> = {
    crash: { crash: upTo(0, 0, 0.0001, 0.0003, 0.001, 0.003), crashesMax: upTo(3, 10, 30) },
    disk: { commitFailed: upTo(0, 0, 0.001, 0.003), torn: upTo(0, 0.5, 1), flip: upTo(0, 0, 0.1, 0.5) },
    network: { drop: share(), duplicate: share(), reorder: share(), damage: share() / 3 },
    activity: { activityFailed: share(), orphanStep: upTo(0, 0.5, 0.9), orphansOutliveRestart: random.chance(0.3) },
    delay: {
      commitDelayMax: upTo(1, 5, 20, 100),
      messageDelayMax: upTo(1, 5, 50, 300),
      resultDelayMax: upTo(1, 20, 1000),
      restartDelayMax: upTo(100, 1000, 5000),
      wakeDelayMax: upTo(0, 5, 50),
      turnDelayMax: upTo(0, 0, 1, 10),
    },
  };
  const faults = { ...NO_FAULTS };
  for (const [name, rates] of Object.entries(drawn)) if (!without.includes(name as FaultClass)) Object.assign(faults, rates);
  return faults;
}

function drawIncidents(random: Random, hosts: number, storm: Millis): readonly Incident[] {
  const many = [0, 3, 8, 20][random.below(4)]!;
  return Array.from({ length: many }, (): Incident => {
    const at = random.below(storm);
    const host = random.below(hosts);
    const lasts = 100 + random.below(5000);
    switch (random.below(4)) {
      case 0: {
        const side = Array.from({ length: hosts }, (_, index) => index).filter((index) => index === host || random.chance(0.3));
        return { at, kind: 'partition', hosts: side, oneWay: random.chance(0.3), lasts };
      }
      case 1: {
        const links = Array.from({ length: 1 + random.below(6) }, () => [random.below(hosts), random.below(hosts)] as const);
        return { at, kind: 'clog', links, lasts };
      }
      case 2:
        return { at, kind: 'crash', host, power: random.chance(0.5) };
      default:
        return { at, kind: 'clock', host, by: random.below(CLOCK_OFF_MAX) - CLOCK_OFF_MAX / 2 };
    }
  });
}
