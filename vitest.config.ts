import { defineConfig } from 'vitest/config';

const shared = { isolate: false, pool: 'threads' as const };

/** Unit tests and properties share one module graph per worker; system tests start real processes and get their own. */
export default defineConfig({
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    reporters: ['default', './tools/closing-line.ts'],
    projects: [
      { extends: true, test: { ...shared, name: 'unit', include: ['src/**/*.test.ts'], testTimeout: 10_000 } },
      {
        extends: true,
        test: {
          name: 'system',
          pool: 'forks',
          include: ['test/**/*.test.ts', 'apps/**/*.test.ts'],
          exclude: ['test/chaos/**'],
          testTimeout: 60_000,
        },
      },
      { extends: true, test: { name: 'chaos', pool: 'forks', include: ['test/chaos/**/*.test.ts'], testTimeout: 600_000 } },
    ],
  },
});
