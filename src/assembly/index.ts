/** The door to runs for surfaces and programs. */
import type { OpenFleet } from './run.ts';

export type * from './run.ts';

/** Finds the repository around a directory and gives access to its runs. */
export const openFleet: OpenFleet = async (cwd) => ({
  ok: false,
  problem: { kind: 'missing', what: `this build cannot open ${cwd}: it has no runtime`, details: [], next: '' },
});
