import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { defineContract } from './contract.ts';

const Order = Type.Object(
  {
    symbol: Type.String({ maxLength: 8 }),
    quantity: Type.Integer({ minimum: 1, maximum: 1000 }),
    note: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);
const route = defineContract('order.intent.route-now.v12', Order, { orderingKey: 'symbol' });

describe('a contract', () => {
  it('says its domain, kind, name and version', () => {
    expect(route).toMatchObject({ domain: 'order', kind: 'intent', name: 'route-now', version: 12, durability: 'durable' });
    expect(Object.isFrozen(route)).toBe(true);
  });

  it.each([
    'order',
    'order.intent.route',
    'order.wish.route.v1',
    'Order.intent.route.v1',
    'order.intent.route.v0',
    'order.intent.route.v01',
  ])('is refused under the name "%s"', (type) => {
    expect(() => defineContract(type, Order)).toThrow('domain.kind.name.vN');
  });

  it('accepts exactly what its schema describes', () => {
    expect(route.check({ symbol: 'SKN', quantity: 1 })).toBe(true);
    expect(route.check({ symbol: 'SKN', quantity: 1, note: '' })).toBe(true);
    for (const wrong of [
      null,
      [],
      'SKN',
      {},
      { symbol: 'SKN' },
      { symbol: 'SKN', quantity: 1.5 },
      { symbol: 'SKN', quantity: 0 },
      { symbol: 'LONGER THAN 8', quantity: 1 },
      { symbol: 'SKN', quantity: 1, extra: true },
      JSON.parse('{"symbol":"SKN","quantity":1,"__proto__":{"admin":true}}'),
    ]) {
      expect(route.check(wrong), JSON.stringify(wrong)).toBe(false);
      expect(route.explain(wrong).length).toBeGreaterThan(0);
    }
  });

  it('does not take an inherited property for a field', () => {
    const odd = defineContract('odd.event.happened.v1', Type.Object({ toString: Type.Any(), constructor: Type.Any() }));
    expect(odd.check({})).toBe(false);
    expect(odd.check(Object.create({ toString: 1, constructor: 1 }))).toBe(false);
  });

  it('explains a refusal by path, at most ten times, and says nothing about what it accepts', () => {
    expect(route.explain({ symbol: 'SKN', quantity: 1 })).toEqual([]);
    expect(route.explain({ symbol: 7, quantity: 1 }).join()).toMatch(/^\/symbol: must be string/);
    const list = defineContract('list.event.sent.v1', Type.Array(Type.Integer()));
    const findings = list.explain(Array.from({ length: 50 }, () => 'x'));
    expect(findings[0]).toBe('/0: must be integer');
    expect(findings.length).toBeLessThanOrEqual(10);
  });
});

describe('the hash of a contract', () => {
  const hash = (schema: Parameters<typeof defineContract>[1], terms = {}): string =>
    defineContract('a.event.b.v1', schema, terms).hash;

  it('never changes for the same contract, because two hosts compare it', () => {
    expect(hash(Type.Object({ a: Type.Integer(), b: Type.String() }))).toBe(
      'df575c9597125d3b651670a0f0453769477c0ac96690a2776bac661fc77fbb0b',
    );
  });

  it('does not depend on the order in which fields and terms were written', () => {
    const first = hash(Type.Object({ a: Type.Integer({ minimum: 0, maximum: 9 }), b: Type.String() }), { p50: 2, p95: 5 });
    const second = hash(Type.Object({ b: Type.String(), a: Type.Integer({ maximum: 9, minimum: 0 }) }), { p95: 5, p50: 2 });
    expect(second).toBe(first);
  });

  it('changes with the schema, the terms and the name', () => {
    const hashes = [
      hash(Type.Object({ a: Type.Integer() })),
      hash(Type.Object({ a: Type.Optional(Type.Integer()) })),
      hash(Type.Object({ a: Type.Integer({ minimum: 0 }) })),
      hash(Type.Object({ a: Type.Integer() }), { risk: 'gated' }),
      hash(Type.Object({ a: Type.Integer() }), { ttlMax: 1000 }),
      defineContract('a.event.b.v2', Type.Object({ a: Type.Integer() })).hash,
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('the version of a contract', () => {
  const S = Type.Object({ a: Type.Integer(), title: Type.String() });

  it('has a minor part, which is part of the hash from 1 on', () => {
    const hashes = [0, 1, 2].map((minor) => defineContract('a.event.b.v1', S, { minor }).hash);
    expect(new Set(hashes).size).toBe(3);
    expect(defineContract('a.event.b.v1', S).hash).toBe(hashes[0]);
    expect(() => defineContract('a.event.b.v1', S, { minor: -1 })).toThrow('minor -1');
  });

  it('does not change with words for people, but with a property that is called like one', () => {
    const hash = (schema: Parameters<typeof defineContract>[1]): string => defineContract('a.event.b.v1', schema).hash;
    const described = Type.Object({ a: Type.Integer({ description: 'how many' }), title: Type.String() }, { title: 'A thing' });
    expect(hash(described)).toBe(hash(S));
    expect(hash(Type.Object({ a: Type.Integer() }))).not.toBe(hash(S));
    const proto = JSON.parse('{"type":"object","properties":{"__proto__":{"type":"integer"}}}') as object;
    expect(hash(Type.Unsafe(proto))).not.toBe(hash(Type.Unsafe({ type: 'object', properties: {} })));
    expect(hash(Type.Unsafe({ const: { title: 'a' } }))).not.toBe(hash(Type.Unsafe({ const: { title: 'b' } })));
  });
});

describe('the terms of a contract', () => {
  it('are refused when the ttl is no range', () => {
    expect(() => defineContract('a.event.b.v1', Order, { ttlMin: 5000, ttlMax: 1000 })).toThrow('ttl 5000..1000 ms is no range');
  });

  it('are refused when they order or deduplicate by a field that does not exist', () => {
    expect(() => defineContract('a.event.b.v1', Order, { orderingKey: 'account' })).toThrow('account is no field');
    expect(() => defineContract('a.event.b.v1', Order, { idempotency: 'toString' })).toThrow('toString is no field');
    expect(defineContract('a.event.b.v1', Order, { idempotency: 'symbol' }).idempotency).toBe('symbol');
  });
});
