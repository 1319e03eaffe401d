import { describe, expect, it } from 'vitest';
import { isRetryable, type RefusalReason, REFUSALS } from './refusal.ts';

describe('refusal reasons', () => {
  it('are a closed list, each of which says whether trying again can help', () => {
    const retryable = Object.keys(REFUSALS).filter((reason) => isRetryable(reason as RefusalReason));
    expect(Object.keys(REFUSALS)).toHaveLength(18);
    expect(retryable).toEqual(['halted', 'overloaded', 'moved', 'not-leader', 'conflict', 'timed-out', 'unavailable']);
  });
});
