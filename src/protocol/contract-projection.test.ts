import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { defineContract } from './contract.ts';
import { isProjectable, opened, projectMessage, Projector } from './contract-projection.ts';
import { bundle } from './json-schema.ts';

const closed = { additionalProperties: false } as const;
const Line = Type.Object({ sku: Type.String(), count: Type.Optional(Type.Integer()) }, closed);
const order = defineContract(
  'shop.event.order.v1',
  Type.Object({ id: Type.String(), lines: Type.Array(Line), extra: Type.Optional(Type.Unsafe({ type: 'object' })) }, closed),
);

describe('projection at the consumer', () => {
  it('leaves a message that fits as it is, and does not copy it', () => {
    const message = { id: '1', lines: [{ sku: 'a' }] };
    const seen = projectMessage(order, message);
    expect(seen).toEqual({ ok: true, value: message, dropped: [] });
    expect(seen.ok && seen.value).toBe(message);
  });

  it('drops at every depth what its schema does not know, says where, and keeps open objects whole', () => {
    const message = Object.freeze({
      id: '1',
      gift: true,
      lines: [{ sku: 'a', colour: 'red', count: 2 }, { sku: 'b' }],
      extra: { any: 1 },
    });
    expect(projectMessage(order, message)).toEqual({
      ok: true,
      value: { id: '1', lines: [{ sku: 'a', count: 2 }, { sku: 'b' }], extra: { any: 1 } },
      dropped: ['/gift', '/lines/0/colour'],
    });
  });

  it('adds nothing: what is missing or wrong stays refused', () => {
    expect(projectMessage(order, { id: '1', gift: true })).toMatchObject({
      ok: false,
      findings: [expect.stringContaining('lines')],
    });
    expect(projectMessage(order, { id: 1, lines: [], gift: true }).ok).toBe(false);
    expect(projectMessage(order, null).ok).toBe(false);
  });

  it('drops a property called __proto__ like any other', () => {
    const message = JSON.parse('{"id":"1","lines":[],"__proto__":{"admin":true}}') as unknown;
    const seen = projectMessage(order, message);
    expect(seen).toEqual({ ok: true, value: { id: '1', lines: [] }, dropped: ['/__proto__'] });
    expect(seen.ok && 'admin' in (seen.value as object)).toBe(false);
  });

  it('takes in a union the part that fits whole, else the one that keeps most', () => {
    const union = defineContract(
      'a.event.b.v1',
      Type.Object(
        {
          u: Type.Union([
            Type.Object({ a: Type.Integer() }, closed),
            Type.Object({ a: Type.Integer(), b: Type.Integer() }, closed),
          ]),
        },
        closed,
      ),
    );
    expect(projectMessage(union, { u: { a: 1, b: 2 } })).toMatchObject({ value: { u: { a: 1, b: 2 } }, dropped: [] });
    expect(projectMessage(union, { u: { a: 1, b: 2, c: 3 } })).toMatchObject({ value: { u: { a: 1, b: 2 } }, dropped: ['/u/c'] });
    expect(projectMessage(union, { u: { b: 2 } }).ok).toBe(false);
  });

  it('follows references, also to itself, and ends on what is deeper than a message may be', () => {
    const schema = {
      $defs: { node: { type: 'object', properties: { next: { $ref: '#/$defs/node' } }, additionalProperties: false } },
      $ref: '#/$defs/node',
    };
    expect(new Projector(bundle(schema)).project({ next: { next: { x: 1 } }, y: 1 })).toEqual({
      value: { next: { next: {} } },
      dropped: ['/next/next/x', '/y'],
    });
    let deep: object = {};
    for (let i = 0; i < 10_000; i++) deep = { next: deep };
    expect(new Projector(bundle(schema)).project(deep).value).toBe(deep);
  });

  it('reports at most 16 paths of one message', () => {
    const message = { id: '1', lines: [], ...Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, i])) };
    const seen = projectMessage(order, message);
    expect(seen.ok && seen.dropped).toHaveLength(16);
  });
});

describe('reasoning about projection', () => {
  it('takes closed objects for open ones only where nothing depends on how many properties there are', () => {
    const object = { type: 'object', properties: { a: {} }, additionalProperties: false };
    expect(isProjectable(bundle(object))).toBe(true);
    expect(isProjectable(bundle({ anyOf: [object, { type: 'null' }] }))).toBe(true);
    for (const more of [
      { maxProperties: 2 },
      { not: {} },
      { required: ['b'] },
      { oneOf: [{}] },
      { propertyNames: {} },
      { allOf: [object] },
    ]) {
      expect(isProjectable(bundle({ ...object, ...more })), JSON.stringify(more)).toBe(false);
    }
    expect(isProjectable(bundle({ type: 'array', uniqueItems: true, items: object }))).toBe(false);
    expect(isProjectable(bundle({ type: 'array', uniqueItems: true, items: { type: 'string' } }))).toBe(true);
    expect(opened(bundle({ type: 'array', items: object })).root).toEqual({
      type: 'array',
      items: { type: 'object', properties: { a: {} } },
    });
  });
});
