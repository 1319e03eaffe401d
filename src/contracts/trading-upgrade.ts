/**
 * From the legacy trading documents to version 2. What v1 never said has to be brought along (an approval, the profit and loss
 * of a fill); it is never made up. Numbers become decimal text exactly as they were printed, or the message is refused.
 */
import type { Contract, Refusal } from '../protocol/index.ts';
import type {
  LegacyAlert,
  LegacyAllocate,
  LegacyDocument,
  LegacyFill,
  LegacyOpportunity,
  LegacyRiskContext,
  LegacyRoute,
  LegacySnapshot,
} from './trading-legacy.ts';
import * as legacy from './trading-legacy.ts';
import * as v2 from './trading.ts';

/** What becomes of a legacy document: the data of version 2, and of its envelope what carries over. */
export type Upgraded<T> =
  | {
      readonly ok: true;
      readonly contract: Contract<T>;
      readonly data: T;
      readonly source: string;
      readonly ttl: number;
      /** Milliseconds since 1970. */
      readonly time: number;
      readonly idempotencyKey: string;
    }
  | { readonly ok: false; readonly refusal: Refusal };

class NoDecimal extends Error {}

const DIGITS_MAX = 12; // after the point, as the contracts allow

/** `1e-7` -> `0.0000001`: the shortest text that reads back as this number. Throws `NoDecimal` where that takes more than 12 decimals or 18 digits. */
function decimal(value: number): string {
  if (!Number.isFinite(value)) throw new NoDecimal(`${value} is no decimal`);
  const [digits = '', exponent = '0'] = Math.abs(value).toExponential().split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  const all = whole + fraction;
  const point = 1 + Number(exponent);
  const before = point <= 0 ? '0' : all.slice(0, point).padEnd(point, '0');
  const after = point <= 0 ? '0'.repeat(-point) + all : all.slice(point);
  const kept = after.replace(/0+$/, '');
  if (kept.length > DIGITS_MAX || before.length > 18)
    throw new NoDecimal(`${value} has more than 18 digits before or ${DIGITS_MAX} after the point`);
  const text = kept === '' ? before : `${before}.${kept}`;
  return value < 0 && value !== 0 ? `-${text}` : text;
}

const maybe = (value: number | undefined): string | undefined => (value === undefined ? undefined : decimal(value));

/** Leaves out what is undefined: an absent field and an undefined one are not the same to a contract. */
function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function upgrade<P, T>(
  from: Contract<LegacyDocument<P>>,
  to: Contract<T>,
  realm: string,
  value: unknown,
  convert: (payload: P, document: LegacyDocument<P>) => T,
): Upgraded<T> {
  const read = legacy.readLegacy(from, value);
  if (!read.ok) return read;
  const { envelope, payload } = read.document;
  const source = `agent:${realm}/${envelope.sender.slice('agent.'.length)}`;
  let data: T;
  try {
    data = convert(payload, read.document);
  } catch (error) {
    if (!(error instanceof NoDecimal)) throw error;
    return { ok: false, refusal: { reason: 'invalid', detail: `${to.type}: ${error.message}: send it as decimal text in v2` } };
  }
  if (!to.check(data)) {
    return { ok: false, refusal: { reason: 'invalid', detail: `${to.type}: ${to.explain(data).join('; ')}: send v2` } };
  }
  const idempotencyKey = v2.idempotencyKeyOf(to, source, data);
  return { ok: true, contract: to, data, source, ttl: envelope.ttl_ms, time: new Date(envelope.ts).getTime(), idempotencyKey };
}

export function upgradeOpportunity(realm: string, value: unknown): Upgraded<v2.Opportunity> {
  return upgrade(legacy.OpportunityV1, v2.OpportunityEvent, realm, value, (payload: LegacyOpportunity) =>
    present<v2.Opportunity>({
      signal_id: payload.idempotency_key,
      symbol: payload.symbol,
      score: decimal(payload.score),
      confidence: decimal(payload.confidence),
      horizon_ms: payload.horizon_ms,
      features: Object.fromEntries(Object.entries(payload.features).map(([name, each]) => [name, decimal(each)])),
      inputs: [],
      model_version: payload.model_version,
      explanations: payload.explanations,
    }),
  );
}

