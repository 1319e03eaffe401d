/** What coordinators, clusters and agents of a mesh say: heartbeat, coordinate, acknowledge, circuit, freeze. Times are host ms. */
import { type Static, Type } from 'typebox';
import { type Contract, defineContract } from '../protocol/index.ts';
import { closed, Count, Key, Permille, Sha256, Span, Text, Time, Who, Word } from './words.ts';

export const ImpedanceClass = Type.Enum(['A', 'B', 'C', 'D', 'E', 'F']);
const Level = Type.Enum(['cluster', 'sector', 'global']);
/** 1 ready, 0 transit, -1 conflict. */
export const Trinary = Type.Enum([1, 0, -1]);

/** Agents of one cluster in one message; the next ones are told by another lead. */
const COMPENSATED_MAX = 128;

const Impedance = Type.Object(
  {
    agent_class: ImpedanceClass,
    sector_id: Key,
    cluster_id: Key,
    /** Rolling average of the round trip, of the processing, and what waits. */
    current_latency_ms: Span,
    current_processing_ms: Span,
    current_queue_depth: Count,
    impedance_score: Permille,
    reliability_score: Permille,
    drift_coefficient: Permille,
    operational_state: Type.Enum(['active', 'degraded', 'offline', 'quarantined']),
    current_context_hash: Sha256,
    capabilities: Type.Array(Word, { maxItems: 64 }),
  },
  closed,
);

const Heartbeat = Type.Object({ agent_id: Who, timestamp: Time, impedance: Impedance }, closed);

const Compensation = Type.Object(
  { agent_id: Who, lead_time_ms: Span, expected_processing_ms: Span, confidence: Permille },
  closed,
);

const Coordinate = Type.Object(
  {
    message_id: Key,
    target_arrival_time: Time,
    compensation: Type.Array(Compensation, { maxItems: COMPENSATED_MAX }),
    verb: Type.Enum(['observe', 'orient', 'decide', 'act', 'record', 'sync']),
    payload: Type.Unknown(),
  },
  closed,
);

const ConflictDetail = Type.Object(
  {
    type: Type.Enum(['CONTEXT_DIVERGENCE', 'DATA_CONTRADICTION', 'TEMPORAL_PARADOX', 'CAPABILITY_MISMATCH', 'HASH_MISMATCH']),
    /** How far apart: steps of divergence, or agents concerned. */
    extent: Count,
    detail: Text,
  },
  closed,
);

const Acknowledge = Type.Object(
  {
    message_id: Key,
    agent_id: Who,
    trinary_state: Trinary,
    actual_arrival_time: Time,
    processing_time_ms: Span,
    conflict_detail: Type.Optional(ConflictDetail),
  },
  closed,
);

const Circuit = Type.Object(
  { action: Type.Enum(['OPEN', 'HALF_OPEN', 'CLOSE']), scope: Level, target_id: Key, reason: Text },
  closed,
);

const Freeze = Type.Object(
  {
    scope: Level,
    /** Absent: everything in the scope. */
    target_id: Type.Optional(Key),
    preserve_state_to: Type.String({ minLength: 1, maxLength: 1024 }),
  },
  closed,
);

const light = { durability: 'ephemeral', journal: 'none', signing: 'session', ttlMax: 30_000 } as const;

export const HeartbeatState: Contract<Static<typeof Heartbeat>> = defineContract('mesh.state.heartbeat.v1', Heartbeat, {
  ...light,
  orderingKey: 'agent_id',
});
export const CoordinateIntent: Contract<Static<typeof Coordinate>> = defineContract('mesh.intent.coordinate.v1', Coordinate, {
  durability: 'ephemeral',
  journal: 'window',
  ttlMax: 60_000,
  idempotency: 'message_id',
});
export const AcknowledgeEvent: Contract<Static<typeof Acknowledge>> = defineContract('mesh.event.ack.v1', Acknowledge, light);
export const CircuitEvent: Contract<Static<typeof Circuit>> = defineContract('mesh.event.circuit.v1', Circuit, {
  orderingKey: 'target_id',
});
/** No new work; work in hand finishes, state is kept, the same operator thaws. */
export const FreezeIntent: Contract<Static<typeof Freeze>> = defineContract('mesh.intent.freeze.v1', Freeze, { signing: 'each' });

/** What a live host says of all its agents once a second. Data without a wire form: agents are numbered by the order in which the
 *  host announced them. */
export interface HostHeartbeat {
  /** Host time in ms, and a number that grows with each. */
  readonly at: number;
  readonly sequence: number;
  /** A bit for each agent, the lowest first. */
  readonly alive: Uint8Array;
  /** Of those that changed since the last one. */
  readonly rows: readonly HostHeartbeatRow[];
  /** How late the host's own timers fire, p99 in ms: part of the impedance of all its agents. */
  readonly wakeLateMs: number;
}

export interface HostHeartbeatRow {
  readonly index: number;
  readonly queueDepth: number;
  /** How old the depth was at `at`. */
  readonly queueAgeMs: number;
}
