import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { direct, type Exec } from '../../src/runtime/embedded/index.ts';
import * as repository from '../../src/runtime/embedded/repository/index.ts';
import {
  type Bench,
  bench,
  commit,
  executable,
  exists,
  FILES,
  makeRepository,
  messageOf,
  sh,
  temporary,
  write,
} from './support.ts';

it('composes the same payload into the same commit: author the agent, committer Skein, message as given', async () => {
  const top = makeRepository();
  sh(top, 'config', 'commit.gpgSign', 'true');
  sh(top, 'config', 'gpg.program', '/bin/false');
  const b = await bench(top);
  const { path } = await b.workspace();
  write(path, { 'n.txt': 'n' });
  const taken = await b.take(path);
  const first = await b.compose(taken);
  expect(await b.compose(taken)).toEqual(first);
  if (!first.ok) throw new Error('conflict');
  expect(sh(top, 'log', '-1', '--format=%an|%cn|%ct|%B', first.commit)).toBe(
    `claude|Skein|1700000000|${messageOf(b.run, 't').trimEnd()}`,
  );
});

it('puts changes on one another and names conflicts by path', async () => {
  const b = await bench(makeRepository());
  const [one, two, three] = ['ONE', 'FIVE', 'uno'].map((text) => FILES['a.txt'].replace(text === 'FIVE' ? 'five' : 'one', text));
  const first = await b.attempt('one', { 'a.txt': one! });
  await b.attempt('two', { 'a.txt': two! }, first);
  expect(sh(b.top, 'show', `skein/${b.run}:a.txt`)).toBe('ONE\ntwo\nthree\nfour\nFIVE');
  const { path } = await b.workspace('three');
  write(path, { 'a.txt': three! });
  expect(await b.compose(await b.take(path, 'three'), 'three', { onto: first })).toEqual({ ok: false, conflicts: ['a.txt'] });
});

it('composes no commit without a change: what somebody else did first leaves nothing, and that is no conflict', async () => {
  const b = await bench(makeRepository());
  const same = { 'a.txt': FILES['a.txt'].replace('one', 'ONE') };
  const first = await b.attempt('one', same);
  const { path } = await b.workspace('two');
  write(path, same);
  expect(await b.compose(await b.take(path, 'two'), 'two', { onto: first })).toEqual({ ok: false, conflicts: [] });
});

it('merges by the base that was given, also where history knows another one', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'a.txt': FILES['a.txt'].replace('five', 'FIVE') });
  const taken = await b.take(path);
  sh(b.top, 'checkout', '-q', '--orphan', 'elsewhere');
  const onto = commit(b.top, { 'a.txt': FILES['a.txt'].replace('one', 'ONE') });
  const composed = await b.compose(taken, 't', { onto });
  expect(composed.ok && sh(b.top, 'show', `${composed.commit}:a.txt`)).toBe('ONE\ntwo\nthree\nfour\nFIVE');
});

it('is not swayed by attributes or merge drivers in the working tree or configuration of the user', async () => {
  const b = await bench(makeRepository());
  const witness = join(temporary(), 'witness');
  sh(b.top, 'config', 'merge.evil.driver', `touch "${witness}"`);
  write(b.top, { '.gitattributes': '* merge=evil\n', '.git/info/attributes': '* merge=evil\n' });
  const first = await b.attempt('one', { 'a.txt': FILES['a.txt'].replace('one', 'ONE') });
  await b.attempt('two', { 'a.txt': FILES['a.txt'].replace('five', 'FIVE') }, first);
  expect(exists(witness)).toBe(false);
});

it.each(repository.LAND_STEPS)('crash at "%s": running again lands once', async (step) => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'n.txt': 'n' });
  const composed = await b.compose(await b.take(path));
  if (!composed.ok) throw new Error('conflict');
  const crash = (at: string): void => {
    if (at === step) throw new Error('crash');
  };
  await expect(b.land(composed.commit, b.base, 't', { checkpoint: crash })).rejects.toThrow('crash');
  const landed = step !== 'verified';
  expect(await repository.recoverLandings(b.io, b.top, b.run)).toEqual(
    landed ? [{ task: 't', fence: 1, commit: composed.commit, run: b.run }] : [],
  );
  expect(await b.land(composed.commit, b.base)).toEqual({ ok: true, commit: composed.commit, already: landed });
  expect(sh(b.top, 'rev-list', '--count', `${b.base}..skein/${b.run}`)).toBe('1');
});

