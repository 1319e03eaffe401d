/** Makes the page of a run that ended and keeps it beside its records. Never fails the run: what went wrong is a note. */
import type { Fleet, RunView } from '../../../assembly/index.ts';
import type { RunSummary } from '../schema.ts';
import { commitsToShow } from './data.ts';

export type Kept = { readonly path: string; readonly note: null } | { readonly path: null; readonly note: string };

export async function keepReport(fleet: Fleet, summary: RunSummary, view: RunView): Promise<Kept> {
  try {
    const { reportPage } = await import('./page.ts');
    const evidence = await fleet.evidence(summary.run, commitsToShow(summary));
    const kept = await fleet.keepReport(summary.run, reportPage({ summary, view, evidence }));
    return kept.ok ? { path: kept.value, note: null } : { path: null, note: kept.problem.what };
  } catch (error) {
    return { path: null, note: `the report of run ${summary.run} could not be made: ${(error as Error).message}` };
  }
}
