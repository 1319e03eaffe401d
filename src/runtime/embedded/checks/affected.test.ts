import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { affectedTests, moduleGraph, type ModuleGraph, narrow, testFiles } from './affected.ts';
import { importsOf } from './imports.ts';

const graphOf = (files: Readonly<Record<string, string>>): Promise<ModuleGraph> =>
  moduleGraph(Object.keys(files), (path) => Promise.resolve(files[path] ?? null));
const nodeTest = { command: 'node --test', directory: '' };

describe('what a file imports', () => {
  it('is read from every form of import, with the moment at which it happens', () => {
    const text = `#!/usr/bin/env node
import a, { type B } from './a.js'
import './b'
import type { C } from './types.ts'
export * from './d'
export { default as e } from "./e"
import f = require('./f')
const g = require('./g'), { h } = require("./h")
function later () { return require('./later') }
const late = () => own(require('./late'));
if (x) { module.exports = require('./maybe') }
await import(\`./dyn\`)
require.resolve('./resolved')
fork(path.join(__dirname, '..', 'child.js'))
`;
    expect(importsOf(text)).toEqual({
      computed: false,
      imports: [
        ['./a.js', 'load'],
        ['./b', 'load'],
        ['./types.ts', 'type'],
        ['./d', 'load'],
        ['./e', 'load'],
        ['./f', 'load'],
        ['./g', 'load'],
        ['./h', 'load'],
        ['./later', 'lazy'],
        ['./late', 'lazy'],
        ['./maybe', 'lazy'],
        ['./dyn', 'lazy'],
        ['./resolved', 'lazy'],
        ['./../child.js', 'path'],
      ].map(([specifier, kind]) => ({ specifier, kind })),
    });
  });

  it('is not read from comments, strings, templates and regular expressions', () => {
    const text = `// require('./x1')
/* import './x2' */
const s = "require('x3')", t = \`\${ y / 2 } import './x4'\`, r = /require\\('.\\/x5'\\)[/'"]/g
const half = (a + b) / 2 /* ' */; a = b / c; const q = "it's"
obj.require('x6'); import.meta.url; exports.import = 1
`;
    expect(importsOf(text)).toEqual({ computed: false, imports: [] });
  });

  it('says when a name is computed, and never throws', () => {
    expect(importsOf('const x = require(name)').computed).toBe(true);
    expect(importsOf("require(path.join(__dirname, 'x.js'))")).toEqual({
      computed: false,
      imports: [{ specifier: './x.js', kind: 'path' }],
    });
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('`', '${', '}', '{', '/', "'", '"', '\\', '\n', 'import', ' ', '(', 'x') }),
        (text) => {
          expect(Array.isArray(importsOf(text).imports)).toBe(true);
        },
      ),
    );
  });
});

