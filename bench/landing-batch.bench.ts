/**
 * Claim: the queue lands 100 ready changes, 5 % of which break a test, with at most 0.45 runs of the checks for each change. The real
 * room in virtual time, with one place for checks; it knows nothing of the rate and has to find it out as it goes.
 * Baselines on the same changes: one at a time, and batches of the size that is best for the rate, split in halves when they are red.
 */
import { seededRandom } from '../src/kernel/index.ts';
import { NO_FAULTS, simulate } from '../src/runtime/simulation/index.ts';
import { agentSpec, BREAKS, PLAN, type Plan, taskSpec, WorkWorld } from '../test/simulation/work-world.ts';
import type { Row } from '../tools/bench/row.ts';

const CHANGES = 100;
const SEEDS = 8;
const SIZES = [1, 2, 4, 8, 16, 32];
const RATES: readonly (readonly [percent: number, target: number])[] = [
  [0, 0.2],
  [5, 0.45],
  [10, 0.7],
  [20, 1],
  [30, 1.15],
];

/** Which of the changes are bad; exactly as many as the rate says, at places that the seed draws. */
function badOnes(seed: number, percent: number): boolean[] {
  const random = seededRandom(`bench/landing-batch/${seed}`);
  const bad = Array.from({ length: CHANGES }, (_, i) => i < (CHANGES * percent) / 100);
  for (let i = CHANGES - 1; i > 0; i--) {
    const k = random.below(i + 1);
    [bad[i], bad[k]] = [bad[k]!, bad[i]!];
  }
  return bad;
}

/** Runs of the checks for each change, by the room. */
function ours(seed: number, bad: readonly boolean[], checksMax: number): { checks: number; hours: number } {
  const plan: Plan = {
    ...PLAN,
    agents: [agentSpec('honest')],
    tasks: bad.map((breaks, i) => taskSpec(`t${i}`, breaks ? { text: BREAKS } : {})),
    limits: { agentsMax: CHANGES, checksMax, attemptsMax: 1, wallTime: 1e9, costMax: null },
    checkSlowness: 20,
  };
  let world: WorkWorld | null = null;
  const result = simulate({ seed: String(seed), trace: true, faults: NO_FAULTS, crashAtStep: 0 }, (simulation) => {
    world = new WorkWorld(simulation, plan);
    return world;
  });
  const landed = world!.tasks.filter(({ state }) => state === 'landed').length;
  const good = bad.filter((breaks) => !breaks).length;
  if (result.violations.length > 0 || landed !== good) throw new Error(`seed ${seed}: ${landed} of ${good} good changes landed`);
  const started = result.trace.filter((event) => event.includes('start work.check ')).length;
  return { checks: started / CHANGES, hours: Number(result.trace.at(-1)!.split(' ')[0]) / 3_600_000 };
}

/** A batch is checked; a red one of several is split, and both halves are checked the same way. */
function halved(bad: readonly boolean[], size: number): number {
  const check = (part: readonly boolean[]): number => {
    if (part.length === 1 || !part.includes(true)) return 1;
    const half = part.length >> 1;
    return 1 + check(part.slice(0, half)) + check(part.slice(half));
  };
  let checks = 0;
  for (let i = 0; i < bad.length; i += size) checks += check(bad.slice(i, i + size));
  return checks / bad.length;
}

export default function bench(): Row[] {
  return RATES.map(([percent, target]) => {
    const all = Array.from({ length: SEEDS }, (_, seed) => badOnes(seed, percent));
    const runs = all.map((bad, seed) => ours(seed, bad, 1).checks).toSorted((a, b) => a - b);
    const two = all.map((bad, seed) => ours(seed, bad, 2));
    const classic = SIZES.map((size) => ({ size, checks: mean(all.map((bad) => halved(bad, size))) }));
    const best = classic.toSorted((a, b) => a.checks - b.checks)[0]!;
    const one = mean(all.map((bad) => halved(bad, 1)));
    console.log(
      `${percent} %: ${mean(runs).toFixed(2)} by the room (two places: ${mean(two.map((run) => run.checks)).toFixed(2)}), ` +
        `${one.toFixed(2)} one at a time, ${classic.map(({ size, checks }) => `${checks.toFixed(2)} in ${size}s`).join(', ')}`,
    );
    return {
      claim: `landing ${CHANGES} ready changes, ${percent} % of them break a test; baseline: batches of ${best.size}, halved when red`,
      target: `at most ${target} runs of the checks for each change`,
      ours: mean(runs),
      unit: 'runs/change',
      baseline: best.checks,
      ratio: best.checks / mean(runs),
      p50: runs[Math.floor(runs.length / 2)]!,
      p99: runs.at(-1)!,
      met: mean(runs) <= target,
    };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
