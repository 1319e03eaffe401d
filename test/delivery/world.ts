/**
 * Real hosts on a clock, a network and disks that are moved by hand: messages are lost, doubled and late, hosts die between two
 * commits. Small on purpose: what a test needs to see of deliveries, and nothing of a runtime.
 */
import { Type } from 'typebox';
import { host as own } from '../../src/contracts/index.ts';
import { Host, type HostOptions } from '../../src/host/index.ts';
import { type Id, type Json, type Random, seededRandom } from '../../src/kernel/index.ts';
import type {
  ActivityRequest,
  Context,
  Effects,
  Halt,
  Outcome,
  Room,
  RoomInput,
  StoredRecord,
  StoredWrite,
  StoreError,
} from '../../src/ports/index.ts';
import { defineContract, type Envelope, makeEnvelope, type Refusal } from '../../src/protocol/index.ts';

const Data = Type.Object({ to: Type.String(), account: Type.String(), n: Type.Integer() }, { additionalProperties: false });
type Data = { to: string; account: string; n: number };
/** Said to a host: it passes an order on to another host. */
export const Go = defineContract('test.intent.go.v1', Data);
export const Order = defineContract('test.intent.order.v1', Data, { orderingKey: 'account', ttlMax: 10 * 60_000 });
/** The same without an order among them. */
export const Loose = defineContract('test.intent.loose.v1', Data, { ttlMax: 10 * 60_000 });
export const Risky = defineContract('test.intent.risky.v1', Data, { risk: 'gated', ttlMax: 10 * 60_000 });
export const Work = defineContract('test.intent.work.v1', Data);

const BY_NAME = { order: Order, loose: Loose, risky: Risky };
export const REALM = 'test';
export const address = (host: string): string => `host:${REALM}/${host}`;

class Desk implements Room {
  readonly name = 'desk';
  readonly recordVersion = 1;
  readonly contracts = [Go, Order, Loose, Risky, Work];
  readonly #world: SmallHost;

  constructor(world: SmallHost) {
    this.#world = world;
  }

  load(records: Iterable<StoredRecord>, _now: number, out: Effects): void {
    for (const { table, key, value } of records) if (table === 'alarm') out.timer(key, value as number);
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    if (input.kind === 'activity') return void this.#world.outcomes.push(`${input.key} ${input.outcome.status}`);
    if (input.kind === 'timer') {
      if (this.#world.alarmFails) throw new Error(`it cannot bear ${input.key}`);
      this.#world.alarms += 1;
      return out.put('alarm', input.key, null);
    }
    const { type, data, id } = input.envelope as Envelope<Data>;
    this.#world.react?.(input.envelope, out, context);
    out.put('seen', id, data.n);
    if (type === Go.type) {
      const contract = BY_NAME[data.account.split('/')[0] as keyof typeof BY_NAME] ?? Order;
      return out.send({ contract, data, audience: address(data.to), subject: data.account });
    }
    if (type === Work.type)
      out.perform(`job${data.n}`, {
        name: 'job',
        kind: 'idempotent',
        payload: { n: data.n },
        fence: 1,
        attempt: 1,
        deadline: null,
        scopes: [`agent/${data.account}`],
      });
    else out.answer({ took: data.n });
  }

  query(): null {
    return null;
  }
}

export interface Loss {
  /** Shares of 0..1. */
  lost: number;
  doubled: number;
  /** ms. */
  delayMax: number;
  crash: number;
}

export class SmallWorld {
  now = 1_000_000;
  readonly random: Random;
  readonly hosts = new Map<string, SmallHost>();
  readonly sent: Envelope[] = [];
  loss: Loss = { lost: 0, doubled: 0, delayMax: 1, crash: 0 };
  #events: { at: number; order: number; run: () => void }[] = [];
  #order = 0;
  #serial = 0;

  constructor(seed = 'seed') {
    this.random = seededRandom(seed);
  }

  host(name: string, options: Partial<HostOptions> & { makeHalt?: (host: SmallHost) => Halt } = {}): SmallHost {
    const host = new SmallHost(this, name, options);
    this.hosts.set(name, host);
    host.start();
    return host;
  }

