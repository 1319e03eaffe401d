import { describe, expect, it } from 'vitest';
import { type Contract, makeEnvelope } from '../protocol/index.ts';
import { catalogue } from './catalogue.ts';
import * as marketdata from './marketdata.ts';
import * as legacy from './trading-legacy.ts';
import * as upgrade from './trading-upgrade.ts';
import * as trading from './trading.ts';

const KEY = 'k'.repeat(16);
const order: legacy.LegacyRoute = {
  order_id: 'o-1',
  symbol: 'XAUUSD',
  side: 'BUY',
  size: 1.5,
  time_in_force: 'IOC',
  routing_plan: [{ venue: 'X', weight: 1 }],
  idempotency_key: KEY,
  risk_context: { policy_decision_id: 'd-1', risk_score: 0.25 },
};
const fill: legacy.LegacyFill = {
  order_id: 'o-1',
  fill_id: 'f-1',
  symbol: 'XAUUSD',
  side: 'SELL',
  filled_size: 0.1,
  price: 1e-7,
  venue: 'X',
  latency_ms: 12.4,
  idempotency_key: KEY,
};
const allocation: legacy.LegacyAllocate = {
  symbol: 'XAUUSD',
  target_size: 3,
  current_size: -1.25,
  confidence: 1,
  risk_score: 0,
  idempotency_key: KEY,
  constraints: { leverage: 8 },
};
const signal: legacy.LegacyOpportunity = {
  symbol: 'XAUUSD',
  score: -9.75,
  confidence: 0.8,
  horizon_ms: 1000,
  features: { momentum: 0.1 },
  idempotency_key: KEY,
};
const risk: legacy.LegacyRiskContext = {
  portfolio_var: 2.5,
  daily_drawdown_pct: 1,
  treasury_utilisation: 0.5,
  volatility: 0.2,
  risk_level: 'LOW',
  idempotency_key: KEY,
};
const alert: legacy.LegacyAlert = {
  alert_id: 'a-1',
  order_id: 'o-1',
  symbol: 'XAUUSD',
  severity: 'WARN',
  rule_id: 'r-1',
  description: 'late',
  idempotency_key: KEY,
};
const snapshot: legacy.LegacySnapshot = {
  snapshot_id: 's-1',
  generated_at: '2026-01-02T03:04:05Z',
  metrics: { pnl: 1691.92, drawdown_pct: 2.2, sharpe: 8.854, exposure: 0 },
  audience: [{ role: 'risk', channel: 'mail' }],
  idempotency_key: KEY,
};

const document = <P>(contract: Contract<legacy.LegacyDocument<P>>, payload: P): legacy.LegacyDocument<P> => ({
  envelope: {
    msg_id: '2b1f2a3c-0d4e-4f5a-8b6c-7d8e9f0a1b2c',
    type: contract.type.slice(0, -3),
    version: 'v1',
    ts: '2026-01-02T03:04:05Z',
    ttl_ms: 5000,
    sender: 'agent.order',
    payload: structuredClone(payload),
    idempotency_key: 'e'.repeat(8),
    sig: 'ed25519:AAAA',
  },
  payload,
});

const approval: trading.Approval = {
  decision_id: 'd-1',
  policy_hash: 'a'.repeat(64),
  key_id: 'b'.repeat(32),
  signature: `${'A'.repeat(86)}==`,
};
const more = { pnl: { realised: '1', unrealised: '0', fees: '0.01' }, hedge_hints: [] };
const routed = (): trading.Route => {
  const upgraded = upgrade.upgradeRoute('desk', document(legacy.RouteV1, order), approval);
  if (!upgraded.ok) throw new Error(upgraded.refusal.detail);
  return upgraded.data;
};
/** Fields of a contract's schema, required ones with a `!`. */
const fields = (contract: Contract): string[] => {
  const { properties, required = [] } = contract.schema as unknown as { properties: object; required?: string[] };
  return Object.keys(properties).map((name) => (required.includes(name) ? `${name}!` : name));
};
const PAIRS = [
  [legacy.OpportunityV1, signal, (value: unknown) => upgrade.upgradeOpportunity('desk', value)],
  [legacy.AllocateV1, allocation, (value: unknown) => upgrade.upgradeAllocate('desk', value, ['rebalance'])],
  [legacy.RiskContextV1, risk, (value: unknown) => upgrade.upgradeRiskContext('desk', value, [])],
  [legacy.RouteV1, order, (value: unknown) => upgrade.upgradeRoute('desk', value, approval)],
  [legacy.FillV1, fill, (value: unknown) => upgrade.upgradeFill('desk', value, more)],
  [legacy.AlertV1, alert, (value: unknown) => upgrade.upgradeAlert('desk', value)],
  [legacy.SnapshotV1, snapshot, (value: unknown) => upgrade.upgradeSnapshot('desk', value)],
] as const;

