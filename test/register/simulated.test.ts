/** Concurrent histories of the simulated register, under lost requests and answers, judged; and what the judge is worth. */
import { describe, expect, it } from 'vitest';
import { type Random, seededRandom } from '../../src/kernel/index.ts';
import type { Register } from '../../src/ports/index.ts';
import { checkLinearizability, explainViolation } from '../../src/structures/index.ts';
import { SimRegister, Timeline } from '../../src/runtime/simulation/index.ts';
import { type RegisterInput, registerModel, type RegisterOperation, type RegisterOutput } from './register-model.ts';

const KEYS = ['lead', 'halt/all', 'lease/7'];

/** Clients that read, and swap from what they last saw, each one operation after the other. */
function history(
  seed: string,
  plant: (register: Register, random: Random) => Register = (register) => register,
): RegisterOperation[] {
  const timeline = new Timeline();
  const random = seededRandom(seed);
  const lost = random.below(3) === 0 ? 0.1 : 0;
  const server = new SimRegister({ timeline, random: random.stream('net'), delayMax: () => 30, lost: () => lost });
  const operations: RegisterOperation[] = [];
  let position = 0;
  for (let client = 0; client < 4; client++) {
    const register = plant(server.client(), random.stream(`plant ${client}`));
    const own = random.stream(`client ${client}`);
    const seen = new Map<string, number>();
    const next = (left: number): void => {
      if (left === 0) return;
      const key = KEYS[own.below(KEYS.length)]!;
      const input: RegisterInput = own.chance(0.4)
        ? { kind: 'read', key }
        : { kind: 'swap', key, expected: seen.get(key) ?? 0, value: own.chance(0.15) ? null : `${client}.${left}` };
      const calledAt = (position += 1);
      const done = (error: Error | null, output: RegisterOutput): void => {
        operations.push({ client, input, calledAt, returned: error === null ? { at: (position += 1), output } : null });
        if (input.kind === 'read') seen.set(key, (output as { revision: number } | null)?.revision ?? 0);
        else if (output !== null && 'ok' in output) {
          const revision = output.ok ? (input.value === null ? 0 : output.revision) : (output.current?.revision ?? 0);
          seen.set(key, revision);
        }
        timeline.after(own.below(20), () => next(left - 1));
      };
      if (input.kind === 'read') register.read(key, done);
      else register.swap(key, input.expected, input.value, done);
    };
    next(20);
  }
  while (timeline.step(Number.MAX_SAFE_INTEGER));
  return operations;
}

const judged = (
  operations: readonly RegisterOperation[],
): ReturnType<typeof checkLinearizability<unknown, RegisterInput, RegisterOutput>> =>
  checkLinearizability(registerModel, operations);

/** Bugs that a register may have. */
const PLANTS: readonly (readonly [string, (register: Register, random: Random) => Register])[] = [
  [
    'a read from a replica that is behind',
    (register, random) => {
      const old = new Map<string, RegisterOutput>();
      return {
        ...register,
        read: (key, done) =>
          register.read(key, (error, entry) => {
            const behind = old.get(key);
            old.set(key, entry);
            done(error, behind !== undefined && random.chance(0.2) ? (behind as typeof entry) : entry);
          }),
      };
    },
  ],
  [
    'a swap that is tried again after its answer was lost, and then says that somebody else was first',
    (register) => ({
      ...register,
      swap: (key, expected, value, done) => register.swap(key, expected, value, () => register.swap(key, expected, value, done)),
    }),
  ],
  [
    'a swap that compares and writes in two steps',
    (register) => ({
      ...register,
      swap: (key, expected, value, done) =>
        register.read(key, (error, current) => {
          if (error !== null) return done(error, null);
          if ((current?.revision ?? 0) !== expected) return done(null, { ok: false, current });
          const write = (at: number): void =>
            register.swap(key, at, value, (failed, swapped) => {
              if (failed === null && swapped?.ok === false) write(swapped.current?.revision ?? 0);
              else done(failed, swapped);
            });
          write(expected);
        }),
    }),
  ],
];

describe('the simulated register', () => {
  it('is linearizable under 200 seeds of delays and losses', () => {
    let unanswered = 0;
    for (let seed = 0; seed < 200; seed++) {
      const operations = history(`register ${seed}`);
      unanswered += operations.filter(({ returned }) => returned === null).length;
      const result = judged(operations);
      expect(result.verdict, result.verdict === 'violation' ? explainViolation(result.violation) : `seed ${seed}`).toBe('ok');
    }
    expect(unanswered).toBeGreaterThan(100);
  });

  it.each(PLANTS)('is judged: %s is caught within 100 seeds', (_bug, plant) => {
    const caught = Array.from({ length: 100 }, (_, seed) => judged(history(`register ${seed}`, plant)).verdict);
    expect(caught).toContain('violation');
  });
});
