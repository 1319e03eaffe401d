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