/** v1 speaks of one symbol: its exposure delta is the change of that one. */
export function upgradeAllocate(realm: string, value: unknown, reasonCodes: readonly string[]): Upgraded<v2.Allocate> {
  return upgrade(legacy.AllocateV1, v2.AllocateIntent, realm, value, (payload: LegacyAllocate) => {
    const [before, after] = [decimal(payload.current_size), decimal(payload.target_size)];
    const { constraints } = payload;
    return present<v2.Allocate>({
      allocation_id: payload.idempotency_key,
      symbol: payload.symbol,
      target_size: after,
      current_size: before,
      exposure_deltas: [{ symbol: payload.symbol, before, after }],
      reason_codes: [...reasonCodes],
      confidence: decimal(payload.confidence),
      risk_score: decimal(payload.risk_score),
      utility: maybe(payload.utility),
      constraints:
        constraints === undefined
          ? undefined
          : present<NonNullable<v2.Allocate['constraints']>>({
              leverage: maybe(constraints.leverage),
              var: maybe(constraints.var),
              liquidity_tier: constraints.liquidity_tier,
            }),
    });
  });
}

/** v1 says nothing of sizes: the trims that risk decided are brought along, and none is said to be none. */
export function upgradeRiskContext(realm: string, value: unknown, trims: v2.RiskContext['trims']): Upgraded<v2.RiskContext> {
  return upgrade(legacy.RiskContextV1, v2.RiskContextState, realm, value, (payload: LegacyRiskContext) =>
    present<v2.RiskContext>({
      context_id: payload.idempotency_key,
      portfolio_var: decimal(payload.portfolio_var),
      daily_drawdown_pct: decimal(payload.daily_drawdown_pct),
      treasury_utilisation: decimal(payload.treasury_utilisation),
      volatility: decimal(payload.volatility),
      risk_level: payload.risk_level,
      trims,
      breach_flags: payload.breach_flags,
      policy_version: payload.policy_version,
    }),
  );
}

/** Without an approval a legacy order stays refused: v1 has no place for one, and a decision id alone proves nothing. */
export function upgradeRoute(realm: string, value: unknown, approval: v2.Approval | null): Upgraded<v2.Route> {
  if (approval === null) {
    const detail = `${v2.RouteIntent.type}: a legacy order carries no approval: pass it through the policy gate first`;
    return { ok: false, refusal: { reason: 'denied', detail } };
  }
  return upgrade(legacy.RouteV1, v2.RouteIntent, realm, value, (payload: LegacyRoute) =>
    present<v2.Route>({
      order_id: payload.order_id,
      symbol: payload.symbol,
      side: payload.side,
      size: decimal(payload.size),
      time_in_force: payload.time_in_force,
      routing_plan: payload.routing_plan.map(({ venue, weight }) => ({ venue, weight: decimal(weight) })),
      approval,
      price_limit: maybe(payload.price_limit),
      risk_score: maybe(payload.risk_context?.risk_score),
    }),
  );
}

export function upgradeFill(realm: string, value: unknown, more: Pick<v2.Fill, 'pnl' | 'hedge_hints'>): Upgraded<v2.Fill> {
  return upgrade(legacy.FillV1, v2.FillEvent, realm, value, (payload: LegacyFill) =>
    present<v2.Fill>({
      fill_id: payload.fill_id,
      order_id: payload.order_id,
      symbol: payload.symbol,
      side: payload.side,
      filled_size: decimal(payload.filled_size),
      price: decimal(payload.price),
      venue: payload.venue,
      latency_ms: Math.round(payload.latency_ms),
      pnl: more.pnl,
      hedge_hints: more.hedge_hints,
      slippage_bps: maybe(payload.slippage_bps),
      liquidity_flag: payload.liquidity_flag,
    }),
  );
}

export function upgradeAlert(realm: string, value: unknown): Upgraded<v2.Alert> {
  return upgrade(legacy.AlertV1, v2.AlertEvent, realm, value, (payload: LegacyAlert) =>
    present<v2.Alert>({
      alert_id: payload.alert_id,
      order_id: payload.order_id,
      symbol: payload.symbol,
      severity: payload.severity,
      rule_id: payload.rule_id,
      description: payload.description,
      remediation_required: payload.remediation_required,
      attachments: payload.attachments,
    }),
  );
}

export function upgradeSnapshot(realm: string, value: unknown): Upgraded<v2.Snapshot> {
  return upgrade(legacy.SnapshotV1, v2.SnapshotEvent, realm, value, ({ metrics, ...payload }: LegacySnapshot) => ({
    snapshot_id: payload.snapshot_id,
    generated_at: new Date(payload.generated_at).getTime(),
    metrics: {
      pnl: decimal(metrics.pnl),
      drawdown_pct: decimal(metrics.drawdown_pct),
      sharpe: decimal(metrics.sharpe),
      exposure: decimal(metrics.exposure),
    },
    audience: payload.audience,
    // Whoever did not say how personal it is gets the careful reading.
    pii_scope: payload.pii_scope ?? 'MASKED',
  }));
}
