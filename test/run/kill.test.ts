import { describe, it } from 'vitest';
import { detectSandbox } from '../../src/runtime/embedded/index.ts';
import { round } from './rounds.ts';

const { mode } = await detectSandbox();
const ROUNDS = 5;
const BASE = process.env.SKEIN_CHAOS_SEED ?? '1';

describe.concurrent('kill -9', () => {
  it.for(Array.from({ length: ROUNDS }, (_, i) => `${BASE}/${i}`))(
    'at an instant drawn from seed %s leaves a green branch and a run that resume completes',
    { timeout: 60_000 },
    async (seed) => {
      if (process.env.ONLY !== undefined && !seed.endsWith(process.env.ONLY)) return;
      await round(seed, 1, mode !== 'none');
    },
  );
});
