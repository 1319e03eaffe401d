import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { hostileStorm } from '../fixtures/hostile-frames.ts';

const MUTANTS = Number(process.env.SKEIN_CHAOS_FRAMES ?? 1_000_000);
const SEED = process.env.SKEIN_CHAOS_SEED ?? String(Date.now());
const PARTS = 10;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

describe('mutated frames, in great number', () => {
  it(`crash nothing, pass no wrong tag and leave memory as it was, ${MUTANTS} of them (SKEIN_CHAOS_SEED=${SEED})`, async ({
    annotate,
  }) => {
    await annotate('about 40 CPU-seconds for a million');
    const heaps: number[] = [];
    let [refused, read] = [0, 0];
    for (let part = 0; part < PARTS; part++) {
      const storm = hostileStorm(`${SEED}/${part}`, Math.ceil(MUTANTS / PARTS), 100);
      expect(storm, `seed ${SEED}/${part}`).toMatchObject({ acceptedStale: 0, unsayable: 0 });
      expect(storm.slowestMs, 'one frame at a time takes no second, however it was bent').toBeLessThan(1000);
      refused += storm.refusedMessages;
      read += storm.readMessages;
      collect();
      heaps.push(process.memoryUsage().heapUsed);
    }
    expect(Math.min(refused, read), 'a storm that is stopped at the tag proves nothing').toBeGreaterThan(MUTANTS / 20);
    // The first part loads and compiles what the others use.
    expect(heaps.at(-1)! - heaps[1]!).toBeLessThan(4 * 1024 * 1024);
  });
});
