import { mkdtemp, readdir, readFile, rm, truncate, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { work } from '../../../contracts/index.ts';
import { verdictCache, verdictKey } from './verdict-cache.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'skein-verdicts-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const verdict: work.CheckVerdict = {
  check: 'npm test',
  status: 'green',
  cause: '',
  exitCode: 0,
  tests: { a: 'pass', __proto__x: 'skip' },
  counts: { passed: 1, failed: 0, skipped: 1 },
  findings: [],
  durationMs: 5,
  cached: false,
  tail: 'ü\nlast',
  output: { sha256: 'x', bytes: 1 },
};

describe('the verdict cache', () => {
  it('gives back what was put, marked as cached, without the blob of another run', async () => {
    const cache = verdictCache(join(home, 'a'));
    expect(await cache.put('k', verdict)).toBe(true);
    expect(await cache.get('k')).toEqual({ ...verdict, cached: true, output: null });
    expect(await cache.get('other')).toBeNull();
  });

  it.each<[string, Partial<work.CheckVerdict>]>([
    ['timed-out', { status: 'timed-out' }],
    ['unavailable', { status: 'unavailable' }],
    ['killed', { status: 'red', exitCode: null }],
  ])('keeps no %s verdict', async (_what, more) => {
    expect(await verdictCache(join(home, 'b')).put('k', { ...verdict, ...more })).toBe(false);
    expect(await verdictCache(join(home, 'b')).get('k')).toBeNull();
  });

  it('misses a torn file and one under another name', async () => {
    const cache = verdictCache(join(home, 'c'));
    await cache.put('k', verdict);
    await truncate(join(home, 'c', 'k'), (await readFile(join(home, 'c', 'k'))).length - 1);
    expect(await cache.get('k')).toBeNull();
  });

  it('keeps the newest when there are too many', async () => {
    const cache = verdictCache(join(home, 'd'), 2);
    for (const [index, key] of ['old', 'new', 'newer'].entries()) {
      await cache.put(key, verdict);
      await utimes(join(home, 'd', key), index + 1, index + 1);
    }
    await cache.prune();
    expect((await readdir(join(home, 'd'))).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(['new', 'newer']);
  });

  it('has a key for every difference between parts, wherever they end', () => {
    const keys = [['ab', 'c'], ['a', 'bc'], ['abc'], ['abc', null], ['abc', ''], [null, 'abc']].map((parts) => verdictKey(parts));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
