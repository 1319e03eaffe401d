/**
 * The trading chain, version 2: signal, portfolio, risk, order, execution, compliance, reporter. One payload, in the envelope
 * that every message has; amounts as decimal text; one key for one deed. Each thing that v1 could not say is a field here.
 */
import { type Static, Type } from 'typebox';
import { type Contract, defineContract } from '../protocol/index.ts';
import { sha256Hex } from '../kernel/index.ts';
import { Symbol } from './marketdata.ts';
import { Amount, closed, Decimal, Key, Positive, Ratio, recordOf, Sha256, Signature, Span, Text, Time, Word } from './words.ts';

const side = Type.Enum(['BUY', 'SELL']);
/** `stale-quote`, `var-limit`: for machines. */
const reason = Type.String({ pattern: '^[a-z][a-z0-9-]{0,63}$' });
const reasons = Type.Array(reason, { minItems: 1, maxItems: 32 });
const lines = Type.Array(Text, { maxItems: 256 });

const Opportunity = Type.Object(
  {
    signal_id: Key,
    symbol: Symbol,
    /** -10 to 10. */
    score: Type.String({ pattern: '^-?([0-9](\\.[0-9]{1,12})?|10(\\.0{1,12})?)$' }),
    confidence: Ratio,
    horizon_ms: Type.Integer({ minimum: 1000, maximum: 86_400_000 }),
    features: recordOf<string>(Decimal),
    /** The ticks and bars that it was made of. */
    inputs: Type.Array(Key, { maxItems: 256 }),
    model_version: Type.Optional(Word),
    explanations: Type.Optional(lines),
  },
  closed,
);

const Exposure = Type.Object({ symbol: Symbol, before: Decimal, after: Decimal }, closed);

const Allocate = Type.Object(
  {
    allocation_id: Key,
    symbol: Symbol,
    target_size: Decimal,
    current_size: Decimal,
    exposure_deltas: Type.Array(Exposure, { minItems: 1, maxItems: 256 }),
    reason_codes: reasons,
    confidence: Ratio,
    risk_score: Ratio,
    utility: Type.Optional(Decimal),
    constraints: Type.Optional(
      Type.Object({ leverage: Type.Optional(Amount), var: Type.Optional(Amount), liquidity_tier: Type.Optional(Word) }, closed),
    ),
  },
  closed,
);

/** An intent as risk leaves it: after = before says that nothing was trimmed. */
const Trim = Type.Object(
  {
    allocation_id: Key,
    symbol: Symbol,
    before: Decimal,
    after: Decimal,
    reason_code: reason,
    /** The strictest limit that applied. */
    limit: Type.Optional(Word),
  },
  closed,
);

const RiskContext = Type.Object(
  {
    context_id: Key,
    /** One-day value at risk, 99 %. */
    portfolio_var: Decimal,
    daily_drawdown_pct: Decimal,
    treasury_utilisation: Ratio,
    volatility: Amount,
    risk_level: Type.Enum(['LOW', 'MEDIUM', 'HIGH', 'CRITICAL']),
    trims: Type.Array(Trim, { maxItems: 256 }),
    breach_flags: Type.Optional(Type.Array(reason, { maxItems: 64 })),
    policy_version: Type.Optional(Word),
  },
  closed,
);

/** What proves that the policy gate ran: which decision, under which policies, signed by whom. */
const Approval = Type.Object(
  { decision_id: Key, policy_hash: Sha256, key_id: Type.String({ pattern: '^[0-9a-f]{32}$' }), signature: Signature },
  closed,
);

const Route = Type.Object(
  {
    order_id: Key,
    symbol: Symbol,
    side,
    size: Positive,
    time_in_force: Type.Enum(['IOC', 'FOK', 'GTC', 'DAY']),
    routing_plan: Type.Array(Type.Object({ venue: Word, weight: Amount }, closed), { minItems: 1, maxItems: 64 }),
    approval: Approval,
    price_limit: Type.Optional(Decimal),
    risk_score: Type.Optional(Ratio),
  },
  closed,
);

