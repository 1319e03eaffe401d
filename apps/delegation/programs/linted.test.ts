import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { notIgnored } from './linted.ts';

const FILES = ['src/a.js', 'src/gen/b.js', 'pkg/x.js', 'pkg/gen/y.js'];
const made: string[] = [];

function repository(files: Readonly<Record<string, string>>): string {
  const top = mkdtempSync(join(tmpdir(), 'linted-'));
  made.push(top);
  for (const [path, text] of Object.entries({ ...Object.fromEntries(FILES.map((each) => [each, ''])), ...files })) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
  return top;
}

afterEach(() => {
  for (const top of made.splice(0)) rmSync(top, { recursive: true, force: true });
});

describe('files that a linter ignores are not looked at', () => {
  it.each([
    [
      'oxlint',
      { '.oxlintrc.json': '{ /* ours */ "ignorePatterns": ["**/gen/**", "!pkg/gen/y.js",] }' },
      ['src/a.js', 'pkg/x.js', 'pkg/gen/y.js'],
    ],
    ['Biome 2', { 'biome.json': '{ "files": { "includes": ["**", "!**/gen"] } }' }, ['src/a.js', 'pkg/x.js']],
    ['Biome 1', { 'biome.jsonc': '{ "files": { "ignore": ["src"] } } // all' }, ['pkg/x.js', 'pkg/gen/y.js']],
    ['an .eslintignore', { '.eslintignore': '# ours\n/src/gen\n' }, ['src/a.js', 'pkg/x.js', 'pkg/gen/y.js']],
    ['nobody', {}, FILES],
    ['settings that cannot be read', { '.oxlintrc.json': '{', 'biome.json': '[]' }, FILES],
  ])('%s', async (_, files, left) => {
    expect(await notIgnored(repository(files), '', FILES)).toEqual(left);
  });

  it('by the settings of a package, for that package', async () => {
    const top = repository({ 'pkg/.oxlintrc.json': '{ "ignorePatterns": ["gen"] }' });
    expect(await notIgnored(top, 'pkg', FILES)).toEqual(['src/a.js', 'src/gen/b.js', 'pkg/x.js']);
  });

  it('ESLint is asked itself', async () => {
    const top = repository({ 'eslint.config.mjs': "export default [{ ignores: ['**/gen/'] }];", 'package.json': '{}' });
    symlinkSync(resolve(import.meta.dirname, '../../../node_modules'), join(top, 'node_modules'));
    expect(await notIgnored(top, '', FILES)).toEqual(['src/a.js', 'pkg/x.js']);
  });
});
