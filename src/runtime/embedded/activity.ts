/** The functions behind activity names: asynchronous, in this runtime only, with everything they may touch handed in. */
import type { Exec } from './exec.ts';
import type { Blobs } from './blobs.ts';

export interface ActivityIo {
  /** The same on every re-run of an idempotent activity. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  readonly exec: Exec;
  readonly blobs: Blobs;
}

export type ActivityFunction<P, R> = (payload: P, io: ActivityIo) => Promise<R>;

/** An operating failure that the room is told as `failed`; anything else thrown counts as not retryable. */
export class ActivityError extends Error {
  override readonly name = 'ActivityError';
  readonly retryable: boolean;

  constructor(message: string, options: { retryable: boolean; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.retryable = options.retryable;
  }
}

/** The program was ended by nobody's fault (its warden was killed, a halt): what it left says nothing about anyone's work. */
export class InterruptedError extends ActivityError {
  constructor(message: string) {
    super(message, { retryable: true });
  }
}

/**
 * An exec that rejects where a program is not to blame for its end, so that no caller takes a cut-off check for a red one or a
 * cut-off agent for one that failed.
 */
export function blameless(exec: Exec): Exec {
  return async (argv, options) => {
    const result = await exec(argv, options);
    if (result.retryable !== true) return result;
    const message = `${options.label ?? argv[0] ?? 'a program'}: ${result.error}`;
    if (result.ended === 'not-started') throw new ActivityError(message, { retryable: true });
    throw new InterruptedError(message);
  };
}