it.each(repository.LAND_STEPS)(
  'a batch lands by one move of the branch or not at all, also with a crash at "%s"',
  async (step) => {
    const b = await bench(makeRepository());
    const chain: { task: string; commit: string }[] = [];
    for (const task of ['one', 'two', 'three']) {
      const { path } = await b.workspace(task);
      write(path, { [`${task}.txt`]: task });
      const composed = await b.compose(await b.take(path, task), task, { onto: chain.at(-1)?.commit ?? b.base });
      if (!composed.ok) throw new Error('conflict');
      chain.push({ task, commit: composed.commit });
    }
    const last = chain.at(-1)!.commit;
    const crash = (at: string): void => {
      if (at === step) throw new Error('crash');
    };
    await expect(b.land(last, b.base, 'three', { checkpoint: crash }, chain.slice(0, 2))).rejects.toThrow('crash');
    const landed = step !== 'verified';
    const there = (await repository.recoverLandings(b.io, b.top, b.run)).map(({ task, commit: at }) => ({ task, commit: at }));
    expect(there).toEqual(landed ? chain : []);
    expect(await b.land(last, b.base, 'three', {}, chain.slice(0, 2))).toEqual({ ok: true, commit: last, already: landed });
    expect(sh(b.top, 'rev-list', '--count', `${b.base}..skein/${b.run}`)).toBe('3');
    const { path } = await b.workspace('four');
    write(path, { 'four.txt': 'four' });
    const four = await b.compose(await b.take(path, 'four'), 'four', { onto: last });
    // What an earlier try landed unheard is told from what is still to land.
    if (four.ok) expect(await b.land(four.commit, b.base, 'four', {}, chain)).toEqual({ ok: false, found: last, landed: 3 });
    // A commit that nobody named with the batch was not checked with it.
    await expect(b.land(last, b.base, 'three', {}, chain.slice(0, 1))).rejects.toThrow('does not stand on');
  },
);

it('crash between taking, composing and landing: nothing has moved, and each step gives the same again', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'n.txt': 'n' });
  const taken = await b.take(path);
  expect(sh(b.top, 'rev-parse', `skein/${b.run}`)).toBe(b.base);
  expect(await b.take(path)).toEqual(taken);
  const composed = await b.compose(taken);
  expect(sh(b.top, 'rev-parse', `skein/${b.run}`)).toBe(b.base);
  expect(await b.compose(taken)).toEqual(composed);
});

it('finds its branch somewhere else and says where', async () => {
  const b = await bench(makeRepository());
  const first = await b.attempt('one', { 'x.txt': 'x' });
  const { path } = await b.workspace('two');
  write(path, { 'y.txt': 'y' });
  const late = await b.compose(await b.take(path, 'two'), 'two');
  expect(late.ok && (await b.land(late.commit, b.base, 'two'))).toEqual({ ok: false, found: first, landed: 0 });
  sh(b.top, 'update-ref', '-d', `refs/heads/skein/${b.run}`);
  expect(late.ok && (await b.land(late.commit, b.base, 'two'))).toEqual({ ok: false, found: null, landed: 0 });
  await expect(b.land(b.base, first, 'two')).rejects.toThrow('does not stand on');
});

it('closed task merged after restart: what is on the branch is not landed again, not even as another commit', async () => {
  const b = await bench(makeRepository());
  const first = await b.attempt('one', { 'x.txt': 'x' });
  const second = await b.attempt('two', { 'y.txt': 'y' }, first);
  expect(await b.land(first, b.base, 'one')).toEqual({ ok: true, commit: first, already: true });
  const { path } = await b.workspace('one');
  write(path, { 'x.txt': 'x again' });
  const again = await b.compose(await b.take(path, 'one'), 'one');
  expect(again.ok && (await b.land(again.commit, b.base, 'one'))).toEqual({ ok: true, commit: first, already: true });
  expect(sh(b.top, 'rev-parse', `skein/${b.run}`)).toBe(second);
});

