import { existsSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { work } from '../../src/contracts/index.ts';
import { type Bench, bench, commit, executable, exists, FILES, makeRepository, sh, temporary, write } from './support.ts';

const paths = (taken: work.TakeResult): readonly string[] => taken.files.map((file) => file.path);
const rules = (taken: work.TakeResult): readonly string[] =>
  taken.violations.map((one) => `${one.rule} ${one.detail.split(':')[0]}`);

it('is one commit on the base, kept by its ref, with files, lines and patch, and the same a second time', async () => {
  const b = await bench(
    makeRepository({ ...FILES, 'old name.txt': 'a\nb\nc\nd\ne\nf\n', 'gone.txt': 'x\n', 'run.sh': 'echo\n' }),
  );
  const { path } = await b.workspace();
  write(path, {
    'a.txt': FILES['a.txt'].replace('two\n', 'TWO\nplus\n'),
    'bin.dat': Buffer.from([0, 1, 2]),
    'dist/out.js': 'built',
  });
  renameSync(join(path, 'old name.txt'), join(path, 'new name.txt'));
  rmSync(join(path, 'gone.txt'));
  executable(join(path, 'run.sh'), 'echo\n');
  const taken = await b.take(path);
  expect(taken.files.toSorted((x, y) => (x.path < y.path ? -1 : 1))).toEqual([
    { path: 'a.txt', status: 'modified', added: 2, removed: 1, binary: false },
    { path: 'bin.dat', status: 'added', added: 0, removed: 0, binary: true },
    { path: 'gone.txt', status: 'deleted', added: 0, removed: 1, binary: false },
    { path: 'new name.txt', status: 'renamed', added: 0, removed: 0, binary: false },
    { path: 'old name.txt', status: 'deleted', added: 0, removed: 0, binary: false },
    { path: 'run.sh', status: 'mode', added: 0, removed: 0, binary: false },
  ]);
  expect(taken.violations).toEqual([]);
  expect(sh(b.top, 'rev-parse', `refs/skein/${b.run}/t/1`)).toBe(taken.commit);
  expect(sh(b.top, 'rev-parse', `${taken.commit}^`, `${taken.commit}^{tree}`)).toBe(`${b.base}\n${taken.tree}`);
  expect((await b.io.blobs.get(taken.patch)).toString()).toContain('rename to new name.txt');
  expect(await b.take(path)).toEqual(taken);
  sh(b.top, 'gc', '-q', '--prune=now');
  expect(sh(b.top, 'cat-file', '-t', taken.commit)).toBe('commit');
  const again = join(temporary(), 'again');
  sh(b.top, 'worktree', 'add', '-q', '--detach', again, b.base);
  execFileSync('git', ['apply', '--index'], { cwd: again, input: await b.io.blobs.get(taken.patch) });
  expect(sh(again, 'write-tree')).toBe(taken.tree);
});

const habits: readonly [string, (path: string) => void][] = [
  ['edited', () => {}],
  ['staged', (path) => sh(path, 'add', '-A')],
  [
    'committed twice',
    (path) => [sh(path, 'add', '-A'), sh(path, 'commit', '-qm', 'x'), sh(path, 'commit', '-q', '--allow-empty', '-m', 'y')],
  ],
  ['committed on a branch', (path) => [sh(path, 'switch', '-qc', 'main'), sh(path, 'add', '-A'), sh(path, 'commit', '-qm', 'x')]],
  ['stashed something else', (path) => [write(path, { 'a.txt': 'no' }), sh(path, 'stash', 'push', '-q', 'a.txt')]],
  ['reset softly to nothing', (path) => sh(path, 'update-ref', '-d', 'HEAD')],
  ['deleted .git', (path) => rmSync(join(path, '.git'), { recursive: true })],
  [
    'put a file in place of .git',
    (path) => [rmSync(join(path, '.git'), { recursive: true }), write(path, { '.git': 'gitdir: /etc' })],
  ],
  ['corrupted its index', (path) => write(path, { '.git/index': 'rubbish' })],
  ['excluded everything in its .git/info/exclude', (path) => write(path, { '.git/info/exclude': '*\n' })],
  ['marked the file as unchanged', (path) => sh(path, 'update-index', '--assume-unchanged', 'src/b.js')],
];
let shared: Promise<Bench> | undefined;
it.each(habits)('takes the same change when the agent %s', async (name, habit) => {
  const b = await (shared ??= bench(makeRepository()));
  const { path } = await b.workspace(name);
  write(path, { 'src/b.js': 'export const b = 2;\n', 'src/c.js': 'export const c = 3;\n' });
  habit(path);
  const taken = await b.take(path, name);
  expect(paths(taken)).toEqual(['src/b.js', 'src/c.js']);
  expect(taken.violations).toEqual([]);
});

it('done without commit: the runtime commits, the agent need not', async () => {
  const b = await bench(makeRepository());
  expect(await b.attempt('t', { 'a.txt': 'done\n' })).toBe(sh(b.top, 'rev-parse', `skein/${b.run}`));
});

it('says that nothing changed', async () => {
  const b = await bench(makeRepository());
  expect(rules(await b.take((await b.workspace()).path))).toEqual(['empty-change no file differs from the base']);
});

it('ignores by the rules of the base, not by those the agent wrote, and never takes litter', async () => {
  const b = await bench(
    makeRepository({ '.gitignore': 'dist/\n*.log\n', 'pkg/.gitignore': '/out\n!keep.log\nsub/*.tmp\n', 'kept.log.txt': '' }),
  );
  const { path } = await b.workspace();
  write(path, {
    '.gitignore': '*\n!dist/\n',
    'dist/a.js': 'x',
    'x.log': 'x',
    'pkg/out/a': 'x',
    'pkg/deep/out': 'x',
    'pkg/keep.log': 'x',
    'pkg/sub/a.tmp': 'x',
    'hidden.txt': 'x',
    'node_modules/m/index.js': 'x',
    'pkg/__pycache__/m.pyc': 'x',
  });
  expect(paths(await b.take(path))).toEqual(['.gitignore', 'hidden.txt', 'pkg/deep/out', 'pkg/keep.log']);
});

it('runs nothing that a hostile agent configured, and touches no ref of the user', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  const witness = join(temporary(), 'witness');
  const evil = join(path, '..', 'evil.sh');
  executable(evil, `#!/bin/sh\ntouch "${witness}"\ncat\n`);
  const before = sh(b.top, 'for-each-ref');
  for (const name of [
    'core.fsmonitor',
    'core.hooksPath',
    'filter.x.clean',
    'filter.x.smudge',
    'diff.x.textconv',
    'diff.external',
    'core.pager',
  ]) {
    sh(path, 'config', name, evil);
  }
  executable(join(path, '.git', 'hooks', 'post-checkout'), `#!/bin/sh\ntouch "${witness}"\n`);
  write(path, { '.gitattributes': '* filter=x diff=x\n', 'a.txt': 'changed\n' });
  sh(path, '-c', 'core.fsmonitor=', '-c', 'filter.x.clean=cat', 'update-ref', 'refs/heads/main', 'HEAD');
  expect(() => sh(path, 'push', 'origin', 'HEAD:main')).toThrow();
  rmSync(witness, { force: true });
  const taken = await b.take(path);
  expect(paths(taken)).toEqual(['.gitattributes', 'a.txt']);
  expect(exists(witness)).toBe(false);
  expect(
    sh(b.top, 'for-each-ref')
      .split('\n')
      .filter((line) => !line.includes('refs/skein/')),
  ).toEqual(before.split('\n').filter((line) => !line.includes('refs/skein/')));
});

