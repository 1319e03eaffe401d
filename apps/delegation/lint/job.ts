/** What a task of the linter goals carries in its `input`: written by the probe, read by the agent and the judge. */
import type { LintCommand } from './command.ts';

export interface LintJob {
  readonly directory: string;
  readonly command: LintCommand;
  readonly files: readonly string[];
  /** Rules whose repairs are not asked for. */
  readonly without: readonly string[];
  /** What the linter said about these files at the base: path, rule, how often. */
  readonly before: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A finding as an item of credit; the n-th of its rule in its file. */
export function itemOf(path: string, rule: string, n: number): string {
  return `lint ${path} ${rule} ${n}`;
}
