/** What shards say to each other: offer, need, request, state delta, hand-off, with the field names of the shard system. */
import { type Static, Type } from 'typebox';
import { type Contract, defineContract } from '../protocol/index.ts';
import { closed, Count, Document, Key, Ratio, Span, Who, Word } from './words.ts';

/** `self_healing`, `capacity_planner`; written as the seed writes them. */
export const Capability = Type.String({ pattern: '^[a-z][a-z0-9_]{0,63}$' });

/** The shard that speaks. The envelope's source is who is believed; a host refuses a message where they are of different agents. */
const sender = Who;

const Offer = Type.Object(
  {
    sender,
    capability: Capability,
    /** 0 = idle, 1 = full. */
    load_factor: Ratio,
    /** The need it answers; without it everybody is told. */
    need_id: Type.Optional(Key),
  },
  closed,
);
const Need = Type.Object(
  {
    sender,
    need_id: Key,
    need_type: Capability,
    urgency: Type.Enum(['low', 'medium', 'high', 'critical']),
    /** Offers that come later do not count. */
    answer_within_ms: Type.Optional(Span),
  },
  closed,
);
const Request = Type.Object(
  {
    sender,
    recipient: Who,
    request_id: Key,
    work: Document,
    /** Of the lease under which the work is given; an answer with another one is stale. */
    fence: Count,
  },
  closed,
);
const Delta = Type.Object(
  {
    sender,
    entity_type: Word,
    entity_id: Key,
    operation: Type.Enum(['create', 'update', 'delete']),
    changes: Document,
    /** Counts up for each entity and sender: which is newer is never asked of a wall clock. */
    version: Count,
  },
  closed,
);
const Handoff = Type.Object(
  {
    sender,
    recipient: Type.Optional(Who),
    task_id: Key,
    task: Document,
    /** The fence that ends with this; the receiver works under a higher one. */
    fence: Count,
  },
  closed,
);

export const OfferEvent: Contract<Static<typeof Offer>> = defineContract('fleet.event.offer.v1', Offer, {
  durability: 'ephemeral',
  journal: 'window',
  ttlMax: 60_000,
});
export const NeedIntent: Contract<Static<typeof Need>> = defineContract('fleet.intent.need.v1', Need, {
  idempotency: 'need_id',
  ttlMax: 600_000,
});
export const RequestIntent: Contract<Static<typeof Request>> = defineContract('fleet.intent.request.v1', Request, {
  idempotency: 'request_id',
  signing: 'each',
});
export const StateDelta: Contract<Static<typeof Delta>> = defineContract('fleet.state.delta.v1', Delta, {
  orderingKey: 'entity_id',
});
export const HandoffIntent: Contract<Static<typeof Handoff>> = defineContract('fleet.intent.handoff.v1', Handoff, {
  orderingKey: 'task_id',
  signing: 'each',
});
