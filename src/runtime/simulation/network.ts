/**
 * The network between simulated hosts: it loses, repeats, delays and overtakes as the seed says; links are cut (both ways or one
 * way) and clogged one by one. Without those faults it keeps order per sender, receiver and priority. What arrives where nobody
 * listens is lost, as on a closed port: whoever wants it delivered sends it again.
 *
 * What leaves one end for another in one turn, of one priority, travels as one frame and shares its fate. A link is a connection:
 * when its receiver dies, what is on the way is lost.
 *
 *   send ─▶ frame ─▶ sealed (frozen, tagged; or the real codec) ─▶ link: cut? lost? late? twice? damaged? ─▶ opened or refused ─▶ receive
 */
import { assert, type Millis, type Priority, type Random } from '../../kernel/index.ts';
import type { Bus, Receive } from '../../ports/index.ts';
import { type Envelope, FRAME_MESSAGES_FLUSH } from '../../protocol/index.ts';
import type { Timeline } from './timeline.ts';

/** What may happen to one message; shares are 0..1. */
export interface NetworkFaults {
  readonly drop: number;
  readonly duplicate: number;
  /** Chance to be late by up to `messageDelayMax` and overtaken meanwhile. */
  readonly reorder: number;
  /** Chance that a bit changes on the way. */
  readonly damage: number;
  readonly messageDelayMax: Millis;
}

/** How a frame of messages looks on the way. `open` answers null for what was changed or does not belong here. */
export interface Wire {
  seal(envelopes: readonly Envelope[], from: string, to: string): Sealed;
  open(sealed: Sealed, at: string): readonly Envelope[] | null;
  /** The process there died, and with it all that it held in memory. */
  forget(address: string): void;
  /** A bit of it changes. */
  damage(sealed: Sealed, random: Random): Sealed;
}

/** Opaque outside its `Wire`. */
export interface Sealed {
  readonly tag: number;
  readonly content: readonly Envelope[] | Uint8Array;
}

export interface SimNetworkOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly faults: () => NetworkFaults;
  readonly wire?: Wire;
  /** Told of everything that was sent and did not arrive. */
  readonly onLost?: (why: Lost, from: number, to: number) => void;
}

export type Lost = 'cut' | 'dropped' | 'damaged' | 'closed' | 'unknown' | 'overflow';

const ENDPOINTS_MAX = 128; // a fleet of hosts and its callers; links are a table of its square
const WAITING_MAX = 4096; // messages that a receiver has refused for now
const PRESSURE = 1024; // as the port says
const PRIORITIES = 4;

interface Endpoint {
  readonly index: number;
  readonly address: string;
  receive: Receive | null;
  /** One queue per priority; what was refused stays at its head. */
  readonly waiting: [Envelope[], Envelope[], Envelope[], Envelope[]];
  inFlight: number;
  /** Grows with every death. */
  life: number;
  /** Frames of this turn by receiver and priority. */
  readonly filling: Map<number, Frame>;
  /** It refused a message: nothing is offered until it says that there is room. */
  full: boolean;
}

interface Frame {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly priority: Priority;
  readonly line: number;
  readonly envelopes: Envelope[];
}

interface Carried {
  readonly to: Endpoint;
  /** Of the receiver, when it left. */
  readonly life: number;
  readonly messages: number;
  readonly from: number;
  readonly priority: Priority;
  readonly sealed: Sealed;
}

export class SimNetwork {
  readonly #timeline: Timeline;
  readonly #random: Random;
  /** Of its own: how a message is damaged must not change what else happens. */
  readonly #damage: Random;
  readonly #faults: () => NetworkFaults;
  readonly #wire: Wire;
  readonly #onLost: (why: Lost, from: number, to: number) => void;
  readonly #endpoints: Endpoint[] = [];
  readonly #byAddress = new Map<string, Endpoint>();
  /** By link: how many cuts lie on it, and until when it is clogged. */
  readonly #cuts = new Uint8Array(ENDPOINTS_MAX * ENDPOINTS_MAX);
  readonly #clogged = new Float64Array(ENDPOINTS_MAX * ENDPOINTS_MAX);
  /** By link and priority: when the last message arrives; the next one comes no earlier. */
  readonly #lastAt: Float64Array[] = [];
  #healings = 0;
  readonly #arrive = (carried: Carried): void => this.#arrived(carried);
  readonly #leave = (frame: Frame): void => this.#left(frame);

