/**
 * The bus between processes of one machine, over a unix socket. One process is the hub: it has the exchange, so that groups,
 * pools, order and expiry mean what they mean inside one process. The others are spokes: what they send goes to the hub, what is
 * for their addresses comes from it, at most 256 messages ahead of what their receivers took (and as many more of priority 0).
 *
 *   spoke ── frames, acknowledged by number ──▶ hub: exchange ── frames ──▶ spoke: receiver ── `taken` ──▶ hub
 *
 * A connection that ends is made again. What was under way is then sent again, so a message may come twice; what a lost member of
 * a pool had not taken goes to another member. When the hub ends, what waits in its exchange is lost: whoever needs it keeps it
 * until it is answered. Who may speak is decided by `unseal`; the directory of the socket is the user's alone (0700).
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Type } from 'typebox';
import { assert, type Id, type Millis, type Priority } from '../../kernel/index.ts';
import type { Bus, Membership, Receive } from '../../ports/index.ts';
import {
  type ConsumerNotice,
  defineContract,
  type Envelope,
  Exchange,
  makeEnvelope,
  parseSubject,
  PRESSURED_ABOVE,
  type Refusal,
} from '../../protocol/index.ts';
import { fullJitter } from '../../structures/index.ts';
import { inProcessBus } from './bus.ts';
import { type FrameTerms, Outgoing, readFrames } from './socket-frames.ts';

const AHEAD_MAX = 256; // a turn's worth for a receiver
const AHEAD_RESERVE = 256;
const SPOKES_MAX = 256; // processes of one machine
const SOURCES_MAX: number = 64 * 1024; // of whom the hub knows where an undelivered message goes back to
const ANSWER_EVERY = 64; // far below the 1,024 messages that may be unacknowledged
const SWEEP_MS = 1000;
const RETRY_MS = 10;
const RETRY_MS_MAX = 1000;

/** What the two ends say to each other beside the messages. */
const LinkContract = defineContract(
  'bus.intent.link.v1',
  Type.Object({
    do: Type.Enum(['attach', 'detach', 'join', 'leave', 'to', 'got', 'taken', 'undelivered']),
    address: Type.String(),
    /** join, leave: of which group or pool. undelivered: why, in words. */
    other: Type.String(),
    /** got: [frame]. taken: by lane. */
    counts: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 4 }),
    refusal: Type.Unknown(),
    envelope: Type.Unknown(),
  }),
  { durability: 'ephemeral', journal: 'none' },
);
interface Link {
  readonly do: 'attach' | 'detach' | 'join' | 'leave' | 'to' | 'got' | 'taken' | 'undelivered';
  readonly address: string;
  readonly other: string;
  readonly counts: readonly number[];
  readonly refusal: unknown;
  readonly envelope: unknown;
}

export interface SocketBusOptions extends FrameTerms {
  readonly path: string;
  readonly now: () => Millis;
  readonly onUndelivered: (envelope: Envelope, refusal: Refusal) => void;
  readonly onConsumer?: (notice: ConsumerNotice) => void;
  /** A connection was ended because of what came over it. */
  readonly onBroken?: (refusal: Refusal) => void;
}

const NO_ID = '0'.repeat(32) as Id;

function link(more: Partial<Link> & Pick<Link, 'do'>, now: Millis, priority: Priority = 0): Envelope {
  const data = { address: '', other: '', counts: [], refusal: null, envelope: null, ...more };
  const spoken = { id: NO_ID, source: 'host:link', time: now, subject: '', audience: 'host:link', priority };
  return makeEnvelope(LinkContract as never, data as never, spoken);
}

function linkOf(envelope: Envelope): Link | null {
  if (envelope.type !== LinkContract.type) return null;
  return LinkContract.check(envelope.data) ? envelope.data : null;
}

const isMessage = (envelope: Envelope): boolean => envelope.type !== LinkContract.type;

/** What a spoke's address was sent and has not taken. */
interface Forward {
  spoke: Spoke;
  readonly ahead: [Envelope[], Envelope[], Envelope[], Envelope[]];
  count: number;
}

interface Spoke {
  readonly outgoing: Outgoing;
  /** By lane: whose messages are being sent. */
  to: [string, string, string, string];
  socket: Socket | null;
}

