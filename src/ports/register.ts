/**
 * A few small values that several hosts agree on: who leads, who holds a lease, what is halted. Linearizable: every answer fits
 * one order of all swaps and reads that agrees with real time. Results come by callback, never before the call has returned.
 */

export interface Registered {
  readonly key: string;
  readonly value: string;
  /** Of the last change, growing over all keys and for ever: whoever wrote it may use it as fencing token. */
  readonly revision: number;
}

/** A key that changed: its newest value, or null when it was deleted. */
export interface RegisterChange {
  readonly key: string;
  readonly value: string | null;
  readonly revision: number;
}

export type Swapped =
  | { readonly ok: true; readonly revision: number }
  /** Somebody else was first; nothing was changed. */
  | { readonly ok: false; readonly current: Registered | null };

/** After an error it is not known whether a swap took place: read the key before doing anything that depends on it. */
export class RegisterError extends Error {
  override readonly name = 'RegisterError';
  readonly code: 'unavailable' | 'full' | 'failed';

  constructor(code: RegisterError['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export const REGISTER_KEY_CHARS_MAX = 256;
export const REGISTER_VALUE_CHARS_MAX: number = 64 * 1024; // a lease, a halt, a placement; what is larger is a record or a blob

export interface Register {
  read(key: string, done: (error: RegisterError | null, entry: Registered | null) => void): void;
  /** Writes (null: deletes) if the key is at revision `expected`; 0: if it has no value. */
  swap(
    key: string,
    expected: number,
    value: string | null,
    done: (error: RegisterError | null, swapped: Swapped | null) => void,
  ): void;
  /**
   * Tells what is under the prefix and then what changes there, each key in order of revision. Of several changes in a row only
   * the last is sure to be told. Ends with the function that it answers.
   */
  watch(prefix: string, onChange: (change: RegisterChange) => void): () => void;
}
