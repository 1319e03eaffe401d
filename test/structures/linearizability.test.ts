/** The checker against verdicts that nobody here wrote. All 102 etcd runs and six files of kv take 0.8 s of CPU; the sample less. */
import { describe, expect, it } from 'vitest';
import { casRegister, checkLinearizability, explainViolation, keyValue } from '../../src/structures/index.ts';
import { etcdHistory, etcdRuns, kvFiles, kvHistory, LINEARIZABLE, present } from './porcupine.ts';

describe('the linearizability checker', () => {
  it.skipIf(!present)('agrees with every verdict of SKEIN_VECTORS/porcupine on etcd', () => {
    const runs = etcdRuns();
    expect(runs.length).toBeGreaterThanOrEqual(33);
    const verdicts = runs.map((run) => [run, checkLinearizability(casRegister, etcdHistory(run)).verdict]);
    expect(verdicts).toEqual(runs.map((run) => [run, LINEARIZABLE.has(run) ? 'ok' : 'violation']));
  });

  it.skipIf(!present)('agrees with every verdict of SKEIN_VECTORS/porcupine on a key-value service of 1 to 50 clients', () => {
    const files = kvFiles();
    expect(files).toContain('c50-bad.txt');
    for (const file of files) {
      const found = checkLinearizability(keyValue, kvHistory(file));
      expect([file, found.verdict]).toEqual([file, file.includes('-ok') ? 'ok' : 'violation']);
      if (file === 'c50-bad.txt' && found.verdict === 'violation') {
        expect(found.violation.prefix.length).toBeLessThan(50); // of 2,024 operations
        expect(explainViolation(found.violation)).toContain('not linearizable at 3: 23 operations, and no order explains');
      }
    }
  });

  it.skipIf(!present)('says unknown, not ok, of SKEIN_VECTORS/porcupine when its bound is too small', () => {
    const found = checkLinearizability(keyValue, kvHistory('c50-bad.txt'), 5_000);
    expect(found.verdict).toBe('unknown');
    expect(found.steps).toBeLessThanOrEqual(5_000 + 2_024);
  });
});
