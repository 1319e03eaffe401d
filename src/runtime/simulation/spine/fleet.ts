/**
 * The small fleet: real rooms on real hosts, agents as rows, callers outside, and a world that is changed under fencing tokens. It
 * puts them on virtual time, brings about what the seed drew, and judges at the end.
 *
 *   callers ─▶ desks ─grant▶ crews ─activity▶ cells of the world        boards ◀─▶ boards        counters ─stream▶ counters
 */
import type { Millis, Random } from '../../../kernel/index.ts';
import type { Outcome, Permit, RecordWrite, Room } from '../../../ports/index.ts';
import type { Crypto } from '../../../protocol/index.ts';
import type { ActivityScene, ActivityStep, SimActivity } from '../activities.ts';
import { Oscillator } from '../clock.ts';
import { codecWire } from '../codec-wire.ts';
import { simCrypto } from '../crypto.ts';
import { SimHost, type SimPorts } from '../host.ts';
import { SimNetwork } from '../network.ts';
import { type Scenario, simulate, type Simulation, type SimulationResult } from '../simulation.ts';
import { Board } from './board.ts';
import { FLEET_CONTRACTS } from './contracts.ts';
import { Callers } from './callers.ts';
import { Counters, type CountersView } from './counters.ts';
import { APPLY, type ApplyPayload, type ApplyResult, Crew } from './crew.ts';
import { Desk, type FleetShape, type TaskRecord } from './desk.ts';
import type { FleetOptions, Incident } from './options.ts';
import { type Report, watchPorts, watchRoom } from './watch.ts';

/** Where a test may put a planted bug; nothing of it is ever set elsewhere. */
export interface FleetPlant {
  /** Inside its checks: the room is wrong. */
  room?(room: Room, host: number): Room;
  /** Outside its checks: the host is wrong about it. */
  around?(room: Room, host: number): Room;
  tamper?(ports: SimPorts, simulation: Simulation): SimPorts;
  permit?(permit: Permit): Permit;
  admits?(admits: Admits): Admits;
  /** What the disks really survive, whatever they promise. */
  readonly survives?: 'process-kill';
}

/** The resource's own check: an older fence than it has seen for that task is turned away. */
export type Admits = (task: string, fence: number) => boolean;

/** Longer than leases, retries and the longest way of a lost entry. */
const QUIET: Millis = 120_000;
const AFTERGLOW: Millis = 3000;
const LOOK_EVERY: Millis = 500;
const OPERATOR_EVERY: Millis = 3000;
const RETRIES_MAX = 3;
const IDEMPOTENCY_KEYS_MIN = 1024; // every message of a small fleet; a host makes the table anew at every start

export function runFleet(
  options: FleetOptions,
  plant: FleetPlant = {},
  more: { trace?: boolean; crypto?: Crypto } = {},
): SimulationResult {
  const { seed, storm, faults } = options;
  return simulate(
    { seed, storm, faults, quiet: QUIET, afterglow: AFTERGLOW, eventsMax: 4_000_000, trace: more.trace === true },
    (simulation) => new FleetWorld(simulation, options, plant, more.crypto),
  );
}

interface Rooms {
  readonly desk: Desk;
  readonly crew: Crew;
  readonly board: Board;
  readonly counters: Counters;
}

export class FleetWorld implements Scenario {
  readonly simulation: Simulation;
  readonly hosts: readonly SimHost[];
  readonly callers: Callers;
  readonly #options: FleetOptions;
  readonly #addresses: readonly string[];
  readonly #network: SimNetwork;
  readonly #oscillators: readonly Oscillator[];
  readonly #rooms: Rooms[] = [];
  readonly #admits: Admits;
  /** By task: the newest fence that asked, and the one it was last changed under. */
  readonly #asked = new Map<string, number>();
  readonly #changed = new Map<string, number>();
  readonly #tasks = new Map<string, TaskRecord>();
  readonly #retries = new Map<string, number>();
  readonly #open = new Set<string>();
  readonly #report: Report = (checker, detail) => this.simulation.violation(checker, detail);
  #settled = false;

