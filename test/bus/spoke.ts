/**
 * A process on the bus of its parent. Its address is the name of its host. Told through its standard channel to send, to refuse and to
 * answer; tells what it received.
 */
import type { Priority } from '../../src/kernel/index.ts';
import { SocketSpoke } from '../../src/runtime/embedded/socket-bus.ts';
import { CHILD, HUB, member, nameOf, say } from './terms.ts';

export type Order =
  | { readonly do: 'room'; readonly room: number }
  | { readonly do: 'send'; readonly audience: string; readonly from: number; readonly count: number }
  | { readonly do: 'report' };

const ADDRESS = nameOf(CHILD);
const bus = new SocketSpoke({
  identity: member(CHILD).identity,
  hub: nameOf(HUB),
  path: process.argv[2]!,
  now: Date.now,
  onUndelivered: (envelope, refusal) => process.send!({ undelivered: (envelope.data as { n: number }).n, refusal }),
});
const got: number[] = [];
let room = Number.POSITIVE_INFINITY;

bus.attach(ADDRESS, (envelope) => {
  if (room === 0 && envelope.priority > 0) return false;
  if (envelope.priority > 0) room -= 1;
  const { n } = envelope.data as { n: number };
  got.push(n);
  if (envelope.priority === 0 && envelope.source !== ADDRESS) bus.send(say(ADDRESS, envelope.source, n, 0));
  return true;
});
for (const to of process.argv.slice(3)) bus.join(ADDRESS, to);

process.on('message', (order: Order) => {
  if (order.do === 'room') {
    room = order.room;
    bus.resume(ADDRESS);
  } else if (order.do === 'send') {
    for (let n = 0; n < order.count; n++) bus.send(say(ADDRESS, order.audience, order.from + n, (n % 4) as Priority));
  } else process.send!({ got });
});
process.on('disconnect', () => bus.close());
process.send!('ready');
