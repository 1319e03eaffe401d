/**
 * The bus between processes of one machine, over a unix socket. One process is the hub: it has the exchange, so that groups,
 * pools, order and expiry mean what they mean inside one process. The others are spokes: what they send goes to the hub, what is
 * for their addresses comes from it, at most 256 messages ahead of what their receivers took (and as many more of priority 0).
 *
 *   spoke ── frames, acknowledged by number ──▶ hub: exchange ── frames ──▶ spoke: receiver ── `taken` ──▶ hub
 *
 * A connection that ends is made again, with a new handshake. What was under way is then sent again, so a message may come twice;
 * what a lost member of a pool had not taken goes to another member. When the hub ends, what waits in its exchange is lost:
 * whoever needs it keeps it until it is answered. The hub asks of every message whether its spoke may say it; the spokes believe
 * the hub in that, except where a contract needs its author's own signature, which goes with the message to its receiver.
 */
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert, type Millis, type Priority } from '../../kernel/index.ts';
import type { Bus, Membership, Receive } from '../../ports/index.ts';
import {
  type ConsumerNotice,
  type Envelope,
  Exchange,
  parseSubject,
  PRESSURED_ABOVE,
  type Refusal,
} from '../../protocol/index.ts';
import { fullJitter } from '../../structures/index.ts';
import { inProcessBus } from './bus.ts';
import { Outgoing } from './socket-frames.ts';
import { type SocketIdentity, SocketLink } from './socket-link.ts';
import { SocketTrust } from './socket-trust.ts';
import { isMessage, isOwed, type Link, link, linkOf } from './socket-words.ts';

const AHEAD_MAX = 256; // a turn's worth for a receiver
const AHEAD_RESERVE = 256;
const SPOKES_MAX = 256; // processes of one machine
const SOURCES_MAX: number = 64 * 1024; // of whom the hub knows where an undelivered message goes back to
const ANSWER_EVERY = 64; // far below the 1,024 messages that may be unacknowledged
const SWEEP_MS = 1000;
const STALLED_MS = 30_000; // a peer that acknowledges nothing for so long does not read: its place goes to its next connection
const OVERLOADS_MAX = 4096; // in a second: it sends on into a full queue, and others find no place in it
const RETRY_MS = 10;
const RETRY_MS_MAX = 1000;

export interface SocketBusOptions {
  readonly path: string;
  readonly identity: SocketIdentity;
  readonly now: () => Millis;
  readonly onUndelivered: (envelope: Envelope, refusal: Refusal) => void;
  readonly onConsumer?: (notice: ConsumerNotice) => void;
  /** A connection was ended because of what came over it, or did not; with whom, if that was known. */
  readonly onBroken?: (refusal: Refusal, peer: string | null) => void;
  /** Of a message under another minor version these properties were left out, for its receiver here. */
  readonly onProjected?: (type: string, dropped: readonly string[]) => void;
}

/** What a spoke's address was sent and has not taken. */
interface Forward {
  spoke: Spoke;
  readonly ahead: [Envelope[], Envelope[], Envelope[], Envelope[]];
  count: number;
}

interface Spoke {
  readonly name: string;
  readonly outgoing: Outgoing;
  /** By lane: whose messages are being sent. */
  to: [string, string, string, string];
  link: SocketLink | null;
  /** In this second. */
  overloads: number;
  lastSource: string;
}

export class SocketHub implements Bus, Membership {
  readonly #options: SocketBusOptions;
  readonly #bus: Bus & Membership;
  readonly #spokes = new Map<string, Spoke>();
  /** By address. */
  readonly #forwards = new Map<string, Forward>();
  readonly #sources = new Map<string, Spoke>();
  readonly #links = new Set<SocketLink>();
  readonly #trust: SocketTrust;
  readonly #server: Server;
  readonly #tending: NodeJS.Timeout;

