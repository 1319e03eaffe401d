/**
 * Two processes on the socket bus, as hosts use it: envelopes of 15 fields sent by a spoke, sealed, let in, asked whether their
 * host may say them, queued by the exchange, and checked by a receiver for ttl, idempotency and schema. CPU is that of both.
 * Baseline: the same with the host's signature for each frame. The bare loop over frames, without a bus, is frame.bench.ts.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { idSource } from '../src/kernel/index.ts';
import { type Envelope, makeEnvelope } from '../src/protocol/index.ts';
import { openCrypto, SocketSpoke } from '../src/runtime/embedded/index.ts';
import { median } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';
import { RouteOrder } from './frame/wire.ts';
import { type Done, HUB, identityOf, nameOf, type Order, SPOKE } from './socket-bus/wire.ts';

const ROUNDS = 5;
const MESSAGES = 100_000; // in each round
const BURST = 256;
type Frames = 'session' | 'signature';
const ids = idSource(SPOKE, 1);
let sequence = 0;

function nextEnvelope(): Envelope {
  const n = (sequence += 1);
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
    id: ids.next(),
    source: nameOf(SPOKE),
    time: Date.now(),
    subject: `order/${n}`,
    audience: nameOf(HUB),
    ttl: 30_000,
    keyId: 'k1',
    session: 's1',
    sequence: n,
    haltEpoch: 3,
    traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  });
}

interface Round {
  readonly perSecond: number;
  readonly micros: number;
  readonly busierMicros: number;
}

async function rounds(frames: Frames): Promise<readonly Round[]> {
  const { crypto } = await openCrypto();
  const directory = mkdtempSync(join(tmpdir(), 'skein-bench-'));
  const path = join(directory, 'bus.sock');
  const hub = fork(fileURLToPath(new URL('./socket-bus/hub.ts', import.meta.url)), [path, frames], {
    execArgv: ['--conditions=skein-source'],
  });
  const taken: Round[] = [];
  try {
    await once(hub, 'message');
    let undelivered = 0;
    const spoke = new SocketSpoke({
      identity: identityOf(SPOKE, crypto, frames),
      hub: nameOf(HUB),
      path,
      now: Date.now,
      onUndelivered: () => (undelivered += 1),
    });
    for (let i = -1; i < ROUNDS; i++) {
      const ready = once(hub, 'message');
      hub.send({ messages: MESSAGES } satisfies Order);
      await ready;
      const done = once(hub, 'message') as Promise<[Done]>;
      const cpu = process.cpuUsage();
      const start = performance.now();
      for (let sent = 0; sent < MESSAGES; sent += BURST) {
        while (spoke.pressured(nameOf(HUB))) await new Promise((resolve) => setImmediate(resolve));
        for (let n = sent; n < Math.min(sent + BURST, MESSAGES); n++) spoke.send(nextEnvelope());
      }
      const [{ cpuMicros, refused }] = await done;
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      if (refused + undelivered > 0) throw new Error(`${refused} refused and ${undelivered} undelivered of ${MESSAGES}`);
      if (i < 0) continue; // warms up
      taken.push({
        perSecond: MESSAGES / seconds,
        micros: (user + system + cpuMicros) / MESSAGES,
        busierMicros: Math.max(user + system, cpuMicros) / MESSAGES,
      });
    }
    spoke.close();
  } finally {
    hub.kill();
    rmSync(directory, { recursive: true });
  }
  return taken;
}

export default async function socketBusBench(): Promise<readonly Row[]> {
  const session = await rounds('session');
  const signature = await rounds('signature');
  const row = (
    claim: string,
    target: string,
    unit: string,
    of: (round: Round) => number,
    met: (value: number) => boolean,
  ): Row => {
    const [ours, other] = [median(session.map(of)), median(signature.map(of))];
    return {
      claim,
      target,
      ours,
      unit,
      baseline: other,
      ratio: other / ours,
      p50: ours,
      p99: unit === 'us' ? Math.max(...session.map(of)) : Math.min(...session.map(of)),
      met: met(ours),
    };
  };
  return [
    row(
      'messages a second from a spoke to the receiver in the hub',
      '>= 100,000 messages/s',
      'messages/s',
      (one) => Math.round(one.perSecond),
      (value) => value >= 100_000,
    ),
    row(
      'CPU of both processes for each of these messages',
      '<= 8 us',
      'us',
      (one) => one.micros,
      (value) => value <= 8,
    ),
    row(
      'messages for each CPU-second of the busier process',
      '>= 100,000 messages/s',
      'messages/s',
      (one) => Math.round(1e6 / one.busierMicros),
      (value) => value >= 100_000,
    ),
  ];
}
