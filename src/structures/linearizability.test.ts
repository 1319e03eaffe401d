import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  casRegister,
  keyValue,
  type KvInput,
  perKey,
  type RegisterInput,
  type RegisterOutput,
} from './linearizability-models.ts';
import { checkLinearizability, explainViolation, type Operation, type SequentialModel } from './linearizability.ts';

type Register = Operation<RegisterInput, RegisterOutput>;

const op = (calledAt: number, at: number | null, input: RegisterInput, output: RegisterOutput = {}): Register => ({
  client: 0,
  input,
  calledAt,
  returned: at === null ? null : { at, output },
});
const write = (calledAt: number, at: number | null, value: number): Register => op(calledAt, at, { do: 'write', value });
const read = (calledAt: number, at: number, value: number | null): Register => op(calledAt, at, { do: 'read' }, { value });

/** Tries every order of every choice of open operations. */
function explained<S, I, O>(
  model: SequentialModel<S, I, O>,
  rest: readonly Operation<I, O>[],
  state: S = model.initial,
): boolean {
  if (rest.every(({ returned }) => returned === null)) return true;
  const firstReturn = Math.min(...rest.map(({ returned }) => returned?.at ?? Infinity));
  return rest.some((each) => {
    if (each.calledAt > firstReturn) return false;
    const next = model.step(state, each.input, each.returned?.output ?? null);
    return (
      next !== undefined &&
      explained(
        model,
        rest.filter((other) => other !== each),
        next,
      )
    );
  });
}

function until<I, O>(history: readonly Operation<I, O>[], end: number): Operation<I, O>[] {
  return history
    .filter(({ calledAt }) => calledAt <= end)
    .map((each) => (each.returned !== null && each.returned.at > end ? { ...each, returned: null } : each));
}

const value = fc.integer({ min: 0, max: 2 });
const interval = fc.tuple(fc.nat(12), fc.option(fc.nat(5), { freq: 5 }));
const registerOperation = fc
  .tuple(interval, fc.constantFrom('read', 'write', 'cas'), value, value, fc.boolean())
  .map(([[calledAt, length], what, a, b, done]): Register => {
    const input: RegisterInput =
      what === 'read' ? { do: 'read' } : what === 'write' ? { do: 'write', value: a } : { do: 'cas', from: a, to: b };
    return op(calledAt, length === null ? null : calledAt + length, input, { value: a, done });
  });
const kvOperation = fc
  .tuple(
    interval,
    fc.constantFrom('get' as const, 'put' as const, 'append' as const),
    fc.constantFrom('p', 'q'),
    fc.constantFrom('a', 'b', 'ab', 'ba', ''),
  )
  .map(([[calledAt, length], what, key, text]): Operation<KvInput, string> => {
    const input: KvInput = what === 'get' ? { do: 'get', key } : { do: what, key, value: text };
    return { client: 0, input, calledAt, returned: length === null ? null : { at: calledAt + length, output: text } };
  });

function judgesLikeEveryOrder<S, I, O>(model: SequentialModel<S, I, O>, history: readonly Operation<I, O>[]): string {
  const found = checkLinearizability(model, history);
  const parts = Map.groupBy(history, ({ input }) => model.part?.(input) ?? '');
  const bad = [...parts].filter(([, part]) => !explained(model, part)).map(([name]) => name);
  expect(found.verdict).toBe(bad.length === 0 ? 'ok' : 'violation');
  if (found.verdict === 'violation') {
    const { part, prefix, blocked } = found.violation;
    expect(bad).toContain(part);
    // The shortest: with its last return it cannot be explained, with that one still open it can.
    const end = blocked.returned!.at;
    expect(prefix).toContainEqual(blocked);
    expect(explained(model, prefix)).toBe(false);
    expect(explained(model, until(parts.get(part)!, end - 1))).toBe(true);
    let state: S | undefined = model.initial;
    for (const each of found.violation.explained) state = model.step(state!, each.input, each.returned?.output ?? null);
    expect(model.identity(state!)).toBe(found.violation.state);
  }
  if (found.verdict === 'ok')
    for (const order of found.orders.values()) {
      let state: S | undefined = model.initial;
      for (const each of order) state = model.step(state!, each.input, each.returned?.output ?? null);
      expect(state).not.toBe(undefined);
    }
  return found.verdict;
}

