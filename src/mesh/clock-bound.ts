/**
 * What a leader knows of another clock: how far it is off, and within which bound. Owns one exchange's arithmetic and a filter
 * over the last ones. A bound is a promise: the true offset lies in [offset - bound, offset + bound] while the clock runs within
 * DRIFT_PPM and does not jump. Sources: RFC 5905 (four time stamps), Corbett et al., Spanner, 2012 (bounds, not "sync").
 */

/** Of one exchange: sent and received back on our clock, received and answered on theirs; ms. */
export interface Exchange {
  readonly sent: number;
  readonly received: number;
  readonly answered: number;
  readonly returned: number;
}

export interface ClockEstimate {
  /** Their clock minus ours. */
  readonly offsetMs: number;
  readonly boundMs: number;
}

export type Heard = 'kept' | 'jumped' | 'impossible';

const DRIFT_PPM = 200; // an uncompensated crystal; a disciplined clock claims its own, smaller bound
const KEPT = 8; // exchanges: at one in 5 s, 40 s, over which drift adds 8 us
/** No clock of software is read more exactly; who claims a bound of 0 gets this. */
export const BOUND_MIN_MS = 0.05;
/** A sample of a one-way delay counts only when the bound of the clock is at most a quarter of it. */
const ONE_WAY_BOUND_SHARE = 0.25;

interface Sample {
  readonly at: number;
  readonly offsetMs: number;
  readonly halfTripMs: number;
}

export class ClockBound {
  #samples: Sample[] = [];

  /** `jumped`: no steady clock explains this and what was kept; from now on only this one counts. */
  hear(exchange: Exchange): Heard {
    const trip = exchange.returned - exchange.sent - (exchange.answered - exchange.received);
    if (!(trip >= 0) || !(exchange.answered >= exchange.received) || trip === Infinity) return 'impossible';
    const offsetMs = (exchange.received - exchange.sent + (exchange.answered - exchange.returned)) / 2;
    const before = this.at(exchange.returned);
    const sample = { at: exchange.returned, offsetMs, halfTripMs: trip / 2 };
    if (before !== null && Math.abs(before.offsetMs - offsetMs) > before.boundMs + sample.halfTripMs) {
      this.#samples = [sample];
      return 'jumped';
    }
    this.#samples.push(sample);
    if (this.#samples.length > KEPT) this.#samples.shift();
    return 'kept';
  }

  /** From the exchange that bounds it best now: the shortest round trip, aged by drift. null before the first. */
  at(now: number): ClockEstimate | null {
    let best: ClockEstimate | null = null;
    for (const { at, offsetMs, halfTripMs } of this.#samples) {
      const boundMs = Math.max(BOUND_MIN_MS, halfTripMs + (Math.max(0, now - at) * DRIFT_PPM) / 1_000_000);
      if (best === null || boundMs < best.boundMs) best = { offsetMs, boundMs };
    }
    return best;
  }

  /** What an agent says of its own clock is taken when it is better and nothing measured speaks against it. */
  withClaim(claimedMs: number, now: number): ClockEstimate | null {
    const measured = this.at(now);
    if (measured === null || !(claimedMs >= 0) || claimedMs >= measured.boundMs) return measured;
    const refuted = Math.abs(measured.offsetMs) > measured.boundMs + claimedMs;
    return refuted ? measured : { offsetMs: 0, boundMs: Math.max(BOUND_MIN_MS, claimedMs) };
  }
}

/** How long a message took one way: both time stamps, on two clocks. null: the clocks are not known well enough to say. */
export function oneWayMs(sent: number, received: number, clock: ClockEstimate): number | null {
  const delay = received - clock.offsetMs - sent;
  return delay > 0 && clock.boundMs <= ONE_WAY_BOUND_SHARE * delay ? delay : null;
}
