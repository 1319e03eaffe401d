import { describe, expect, it } from 'vitest';
import { hostileStorm } from '../fixtures/hostile-frames.ts';

describe('20,000 mutated frames', () => {
  it('crash nothing, and none is accepted under a wrong tag', async ({ annotate }) => {
    await annotate('a second of CPU, more where the cores are shared');
    const storm = hostileStorm('frames', 20_000, 100);
    expect(storm).toMatchObject({ acceptedStale: 0, unsayable: 0 });
    // A storm that never gets behind the tag, or never into a message, proves nothing.
    expect(storm.sealed).toBeGreaterThan(9000);
    expect(storm.refusedMessages).toBeGreaterThan(1000);
    expect(storm.readMessages).toBeGreaterThan(1000);
  });

  it('are noticed where a host does not look at tags', () => {
    expect(hostileStorm('frames', 1000, 100, () => null).acceptedStale).toBeGreaterThan(10);
  });
});
