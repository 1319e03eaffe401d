/** Names that the runtime gives to what it keeps: directories and refs of attempts. Safe on every file system and as a ref. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Places } from '../places.ts';

/** A task's id as one path component. Ids that would collide on a case-insensitive disk, or are no plain word, get a hash. */
export function taskSlug(task: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,39}$/.test(task)) return task;
  const word = task
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]+/g, '-')
    .slice(0, 32)
    .replaceAll(/^[-_]+|[-_]+$/g, '');
  return `${word === '' ? 'task' : word}-${createHash('sha256').update(task).digest('hex').slice(0, 8)}`;
}

/** Everything of one attempt: `tree/` (what the agent gets), `tmp/` (its TMPDIR), and what the runtime keeps beside them. */
export function attemptDirectory(places: Places, run: string, task: string, fence: number): string {
  return join(places.workspaces(run), `${taskSlug(task)}-${fence}`);
}

export const runtimeGitOf = (places: Places, run: string): string => join(places.workspaces(run), 'runtime.git');
export const changeRef = (run: string, task: string, fence: number): string => `refs/skein/${run}/${taskSlug(task)}/${fence}`;
export const composedRef = (run: string, task: string, fence: number): string => `${changeRef(run, task, fence)}-composed`;
/** Claims a run's number and keeps its base commit. */
export const baseRef = (run: string): string => `refs/skein/base/${run}`;
export const branchOf = (run: string): string => `refs/heads/skein/${run}`;
