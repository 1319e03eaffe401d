/**
 * The house rules against planted violations: each is refused, by the tool that is said to refuse it, with a message that says
 * what to do. A rule that does not catch its violation is worth nothing.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRepository, RepositoryFile } from '../../tools/tidy/files.ts';
import { RULES } from '../../tools/tidy/rules.ts';
import { tokenize } from '../../tools/tidy/tokens.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

type Planted = Readonly<Record<string, string>>;

/** What one rule says about files that exist only here. */
function findings(rule: string, planted: Planted): string[] {
  const files = Object.entries(planted).map(([path, text]) => new RepositoryFile(path, text));
  const found = RULES.find((each) => each.name === rule)!.check(files);
  return found.map(({ path, line, message }) => `${path}:${line}: ${message}`);
}

const home = ['', 'home', 'somebody', 'skein'].join('/'); // put together here, so that this file names no machine path itself

/** rule, what is planted, and what tidy must say about it. */
const VIOLATIONS: readonly (readonly [rule: string, what: string, planted: Planted, says: string])[] = [
  [
    'arrows',
    'a room below imports one above',
    { 'src/kernel/a.ts': "\nimport { x } from '../work/index.ts';" },
    'src/kernel/a.ts:2: kernel may not import work: talk to it by a contract',
  ],
  [
    'arrows',
    'a domain room imports another',
    { 'src/mesh/a.ts': "export { x } from '../memory/index.ts';" },
    'mesh may not import memory',
  ],
  ['arrows', 'the host imports a room', { 'src/host/a.ts': "import '../work/index.ts';" }, 'host may not import work'],
  [
    'arrows',
    'one runtime imports another',
    { 'src/runtime/nats/a.ts': "import type { X } from '../embedded/index.ts';" },
    'runtime/nats may not import runtime/embedded',
  ],
  [
    'arrows',
    'a surface reads a room',
    { 'src/surfaces/cli/a.ts': "const room = await import('../../work/index.ts');" },
    'surfaces/cli may not import work',
  ],
  [
    'arrows',
    'src imports a tool',
    { 'src/work/a.ts': "import { tokenize } from '../../tools/tidy/tokens.ts';" },
    'from outside src',
  ],
  [
    'arrows',
    'a room imports the package it is in',
    { 'src/work/a.ts': "import { run } from 'skein';" },
    'imports the package itself',
  ],
  [
    'references',
    'a project refers against the arrows',
    { 'src/protocol/tsconfig.json': '{ "references": [{ "path": "../work" }] }' },
    'protocol may not refer to work',
  ],
  [
    'references',
    'a room below runtime is given the types of Node',
    { 'src/work/tsconfig.json': '{ "compilerOptions": { "types": ["node"] } }' },
    'below runtime',
  ],
  [
    'doors',
    'a file reaches past the index.ts of another room',
    { 'src/work/a.ts': "import { Lanes } from '../kernel/lanes.ts';" },
    'reaches into kernel past its door: import src/kernel/index.ts',
  ],
  [
    'doors',
    'a test reaches past the index.ts of another room',
    { 'src/work/a.test.ts': "import { Lanes } from '../kernel/lanes.ts';" },
    'past its door',
  ],
  [
    'apps',
    'an app imports from src',
    { 'package.json': '{ "exports": { ".": {} } }', 'apps/x/main.ts': "import '../../src/kernel/index.ts';" },
    'use a published subpath (skein)',
  ],
  [
    'apps',
    'an app imports a subpath that is not published',
    { 'package.json': '{ "exports": { ".": {}, "./cli": {} } }', 'apps/x/main.ts': "import 'skein/kernel';" },
    'skein/kernel is not published',
  ],
  [
    'no-node',
    'a module of Node below runtime',
    { 'src/work/a.ts': "import { readFileSync } from 'node:fs';" },
    'imports node:fs: declare a port, or make it an activity',
  ],
  ['no-node', 'an import at run time below runtime', { 'src/work/a.ts': "const x = import('./b.ts');" }, 'is a promise'],
  ['no-clock', 'Date.now', { 'src/host/a.ts': 'const now = Date.now();' }, 'take `now` from the context'],
  ['no-clock', 'new Date()', { 'src/host/a.ts': 'const now = new Date();' }, 'take `now` from the context'],
  ['no-clock', 'Date()', { 'src/host/a.ts': 'const now = Date();' }, 'take `now` from the context'],
  ['no-random', 'Math.random', { 'src/work/a.ts': 'const x = Math.random();' }, 'take `random` from the context'],
  ...[
    'setTimeout(f, 1)',
    'setInterval(f, 1)',
    'setImmediate(f)',
    'queueMicrotask(f)',
    'console.log(1)',
    'process.env.HOME',
    'performance.now()',
    'globalThis.x',
    'let x: Promise<void>',
    'async () => 1',
    'await x',
    "'a'.localeCompare('b')",
    'new Intl.Collator()',
    'new WeakRef(x)',
    'f?.toLocaleString()',
    '`${await x}`',
  ].map((code) => ['no-waiting', code, { 'src/work/a.ts': code }, 'src/work/a.ts:1: '] as const),
  ['exact-math', 'Math.exp', { 'src/mesh/a.ts': 'const x = Math.exp(1);' }, 'Math.exp is not exact'],
  ['exact-math', 'a power of something unknown', { 'src/mesh/a.ts': 'const x = y ** 2;' }, 'exact only between integer literals'],
  [
    'test-names',
    'a test with a label for a name',
    { 'src/work/a.test.ts': "it('works', () => {});" },
    '"works" is not a sentence about behaviour',
  ],
  [
    'test-names',
    'a test that is skipped for good',
    { 'src/work/a.test.ts': "it.skip('lands what is green', () => {});" },
    'it.skip must not be committed',
  ],
  [
    'test-names',
    'a test that runs alone',
    { 'src/work/a.test.ts': "describe.only('x', () => {});" },
    'describe.only must not be committed',
  ],
  [
    'test-names',
    'two tests with one name',
    { 'test/a.test.ts': "it('lands what is green', f); it('lands what is green', f);" },
    'one name, one behaviour',
  ],
  ['test-names', 'a test that is never collected', { 'test/a.spec.ts': '' }, 'rename it to .test.ts'],
  [
    'dependencies',
    'a version range',
    { 'package.json': '{ "dependencies": {\n"x": "^1.0.0" } }', 'docs/decisions/1.md': '`x`' },
    'package.json:2: x is pinned to "^1.0.0"',
  ],
  [
    'dependencies',
    'a dependency without a reason',
    { 'package.json': '{ "devDependencies": { "x": "1.0.0" } }', 'docs/decisions/1.md': 'x' },
    'x has no reason',
  ],
  [
    'dependencies',
    'an import of what users do not get',
    {
      'package.json': '{ "devDependencies": { "@a/b": "1.0.0" } }',
      'docs/decisions/1.md': '`@a/b`',
      'src/kernel/a.ts': "import { c } from '@a/b/c';",
    },
    'imports @a/b, which users do not get',
  ],
  [
    'production-packages',
    'too many packages',
    {
      'package-lock.json': JSON.stringify({
        packages: Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`node_modules/p${i}`, {}])),
      }),
    },
    '41 production packages, at most 40',
  ],
  [
    'production-packages',
    'an install script for users',
    { 'package-lock.json': '{ "packages": { "node_modules/x": { "hasInstallScript": true } } }' },
    'runs a script when a user installs',
  ],
  [
    'production-packages',
    'a package from a private place',
    { 'package-lock.json': '{ "packages": { "node_modules/x": { "dev": true, "resolved": "http://localhost/x.tgz" } } }' },
    'outside the public registry',
  ],
  [
    'owners',
    'a second circuit breaker',
    { 'src/work/a.ts': 'export class CircuitBreaker {}' },
    'second circuit breaker: use the one of structures',
  ],
  ['owners', 'a second retry schedule', { 'src/host/a.ts': 'const backoffMs = (n: number) => n;' }, 'second retry schedule'],
  [
    'owners',
    'a database in a surface',
    { 'src/surfaces/cli/a.ts': "import { DatabaseSync } from 'node:sqlite';" },
    'surfaces/cli does not hold node:sqlite',
  ],
  ['file-names', 'a name in camel case', { 'src/work/taskQueue.ts': '' }, 'not lower-case-kebab'],
  ['file-names', 'a name that says nothing', { 'src/work/string-utils.ts': '' }, '"utils" says nothing'],
  ['file-names', 'a folder that says nothing', { 'src/work/helpers/a.ts': '' }, '"helpers" says nothing'],
  ['machine-paths', 'a path of one machine', { 'docs/start.md': `\n\nopen ${home}` }, 'docs/start.md:3: names the machine path'],
  [
    'licence',
    'a repository without its licence',
    { 'package.json': '{ "license": "Apache-2.0" }' },
    'LICENSE must hold the Apache License 2.0',
  ],
  ['rooms', 'an empty room', { 'src/fleet/tsconfig.json': '{}' }, 'the room is empty'],
  ['rooms', 'a room without a door', { 'src/fleet/a.ts': '', 'src/fleet/tsconfig.json': '{}' }, 'the room has no index.ts'],
  ['rooms', 'a room that nobody drew', { 'src/tools/index.ts': '' }, 'tools is no room of this house'],
  ['type-checked', 'code that no project includes', { 'scripts/a.ts': '' }, 'no tsconfig includes this file'],
  ['type-checked', 'a file that switches the compiler off', { 'src/work/a.ts': '// @ts-nocheck' }, 'switches the compiler off'],
  [
    'entry',
    'new syntax where an old Node must be refused',
    { 'src/surfaces/cli/bin.ts': 'const x = process.env.X ?? 1;' },
    '`??` does not parse on the Node',
  ],
  [
    'entry',
    'an import ahead of the version check',
    { 'src/surfaces/cli/bin.ts': "import './main.ts';" },
    'imports ./main.ts before the version is checked',
  ],
  [
    'published',
    'a worker entry that says .ts',
    { 'src/runtime/embedded/a.ts': "new Worker(new URL('./worker.ts', import.meta.url));" },
    "'./worker.ts' does not exist once published",
  ],
  [
    'install-scripts',
    'a script that runs at installation',
    { 'package.json': '{ "scripts": {\n"postinstall": "node x.js" } }' },
    'package.json:2: the script postinstall runs when a user installs',
  ],
];

