/** A goal pack as anybody can write one: lines that end in blanks, two agents that take them away, a judge that counts. */
import { fileURLToPath } from 'node:url';
import type { GoalPack } from '../../../src/assembly/index.ts';

const program = (name: string): string[] => [process.execPath, fileURLToPath(new URL(name, import.meta.url))];
const agent = {
  kind: 'shell',
  resume: [],
  usage: 'none',
  passEnv: [],
  timeout: 60_000,
  attemptPrice: 0,
  network: false,
} as const;
const own = { ...agent, only: 'tidy-lines', resume: [], passEnv: [] };

export const pack: GoalPack = {
  name: 'example',
  goals: [
    {
      name: 'tidy-lines',
      says: 'lines that end in blanks',
      unasked: false,
      plan: async ({ argument }) => ({
        probes: [
          {
            name: 'tidy-lines',
            goal: 'tidy-lines',
            says: 'lines that end in blanks',
            argv: program('probe.ts'),
            argument,
            timeout: 60_000,
            when: 'first',
            sandboxed: false,
            keeps: false,
          },
        ],
        agents: [
          { ...own, name: 'first-line', argv: program('first-line.ts') },
          { ...own, name: 'all-lines', argv: program('all-lines.ts') },
          { ...own, name: 'liar', argv: program('liar.ts') },
        ],
        checks: [],
        services: [],
        notes: [],
      }),
    },
  ],
};
