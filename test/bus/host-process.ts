/**
 * A real host in a process of its own: two rooms, a SQLite store, and the socket bus to the other one. Told by its parent what to
 * give away; says what it holds. Arguments: its name of 12 digits, the file of its store, the socket.
 */
import { Host } from '../../src/host/index.ts';
import type { Context, Effects, Room, RoomInput, StoredRecord } from '../../src/ports/index.ts';
import { ContractRegistry, makeEnvelope, type Refusal } from '../../src/protocol/index.ts';
import { host as own } from '../../src/contracts/index.ts';
import {
  direct,
  embeddedActivities,
  embeddedClock,
  fileBlobs,
  SocketHub,
  SocketSpoke,
  SqliteStore,
} from '../../src/runtime/embedded/index.ts';
import { Give, HUB, member, nameOf, newId, Note, REALM, Say, Stop, succession } from './terms.ts';

export type Order =
  | { readonly do: 'give'; readonly from: number; readonly count: number; readonly to: string }
  | { readonly do: 'rotate'; readonly host: string; readonly from: number }
  | { readonly do: 'report' };
export interface Report {
  /** How often each note was handled. */
  readonly notes: Readonly<Record<string, number>>;
  /** Durable messages that nobody acknowledged yet. */
  readonly owed: number;
  readonly dead: number;
  readonly keyId: string;
  readonly broken: readonly Refusal[];
}

const [host, path, socket] = process.argv.slice(2) as [string, string, string];

/** Gives notes to another host when it is told to, and counts those that it gets. */
class Notes implements Room {
  readonly name = 'notes';
  readonly recordVersion = 1;
  readonly contracts = [Give, Note];
  readonly counts: Record<string, number> = {};

  load(records: Iterable<StoredRecord>): void {
    for (const { key, value } of records) this.counts[key] = value as number;
  }

  handle(input: RoomInput, _: Context, out: Effects): void {
    if (input.kind !== 'message') return;
    if (input.envelope.type === Note.type) {
      const { n } = input.envelope.data as { readonly n: number };
      this.counts[n] = (this.counts[n] ?? 0) + 1;
      return out.put('note', String(n), this.counts[n]);
    }
    const { from, count, to } = input.envelope.data as { readonly from: number; readonly count: number; readonly to: string };
    for (let n = from; n < from + count; n++)
      out.send({ contract: Note, data: { n }, audience: to, subject: 'note', priority: 2 });
  }

  query(): Record<string, number> {
    return this.counts;
  }
}

const contracts = new ContractRegistry();
contracts.add(own.Ack, 10);
for (const each of [Say, Stop, Give, Note]) contracts.add(each);
const broken: Refusal[] = [];
const { identity, ring, keys } = member(host, { contracts, incarnation: Math.floor(Date.now() / 1000) });
const common = {
  identity,
  path: socket,
  now: Date.now,
  onUndelivered: () => {}, // the outbox sends it again
  onBroken: (refusal: Refusal) => void broken.push(refusal),
};
const bus = host === HUB ? new SocketHub(common) : new SocketSpoke({ ...common, hub: nameOf(HUB) });
if (bus instanceof SocketHub) await bus.listen();
const runtime = new Host({
  realm: REALM,
  host,
  rooms: [() => new Notes()],
  store: new SqliteStore({ path, realm: REALM, host }),
  clock: embeddedClock(),
  bus,
  activities: embeddedActivities({ table: {}, exec: direct, blobs: fileBlobs('/nonexistent') }),
  telemetry: { measure: () => {} },
  permit: () => null,
  verify: (envelope, again) => bus.verify(envelope, again),
  seed: host,
  schedule: (turn) => void setImmediate(turn),
  onCommitted: () => {},
  onFailed: (error) => {
    throw error;
  },
});
await new Promise<void>((resolve, reject) => runtime.open((error) => (error === null ? resolve() : reject(error))));
bus.attach(nameOf(host), (envelope) => {
  const delivered = runtime.deliver(envelope);
  return delivered.ok || delivered.refusal.reason !== 'overloaded';
});
setInterval(() => bus.resume(nameOf(host)), 5); // a full inbox has room again

const ask = <T>(room: string, question: unknown): Promise<T> =>
  new Promise((resolve) => runtime.query(room, question, (answer) => resolve(answer as T)));

process.on('message', (order: Order) => void obey(order));
process.on('disconnect', () => process.exit());

async function obey(order: Order): Promise<void> {
  if (order.do === 'rotate') {
    const refused = ring.apply(succession(order.host, order.from), Date.now());
    if (refused !== null) throw new Error(refused.detail);
  } else if (order.do === 'give') {
    const { from, count, to } = order;
    const spoken = { id: newId(), source: nameOf(host), time: Date.now(), subject: 'give', audience: nameOf(host) };
    const envelope = makeEnvelope(Give, { from, count, to }, spoken);
    runtime.deliver(envelope, (refusal) => process.send!({ given: from, refusal }));
  } else {
    const outbox = await ask<{ peers: readonly { pending: number }[] }>(own.HOST_ROOM, { kind: 'outbox' });
    const letters = await ask<{ total: number }>(own.HOST_ROOM, { kind: 'dead-letters', after: null });
    const report: Report = {
      notes: await ask('notes', null),
      owed: outbox.peers.reduce((sum, { pending }) => sum + pending, 0),
      dead: letters.total,
      keyId: Buffer.from(keys.signer(nameOf(host), Date.now()).id).toString('hex'),
      broken,
    };
    process.send!({ report });
  }
}
process.send!('ready');
