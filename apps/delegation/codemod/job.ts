/** What a codemod task carries in its `input`. */
export interface CodemodJob {
  readonly kind: 'ast-grep' | 'jscodeshift';
  /** File in the run's shared directory that holds the rules or the transform. */
  readonly file: string;
  readonly files: readonly string[];
  /** Matches at the base: path, rule, how many. */
  readonly before: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function itemOf(path: string, rule: string, n: number): string {
  return `codemod ${path} ${rule} ${n}`;
}
