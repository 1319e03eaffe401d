import { describe, expect, it } from 'vitest';
import type { MonotonicMillis } from '../kernel/index.ts';
import type { HaltRecord } from '../ports/index.ts';
import { HaltRecords } from './halt-records.ts';

const [NOW, LATER] = [0 as MonotonicMillis, 1000 as MonotonicMillis];

function word(epoch: number, scope: string, state: HaltRecord['state']): HaltRecord {
  return { scope, epoch, state, by: 'operator', reason: 'drill', at: 0 };
}

describe('the halt record of one host', () => {
  it('does not take a later word of one scope for knowledge of an earlier one of another that it missed', () => {
    const records = new HaltRecords();
    records.complete();
    records.merge(word(1, 'global', 'RUNNING'));
    records.merge(word(3, 'host/a', 'RUNNING')); // the second, which halted everything, was lost on the way
    expect(records.refusal(['global', 'host/a'], false, { until: LATER, epoch: 3 }, NOW)).toMatchObject({ reason: 'halted' });
    records.merge(word(2, 'global', 'HALTED'));
    records.complete();
    expect(records.epoch).toBe(3);
    expect(records.refusal(['host/a'], false, { until: LATER, epoch: 3 }, NOW)).toBeNull();
    expect(records.refusal(['global'], false, { until: LATER, epoch: 3 }, NOW)?.detail).toContain('since epoch 2');
  });
});