export class SocketHub implements Bus, Membership {
  readonly #options: SocketBusOptions;
  readonly #bus: Bus & Membership;
  readonly #spokes = new Map<string, Spoke>();
  /** By address. */
  readonly #forwards = new Map<string, Forward>();
  readonly #sources = new Map<string, Spoke>();
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  constructor(options: SocketBusOptions) {
    this.#options = options;
    this.#bus = inProcessBus({
      now: options.now,
      onUndelivered: (envelope, refusal) => this.#undelivered(envelope, refusal),
      ...(options.onConsumer === undefined ? {} : { onConsumer: options.onConsumer }),
    });
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** A socket that a dead process left behind is replaced; a live one is an error. */
  async listen(): Promise<void> {
    const { path } = this.#options;
    if (await isListening(path)) throw new Error(`another process listens on ${path}: connect to it instead`);
    rmSync(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  send(envelope: Envelope): void {
    this.#bus.send(envelope);
  }

  pressured(audience: string): boolean {
    return this.#bus.pressured(audience);
  }

  attach(address: string, receive: Receive): void {
    this.#bus.attach(address, receive);
  }

  detach(address: string): void {
    this.#bus.detach(address);
  }

  resume(address: string): void {
    this.#bus.resume(address);
  }

  join(address: string, to: string): void {
    this.#bus.join(address, to);
  }

  leave(address: string, from: string): void {
    this.#bus.leave(address, from);
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    let spoke: Spoke | null = null;
    let frames = 0;
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (spoke?.socket === socket) this.#lost(spoke);
    });
    readFrames(
      socket,
      this.#options,
      (envelopes, header) => {
        spoke ??= this.#welcome(header.from, socket);
        if (spoke === null) {
          socket.destroy();
          return;
        }
        frames += 1;
        for (const envelope of envelopes) this.#take(spoke, envelope);
        if (isWorthAnAnswer(envelopes, frames)) spoke.outgoing.push(link({ do: 'got', counts: [frames] }, this.#options.now()));
      },
      (refusal) => this.#options.onBroken?.(refusal),
    );
  }

  /** The first frame says who it is; a process that comes again goes on where it was. */
  #welcome(name: string, socket: Socket): Spoke | null {
    let spoke = this.#spokes.get(name);
    if (spoke === undefined) {
      if (this.#spokes.size >= SPOKES_MAX) return null;
      const outgoing = new Outgoing(this.#options, (envelope, refusal) => this.#undelivered(envelope, refusal));
      spoke = { outgoing, to: ['', '', '', ''], socket: null };
      this.#spokes.set(name, spoke);
    }
    if (spoke.socket !== null) {
      const old = spoke.socket;
      this.#lost(spoke);
      old.destroy();
    }
    spoke.socket = socket;
    spoke.to = ['', '', '', ''];
    // What it had not taken is sent again from its forwards, once it has attached them.
    spoke.outgoing.connect(socket, (envelope) => linkOf(envelope)?.do === 'undelivered');
    return spoke;
  }

  #lost(spoke: Spoke): void {
    spoke.socket = null;
    spoke.outgoing.disconnect();
    for (const [address, forward] of this.#forwards) if (forward.spoke === spoke) this.#stop(address, forward);
  }

  /** What came from a pool goes to another member; the rest is for this address and waits until it is attached again. */
  #stop(address: string, forward: Forward): void {
    this.#bus.detach(address);
    for (const lane of forward.ahead) {
      const back = lane.filter(isFromPool);
      lane.splice(0, lane.length, ...lane.filter((envelope) => !isFromPool(envelope)));
      forward.count -= back.length;
      for (const envelope of back) this.#bus.send(envelope);
    }
  }

  #take(spoke: Spoke, envelope: Envelope): void {
    if (isMessage(envelope)) {
      if (this.#sources.size < SOURCES_MAX || this.#sources.has(envelope.source)) this.#sources.set(envelope.source, spoke);
      return this.#bus.send(envelope);
    }
    const said = linkOf(envelope);
    if (said === null) return;
    const { address, other, counts } = said;
    const forward = this.#forwards.get(address);
    if (said.do === 'attach') this.#attachSpoke(spoke, address);
    else if (said.do === 'join') this.#bus.join(address, other);
    else if (said.do === 'leave') this.#bus.leave(address, other);
    else if (said.do === 'got') {
      spoke.outgoing.acknowledged(counts[0] ?? 0);
      for (const [each, { spoke: of }] of this.#forwards) if (of === spoke) this.#bus.resume(each);
    } else if (forward?.spoke !== spoke) return;
    else if (said.do === 'detach') this.#stop(address, forward);
    else if (said.do === 'taken') {
      counts.forEach((count, lane) => (forward.count -= forward.ahead[lane as Priority].splice(0, count).length));
      this.#bus.resume(address);
    }
  }

  /** The last who attaches an address has it, with everything that was not taken. */
  #attachSpoke(spoke: Spoke, address: string): void {
    const forward: Forward = this.#forwards.get(address) ?? { spoke, ahead: [[], [], [], []], count: 0 };
    forward.spoke = spoke;
    this.#forwards.set(address, forward);
    for (const envelope of forward.ahead.flat()) this.#forward(spoke, address, envelope);
    this.#bus.detach(address);
    this.#bus.attach(address, (envelope) => {
      const limit = envelope.priority === 0 ? AHEAD_MAX + AHEAD_RESERVE : AHEAD_MAX;
      if (forward.count >= limit || !this.#forward(forward.spoke, address, envelope)) return false;
      forward.ahead[envelope.priority].push(envelope);
      forward.count += 1;
      return true;
    });
  }

  #forward(spoke: Spoke, address: string, envelope: Envelope): boolean {
    const lane = envelope.priority;
    if (spoke.to[lane] !== address) {
      if (!spoke.outgoing.push(link({ do: 'to', address }, this.#options.now(), lane))) return false;
      spoke.to[lane] = address;
    }
    return spoke.outgoing.push(envelope);
  }

  #undelivered(envelope: Envelope, refusal: Refusal): void {
    const spoke = this.#sources.get(envelope.source);
    const back = (): Envelope => link({ do: 'undelivered', envelope, refusal }, this.#options.now());
    if (spoke === undefined || spoke.socket === null || !spoke.outgoing.push(back())) {
      this.#options.onUndelivered(envelope, refusal);
    }
  }
}

/** One address of a spoke, with an exchange of its own: what was sent ahead waits here in its lanes. */
interface Local {
  readonly receive: Receive;
  exchange: Exchange;
  taken: [number, number, number, number];
}

export class SocketSpoke implements Bus, Membership {
  readonly #options: SocketBusOptions;
  readonly #outgoing: Outgoing;
  readonly #locals = new Map<string, Local>();
  readonly #joined = new Map<string, Set<string>>();
  #socket: Socket | null = null;
  #to: [string, string, string, string] = ['', '', '', ''];
  #failures = 0;
  #retry: NodeJS.Timeout | null = null;
  #reporting = false;
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;

  constructor(options: SocketBusOptions) {
    this.#options = options;
    this.#outgoing = new Outgoing(options, options.onUndelivered);
    this.#connect();
    this.#sweeping = setInterval(() => {
      const now = options.now();
      for (const { exchange } of this.#locals.values()) if (exchange.expiry < now) exchange.sweep(now);
    }, SWEEP_MS);
    this.#sweeping.unref();
  }

  get connected(): boolean {
    return this.#socket !== null;
  }

  send(envelope: Envelope): void {
    if (this.#outgoing.push(envelope)) return;
    const detail = `${envelope.type} to ${envelope.audience} found ${this.#outgoing.size} messages waiting for the hub: send again later`;
    this.#options.onUndelivered(envelope, { reason: 'overloaded', detail });
  }

  /** All audiences are reached through the hub: what waits for it waits for each of them. */
  pressured(_audience: string): boolean {
    return this.#outgoing.size > PRESSURED_ABOVE;
  }

  attach(address: string, receive: Receive): void {
    assert(!this.#locals.has(address), `${address} already has a receiver on this bus`);
    const local: Local = { receive, exchange: this.#exchange(address), taken: [0, 0, 0, 0] };
    this.#locals.set(address, local);
    this.#attachLocal(address, local);
    this.#say({ do: 'attach', address });
  }

  detach(address: string): void {
    if (this.#locals.delete(address)) this.#say({ do: 'detach', address });
  }

  resume(address: string): void {
    this.#locals.get(address)?.exchange.resume(address);
  }

  join(address: string, to: string): void {
    const joined = this.#joined.get(address) ?? new Set();
    this.#joined.set(address, joined.add(to));
    this.#say({ do: 'join', address, other: to });
  }

  leave(address: string, from: string): void {
    if (this.#joined.get(address)?.delete(from) === true) this.#say({ do: 'leave', address, other: from });
  }

  /** What the hub has not acknowledged is lost: wait for it before, where it matters. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeping);
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect(this.#options.path);
    let frames = 0;
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      if (this.#socket === socket) {
        this.#socket = null;
        this.#outgoing.disconnect();
      }
      if (this.#closed) return;
      const wait = fullJitter(this.#failures, RETRY_MS, RETRY_MS_MAX, Math.random());
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#connect(), wait);
    });
    socket.on('connect', () => {
      this.#socket = socket;
      this.#failures = 0;
      this.#to = ['', '', '', ''];
      this.#outgoing.connect(socket, isMessage);
      for (const [address, local] of this.#locals) {
        // The hub sends again what it has not heard to be taken, so what waits here would come twice and out of order.
        local.exchange = this.#exchange(address);
        local.taken = [0, 0, 0, 0];
        this.#attachLocal(address, local);
        this.#say({ do: 'attach', address });
      }
      for (const [address, joined] of this.#joined) for (const other of joined) this.#say({ do: 'join', address, other });
    });
    readFrames(
      socket,
      this.#options,
      (envelopes) => {
        frames += 1;
        for (const envelope of envelopes) this.#take(envelope);
        if (isWorthAnAnswer(envelopes, frames)) this.#say({ do: 'got', counts: [frames] });
      },
      (refusal) => this.#options.onBroken?.(refusal),
    );
  }

  #take(envelope: Envelope): void {
    if (isMessage(envelope)) {
      const address = this.#to[envelope.priority];
      return this.#locals.get(address)?.exchange.arrive(address, envelope); // of a detached one the hub takes it back
    }
    const said = linkOf(envelope);
    if (said?.do === 'to') this.#to[envelope.priority] = said.address;
    else if (said?.do === 'got') this.#outgoing.acknowledged(said.counts[0] ?? 0);
    else if (said?.do === 'undelivered') this.#options.onUndelivered(said.envelope as Envelope, said.refusal as Refusal);
  }

  #exchange(address: string): Exchange {
    const exchange: Exchange = new Exchange({
      onReady: () =>
        void setImmediate(() => this.#locals.get(address)?.exchange === exchange && exchange.deliver(this.#options.now())),
      onUndelivered: (envelope, refusal) => {
        this.#tookOne(address, envelope.priority);
        this.#options.onUndelivered(envelope, refusal);
      },
    });
    return exchange;
  }

  #attachLocal(address: string, local: Local): void {
    local.exchange.attach(address, (envelope, pull) => {
      if (!local.receive(envelope, pull)) return false;
      this.#tookOne(address, envelope.priority);
      return true;
    });
  }

  /** Told once for all that was taken in a turn. */
  #tookOne(address: string, lane: Priority): void {
    const local = this.#locals.get(address);
    if (local === undefined) return;
    local.taken[lane] += 1;
    if (this.#reporting) return;
    this.#reporting = true;
    setImmediate(() => {
      this.#reporting = false;
      for (const [each, { taken }] of this.#locals) {
        if (taken.every((count) => count === 0)) continue;
        this.#say({ do: 'taken', address: each, counts: [...taken] });
        taken.fill(0);
      }
    });
  }

  /** Only to a hub that listens: a new connection begins by saying what is attached and joined. */
  #say(said: Partial<Link> & Pick<Link, 'do'>): void {
    if (this.#socket === null || this.#outgoing.push(link(said, this.#options.now()))) return;
    this.#socket.destroy(); // the queue is full beyond its reserve: the next connection says it all
  }
}

function isFromPool({ audience }: Envelope): boolean {
  return parseSubject(audience)?.kind === 'pool';
}

/** An answer to every frame, and seldom one to what is only an answer. */
function isWorthAnAnswer(envelopes: readonly Envelope[], frames: number): boolean {
  return frames % ANSWER_EVERY === 0 || envelopes.some((envelope) => linkOf(envelope)?.do !== 'got');
}

function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
