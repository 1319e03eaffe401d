/** A run that was killed between taking its number and its first record has refs and nothing else. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fleetOf, git, repository } from './repositories.ts';

const claim = (top: string, run: string, secondsAgo = 0): void => {
  git(top, 'update-ref', '--create-reflog', `refs/skein/base/${run}`, 'main');
  const log = join(top, '.git', 'logs', 'refs', 'skein', 'base', run);
  writeFileSync(log, readFileSync(log, 'utf8').replace(/ \d+ \+0000/, ` ${Math.floor(Date.now() / 1000) - secondsAgo} +0000`));
  git(top, 'update-ref', `refs/heads/skein/${run}`, 'main');
};
const refs = (top: string): string => git(top, 'for-each-ref', '--format=%(refname)', 'refs/skein', 'refs/heads/skein');

it('a number without a run: listed, dropped by name, and nothing of it stays', async () => {
  const top = repository('claims', {});
  const fleet = await fleetOf(top);
  claim(top, '1');
  expect(await fleet.list()).toMatchObject([
    { run: '1', phase: 'unreadable', reason: expect.stringContaining('never began') as unknown },
  ]);
  expect(await fleet.read('1')).toMatchObject({ ok: false, problem: { next: 'skein runs drop 1' } });
  expect(await fleet.drop('2', { force: true })).toMatchObject({ ok: false, problem: { what: 'there is no run 2 here' } });
  expect(await fleet.drop('1', { force: false })).toMatchObject({ ok: true });
  expect([refs(top), await fleet.list()]).toEqual(['', []]);
});

it('prune takes numbers without a run once no start can still be behind them, and none that holds work', async () => {
  const top = repository('prune-claims', {});
  const fleet = await fleetOf(top);
  for (const [run, secondsAgo] of [
    ['1', 3600],
    ['2', 3600],
    ['3', 3600],
    ['4', 0],
  ] as const)
    claim(top, run, secondsAgo);
  mkdirSync(join(top, '.skein', 'runs', '2'), { recursive: true });
  git(top, 'update-ref', 'refs/heads/skein/3', git(top, 'commit-tree', '-p', 'main', '-m', 'work', 'main^{tree}'));
  expect(await fleet.prune({ keep: 20, days: 7, dryRun: true })).toEqual(['2', '1']);
  expect(await fleet.prune({ keep: 20, days: 7, dryRun: false })).toEqual(['2', '1']);
  expect(refs(top).split('\n')).toEqual(['refs/heads/skein/3', 'refs/heads/skein/4', 'refs/skein/base/3', 'refs/skein/base/4']);
});