  constructor(options: SocketBusOptions) {
    this.#options = options;
    this.#trust = new SocketTrust(options, false);
    this.#bus = inProcessBus({
      now: options.now,
      onUndelivered: (envelope, refusal) => this.#undelivered(envelope, refusal),
      ...(options.onConsumer === undefined ? {} : { onConsumer: options.onConsumer }),
    });
    this.#server = createServer((socket) => this.#connected(socket));
    this.#server.maxConnections = 2 * SPOKES_MAX; // the other half may be strangers, for ten seconds each
    this.#tending = setInterval(() => this.#tend(), SWEEP_MS);
    this.#tending.unref();
  }

  /** For the `verify` of this process's host. */
  verify(envelope: Envelope, again: boolean): Refusal | null {
    return this.#trust.verify(envelope, again);
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
    clearInterval(this.#tending);
    for (const { socket } of this.#links) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  send(envelope: Envelope): void {
    const signed = this.#trust.sign(envelope);
    if (signed !== null) this.#bus.send(signed);
  }

  pressured(audience: string): boolean {
    return this.#bus.pressured(audience);
  }

  attach(address: string, receive: Receive): void {
    this.#bus.attach(address, this.#trust.reader(receive));
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
    let spoke: Spoke | null = null;
    let frames = 0;
    const connection = this.#trust.link(socket, null, {
      onMet: () => (spoke = this.#welcome(connection)),
      onRenewed: () => spoke?.outgoing.flushSoon(),
      onFrame: (envelopes) => {
        if (spoke === null) return;
        frames += 1;
        for (const envelope of envelopes) this.#take(spoke, connection, envelope);
        if (isWorthAnAnswer(envelopes, frames)) spoke.outgoing.push(link({ do: 'got', counts: [frames] }, this.#options.now()));
      },
    });
    this.#links.add(connection);
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      this.#links.delete(connection);
      if (spoke?.link === connection) this.#lost(spoke);
    });
  }

  /** A process that comes again goes on where it was. */
  #welcome(connection: SocketLink): Spoke | null {
    const name = connection.peer!;
    let spoke = this.#spokes.get(name);
    if (spoke === undefined) {
      if (this.#spokes.size >= SPOKES_MAX) {
        connection.cut({ reason: 'overloaded', detail: `${SPOKES_MAX} processes are on this bus: ${name} has to wait` });
        return null;
      }
      const outgoing = this.#trust.outgoing((envelope, refusal) => this.#undelivered(envelope, refusal));
      spoke = { name, outgoing, to: ['', '', '', ''], link: null, overloads: 0, lastSource: '' };
      this.#spokes.set(name, spoke);
    }
    if (spoke.link !== null) {
      const old = spoke.link;
      this.#lost(spoke);
      old.socket.destroy();
    }
    spoke.link = connection;
    spoke.lastSource = '';
    spoke.to = ['', '', '', ''];
    // What it had not taken is sent again from its forwards, once it has attached them.
    spoke.outgoing.connect(connection, (envelope) => linkOf(envelope)?.do === 'undelivered');
    return spoke;
  }

  /** Cuts who does not read; renewals are begun by the spokes. */
  #tend(): void {
    for (const each of this.#links) each.tend();
    for (const spoke of this.#spokes.values()) {
      spoke.overloads = 0;
      if (spoke.link !== null) cutStalled(spoke.link, spoke.outgoing, this.#options.now());
    }
  }

  #lost(spoke: Spoke): void {
    spoke.link = null;
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

  #take(spoke: Spoke, connection: SocketLink, envelope: Envelope): void {
    if (isMessage(envelope)) {
      const refusal = this.#trust.hear(envelope, connection);
      if (refusal !== null) return void spoke.outgoing.push(link({ do: 'undelivered', envelope, refusal }, this.#options.now()));
      if (spoke.lastSource === envelope.source) return this.#bus.send(envelope);
      spoke.lastSource = envelope.source;
      if (this.#sources.size < SOURCES_MAX || this.#sources.has(envelope.source)) this.#sources.set(envelope.source, spoke);
      return this.#bus.send(envelope);
    }
    const said = linkOf(envelope);
    if (said === null || this.#trust.heard(said, connection)) return;
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
    if (spoke !== undefined && refusal.reason === 'overloaded' && (spoke.overloads += 1) === OVERLOADS_MAX) {
      const detail = `${OVERLOADS_MAX} messages of ${spoke.name} found a full queue in a second: send what \`pressured\` allows`;
      const { link: connection } = spoke;
      setImmediate(() => setImmediate(() => connection?.cut({ reason: 'overloaded', detail }))); // it hears of them first
    }
    const back = (): Envelope => link({ do: 'undelivered', envelope, refusal }, this.#options.now());
    if (spoke === undefined || spoke.link === null || !spoke.outgoing.push(back())) {
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

export interface SocketSpokeOptions extends SocketBusOptions {
  /** The host whose process is the hub: nobody else is believed to be it. */
  readonly hub: string;
}

export class SocketSpoke implements Bus, Membership {
  readonly #options: SocketSpokeOptions;
  readonly #trust: SocketTrust;
  readonly #outgoing: Outgoing;
  readonly #locals = new Map<string, Local>();
  readonly #joined = new Map<string, Set<string>>();
  #socket: Socket | null = null;
  /** Once the two have met. */
  #link: SocketLink | null = null;
  #to: [string, string, string, string] = ['', '', '', ''];
  #failures = 0;
  #retry: NodeJS.Timeout | null = null;
  #reporting = false;
  readonly #sweeping: NodeJS.Timeout;
  #closed = false;

  constructor(options: SocketSpokeOptions) {
    this.#options = options;
    this.#trust = new SocketTrust(options, true);
    this.#outgoing = this.#trust.outgoing(options.onUndelivered);
    this.#connect();
    this.#sweeping = setInterval(() => {
      const now = options.now();
      for (const { exchange } of this.#locals.values()) if (exchange.expiry < now) exchange.sweep(now);
      if (this.#link !== null) cutStalled(this.#link, this.#outgoing, now);
    }, SWEEP_MS);
    this.#sweeping.unref();
  }

  get connected(): boolean {
    return this.#link !== null;
  }

  /** For the `verify` of this process's host. */
  verify(envelope: Envelope, again: boolean): Refusal | null {
    return this.#trust.verify(envelope, again);
  }

  send(unsigned: Envelope): void {
    const envelope = this.#trust.sign(unsigned);
    if (envelope === null || this.#outgoing.push(envelope)) return;
    const detail = `${envelope.type} to ${envelope.audience} found ${this.#outgoing.size} messages waiting for the hub: send again later`;
    this.#options.onUndelivered(envelope, { reason: 'overloaded', detail });
  }

  /** All audiences are reached through the hub: what waits for it waits for each of them. */
  pressured(_audience: string): boolean {
    return this.#outgoing.size > PRESSURED_ABOVE;
  }

  attach(address: string, receive: Receive): void {
    assert(!this.#locals.has(address), `${address} already has a receiver on this bus`);
    const local: Local = { receive: this.#trust.reader(receive), exchange: this.#exchange(address), taken: [0, 0, 0, 0] };
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
    this.#socket = socket;
    let frames = 0;
    const connection = this.#trust.link(socket, this.#options.hub, {
      onMet: () => this.#begin(connection),
      onRenewed: () => this.#outgoing.flushSoon(),
      onFrame: (envelopes) => {
        frames += 1;
        for (const envelope of envelopes) this.#take(connection, envelope);
        if (isWorthAnAnswer(envelopes, frames)) this.#say({ do: 'got', counts: [frames] });
      },
    });
    const tending = setInterval(() => connection.tend(), SWEEP_MS);
    tending.unref();
    socket.on('connect', () => connection.begin());
    socket.on('error', () => {}); // `close` follows
    socket.on('close', () => {
      clearInterval(tending);
      if (this.#link === connection) {
        this.#link = null;
        this.#outgoing.disconnect();
      }
      if (this.#closed) return;
      const wait = fullJitter(this.#failures, RETRY_MS, RETRY_MS_MAX, Math.random());
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#connect(), wait);
    });
  }

  #begin(connection: SocketLink): void {
    this.#link = connection;
    this.#failures = 0;
    this.#to = ['', '', '', ''];
    this.#outgoing.connect(connection, isMessage);
    for (const said of this.#trust.certificates()) this.#say(said);
    for (const [address, local] of this.#locals) {
      // The hub sends again what it has not heard to be taken, so what waits here would come twice and out of order.
      local.exchange = this.#exchange(address);
      local.taken = [0, 0, 0, 0];
      this.#attachLocal(address, local);
      this.#say({ do: 'attach', address });
    }
    for (const [address, joined] of this.#joined) for (const other of joined) this.#say({ do: 'join', address, other });
  }

  #take(connection: SocketLink, envelope: Envelope): void {
    if (isMessage(envelope)) {
      if (this.#trust.hear(envelope, connection) !== null) return this.#tookOne(this.#to[envelope.priority], envelope.priority);
      const address = this.#to[envelope.priority];
      return this.#locals.get(address)?.exchange.arrive(address, envelope); // of a detached one the hub takes it back
    }
    const said = linkOf(envelope);
    if (said !== null && this.#trust.heard(said, connection)) return;
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
    if (this.#link === null || this.#outgoing.push(link(said, this.#options.now()))) return;
    this.#link.socket.destroy(); // the queue is full beyond its reserve: the next connection says it all
  }
}

function cutStalled(connection: SocketLink, { owedSince }: Outgoing, now: Millis): void {
  if (owedSince === null || now - owedSince < STALLED_MS) return;
  connection.cut({ reason: 'timed-out', detail: `${connection.peer} acknowledged nothing for ${now - owedSince} ms` });
}

function isFromPool({ audience }: Envelope): boolean {
  return parseSubject(audience)?.kind === 'pool';
}

/** An answer to every frame, and seldom one to what is only an answer. */
function isWorthAnAnswer(envelopes: readonly Envelope[], frames: number): boolean {
  return frames % ANSWER_EVERY === 0 || isOwed(envelopes);
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
