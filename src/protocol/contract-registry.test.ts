import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { type Contract, defineContract } from './contract.ts';
import { CONTRACT_NUMBER_MAX, type ContractIdentity, ContractRegistry, FLEET_CONTRACTS_FROM } from './contract-registry.ts';

const S = (more: object = {}) => Type.Object({ a: Type.Integer(), ...more }, { additionalProperties: false });
const make = (type: string, minor = 0, more: object = {}): Contract => defineContract(type, S(more), { minor });
const holding = (...contracts: Contract[]): ContractRegistry => {
  const registry = new ContractRegistry();
  for (const contract of contracts) registry.add(contract);
  return registry;
};

describe('a registry of contracts', () => {
  it('finds a contract by its type and by its number, and lists them by number', () => {
    const registry = new ContractRegistry();
    const [late, early, own] = ['c.event.c.v1', 'a.event.a.v1', 'b.event.b.v1'].map((type) => make(type));
    registry.add(late!, 9);
    registry.add(early!, 3);
    registry.add(own!);
    expect(registry.get('a.event.a.v1')).toBe(early);
    expect(registry.byNumber(9)).toBe(late);
    expect([registry.numberOf('b.event.b.v1'), registry.numberOf('x.event.x.v1')]).toEqual([FLEET_CONTRACTS_FROM, undefined]);
    expect(registry.list()).toEqual([early, late, own]);
    expect(registry.identities()[0]).toEqual({ type: 'a.event.a.v1', minor: 0, hash: early!.hash, number: 3 });
  });

  it('takes the same contract twice, but no other one under its name, version or number', () => {
    const registry = holding(make('a.event.a.v1'));
    registry.add(make('a.event.a.v1'));
    expect(registry.list()).toHaveLength(1);
    expect(() => registry.add(make('a.event.a.v1', 0, { b: Type.String() }))).toThrow('raise minor');
    expect(() => registry.add(make('a.event.a.v1'), 7)).toThrow('has the number 4096, not 7');
    expect(() => registry.add(make('b.event.b.v1'), FLEET_CONTRACTS_FROM)).toThrow('belongs to a.event.a.v1');
    expect(() => registry.add(make('b.event.b.v1'), CONTRACT_NUMBER_MAX + 1)).toThrow('no number of a contract');
    registry.add(make('b.event.b.v1'), CONTRACT_NUMBER_MAX);
  });
});

describe('two hosts that meet', () => {
  const here = holding(make('a.event.a.v1', 1), make('b.event.b.v2'), make('c.event.c.v1'));
  const told = (...contracts: Contract[]): ContractIdentity[] =>
    contracts.map(({ type, minor, hash }, i) => ({ type, minor, hash, number: 500 + i }));

  it('understand the same schema, project another minor version, and let the unknown become dead letters', () => {
    const met = here.meet(
      told(
        make('c.event.c.v1'),
        make('a.event.a.v1', 2, { b: Type.Optional(Type.String()) }),
        make('b.event.b.v3'),
        make('z.event.z.v1'),
      ),
    );
    const { byNumber } = met as Extract<typeof met, { ok: true }>;
    expect([...byNumber].map(([number, { how }]) => [number, how])).toEqual([
      [500, 'same'],
      [501, 'projected'],
      [502, 'unknown'],
      [503, 'unknown'],
    ]);
    expect(byNumber.get(502)).toMatchObject({
      refusal: { reason: 'unknown-contract', detail: expect.stringContaining('only v2') },
    });
    expect(byNumber.get(503)).toMatchObject({
      refusal: { detail: expect.stringContaining('no contract z.event.z.v1 is known here') },
    });
  });

  it('project also what is one minor version behind', () => {
    const met = here.meet(told(make('a.event.a.v1', 0)));
    expect(met.ok && met.byNumber.get(500)?.how).toBe('projected');
  });

  it('refuse the session when one version has two meanings', () => {
    const met = here.meet(told(make('c.event.c.v1', 0, { b: Type.String() })));
    expect(met).toMatchObject({
      ok: false,
      refusal: { reason: 'invalid', detail: expect.stringContaining('changed without a new version') },
    });
  });

  it.each([
    ['a type twice', [{}, { number: 2 }]],
    ['a number twice', [{}, { type: 'b.event.b.v1' }]],
    ['a number out of range', [{ number: 0 }]],
    ['a number that is too large', [{ number: 65_536 }]],
    ['a type that is none', [{ type: '__proto__' }]],
    ['a hash that is none', [{ hash: 'abc' }]],
    ['a minor that is none', [{ minor: 0.5 }]],
  ])('refuse a list with %s', (_what, rows) => {
    const list = rows.map((row) => ({ type: 'a.event.a.v1', minor: 0, hash: 'a'.repeat(64), number: 1, ...row }));
    expect(new ContractRegistry().meet(list)).toMatchObject({ ok: false, refusal: { reason: 'invalid' } });
  });
});
