/**
 * What every probe does: reads its question, prints what it finds as it finds it, and knows how long it may still take. It
 * decides nothing about what is worth finding.
 */
import { readFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from 'skein';

export type Question = work.ProbeQuestion;
export type Check = work.CheckSpec;

export interface Probe {
  readonly question: Question;
  readonly finding: (finding: work.Finding) => void;
  readonly task: (task: Omit<work.TaskSpec, 'given' | 'goal'>) => void;
  readonly measure: (measure: work.Measure) => void;
  readonly note: (text: string) => void;
  /** ms until it is ended. */
  readonly left: () => number;
  /** Text of a file in the checkout; null when there is none. */
  readonly read: (path: string) => Promise<string | null>;
  /** The verdict of a check on the base tree. */
  readonly baseline: (check: Check) => work.CheckVerdict | null;
}

/** Time kept for the last words. */
const RESERVE_MS = 1500;
const TITLE_MAX = 300;

export function openProbe(): Probe {
  const file = process.env.SKEIN_PROBE_FILE;
  if (file === undefined)
    throw new Error('SKEIN_PROBE_FILE is not set: a probe is started by a run, which hands it its question');
  const question = JSON.parse(readFileSync(file, 'utf8')) as Question;
  return {
    question,
    finding: (finding) => print({ finding: { ...finding, title: finding.title.slice(0, TITLE_MAX) } }),
    task: (task) => print({ task }),
    measure: (measure) => print({ measure }),
    note: (note) => print({ note }),
    left: () => question.deadline - Date.now() - RESERVE_MS,
    read: (path) => readFile(join(question.workspace, path), 'utf8').catch(() => null),
    baseline: (check) => question.baseline.find((verdict) => verdict.check === check.name) ?? null,
  };
}

/** Synchronous: a line that was printed is out, whatever happens to this process next. */
function print(line: work.ProbeLine): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5); // a full pipe that does not block
    }
  }
}

/** A task as a probe gives it, with what most tasks of a goal have in common. */
export function taskOf(
  task: Pick<work.TaskSpec, 'id' | 'title' | 'text' | 'claims'> & Partial<Omit<work.TaskSpec, 'given' | 'goal'>>,
): Omit<work.TaskSpec, 'given' | 'goal'> {
  return { needs: [], checks: [], agent: null, estimate: 10_000, rivals: [], judge: [], mends: null, input: '', ...task };
}

/** A path as a claim that covers exactly it. */
export function claimOf(path: string): string {
  return path.replaceAll(/[\\*?[\]{}!]/g, '\\$&');
}

/** A word of a shell line. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A shell line that may be typed at the top of the repository. */
export function inDirectory(directory: string, line: string): string {
  return directory === '' ? line : `(cd ${quote(directory)} && ${line})`;
}

export function seconds(ms: number): string {
  return ms < 950 ? `${Math.round(ms)} ms` : ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}

/** `3 files`, `1 file`. */
export function counted(count: number, one: string, many: string = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}
