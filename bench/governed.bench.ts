/**
 * A governed action: a message under a risky contract is checked against its contract, looked up among 24,000 idempotency keys,
 * asked about at a gate and at the halt record, handled, and handed over to the group commit with its result and its decision.
 * CPU time of the main thread per action over a store that keeps nothing, and the time until it is durable over SQLite.
 * Baselines in the same run: JSON.parse, the contract's checker and the call of the handler; of the time until durable, the store's
 * part: to the commit thread, one synced transaction, and back. What is left is the host's, and a turn of the event loop. On a busy
 * machine both hand-overs wait for a core: compare with the load that the result names.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Type } from 'typebox';
import { Host, ruleGate } from '../src/host/index.ts';
import type { Id } from '../src/kernel/index.ts';
import { approvalText, type Context, type Effects, type Room, type Store, type StoredRecord } from '../src/ports/index.ts';
import { defineContract, type Envelope, makeEnvelope } from '../src/protocol/index.ts';
import {
  direct,
  embeddedActivities,
  embeddedClock,
  fileBlobs,
  haltPort,
  HaltRegister,
  inProcessBus,
  SqliteStore,
} from '../src/runtime/embedded/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 7;
const ACTIONS = 15_000; // in each round
const ALONE = 1000; // one after the other, for the time to durable
const FEED = 512; // a turn's worth and more: the host is never short of work, its inbox never full
const KEYS_MAX = 400_000; // all of a bench's actions are of one day
const REALM = 'bench';
const HOST = '0123456789ab';
const CPU_US_MAX = 20;
const PER_CPU_SECOND_MIN = 50_000;

const Order = Type.Object(
  {
    symbol: Type.String({ maxLength: 12 }),
    side: Type.Union([Type.Literal('buy'), Type.Literal('sell')]),
    quantity: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    limit: Type.Integer({ minimum: 1 }),
    account: Type.String({ maxLength: 64 }),
    strategy: Type.String({ maxLength: 64 }),
  },
  { additionalProperties: false },
);
const Route = defineContract('bench.intent.route.v1', Order, { risk: 'gated' });

class Router implements Room {
  readonly name = 'router';
  readonly recordVersion = 1;
  readonly contracts = [Route];
  #position = 0;

  load(records: Iterable<StoredRecord>): void {
    for (const record of records) this.#position = record.value as number;
  }

  handle(input: Parameters<Room['handle']>[0], _: Context, out: Effects): void {
    if (input.kind !== 'message') return;
    this.#position += (input.envelope.data as { readonly quantity: number }).quantity;
    out.put('position', 'all', this.#position);
    out.answer({ position: this.#position });
  }

  query(): number {
    return this.#position;
  }
}

/** Acknowledges in a later turn, as every store does, and forgets. */
function forgetful(): Store {
  return {
    survives: 'nothing',
    open: (done) => setImmediate(done, null, { incarnation: 1, records: [] }),
    commit: ({ sequence }, done) => setImmediate(done, null, sequence),
    close: (done) => setImmediate(done),
  };
}

/** The same store; milliseconds from each commit's hand-over to its acknowledgement go to `times`. */
function timed(store: Store, times: number[]): Store {
  return {
    survives: store.survives,
    open: (done) => store.open(done),
    commit: (commit, done) => {
      const began = performance.now();
      store.commit(commit, (error, sequence) => {
        times.push(performance.now() - began);
        done(error, sequence);
      });
    },
    close: (done) => store.close(done),
  };
}

const gate = ruleGate(
  Array.from({ length: 50 }, (_, n) => ({
    kind: 'message' as const,
    name: n === 49 ? 'bench.intent.*' : `other.intent.n${n}.v1`,
    principal: n === 49 ? `agent:${REALM}/*` : `agent:${REALM}/a${n}`,
    verdict: 'allow' as const,
    reason: 'bench',
  })),
);

let serial = 0;

function data(): object {
  return {
    symbol: 'SKN',
    side: 'buy',
    quantity: 1 + (serial % 100),
    limit: 10_000,
    account: 'fund-7',
    strategy: 'mean-reversion',
  };
}

function message(): Envelope {
  const id = (serial += 1).toString(16).padStart(32, '0') as Id;
  return makeEnvelope(Route, data() as never, {
    id,
    source: `agent:${REALM}/trader`,
    time: Date.now(),
    subject: 'router',
    audience: `host:${REALM}/${HOST}`,
    approvals: [approvalText({ id, policy: gate.policy })],
  });
}

