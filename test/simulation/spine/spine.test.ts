/**
 * The small fleet: 300 agents as rows on three to eight hosts, some 30 s of storm and then quiet, under seeds that draw every fault.
 * SKEIN_SEEDS=10000 runs more of them; `skein simulate --seed N` prints one.
 */
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../../src/kernel/index.ts';
import type { LedgerEntry } from '../../../src/ports/index.ts';
import { decodeLedgerHeader } from '../../../src/protocol/index.ts';
import { openCrypto } from '../../../src/runtime/embedded/index.ts';
import { describeRun, type SimulationResult, spine } from '../../../src/runtime/simulation/index.ts';
import { PLANTED } from './planted.ts';

const SEEDS = Number(process.env['SKEIN_SEEDS'] ?? 300);
const PLANTED_SEEDS_MAX = 1000;

function run(seed: number, plant?: spine.FleetPlant, codec?: true): SimulationResult {
  return spine.runFleet(spine.drawFleet({ seed: String(seed), ...(codec === undefined ? {} : { codec }) }), plant);
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
    const first = Array.from({ length: 4 }, (_, seed) => run(seed).hash);
    expect(Array.from({ length: 4 }, (_, seed) => run(seed).hash)).toEqual(first);
    expect(new Set(first).size).toBe(4);
  });

  it('has in the log of a host that its clock was set, and not that it was steered', () => {
    const drawn = spine.drawFleet({ seed: '1', codec: true, without: ['crash'] });
    const incidents: spine.Incident[] = [
      { at: 3000, kind: 'clock', host: 0, by: 200 },
      { at: 9000, kind: 'clock', host: 0, by: -150 },
    ];
    const steps: unknown[] = [];
    const ledger = (entries: readonly LedgerEntry[]): readonly LedgerEntry[] => {
      for (const { header, body } of entries)
        if (decodeLedgerHeader(header)?.kind === 'clock.stepped') steps.push(JSON.parse(fromUtf8(body!)));
      return entries;
    };
    expect(spine.runFleet({ ...drawn, incidents }, { ledger }).violations).toEqual([]);
    expect(steps).toEqual([{ by: 200 }]);
  });
});

describe('the real codec', () => {
  it('carries the same run, event by event, as frozen envelopes do', async () => {
    const { crypto } = await openCrypto();
    const drawn = spine.drawFleet({ seed: '1' });
    const faults = { ...drawn.faults, damage: 0.03 };
    const frozen = spine.runFleet({ ...drawn, faults, codec: false });
    const framed = spine.runFleet({ ...drawn, faults, codec: true }, {}, { crypto });
    expect([framed.hash, framed.violations]).toEqual([frozen.hash, []]);
  });
});

describe('a checker counts only when it catches its planted bug', () => {
  it.each(PLANTED.map((planted) => [planted.bug, planted] as const))('%s', { timeout: 120_000 }, (_bug, planted) => {
    const { caughtBy, codec } = planted;
    for (let n = -1; n < PLANTED_SEEDS_MAX; n++) {
      const seed = n < 0 ? planted.near : n;
      if (run(seed, planted.plant(), codec).violations.some(({ checker }) => checker === caughtBy)) return;
    }
    expect.fail(`${PLANTED_SEEDS_MAX} seeds and the checker "${caughtBy}" saw nothing`);
  });

  it('every checker has one', () => {
    const caught = new Set(PLANTED.map(({ caughtBy }) => caughtBy));
    expect(Object.keys(spine.CHECKERS).filter((checker) => !caught.has(checker as spine.Checker))).toEqual([]);
  });
});
