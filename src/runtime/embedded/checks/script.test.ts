import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ending, expand, kindOf, splitChain } from './script.ts';

const commands = (scripts: Record<string, string>, name = 'test'): string[] =>
  expand(name, scripts, '').parts.map((part) => part.command);

describe('splitting a script', () => {
  it.each<[string, string[] | null]>([
    ['a && b && npm run c', ['a', 'b', 'npm run c']],
    ['eslint "src/**/*.js" && echo "a && b"', ['eslint "src/**/*.js"', 'echo "a && b"']],
    ["mocha 'x && y'", ["mocha 'x && y'"]],
    ['mocha x\\&\\&y', ['mocha x\\&\\&y']],
    ['NODE_ENV=test mocha && tsc', ['NODE_ENV=test mocha', 'tsc']],
    ['prettier "{a,b}" && x src/{a,b}.js', ['prettier "{a,b}"', 'x src/{a,b}.js']],
    ['a | b && c', null],
    ['a; b && c', null],
    ['a || b', null],
    ['a & b', null],
    ['(a && b) && c', null],
    ['{ a && b; }', null],
    ['a > out && b', null],
    ['a $(b) && c', null],
    ['a `b` && c', null],
    ['a "$(b)" && c', null],
    ['a "open && b', null],
    ['a && ', null],
    ['a # && b', null],
  ])('%s', (line, parts) => {
    expect(splitChain(line)).toEqual(parts);
  });

  it('never loses or invents a character of a part, and never splits inside quotes', () => {
    const part = fc.stringMatching(/^[a-z][a-z =./-]{0,8}[a-z]$/);
    const quoted = part.map((text) => `run "${text} && ${text}"`);
    fc.assert(
      fc.property(fc.array(fc.oneof(part, quoted), { minLength: 1, maxLength: 6 }), (parts) => {
        expect(splitChain(parts.join(' && '))).toEqual(parts.map((each) => each.trim()));
      }),
    );
  });
});

describe('expanding a script', () => {
  it('replaces nested runs by what they run, once each, with pre and post scripts in npm order', () => {
    const scripts = {
      test: 'npm run lint && npm run unit && npm run lint',
      lint: 'eslint .',
      unit: 'node --test',
      preunit: 'node gen.js',
      posttest: 'c8 report',
    };
    const { parts, notes } = expand('test', scripts, '');
    expect(parts.map((part) => part.command)).toEqual(['eslint .', 'node gen.js', 'node --test', 'c8 report']);
    expect(notes).toEqual(['preunit runs with unit', 'posttest runs with test']);
  });

  it('follows cd into the repository and stays whole where it leaves it', () => {
    expect(expand('test', { test: 'cd packages/a && mocha && cd .. && tsc' }, '').parts).toEqual([
      { command: 'mocha', directory: 'packages/a', script: 'test' },
      { command: 'tsc', directory: 'packages', script: 'test' },
    ]);
    expect(commands({ test: 'cd ../x && mocha' })).toEqual(['cd ../x && mocha']);
  });

  it.each([
    ['an exported variable', 'export A=1 && mocha'],
    ['a sourced file', '. ./env && mocha'],
    ['a variable of npm', 'mocha $npm_package_name && tsc'],
  ])('stays whole with %s', (_why, line) => {
    expect(commands({ test: line })).toEqual([line]);
  });

  it('leaves out what writes or never ends', () => {
    const scripts = {
      test: 'npm run lint:fix && eslint --fix . && npm run publish && mocha',
      'lint:fix': 'eslint --fix .',
      publish: 'x',
    };
    expect(commands(scripts)).toEqual(['mocha']);
    expect(expand('test', scripts, '').notes).toHaveLength(3);
  });

  it('keeps arguments with the command they belong to and ends on a cycle', () => {
    expect(commands({ test: 'npm run a -- --x && npm run b', a: 'y', b: 'npm run test' })).toEqual([
      'npm run a -- --x',
      'npm run test',
    ]);
  });

  it('expands yarn and pnpm short forms only when such a script exists', () => {
    expect(commands({ test: 'yarn lint && pnpm unit && yarn tsc', lint: 'eslint .', unit: 'mocha' })).toEqual([
      'eslint .',
      'mocha',
      'yarn tsc',
    ]);
  });
});

describe('a command that ends', () => {
  it.each([
    ['vitest', 'vitest run --reporter=verbose'],
    ['vitest --watch --coverage', 'vitest run --coverage --reporter=verbose'],
    ['vitest watch', 'vitest run --reporter=verbose'],
    ['vitest run --reporter=dot', 'vitest run --reporter=dot'],
    ['cross-env A=1 vitest', 'cross-env A=1 vitest run --reporter=verbose'],
    ['jest --watchAll', 'jest --verbose'],
    ['tsc -w --noEmit', 'tsc --noEmit'],
    ['ava --watch', 'ava'],
    ['node --watch --test', 'node --test'],
    ['karma start', 'karma start --single-run'],
    ['ng test', 'ng test --watch=false'],
    ['vite build', 'vite build'],
    ['mocha | tap-spec', 'mocha | tap-spec'],
  ])('%s is run as %s', (command, expected) => {
    expect(ending(command, true)?.command).toBe(expected);
  });

  it.each(['webpack serve', 'vite', 'vite dev', 'nodemon x.js', 'next dev', 'ng serve'])(
    '%s has no form that ends',
    (command) => {
      expect(ending(command, true)).toBeNull();
    },
  );
});

describe('the kind of a command', () => {
  it.each([
    ['vitest run', 'x', 'tests'],
    ['c8 --100 node --test', 'x', 'tests'],
    ['cross-env CI=1 npx jest', 'x', 'tests'],
    ['node test/all.js', 'test', 'tests'],
    ['tsc --noEmit', 'test', 'findings'],
    ['./node_modules/.bin/eslint .', 'test', 'findings'],
    ['rollup -c', 'test', 'build'],
    ['node make.js', 'build', 'build'],
  ])('%s in %s: %s', (command, script, kind) => {
    expect(kindOf(command, script)).toBe(kind);
  });
});