  constructor(simulation: Simulation, options: FleetOptions, plant: FleetPlant = {}, crypto: Crypto = simCrypto) {
    this.simulation = simulation;
    this.#options = options;
    const { timeline } = simulation;
    const names = Array.from({ length: options.hosts }, (_, n) => n.toString(16).padStart(12, '0'));
    this.#addresses = names.map((name) => `host:fleet/${name}`);
    this.#network = new SimNetwork({
      timeline,
      random: simulation.random.stream('network'),
      faults: () => simulation.faults,
      ...(options.codec ? { wire: codecWire(crypto, FLEET_CONTRACTS) } : {}),
      onLost: (why, from, to) => simulation.record('lost', why, from, to),
    });
    const admits: Admits = (task, fence) => fence >= (this.#asked.get(task) ?? 0);
    this.#admits = plant.admits?.(admits) ?? admits;
    this.#oscillators = options.clocks.map(({ offset, ppm }) => new Oscillator(timeline, offset, ppm));
    this.callers = new Callers(simulation, options, this.#network, this.#addresses, this.#report);
    const table = new Map<string, SimActivity>([[APPLY, { orphan: true, run: (payload, scene) => this.#work(payload, scene) }]]);
    const permit: Permit = ({ payload }) =>
      this.#denies(payload as ApplyPayload) ? { reason: 'denied', detail: 'the policy denies risky tasks now' } : null;
    this.hosts = names.map(
      (host, me) =>
        new SimHost({
          simulation,
          realm: 'fleet',
          host,
          rooms: this.#roomsOf(me, plant),
          table,
          permit: plant.permit?.(permit) ?? permit,
          survives: plant.survives ?? 'os-crash',
          idempotencyKeysMax: Math.max(IDEMPOTENCY_KEYS_MIN, 8 * (options.tasks + options.adds)),
          oscillator: this.#oscillators[me]!,
          bus: this.#network.port(this.#addresses[me]!),
          onCommitted: (writes) => this.#onCommitted(writes),
          onAcknowledged: (envelope) => this.callers.onAcknowledged(envelope),
          tamper: (ports) => {
            const watched = watchPorts(ports, this.hosts[me]!.store, (payload) => this.#denies(payload), this.#report);
            return plant.tamper?.(watched, simulation) ?? watched;
          },
        }),
    );
    for (const host of this.hosts) host.start();
    for (const [index, incident] of options.incidents.entries())
      if (incident.at >= 0) timeline.at(incident.at, () => this.#bringAbout(incident, index));
    timeline.after(OPERATOR_EVERY, () => this.#operator());
    timeline.after(LOOK_EVERY, () => this.#look());
  }

  calm(): void {
    this.#network.heal();
    for (const host of this.hosts) host.start();
  }

  settled(): boolean {
    return this.#settled;
  }

  end(): void {
    const { submitted, acknowledged, added } = this.callers;
    for (const task of submitted) {
      const known = this.#tasks.get(task);
      if (acknowledged.has(task) && this.#onDisk(task) === null) this.#report('acknowledged', `${task} is on no disk`);
      else if (acknowledged.has(task) && !this.#over(known)) this.#report('liveness', `${task} is ${known?.state ?? 'unknown'}`);
    }
    const views = this.#rooms.map(({ counters }) => counters.query());
    for (const [key, times] of added) {
      const tally = views[0]!.tallies.get(key) ?? 0;
      if (tally !== times) this.#report('twice', `${key} was counted ${tally} times, not ${times}`);
    }
    for (const [n, { taken }] of views.entries()) {
      const from = (n + views.length - 1) % views.length;
      if (taken.get(from) !== this.#options.entries)
        this.#report('liveness', `host ${n} has ${taken.get(from) ?? 0} entries of ${from}`);
    }
    const boards = this.#boards();
    if (new Set(boards).size > 1) this.#report('converged', `the boards differ: ${boards.join(' | ')}`);
    this.callers.end(new Map(this.#rooms[0]!.board.query().map(({ key, value }) => [key, value])));
  }

  /** Heartbeats of all agents in the present lives of their hosts. */
  beats(): number {
    return this.#rooms.reduce((sum, { crew }) => sum + crew.query(), 0);
  }

  counters(): readonly CountersView[] {
    return this.#rooms.map(({ counters }) => counters.query());
  }

  #roomsOf(me: number, plant: FleetPlant): readonly (() => Room)[] {
    const { hosts, agents, lease, beatEvery, entries } = this.#options;
    const shape: FleetShape = { hosts: this.#addresses, me, lease, beatEvery };
    const rows = Math.floor(agents / hosts) + (me < agents % hosts ? 1 : 0);
    const make = (): Rooms => ({
      desk: new Desk(shape),
      crew: new Crew(shape, rows),
      board: new Board(shape),
      counters: new Counters(shape, entries),
    });
    this.#rooms[me] = make();
    const watched = (room: Room): Room => {
      const inner = watchRoom(plant.room?.(room, me) ?? room, () => this.#oscillators[me]!.now(), this.#report);
      return plant.around?.(inner, me) ?? inner;
    };
    // A host makes all its rooms anew at each load, in this order.
    return [
      () => {
        this.#rooms[me] = make();
        return watched(this.#rooms[me].desk);
      },
      () => watched(this.#rooms[me]!.crew),
      () => watched(this.#rooms[me]!.board),
      () => watched(this.#rooms[me]!.counters),
    ];
  }

  *#work({ task, cell, fence }: ApplyPayload, { random }: ActivityScene): Generator<ActivityStep, Outcome<ApplyResult>, void> {
    yield { at: 'begun', wait: 20 + random.below(this.#options.workMax) };
    const done = this.#change(task, cell, fence);
    yield { at: 'applied', wait: 1 + random.below(50) };
    if (!done) return { status: 'failed', retryable: false, detail: `${task} has a newer fence than ${fence}` };
    return { status: 'done', value: { fence } };
  }

  #change(task: string, cell: number, fence: number): boolean {
    this.simulation.record('change', task, cell, fence);
    if (!this.#admits(task, fence)) return false;
    this.#asked.set(task, Math.max(fence, this.#asked.get(task) ?? 0));
    const before = this.#changed.get(task) ?? 0;
    if (fence < before) this.#report('stale-fence', `cell ${cell}: ${task} under fence ${fence} after ${before}`);
    this.#changed.set(task, fence);
    return true;
  }

  #denies({ risky }: ApplyPayload): boolean {
    const [from, until] = this.#options.denied;
    return risky && this.simulation.now >= from && this.simulation.now < until;
  }

  #onCommitted(writes: readonly RecordWrite[]): void {
    for (const { room, table, value } of writes) {
      if (room !== 'desk' || table !== 'task' || value === null) continue;
      const task = JSON.parse(value) as TaskRecord;
      this.#tasks.set(task.task, task);
      if (this.#over(task)) this.#open.delete(task.task);
      else this.#open.add(task.task);
    }
  }

  #over(task: TaskRecord | undefined): boolean {
    if (task?.state === 'done') return true;
    // Somebody would have to look at it; nobody is left to.
    return task?.state === 'dead' && (this.#retries.get(task.task) ?? 0) >= RETRIES_MAX && task.reason === 'denied';
  }

  #onDisk(task: string): string | null {
    for (const host of this.hosts) {
      const found = host.store.record('desk', 'task', task);
      if (found !== null) return found;
    }
    return null;
  }

  /** Puts dead letters back, a few times each; what failed for another reason than the policy, until it is done. */
  #operator(): void {
    for (const { task, state, reason } of this.#tasks.values()) {
      if (state !== 'dead') continue;
      const retries = this.#retries.get(task) ?? 0;
      if (reason === 'denied' && retries >= RETRIES_MAX) continue;
      this.#retries.set(task, retries + 1);
      this.callers.retry(task);
    }
    this.simulation.timeline.after(OPERATOR_EVERY, () => this.#operator());
  }

  #look(): void {
    const { entries } = this.#options;
    const count = this.#rooms.length;
    this.#settled =
      this.callers.done &&
      this.hosts.every(({ alive }) => alive) &&
      [...this.#open].every((task) => this.#over(this.#tasks.get(task))) &&
      this.#tasks.size === this.callers.submitted.size &&
      this.#rooms.every(({ counters }, n) => counters.query().taken.get((n + count - 1) % count) === entries) &&
      new Set(this.#boards()).size === 1;
    if (!this.#settled) this.simulation.timeline.after(LOOK_EVERY, () => this.#look());
  }

  #boards(): readonly string[] {
    return this.#rooms.map(({ board }) =>
      board
        .query()
        .map(({ key, round, by, value }) => `${key} ${round}.${by}=${value}`)
        .join(' '),
    );
  }

  #bringAbout(incident: Incident, index: number): void {
    const { faults } = this.simulation;
    this.simulation.record('incident', incident.kind, index);
    if (faults !== this.simulation.stormFaults) return;
    switch (incident.kind) {
      case 'partition':
        return this.#partition(incident.hosts, incident.oneWay, incident.lasts);
      case 'clog':
        return this.#swizzle(incident.links, incident.lasts, this.simulation.random.stream(`incident ${index}`));
      case 'crash':
        return this.hosts[incident.host]!.crash(incident.power ? 'os-crash' : 'process-kill');
      case 'clock':
        this.#oscillators[incident.host]!.step(incident.by);
    }
  }

  /** Some hosts and callers from the others; one way: only what they send. */
  #partition(side: readonly number[], oneWay: boolean, lasts: Millis): void {
    const inside = new Set(side);
    const links: (readonly [string, string])[] = [];
    for (const from of inside) {
      for (let to = 0; to < this.#addresses.length; to++) {
        if (inside.has(to)) continue;
        links.push([this.#addresses[from]!, this.#addresses[to]!]);
        if (!oneWay) links.push([this.#addresses[to]!, this.#addresses[from]!]);
      }
    }
    for (const [from, to] of links) this.#network.cut(from, to);
    const healings = this.#network.healings;
    this.simulation.timeline.after(lasts, () => {
      if (this.#network.healings === healings) for (const [from, to] of links) this.#network.mend(from, to);
    });
  }

  #swizzle(links: readonly (readonly [number, number])[], lasts: Millis, random: Random): void {
    for (const [from, to] of links) {
      const [begins, ends] = [random.below(lasts), lasts + random.below(lasts)];
      this.simulation.timeline.after(begins, () => {
        if (this.simulation.faults === this.simulation.stormFaults)
          this.#network.clog(this.#addresses[from]!, this.#addresses[to]!, this.simulation.now + ends - begins);
      });
    }
  }
}
