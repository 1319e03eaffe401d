import { describe, expect, it } from 'vitest';
import { memoryRun } from '../fixtures/memory-run.ts';

const SEEDS = Number(process.env.SKEIN_CHAOS_MEMORY ?? 10_000);
const SEED = process.env.SKEIN_CHAOS_SEED ?? String(Date.now());

describe('histories of a memory scope, in great number', () => {
  it(`end in equal bytes and in what the plain fold says, ${SEEDS} of them (SKEIN_CHAOS_SEED=${SEED})`, async ({ annotate }) => {
    await annotate('about 80 CPU-seconds for ten thousand');
    let contested = 0;
    for (let seed = 0; seed < SEEDS; seed++) contested += memoryRun(`${SEED}/${seed}`).contested;
    expect(contested).toBeGreaterThan(SEEDS / 10);
  });
});
