/** What all replicas of a scope agree on before the first operation: what its fields are and how concurrent writes of each meet. */
import { canonicalJson, hex, utf8 } from '../kernel/index.ts';
import type { Crypto } from '../protocol/index.ts';
import { FIELDS_MAX } from './operation.ts';

/**
 * lww      the latest of the concurrent writes is shown, the others stay readable
 * mvr      all of them are shown; two different values make it contested
 * aw-set   a concurrent add survives a remove
 * rw-set   a concurrent remove survives an add: for permissions and deny lists
 * counter  the sum of what every author counted
 * custom   a fold over the live writes, named by the hash of its source; where it is not known, as mvr
 */
export type FieldKind = 'lww' | 'mvr' | 'aw-set' | 'rw-set' | 'counter' | { readonly custom: string };

export interface FieldTerms {
  readonly name: string;
  readonly kind: FieldKind;
}

export interface ScopeTerms {
  readonly name: string;
  /** Append only: an operation says the position. */
  readonly fields: readonly FieldTerms[];
  /** Whether a delete survives a concurrent write; by default the write does. */
  readonly deleteWins?: boolean;
  /** Keys that may erase what others wrote; everybody may erase what is their own. */
  readonly erasers?: readonly Uint8Array[];
  /** `hybrid-clock` and nothing else: see `termsProblem`. */
  readonly timestampSource?: string;
}

/** Why no scope can have these terms, or null. */
export function termsProblem({ name, fields, timestampSource = 'hybrid-clock' }: ScopeTerms): string | null {
  if (timestampSource !== 'hybrid-clock') {
    return `scope ${name} asks for the timestamp source ${timestampSource}: a wall clock puts an answer before its question, a counter says nothing about time, a central clock is none when offline. Leave it out, or say hybrid-clock`;
  }
  if (name.length === 0 || name.length > 256) return 'the name of a scope has 1..256 characters';
  if (fields.length === 0 || fields.length > FIELDS_MAX) {
    return `scope ${name} has ${fields.length} fields: a record has 1..${FIELDS_MAX}`;
  }
  const names = new Set(fields.map((each) => each.name));
  if (names.size < fields.length) return `scope ${name} names a field twice`;
  return null;
}

/** Goes into the beginning of every log: an operation of one scope is none of another. Fields are not in it, because they grow. */
export function scopeHash({ name, deleteWins = false, erasers = [] }: ScopeTerms, primitives: Crypto): Uint8Array {
  return primitives.hash(utf8(canonicalJson({ name, deleteWins, erasers: erasers.map(hex).toSorted() })));
}
