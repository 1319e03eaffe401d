import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as repository from '../../src/runtime/embedded/repository/index.ts';
import { bench, commit, exists, executable, FILES, makeRepository, sh, temporary, write } from './support.ts';

it('gives a clean private repository, detached at the base, without remote, branch or hook', async () => {
  const b = await bench(makeRepository());
  const { path, applied } = await b.workspace();
  expect(applied).toBe(false);
  expect(sh(path, 'rev-parse', 'HEAD')).toBe(b.base);
  expect(sh(path, 'status', '--porcelain')).toBe('');
  expect(sh(path, 'for-each-ref')).toBe('');
  expect(sh(path, 'remote')).toBe('');
  expect(existsSync(join(path, '.git', 'hooks'))).toBe(false);
  expect(existsSync(join(path, '..', 'tmp'))).toBe(true);
  expect(readFileSync(join(path, 'a.txt'), 'utf8')).toBe(FILES['a.txt']);
});

it('writes what the agent makes into the clone alone', async () => {
  const b = await bench(makeRepository());
  const before = sh(b.top, 'count-objects', '-v');
  const { path } = await b.workspace();
  commit(path, { 'new.txt': 'new' });
  sh(path, 'stash', 'list');
  sh(path, 'gc', '-q');
  expect(sh(b.top, 'count-objects', '-v')).toBe(before);
});

it('silent base: stands on the explicit commit although the branch and its remote have moved since', async () => {
  const b = await bench(makeRepository());
  commit(b.top, { 'a.txt': 'later\n' });
  sh(b.top, 'update-ref', 'refs/remotes/origin/main', 'HEAD');
  const { path } = await b.workspace();
  expect(sh(path, 'rev-parse', 'HEAD')).toBe(b.base);
  expect(readFileSync(join(path, 'a.txt'), 'utf8')).toBe(FILES['a.txt']);
});

it('empty-commit repository: the workspace holds the files of HEAD, and an empty HEAD works too', async () => {
  const top = makeRepository({});
  const empty = await bench(top);
  const first = await empty.workspace();
  expect(readdirSync(first.path)).toEqual(['.git']);
  write(first.path, { 'a.txt': 'a' });
  expect((await empty.take(first.path)).files).toMatchObject([{ path: 'a.txt', status: 'added' }]);
  commit(top, { 'a.txt': 'not empty' });
  const { path } = await (await bench(top)).workspace();
  expect(readFileSync(join(path, 'a.txt'), 'utf8')).toBe('not empty');
});

it('is clean again when the same payload runs a second time after a crash', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'left.txt': 'from the first try', 'a.txt': 'changed' });
  expect((await b.workspace()).path).toBe(path);
  expect(sh(path, 'status', '--porcelain', '--ignored')).toBe('');
});

it('puts the change of an earlier attempt on a newer base as uncommitted edits, and drops it when it does not apply', async () => {
  const b = await bench(makeRepository());
  const first = await b.workspace();
  write(first.path, { 'a.txt': FILES['a.txt'].replace('five', 'FIVE'), 'n.txt': 'new' });
  const { commit: from } = await b.take(first.path);
  const fits = commit(b.top, { 'a.txt': FILES['a.txt'].replace('one', 'ONE') });
  const second = await b.workspace('t', { fence: 2, base: fits, from });
  expect(second.applied).toBe(true);
  expect(sh(second.path, 'rev-parse', 'HEAD')).toBe(fits);
  expect(
    sh(second.path, 'status', '--porcelain')
      .split('\n')
      .map((line) => line.trim()),
  ).toEqual(['M a.txt', '?? n.txt']);
  expect(readFileSync(join(second.path, 'a.txt'), 'utf8')).toBe('ONE\ntwo\nthree\nfour\nFIVE\n');
  const conflicts = commit(b.top, { 'a.txt': 'all new\n' });
  const third = await b.workspace('t', { fence: 3, base: conflicts, from });
  expect(third.applied).toBe(false);
  expect(sh(third.path, 'status', '--porcelain')).toBe('');
});

it('is made from a linked working tree, a shallow clone, a chain of alternates and a SHA-256 repository', async ({
  annotate,
}) => {
  await annotate('slow because it makes four repositories of different kinds');
  const top = makeRepository();
  commit(top, { 'c.txt': 'c' });
  const linked = join(temporary(), 'linked');
  sh(top, 'worktree', 'add', '-q', '--detach', linked);
  const shallow = join(temporary(), 'shallow');
  sh(top, 'clone', '-q', '--depth=1', `file://${top}`, shallow);
  const near = join(temporary(), 'near');
  const far = join(temporary(), 'far');
  sh(top, 'clone', '-q', '--shared', top, near);
  sh(top, 'clone', '-q', '--shared', near, far);
  const long = makeRepository(FILES, ['--object-format=sha256']);
  for (const place of [linked, shallow, far, long]) {
    const b = await bench(place);
    const { path } = await b.workspace();
    expect(sh(path, 'status', '--porcelain')).toBe('');
    expect(sh(path, 'log', '--format=%H').split('\n')[0]).toBe(b.base);
    expect(await b.attempt('t', { 'd.txt': 'd' })).toHaveLength(b.base.length);
  }
});

