/**
 * Those who use the fleet from outside: they submit tasks and counts until they are acknowledged, operate on registers one by one
 * and never twice, and write the cells of the board one after another. They remember what they were told, which is what the fleet
 * is judged by at the end.
 */
import { type Id, type IdSource, idSource, type Millis, type Random } from '../../../kernel/index.ts';
import type { Bus } from '../../../ports/index.ts';
import { type Contract, type Envelope, makeEnvelope } from '../../../protocol/index.ts';
import { checkLinearizability, type Operation, type SequentialModel } from '../../../structures/index.ts';
import { EPOCH } from '../clock.ts';
import type { SimNetwork } from '../network.ts';
import type { Simulation } from '../simulation.ts';
import {
  Add,
  type Answer,
  Answered,
  type Cell,
  CellSet,
  Change,
  type Operate,
  Read,
  Retry,
  SetCell,
  Submit,
} from './contracts.ts';
import type { FleetOptions } from './options.ts';
import type { Report } from './watch.ts';

export const CALLERS = 4;
export const REGISTERS = 3;
export const CELLS = 3;
const ASK_AGAIN: Millis = 1500;
const ANSWER_WITHIN: Millis = 2500; // then nobody knows whether it happened
const LINEARIZABILITY_STEPS_MAX = 400_000;

interface Write {
  /** Of the newest write that its writer had been told of. */
  readonly seen: number;
  answered: boolean;
}

interface Writer {
  readonly key: string;
  readonly writes: Write[];
  version: { readonly round: number; readonly by: number };
  seen: number;
}

export class Callers {
  readonly #simulation: Simulation;
  readonly #options: FleetOptions;
  readonly #hosts: readonly string[];
  readonly #report: Report;
  readonly #random: Random;
  readonly #ids: IdSource = idSource('ca11e4000001', 1);
  readonly #buses: readonly Bus[];
  readonly #network: SimNetwork;
  /** Sent and not acknowledged, by id. */
  readonly #asking = new Map<string, Envelope>();
  readonly #waiting = new Map<string, (data: unknown) => void>();
  readonly #history: Operation<Operate, Answer>[] = [];
  readonly #writers: Writer[];
  readonly submitted: Set<string> = new Set();
  readonly acknowledged: Set<string> = new Set();
  readonly added: Map<string, number> = new Map();
  /** Chains of operations that are not at their end. */
  #busy = 0;