  after(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: (this.#order += 1), run });
  }

  /** Lets time pass; what happens meanwhile happens in order. */
  pass(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      let next = -1;
      for (let i = 0; i < this.#events.length; i++) {
        const [event, best] = [this.#events[i]!, this.#events[next]];
        if (event.at <= until && (!best || event.at < best.at || (event.at === best.at && event.order < best.order))) next = i;
      }
      if (next === -1) break;
      const [event] = this.#events.splice(next, 1);
      this.now = Math.max(this.now, event!.at);
      event!.run();
    }
    this.now = until;
  }

  /** The network. */
  carry(envelope: Envelope): void {
    this.sent.push(envelope);
    const copies = this.random.chance(this.loss.lost) ? 0 : this.random.chance(this.loss.doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.after(1 + this.random.below(this.loss.delayMax), () =>
        this.hosts.get(envelope.audience.split('/')[1]!)?.hear(envelope),
      );
    }
  }

  say(host: SmallHost, contract: typeof Go, data: Data, over: Partial<Envelope> = {}): Envelope {
    const id = `f${(this.#serial += 1).toString(16).padStart(31, '0')}` as Id;
    const spoken = {
      id,
      source: 'agent:test/a',
      time: this.now,
      subject: 's',
      audience: address(host.name),
      ttl: 600_000,
      ...over,
    };
    return makeEnvelope(contract, data, spoken);
  }
}

export class SmallHost {
  readonly name: string;
  readonly world: SmallWorld;
  readonly records = new Map<string, StoredWrite>();
  readonly entries: { kind: string; body: Record<string, unknown> }[] = [];
  /** What its room was handed, each as often as it was. */
  readonly handled: string[] = [];
  readonly outcomes: string[] = [];
  readonly started: { key: string; at: number; request: ActivityRequest }[] = [];
  readonly cancelled: string[] = [];
  readonly failed: Error[] = [];
  react: ((envelope: Envelope, out: Effects, context: Context) => void) | null = null;
  host: Host | null = null;
  heard = 0;
  alarms = 0;
  alarmFails = false;
  readonly #options: Partial<HostOptions> & { makeHalt?: (host: SmallHost) => Halt };
  #incarnation = 0;
  #life = 0;
  #wake: () => void = () => {};

  constructor(world: SmallWorld, name: string, options: Partial<HostOptions> & { makeHalt?: (host: SmallHost) => Halt }) {
    this.world = world;
    this.name = name;
    this.#options = options;
  }

  start(): void {
    const life = (this.#life += 1);
    const lives = (run: () => void): void => void (life === this.#life && run());
    const { world } = this;
    const { makeHalt, ...options } = this.#options;
    let armed = 0;
    let cut = false;
    let pending: (() => void)[] = [];
    this.host = new Host({
      realm: REALM,
      host: this.name,
      rooms: [() => new Desk(this)],
      seed: 'seed',
      store: {
        survives: 'process-kill',
        open: (done) => {
          pending = [];
          cut = false;
          this.#incarnation += 1;
          const at = ({ room, table, key }: StoredWrite): string => `${room}\0${table}\0${key}`;
          const records = [...this.records.values()].toSorted((a, b) => (at(a) < at(b) ? -1 : 1));
          done(null, { incarnation: this.#incarnation, records });
        },
        commit: (commit, done) => {
          const land = (): void => {
            if (cut) return;
            for (const write of commit.writes) {
              const key = `${write.room}/${write.table}/${write.key}`;
              if (write.value === null) this.records.delete(key);
              else this.records.set(key, { ...write, value: write.value });
              if (write.room === 'desk' && write.value !== null) this.handled.push(write.key);
            }
            for (const { kind, body } of commit.entries)
              this.entries.push({ kind, body: JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown> });
            done(null as StoreError | null, commit.sequence);
          };
          pending.push(land);
          world.after(1, () => lives(() => pending.shift()?.()));
          if (world.random.chance(world.loss.crash)) this.crash(1 + world.random.below(3000));
        },
        close: (done) => done(),
      },
      clock: {
        now: () => world.now,
        monotonic: () => world.now,
        wakeAt: (at) => {
          const number = (armed += 1);
          if (at !== null) world.after(Math.max(0, at - world.now), () => lives(() => number === armed && this.#wake()));
        },
        onWake: (wake) => (this.#wake = wake),
      },
      bus: {
        send: (envelope) => lives(() => world.carry(envelope)),
        pressured: () => false,
        attach: () => {},
        detach: () => {},
        resume: () => {},
      },
      activities: {
        start: (request, done) => {
          this.started.push({ key: request.key, at: world.now, request });
          const outcome: Outcome = { status: 'done', value: null };
          world.after(50, () => lives(() => done(outcome)));
        },
        cancel: (_room, key) => void this.cancelled.push(key),
      },
      telemetry: { measure: () => {} },
      permit: () => null,
      schedule: (turn) => world.after(0, () => lives(turn)),
      onCommitted: () => {},
      onFailed: (error) => this.failed.push(error),
      ...(makeHalt === undefined ? {} : { halt: makeHalt(this) }),
      ...options,
    });
    this.host.open((error) => void (error !== null && this.failed.push(error)));
  }

  /** What was not durable is gone. */
  crash(downMs = 100): void {
    this.#life += 1;
    this.host = null;
    this.world.after(downMs, () => this.host === null && this.start());
  }

  hear(envelope: Envelope): void {
    this.heard += 1;
    this.host?.deliver(envelope);
  }

  /** Until it is durably handled, or refused for good. */
  tell(envelope: Envelope): { refusal: Refusal | null | undefined; result: Json | undefined } {
    const told: { refusal: Refusal | null | undefined; result: Json | undefined } = { refusal: undefined, result: undefined };
    const delivered = this.host!.deliver(envelope, (refusal, result) => Object.assign(told, { refusal, result }));
    if (!delivered.ok) Object.assign(told, { refusal: delivered.refusal, result: delivered.result });
    return told;
  }

  letters(): readonly own.DeadLetter[] {
    return [...this.records.values()]
      .filter(({ room, table }) => room === 'host' && table === own.DEAD_TABLE)
      .map(({ value }) => JSON.parse(value) as own.DeadLetter);
  }

  table(name: string): number {
    return [...this.records.values()].filter(({ room, table }) => room === 'host' && table === name).length;
  }
}
