import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// For workers and for every process that a test starts; where Node itself keeps what `enableCompileCache` compiled.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');

/**
 * unit: tests and properties beside the code, one module graph for each worker thread. system: real processes and files, a
 * process for each test file. chaos: the same, long, only on demand, and the simulated runs with more seeds.
 */
export default defineConfig({
  resolve: { conditions: ['skein-source'] },
  ssr: { resolve: { conditions: ['skein-source'] } },
  test: {
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
          exclude: ['test/chaos/**', 'test/fixtures/**'],
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'chaos',
          pool: 'forks',
          include: ['test/chaos/**/*.test.ts', 'test/simulation/work.test.ts'],
          testTimeout: 600_000,
        },
      },
    ],
  },
});