it('leaves out and names links that lead out, repositories within, names that are .git elsewhere, and special files', async () => {
  const top = makeRepository({ ...FILES, 'Docs/x.md': 'x', 'dir/f.txt': 'f' });
  const b = await bench(top);
  const { path } = await b.workspace();
  symlinkSync('/etc/passwd', join(path, 'absolute'));
  symlinkSync('../../outside', join(path, 'src', 'up'));
  symlinkSync('b.js', join(path, 'src', 'fine'));
  symlinkSync('../a.txt', join(path, 'src', 'fine-up'));
  rmSync(join(path, 'dir'), { recursive: true });
  symlinkSync('/etc', join(path, 'dir'));
  write(path, {
    'docs/y.md': 'collides',
    '.GIT/config': 'x',
    'x/git~1': 'x',
    'con.txt': 'x',
    'nested/f': 'f',
    'odd/.git/x': 'no repository',
    'odd/f': 'odd',
  });
  sh(join(path, 'nested'), 'init', '-q');
  write(path, { '.gitmodules': '[submodule "x"]\n' });
  execFileSync('mkfifo', [join(path, 'pipe')]);
  const taken = await b.take(path);
  expect(paths(taken)).toEqual(['dir/f.txt', 'odd/f', 'src/fine', 'src/fine-up']);
  expect(rules(taken)).toEqual(
    ['.GIT/config', '.gitmodules', 'absolute', 'con.txt', 'dir', 'docs/y.md', 'nested/', 'src/up', 'x/git~1'].map(
      (one) => `unsafe-path ${one}`,
    ),
  );
});