describe('tests of a change', () => {
  const files = {
    'package.json':
      '{"name":"own","main":"index.js","imports":{"#deep/*":"./lib/deep/*.js"},"exports":{".":{"import":"./index.js"},"./extra":"./lib/extra.js"}}',
    'index.js': "module.exports = require('./lib/core')",
    'lib/core.js': "const deep = require('#deep/leaf'); let lazy = () => require('./extra')",
    'lib/deep/leaf.js': '',
    'lib/extra.js': '',
    'lib/alone.js': '',
    'test/core.test.js': "require('..')",
    'test/self.test.js': "import own from 'own'",
    'test/extra.test.js': "await import('own/extra')",
    'test/alone.test.js': "require('../lib/alone'); require('express')",
    'test/none.test.js': "require('node:fs')",
  };
  const tests = Object.keys(files).filter((path) => path.startsWith('test/'));
  const seen = async (...changed: string[]): Promise<readonly string[] | null> =>
    affectedTests(await graphOf(files), tests, changed).tests;

  it('are those that import a changed file, also through #imports, the package’s own name and dynamic imports', async () => {
    expect(await seen('lib/deep/leaf.js')).toEqual(['test/core.test.js', 'test/self.test.js']);
    expect(await seen('lib/extra.js')).toEqual(['test/core.test.js', 'test/self.test.js', 'test/extra.test.js']);
    expect(await seen('lib/alone.js')).toEqual(['test/alone.test.js']);
    expect(await seen('test/none.test.js')).toEqual(['test/none.test.js']);
    expect(await seen('README.md')).toEqual([]);
  });

  it('cannot be told for data, and every test counts where an import cannot be followed', async () => {
    expect(affectedTests(await graphOf(files), tests, ['data/cities.csv'])).toEqual({
      tests: null,
      why: 'data/cities.csv is no module that the tree imports',
    });
    const open = await graphOf({ ...files, 'lib/alone.js': "require('../dist/alone.js')" });
    expect(affectedTests(open, tests, ['lib/extra.js'])).toEqual({
      tests: ['test/core.test.js', 'test/self.test.js', 'test/extra.test.js', 'test/alone.test.js'],
      why: 'lib/alone.js: ../dist/alone.js is not in the tree, so its tests count as affected',
    });
  });

  it('follows sources behind the names of what is compiled, siblings of a workspace, and cycles', async () => {
    const graph = await graphOf({
      'packages/a/package.json': '{"name":"@s/a","exports":{".":{"types":"./src/index.ts","default":"./dist/index.js"}}}',
      'packages/a/src/index.ts': "export * from './one.js'",
      'packages/a/src/one.ts': "import './index.js'",
      'packages/b/b.test.ts': "import { a } from '@s/a'",
    });
    expect(affectedTests(graph, ['packages/b/b.test.ts'], ['packages/a/src/one.ts']).tests).toEqual(['packages/b/b.test.ts']);
  });

  it('are found for 20,000 files in the time of reading them', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, n) => [`src/f${n}.js`, n === 0 ? '' : `require('./f${n - 1}')`]),
    );
    const graph = await graphOf(many);
    expect(affectedTests(graph, ['src/f19999.js'], ['src/f0.js']).tests).toEqual(['src/f19999.js']);
    expect(affectedTests({ ...graph, leftOut: 1 }, [], ['src/f0.js']).tests).toBe(null);
  });
});

describe('a narrowed check', () => {
  const paths = ['lib/a.js', 'test/a.test.js', 'test/deep/b.js', 'test/fixtures/c.js', 'test/helpers/d.js', 'src/x.test.ts'];

  it.each([
    ['node --test', 'node --test test/a.test.js', ['test/a.test.js', 'test/deep/b.js', 'src/x.test.ts']],
    ["c8 --100 node --test 'test/**/*.test.js'", 'node --test test/a.test.js', ['test/a.test.js']],
    ['FOO=1 mocha -r setup.js "test/*.js" --exit', 'FOO=1 mocha -r setup.js --exit test/a.test.js', ['test/a.test.js']],
    [
      'vitest run --reporter=verbose --coverage',
      'vitest run --reporter=verbose test/a.test.js',
      ['test/a.test.js', 'src/x.test.ts'],
    ],
    ['jest --verbose', 'jest --verbose --runTestsByPath test/a.test.js', ['test/a.test.js', 'src/x.test.ts']],
    ['borp --coverage --check-coverage --lines=100 -p "x"', 'borp -p x test/a.test.js', ['test/a.test.js', 'src/x.test.ts']],
  ])('%s runs some of its files', (command, narrowed, of) => {
    expect(narrow({ command, directory: '' }, ['test/a.test.js'])).toBe(narrowed);
    expect(testFiles({ command, directory: '' }, paths)).toEqual(of);
  });

  it('stops at the first failure where the runner can, and stands in its own directory', () => {
    expect(
      narrow({ command: 'vitest run', directory: 'packages/a' }, ['packages/a/src/x y.test.ts'], { untilFailure: true }),
    ).toBe("vitest run --bail=1 'src/x y.test.ts'");
    expect(narrow({ command: 'tape test/*.js', directory: '' }, null)).toBe('tape test/*.js');
    expect(narrow({ command: "NODE_OPTIONS='--a --b' ava", directory: '' }, null, { untilFailure: true })).toBe(
      "NODE_OPTIONS='--a --b' ava --fail-fast",
    );
  });

  it('is refused where the command is no single test runner', () => {
    for (const command of ['npm test', 'node test/index.js', 'vitest', 'mocha | tee log', 'tap $FILES', 'node --test; true'])
      expect([narrow({ command, directory: '' }, ['test/a.test.js']), testFiles({ command, directory: '' }, paths)]).toEqual([
        null,
        null,
      ]);
    expect(narrow(nodeTest, [])).toBe(null);
  });
});
