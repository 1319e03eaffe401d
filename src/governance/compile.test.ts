import { describe, expect, it } from 'vitest';
import { type Answer, compilePolicies, decide, EntityRef, readEntities, readRecord, withActions } from './index.ts';

const ANY = { op: 'All' };
type Json = Readonly<Record<string, unknown>>;

function policy(body: unknown, parts: Json = {}): Json {
  const conditions = body === null ? [] : [{ kind: 'when', body }];
  return { effect: 'permit', principal: ANY, action: ANY, resource: ANY, conditions, ...parts };
}

const value = (json: unknown): Json => ({ Value: json });
const context = (attr: string): Json => ({ '.': { left: { Var: 'context' }, attr } });
const act = (id: string): Json => ({ __entity: { type: 'Action', id } });

function ask(policies: Readonly<Record<string, Json>>, given: Json = {}, action = 'read'): Answer {
  const entities = readEntities([{ uid: { type: 'Action', id: 'read' }, parents: [{ type: 'Action', id: 'any' }] }]);
  const record = readRecord(given);
  const compiled = compilePolicies(
    Object.entries(policies).map(([id, json]) => ({ id, json })),
    entities.ok ? entities.value : [],
  );
  if (!compiled.ok || !record.ok) throw new Error(compiled.ok ? 'context' : compiled.problems[0]!.problem);
  return decide(compiled.index, {
    principal: new EntityRef('U', 'ann'),
    action: new EntityRef('Action', action),
    resource: new EntityRef('R', 'doc'),
    context: record.value,
    entities: withActions(compiled.index, []),
  });
}

function refusal(json: unknown): string {
  const compiled = compilePolicies([{ id: 'p', json }]);
  return compiled.ok ? 'compiled' : compiled.problems[0]!.problem;
}

describe('a decision', () => {
  it('is a denial where no policy says anything', () => {
    expect(ask({})).toEqual({ decision: 'deny', cedar: 'deny', reasons: [], errors: [], held: [] });
  });

  it('is a denial where a forbid fails, although Cedar skips it and allows', () => {
    const { decision, cedar, reasons, errors } = ask({
      open: policy(null),
      guard: policy(context('missing'), { effect: 'forbid' }),
    });
    expect([decision, cedar, reasons]).toEqual(['deny', 'allow', ['open']]);
    expect(errors).toEqual([{ policy: 'guard', message: 'the record has no attribute "missing"' }]);
  });

  it('names the forbids that hold and keeps the permits they outweigh', () => {
    const { decision, reasons, held } = ask({ open: policy(null), guard: policy(value(true), { effect: 'forbid' }) });
    expect([decision, reasons, held]).toEqual(['deny', ['guard'], ['open', 'guard']]);
  });

  it('takes `action ==` for that action alone and `action in` for those below it as well', () => {
    const is = policy(null, { action: { op: '==', entity: act('any') } });
    const within = policy(null, { action: { op: 'in', entities: [act('any')] } });
    expect([ask({ is }).decision, ask({ within }).decision, ask({ is }, {}, 'any').decision]).toEqual(['deny', 'allow', 'allow']);
    expect(ask({ within, open: policy(null) }, {}, 'unheard of').reasons).toEqual(['open']);
  });

  it('fails on overflow instead of rounding, at both ends of 64 bits', () => {
    const max = { Long: '9223372036854775807' };
    const min = { neg: { arg: { Long: '9223372036854775808' } } };
    const sum = policy({ '==': { left: { '+': { left: max, right: value(1) } }, right: value(0) } });
    const difference = policy({ '==': { left: { '-': { left: min, right: value(1) } }, right: value(0) } });
    const even = policy({ '==': { left: { '-': { left: { neg: { arg: max } }, right: value(1) } }, right: min } });
    expect(ask({ sum, difference, even }).errors.map((each) => each.policy)).toEqual(['sum', 'difference']);
    expect(ask({ even }).decision).toBe('allow');
  });

  it('compares what has a prototype by its own attributes only', () => {
    const has = (attr: string): Json => policy({ has: { left: { Var: 'context' }, attr } });
    expect(ask({ a: has('toString'), b: has('__proto__'), c: has('constructor') }).held).toEqual([]);
  });
});

describe('the compiler', () => {
  it('refuses an operator that it does not know', () => {
    expect(refusal(policy({ matches: { left: value('a'), right: value('a') } }))).toBe('the operator "matches" is not supported');
    expect(refusal(policy({ '==': { left: value(1), right: value(1) }, '!=': {} }))).toBe(
      'an expression has exactly one operator',
    );
  });

  it('refuses templates, floats, nulls and numbers that were rounded', () => {
    expect(refusal(policy(null, { principal: { op: '==', slot: '?principal' } }))).toContain('templates');
    expect(refusal(policy({ '==': { left: value(1.5), right: value(1) } }))).toContain('write a decimal');
    expect(refusal(policy({ '==': { left: value(null), right: value(1) } }))).toContain('a value is');
    expect(refusal(policy({ '==': { left: value(2 ** 60), right: value(1) } }))).toContain('was rounded on its way');
    expect(refusal({ ...policy(null), effect: 'maybe' })).toBe('its effect is maybe');
    expect(refusal({ ...policy(null), extra: 1 })).toBe('a policy has no part "extra"');
  });

  it('refuses what is nested beyond its bound instead of overflowing a stack', () => {
    let body: Json = value(true);
    for (let i = 0; i < 1_000; i++) body = { '!': { arg: body } };
    expect(refusal(policy(body))).toContain('nested deeper');
  });

  it('holds no text of a policy in the source that it generates', () => {
    const evil = '"); process.exit(1); ("';
    const compiled = compilePolicies([
      { id: evil, json: policy({ '==': { left: { '.': { left: { Var: 'context' }, attr: evil } }, right: value(evil) } }) },
      { id: 'b', json: policy({ Record: { [evil]: value(1) } }, { resource: { op: 'is', entity_type: evil } }) },
      { id: 'c', json: policy({ like: { left: value(evil), pattern: ['Wildcard', { Literal: evil }] } }) },
    ]);
    expect(compiled.ok && /exit|\(1\)/.test(compiled.source)).toBe(false);
    expect(compiled.ok && compiled.source.replace(`'use strict';`, '').match(/["'`\\]/)).toBeNull();
  });

  it('refuses two policies with one id', () => {
    const compiled = compilePolicies([
      { id: 'p', json: policy(null) },
      { id: 'p', json: policy(null) },
    ]);
    expect(compiled.ok).toBe(false);
  });
});

describe('entities', () => {
  it('are refused in a circle and where one is there twice with other attributes', () => {
    const circle = readEntities([
      { uid: { type: 'U', id: 'a' }, parents: [{ type: 'U', id: 'b' }] },
      { uid: { type: 'U', id: 'b' }, parents: [{ type: 'U', id: 'a' }] },
    ]);
    const twice = readEntities([
      { uid: { type: 'U', id: 'a' }, attrs: { x: 1 } },
      { uid: { type: 'U', id: 'a' }, attrs: { x: 2 } },
    ]);
    const compiled = compilePolicies([]);
    for (const each of [circle, twice]) {
      expect(() => compiled.ok && each.ok && withActions(compiled.index, each.value)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(/own ancestor|there twice/) }),
      );
    }
  });

  it('refuse floats, nulls and escapes that are not known', () => {
    for (const bad of [
      { a: 1.5 },
      { a: null },
      { a: { __extn: { fn: 'eval', arg: '1' } } },
      { a: { __expr: 'x' } },
      { a: 2 ** 53 },
    ]) {
      expect(readRecord(bad).ok).toBe(false);
    }
  });
});