async function opened(store: Store, blobs: string, register: HaltRegister): Promise<Host> {
  const clock = embeddedClock();
  const host = new Host({
    realm: REALM,
    host: HOST,
    rooms: [() => new Router()],
    store,
    clock,
    bus: inProcessBus({ now: () => clock.now(), onUndelivered: () => {} }),
    activities: embeddedActivities({ table: {}, exec: direct, blobs: fileBlobs(blobs) }),
    telemetry: { measure: () => {} },
    gate,
    halt: haltPort({ register, clock, lease: () => null }),
    permit: () => null,
    idempotencyKeysMax: KEYS_MAX,
    seed: 'bench',
    schedule: (turn) => void setImmediate(turn),
    onCommitted: () => {},
    onFailed: (error) => {
      throw error;
    },
  });
  await new Promise<void>((resolve, reject) => host.open((error) => (error === null ? resolve() : reject(error))));
  return host;
}

/** Microseconds of CPU for each action, from the first offered to the last acknowledged. */
function flood(host: Host, count: number): Promise<number> {
  const messages = Array.from({ length: count }, message);
  return new Promise((resolve, reject) => {
    const began = process.cpuUsage();
    let acknowledged = 0;
    let next = 0;
    const acknowledge = (refusal: unknown): void => {
      if (refusal !== null) return reject(new Error(JSON.stringify(refusal)));
      acknowledged += 1;
      if (acknowledged === count) {
        const { user, system } = process.cpuUsage(began);
        resolve((user + system) / count);
      } else if (next < count && next - acknowledged < FEED) feed();
    };
    const feed = (): void => {
      while (next < count && next - acknowledged < 2 * FEED) {
        const taken = host.deliver(messages[next]!, acknowledge);
        if (!taken.ok) return reject(new Error(JSON.stringify(taken.refusal)));
        next += 1;
      }
    };
    feed();
  });
}

/** Microseconds of CPU for each message that is parsed, checked and handled, and nothing else. */
function called(texts: readonly string[]): number {
  const room = new Router();
  const nothing = (): void => {};
  const out: Effects = {
    put: nothing,
    send: nothing,
    timer: nothing,
    perform: nothing,
    cancel: nothing,
    answer: nothing,
    audit: nothing,
    measure: nothing,
  };
  const began = process.cpuUsage();
  for (const text of texts) {
    const envelope = JSON.parse(text) as Envelope;
    if (!Route.check(envelope.data)) throw new Error('the baseline refused its own message');
    room.handle({ kind: 'message', envelope }, {} as Context, out);
  }
  const { user, system } = process.cpuUsage(began);
  return (user + system) / texts.length;
}

/** Milliseconds from offered to durable, one action at a time. */
async function alone(host: Host): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < ALONE; i++) {
    const began = performance.now();
    await new Promise((resolve) => host.deliver(message(), resolve));
    times.push(performance.now() - began);
  }
  return times;
}

export default async function governedBench(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-governed-'));
  let closing = (): void => {};
  try {
    const blobs = join(directory, 'blobs');
    const register = new HaltRegister({ path: join(directory, 'halt.db') });
    closing = () => register.close();
    const host = await opened(forgetful(), blobs, register);
    await flood(host, ACTIONS); // warm-up, and a table that holds something
    const texts = Array.from({ length: ACTIONS }, () => JSON.stringify(message()));
    called(texts);
    const cpu: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      cpu.push(await flood(host, ACTIONS));
      plain.push(called(texts));
    }
    await new Promise<void>((resolve) => host.close(resolve));
    const inStore: number[] = [];
    const sqlite = new SqliteStore({ path: join(directory, 'store.db'), realm: REALM, host: HOST });
    const durable = await opened(timed(sqlite, inStore), blobs, register);
    await flood(durable, 2000);
    inStore.length = 0;
    const latencies = await alone(durable);
    await new Promise<void>((resolve) => durable.close(resolve));
    const each = median(cpu);
    const figures = { p50: each, p99: quantile(cpu, 0.99), baseline: median(plain), ratio: median(plain) / each };
    return [
      {
        claim: 'CPU of a governed action up to the group commit; baseline JSON.parse, check and handler',
        target: `<= ${CPU_US_MAX} us`,
        ours: each,
        unit: 'us',
        ...figures,
        met: each <= CPU_US_MAX,
      },
      {
        claim: 'governed actions a CPU-second',
        target: `>= ${PER_CPU_SECOND_MIN}`,
        ours: Math.round(1e6 / each),
        unit: '/s',
        baseline: Math.round(1e6 / median(plain)),
        p50: Math.round(1e6 / each),
        p99: Math.round(1e6 / quantile(cpu, 0.99)),
        met: 1e6 / each >= PER_CPU_SECOND_MIN,
      },
      {
        claim: 'a governed action until it is durable in SQLite, one at a time; baseline the median of it spent in the store',
        target: '<= 5 ms',
        ours: quantile(latencies, 0.99),
        unit: 'ms',
        baseline: median(inStore),
        p50: median(latencies),
        p99: quantile(latencies, 0.99),
        met: quantile(latencies, 0.99) <= 5,
      },
    ];
  } finally {
    closing();
    rmSync(directory, { recursive: true, force: true });
  }
}
