/**
 * The small fleet: 300 agents as rows on three to eight hosts, some 30 s of storm and then quiet, under seeds that draw every fault.
 * SKEIN_SEEDS=10000 runs more of them; `skein simulate --seed N` prints one.
 */
import { describe, expect, it } from 'vitest';
import { openCrypto } from '../../../src/runtime/embedded/index.ts';
import { describeRun, type SimulationResult, spine } from '../../../src/runtime/simulation/index.ts';
import { PLANTED } from './planted.ts';

const SEEDS = Number(process.env['SKEIN_SEEDS'] ?? 300);
const PLANTED_SEEDS_MAX = 1000;

function run(seed: number, plant?: spine.FleetPlant): SimulationResult {
  return spine.runFleet(spine.drawFleet({ seed: String(seed) }), plant);
}

describe('the small fleet', () => {
  it(`keeps every promise under ${SEEDS} seeds of faults`, { timeout: 1_800_000 }, async ({ annotate }) => {
    await annotate(`${SEEDS} fleets of 300 agents for about half a minute each`);
    const broken: SimulationResult[] = [];
    for (let seed = 0; seed < SEEDS; seed++) {
      const result = run(seed);
      if (result.violations.length > 0) broken.push(result);
    }
    expect(broken.length, broken.slice(0, 3).map(describeRun).join('\n\n')).toBe(0);
  });

  it('is the same run, event by event, under the same seed, and another one under another', () => {
    const first = Array.from({ length: 10 }, (_, seed) => run(seed).hash);
    expect(Array.from({ length: 10 }, (_, seed) => run(seed).hash)).toEqual(first);
    expect(new Set(first).size).toBe(10);
  });
});

describe('the real codec', () => {
  it('carries the same run, event by event, as frozen envelopes do', async () => {
    const { crypto } = await openCrypto();
    for (const seed of ['1', '2', '3']) {
      const drawn = spine.drawFleet({ seed });
      const faults = { ...drawn.faults, damage: 0.03 };
      const frozen = spine.runFleet({ ...drawn, faults, codec: false });
      const framed = spine.runFleet({ ...drawn, faults, codec: true }, {}, { crypto });
      expect([framed.hash, framed.violations]).toEqual([frozen.hash, []]);
    }
  });
});

describe('a checker counts only when it catches its planted bug', () => {
  it.each(PLANTED.map((planted) => [planted.bug, planted] as const))('%s', { timeout: 120_000 }, (_bug, planted) => {
    const { caughtBy } = planted;
    for (let n = -1; n < PLANTED_SEEDS_MAX; n++) {
      const seed = n < 0 ? planted.near : n;
      if (run(seed, planted.plant()).violations.some(({ checker }) => checker === caughtBy)) return;
    }
    expect.fail(`${PLANTED_SEEDS_MAX} seeds and the checker "${caughtBy}" saw nothing`);
  });

  it('every checker has one', () => {
    const caught = new Set(PLANTED.map(({ caughtBy }) => caughtBy));
    expect(Object.keys(spine.CHECKERS).filter((checker) => !caught.has(checker as spine.Checker))).toEqual([]);
  });
});
