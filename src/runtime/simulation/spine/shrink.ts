/**
 * Makes a failing run of the small fleet smaller while it still fails in the same way: a shorter storm, fewer classes of faults,
 * fewer agents, single incidents left out. Greedy and bounded; what it returns has been run and has failed.
 */
import type { SimulationResult } from '../simulation.ts';
import { drawFleet, FAULT_CLASSES, type FleetRequest } from './options.ts';

export interface Shrunk {
  readonly request: FleetRequest;
  readonly result: SimulationResult;
  /** Runs that it took. */
  readonly runs: number;
}

const RUNS_MAX = 100; // some seconds
const STORM_MIN = 200;

export function shrinkFleet(
  request: FleetRequest,
  failed: SimulationResult,
  run: (request: FleetRequest) => SimulationResult,
): Shrunk {
  const checker = failed.violations[0]?.checker;
  let best = { request, result: failed };
  let runs = 0;
  /** Takes the smaller one if it fails as well. */
  const tries = (smaller: FleetRequest): boolean => {
    if (runs >= RUNS_MAX) return false;
    runs += 1;
    const result = run(smaller);
    if (result.violations.every((violation) => violation.checker !== checker)) return false;
    best = { request: smaller, result };
    return true;
  };
  const present = (): ReturnType<typeof drawFleet> => drawFleet(best.request);

  for (let storm = present().storm; storm > STORM_MIN;) {
    storm = Math.floor(storm / 2);
    if (!tries({ ...best.request, storm })) break;
  }
  for (const left of FAULT_CLASSES) {
    const { without } = present();
    if (!without.includes(left)) tries({ ...best.request, without: [...without, left] });
  }
  for (let agents = present().agents; agents > 1;) {
    agents = Math.floor(agents / 2);
    if (!tries({ ...best.request, agents })) break;
  }
  const happened = present().incidents.flatMap(({ at }, index) => (at >= 0 ? [index] : []));
  if (happened.length > 0 && !tries({ ...best.request, only: [] })) {
    let only: readonly number[] = happened;
    for (const index of happened) {
      const fewer = only.filter((other) => other !== index);
      if (tries({ ...best.request, only: fewer })) only = fewer;
    }
  }
  return { ...best, runs };
}

/** What to type to see it again. */
export function commandOf({ seed, hosts, agents, storm, without, only, codec }: FleetRequest): string {
  const words = ['skein simulate', `--seed ${seed}`];
  if (hosts !== undefined) words.push(`--hosts ${hosts}`);
  if (agents !== undefined) words.push(`--agents ${agents}`);
  if (storm !== undefined) words.push(`--storm ${storm}`);
  if (without !== undefined && without.length > 0) words.push(`--without ${without.join(',')}`);
  if (only !== undefined) words.push(`--only ${only.length === 0 ? 'none' : only.join(',')}`);
  if (codec === true) words.push('--codec');
  return words.join(' ');
}