describe('the legacy trading profile', () => {
  it.each(PAIRS.map(([contract, payload]) => [contract.type, contract, payload] as const))(
    'reads %s',
    (_type, contract, payload) => {
      const one = contract as Contract<legacy.LegacyDocument<unknown>>;
      expect(legacy.readLegacy(one, document(one, payload))).toMatchObject({ ok: true });
      const { envelope } = document(one, payload);
      expect(legacy.readLegacy(one, { envelope: { ...envelope, type: one.type }, payload }).ok).toBe(true);
      expect(legacy.readLegacy(one, { envelope: { ...envelope, type: 'other' }, payload }).ok).toBe(false);
      expect(one.check({ envelope: { ...envelope, nonce: 1 }, payload })).toBe(false);
      expect(one.check({ envelope, payload: { ...(payload as object), more: 1 } })).toBe(false);
      for (const name of Object.keys(payload).filter((key) => fields(one).includes(key)))
        expect(one.check({ envelope, payload: { ...(payload as object), [name]: undefined } })).toBe(false);
    },
  );

  it.each(PAIRS.map(([contract, payload, to]) => [contract.type, contract, payload, to] as const))(
    'is upgraded from %s to a document of version 2',
    (_type, contract, payload, to) => {
      const one = contract as Contract<legacy.LegacyDocument<unknown>>;
      const upgraded = to(document(one, payload));
      if (!upgraded.ok) throw new Error(upgraded.refusal.detail);
      expect(upgraded.contract.check(upgraded.data)).toBe(true);
      expect(upgraded.contract.type).toBe(contract.type.replace('.v1', '.v2'));
      expect(upgraded).toMatchObject({ source: 'agent:desk/order', ttl: 5000, time: Date.UTC(2026, 0, 2, 3, 4, 5) });
    },
  );
});