  constructor(options: SimNetworkOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#damage = options.random.stream('damage');
    this.#faults = options.faults;
    this.#wire = options.wire ?? FROZEN;
    this.#onLost = options.onLost ?? (() => {});
  }

  /** The bus as one endpoint sees it; the same address is the same endpoint. */
  port(address: string): Bus {
    const from = this.#endpoint(address);
    return {
      send: (envelope) => this.#send(from, envelope),
      pressured: (audience) => {
        const to = this.#byAddress.get(audience);
        return to !== undefined && to.inFlight + waitingAt(to) > PRESSURE;
      },
      attach: (at, receive) => {
        this.#endpoint(at).receive = receive;
        this.#resume(at);
      },
      detach: (at) => {
        const endpoint = this.#endpoint(at);
        endpoint.receive = null;
        endpoint.life += 1;
        endpoint.filling.clear();
        this.#wire.forget(at);
        // A process that died takes what waited in its socket with it.
        for (const lane of endpoint.waiting) lane.length = 0;
      },
      resume: (at) => this.#resume(at),
    };
  }

  /** A signal beside the messages, such as an acknowledgement: under the same faults, in the order of priority 0. */
  carry<T>(from: string, to: string, run: (argument: T) => void, argument: T): void {
    const [sender, receiver] = [this.#endpoint(from), this.#endpoint(to)];
    const at = this.#passes(sender.index, receiver.index, 0, 0, this.#faults());
    if (at >= 0) this.#timeline.post(at, run, argument);
  }

  /** Cuts the link one way; as often as it is cut it has to be mended. */
  cut(from: string, to: string): void {
    this.#cuts[this.#link(from, to)]! += 1;
  }

  mend(from: string, to: string): void {
    const link = this.#link(from, to);
    assert(this.#cuts[link]! > 0, `the link from ${from} to ${to} is not cut`);
    this.#cuts[link]! -= 1;
  }

  /** Holds back what is sent one way until then. */
  clog(from: string, to: string, until: Millis): void {
    const link = this.#link(from, to);
    this.#clogged[link] = Math.max(this.#clogged[link]!, until);
  }

  /** How often it was healed: who has a cut to mend finds it mended. */
  get healings(): number {
    return this.#healings;
  }

  /** No cut, nothing clogged. */
  heal(): void {
    this.#healings += 1;
    this.#cuts.fill(0);
    this.#clogged.fill(0);
  }

  #send(from: Endpoint, envelope: Envelope): void {
    const to = this.#byAddress.get(envelope.audience);
    if (to === undefined) return this.#onLost('unknown', from.index, -1);
    const { priority } = envelope;
    const line = to.index * PRIORITIES + priority;
    let frame = from.filling.get(line);
    if (frame === undefined) {
      frame = { from, to, priority, line, envelopes: [] };
      from.filling.set(line, frame);
      this.#timeline.post(this.#timeline.now, this.#leave, frame);
    }
    frame.envelopes.push(envelope);
    if (frame.envelopes.length >= FRAME_MESSAGES_FLUSH) this.#left(frame);
  }

  #left(frame: Frame): void {
    const { from, line } = frame;
    if (from.filling.get(line) !== frame) return; // it was full before, or its sender is dead
    from.filling.delete(line);
    this.#carryFrame(frame);
    const { duplicate } = this.#faults();
    if (duplicate > 0 && this.#random.chance(duplicate)) this.#carryFrame(frame);
  }

  #carryFrame({ from, to, priority, envelopes }: Frame): void {
    const faults = this.#faults();
    const at = this.#passes(from.index, to.index, priority, 1, faults);
    if (at < 0) return;
    let sealed = this.#wire.seal(envelopes, from.address, to.address);
    const { damage } = faults;
    if (damage > 0 && this.#random.chance(damage)) sealed = this.#wire.damage(sealed, this.#damage);
    const messages = envelopes.length;
    to.inFlight += messages;
    this.#timeline.post(at, this.#arrive, { to, life: to.life, messages, from: from.index, priority, sealed });
  }

  /** When it arrives, or -1. */
  #passes(from: number, to: number, priority: Priority, lane: 0 | 1, faults: NetworkFaults): Millis {
    const link = from * ENDPOINTS_MAX + to;
    if (this.#cuts[link]! > 0) {
      this.#onLost('cut', from, to);
      return -1;
    }
    if (faults.drop > 0 && this.#random.chance(faults.drop)) {
      this.#onLost('dropped', from, to);
      return -1;
    }
    let at = Math.max(this.#timeline.now, this.#clogged[link]!) + 1 + this.#random.below(faults.messageDelayMax);
    const lasts = (this.#lastAt[from] ??= new Float64Array(ENDPOINTS_MAX * (PRIORITIES + 1)));
    const last = to * (PRIORITIES + 1) + (lane === 0 ? PRIORITIES : priority);
    if (faults.reorder > 0 && this.#random.chance(faults.reorder)) return at + this.#random.below(faults.messageDelayMax + 1);
    at = Math.max(at, lasts[last]!);
    lasts[last] = at;
    return at;
  }

  #arrived({ to, life, messages, from, priority, sealed }: Carried): void {
    to.inFlight -= messages;
    if (to.receive === null || to.life !== life) return this.#onLost('closed', from, to.index);
    const envelopes = this.#wire.open(sealed, to.address);
    if (envelopes === null) return this.#onLost('damaged', from, to.index);
    const lane = to.waiting[priority];
    for (const envelope of envelopes) {
      if (to.life !== life) return this.#onLost('closed', from, to.index);
      if (lane.length === 0 && !to.full && to.receive(envelope, false)) continue;
      if (to.life !== life) return this.#onLost('closed', from, to.index);
      if (waitingAt(to) >= WAITING_MAX) return this.#onLost('overflow', from, to.index);
      lane.push(envelope);
      to.full = true;
    }
  }

  #resume(address: string): void {
    const endpoint = this.#endpoint(address);
    endpoint.full = false;
    if (waitingAt(endpoint) > 0) this.#timeline.after(0, () => this.#drain(endpoint));
  }

  #drain(endpoint: Endpoint): void {
    for (const lane of endpoint.waiting) {
      while (lane.length > 0 && endpoint.receive !== null && !endpoint.full) {
        const envelope = lane.shift()!;
        if (endpoint.receive(envelope, false)) continue;
        lane.unshift(envelope);
        endpoint.full = true;
      }
    }
  }

