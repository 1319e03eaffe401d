/** A run read from outside: the same summary, and whether anybody is still working on it. */
import type { Fleet, Outcome, RunReading } from '../../assembly/index.ts';
import type { RunSummary } from './schema.ts';
import { summarise, swarmIn } from './summary.ts';
import type { Surface } from './surface.ts';

export interface Read {
  readonly reading: RunReading;
  readonly summary: RunSummary;
}

export async function readRun(fleet: Fleet, run: string, surface: Surface): Promise<Outcome<Read>> {
  const found = await fleet.read(run);
  if (!found.ok) return found;
  const reading = found.value;
  const { phase } = reading.view.run;
  const interrupted = reading.state === 'stored' && phase !== 'finished' && phase !== 'stopped';
  const now = reading.state === 'live' ? surface.now() : reading.asOf;
  const report = await fleet.reportOf(run);
  const swarm = await swarmIn(reading.view);
  const { versions } = surface;
  const context = { versions, now, failOnOpen: false, agentsFound: [], notes: [], report, swarm, interrupted };
  return { ok: true, value: { reading, summary: summarise(reading.view, context) } };
}
