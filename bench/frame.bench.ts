/**
 * Two processes, one unix socket: envelopes of 15 fields, built, framed and signed by one, verified, checked for ttl, idempotency
 * and schema and given to a handler by the other. CPU is that of both processes. Baseline: the same with JSON; peer: one Ed25519
 * signature for each message. Then the codec alone against JSON, and what its bytes come to.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Id, idSource } from '../src/kernel/index.ts';
import { type Crypto, type Envelope, FrameBuilder, makeEnvelope, openFrame } from '../src/protocol/index.ts';
import { openCrypto } from '../src/runtime/embedded/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';
import {
  type Done,
  HEADER,
  keyOf,
  MESSAGES_PER_FRAME,
  type Order,
  PREFIX_BYTES,
  RouteOrder,
  TABLE,
  type Way,
} from './frame/wire.ts';

const ROUNDS = 5;
const MESSAGES: Readonly<Record<Way, number>> = { frame: 192_000, json: 96_000, each: 16_000 }; // in each round: about a second
const ids = idSource('00000000002a', 1);
let sequence = 0;

function nextEnvelope(): Envelope {
  const n = (sequence += 1);
  const id: Id = ids.next();
  const data = {
    account: `acc-${n % 1000}`,
    symbol: 'SKEIN',
    side: n % 2 === 0 ? 'buy' : 'sell',
    quantity: 1 + (n % 1000),
    price: 101.25 + (n % 7),
    tags: ['fast', 'europe'],
    limits: { slippage: 5, urgent: false },
  };
  return makeEnvelope(RouteOrder, data, {
    id,
    source: 'agent:default/fleet/a17',
    time: Date.now(),
    subject: `order/${n}`,
    audience: 'host:default/h2',
    ttl: 30_000,
    keyId: 'k1',
    session: 's1',
    sequence: n,
    haltEpoch: 3,
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  });
}

class Producer {
  readonly #crypto: Crypto;
  readonly #key: ReturnType<typeof keyOf>;
  readonly #builder = new FrameBuilder(TABLE);
  #frames = 0;

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
    this.#key = keyOf(crypto);
  }

  frame(way: Way): Uint8Array {
    if (way === 'json') return this.#json(MESSAGES_PER_FRAME.json);
    for (let i = 0; i < MESSAGES_PER_FRAME[way]; i++) {
      if (this.#builder.add(nextEnvelope()) !== 'added') throw new Error('a message of the bench was not taken');
    }
    const header = { ...HEADER, key: this.#key.id, sequence: (this.#frames += 1) };
    return this.#builder.seal(header, (bytes) => this.#sign(bytes));
  }

  #json(count: number): Uint8Array {
    const text = Buffer.from(JSON.stringify(Array.from({ length: count }, nextEnvelope)));
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(PREFIX_BYTES + text.length + 64);
    return Buffer.concat([prefix, text, this.#sign(text)]);
  }

  #sign(bytes: Uint8Array): Uint8Array {
    return this.#crypto.sign(this.#key.secretKey, this.#crypto.hash(bytes));
  }
}

interface Round {
  readonly perSecond: number;
  /** CPU of both processes for each message, and of the one that needs more. */
  readonly micros: number;
  readonly busierMicros: number;
}

async function round(
  way: Way,
  messages: number,
  producer: Producer,
  socket: Socket,
  consumer: ReturnType<typeof fork>,
): Promise<Round> {
  const ready = once(consumer, 'message');
  consumer.send({ way, messages } satisfies Order);
  await ready;
  const done = once(consumer, 'message') as Promise<[Done]>;
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let sent = 0; sent < messages; sent += MESSAGES_PER_FRAME[way]) {
    // oxlint-disable-next-line no-await-in-loop -- the socket says when it has room again
    if (!socket.write(producer.frame(way))) await once(socket, 'drain');
  }
  const [{ cpuMicros, dispatched, refused }] = await done;
  const seconds = (performance.now() - start) / 1000;
  if (dispatched !== messages || refused !== 0)
    throw new Error(`${way}: ${dispatched} dispatched and ${refused} refused of ${messages}`);
  const { user, system } = process.cpuUsage(cpu);
  const ownMicros = user + system;
  return {
    perSecond: messages / seconds,
    micros: (ownMicros + cpuMicros) / messages,
    busierMicros: Math.max(ownMicros, cpuMicros) / messages,
  };
}

