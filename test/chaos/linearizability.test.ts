/** Long histories of a register that is right by construction, and the same with one read that nobody can have written. */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/kernel/index.ts';
import {
  casRegister,
  checkLinearizability,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
} from '../../src/structures/index.ts';

type History = Operation<RegisterInput, RegisterOutput>[];

/** Every operation takes effect at one moment between call and return; some are lost before, some after it. */
function recorded(random: Random, operations: number, clients: number, lostShare: number): History {
  const history: History = [];
  const open: { client: number; input: RegisterInput; calledAt: number; output: RegisterOutput | null }[] = [];
  let value: number | null = null;
  const takeEffect = (input: RegisterInput): RegisterOutput => {
    if (input.do === 'read') return { value };
    const done = input.do === 'write' || input.from === value;
    if (done) value = (input.do === 'write' ? input.value : input.to) as number;
    return input.do === 'cas' ? { done } : {};
  };
  for (let [at, called] = [0, 0]; called < operations || open.length > 0; at++) {
    if (called < operations && open.length < clients && random.chance(0.5)) {
      const [a, b] = [random.below(5), random.below(5)];
      const inputs: RegisterInput[] = [{ do: 'read' }, { do: 'write', value: a }, { do: 'cas', from: a, to: b }];
      open.push({ client: called, input: inputs[random.below(3)]!, calledAt: at, output: null });
      called += 1;
    } else if (open.length > 0) {
      const i = random.below(open.length);
      const { client, input, calledAt, output } = open[i]!;
      const isLost = random.chance(lostShare / 2); // drawn before and after the effect
      if (output === null && !isLost) {
        open[i]!.output = takeEffect(input);
        continue;
      }
      open.splice(i, 1);
      history.push({ client, input, calledAt, returned: isLost || output === null ? null : { at, output } });
    }
  }
  return history;
}

function withImpossibleRead(history: History, random: Random): History {
  const reads = history.flatMap(({ input, returned }, i) => (input.do === 'read' && returned !== null ? [i] : []));
  const at = reads[random.below(reads.length)]!;
  const { returned } = history[at]!;
  return history.with(at, { ...history[at]!, returned: { at: returned!.at, output: { value: 9 } } });
}

describe('long histories', () => {
  it('of 100,000 operations are judged in steps that grow with their length', () => {
    const history = recorded(seededRandom('long'), 100_000, 5, 0);
    const found = checkLinearizability(casRegister, history);
    expect(found.verdict).toBe('ok');
    expect(found.steps).toBeLessThan(1_000_000);
    const bad = checkLinearizability(casRegister, withImpossibleRead(history, seededRandom('bad')));
    expect(bad.verdict).toBe('violation');
  });

  it('of many clients, some of which never hear, are never called linearizable with a read that nobody wrote', async ({
    annotate,
  }) => {
    await annotate('judges 4,000 histories');
    const verdicts = { ok: 0, violation: 0, unknown: 0 };
    for (let seed = 0; seed < 2_000; seed++) {
      const random = seededRandom(`many ${seed}`);
      const history = recorded(random, 20 + random.below(400), 2 + random.below(14), random.unit() / 10);
      expect(checkLinearizability(casRegister, history).verdict, `seed ${seed}`).not.toBe('violation');
      const { verdict } = checkLinearizability(casRegister, withImpossibleRead(history, random), 200_000);
      verdicts[verdict] += 1;
    }
    expect(verdicts.ok).toBe(0);
    expect(verdicts.violation).toBeGreaterThan(1_000);
  });
});
