import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect, it } from 'vitest';
import { connectWarden } from '../../src/runtime/embedded/index.ts';
import { world } from '../warden/world.ts';

it('a warden keeps the loop of the host turning while four programs print as fast as they can', async () => {
  const place = world('printing');
  const { record, sockets } = place;
  const warden = await connectWarden({ run: '7', record, sockets, graceMs: 200, onRestart: () => {} });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const measure = async (live: boolean): Promise<number> => {
    const print = { ...place.options, timeoutMs: 700, outputBytesMax: 2 ** 40, ...(live ? { onStdout: () => undefined } : {}) };
    delay.reset();
    delay.enable();
    await Promise.all([1, 2, 3, 4].map(() => warden.exec(['yes'], print)));
    delay.disable();
    return delay.percentile(99) / 1e6;
  };
  const busy = await measure(false); // the same programs, read by the warden alone: what this machine's scheduler costs
  expect(await measure(true)).toBeLessThanOrEqual(Math.max(5, 4 * busy));
  await warden.close();
  place.remove();
});