  #link(from: string, to: string): number {
    return this.#endpoint(from).index * ENDPOINTS_MAX + this.#endpoint(to).index;
  }

  #endpoint(address: string): Endpoint {
    let endpoint = this.#byAddress.get(address);
    if (endpoint === undefined) {
      const index = this.#endpoints.length;
      assert(index < ENDPOINTS_MAX, `a simulated network has at most ${ENDPOINTS_MAX} endpoints`);
      endpoint = {
        index,
        address,
        receive: null,
        waiting: [[], [], [], []],
        inFlight: 0,
        life: 0,
        filling: new Map(),
        full: false,
      };
      this.#endpoints.push(endpoint);
      this.#byAddress.set(address, endpoint);
    }
    return endpoint;
  }
}

function waitingAt({ waiting }: Endpoint): number {
  return waiting[0].length + waiting[1].length + waiting[2].length + waiting[3].length;
}

/** The envelopes themselves, frozen, under a tag that stands for a MAC: no bytes are made. */
export const FROZEN: Wire = {
  seal(envelopes) {
    for (const envelope of envelopes) {
      if (Object.isFrozen(envelope)) continue;
      freeze(envelope.data);
      Object.freeze(envelope);
    }
    return { tag: tagOf(envelopes), content: envelopes };
  },
  open: ({ tag, content }) => {
    const envelopes = content as readonly Envelope[];
    return tag === tagOf(envelopes) ? envelopes : null;
  },
  forget: () => {},
  damage: ({ tag, content }, random) => ({ tag: tag ^ (1 << random.below(32)), content }),
};

function tagOf(envelopes: readonly Envelope[]): number {
  let tag = envelopes.length;
  for (const { id, time, priority } of envelopes) {
    tag = Math.imul(tag ^ (time | 0) ^ priority, 0x01000193);
    for (let i = 24; i < id.length; i++) tag = Math.imul(tag ^ id.charCodeAt(i), 0x01000193);
  }
  return tag | 0;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
}
