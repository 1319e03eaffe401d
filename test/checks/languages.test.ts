import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { baselineActivity, Checks, detectChecks } from '../../src/runtime/embedded/index.ts';
import type { work } from '../../src/contracts/index.ts';
import { judge } from './judge.ts';
import { Repository } from './repository.ts';

const open: Repository[] = [];
afterEach(async () => {
  for (const repository of open.splice(0)) await repository.remove();
});

const has = (tool: string): boolean => spawnSync('sh', ['-c', `command -v ${tool}`]).status === 0;
const ours = join(dirname(fileURLToPath(import.meta.url)), '../../node_modules');

/** Finds the checks of a repository and runs them: what a person gets who names nothing. */
async function found(repository: Repository): Promise<Record<string, work.CheckVerdict>> {
  const tree = repository.tree();
  const files = repository.git(['ls-files', '-z']).split('\0').filter(Boolean);
  const read = async (path: string): Promise<string | null> =>
    files.includes(path) ? repository.git(['cat-file', 'blob', `:${path}`]) : null;
  const detection = await detectChecks(repository.top, { treeFiles: files, readFile: read });
  expect(detection.unavailable).toEqual([]);
  const checks = new Checks({
    places: repository.places,
    checkout: repository.checkout,
    judge,
    failureText: () => '',
    env: process.env,
  });
  const result = await baselineActivity(checks)(repository.baseline(tree, detection.checks), repository.io('b'));
  expect(result.unstable).toEqual([]);
  const verdicts = JSON.parse((await repository.io('').blobs.get(result.blob)).toString('utf8')) as work.CheckVerdict[];
  return Object.fromEntries(verdicts.map((verdict) => [verdict.check, verdict]));
}

async function repositoryOf(files: Record<string, string>): Promise<Repository> {
  const repository = await Repository.make(files);
  open.push(repository);
  return repository;
}

describe('checks that are found and run', () => {
  it('JavaScript: compiler, linter and tests out of one script', async ({ annotate }) => {
    await annotate('a compiler, a linter and two test runners');
    const repository = await repositoryOf({
      '.gitignore': 'node_modules\n',
      'package.json': JSON.stringify({
        type: 'module',
        scripts: { test: 'tsc --noEmit --strict a.ts && oxlint && node --test && vitest' },
      }),
      'a.ts': "export const a: number = 'x';\n",
      'b.js': 'debugger;\n',
      'c.test.mjs': "import test from 'node:test'; test('named by node', () => {});",
      'd.spec.js': "import { it } from 'vitest'; it('named by vitest', () => {});",
      'vitest.config.js': "export default { test: { include: ['*.spec.js'] } };",
    });
    await symlink(ours, join(repository.top, 'node_modules'));
    const verdicts = await found(repository);
    expect(verdicts['test: tsc']).toMatchObject({
      status: 'red',
      findings: ["a.ts: TS2322: Type 'string' is not assignable to type 'number'."],
    });
    expect(verdicts['test: oxlint']!.findings).toEqual(['b.js: eslint(no-debugger): `debugger` statement is not allowed']);
    expect(verdicts['test: node --test']).toMatchObject({ status: 'green', tests: { 'named by node': 'pass' } });
    expect(verdicts['test: vitest']).toMatchObject({ status: 'green', tests: { 'd.spec.js > named by vitest': 'pass' } });
  });

  it.skipIf(!has('pytest'))('Python: pytest names its tests although the project asks for -q', async () => {
    const repository = await repositoryOf({
      'pytest.ini': '[pytest]\naddopts = -q\n',
      'pkg/__init__.py': 'def add(a, b):\n    return a + b\n',
      'conftest.py': '',
      'tests/test_add.py':
        'import pytest\nfrom pkg import add\ndef test_add():\n    assert add(1, 2) == 3\n@pytest.mark.skip(reason="no")\ndef test_later():\n    pass\ndef test_bad():\n    assert add(1, 1) == 3\n',
    });
    expect((await found(repository)).pytest).toMatchObject({
      status: 'red',
      tests: { 'tests/test_add.py::test_add': 'pass', 'tests/test_add.py::test_bad': 'fail' },
      counts: { passed: 1, failed: 1, skipped: 1 },
    });
  });

  it.skipIf(!has('make'))('make: an exit code and no names', async () => {
    const repository = await repositoryOf({ Makefile: 'test:\n\t@echo ok\n\t@test -f there\n', there: '' });
    expect((await found(repository))['make test']).toMatchObject({ status: 'green', tests: null, counts: null });
  });

  it.skipIf(!has('cargo'))('Rust: cargo test builds outside the clone', async () => {
    const repository = await repositoryOf({
      'Cargo.toml': '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[lib]\ndoctest = false\n',
      'src/lib.rs': '#[cfg(test)] mod tests { #[test] fn ok() {} #[test] #[ignore] fn later() {} }\n',
    });
    expect((await found(repository))['cargo test']).toMatchObject({
      status: 'green',
      tests: { 'tests::ok': 'pass', 'tests::later': 'skip' },
    });
    expect(existsSync(join(repository.top, 'target'))).toBe(false);
  });

  it.skipIf(!has('go'))('Go: go test names its tests by package', async () => {
    const repository = await repositoryOf({
      'go.mod': 'module example.com/m\n\ngo 1.20\n',
      'a_test.go': 'package m\n\nimport "testing"\n\nfunc TestA(t *testing.T) {}\n',
    });
    expect((await found(repository))['go test ./...']).toMatchObject({
      status: 'green',
      tests: { 'example.com/m TestA': 'pass' },
    });
  });
});