it('merged but open: the branch itself says what has landed, oldest first, with task and fence', async () => {
  const b = await bench(makeRepository());
  const first = await b.attempt('a task: with words', { 'x.txt': 'x' });
  const second = await b.attempt('two', { 'y.txt': 'y' }, first);
  expect(await repository.recoverLandings(b.io, b.top, b.run)).toEqual([
    { task: 'a task: with words', fence: 1, commit: first, run: b.run },
    { task: 'two', fence: 1, commit: second, run: b.run },
  ]);
});

it('target checked out elsewhere: it refuses, names the place and leaves that working tree alone', async () => {
  const b = await bench(makeRepository());
  const elsewhere = join(temporary(), 'else where');
  sh(b.top, 'worktree', 'add', '-q', elsewhere, `skein/${b.run}`);
  await expect(b.attempt('t', { 'a.txt': 'x' })).rejects.toThrow(
    `target checked out elsewhere: skein/${b.run} is checked out in ${elsewhere}`,
  );
  expect(sh(elsewhere, 'status', '--porcelain')).toBe('');
  expect(sh(b.top, 'rev-parse', `skein/${b.run}`)).toBe(b.base);
});

it('lands while the user edits, stages and commits, and changes none of it', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'a.txt': FILES['a.txt'].replace('one', 'ONE') });
  const mine = commit(b.top, { 'mine.txt': 'committed' });
  write(b.top, { 'a.txt': 'being edited', 'staged.txt': 's' });
  sh(b.top, 'add', 'staged.txt');
  const before = sh(b.top, 'status', '--porcelain=v2', '--branch');
  const composed = await b.compose(await b.take(path));
  expect(composed.ok && (await b.land(composed.commit, b.base)).ok).toBe(true);
  expect(sh(b.top, 'status', '--porcelain=v2', '--branch')).toBe(before);
  expect(sh(b.top, 'rev-parse', 'main')).toBe(mine);
});

it('is not stopped by hooks that fail, nor by a lock that a killed git left behind', async () => {
  const b = await bench(makeRepository());
  for (const hook of ['reference-transaction', 'pre-commit', 'commit-msg', 'post-merge']) {
    executable(join(b.top, '.git', 'hooks', hook), '#!/bin/sh\nexit 1\n');
  }
  const lock = join(b.top, '.git', 'refs', 'heads', 'skein', `${b.run}.lock`);
  writeFileSync(lock, '');
  utimesSync(lock, 0, 0);
  await b.attempt('t', { 'a.txt': 'x' });
  expect(exists(lock)).toBe(false);
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({ ok: true, kind: 'fastForward' });
});

it('waits for a lock that somebody holds', async () => {
  const b = await bench(makeRepository());
  const lock = join(b.top, '.git', 'refs', 'heads', 'skein', `${b.run}.lock`);
  writeFileSync(lock, '');
  let tries = 0;
  const exec: Exec = (argv, options) => {
    if (argv.includes('update-ref') && argv.includes(`refs/heads/skein/${b.run}`) && ++tries === 3) rmSync(lock);
    return direct(argv, options);
  };
  await (await bench(b.top, { ...b, io: { ...b.io, exec } })).attempt('t', { 'a.txt': 'x' });
  expect(tries).toBe(3);
});

it('crash after any process it starts, locks left behind: taking, composing and landing again gives the same', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'n.txt': 'n' });
  let left = Number.POSITIVE_INFINITY;
  const exec: Exec = async (argv, options) => {
    const done = await direct(argv, options);
    if (--left > 0) return done;
    const index = options.env['GIT_INDEX_FILE'];
    if (index !== undefined && argv.some((word) => /^(read-tree|update-index|write-tree)$/.test(word)))
      writeFileSync(`${index}.lock`, '');
    throw new Error('crash');
  };
  const crashing = await bench(b.top, { ...b, io: { ...b.io, exec } });
  const everyStep = async <T>(call: (on: Bench) => Promise<T>): Promise<[first: T, steps: number]> => {
    for (let steps = 1; ; steps++) {
      left = steps;
      const outcome = await call(crashing).then(
        (value) => ({ value }),
        (error: Error) => error.message,
      );
      if (typeof outcome === 'object') return [outcome.value, steps - 1];
      expect(outcome).toBe('crash');
    }
  };
  const [taken, takeSteps] = await everyStep((on) => on.take(path));
  expect(await b.take(path)).toEqual(taken);
  const [composed, composeSteps] = await everyStep((on) => on.compose(taken));
  if (!composed.ok) throw new Error('conflict');
  const [landed, landSteps] = await everyStep((on) => on.land(composed.commit, b.base));
  expect(landed).toEqual({ ok: true, commit: composed.commit, already: true });
  expect(sh(b.top, 'rev-list', '--count', `${b.base}..skein/${b.run}`)).toBe('1');
  expect([takeSteps, composeSteps, landSteps].every((steps) => steps >= 3)).toBe(true);
});

