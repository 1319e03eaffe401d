import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// For workers and for every process that a test starts; where Node itself keeps what `enableCompileCache` compiled.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');

const ALONE = ['test/perf/**/*.test.ts'];

/**
 * unit: tests and properties beside the code, one module graph for each worker thread. system: real processes and files, a
 * process for each test file, two at once, because half of their time is waiting. alone: what measures time, after all others. chaos: the same, long, only on demand, and the simulated runs with more seeds.
 */
export default defineConfig({
  resolve: { conditions: ['skein-source'] },
  ssr: { resolve: { conditions: ['skein-source'] } },
  test: {
    maxWorkers: 2,
    maxConcurrency: 2, // of tests that say that they are concurrent: each starts processes of its own
    reporters: ['default', './tools/closing-line.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', pool: 'threads', isolate: false, include: ['src/**/*.test.ts'], testTimeout: 10_000 },
      },
      {
        extends: true,
        test: {
          name: 'system',
          pool: 'forks',
          include: ['test/**/*.test.ts', 'apps/**/*.test.ts'],
          exclude: ['test/chaos/**', 'test/fixtures/**', ...ALONE],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          pool: 'forks',
          include: ALONE,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          pool: 'forks',
          include: ['test/chaos/**/*.test.ts', 'test/simulation/work.test.ts', 'test/simulation/spine/spine.test.ts'],
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: 600_000,
        },
      },
    ],
  },
});
