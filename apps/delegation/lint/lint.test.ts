import { afterEach, describe, expect, it } from 'vitest';
import { programArgv } from '../programs/entry.ts';
import { check, type Fixture, fixture, type Heard } from '../programs/fixture.ts';
import { lintCommand } from './command.ts';

const here = (name: string): string[] => programArgv(import.meta.url, name);
const AGENT = here('./fix');

let made: Fixture | null = null;
afterEach(() => made?.remove());
const repository = (files: Readonly<Record<string, string>>): Fixture => (made = fixture(files));

const RULES = "'no-var': 'error', 'prefer-const': 'warn', 'no-unused-vars': 'error', 'sort-imports': 'error'";
const ESLINT = {
  'package.json': '{"type":"module"}',
  'eslint.config.js': `export default [{ rules: { ${RULES} } }];\n`,
  'lib/a.js': 'var a = 1\nlet b = 2\nexport default a + b\n',
  'lib/[b].js': "import { z, y } from './gen.js'\nlet unused = 3\nvar c = z + y\nexport default c\n",
  'lib/gen.js': '// @generated\nvar z = 1, y = 2\nexport { z, y }\n',
};
const WRITTEN = ['package.json', 'eslint.config.js', 'lib/a.js', 'lib/[b].js'];

describe('what the repository’s own linter repairs', () => {
  it('is told by rule with the command that shows it, and offered as a task that its agent does and its judge closes (eslint)', async ({
    annotate,
  }) => {
    await annotate('a real linter is started eight times');
    const repo = repository(ESLINT);
    const lint = check('eslint .', 'findings');
    const heard = await repo.probe(here('./probe'), { goal: 'fixable', checks: [lint], files: WRITTEN });
    expect(heard.findings.map(({ title, show }) => [title, show])).toEqual([
      ['eslint repairs 2 findings of no-var in 2 files', "npx eslint 'lib/[b].js' lib/a.js"],
      ['eslint repairs 2 findings of prefer-const in 2 files', "npx eslint 'lib/[b].js' lib/a.js"],
    ]);
    expect(heard.notes).toEqual([
      'eslint: repairs of sort-imports may change behaviour and are left out; --goal lint offers them',
    ]);
    expect(heard.tasks).toMatchObject([
      { rivals: ['lint-fix'], mends: 'eslint .', claims: ['lib/\\[b\\].js', 'lib/a.js'], agent: null },
    ]);
    expect(repo.read('lib/a.js')).toBe(ESLINT['lib/a.js']);

    const task = { ...heard.tasks[0]!, given: false, goal: 'fixable' };
    expect(await repo.agent(AGENT, task)).toBe('');
    expect([repo.read('lib/a.js'), repo.read('lib/gen.js')]).toEqual([
      'const a = 1\nconst b = 2\nexport default a + b\n',
      ESLINT['lib/gen.js'],
    ]);
    expect(repo.read('lib/[b].js')).toContain('import { z, y }');
    const paths = ['lib/a.js', 'lib/[b].js'];
    expect(await repo.judge(task.judge, { task, paths })).toEqual({
      closed: [
        'lint lib/[b].js prefer-const 1',
        'lint lib/[b].js no-var 1',
        'lint lib/a.js no-var 1',
        'lint lib/a.js prefer-const 1',
      ],
      refused: [],
    });

    repo.write({ 'lib/a.js': 'const a = 1\nconst b = 2\nconst more = 3\nexport default a + b\n' });
    expect((await repo.judge(task.judge, { task, paths: [...paths, 'README.md'] })).refused).toEqual([
      { rule: 'outside-the-task', detail: 'README.md is none of its files' },
      { rule: 'new-finding', detail: 'lib/a.js:3: no-unused-vars' },
    ]);
  });

  it('is found by doing it where reports do not say what can be repaired (oxlint)', async () => {
    const repo = repository({
      '.oxlintrc.json': '{"rules":{"no-useless-rename":"error","no-debugger":"error","no-unused-vars":"off"}}',
      'a.js': "import { b as b } from './b.js'\nexport default b\n",
      'b.js': 'export const b = () => {\n  debugger\n  return 1\n}\n',
    });
    const { findings, tasks, notes } = await repo.probe(here('./probe'), {
      goal: 'fixable',
      checks: [check('oxlint', 'findings')],
    });
    expect(findings.map(({ title, path, line }) => [title, path, line])).toEqual([
      ['oxlint repairs 1 finding of eslint(no-useless-rename) in a.js', 'a.js', 1],
    ]);
    expect([tasks.length, notes]).toEqual([1, []]);
  });

  it('is one line with its time where there is nothing, and a reason where it cannot be asked', async ({ annotate }) => {
    await annotate('a real linter is started several times');
    const repo = repository({ ...ESLINT, 'lib/a.js': 'export default 1\n', 'lib/[b].js': 'export const unused = 3\n' });
    const ask = (command: string): Promise<Heard> =>
      repo.probe(here('./probe'), { goal: 'fixable', checks: [check(command, 'findings')], files: WRITTEN });
    expect(await ask('eslint .')).toMatchObject({
      findings: [],
      tasks: [],
      notes: [expect.stringMatching(/^eslint: finds nothing \(.* m?s\)$/)],
    });
    expect((await ask('standard')).notes).toEqual(['standard: not installed']);
    expect((await ask('eslint . && echo x')).notes[0]).toContain('too involved');
    repo.write({ 'eslint.config.js': "import 'eslint-plugin-nobody-has'\n" });
    expect((await ask('eslint .')).notes[0]).toMatch(/^eslint could not be asked: .*eslint-plugin-nobody-has/);
  });
});

describe('a linter’s command', () => {
  it('is taken apart into options and files, without what only prints or writes', () => {
    expect(lintCommand('npx eslint --ext .js,.ts -c x.js --max-warnings 0 --fix --cache -f stylish "src/**/*.js" test')).toEqual({
      tool: 'eslint',
      env: {},
      options: ['--ext', '.js,.ts', '-c', 'x.js'],
      paths: ['src/**/*.js', 'test'],
    });
    expect(lintCommand('NODE_ENV=test biome ci --config-path=x .')).toMatchObject({
      tool: 'biome',
      env: { NODE_ENV: 'test' },
      options: ['check', '--config-path=x'],
    });
    expect(lintCommand('prettier --check --config x.json .')).toMatchObject({
      tool: 'prettier',
      options: ['--config', 'x.json'],
      paths: ['.'],
    });
    expect(lintCommand('ruff check src')).toMatchObject({ tool: 'ruff', options: ['check'], paths: ['src'] });
    for (const other of ['prettier --write .', 'eslint $FILES', 'tsc', 'eslint . | tee x', 'ruff rule x', ''])
      expect(lintCommand(other)).toBe(null);
  });
});
