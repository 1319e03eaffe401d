/**
 * Finds committed records by words and fields. What it does not know it never guesses: an answer holds only what was committed,
 * and says up to which commit it looked.
 */
import type { Json } from '../kernel/index.ts';

export interface QueryFilter {
  /** Way into the value, `author/name`; a number is an index of an array. */
  readonly field: string;
  readonly is: 'equal' | 'at-least' | 'at-most';
  /** Numbers are compared as numbers, texts by code points; values of another kind never match. */
  readonly value: string | number | boolean | null;
}

export interface QueryRequest {
  readonly room: string;
  readonly table: string;
  /** Every word (letters and digits, case aside) stands in some text of the value; an asterisk at its end: begins a word. */
  readonly text?: string;
  /** All of them hold; at most 16. */
  readonly filters?: readonly QueryFilter[];
  /** 1..1000. */
  readonly limit: number;
  /** Where an earlier answer ended. */
  readonly cursor?: string;
}

export interface QueryAnswer {
  /** In the order of their keys (bytes of UTF-8). */
  readonly records: readonly { readonly key: string; readonly version: number; readonly value: Json }[];
  /** null: there is no more. Records that change meanwhile are found as they then are, or not; no other is missed or told twice. */
  readonly cursor: string | null;
}

export class QueryError extends Error {
  override readonly name = 'QueryError';
  readonly code: 'invalid' | 'failed';

  constructor(code: QueryError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface Query {
  find(request: QueryRequest, done: (error: QueryError | null, answer: QueryAnswer | null) => void): void;
}
