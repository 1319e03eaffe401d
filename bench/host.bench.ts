/**
 * What a host adds to a room: inputs a second and time per input for a room that only counts, over a store that keeps nothing (the
 * host alone) and over SQLite (durable before it is acknowledged). Baseline in the same run: the room's function called directly,
 * alone and with one SQLite transaction for each input.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Type } from 'typebox';
import { Host } from '../src/host/index.ts';
import { canonicalJson, type Id } from '../src/kernel/index.ts';
import type { Context, Effects, Room, Store, StoredRecord } from '../src/ports/index.ts';
import { defineContract, type Envelope, makeEnvelope } from '../src/protocol/index.ts';
import {
  embeddedActivities,
  embeddedClock,
  direct,
  fileBlobs,
  inProcessBus,
  SqliteStore,
} from '../src/runtime/embedded/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 7;
const INPUTS = 20_000; // in each round
const ALONE = 1000; // one after the other, for latency
const FEED = 512; // a turn's worth and more: the host is never short of work, its inbox never full
const REALM = 'bench';
const HOST = '0123456789ab';

const Count = defineContract('bench.intent.count.v1', Type.Object({ by: Type.Integer() }), { durability: 'ephemeral' });

class Counter implements Room {
  readonly name = 'counter';
  readonly recordVersion = 1;
  readonly contracts = [Count];
  #count = 0;

  load(records: Iterable<StoredRecord>): void {
    for (const record of records) this.#count = record.value as number;
  }

  handle(input: Parameters<Room['handle']>[0], _: Context, out: Effects): void {
    if (input.kind !== 'message') return;
    this.#count += (input.envelope.data as { readonly by: number }).by;
    out.put('count', 'all', this.#count);
  }

  query(): number {
    return this.#count;
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

let serial = 0;

function message(): Envelope {
  const id = (serial += 1).toString(16).padStart(32, '0') as Id;
  const spoken = { id, source: `agent:${REALM}/bench`, time: Date.now(), subject: 'counter', audience: `host:${REALM}/${HOST}` };
  return makeEnvelope(Count, { by: 1 }, spoken);
}

async function opened(store: Store, blobs: string): Promise<Host> {
  const host = new Host({
    realm: REALM,
    host: HOST,
    rooms: [() => new Counter()],
    store,
    clock: embeddedClock(),
    bus: inProcessBus({ now: Date.now, onUndelivered: () => {} }),
    activities: embeddedActivities({ table: {}, exec: direct, blobs: fileBlobs(blobs) }),
    telemetry: { measure: () => {} },
    permit: () => null,
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

/** Nanoseconds for each of `count` inputs, from the first offered to the last acknowledged. */
function flood(host: Host, count: number): Promise<number> {
  const messages = Array.from({ length: count }, message);
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let acknowledged = 0;
    let next = 0;
    const acknowledge = (refusal: unknown): void => {
      if (refusal !== null) return reject(new Error(JSON.stringify(refusal)));
      acknowledged += 1;
      if (acknowledged === count) resolve(((performance.now() - began) * 1e6) / count);
      else if (next < count && next - acknowledged < FEED) feed();
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

/** Milliseconds from offered to acknowledged, one input at a time. */
async function alone(host: Host): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < ALONE; i++) {
    const began = performance.now();
    await new Promise((resolve) => host.deliver(message(), resolve));
    times.push(performance.now() - began);
  }
  return times;
}

interface Measured {
  readonly nanos: number[];
  readonly latencies: number[];
  readonly bytes: number;
}

async function measured(store: Store, blobs: string): Promise<Measured> {
  const host = await opened(store, blobs);
  await flood(host, INPUTS); // warm-up
  const nanos: number[] = [];
  const bytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) nanos.push(await flood(host, INPUTS));
  for (let round = 0; round < 40; round++) {
    const before = process.memoryUsage().heapUsed;
    await flood(host, FEED);
    const grown = process.memoryUsage().heapUsed - before;
    if (grown > 0) bytes.push(grown / FEED); // a collection in between says nothing
  }
  const latencies = await alone(host);
  await new Promise<void>((resolve) => host.close(resolve));
  return { nanos, latencies, bytes: median(bytes) };
}

