/** What the page is made of, and which commits it would like to show. Data in, data out. */
import type { RunEvidence, RunView } from '../../../assembly/index.ts';
import type { RunSummary } from '../schema.ts';

export interface ReportData {
  readonly summary: RunSummary;
  /** The records behind it: probes, what candidates close, why attempts failed. */
  readonly view: RunView;
  readonly evidence: RunEvidence;
}

export type Task = RunSummary['tasks'][number];
export type Attempt = Task['attempts'][number];
export type Verdict = Task['verdicts'][number];

/** Changed lines above which a diff is named with the command that shows it: nobody reads more than that on a page. */
export const DIFF_LINES_MAX = 800;
const COMMITS_MAX = 1500; // landed and refused together; a page of 3 MB holds far fewer

/** Commits whose diffs the page shows, first those that landed. */
export function commitsToShow(summary: RunSummary): string[] {
  const landed = summary.tasks.flatMap((task) => {
    const winner = winnerOf(task);
    return task.commit !== null && winner !== null && linesOf(winner) <= DIFF_LINES_MAX ? [task.commit] : [];
  });
  const refused = summary.tasks.flatMap((task) =>
    task.attempts.flatMap((attempt) =>
      attempt.change !== null && wasRefused(attempt) && linesOf(attempt) <= DIFF_LINES_MAX ? [attempt.change] : [],
    ),
  );
  return [...landed, ...refused].slice(0, COMMITS_MAX);
}

export function winnerOf(task: Task): Attempt | null {
  return task.attempts.findLast((attempt) => attempt.outcome === 'landed') ?? null;
}

export function wasRefused(attempt: Attempt): boolean {
  return attempt.outcome === 'refused' || attempt.outcome === 'agent-failed';
}

export function linesOf(attempt: Attempt): number {
  return attempt.files.reduce((sum, file) => sum + file.added + file.removed, 0);
}
