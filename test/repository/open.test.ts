import { readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { direct } from '../../src/runtime/embedded/index.ts';
import * as repository from '../../src/runtime/embedded/repository/index.ts';
import { bench, commit, executable, exists, makeRepository, sh, temporary, write } from './support.ts';

const io = { exec: direct };

it('describes the repository from its top, a subdirectory and a linked working tree', async () => {
  const top = makeRepository({ 'a.txt': 'a', 'deep/er/b.txt': 'b' });
  const head = sh(top, 'rev-parse', 'HEAD');
  const expected = { ok: true, top, head, headTree: sh(top, 'rev-parse', 'HEAD^{tree}'), branch: 'refs/heads/main', notes: [] };
  expect(await repository.openRepository(io, top)).toMatchObject(expected);
  expect(await repository.openRepository(io, join(top, 'deep', 'er'))).toMatchObject(expected);
  const linked = join(temporary(), 'linked');
  sh(top, 'worktree', 'add', '-q', '--detach', linked);
  expect(await repository.openRepository(io, linked)).toMatchObject({ ok: true, top: linked, head, branch: null });
});

it('says that work goes on from HEAD when the tree is dirty', async () => {
  const top = makeRepository();
  write(top, { 'a.txt': 'x', 'new file.txt': 'y' });
  const opened = await repository.openRepository(io, top);
  expect(opened).toMatchObject({ ok: true, dirty: { count: 2, sample: ['a.txt', 'new file.txt'] } });
  expect(opened.ok && opened.notes[0]).toContain('work goes on from HEAD');
});

it('says what is wrong and what to do: no repository, bare, no commits, no git, an old git', async () => {
  const nowhere = temporary();
  expect(await repository.openRepository(io, nowhere)).toMatchObject({
    ok: false,
    code: 4,
    message: `${nowhere} is not in a git repository`,
  });
  expect(await repository.openRepository(io, join(nowhere, 'missing'))).toMatchObject({ ok: false, code: 4 });
  const bare = temporary();
  sh(bare, 'init', '-q', '--bare');
  expect(await repository.openRepository(io, bare)).toMatchObject({ ok: false, code: 4, todo: 'clone it and run in the clone' });
  const young = temporary();
  sh(young, 'init', '-q');
  expect(await repository.openRepository(io, young)).toMatchObject({ ok: false, code: 4, message: `${young} has no commits` });
  const taken = makeRepository();
  sh(taken, 'branch', 'skein');
  expect(await repository.openRepository(io, taken)).toMatchObject({
    ok: false,
    todo: 'rename it: `git branch -m skein <other name>`',
  });
  const none = { exec: ((argv, options) => direct(argv, { ...options, env: { PATH: nowhere } })) as typeof direct };
  expect(await repository.openRepository(none, young)).toMatchObject({ ok: false, message: 'git was not found on PATH' });
  executable(join(nowhere, 'git'), '#!/bin/sh\necho git version 2.37.9\n');
  const old = await repository.openRepository(none, young);
  expect(old).toMatchObject({ ok: false, code: 4, message: 'git version 2.37.9 is too old' });
});

it('gives two runs that start at once different numbers, also in two working trees, and never one that was used', async () => {
  const top = makeRepository();
  const linked = join(temporary(), 'linked');
  sh(top, 'worktree', 'add', '-q', '--detach', linked);
  const base = sh(top, 'rev-parse', 'HEAD');
  const numbers = await Promise.all([top, linked, top, linked].map((place) => repository.allocateRun(io, place, base)));
  expect(numbers.toSorted()).toEqual(['1', '2', '3', '4']);
  expect(readFileSync(join(top, '.skein', '.gitignore'), 'utf8')).toBe('*\n');
  expect(sh(top, 'status', '--porcelain')).toBe('');
  expect(exists(join(top, '.skein', 'runs', numbers[0]!))).toBe(true);
  rmSync(join(top, '.skein'), { recursive: true });
  // Task ids and fences are parts of refs too, and are no run numbers.
  sh(top, 'update-ref', 'refs/skein/2/40/77', base);
  expect(await repository.allocateRun(io, top, base)).toBe('5');
});

it('makes the branch at the base once and leaves it where it is after that', async () => {
  const b = await bench(makeRepository());
  const landed = await b.attempt('t', { 'x.txt': 'x' });
  expect(await repository.ensureBranch(b.io, b.top, b.run, b.base)).toBe(landed);
});

it('takes a run away with its attempts, claim and branch, unless the branch is checked out', async () => {
  const b = await bench(makeRepository());
  await b.attempt('t', { 'x.txt': 'x' });
  const before = sh(b.top, 'for-each-ref', '--format=%(refname)');
  expect(before.split('\n')).toHaveLength(5);
  sh(b.top, 'switch', '-q', `skein/${b.run}`);
  await expect(repository.removeRun(b.io, b.top, b.run)).rejects.toThrow(`is checked out in ${b.top}`);
  expect(sh(b.top, 'for-each-ref', '--format=%(refname)')).toBe(before);
  sh(b.top, 'switch', '-q', 'main');
  await repository.removeRun(b.io, b.top, b.run);
  expect(sh(b.top, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
});

it('names what an agent did to the repository of the user: refs, config, hooks, stash, exclude', async () => {
  const top = makeRepository();
  sh(top, 'branch', 'other');
  commit(top, { 'b.txt': 'b' });
  const before = await repository.fingerprint(io, top);
  sh(top, 'update-ref', 'refs/heads/main', 'HEAD~1');
  sh(top, 'branch', '-f', 'other', 'main');
  sh(top, 'tag', 'v1');
  write(top, { 'a.txt': 'x' });
  sh(top, 'stash', 'push', '-q');
  sh(top, 'config', 'core.fsmonitor', 'evil');
  executable(join(top, '.git', 'hooks', 'pre-commit'), '#!/bin/sh\n');
  write(top, { '.git/info/exclude': '*\n' });
  const changes = repository.compareFingerprints(before, await repository.fingerprint(io, top), [
    'refs/skein/',
    'refs/heads/skein/',
  ]);
  expect(changes.map((change) => change.split(':')[0])).toEqual([
    'refs/heads/main was changed',
    'refs/tags/v1 was created',
    'stash was created',
    'config was changed',
    'hooks/pre-commit was created',
    'info/exclude was changed',
  ]);
});

it('reports the ordinary work of the user apart, and holds the refs of the runtime against nobody', async () => {
  const b = await bench(makeRepository());
  const before = await repository.fingerprint(b.io, b.top);
  commit(b.top, { 'mine.txt': 'm' });
  sh(b.top, 'switch', '-qc', 'topic');
  commit(b.top, { 'mine.txt': 'n' });
  await b.attempt('t', { 'x.txt': 'x' });
  const after = await repository.fingerprint(b.io, b.top);
  expect(repository.compareFingerprints(before, after, ['refs/skein/', `refs/heads/skein/${b.run}`])).toEqual([]);
  expect(repository.ordinaryChanges(before, after).map((line) => line.split(':')[0])).toEqual([
    'HEAD moved',
    'the index changed',
    'commits on refs/heads/main',
    'commits on refs/heads/topic',
  ]);
});

it('reads hooks where the configuration says they are, and does not fall over a hook that is a link to nowhere', async () => {
  const top = makeRepository();
  sh(top, 'config', 'core.hooksPath', '.husky');
  executable(join(top, '.husky', 'pre-push'), '#!/bin/sh\n');
  symlinkSync('nowhere', join(top, '.husky', 'post-merge'));
  const before = await repository.fingerprint(io, top);
  executable(join(top, '.husky', 'pre-push'), '#!/bin/sh\nexit 1\n');
  expect(repository.compareFingerprints(before, await repository.fingerprint(io, top), [])).toEqual([
    '.husky/pre-push was changed',
  ]);
});
