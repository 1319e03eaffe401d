/**
 * Errors under a repository's own options that the compiler itself knows one safe way to mend: a missing `override`, a type
 * imported as a value, an import that nothing uses. Each is tried alone and kept only if it closes errors and opens none.
 */
import { difference } from './adopt.ts';
import type { Compiler } from './compiler.ts';

/** By the compiler's own names; left out is every fix that guesses (spelling, missing members, casts). */
const SAFE = new Set([
  'fixOverrideModifier',
  'convertToTypeOnlyImport',
  'convertToTypeOnlyExport',
  'importType',
  'unusedIdentifier',
  'fixReturnTypeInAsyncFunction',
  'fixAwaitInSyncFunction',
]);
const TRIES_MAX = 24;

export function mend(
  compiler: Compiler,
  path: string,
  start: string,
  deadline: number,
): { readonly text: string; readonly closed: readonly string[] } {
  const { ts, service } = compiler;
  let text = start;
  const closed: string[] = [];
  const tried = new Set<string>();
  for (let tries = 0; tries < TRIES_MAX && Date.now() < deadline; tries++) {
    compiler.try(path, text);
    const before = compiler.diagnose();
    const next = before.items
      .filter((item) => item.path === path && !tried.has(item.key))
      .map((item) => ({ item, text: fixed(item.start, item.code) }))
      .find((candidate) => {
        tried.add(candidate.item.key);
        return candidate.text !== null && candidate.text !== text;
      });
    if (next === undefined) break;
    compiler.try(path, next.text);
    const change = difference(before, compiler.diagnose());
    if (change.opened.length > 0 || change.closed.length === 0) continue;
    text = next.text!;
    closed.push(...change.closed);
  }
  compiler.try(path, null);
  return { text, closed };

  function isImported(at: number): boolean {
    const statement = compiler.source(path)?.statements.find((one) => one.pos <= at && at < one.end);
    return statement !== undefined && ts.isImportDeclaration(statement);
  }

  function fixed(at: number, code: number): string | null {
    const file = compiler.virtual(path);
    const fix = service
      .getCodeFixesAtPosition(file, at, at + 1, [code], ts.getDefaultFormatCodeSettings('\n'), {})
      .find(({ fixName }) => SAFE.has(fixName) && (fixName !== 'unusedIdentifier' || isImported(at)));
    if (fix === undefined || fix.changes.length !== 1 || fix.changes[0]!.fileName !== file) return null;
    let out = text;
    for (const { span, newText } of fix.changes[0]!.textChanges.toSorted((a, b) => b.span.start - a.span.start))
      out = out.slice(0, span.start) + newText + out.slice(span.start + span.length);
    return out;
  }
}
