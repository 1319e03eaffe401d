/**
 * What the bus in one process costs a message from `send` to the receiver: alone, with its expiry looked at, in a pool, and for
 * each member of a group of 30. Baselines in the same run: Node's EventEmitter, which calls at once and keeps nothing, and an
 * EventEmitter with a plain array that is emptied in a later turn, which is the least that any bus does.
 */
import { EventEmitter } from 'node:events';
import type { Id, Priority } from '../src/kernel/index.ts';
import type { Envelope } from '../src/protocol/index.ts';
import { inProcessBus } from '../src/runtime/embedded/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const ROUNDS = 9;
const MESSAGES = 200_000; // in each round
const BURST = 200; // sent in one turn: below the 256 that a receiver gets in one
const MEMBERS = 30;

const messages = (audience: string): readonly Envelope[] =>
  Array.from({ length: BURST }, (_, n) => {
    const id = n.toString(16).padStart(32, '0') as Id;
    const priority = (n % 4) as Priority;
    return { id, source: 'host:r/s', type: 'bench.event.sent.v1', audience, priority, time: 0, ttl: 1000 } as Envelope;
  });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** CPU nanoseconds for each delivery, in every round after two to warm up. */
async function measured(deliveries: number, burst: () => void, heard: () => number): Promise<number[]> {
  const nanos: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const before = heard();
    const cpu = process.cpuUsage();
    while (heard() - before < deliveries) {
      burst();
      await turn(); // an emitter needs none, but everybody gets the same
    }
    const { user, system } = process.cpuUsage(cpu);
    if (round >= 0) nanos.push(((user + system) * 1000) / (heard() - before));
  }
  return nanos;
}

async function onBus(audience: string, members: number): Promise<number[]> {
  let heard = 0;
  const bus = inProcessBus({ now: () => 1, onUndelivered: () => {} });
  for (let n = 0; n < members; n++) {
    const address = members === 1 ? audience : `host:r/m${n}`;
    bus.attach(address, () => (heard += 1) > 0);
    if (members > 1) bus.join(address, audience);
  }
  const burst = messages(audience);
  const copies = audience.includes('.g.') ? members : 1;
  const some = burst.slice(0, BURST / copies);
  return measured(
    MESSAGES,
    () => {
      for (const envelope of some) bus.send(envelope);
    },
    () => heard,
  );
}

async function onEmitter(later: boolean): Promise<number[]> {
  let heard = 0;
  const emitter = new EventEmitter();
  emitter.on('host:r/a', () => (heard += 1));
  const burst = messages('host:r/a');
  let queue: Envelope[] = [];
  const drain = (): void => {
    const now = queue;
    queue = [];
    for (const envelope of now) emitter.emit(envelope.audience, envelope);
  };
  return measured(
    MESSAGES,
    () => {
      for (const envelope of burst) {
        if (!later) emitter.emit(envelope.audience, envelope);
        else if (queue.push(envelope) === 1) setImmediate(drain);
      }
    },
    () => heard,
  );
}

export default async function busBench(): Promise<readonly Row[]> {
  const emitter = median(await onEmitter(false));
  const queued = median(await onEmitter(true));
  const row = (claim: string, target: number, nanos: readonly number[]): Row => ({
    claim,
    target: `<= ${target} ns CPU`,
    ours: Math.round(median(nanos)),
    unit: 'ns',
    baseline: `EventEmitter ${Math.round(emitter)}, with a queue ${Math.round(queued)}`,
    ratio: queued / median(nanos),
    p50: Math.round(median(nanos)),
    p99: Math.round(quantile(nanos, 0.99)),
    met: median(nanos) <= target,
  });
  return [
    row('a message to an address', 500, await onBus('host:r/a', 1)),
    row('a message to a pool of 30', 500, await onBus('sk.r.q.pool', MEMBERS)),
    row('a copy of a message to a group of 30', 500, await onBus('sk.r.g.group', MEMBERS)),
  ];
}