  constructor(simulation: Simulation, options: FleetOptions, network: SimNetwork, hosts: readonly string[], report: Report) {
    this.#simulation = simulation;
    this.#options = options;
    this.#hosts = hosts;
    this.#report = report;
    this.#network = network;
    this.#random = simulation.random.stream('callers');
    this.#writers = Array.from({ length: CELLS }, (_, n) => ({
      key: `cell-${n}`,
      writes: [],
      version: { round: 0, by: 0 },
      seen: -1,
    }));
    this.#buses = Array.from({ length: CALLERS }, (_, n) => {
      const bus = network.port(callerAddress(n));
      bus.attach(callerAddress(n), (envelope) => this.#receive(envelope));
      return bus;
    });
    this.#plan();
  }

  /** Everything was said, and whoever had to hear it has. */
  get done(): boolean {
    return this.#busy === 0 && this.#asking.size === 0;
  }

  /** The host that handled it says that it is durable, or that it had been before. */
  onAcknowledged(envelope: Envelope): void {
    if (!envelope.source.startsWith('agent:')) return;
    this.#network.carry(envelope.audience, sourceAddress(envelope), (id) => this.#heard(id), envelope.id);
  }

  retry(task: string): void {
    this.#ask(0, Retry, { task }, this.#hosts[hostOfTask(task, this.#hosts.length)]!, `${task}/retry/${this.#ids.next()}`);
  }

  /** What they were told, against what there is. */
  end(cells: ReadonlyMap<string, number>): void {
    for (const { key, writes } of this.#writers) this.#judgeCell(key, writes, cells.get(key) ?? 0);
    const verdict = checkLinearizability(REGISTER, this.#history, LINEARIZABILITY_STEPS_MAX);
    if (verdict.verdict === 'ok') return;
    const what = verdict.verdict === 'unknown' ? `not decided for ${verdict.parts.join(' ')}` : verdict.violation.part;
    this.#report('linearizable', what);
  }

  /** The last write that its writer was told of, a later one, or one it was never told of: that may take effect at any time. */
  #judgeCell(key: string, writes: readonly Write[], found: number): void {
    const last = writes.findLastIndex(({ answered }) => answered) + 1;
    if (last === 0 || found >= last) return;
    if (found > 0 && !writes[found - 1]!.answered) return;
    const seen = writes[last - 1]!.seen + 1;
    this.#report('converged', `${key} holds write ${found}, but write ${last} was made knowing ${seen} and was answered`);
  }

  #plan(): void {
    const { tasks, adds, storm, riskyShare } = this.#options;
    const { timeline } = this.#simulation;
    const random = this.#random.stream('plan');
    const last = Math.max(1, Math.floor(storm * 0.9));
    const at = (run: () => void): void => {
      this.#busy += 1;
      timeline.after(200 + random.below(last), () => {
        this.#busy -= 1;
        run();
      });
    };
    for (let n = 0; n < tasks; n++) {
      const data = { task: `task-${n}`, cell: random.below(16), risky: random.chance(riskyShare) };
      at(() => this.#submit(n % CALLERS, data));
    }
    for (let n = 0; n < adds; n++) {
      const key = `tally-${n % 3}`;
      at(() => this.#add(n % CALLERS, key));
    }
    for (let caller = 0; caller < CALLERS; caller++) this.#operate(caller, this.#options.operations);
    for (const writer of this.#writers) this.#write(writer, this.#options.writes);
  }

  #submit(caller: number, data: { task: string; cell: number; risky: boolean }): void {
    this.submitted.add(data.task);
    this.#ask(caller, Submit, data, this.#hosts[hostOfTask(data.task, this.#hosts.length)]!, data.task);
  }

  #add(caller: number, key: string): void {
    this.added.set(key, (this.added.get(key) ?? 0) + 1);
    this.#ask(caller, Add, { key }, this.#hosts[0]!, `${key}/${this.added.get(key)}`);
  }

  /** Again and again under one key, until it is acknowledged. */
  #ask<T>(caller: number, contract: Contract<T>, data: T, audience: string, idempotencyKey: string): void {
    const envelope = this.#envelope(caller, contract, data, audience, idempotencyKey);
    this.#asking.set(envelope.id, envelope);
    this.#offer(caller, envelope);
  }

  #offer(caller: number, envelope: Envelope): void {
    if (!this.#asking.has(envelope.id)) return;
    this.#buses[caller]!.send(envelope);
    this.#simulation.timeline.after(ASK_AGAIN, () => this.#offer(caller, envelope));
  }

  #heard(id: Id): void {
    const envelope = this.#asking.get(id);
    if (envelope === undefined) return;
    this.#asking.delete(id);
    if (envelope.type === Submit.type) this.acknowledged.add((envelope.data as { task: string }).task);
  }

  #receive({ type, data }: Envelope): boolean {
    const key = type === Answered.type ? (data as Answer).op : type === CellSet.type ? cellName(data as Cell) : '';
    const told = this.#waiting.get(key);
    if (told !== undefined) {
      this.#waiting.delete(key);
      told(data);
    }
    return true;
  }

  /** Waits for an answer, and not for ever. */
  #await(key: string, told: (data: unknown) => void, gaveUp: () => void): void {
    this.#waiting.set(key, told);
    this.#simulation.timeline.after(ANSWER_WITHIN, () => {
      if (this.#waiting.delete(key)) gaveUp();
    });
  }

  #operate(caller: number, left: number): void {
    if (left === 0) return;
    const random = this.#random.stream(`operation ${caller} ${left}`);
    const { timeline } = this.#simulation;
    this.#busy += 1;
    timeline.after(50 + random.below(1500), () => {
      const register = random.below(REGISTERS);
      const [op, value, expected] = [`${caller}/${left}`, 1 + random.below(5), random.below(6)];
      const does = (['read', 'write', 'cas', 'read'] as const)[random.below(4)]!;
      const input: Operate = { op, register: `r${register}`, does, value, expected, caller: callerAddress(caller) };
      const calledAt = timeline.now;
      const next = (returned: Operation<Operate, Answer>['returned']): void => {
        this.#busy -= 1;
        this.#history.push({ client: caller, input, calledAt, returned });
        this.#operate(caller, left - 1);
      };
      this.#await(
        op,
        (data) => next({ at: timeline.now, output: data as Answer }),
        () => next(null),
      );
      const contract = does === 'read' ? Read : Change;
      const audience = this.#hosts[register % this.#hosts.length]!;
      this.#buses[caller]!.send(this.#envelope(caller, contract, input, audience, op));
    });
  }

  /** One write after another, each knowing the last one that was answered. */
  #write(writer: Writer, left: number): void {
    if (left === 0) return;
    const random = this.#random.stream(`${writer.key} ${left}`);
    this.#busy += 1;
    // Every other one at once: the next host's clock may well be behind.
    const pause = left % 2 === 0 ? 20 + random.below(100) : 100 + random.below(2500);
    this.#simulation.timeline.after(pause, () => {
      const write: Write = { seen: writer.seen, answered: false };
      writer.writes.push(write);
      const value = writer.writes.length;
      const data = { key: writer.key, ...writer.version, value, caller: callerAddress(0) };
      this.#await(
        `${writer.key}/${value}`,
        (cell) => {
          this.#busy -= 1;
          const { round, by } = cell as Cell;
          write.answered = true;
          writer.version = { round, by };
          writer.seen = value - 1;
          this.#write(writer, left - 1);
        },
        () => {
          this.#busy -= 1;
          this.#write(writer, left - 1);
        },
      );
      this.#buses[0]!.send(
        this.#envelope(0, SetCell, data, this.#hosts[random.below(this.#hosts.length)]!, `${writer.key}/${value}`),
      );
    });
  }

  #envelope<T>(caller: number, contract: Contract<T>, data: T, audience: string, idempotencyKey: string): Envelope<T> {
    const time = this.#simulation.now + EPOCH;
    const source = `agent:fleet/caller-${caller}`;
    return makeEnvelope(contract, data, { id: this.#ids.next(), source, time, subject: 'call', audience, idempotencyKey });
  }
}

const REGISTER: SequentialModel<number, Operate, Answer> = {
  initial: 0,
  identity: (state) => state,
  part: ({ register }) => register,
  isRead: ({ does }, { ok }) => does === 'read' || !ok,
  step: (state, { does, value, expected }, answer) => {
    if (answer !== null && answer.value !== state) return undefined;
    if (does === 'read') return state;
    const ok = does === 'write' || state === expected;
    if (answer !== null && answer.ok !== ok) return undefined;
    return ok ? value : state;
  },
};

function callerAddress(caller: number): string {
  return `caller:${caller}`;
}

function sourceAddress({ source }: Envelope): string {
  return `caller:${source.slice(source.lastIndexOf('-') + 1)}`;
}

function cellName({ key, value }: Cell): string {
  return `${key}/${value}`;
}

/** Tasks are spread over the desks of all hosts. */
export function hostOfTask(task: string, hosts: number): number {
  return Number(task.slice(task.indexOf('-') + 1)) % hosts;
}