describe('tidy', () => {
  it.each(VIOLATIONS)('%s: refuses %s', (rule, _what, planted, says) => {
    expect(findings(rule, planted).join('\n')).toContain(says);
  });

  it('has a planted violation for every rule, and a reason', () => {
    expect(RULES.filter((rule) => !VIOLATIONS.some(([name]) => name === rule.name)).map((rule) => rule.name)).toEqual([]);
    expect(RULES.every((rule) => rule.why.length > 20)).toBe(true);
  });

  it('lets pass what only looks like a violation', () => {
    const innocent = `
      // Date.now() and Math.random() and await Promise.all() in a comment
      /* import '../work/index.ts'; console.log(process.env) */
      const text = 'setTimeout(() => {}, 1); await Date.now()' + \`console.log \${1 + 1} Math.random()\`;
      const pattern = /Date\\.now\\(\\)|await|"|'/g;
      const ratio = a / b / Math.sqrt(2); const bits = 2 ** 48;
      const when = new Date(now).toISOString();
      const fields = { process: 1, fetch: 2, timer: out.timer }; room.process.pid; this.clock.setTimeout(1);
      interface Handle { readonly performance: number; async: boolean }
    `;
    const files = {
      'src/work/innocent.ts': innocent,
      'src/work/a.test.ts': "it('waits for a child', async () => { await x; });",
    };
    for (const rule of RULES) if (!['licence', 'rooms'].includes(rule.name)) expect(findings(rule.name, files)).toEqual([]);
  });

  it('reads every file of this repository without losing count of its brackets', () => {
    const unbalanced = readRepository(root).filter((file) => {
      const count = (bracket: string): number =>
        file.tokens.filter(({ kind, text }) => kind === 'punctuator' && text === bracket).length;
      return file.isCode && (count('{') !== count('}') || count('(') !== count(')') || count('[') !== count(']'));
    });
    expect(unbalanced.map((file) => file.path)).toEqual([]);
  });

  it('tells a regular expression from a division, and code in a template from its text', () => {
    const kinds = (text: string): string[] => tokenize(text).map((token) => `${token.kind}:${token.text}`);
    expect(kinds('a / b / c')).toEqual(['word:a', 'punctuator:/', 'word:b', 'punctuator:/', 'word:c']);
    expect(kinds('a! / b; c /* / */ / d')).not.toContain('regex: b; c ');
    expect(kinds('!/a/.test(x)')).toContain('regex:a');
    expect(kinds('return /a[/]b/g.test(x)')).toContain('regex:a[/]b');
    expect(kinds('`x ${ { y: `${z}` }.y } await`').filter((each) => each.startsWith('word'))).toEqual([
      'word:y',
      'word:z',
      'word:y',
    ]);
    expect(tokenize('/* a\n b */\n x')[1]).toEqual({ kind: 'word', text: 'x', line: 3 });
  });
});

