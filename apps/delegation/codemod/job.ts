/** What a codemod task carries in its `input`. */
export interface CodemodJob {
  readonly kind: 'ast-grep' | 'jscodeshift';
  /** File in the run's shared directory that holds the rules or the transform. */
  readonly file: string;
  readonly files: readonly string[];
  /** By path and rule: matches at the base, and how many of them the fix makes go away. */
  readonly before: Readonly<Record<string, Readonly<Record<string, readonly [was: number, goes: number]>>>>;
}

export function itemOf(path: string, rule: string, n: number): string {
  return `codemod ${path} ${rule} ${n}`;
}