describe('linearizability', () => {
  it('finds that a read of an old value after the write returned fits no order', () => {
    expect(checkLinearizability(casRegister, [write(0, 1, 5), read(2, 3, 5)]).verdict).toBe('ok');
    const found = checkLinearizability(casRegister, [write(0, 1, 5), read(2, 3, null), read(4, 5, 5)]);
    expect(found).toMatchObject({ verdict: 'violation', violation: { blocked: read(2, 3, null), prefix: [{}, {}] } });
  });

  it('lets a write that never answered take effect late, early or never', () => {
    const pending = write(0, null, 7);
    for (const seen of [[read(1, 2, null)], [read(1, 2, 7)], [read(1, 2, null), read(3, 4, 7)]])
      expect(checkLinearizability(casRegister, [pending, ...seen]).verdict).toBe('ok');
    expect(checkLinearizability(casRegister, [pending, read(1, 2, 7), read(3, 4, null)]).verdict).toBe('violation');
  });

  it('takes operations that touch at one instant as concurrent', () => {
    expect(checkLinearizability(casRegister, [write(0, 1, 5), read(1, 2, null)]).verdict).toBe('ok');
  });

  it('judges registers as the trial of every order does, and names the shortest beginning that fails', () => {
    const verdicts = new Set<string>();
    const history = fc.array(registerOperation, { maxLength: 6 });
    fc.assert(
      fc.property(history, (each) => void verdicts.add(judgesLikeEveryOrder(casRegister, each))),
      { seed: 4, numRuns: 1_000 },
    );
    expect(verdicts).toEqual(new Set(['ok', 'violation']));
  });

  it('judges keys one by one as the trial of every order does', () => {
    const verdicts = new Set<string>();
    const history = fc.array(kvOperation, { maxLength: 8 });
    fc.assert(
      fc.property(history, (each) => void verdicts.add(judgesLikeEveryOrder(keyValue, each))),
      { seed: 4, numRuns: 1_000 },
    );
    expect(verdicts).toEqual(new Set(['ok', 'violation']));
  });

  it('answers unknown with the undecided keys when its bound is reached, and still finds the cheap violation', () => {
    // Sixteen concurrent appends whose result nobody can have read: 16! orders, 2^16 sets of them.
    const hard = Array.from({ length: 16 }, (_, i): Operation<KvInput, string> => {
      return {
        client: i,
        input: { do: 'append', key: 'hard', value: String(i % 2) },
        calledAt: 0,
        returned: { at: 1, output: '' },
      };
    });
    hard.push({ client: 0, input: { do: 'get', key: 'hard' }, calledAt: 2, returned: { at: 3, output: 'x' } });
    expect(checkLinearizability(keyValue, hard, 20_000)).toMatchObject({ verdict: 'unknown', parts: ['hard'] });
    const cheap: Operation<KvInput, string> = {
      client: 0,
      input: { do: 'get', key: 'k' },
      calledAt: 0,
      returned: { at: 1, output: 'x' },
    };
    expect(checkLinearizability(keyValue, [...hard, cheap], 20_000)).toMatchObject({
      verdict: 'violation',
      violation: { part: 'k' },
    });
  });

  it('tells a person what could not follow what', () => {
    const found = checkLinearizability(casRegister, [write(0, 1, 5), write(2, null, 6), read(3, 4, 9)]);
    if (found.verdict !== 'violation') throw new Error(found.verdict);
    expect(explainViolation(found.violation)).toBe(
      [
        'not linearizable: 3 operations, and no order explains',
        '  0: {"do":"read"} -> {"value":9}',
        'one order that explains all that returned before (1 operations, the last 1):',
        '  0: {"do":"write","value":5} -> {}',
        'leads to 5; open at that time: 1',
        '  0: {"do":"write","value":6} -> no answer',
      ].join('\n'),
    );
  });

  it('judges many registers by their keys and names the one that fails', () => {
    const at = (key: string, each: Register): Operation<RegisterInput & { key: string }, RegisterOutput> => ({
      ...each,
      input: { ...each.input, key },
    });
    const history = [at('a', write(0, 1, 5)), at('b', read(2, 3, null)), at('a', read(2, 3, 5))];
    expect(checkLinearizability(perKey(casRegister), history).verdict).toBe('ok');
    const bad = checkLinearizability(perKey(casRegister), [...history, at('b', read(4, 5, 5))]);
    expect(bad).toMatchObject({ verdict: 'violation', violation: { part: 'b' } });
  });

  it('keeps a write of an equal value for later, where it is not equal any more', () => {
    const [a, b, both] = [
      { at: 0, output: '' },
      { at: 1, output: '' },
      { calledAt: 0, client: 0 },
    ];
    const append: Operation<KvInput, string> = { ...both, input: { do: 'append', key: 'k', value: 'a' }, returned: a };
    const put: Operation<KvInput, string> = { ...both, input: { do: 'put', key: 'k', value: '' }, returned: a };
    const get: Operation<KvInput, string> = { client: 0, calledAt: 1, input: { do: 'get', key: 'k' }, returned: b };
    expect(checkLinearizability(keyValue, [put, append, get])).toMatchObject({ verdict: 'ok' });
  });

  it('refuses a history in which an answer comes before its call', () => {
    expect(() => checkLinearizability(casRegister, [write(5, 4, 1)])).toThrow(
      'an operation was called at 5 and returned before that',
    );
  });
});