it('lands on the checked-out branch by fast-forward, with its working tree, and only once', async () => {
  const b = await bench(makeRepository());
  const first = await b.attempt('one', { 'a.txt': 'landed\n' });
  const plan = await repository.planLand(b.io, b.top, b.run);
  expect(plan).toMatchObject({ ok: true, kind: 'fastForward', branch: 'refs/heads/main', from: b.base, to: first });
  if (!plan.ok) throw new Error(plan.message);
  expect(await repository.applyLand(b.io, b.top, plan)).toEqual({ ok: true, head: first });
  expect(await repository.applyLand(b.io, b.top, plan)).toEqual({ ok: true, head: first });
  expect([readFileSync(join(b.top, 'a.txt'), 'utf8'), sh(b.top, 'status', '--porcelain')]).toEqual(['landed\n', '']);
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({ kind: 'nothing' });
});

it('lands chosen tasks, or onto a moved branch, as new commits with the same author and message, and not twice', async () => {
  const b = await bench(makeRepository());
  const first = await b.attempt('one', { 'x.txt': 'x' });
  await b.attempt('two', { 'y.txt': 'y' }, first);
  const mine = commit(b.top, { 'mine.txt': 'm' });
  const chosen = await repository.planLand(b.io, b.top, b.run, ['two']);
  expect(chosen).toMatchObject({ ok: true, kind: 'rebase', from: mine, commits: [{ task: 'two' }] });
  if (!chosen.ok) throw new Error(chosen.message);
  expect(await repository.applyLand(b.io, b.top, chosen)).toMatchObject({ ok: true });
  expect(exists(join(b.top, 'x.txt'))).toBe(false);
  expect(sh(b.top, 'log', '-1', '--format=%an|%B')).toBe(`claude|${messageOf(b.run, 'two').trimEnd()}`);
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({ ok: true, kind: 'rebase', commits: [{ task: 'one' }] });
  expect(await repository.planLand(b.io, b.top, b.run, ['three'])).toMatchObject({ ok: false, reason: 'unknown-task' });
});

it('does not land on a detached HEAD, over uncommitted work, over untracked files, or through a conflict', async () => {
  const b = await bench(makeRepository());
  await b.attempt('one', { 'a.txt': 'theirs\n', 'new.txt': 'theirs' });
  const plan = await repository.planLand(b.io, b.top, b.run);
  if (!plan.ok) throw new Error(plan.message);
  write(b.top, { 'a.txt': 'edited' });
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({ ok: false, reason: 'dirty', paths: ['a.txt'] });
  expect(await repository.applyLand(b.io, b.top, plan)).toMatchObject({ ok: false, reason: 'dirty' });
  sh(b.top, 'checkout', '-q', 'a.txt');
  write(b.top, { 'new.txt': 'mine' });
  expect(await repository.applyLand(b.io, b.top, plan)).toMatchObject({ ok: false, reason: 'dirty', paths: ['new.txt'] });
  expect(readFileSync(join(b.top, 'new.txt'), 'utf8')).toBe('mine');
  commit(b.top, { 'a.txt': 'mine\n', 'new.txt': 'mine' });
  expect(await repository.applyLand(b.io, b.top, plan)).toMatchObject({ ok: false, reason: 'moved' });
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({
    ok: false,
    reason: 'conflict',
    paths: ['a.txt', 'new.txt'],
  });
  sh(b.top, 'checkout', '-q', '--detach');
  expect(await repository.planLand(b.io, b.top, b.run)).toMatchObject({ ok: false, reason: 'detached' });
  expect(await repository.planLand(b.io, b.top, '99')).toMatchObject({ ok: false, reason: 'no-run' });
});
