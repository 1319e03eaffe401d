/** Why something was not done. A closed union: rooms add detail, never new reasons. */
export const REFUSALS = {
  expired: 'terminal',
  duplicate: 'terminal',
  'bad-signature': 'terminal',
  'not-for-me': 'terminal',
  'unknown-contract': 'terminal',
  invalid: 'terminal',
  denied: 'terminal',
  halted: 'retryable',
  'over-budget': 'terminal',
  overloaded: 'retryable',
  'stale-fence': 'terminal',
  moved: 'retryable',
  'not-leader': 'retryable',
  'not-found': 'terminal',
  conflict: 'retryable',
  'timed-out': 'retryable',
  unavailable: 'retryable',
  corrupt: 'terminal',
} as const;

export type RefusalReason = keyof typeof REFUSALS;

export interface Refusal {
  readonly reason: RefusalReason;
  /** What happened, to whom, and what to do next; for people, never parsed. */
  readonly detail: string;
}

export function isRetryable(reason: RefusalReason): boolean {
  return REFUSALS[reason] === 'retryable';
}
