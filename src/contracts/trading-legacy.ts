/**
 * The seven trading contracts as they were first written, as a profile for peers that still speak them: one document
 * `{envelope, payload}`, amounts as JSON numbers. Read here, never sent. The payload stands in it twice and only one of the two
 * is signed, so both must be equal. Their successors are in `trading`, the way from one to the other in `trading-upgrade`.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { type Contract, type ContractTerms, defineContract, type Refusal } from '../protocol/index.ts';
import { closed, recordOf } from './words.ts';

const symbol = Type.String({ pattern: '^[A-Z0-9_.-]{1,20}$' });
const side = Type.Enum(['BUY', 'SELL']);
const share = Type.Number({ minimum: 0, maximum: 1 });
const id = Type.String({ minLength: 1, maxLength: 128 });
const key = Type.String({ minLength: 16, maxLength: 128 });
const lines = Type.Array(Type.String({ maxLength: 4096 }), { maxItems: 256 });

const Opportunity = Type.Object(
  {
    symbol,
    score: Type.Number({ minimum: -10, maximum: 10 }),
    confidence: share,
    horizon_ms: Type.Integer({ minimum: 1000, maximum: 86_400_000 }),
    features: recordOf<number>(Type.Number()),
    idempotency_key: Type.String({ minLength: 12, maxLength: 128 }),
    partition_key: Type.Optional(id),
    model_version: Type.Optional(id),
    explanations: Type.Optional(lines),
  },
  closed,
);
const Allocate = Type.Object(
  {
    symbol,
    target_size: Type.Number(),
    current_size: Type.Number(),
    confidence: share,
    risk_score: share,
    idempotency_key: key,
    utility: Type.Optional(Type.Number()),
    constraints: Type.Optional(
      Type.Object(
        {
          leverage: Type.Optional(Type.Number({ minimum: 0 })),
          var: Type.Optional(Type.Number({ minimum: 0 })),
          liquidity_tier: Type.Optional(Type.String({ maxLength: 64 })),
        },
        closed,
      ),
    ),
    ttl_ms: Type.Optional(Type.Integer({ minimum: 1000, maximum: 600_000 })),
  },
  closed,
);
const RiskContext = Type.Object(
  {
    portfolio_var: Type.Number(),
    daily_drawdown_pct: Type.Number(),
    treasury_utilisation: share,
    volatility: Type.Number({ minimum: 0 }),
    risk_level: Type.Enum(['LOW', 'MEDIUM', 'HIGH', 'CRITICAL']),
    idempotency_key: key,
    breach_flags: Type.Optional(lines),
    policy_version: Type.Optional(id),
  },
  closed,
);
const Route = Type.Object(
  {
    order_id: id,
    symbol,
    side,
    size: Type.Number({ exclusiveMinimum: 0 }),
    time_in_force: Type.Enum(['IOC', 'FOK', 'GTC', 'DAY']),
    routing_plan: Type.Array(Type.Object({ venue: id, weight: Type.Number({ minimum: 0 }) }, closed), {
      minItems: 1,
      maxItems: 64,
    }),
    idempotency_key: key,
    price_limit: Type.Optional(Type.Number()),
    risk_context: Type.Optional(Type.Object({ policy_decision_id: Type.Optional(id), risk_score: Type.Optional(share) }, closed)),
  },
  closed,
);
const Fill = Type.Object(
  {
    order_id: id,
    fill_id: id,
    symbol,
    side,
    filled_size: Type.Number({ minimum: 0 }),
    price: Type.Number(),
    venue: id,
    latency_ms: Type.Number({ minimum: 0 }),
    idempotency_key: key,
    slippage_bps: Type.Optional(Type.Number()),
    commission: Type.Optional(Type.Number()),
    liquidity_flag: Type.Optional(Type.Enum(['MAKER', 'TAKER'])),
  },
  closed,
);
const Alert = Type.Object(
  {
    alert_id: id,
    order_id: id,
    symbol,
    severity: Type.Enum(['INFO', 'WARN', 'CRITICAL']),
    rule_id: id,
    description: Type.String({ maxLength: 4096 }),
    idempotency_key: key,
    remediation_required: Type.Optional(Type.Boolean()),
    attachments: Type.Optional(lines),
  },
  closed,
);
const Snapshot = Type.Object(
  {
    snapshot_id: id,
    generated_at: Type.String({ format: 'date-time' }),
    metrics: Type.Object(
      { pnl: Type.Number(), drawdown_pct: Type.Number(), sharpe: Type.Number(), exposure: Type.Number() },
      closed,
    ),
    audience: Type.Array(Type.Object({ role: id, channel: id }, closed), { maxItems: 64 }),
    idempotency_key: key,
    pii_scope: Type.Optional(Type.Enum(['NONE', 'MASKED', 'FULL'])),
  },
  closed,
);

function document<P extends TSchema>(payload: P) {
  const uuid = Type.String({ format: 'uuid' });
  const envelope = Type.Object(
    {
      msg_id: uuid,
      type: Type.String({ pattern: '^[a-z0-9_.-]+$', maxLength: 128 }),
      version: Type.Enum(['v1']),
      ts: Type.String({ format: 'date-time' }),
      ttl_ms: Type.Integer({ minimum: 1, maximum: 600_000 }),
      sender: Type.String({ pattern: '^agent\\.[a-z0-9_.-]+$', maxLength: 128 }),
      payload,
      idempotency_key: Type.String({ minLength: 8, maxLength: 128 }),
      sig: Type.String({ pattern: '^ed25519:[A-Za-z0-9+/=]+$', maxLength: 256 }),
      correlation_id: Type.Optional(uuid),
      causation_id: Type.Optional(uuid),
      intent: Type.Optional(Type.String({ maxLength: 256 })),
    },
    closed,
  );
  return Type.Object({ envelope, payload }, closed);
}

export interface LegacyEnvelope<P> {
  readonly msg_id: string;
  readonly type: string;
  readonly version: 'v1';
  readonly ts: string;
  readonly ttl_ms: number;
  readonly sender: string;
  readonly payload: P;
  readonly idempotency_key: string;
  readonly sig: string;
  readonly correlation_id?: string;
  readonly causation_id?: string;
  readonly intent?: string;
}
export interface LegacyDocument<P> {
  readonly envelope: LegacyEnvelope<P>;
  readonly payload: P;
}

const terms: Partial<ContractTerms> = { signing: 'each', ttlMax: 600_000 };

function legacy<P extends TSchema>(type: string, payload: P): Contract<LegacyDocument<Static<P>>> {
  return defineContract(type, document(payload), terms) as unknown as Contract<LegacyDocument<Static<P>>>;
}

export type LegacyOpportunity = Static<typeof Opportunity>;
export type LegacyAllocate = Static<typeof Allocate>;
export type LegacyRiskContext = Static<typeof RiskContext>;
export type LegacyRoute = Static<typeof Route>;
export type LegacyFill = Static<typeof Fill>;
export type LegacyAlert = Static<typeof Alert>;
export type LegacySnapshot = Static<typeof Snapshot>;

export const OpportunityV1: Contract<LegacyDocument<LegacyOpportunity>> = legacy('signal.event.opportunity.v1', Opportunity);
export const AllocateV1: Contract<LegacyDocument<LegacyAllocate>> = legacy('portfolio.intent.allocate.v1', Allocate);
export const RiskContextV1: Contract<LegacyDocument<LegacyRiskContext>> = legacy('risk.state.context.v1', RiskContext);
export const RouteV1: Contract<LegacyDocument<LegacyRoute>> = legacy('order.intent.route.v1', Route);
export const FillV1: Contract<LegacyDocument<LegacyFill>> = legacy('execution.event.fill.v1', Fill);
export const AlertV1: Contract<LegacyDocument<LegacyAlert>> = legacy('compliance.event.alert.v1', Alert);
export const SnapshotV1: Contract<LegacyDocument<LegacySnapshot>> = legacy('reporter.event.snapshot.v1', Snapshot);

export type LegacyRead<P> =
  | { readonly ok: true; readonly document: LegacyDocument<P> }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * A document of the legacy profile, if it is one: its schema fits, it names this contract, and what is acted on is what was
 * signed. The signature itself is the host's to check, over the envelope's bytes.
 */
export function readLegacy<P>(contract: Contract<LegacyDocument<P>>, value: unknown): LegacyRead<P> {
  const refuse = (detail: string): LegacyRead<P> => ({
    ok: false,
    refusal: { reason: 'invalid', detail: `${contract.type}: ${detail}` },
  });
  if (!contract.check(value)) return refuse(contract.explain(value).join('; '));
  const { envelope, payload } = value;
  const bare = contract.type.slice(0, -'.v1'.length);
  if (envelope.type !== bare && envelope.type !== contract.type)
    return refuse(`the envelope says it is ${envelope.type}: hand it to the contract of that name`);
  if (!equalJson(envelope.payload, payload))
    return refuse('envelope.payload and payload differ, and only the first is signed: send the same in both, or speak v2');
  return { ok: true, document: value };
}

/** Equal as JSON: the order of properties does not matter, 1 and 1.0 are one number. */
export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => equalJson(each, b[i]));
  const [left, right] = [Object.entries(a), b as Readonly<Record<string, unknown>>];
  return (
    left.length === Object.keys(right).length &&
    left.every(([name, each]) => Object.hasOwn(right, name) && equalJson(each, right[name]))
  );
}
