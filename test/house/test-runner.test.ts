/** What `npm test` prints at its end, on a project of three tests: the closing line, slow tests and skipped ones. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allowedSkips, reasonFor } from '../../tools/allowed-skips.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('npm test', () => {
  let project = '';
  const run = (ci: string): { code: number | null; lines: string[] } => {
    const env = { PATH: process.env.PATH!, NO_COLOR: '1', CI: ci };
    const result = spawnSync(process.execPath, ['tools/test.ts'], { cwd: project, encoding: 'utf8', env });
    return { code: result.status, lines: result.stdout.trimEnd().split('\n') };
  };
  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'skein-tests-'));
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
    for (const file of ['tools/test.ts', 'tools/closing-line.ts', 'tools/allowed-skips.ts', 'vitest.config.ts']) {
      cpSync(join(root, file), join(project, file));
    }
    mkdirSync(join(project, 'src'));
    mkdirSync(join(project, 'test'));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'test/allowed-skips.txt'), 'geese > fly with pnpm # only where pnpm is installed\n');
    writeFileSync(
      join(project, 'src/geese.test.ts'),
      `import { describe, expect, it } from 'vitest';
       describe('geese', () => {
         it('fly in formation', () => expect(1).toBe(1));
         it.skipIf(true)('fly with pnpm at night', () => {});
         it.skipIf(process.env.CI !== 'strict')('fly with bun at night', () => {});
       });`,
    );
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  it('ends with one plain line and names every skipped test before it', () => {
    const { code, lines } = run('');
    expect(lines.at(-1)).toBe('1 passed, 0 failed, 2 skipped');
    expect(lines).toContain('skipped: geese > fly with pnpm at night (only where pnpm is installed)');
    expect(lines.join('\n')).toContain('skipped: geese > fly with bun at night (not in test/allowed-skips.txt');
    expect(code).toBe(0);
  });

  it('fails in CI when a test is skipped that is not on the list, and only then', async ({ annotate }) => {
    await annotate('runs vitest twice in a project of its own');
    expect(run('1').code).toBe(1);
    expect(run('strict').code).toBe(0);
  });
});

describe('the list of allowed skips', () => {
  it('holds the beginning of a name and the reason', () => {
    const allowed = allowedSkips('# a comment\n\nenvironments > with go # where go is installed\n');
    expect(reasonFor('environments > with go: tests are found', allowed)).toBe('where go is installed');
    expect(reasonFor('environments > with cargo', allowed)).toBeNull();
  });

  it('refuses a line without a reason', () => {
    expect(() => allowedSkips('environments > with go')).toThrow('has no reason');
  });
});
