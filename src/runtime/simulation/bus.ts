/**
 * The bus between simulated hosts and their callers: at least once, in order per sender, receiver and priority, each message
 * delayed by the seed and sometimes carried twice. A group's members are those of the instant of sending; each copy travels by
 * itself. What nobody is attached for waits until it expires.
 */
import type { Millis, Random } from '../../kernel/index.ts';
import type { Bus, Membership } from '../../ports/index.ts';
import { type Envelope, Exchange, type ExchangeOptions, PRESSURED_ABOVE, type Receive } from '../../protocol/index.ts';
import type { Scheduled, Timeline } from './timeline.ts';

export interface SimBusOptions extends Partial<Omit<ExchangeOptions, 'onReady'>> {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly messageDelayMax?: () => Millis;
  readonly duplicate?: () => number;
  /** The time by which senders stamp their messages. */
  readonly now?: () => Millis;
}

const ORDERS_MAX = 64 * 1024; // beyond it, those of lanes that nothing is under way in are forgotten

export class SimBus implements Bus, Membership {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #messageDelayMax: () => Millis;
  readonly #duplicate: () => number;
  readonly #now: () => Millis;
  readonly #exchange: Exchange;
  readonly #inFlight = new Map<string, number>();
  /** When the last message of a sender, receiver and priority arrives: the next one comes no earlier. */
  readonly #lastAt = new Map<string, Millis>();
  #arriving = false;
  #turn: Scheduled | null = null;
  #sweep: { readonly at: Millis; readonly scheduled: Scheduled } | null = null;

  constructor(options: SimBusOptions) {
    this.#timeline = options.timeline;
    this.#random = options.random;
    this.#messageDelayMax = options.messageDelayMax ?? (() => 1);
    this.#duplicate = options.duplicate ?? (() => 0);
    this.#now = options.now ?? (() => this.#timeline.now);
    this.#exchange = new Exchange({
      onUndelivered: () => {},
      ...options,
      onReady: () => {
        if (!this.#arriving) this.#turn ??= this.#timeline.after(0, () => this.#deliver());
      },
    });
  }

  send(envelope: Envelope): void {
    for (const address of this.#exchange.targets(envelope.audience)) {
      this.#carry(envelope, address);
      if (this.#random.chance(this.#duplicate())) this.#carry(envelope, address);
    }
  }

  pressured(audience: string): boolean {
    return (this.#inFlight.get(audience) ?? 0) + this.#exchange.depth(audience) > PRESSURED_ABOVE;
  }

  attach(address: string, receive: Receive): void {
    this.#exchange.attach(address, receive);
  }

  detach(address: string): void {
    this.#exchange.detach(address);
  }

  resume(address: string): void {
    this.#exchange.resume(address);
  }

  join(address: string, to: string): void {
    this.#exchange.join(address, to);
  }

  leave(address: string, from: string): void {
    this.#exchange.leave(address, from);
  }

  #carry(envelope: Envelope, address: string): void {
    const lane = `${envelope.source}\0${address}\0${envelope.priority}`;
    const delay = 1 + this.#random.below(this.#messageDelayMax());
    const at = Math.max(this.#lastAt.get(lane) ?? 0, this.#timeline.now + delay);
    this.#lastAt.set(lane, at);
    if (this.#lastAt.size > ORDERS_MAX) this.#forget();
    this.#inFlight.set(address, (this.#inFlight.get(address) ?? 0) + 1);
    this.#timeline.at(at, () => {
      const left = this.#inFlight.get(address)! - 1;
      if (left === 0) this.#inFlight.delete(address);
      else this.#inFlight.set(address, left);
      this.#arriving = true; // it is offered in this event, not in one of its own
      this.#exchange.arrive(address, envelope);
      this.#arriving = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    this.#turn?.cancel();
    this.#turn = null;
    this.#exchange.deliver(this.#now());
    this.#sweepInTime();
  }

  #sweepInTime(): void {
    const left = this.#exchange.expiry - this.#now() + 1;
    if (!Number.isFinite(left)) return;
    const at = this.#timeline.now + Math.max(1, left);
    if (this.#sweep !== null && this.#sweep.at <= at) return;
    this.#sweep?.scheduled.cancel();
    const scheduled = this.#timeline.at(at, () => {
      this.#sweep = null;
      this.#exchange.sweep(this.#now());
      this.#sweepInTime();
    });
    this.#sweep = { at, scheduled };
  }

  #forget(): void {
    for (const [lane, at] of this.#lastAt) if (at <= this.#timeline.now) this.#lastAt.delete(lane);
  }
}