/** Nanoseconds of the room's function called directly, `keep` being all that happens to its record. */
function called(count: number, keep: (value: string) => void): number {
  const room = new Counter();
  const messages = Array.from({ length: count }, message);
  const nothing = (): never => {
    throw new Error('a counter only puts');
  };
  const out: Effects = {
    put: (_table, _key, value) => keep(canonicalJson(value)),
    send: nothing,
    timer: nothing,
    perform: nothing,
    cancel: nothing,
    answer: nothing,
    audit: nothing,
    measure: nothing,
  };
  const began = performance.now();
  for (const envelope of messages) room.handle({ kind: 'message', envelope }, {} as Context, out);
  return ((performance.now() - began) * 1e6) / count;
}

function transactions(path: string): number[] {
  const database = new DatabaseSync(path);
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; CREATE TABLE record (key TEXT PRIMARY KEY, value TEXT)',
  );
  const put = database.prepare('INSERT OR REPLACE INTO record VALUES (?, ?)');
  const nanos = Array.from({ length: ROUNDS }, () =>
    called(ALONE, (value) => {
      database.exec('BEGIN IMMEDIATE');
      put.run('all', value);
      database.exec('COMMIT');
    }),
  );
  database.close();
  return nanos;
}

export default async function hostBench(): Promise<readonly Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-host-'));
  try {
    const blobs = join(directory, 'blobs');
    const memory = await measured(forgetful(), blobs);
    const sqlite = await measured(new SqliteStore({ path: join(directory, 'store.db'), realm: REALM, host: HOST }), blobs);
    let kept = '';
    called(INPUTS, (value) => (kept = value));
    const plain = median(Array.from({ length: ROUNDS }, () => called(INPUTS, (value) => (kept = value))));
    if (kept === '') throw new Error('the baseline kept nothing');
    const each = median(transactions(join(directory, 'baseline.db')));
    const perInput = (claim: string, { nanos }: Measured, target: number, baseline: number): Row => ({
      claim,
      target: `<= ${target} ns`,
      ours: Math.round(median(nanos)),
      unit: 'ns',
      baseline: Math.round(baseline),
      ratio: baseline / median(nanos),
      p50: Math.round(median(nanos)),
      p99: Math.round(quantile(nanos, 0.99)),
      met: median(nanos) <= target,
    });
    const latency = (claim: string, { latencies }: Measured, target: number, baseline: number | null): Row => {
      const p99 = p99Of(latencies);
      const ratio = baseline === null ? null : baseline / median(latencies);
      return {
        claim,
        target: `<= ${target} ms`,
        ours: p99,
        unit: 'ms',
        baseline,
        ratio,
        p50: median(latencies),
        p99,
        met: p99 <= target,
      };
    };
    return [
      perInput('an input through the host, store that keeps nothing; baseline the function call', memory, 20_000, plain),
      perInput('an input through the host, durable in SQLite; baseline a transaction each', sqlite, 25_000, each),
      latency('offered to acknowledged on an idle host, store that keeps nothing, p99', memory, 2, null),
      latency('offered to acknowledged on an idle host, durable in SQLite, p99', sqlite, 5, each / 1e6),
      {
        claim: 'heap that an input costs the main thread, SQLite',
        target: '<= 8192 bytes',
        ours: Math.round(sqlite.bytes),
        unit: 'bytes',
        baseline: `store that keeps nothing ${Math.round(memory.bytes)}`,
        p50: Math.round(sqlite.bytes),
        p99: Math.round(sqlite.bytes),
        met: sqlite.bytes <= 8192,
      },
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The median over five parts of a list: one hiccup of a shared machine is not what an input costs. */
function p99Of(latencies: readonly number[]): number {
  const part = latencies.length / 5;
  return median(Array.from({ length: 5 }, (_, i) => quantile(latencies.slice(i * part, (i + 1) * part), 0.99)));
}
