/** The goal about the checks themselves: findings and measures, no tasks. Timing wants a quiet machine, so that part comes last. */
import type { Goal } from 'skein';
import { programArgv } from '../programs/entry.ts';
import { NOTHING, probeOf } from '../programs/plan.ts';

const SHAPE_MS = 60_000;
const RUNS_MS = 900_000;

export const health: Goal = {
  name: 'health',
  says: 'flaky and slow tests, how long each check takes, what is missing',
  unasked: true,
  plan: ({ checks }) =>
    Promise.resolve({
      ...NOTHING,
      probes: [
        probeOf({
          name: 'shape',
          goal: 'health',
          says: 'size, packages, import cycles, missing checks',
          argv: programArgv(import.meta.url, './shape'),
          timeout: SHAPE_MS,
        }),
        ...(checks.length === 0
          ? []
          : [
              probeOf({
                name: 'health',
                goal: 'health',
                says: 'flaky and slow tests, times of checks',
                argv: programArgv(import.meta.url, './probe'),
                timeout: RUNS_MS,
                when: 'last' as const,
              }),
            ]),
      ],
    }),
};
