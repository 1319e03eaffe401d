/**
 * The receiving process of the frame bench, as a host does it: signature of the frame, ttl, idempotency key, contract, then
 * one of 30,000 handlers. Listens on the socket named by its argument, is told by its parent what comes.
 */
import { createServer, type Socket } from 'node:net';
import { type Crypto, type Envelope, openFrame, type Unseal } from '../../src/protocol/index.ts';
import { openCrypto } from '../../src/runtime/embedded/index.ts';
import { hashKey, type KeySecret, KeyTable } from '../../src/structures/index.ts';
import { type Done, keyOf, MESSAGES_PER_FRAME, type Order, PREFIX_BYTES, RouteOrder, TABLE, TAG_BYTES } from './wire.ts';

const SKEW = 2000;
const HANDLERS = 30_000;
const BUFFER_BYTES = 4 * 1024 * 1024; // what may be pending of one peer

const { crypto } = await openCrypto();
const { publicKey } = keyOf(crypto);
const known = new KeyTable(3_000_000); // 30 s at 100,000 a second
const secret: KeySecret = [0x5eed, 0xf00d];
const key = new Int32Array(2);
const handled = new Float64Array(HANDLERS);
let [dispatched, refused] = [0, 0];

const unseal: Unseal = (_, bytes, tag) =>
  signed(crypto, bytes, tag) ? null : { reason: 'bad-signature', detail: 'the tag is not the one of its key' };

function signed(primitives: Crypto, bytes: Uint8Array, tag: Uint8Array): boolean {
  return primitives.verify(publicKey, primitives.hash(bytes), tag);
}

function isNew(envelope: Envelope, now: number): boolean {
  hashKey(secret, envelope.idempotencyKey, key);
  return known.add(key[0]!, key[1]!, envelope.time + envelope.ttl + SKEW, now) === 'added';
}

function dispatch(envelope: Envelope, data: unknown): void {
  handled[envelope.sequence % HANDLERS]! += (data as { readonly quantity: number }).quantity;
  dispatched += 1;
}

function takeFrame(bytes: Uint8Array, messages: number): void {
  const opened = openFrame(bytes, TABLE, unseal);
  if (!opened.ok) {
    refused += messages;
    return;
  }
  const now = Date.now();
  for (const message of opened.value.messages) {
    const expired = message.time + message.ttl + SKEW < now || message.time > now + SKEW;
    const head = expired || message.contract === null ? null : message.head();
    const data = head?.ok === true && isNew(head.value, now) ? message.data() : null;
    if (head?.ok === true && data?.ok === true && message.contract!.check(data.value)) dispatch(head.value, data.value);
    else refused += 1;
  }
}

function takeJson(bytes: Buffer, messages: number): void {
  const end = bytes.length - TAG_BYTES;
  if (!signed(crypto, bytes.subarray(PREFIX_BYTES, end), bytes.subarray(end))) {
    refused += messages;
    return;
  }
  const now = Date.now();
  for (const envelope of JSON.parse(bytes.toString('utf8', PREFIX_BYTES, end)) as Envelope[]) {
    const expired = envelope.time + envelope.ttl + SKEW < now || envelope.time > now + SKEW;
    if (!expired && envelope.type === RouteOrder.type && isNew(envelope, now) && RouteOrder.check(envelope.data)) {
      dispatch(envelope, envelope.data);
    } else refused += 1;
  }
}

let order: Order | null = null;
let from = process.cpuUsage();

process.on('message', (next: Order) => {
  order = next;
  [dispatched, refused] = [0, 0];
  from = process.cpuUsage();
  process.send!('ready');
});

function serve(socket: Socket): void {
  const buffer = Buffer.alloc(BUFFER_BYTES);
  let length = 0;
  socket.on('data', (chunk) => {
    length += (chunk as Buffer).copy(buffer, length);
    let at = 0;
    if (order === null) throw new Error('nothing was ordered, and something came');
    const { way } = order;
    while (length - at >= 12) {
      const size = buffer.readUInt32BE(way === 'json' ? at : at + 8);
      if (length - at < size) break;
      const frame = buffer.subarray(at, at + size);
      at += size;
      if (way === 'json') takeJson(frame, MESSAGES_PER_FRAME.json);
      else takeFrame(frame, MESSAGES_PER_FRAME[way]);
    }
    buffer.copyWithin(0, at, length);
    length -= at;
    if (dispatched + refused < order.messages) return;
    const { user, system } = process.cpuUsage(from);
    process.send!({ cpuMicros: user + system, dispatched, refused } satisfies Done);
    order = null;
  });
}

createServer(serve).listen(process.argv[2], () => process.send!('listening'));