const Fill = Type.Object(
  {
    fill_id: Key,
    order_id: Key,
    symbol: Symbol,
    side,
    filled_size: Amount,
    price: Decimal,
    venue: Word,
    latency_ms: Span,
    /** What this fill earned or lost, by cause. */
    pnl: Type.Object({ realised: Decimal, unrealised: Decimal, fees: Decimal }, closed),
    /** What would take the exposure back. */
    hedge_hints: Type.Array(Type.Object({ symbol: Symbol, side, size: Positive, reason_code: reason }, closed), { maxItems: 64 }),
    slippage_bps: Type.Optional(Decimal),
    liquidity_flag: Type.Optional(Type.Enum(['MAKER', 'TAKER'])),
  },
  closed,
);

const Alert = Type.Object(
  {
    alert_id: Key,
    order_id: Key,
    symbol: Symbol,
    severity: Type.Enum(['INFO', 'WARN', 'CRITICAL']),
    rule_id: Word,
    description: Text,
    remediation_required: Type.Optional(Type.Boolean()),
    attachments: Type.Optional(lines),
  },
  closed,
);

const Snapshot = Type.Object(
  {
    snapshot_id: Key,
    generated_at: Time,
    metrics: Type.Object({ pnl: Decimal, drawdown_pct: Decimal, sharpe: Decimal, exposure: Decimal }, closed),
    audience: Type.Array(Type.Object({ role: Word, channel: Word }, closed), { maxItems: 64 }),
    pii_scope: Type.Enum(['NONE', 'MASKED', 'FULL']),
  },
  closed,
);

export type Opportunity = Static<typeof Opportunity>;
export type Allocate = Static<typeof Allocate>;
export type RiskContext = Static<typeof RiskContext>;
export type Approval = Static<typeof Approval>;
export type Route = Static<typeof Route>;
export type Fill = Static<typeof Fill>;
export type Alert = Static<typeof Alert>;
export type Snapshot = Static<typeof Snapshot>;

const minutes = 60_000;

export const OpportunityEvent: Contract<Opportunity> = defineContract('signal.event.opportunity.v2', Opportunity, {
  idempotency: 'signal_id',
  orderingKey: 'symbol',
  ttlMax: 10 * minutes,
  p50: 70,
  p95: 120,
});
export const AllocateIntent: Contract<Allocate> = defineContract('portfolio.intent.allocate.v2', Allocate, {
  idempotency: 'allocation_id',
  orderingKey: 'symbol',
  ttlMin: 1000,
  ttlMax: 10 * minutes,
  p50: 60,
  p95: 140,
});
export const RiskContextState: Contract<RiskContext> = defineContract('risk.state.context.v2', RiskContext, {
  idempotency: 'context_id',
  ttlMax: 10 * minutes,
  p50: 70,
  p95: 110,
});
/** Refused without its approval: whoever routes an order shows that the gate ran. */
export const RouteIntent: Contract<Route> = defineContract('order.intent.route.v2', Route, {
  idempotency: 'order_id',
  orderingKey: 'symbol',
  signing: 'each',
  risk: 'gated',
  ttlMax: 10 * minutes,
  p50: 60,
  p95: 120,
});
export const FillEvent: Contract<Fill> = defineContract('execution.event.fill.v2', Fill, {
  idempotency: 'fill_id',
  orderingKey: 'symbol',
  p50: 80,
  p95: 150,
});
export const AlertEvent: Contract<Alert> = defineContract('compliance.event.alert.v2', Alert, {
  idempotency: 'alert_id',
  orderingKey: 'symbol',
  p95: 60_000,
});
export const SnapshotEvent: Contract<Snapshot> = defineContract('reporter.event.snapshot.v2', Snapshot, {
  idempotency: 'snapshot_id',
  ttlMax: 10 * minutes,
  p95: 120,
});

/** The one idempotency key of a message: the same sender cannot mean two deeds by one name, and two senders do not share a name. */
export function idempotencyKeyOf<T>(contract: Contract<T>, source: string, data: T): string {
  const business = (data as Readonly<Record<string, unknown>>)[contract.idempotency];
  return sha256Hex(JSON.stringify([source, contract.type, business]));
}
