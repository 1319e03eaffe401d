/** The one form in which something expected to go wrong reaches a surface. */
import type { Problem } from './run.ts';

export function refuse(
  kind: Problem['kind'],
  what: string,
  details: readonly string[],
  next: string,
): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem: { kind, what, details, next } };
}
