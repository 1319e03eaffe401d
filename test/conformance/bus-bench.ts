/** What the bus suites need of a bus, and the messages that they send. */
import type { Id } from '../../src/kernel/index.ts';
import type { Bus, Membership } from '../../src/ports/index.ts';
import type { ConsumerNotice, Envelope, Refusal } from '../../src/protocol/index.ts';

export interface BusBench {
  readonly bus: Bus & Membership;
  /** Lets time pass until nothing moves any more. */
  readonly idle: () => Promise<void>;
  /** The time by which messages are stamped. */
  readonly now: () => number;
  readonly pass: (ms: number) => Promise<void>;
  readonly undelivered: readonly { readonly envelope: Envelope; readonly refusal: Refusal }[];
  readonly notices: readonly ConsumerNotice[];
}

/** `queueMax`: messages that one queue holds. */
export type MakeBus = (queueMax?: number) => BusBench;

/** Takes each message once: a bus promises at least that. */
export function once(receive: (envelope: Envelope) => boolean): (envelope: Envelope) => boolean {
  const seen = new Set<string>();
  return (envelope) => {
    if (seen.has(envelope.id)) return true;
    const taken = receive(envelope);
    if (taken) seen.add(envelope.id);
    return taken;
  };
}

export function message(audience: string, sequence: number, more: Partial<Envelope> = {}): Envelope {
  const id = sequence.toString(16).padStart(32, '0') as Id;
  return {
    id,
    source: 'host:r/sender',
    type: 'work.event.done.v1',
    time: 0,
    subject: 'task',
    dataschema: '',
    data: null,
    correlation: id,
    causation: null,
    idempotencyKey: id,
    ttl: 3_600_000,
    priority: 2,
    audience,
    routing: 'direct',
    keyId: '',
    session: 's',
    sequence,
    haltEpoch: 0,
    approvals: [],
    traceparent: '',
    coordination: null,
    dependsOn: 0,
    ...more,
  };
}
