import type { Envelope, Receive } from '../protocol/index.ts';

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

/** Who hears what is said to many. A member is an attached address; its messages come to its one receiver. */
export interface Membership {
  /** `to` is a group (all members hear it), a topic or one bucket of it, or a pool (one member takes it). Twice is once. */
  join(address: string, to: string): void;
  leave(address: string, from: string): void;
}
