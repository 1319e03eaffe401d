import { describe, expect, it } from 'vitest';
import { detectSandbox } from '../../src/runtime/embedded/index.ts';
import { KILLED_OR_TOLD, LONG, round } from '../run/rounds.ts';

const { mode } = await detectSandbox();
const ROUNDS = Number(process.env.SKEIN_CHAOS_ROUNDS ?? 50);
const BASE = process.env.SKEIN_CHAOS_SEED ?? String(Date.now());
const BLOWS_MAX = 3;
const SIDE_BY_SIDE = 2; // more of them only slow each other down, and with it what a round can meet

describe('kill -9 of host, warden or both, or a signal to the host, up to three times in a run', () => {
  it(
    `leaves a green branch, a readable ledger and a run that resume completes, ${ROUNDS} times (SKEIN_CHAOS_SEED=${BASE})`,
    { timeout: ROUNDS * 60_000 },
    async ({ annotate }) => {
      await annotate(`${ROUNDS} real runs, killed and resumed`);
      let next = 0;
      let blows = 0;
      const lane = async (): Promise<void> => {
        while (next < ROUNDS) {
          const seed = `${BASE}/${next++}`;
          try {
            // oxlint-disable-next-line no-await-in-loop -- one round after another in each lane
            blows += await round(seed, BLOWS_MAX, KILLED_OR_TOLD, mode !== 'none', LONG);
          } catch (cause) {
            throw new Error(`round ${seed}: ${(cause as Error).message}`, { cause });
          }
        }
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
      expect(blows, 'a storm that meets nothing proves nothing').toBeGreaterThanOrEqual(Math.ceil(ROUNDS / 2));
    },
  );
});