/** A copy of the house with its real configuration and one small file in every room, into which violations are planted. */
describe('the tools in a copy of the house', () => {
  let copy = '';
  const plant = (path: string, text: string): void => {
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), text);
  };
  const run = (...command: readonly string[]): { code: number | null; out: string } => {
    const bin = join(root, 'node_modules/.bin');
    const result = spawnSync(join(bin, command[0]!), command.slice(1), {
      cwd: copy,
      encoding: 'utf8',
      env: { PATH: `${bin}:${process.env.PATH}`, NO_COLOR: '1' },
    });
    return { code: result.status, out: result.stdout + result.stderr };
  };

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'skein-house-'));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    for (const file of ['.oxlintrc.json', 'tsconfig.base.json', 'LICENSE', 'package.json', 'docs/decisions']) {
      cpSync(join(root, file), join(copy, file), { recursive: true });
    }
    const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')) as { references: { path: string }[] };
    const rooms = references.map((each) => each.path).filter((path) => path.startsWith('src/'));
    plant('tsconfig.json', JSON.stringify({ files: [], references: rooms.map((path) => ({ path })) }));
    for (const room of rooms) {
      cpSync(join(root, room, 'tsconfig.json'), join(copy, room, 'tsconfig.json'));
      plant(`${room}/index.ts`, 'export const here: number = 1;\n');
    }
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it('are content with the empty house', async ({ annotate }) => {
    await annotate('builds every room');
    expect(run('tsc', '-b')).toEqual({ code: 0, out: '' });
    expect(run('oxlint', '--type-aware').code).toBe(0);
    expect(run('node', join(root, 'tools/tidy.ts'), '.')).toMatchObject({ code: 0 });
  });

  it('refuse an import against the arrows, Node and timers below runtime: the compiler', async ({ annotate }) => {
    await annotate('builds every room');
    plant('src/kernel/against.ts', "import { here } from '../protocol/index.ts';\nexport const there: number = here;\n");
    plant('src/host/room.ts', "import { here } from '../work/index.ts';\nexport const there: number = here;\n");
    plant('src/protocol/files.ts', "import { readFileSync } from 'node:fs';\nexport const read: unknown = readFileSync;\n");
    plant('src/contracts/later.ts', 'export const later: unknown = setTimeout(() => {}, 1);\n');
    plant('src/work/print.ts', 'export function print(): void {\n  console.log(process.pid);\n}\n');
    const { code, out } = run('tsc', '-b');
    expect(code).not.toBe(0);
    expect(out).toMatch(/src\/kernel\/against\.ts.*TS(6059|6307)/);
    expect(out).toMatch(/src\/host\/room\.ts.*TS(6059|6307)/);
    expect(out).toMatch(/src\/protocol\/files\.ts.*node:fs/);
    expect(out).toMatch(/src\/contracts\/later\.ts.*Cannot find name 'setTimeout'/);
    expect(out).toMatch(/src\/work\/print\.ts.*Cannot find name 'console'/);
    expect(out).toMatch(/src\/work\/print\.ts.*Cannot find name 'process'/);
  });

  it('refuse the clock, randomness, printing and a promise nobody waits for: the linter', () => {
    plant('src/ports/now.ts', 'export const now: number = Date.now();\n');
    plant('src/ports/draw.ts', 'export const draw: number = Math.random();\n');
    plant('src/ports/print.ts', 'export const print = (): void => console.log(1);\n');
    plant('src/ports/node.ts', "export { readFileSync } from 'node:fs';\n");
    plant(
      'src/runtime/embedded/floating.ts',
      'const later = async (): Promise<void> => {};\nexport function start(): void {\n  later();\n}\n',
    );
    const { code, out } = run('oxlint', '--type-aware', '--format=unix', 'src/ports', 'src/runtime');
    expect(code).not.toBe(0);
    expect(out).toMatch(/ports\/now\.ts.*no-restricted-properties/);
    expect(out).toMatch(/ports\/draw\.ts.*no-restricted-properties/);
    expect(out).toMatch(/ports\/print\.ts.*no-console/);
    expect(out).toMatch(/ports\/node\.ts.*no-restricted-imports/);
    expect(out).toMatch(/floating\.ts.*no-floating-promises/);
    expect(out).not.toMatch(/src\/runtime\/embedded\/index\.ts/);
  });

  it('refuse the same and more with what to do about it: tidy', () => {
    plant(
      'src/work/past.ts',
      "import { here } from '../kernel/deep.ts';\nexport const wait: Promise<number> = Promise.resolve(here);\n",
    );
    const { code, out } = run('node', join(root, 'tools/tidy.ts'), '.');
    expect(code).toBe(1);
    expect(out).toContain('src/kernel/against.ts:1: kernel may not import protocol: talk to it by a contract');
    expect(out).toContain('src/work/past.ts:1: reaches into kernel past its door');
    expect(out).toContain('src/work/past.ts:2: uses Promise below runtime: answer by callback or with effects');
    expect(out).toContain('src/ports/now.ts:1: reads the clock by Date.now: take `now` from the context');
    expect(out).toContain('src/ports/node.ts:1: ports is below runtime and imports node:fs');
    expect(out).toMatch(/tidy: \d+ findings\n$/);
  });
});
