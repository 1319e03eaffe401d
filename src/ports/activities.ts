import type { Id } from '../kernel/index.ts';
import type { Refusal } from '../protocol/index.ts';
import type { Activity, Outcome } from './room.ts';

export interface ActivityRequest extends Activity {
  readonly room: string;
  readonly key: string;
  /** The same for every re-run of an idempotent activity: realm, host, room, key and fence. */
  readonly idempotencyKey: string;
  readonly causation: Id | null;
}

/** Runs activities. `done` is called exactly once for each `start`, never before `start` returns. */
export interface Activities {
  start(request: ActivityRequest, done: (outcome: Outcome) => void): void;
  /** The activity still reports an outcome: `cancelled`, or what it reached before. */
  cancel(room: string, key: string, fence: number): void;
}

/** Asked at the one exit to the world, for every activity that gate and halt let pass. null = go. */
export type Permit = (request: ActivityRequest) => Refusal | null;
