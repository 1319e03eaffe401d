import { expect, it } from 'vitest';
import type { Exec } from '../../src/runtime/embedded/index.ts';
import { bench, makeRepository, write } from '../repository/support.ts';

it('an attempt on a known base starts thirteen git processes: one for its workspace, eight to take its change, four to compose it', async () => {
  const known = await bench(makeRepository());
  const started: string[] = [];
  const exec: Exec = (argv, options) => {
    started.push(argv.find((word, i) => i > 0 && word !== '-c' && argv[i - 1] !== '-c')!);
    return known.io.exec(argv, options);
  };
  const b = await bench(known.top, { ...known, io: { ...known.io, exec } });
  await b.attempt('first', { 'a.txt': 'first\n' }); // finds the repository and reads the base
  started.length = 0;

  const { path } = await b.workspace('second');
  expect(started.splice(0)).toEqual(['read-tree']);
  write(path, { 'src/b.js': 'export const b = 2;\n' });
  const change = await b.take(path, 'second');
  expect(started.splice(0).toSorted()).toEqual([
    'cat-file',
    'commit-tree',
    'diff-tree',
    'diff-tree',
    'ls-files',
    'update-index',
    'update-ref',
    'write-tree',
  ]);
  expect(await b.compose(change, 'second')).toMatchObject({ ok: true });
  expect(started).toEqual(['cat-file', 'cat-file', 'commit-tree', 'update-ref']);
});
