/**
 * The bus inside one process: an exchange that delivers in a later turn of the event loop and never while a receiver is at work.
 * Nothing is lost in silence: messages wait for an address that is not attached; what expired or found its queue full goes to
 * `onUndelivered`.
 */
import type { Millis } from '../../kernel/index.ts';
import type { Bus, Membership } from '../../ports/index.ts';
import { Exchange, type ExchangeOptions, PRESSURED_ABOVE } from '../../protocol/index.ts';

const SWEEP_MS = 1000; // a sweep walks everything that waits; a sender hears of an expiry this much late at most

export interface BusOptions extends Omit<ExchangeOptions, 'onReady'> {
  /** The time by which senders stamp their messages. */
  readonly now: () => Millis;
}

export function inProcessBus(options: BusOptions): Bus & Membership {
  const exchange = new Exchange({ ...options, onReady: () => void setImmediate(turn) });
  let sweeping = false;

  const sweepLater = (): void => {
    sweeping = true;
    // It keeps no process alive: whoever waits for an answer does.
    setTimeout(sweep, Math.min(Math.max(SWEEP_MS, exchange.expiry - options.now()), 60 * SWEEP_MS)).unref();
  };
  const sweep = (): void => {
    sweeping = false;
    const now = options.now();
    if (exchange.expiry < now) exchange.sweep(now);
    if (exchange.waiting > 0) sweepLater();
  };
  const turn = (): void => {
    exchange.deliver(options.now());
    if (exchange.waiting > 0 && !sweeping) sweepLater();
  };

  return {
    send(envelope) {
      exchange.send(envelope);
      if (!sweeping && !exchange.ready && exchange.waiting > 0) sweepLater(); // nobody takes it now
    },
    pressured: (audience) => exchange.depth(audience) > PRESSURED_ABOVE,
    attach: (address, receive) => exchange.attach(address, receive),
    detach: (address) => exchange.detach(address),
    resume: (address) => exchange.resume(address),
    join: (address, to) => exchange.join(address, to),
    leave: (address, from) => exchange.leave(address, from),
  };
}
