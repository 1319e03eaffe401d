/**
 * What virtual time costs: the timeline alone; a fleet of real rooms on real hosts; the small fleet seed by seed, scaled to 10,000; and
 * one simulated hour of 30,000 agents, rows of 30 hosts, each with a heartbeat every five seconds that its host sends for all of them.
 * An event is a step of a host that enters the run's hash: a message sent, a message taken in, a turn, a wake-up, a batch made, issued and
 * durable, an effect started and its outcome. What agents do as rows of their host is named beside it and is no event. All in CPU time of
 * this process. Baselines: of the timeline a binary heap of objects ordered by time and insertion; of the fleets that heap too, with a
 * call for each event and nothing behind it, which is what a plain simulator reaches before it simulates anything.
 */
import { NO_FAULTS, Simulation, spine, Timeline } from '../src/runtime/simulation/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 5;
const EVENTS = 2_000_000; // of each round
const AT_ONCE = 2000; // pending events, about what a fleet of 300 agents has
const SEEDS = 300;
const SCALED_TO = 10_000;
const AGENTS = 30_000;
const HOSTS = 30;
const HOUR = 3_600_000;

function cpuSeconds(run: () => void): number {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Queue {
  readonly now: number;
  post(time: number, run: () => void, argument: undefined): void;
  step(until: number): boolean;
}

/** The plain way. */
class Heap implements Queue {
  now = 0;
  readonly #items: { time: number; order: number; run: () => void }[] = [];
  #order = 0;

  post(time: number, run: () => void): void {
    const items = this.#items;
    let at = items.push({ time, order: (this.#order += 1), run }) - 1;
    while (at > 0 && this.#before(at, (at - 1) >> 1)) at = this.#swap(at, (at - 1) >> 1);
  }

  step(): boolean {
    const items = this.#items;
    const first = items[0];
    if (first === undefined) return false;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      for (let at = 0; ;) {
        let least = at;
        if (2 * at + 1 < items.length && this.#before(2 * at + 1, least)) least = 2 * at + 1;
        if (2 * at + 2 < items.length && this.#before(2 * at + 2, least)) least = 2 * at + 2;
        if (least === at) break;
        at = this.#swap(at, least);
      }
    }
    this.now = first.time;
    first.run();
    return true;
  }

  #before(a: number, b: number): boolean {
    const [left, right] = [this.#items[a]!, this.#items[b]!];
    return left.time < right.time || (left.time === right.time && left.order < right.order);
  }

  #swap(a: number, b: number): number {
    [this.#items[a], this.#items[b]] = [this.#items[b]!, this.#items[a]!];
    return b;
  }
}

/** Events per CPU-second: each one schedules another up to three seconds later. */
function eventsPerSecond(queue: Queue): number {
  let state = 12345;
  const again = (): void => {
    state = Math.imul(state, 1664525) + 1013904223;
    queue.post(queue.now + ((state >>> 20) % 3000), again, undefined);
  };
  for (let n = 0; n < AT_ONCE; n++) queue.post(n, again, undefined);
  const seconds = cpuSeconds(() => {
    for (let n = 0; n < EVENTS; n++) queue.step(Number.MAX_SAFE_INTEGER);
  });
  return EVENTS / seconds;
}

/** A small fleet with so much to do that turns are full. */
function busy(round: number): { events: number; seconds: number } {
  const drawn = spine.drawFleet({ seed: `busy ${round}`, without: spine.FAULT_CLASSES, hosts: 6, agents: 3000 });
  let events = 0;
  const seconds = cpuSeconds(() => {
    events = spine.runFleet({ ...drawn, tasks: 6000, adds: 6000, riskyShare: 0 }).events;
  });
  return { events, seconds };
}

/** One hour without faults or work: heartbeats and what hosts do anyway. */
function hour(): { beats: number; events: number; seconds: number } {
  const drawn = spine.drawFleet({ seed: 'hour', hosts: HOSTS, agents: AGENTS, without: spine.FAULT_CLASSES });
  const nothing = { tasks: 0, adds: 0, operations: 0, writes: 0, entries: 1 };
  const simulation = new Simulation({ seed: 'hour', faults: NO_FAULTS });
  let beats = 0;
  const seconds = cpuSeconds(() => {
    const world = new spine.FleetWorld(simulation, { ...drawn, ...nothing, beatEvery: 5000 });
    while (simulation.timeline.step(HOUR));
    beats = world.beats();
  });
  return { beats, events: simulation.events, seconds };
}

export default function bench(): readonly Row[] {
  const rounds = Array.from({ length: ROUNDS }, () => [eventsPerSecond(new Heap()), eventsPerSecond(new Timeline())] as const);
  const heap = median(rounds.map(([plain]) => plain));
  const ours = rounds.map(([, ring]) => ring);

  busy(-1);
  const full = Array.from({ length: ROUNDS }, (_, round) => busy(round));
  const rates = full.map(({ events, seconds }) => events / seconds);

  const seeds = Array.from({ length: SEEDS }, (_, seed) => {
    const options = spine.drawFleet({ seed: String(seed) });
    let events = 0;
    const seconds = cpuSeconds(() => (events = spine.runFleet(options).events));
    return { events, seconds };
  });
  const total = seeds.reduce((sum, { seconds }) => sum + seconds, 0);
  const events = seeds.reduce((sum, each) => sum + each.events, 0);
  const each = seeds.map(({ seconds }) => seconds * 1000);

  const idle = hour();
  const steps = idle.events / idle.seconds;
  const expected = (AGENTS * HOUR) / 5000;
  return [
    {
      claim: 'events on the timeline alone; baseline a heap of objects',
      target: '>= 5000000 events per CPU-second',
      ours: median(ours),
      unit: 'events/CPU-s',
      baseline: heap,
      ratio: median(ours) / heap,
      p50: median(ours),
      p99: quantile(ours, 0.01),
      met: median(ours) >= 5_000_000,
    },
    {
      claim: 'steps of 30 real hosts with real rooms in that hour: heartbeats of hosts, and what hosts do anyway',
      target: '>= 1000000 events per CPU-second',
      ours: steps,
      unit: 'events/CPU-s',
      baseline: heap,
      ratio: steps / heap,
      p50: steps,
      p99: steps,
      met: steps >= 1_000_000,
    },
    {
      claim: 'the same where every message is durable work: six hosts, 6,000 tasks and 6,000 counts in 25 s',
      target: '>= 1000000 events per CPU-second',
      ours: median(rates),
      unit: 'events/CPU-s',
      baseline: heap,
      ratio: median(rates) / heap,
      p50: median(rates),
      p99: quantile(rates, 0.01),
      met: median(rates) >= 1_000_000,
    },
    {
      claim: `${SCALED_TO} seeds of the small fleet, scaled from ${SEEDS}, ${Math.round(events / total)} events per CPU-second`,
      target: '<= 600 CPU-seconds',
      ours: (total / SEEDS) * SCALED_TO,
      unit: 'CPU-s',
      p50: (median(each) * SCALED_TO) / 1000,
      p99: (quantile(each, 0.99) * SCALED_TO) / 1000,
      cpuSeconds: total,
      met: (total / SEEDS) * SCALED_TO <= 600,
    },
    {
      claim: `one simulated hour of ${AGENTS} agents on ${HOSTS} hosts, ${idle.beats} heartbeats, ${idle.events} events`,
      target: '<= 30 CPU-seconds',
      ours: idle.seconds,
      unit: 'CPU-s',
      p50: idle.seconds,
      p99: idle.seconds,
      cpuSeconds: idle.seconds,
      met: idle.seconds <= 30 && idle.beats >= expected * 0.99,
    },
  ];
}