it('takes a file that became a directory, a directory that became a file, and leaves out what became a pipe', async () => {
  const b = await bench(makeRepository({ file: 'f', 'dir/x': 'x', 'dir/y': 'y', pipe: 'p', link: 'l' }));
  const { path } = await b.workspace();
  for (const name of ['file', 'dir', 'pipe', 'link']) rmSync(join(path, name), { recursive: true });
  write(path, { 'file/inner': 'new', dir: 'now a file' });
  execFileSync('mkfifo', [join(path, 'pipe')]);
  symlinkSync('dir', join(path, 'link'));
  const taken = await b.take(path);
  expect(sh(b.top, 'ls-tree', '-r', '--format=%(objectmode) %(path)', taken.commit).split('\n')).toEqual([
    '100644 dir',
    '100644 file/inner',
    '120000 link',
    '100644 pipe',
  ]);
  expect(taken.violations).toEqual([{ rule: 'unsafe-path', detail: 'pipe: neither a file nor a link' }]);
});

it('names a gitlink that the agent added or moved', async () => {
  const top = makeRepository();
  sh(top, 'update-index', '--add', '--cacheinfo', `160000,${sh(top, 'rev-parse', 'HEAD')},sub`);
  sh(top, 'commit', '-qm', 'submodule');
  const b = await bench(top);
  const { path } = await b.workspace();
  sh(join(path, 'sub'), 'init', '-q');
  commit(join(path, 'sub'), { x: 'x' });
  write(path, { 'other/x': 'x' });
  sh(join(path, 'other'), 'init', '-q');
  commit(join(path, 'other'), { y: 'y' });
  sh(path, 'add', '-A');
  const taken = await b.take(path);
  expect(taken.files).toEqual([]);
  expect(rules(taken)).toEqual(['unsafe-path sub', 'unsafe-path other/', 'empty-change no file differs from the base']);
});

it('refuses to follow a workspace that was replaced by a link to the user repository', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  rmSync(path, { recursive: true });
  symlinkSync(b.top, path);
  const taken = await b.take(path);
  expect(taken.files).toEqual([]);
  expect(taken.violations[0]).toMatchObject({ rule: 'unsafe-path' });
});

it('bounds what it takes: size of a file, of the patch, number of files', async ({ annotate }) => {
  await annotate('slow because it writes 2,001 files and 23 MB');
  const b = await bench(makeRepository());
  const one = await b.workspace('one');
  write(one.path, { 'huge.bin': Buffer.alloc(17 * 1024 * 1024), 'ok.txt': 'ok' });
  const first = await b.take(one.path, 'one');
  expect([paths(first), rules(first)]).toEqual([['ok.txt'], ['too-large huge.bin']]);
  const two = await b.workspace('two');
  write(two.path, { 'long.txt': 'a line of text that is a little longer\n'.repeat(150_000) });
  const second = await b.take(two.path, 'two');
  expect(second.violations).toMatchObject([{ rule: 'too-large' }]);
  expect(second.files).toMatchObject([{ path: 'long.txt', added: 150_000 }]);
  expect((await b.io.blobs.get(second.patch)).toString()).toContain('150000\t0\tlong.txt');
  const three = await b.workspace('three');
  write(three.path, Object.fromEntries(Array.from({ length: 2_001 }, (_, n) => [`many/${n}`, ''])));
  const third = await b.take(three.path, 'three');
  expect(third.violations).toMatchObject([{ rule: 'too-large', detail: '2001 files changed, at most 2000 are taken' }]);
});

it('conflict markers left: they are taken as they are, for the check that refuses them', async () => {
  const b = await bench(makeRepository());
  const { path } = await b.workspace();
  write(path, { 'a.txt': '<<<<<<< ours\n=======\n>>>>>>> theirs\n' });
  const taken = await b.take(path);
  expect(taken.violations).toEqual([]);
  expect(sh(b.top, 'show', `${taken.commit}:a.txt`)).toContain('<<<<<<<');
});

it('keeps line endings as the attributes of the repository have them', async () => {
  const b = await bench(makeRepository({ '.gitattributes': '* text=auto eol=crlf\n', 'w.txt': 'one\ntwo\n' }));
  const { path } = await b.workspace();
  expect(readFileSync(join(path, 'w.txt'), 'utf8')).toBe('one\r\ntwo\r\n');
  write(path, { 'w.txt': 'one\r\ntwo\r\nthree\r\n' });
  expect((await b.take(path)).files).toMatchObject([{ path: 'w.txt', added: 1, removed: 0 }]);
  expect(existsSync(join(b.top, 'w.txt'))).toBe(true);
});
