/** The goal about what tests notice. Changed programs run here: only a full sandbox, or a person who says so, lets them. */
import type { Goal } from 'skein';
import { programArgv } from '../programs/entry.ts';
import { NOTHING, probeOf } from '../programs/plan.ts';

const PROBE_MS = 600_000;

export const mutants: Goal = {
  name: 'mutants',
  says: 'how many small mistakes the tests notice, and which lines they do not watch',
  unasked: true,
  plan: ({ checks, mutants: asked }) =>
    Promise.resolve(
      checks.some(({ kind }) => kind === 'tests')
        ? {
            ...NOTHING,
            probes: [
              probeOf({
                name: 'mutants',
                goal: 'mutants',
                says: 'lines that no test would notice',
                argv: programArgv(import.meta.url, './probe'),
                timeout: PROBE_MS,
                when: 'last',
                sandboxed: !asked,
              }),
            ],
          }
        : NOTHING,
    ),
};