it('holds unicode names, spaces, link loops, an empty submodule and the full tree of a sparse checkout', async () => {
  const top = makeRepository({ 'dir ü/näme 日本.txt': 'x', 'plain.txt': 'y' });
  symlinkSync('loop-b', join(top, 'loop-a'));
  symlinkSync('loop-a', join(top, 'loop-b'));
  sh(top, 'update-index', '--add', '--cacheinfo', `160000,${sh(top, 'rev-parse', 'HEAD')},sub`);
  sh(top, 'add', 'loop-a', 'loop-b');
  sh(top, 'commit', '-q', '-m', 'odd things');
  sh(top, 'sparse-checkout', 'set', 'nothing');
  const b = await bench(top);
  const { path } = await b.workspace();
  expect(readdirSync(path).toSorted()).toEqual(['.git', 'dir ü', 'loop-a', 'loop-b', 'plain.txt', 'sub']);
  expect(readdirSync(join(path, 'sub'))).toEqual([]);
  write(path, { 'dir ü/näme 日本.txt': 'changed' });
  expect((await b.take(path)).files.map((file) => file.path)).toEqual(['dir ü/näme 日本.txt']);
  const opened = await repository.openRepository(b.io, top);
  expect(opened).toMatchObject({ ok: true, sparse: true, submodules: ['sub'] });
});

it('checks out a file of 100 MB', async ({ annotate }) => {
  await annotate('slow because 100 MB are added, checked out and hashed');
  const top = makeRepository({ 'big.bin': Buffer.alloc(100 * 1024 * 1024) });
  const b = await bench(top);
  const { path } = await b.workspace();
  write(path, { 'small.txt': 's' });
  expect(await b.take(path)).toMatchObject({ files: [{ path: 'small.txt' }], violations: [] });
});

it('leaves git-lfs files as pointers and runs no filter, hook or template of the user', async () => {
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n';
  const top = makeRepository({ '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n', 'x.bin': pointer });
  const witness = join(temporary(), 'witness');
  for (const side of ['smudge', 'clean']) sh(top, 'config', `filter.lfs.${side}`, `touch "${witness}"; cat`);
  executable(join(top, '.git', 'hooks', 'post-checkout'), `#!/bin/sh\ntouch "${witness}"\n`);
  sh(top, 'config', 'core.fsmonitor', `touch "${witness}"; false`);
  const b = await bench(top);
  const { path } = await b.workspace();
  expect(readFileSync(join(path, 'x.bin'), 'utf8')).toBe(pointer);
  write(path, { 'y.bin': 'not a pointer' });
  expect((await b.take(path)).files.map((file) => file.path)).toEqual(['y.bin']);
  expect(exists(witness)).toBe(false);
  expect(await repository.openRepository(b.io, top)).toMatchObject({ ok: true, lfs: true });
});

it('does not take what preparation put there, and does take what an earlier attempt added', async () => {
  const b = await bench(makeRepository());
  const make = repository.workspaceActivity({
    places: b.places,
    prepare: (_, tree) => Promise.resolve(write(tree, { 'vendor/x/y.js': 'v', 'stamp.txt': 's' })),
  });
  const payload = { run: b.run, repository: b.top, task: 't', fence: 1, base: b.base, from: null, setup: 'true' };
  const { path } = await make(payload, b.io);
  write(path, { 'vendor/x/z.js': 'more', 'mine/new.txt': 'm' });
  const taken = await b.take(path);
  expect(taken.files.map((file) => file.path)).toEqual(['mine/new.txt']);
  const again = await make({ ...payload, fence: 2, from: taken.commit }, b.io);
  const next = await b.take(again.path, 't', { workspace: again.path, fence: 2 });
  expect([again.applied, next.files.map((file) => file.path)]).toEqual([true, ['mine/new.txt']]);
});

it('is gone after discard, even when the agent took away its own permissions', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'locked/x': 'x' });
  await b.io.exec(['chmod', '000', join(path, 'locked')], {
    cwd: '/',
    env: { PATH: process.env['PATH']! },
    timeoutMs: 5000,
    keepBytes: 1,
    outputBytesMax: 1,
  });
  const discard = repository.discardActivity({ places: b.places });
  await discard({ run: b.run, task: 't', fence: 1 }, b.io);
  expect(exists(join(path, '..'))).toBe(false);
  expect(await discard({ run: b.run, task: 't', fence: 1 }, b.io)).toBeNull();
});
