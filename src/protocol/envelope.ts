/**
 * The message as hosts and rooms see it: a CloudEvent 1.0.2 with the attributes a fleet needs.
 * Frozen and decoded; bytes, signatures and frames belong to the codec. Source: DESIGN of the fleet, seed 3 (2.4).
 */
import type { Id, Millis, Priority } from '../kernel/index.ts';
import type { Contract } from './contract.ts';

export type Routing = 'direct' | 'broadcast' | 'scatter-gather' | 'pipeline';
export type Verb = 'observe' | 'orient' | 'decide' | 'act' | 'record' | 'sync';
export type Trinary = 'ready' | 'conflict' | 'transit';

/** What a coordinated arrival adds to a message (seed 3). All times in milliseconds of host time. */
export interface Coordination {
  readonly targetArrival: Millis;
  readonly window: Millis;
  readonly payloadWeight: number;
  readonly requires: readonly string[];
  readonly verb: Verb;
  readonly lead: Millis;
  readonly expectedProcessing: Millis;
  /** 0..1000: integers only, because envelopes are signed. */
  readonly confidence: number;
  readonly expectation: Trinary;
}

export interface Envelope<T = unknown> {
  readonly id: Id;
  /** `agent:<realm>/<path>` or `host:<realm>/<host>`: a name, never an address. */
  readonly source: string;
  /** The contract, `domain.kind.name.vN`. */
  readonly type: string;
  readonly time: Millis;
  readonly subject: string;
  /** Hash of the contract that the producer used. */
  readonly dataschema: string;
  readonly data: T;
  readonly correlation: Id;
  readonly causation: Id | null;
  readonly idempotencyKey: string;
  readonly ttl: Millis;
  readonly priority: Priority;
  readonly audience: string;
  readonly routing: Routing;
  readonly keyId: string;
  readonly session: string;
  readonly sequence: number;
  readonly haltEpoch: number;
  /** Decision ids with the policy hash they were made under. */
  readonly approvals: readonly string[];
  readonly traceparent: string;
  readonly coordination: Coordination | null;
  /** Commit sequence of the sending host that must be durable before this leaves it; 0 = depends on nothing. */
  readonly dependsOn: number;
}

/** What every message has to say; the rest of an envelope has a meaning when it is left out. */
export type Spoken<T> = Pick<Envelope<T>, 'id' | 'source' | 'time' | 'subject' | 'audience'> & Partial<Envelope<T>>;

/** A message under a contract: direct, of priority 1, as long-lived as the contract allows, a deed of its own. */
export function makeEnvelope<T>(contract: Contract<T>, data: T, spoken: Spoken<T>): Envelope<T> {
  return {
    type: contract.type,
    dataschema: contract.hash,
    data,
    correlation: spoken.id,
    causation: null,
    idempotencyKey: spoken.id,
    ttl: contract.ttlMax,
    priority: 1,
    routing: 'direct',
    keyId: '',
    session: '',
    sequence: 0,
    haltEpoch: 0,
    approvals: [],
    traceparent: '',
    coordination: null,
    dependsOn: 0,
    ...spoken,
  };
}