describe('what version 1 could not say and version 2 can', () => {
  it('1: there is one payload; a legacy document whose two differ is refused', () => {
    const forged = document(legacy.RouteV1, order);
    const acted = { envelope: forged.envelope, payload: { ...order, size: 1500 } };
    expect(legacy.RouteV1.check(acted)).toBe(true);
    expect(legacy.readLegacy(legacy.RouteV1, acted)).toMatchObject({
      ok: false,
      refusal: { reason: 'invalid', detail: expect.stringContaining('only the first is signed') },
    });
    expect(upgrade.upgradeRoute('desk', acted, approval).ok).toBe(false);
    const reordered = { envelope: forged.envelope, payload: Object.fromEntries(Object.entries(order).toReversed()) };
    expect(legacy.readLegacy(legacy.RouteV1, reordered).ok).toBe(true);
    for (const [contract] of PAIRS)
      expect(catalogue().get(contract.type.replace('.v1', '.v2'))).toSatisfy(
        (v2: Contract) => !fields(v2).some((name) => /payload|envelope/.test(name)),
      );
  });

  it('2: a message names its key, its session and place in it, its audience and the schema it was made by', () => {
    const id = '0'.repeat(32) as Parameters<typeof makeEnvelope>[2]['id'];
    const spoken = { id, source: 'agent:desk/order', time: 1, subject: 'XAUUSD', audience: 'agent:desk/execution' };
    const message = makeEnvelope(trading.RouteIntent, routed(), { ...spoken, keyId: 'k1', session: 's1', sequence: 7 });
    expect(message).toMatchObject({
      keyId: 'k1',
      session: 's1',
      sequence: 7,
      audience: 'agent:desk/execution',
      dataschema: trading.RouteIntent.hash,
    });
    for (const field of ['nonce', 'sequence', 'key_id', 'audience', 'dataschema']) {
      expect(
        legacy.RouteV1.check({ envelope: { ...document(legacy.RouteV1, order).envelope, [field]: 'x' }, payload: order }),
      ).toBe(false);
    }
  });

  it('3: an order shows which decision under which policies approved it, or it is refused', () => {
    const { approval: _, ...bare } = routed();
    expect([trading.RouteIntent.risk, trading.RouteIntent.check(routed()), trading.RouteIntent.check(bare)]).toEqual([
      'gated',
      true,
      false,
    ]);
    expect(upgrade.upgradeRoute('desk', document(legacy.RouteV1, order), null)).toMatchObject({
      ok: false,
      refusal: { reason: 'denied' },
    });
    expect(upgrade.upgradeRoute('desk', document(legacy.RouteV1, order), { ...approval, policy_hash: 'a' }).ok).toBe(false);
  });

  it('4: risk says what it trimmed: intent, before, after, reason, and the limit that was strictest', () => {
    const trim = {
      allocation_id: KEY,
      symbol: 'XAUUSD',
      before: '9',
      after: '8',
      reason_code: 'leverage-limit',
      limit: 'canvas:max-leverage',
    };
    const upgraded = upgrade.upgradeRiskContext('desk', document(legacy.RiskContextV1, risk), [trim]);
    expect(upgraded).toMatchObject({ ok: true, data: { trims: [trim] } });
    const { reason_code: _, ...unexplained } = trim;
    expect(trading.RiskContextState.check(upgraded.ok && { ...upgraded.data, trims: [unexplained] })).toBe(false);
  });

  it('5: ticks and bars have contracts of their own, so that a signal is not asked for its score', () => {
    const tick = {
      tick_id: 't1',
      symbol: 'BTC/USDT',
      venue: 'X',
      bid: '1.0',
      ask: '1.1',
      bid_size: '2',
      ask_size: '0',
      venue_time: 1,
      sequence: 1,
    };
    const bar = {
      bar_id: 'b1',
      symbol: 'BTC/USDT',
      venue: 'X',
      interval_ms: 60_000,
      opened_at: 0,
      open: '1',
      high: '2',
      low: '0.5',
      close: '1.5',
      volume: '3',
      final: true,
    };
    expect([marketdata.TickEvent.check(tick), marketdata.BarEvent.check(bar)]).toEqual([true, true]);
    expect([marketdata.TickEvent.check({ ...tick, bid: 1 }), marketdata.BarEvent.check({ ...bar, volume: '-1' })]).toEqual([
      false,
      false,
    ]);
    expect(trading.OpportunityEvent.check(tick)).toBe(false);
  });

  it('6: an allocation carries exposure deltas and reasons, a fill its profit and loss and hedge hints', () => {
    expect(fields(trading.AllocateIntent)).toEqual(expect.arrayContaining(['exposure_deltas!', 'reason_codes!']));
    expect(fields(trading.FillEvent)).toEqual(expect.arrayContaining(['pnl!', 'hedge_hints!']));
    expect(upgrade.upgradeAllocate('desk', document(legacy.AllocateV1, allocation), ['rebalance'])).toMatchObject({
      data: {
        exposure_deltas: [{ symbol: 'XAUUSD', before: '-1.25', after: '3' }],
        reason_codes: ['rebalance'],
        constraints: { leverage: '8' },
      },
    });
    expect(upgrade.upgradeAllocate('desk', document(legacy.AllocateV1, allocation), []).ok).toBe(false);
  });

  it('7: a symbol may be written as exchanges write it', () => {
    const withSlash = { ...order, symbol: 'BTC/USDT' };
    expect(legacy.RouteV1.check(document(legacy.RouteV1, withSlash))).toBe(false);
    for (const symbol of ['BTC/USDT', 'BTC/USDT:USDT-260327', 'XAUUSD', 'BRK.B'])
      expect(trading.RouteIntent.check({ ...routed(), symbol })).toBe(true);
    for (const symbol of ['', 'btc', '/USDT', 'A B', 'A'.repeat(41)])
      expect(trading.RouteIntent.check({ ...routed(), symbol })).toBe(false);
  });

  it('8: one deed has one key, made of sender, type and its business key', () => {
    const key = (source: string, data: trading.Route): string => trading.idempotencyKeyOf(trading.RouteIntent, source, data);
    const first = key('agent:desk/order', routed());
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(key('agent:desk/order', { ...routed(), size: '2' })).toBe(first);
    expect(
      new Set([first, key('agent:desk/other', routed()), key('agent:desk/order', { ...routed(), order_id: 'o-2' })]).size,
    ).toBe(3);
    for (const [contract] of PAIRS) {
      const v2 = catalogue().get(contract.type.replace('.v1', '.v2'))!;
      expect(fields(v2)).toContain(`${v2.idempotency}!`);
      expect(fields(v2).join()).not.toContain('idempotency_key');
    }
  });

  it('9: no amount is a float: version 2 knows decimal text and whole numbers only', () => {
    const types = (schema: unknown): unknown[] =>
      typeof schema !== 'object' || schema === null
        ? []
        : [(schema as { type?: unknown }).type, ...Object.values(schema).flatMap(types)];
    for (const contract of [...Object.values(trading), marketdata.TickEvent, marketdata.BarEvent]) {
      if (typeof contract === 'object' && 'schema' in contract) expect(types(contract.schema)).not.toContain('number');
    }
    expect(upgrade.upgradeFill('desk', document(legacy.FillV1, fill), more)).toMatchObject({
      data: { filled_size: '0.1', price: '0.0000001', latency_ms: 12 },
    });
    for (const size of ['1e3', '01', '1.', '.5', '+1', '0', '0.0', '-1', '1.0000000000001', ' 1'])
      expect(trading.RouteIntent.check({ ...routed(), size }), size).toBe(false);
    for (const size of ['1', '0.000000000001', '10.50', '999999999999999999'])
      expect(trading.RouteIntent.check({ ...routed(), size }), size).toBe(true);
  });

  it('9: a number with more digits than a decimal holds is refused, not rounded', () => {
    for (const price of [1e-13, 1e18 + 1000, 1.0000000000001]) {
      expect(upgrade.upgradeFill('desk', document(legacy.FillV1, { ...fill, price }), more)).toMatchObject({
        ok: false,
        refusal: { reason: 'invalid' },
      });
    }
    for (const [price, text] of [
      [1e17, '100000000000000000'],
      [-0, '0'],
      [123.456, '123.456'],
      [-1.5e-9, '-0.0000000015'],
    ] as const) {
      expect(upgrade.upgradeFill('desk', document(legacy.FillV1, { ...fill, price }), more)).toMatchObject({
        ok: true,
        data: { price: text },
      });
    }
  });
});
