import { describe, expect, it } from 'vitest';
import { memoryRun } from '../../test/fixtures/memory-run.ts';
import { cheapCrypto, emptyScope, pull, Replica } from '../../test/fixtures/memory-replica.ts';
import type { Change } from './index.ts';
import { stateBytes } from './checkpoint.ts';
import { concat, hex } from '../kernel/index.ts';

const SEEDS = 80;
const NOW = 1_800_000_000_000;

function permutations<T>(of: readonly T[]): readonly (readonly T[])[] {
  if (of.length === 0) return [[]];
  return of.flatMap((each, i) => permutations(of.toSpliced(i, 1)).map((rest) => [each, ...rest]));
}

describe('replicas with the same operations', () => {
  it('are equal to the byte in every order of arrival, for four authors and whatever each of them had seen', () => {
    const crypto = cheapCrypto();
    const choices: readonly (Change | 'delete')[] = [{ field: 'text', set: 'x' }, { field: 'tags', remove: 'a' }, 'delete'];
    let scenarios = 0;
    // Every subset of the earlier operations that authors 2, 3 and 4 had seen: 2 * 4 * 8; two of the choices in turn.
    for (let seen = 0; seen < 64; seen++) {
      const replicas = Array.from({ length: 4 }, (_, n) => new Replica(crypto, n));
      const record = replicas[0]!.write(null, { field: 'tags', add: 'a' }, NOW)!;
      const subsets = [0, seen & 1, (seen >> 1) & 3, (seen >> 3) & 7];
      for (let n = 1; n < 4; n++) {
        for (let other = 0; other < n; other++)
          if ((subsets[n]! >> other) & 1) pull(replicas[n]!.scope, replicas[other]!.scope, NOW);
        const author = replicas[n]!;
        const known = author.scope.localOf({ author: replicas[0]!.keys.publicKey, epoch: 0, sequence: 0 });
        const change = choices[(seen + n) % 3]!;
        if (known !== null && author.scope.fold.record(known) !== null) {
          const written = change === 'delete' ? author.writer.delete(known, NOW) : author.writer.update(known, [change], NOW);
          if (!written.ok) expect(written.reason, record).toBe('no-record');
          author.writer.sign();
        } else author.writer.create([{ field: 'belief', set: n }], NOW);
        author.writer.sign();
      }
      // What each author wrote itself, alone.
      const parts = replicas.map(({ scope, keys }) => scope.log({ author: keys.publicKey, epoch: 0 })!.segment(0, Infinity)!);
      const states = permutations(parts.filter((each) => each !== null)).map((order) => {
        const scope = emptyScope(crypto);
        for (const each of order) if (!scope.take(each, NOW).ok) throw new Error('a segment was refused');
        return hex(concat(stateBytes(scope), scope.fold.sketch.encode(16), scope.heads.encode(8)));
      });
      scenarios += states.length;
      expect(new Set(states).size).toBe(1);
    }
    expect(scenarios).toBeGreaterThan(1000);
  });

  it(`show what the plain fold over the union shows, in ${SEEDS} random histories with loss, repeats, forwarding and restores`, () => {
    let [operations, contested, restores] = [0, 0, 0];
    for (let seed = 0; seed < SEEDS; seed++) {
      const run = memoryRun(`convergence/${seed}`);
      operations += run.operations;
      contested += run.contested;
      restores += run.restores;
    }
    expect(operations).toBeGreaterThan(SEEDS * 20);
    expect(contested).toBeGreaterThan(SEEDS / 6);
    expect(restores).toBeGreaterThan(SEEDS / 10);
  });
});
