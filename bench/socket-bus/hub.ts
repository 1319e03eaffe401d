/** The receiving process of the socket bus bench: the hub, and a receiver that asks what a host asks before it handles a message. */
import { openCrypto, SocketHub } from '../../src/runtime/embedded/index.ts';
import { hashKey, type KeySecret, KeyTable } from '../../src/structures/index.ts';
import { RouteOrder } from '../frame/wire.ts';
import { type Done, HUB, identityOf, nameOf, type Order } from './wire.ts';

const SKEW = 2000;
const [path, frames] = process.argv.slice(2) as [string, 'session' | 'signature'];
const { crypto } = await openCrypto();
const known = new KeyTable(3_000_000);
const secret: KeySecret = [0x5eed, 0xf00d];
const key = new Int32Array(2);
let order: Order = { messages: 0 };
let [handled, refused, quantity] = [0, 0, 0];
let from = process.cpuUsage();

const hub = new SocketHub({
  identity: identityOf(HUB, crypto, frames),
  path,
  now: Date.now,
  onUndelivered: () => (refused += 1),
});
await hub.listen();
hub.attach(nameOf(HUB), (envelope) => {
  const now = Date.now();
  hashKey(secret, envelope.idempotencyKey, key);
  const { time, ttl, data } = envelope;
  const fits =
    hub.verify(envelope, false) === null &&
    time + ttl + SKEW >= now &&
    time <= now + SKEW &&
    envelope.dataschema === RouteOrder.hash &&
    known.add(key[0]!, key[1]!, time + ttl + SKEW, now) === 'added' &&
    RouteOrder.check(data);
  if (fits) quantity += (data as { readonly quantity: number }).quantity;
  else refused += 1;
  handled += 1;
  if (handled === order.messages) {
    const { user, system } = process.cpuUsage(from);
    process.send!({ cpuMicros: user + system, refused: quantity > 0 ? refused : handled } satisfies Done);
  }
  return true;
});
process.on('message', (next: Order) => {
  order = next;
  [handled, refused] = [0, 0];
  from = process.cpuUsage();
  process.send!('ready');
});
process.send!('listening');
