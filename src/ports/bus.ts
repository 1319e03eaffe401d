import type { Envelope } from '../protocol/index.ts';

/** Takes a message or answers that there is no room for it now; the bus then offers it again when the receiver says so. */
export type Receive = (envelope: Envelope) => boolean;

/** Carries envelopes between the hosts of one realm: at least once, in order per sender, receiver and priority. */
export interface Bus {
  /** Never fails and never blocks. Above the peer's high water `pressured` answers true for it. */
  send(envelope: Envelope): void;
  /** True while more than 1,024 messages wait for this audience: stop feeding bulk work that fills it. */
  pressured(audience: string): boolean;
  /** `address` is a host, a group, or a topic; one receiver each. */
  attach(address: string, receive: Receive): void;
  detach(address: string): void;
  /** The receiver has room again. */
  resume(address: string): void;
}
