/**
 * The bus between simulated hosts and their callers: at least once, in order per sender, receiver and priority, each message
 * delayed by the seed and sometimes carried twice. What nobody is attached for waits.
 */
import type { Millis, Random } from '../../kernel/index.ts';
import type { Bus, Receive } from '../../ports/index.ts';
import type { Envelope } from '../../protocol/index.ts';
import type { Timeline } from './timeline.ts';

export interface SimBusOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly messageDelayMax?: () => Millis;
  readonly duplicate?: () => number;
}

interface Receiver {
  receive: Receive | null;
  /** One queue per priority; what was refused stays at its head. */
  readonly waiting: [Envelope[], Envelope[], Envelope[], Envelope[]];
  inFlight: number;
  /** It refused a message: nothing is offered until it says that there is room. */
  full: boolean;
}

const PRESSURE = 1024; // as the port says

export class SimBus implements Bus {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #messageDelayMax: () => Millis;
  readonly #duplicate: () => number;
  readonly #receivers = new Map<string, Receiver>();
  /** When the last message of a sender, receiver and priority arrives: the next one comes no earlier. */
  readonly #lastAt = new Map<string, Millis>();

  constructor(options: SimBusOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#messageDelayMax = options.messageDelayMax ?? (() => 1);
    this.#duplicate = options.duplicate ?? (() => 0);
  }

  send(envelope: Envelope): void {
    this.#carry(envelope);
    if (this.#random.chance(this.#duplicate())) this.#carry(envelope);
  }

  pressured(audience: string): boolean {
    const receiver = this.#receivers.get(audience);
    if (receiver === undefined) return false;
    return receiver.inFlight + receiver.waiting.reduce((sum, lane) => sum + lane.length, 0) > PRESSURE;
  }

  attach(address: string, receive: Receive): void {
    this.#receiver(address).receive = receive;
    this.resume(address);
  }

  detach(address: string): void {
    this.#receiver(address).receive = null;
  }

  resume(address: string): void {
    const receiver = this.#receiver(address);
    receiver.full = false;
    this.#timeline.after(0, () => this.#drain(receiver));
  }

  #carry(envelope: Envelope): void {
    const lane = `${envelope.source}\0${envelope.audience}\0${envelope.priority}`;
    const delay = 1 + this.#random.below(this.#messageDelayMax());
    const at = Math.max(this.#lastAt.get(lane) ?? 0, this.#timeline.now + delay);
    this.#lastAt.set(lane, at);
    const receiver = this.#receiver(envelope.audience);
    receiver.inFlight += 1;
    this.#timeline.at(at, () => {
      receiver.inFlight -= 1;
      receiver.waiting[envelope.priority].push(envelope);
      this.#drain(receiver);
    });
  }

  #drain(receiver: Receiver): void {
    for (const lane of receiver.waiting) {
      while (lane.length > 0 && receiver.receive !== null && !receiver.full) {
        const envelope = lane.shift()!;
        if (receiver.receive(envelope)) continue;
        lane.unshift(envelope);
        receiver.full = true;
      }
    }
  }

  #receiver(address: string): Receiver {
    let receiver = this.#receivers.get(address);
    if (receiver === undefined) {
      receiver = { receive: null, waiting: [[], [], [], []], inFlight: 0, full: false };
      this.#receivers.set(address, receiver);
    }
    return receiver;
  }
}
