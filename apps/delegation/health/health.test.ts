import { afterEach, describe, expect, it } from 'vitest';
import { programArgv } from '../programs/entry.ts';
import { check, type Fixture, fixture } from '../programs/fixture.ts';

const here = (name: string): string[] => programArgv(import.meta.url, name);
let made: Fixture | null = null;
afterEach(() => made?.remove());
const repository = (files: Readonly<Record<string, string>>): Fixture => (made = fixture(files));

describe('the health of checks', () => {
  it('names a test that does not always say the same, with each outcome, and says nothing about steady and quick ones', async ({
    annotate,
  }) => {
    await annotate('five runs of a real test runner');
    const repo = repository({
      'package.json': '{}',
      'test/steady.test.js': "require('node:test')('is steady', () => {})",
      // Fails in every second run: how often it ran is counted in a file.
      'test/wavers.test.js': `const { test } = require('node:test'); const fs = require('node:fs')
const file = require('node:path').join(__dirname, 'count')
test('wavers', () => {
  const n = fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0
  fs.writeFileSync(file, String(n + 1))
  if (n % 2 === 1) throw new Error('odd')
})`,
    });
    const { findings, measures, notes } = await repo.probe(here('./probe'), { checks: [check('node --test', 'tests')] });
    expect(findings).toMatchObject([
      {
        kind: 'flaky',
        title: expect.stringMatching(/^test\/wavers\.test\.js: wavers: failed in \d of \d runs of the same tree$/),
        detail: expect.stringMatching(/^run 1: passed\nrun 2 \(--test-concurrency=1\): failed\nrun 3/),
        path: 'test/wavers.test.js',
        show: 'for i in 1 2 3 4 5; do node --test test/wavers.test.js || break; done',
      },
    ]);
    expect(measures.map(({ name }) => name)).toEqual(['tests-serial', 'tests-parallel']);
    expect(notes).toEqual([]);
  });

  it('names what is slow with its share, and times checks alone and side by side', async ({ annotate }) => {
    await annotate('a test that waits is run several times');
    const repo = repository({
      'package.json': '{}',
      'slow.test.js':
        "const { test } = require('node:test'); test('waits', () => new Promise((r) => setTimeout(r, 400))); test('runs', () => {})",
    });
    const checks = [check('node --test', 'tests'), check('node --version', 'findings')];
    const { findings, measures } = await repo.probe(here('./probe'), { checks });
    expect(findings).toMatchObject([
      {
        kind: 'slow',
        title: expect.stringMatching(/^slow\.test\.js > waits takes \d+ ms, \d\d % of node --test$/),
        path: 'slow.test.js',
        line: 1,
        show: 'node --test --test-name-pattern=waits slow.test.js',
      },
    ]);
    expect(measures.map(({ name }) => name)).toEqual([
      'checks-serial',
      'checks-parallel',
      'tests-serial',
      'tests-parallel',
      'flaky-tests',
    ]);
  });

  it('says what it did not look at when the time is short or nothing can run', async () => {
    const repo = repository({ 'package.json': '{}' });
    const short = await repo.probe(here('./probe'), { checks: [check('node --test', 'tests')], deadline: Date.now() + 1600 });
    expect(short).toMatchObject({ findings: [], measures: [], notes: [expect.stringContaining('were left')] });
    expect((await repo.probe(here('./probe'), { checks: [] })).notes).toEqual(['no checks to run']);
  });
});

describe('the shape of a repository', () => {
  it('is its size, its modules and the shortest import cycle that exists at run time', async () => {
    const repo = repository({
      'package.json': '{"scripts":{"test":"echo \\"Error: no test specified\\" && exit 1"}}',
      'lib/a.js': "require('./b')",
      'lib/b.js': "require('./c'); require('./d')",
      'lib/c.js': "require('./a')",
      'lib/d.js': "exports.late = () => require('./b'); require('./b')\n\n",
      'lib/lazy.js': "exports.a = () => require('./lazier')",
      'lib/lazier.js': "require('./lazy')",
      'src/x.ts': "import type { Y } from './y.ts'\nexport interface X { y: Y }",
      'src/y.ts': "import { X } from './x.ts'\nexport interface Y { x: X }",
      'test/t.js': "require('./u')",
      'test/u.js': "require('./t')",
    });
    const { findings, measures } = await repo.probe(here('./shape'), {});
    expect(findings.map(({ kind, title }) => [kind, title])).toEqual([
      ['cycle', 'import cycle: lib/b.js -> lib/d.js -> lib/b.js'],
      ['no-tests', "the test script is npm's placeholder: nothing tells a good change from a bad one"],
    ]);
    expect(findings[0]!.detail).toContain('4 modules in 1 group');
    expect(measures.map(({ name, value }) => [name, value])).toEqual([
      ['lines', 12],
      ['modules', 8],
    ]);
  });
});