/** CPU of writing and reading again, in microseconds for each message. */
function codec(): { readonly ours: number[]; readonly json: number[]; readonly bytes: number; readonly jsonBytes: number } {
  const envelopes = Array.from({ length: 64 }, nextEnvelope);
  const builder = new FrameBuilder(TABLE);
  const header = { ...HEADER, authentication: 'stub' as const, key: new Uint8Array(0), sequence: 1 };
  const tag = new Uint8Array(8);
  const ours = (): number => {
    for (const envelope of envelopes) builder.add(envelope);
    const bytes = builder.seal(header, () => tag);
    const opened = openFrame(bytes, TABLE, () => null);
    for (const message of opened.ok ? opened.value.messages : []) message.envelope();
    return bytes.length;
  };
  const json = (): number => {
    const bytes = Buffer.from(JSON.stringify(envelopes));
    JSON.parse(bytes.toString('utf8'));
    return bytes.length;
  };
  const timed = (work: () => number): number[] =>
    Array.from({ length: ROUNDS + 2 }, () => {
      const start = process.cpuUsage();
      for (let i = 0; i < 400; i++) work();
      const { user, system } = process.cpuUsage(start);
      return (user + system) / (400 * 64);
    }).slice(2); // the first two warm up
  return { ours: timed(ours), json: timed(json), bytes: ours() / 64, jsonBytes: json() / 64 };
}

export default async function frameBench(): Promise<readonly Row[]> {
  const { crypto, signatures } = await openCrypto();
  const producer = new Producer(crypto);
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const path = join(directory, 'frames.sock');
  const consumer = fork(fileURLToPath(new URL('./frame/consumer.ts', import.meta.url)), [path], {
    execArgv: ['--conditions=skein-source'],
  });
  const rounds: Record<Way, Round[]> = { frame: [], json: [], each: [] };
  try {
    await once(consumer, 'message');
    const socket = connect(path);
    await once(socket, 'connect');
    for (let i = -1; i < ROUNDS; i++) {
      for (const way of ['frame', 'json', 'each'] as const) {
        // oxlint-disable-next-line no-await-in-loop -- one way after the other, in turn, so that a busy machine hits all alike
        const one = await round(way, MESSAGES[way], producer, socket, consumer);
        if (i >= 0) rounds[way].push(one); // the first of each warms up
      }
    }
    socket.destroy();
  } finally {
    consumer.kill();
    rmSync(directory, { recursive: true });
  }
  const perSecond = (way: Way): number[] => rounds[way].map((one) => one.perSecond);
  const micros = (way: Way): number[] => rounds[way].map((one) => one.micros);
  const perBusyCore = (way: Way): number[] => rounds[way].map((one) => 1e6 / one.busierMicros);
  const alone = codec();
  return [
    {
      claim: 'messages a second between two processes, frames of 64, signed, checked for ttl, key and schema',
      target: '>= 100,000 messages/s',
      ours: Math.round(median(perSecond('frame'))),
      unit: 'messages/s',
      baseline: Math.round(median(perSecond('json'))),
      peer: { name: `Ed25519 for each message (${signatures})`, value: Math.round(median(perSecond('each'))) },
      ratio: median(perSecond('frame')) / median(perSecond('json')),
      p50: median(perSecond('frame')),
      p99: Math.min(...perSecond('frame')), // the slowest round
      met: median(perSecond('frame')) >= 100_000,
    },
    {
      claim: 'CPU of both processes for each of these messages',
      target: '<= 8 us',
      ours: median(micros('frame')),
      unit: 'us',
      baseline: median(micros('json')),
      peer: { name: `Ed25519 for each message (${signatures})`, value: median(micros('each')) },
      ratio: median(micros('json')) / median(micros('frame')),
      p50: median(micros('frame')),
      p99: Math.max(...micros('frame')),
      met: median(micros('frame')) <= 8,
    },
    {
      claim: 'messages for each CPU-second of the busier process: what the pair carries when nobody else wants the cores',
      target: '>= 100,000 messages/s',
      ours: Math.round(median(perBusyCore('frame'))),
      unit: 'messages/s',
      baseline: Math.round(median(perBusyCore('json'))),
      peer: { name: `Ed25519 for each message (${signatures})`, value: Math.round(median(perBusyCore('each'))) },
      ratio: median(perBusyCore('frame')) / median(perBusyCore('json')),
      p50: median(perBusyCore('frame')),
      p99: Math.min(...perBusyCore('frame')),
      met: median(perBusyCore('frame')) >= 100_000,
    },
    {
      claim: 'writing a message into a frame and reading it again, against JSON.stringify and JSON.parse',
      target: 'less CPU than JSON',
      ours: median(alone.ours),
      unit: 'us',
      baseline: median(alone.json),
      ratio: median(alone.json) / median(alone.ours),
      p50: median(alone.ours),
      p99: quantile(alone.ours, 0.99),
      met: median(alone.ours) < median(alone.json),
    },
    {
      claim: 'bytes of a message in a frame of 64',
      target: '<= half of JSON',
      ours: alone.bytes,
      unit: 'bytes',
      baseline: alone.jsonBytes,
      ratio: alone.jsonBytes / alone.bytes,
      p50: alone.bytes,
      p99: alone.bytes,
      met: alone.bytes <= alone.jsonBytes / 2,
    },
  ];
}
