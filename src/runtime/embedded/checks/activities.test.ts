import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { type ActivityIo, InterruptedError } from '../activity.ts';
import { direct } from '../exec.ts';
import { placesOf } from '../places.ts';
import { Checks } from './activities.ts';

it('asks again what a killed warden cut off: a rejection is not remembered as the answer', async () => {
  const repository = tmpdir();
  const checks = new Checks({
    places: placesOf(repository, { SKEIN_CACHE: tmpdir() }),
    checkout: () => Promise.resolve(),
    judge: () => [],
    failureText: () => '',
  });
  let cut = true;
  const io: ActivityIo = {
    idempotencyKey: 'k',
    signal: new AbortController().signal,
    blobs: { put: () => Promise.reject(new Error('none')), get: () => Promise.reject(new Error('none')) },
    exec: (argv, options) => (cut ? Promise.reject(new InterruptedError('the warden was killed')) : direct(argv, options)),
  };
  const tree = { run: '1', repository, tree: 't', setup: null, sandbox: 'none' as const };
  const check = { name: 'c', command: 'true', directory: '', kind: 'build' as const, timeout: 1000, source: '' };
  await expect(checks.keys(tree, [check], io)).rejects.toThrow('the warden was killed');
  cut = false;
  await expect(checks.keys(tree, [check], io)).resolves.toHaveLength(1);
});
