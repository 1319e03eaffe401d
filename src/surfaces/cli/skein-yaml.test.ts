import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { type TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { Prepared } from '../../assembly/index.ts';
import type { work } from '../../contracts/index.ts';
import { parseSkeinFile, requestOf, settingsOf } from './config.ts';
import { parseFlags, RUN } from './flags.ts';
import { changedLines, SCHEMA_PATH, skeinYaml } from './skein-yaml.ts';

const published = JSON.parse(readFileSync(new URL('../../../schema/skein-yaml.v1.json', import.meta.url), 'utf8')) as TSchema;

describe('the published schema and the parser', () => {
  // Near the real thing: right keys with right and wrong values, now and then a key that nobody knows.
  const number = fc.constantFrom<unknown>(0, 1, 2.5, -1, 1000, 1e9, '3', null);
  const text = fc.constantFrom<unknown>(
    '',
    'npm test',
    'a b',
    'openai-compatible/qwen3',
    'https://host/v1',
    'host/v1',
    'KEY',
    '1KEY',
    'open',
    'full',
    'tests',
    7,
    null,
    true,
  );
  const some = (keys: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> =>
    fc.oneof(
      {
        arbitrary: fc.record(keys, { requiredKeys: [] }),
        weight: 9,
      },
      { arbitrary: fc.constantFrom({ nobody: 1 }, [], 'x', null), weight: 1 },
    );
  const price = fc.oneof(number, some({ input: number, output: number }));
  const args = fc.oneof(fc.array(text, { maxLength: 2 }), text);
  const check = fc.oneof(text, some({ name: text, command: text, directory: text, kind: text, minutes: number }));
  const agent = some({
    preset: text,
    command: text,
    model: text,
    baseUrl: text,
    apiKeyEnv: text,
    args,
    'pass-env': args,
    minutes: number,
    price,
    steps: number,
    tokens: number,
  });
  const file = some({
    checks: fc.oneof(fc.array(check, { maxLength: 2 }), text),
    setup: text,
    agents: fc.oneof(fc.dictionary(fc.constantFrom('fast', 'a-b', '1st', 'x y'), agent, { maxKeys: 2 }), text),
    limits: some({ minutes: number, agents: number, checks: number, attempts: number, cost: number }),
    policies: some({ 'fail-on': text, sandbox: text }),
  });

  test('accept and refuse the same files', () => {
    let accepted = 0;
    const agree = (value: unknown): void => {
      const { ok } = parseSkeinFile(stringify(value));
      accepted += ok ? 1 : 0;
      // An empty file is an empty map to the parser.
      expect(ok).toBe(value === null || Check(published, value));
    };
    fc.assert(fc.property(file, agree), { numRuns: 1000 });
    // About one in thirty is accepted by both; so few as this means that the generator no longer makes valid files.
    expect(accepted).toBeGreaterThan(5);
  });

  test('agree about each kind of agent', () => {
    const agents = {
      p: { preset: 'claude', price: 1 },
      c: { command: './x {task}' },
      m: { model: 'mistral/small', price: { input: 0.1, output: 0.3 } },
    };
    expect(parseSkeinFile(stringify({ agents })).ok && Check(published, { agents })).toBe(true);
    for (const wrong of [
      { preset: 'claude', command: 'x' },
      { command: 'x', baseUrl: 'https://h' },
      { preset: 'claude', price: { input: 1, output: 1 } },
    ]) {
      expect(parseSkeinFile(stringify({ agents: { wrong } })).ok || Check(published, { agents: { wrong } })).toBe(false);
    }
  });
});

describe('the file that skein init writes', () => {
  const prepared = (checks: work.CheckSpec[], setup: string | null, minutes: number, attemptsMax: number): Prepared => {
    const limits = { agentsMax: 2, checksMax: 1, attemptsMax, wallTime: minutes * 60_000, costMax: null };
    return { spec: { checks, setup, limits }, agentsFound: [] } as unknown as Prepared;
  };
  const words = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
  const shell = fc.oneof(
    words,
    fc.constantFrom(
      'yes',
      'null',
      '12',
      '- x',
      '# x',
      'a: b',
      "echo 'it''s' # x",
      '{a}',
      'a\nb',
      ' x ',
      '"',
      '&a',
      '*a',
      '!x',
      '%x',
      '@x',
      '`x`',
    ),
  );
  const check = fc.record({
    name: shell,
    command: shell,
    directory: fc.constantFrom('', 'packages/a b', 'x: y'),
    kind: fc.constantFrom('tests' as const, 'findings' as const, 'build' as const),
    timeout: fc.integer({ min: 1000, max: 7 * 86_400_000 }),
    source: fc.oneof(words, fc.constant('a\nchecks: [boo]')),
  });

  test('parses back to exactly what a run without it does, fits the schema, and says where that is', () => {
    const setup = fc.option(shell, { nil: null });
    fc.assert(
      fc.property(
        fc.array(check, { maxLength: 3 }),
        setup,
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 100 }),
        (checks, line, minutes, attempts) => {
          const text = skeinYaml(prepared(checks, line, minutes, attempts));
          const file = parseSkeinFile(text);
          if (!file.ok) throw new Error(`${file.problem.details.join('; ')}\n${text}`);
          expect(Check(published, file.value)).toBe(true);
          const flags = parseFlags('run', [], RUN, 1);
          if (!flags.ok) throw new Error(flags.problem.what);
          const settings = settingsOf(flags.value, {}, file.value);
          if (!settings.ok) throw new Error(settings.problem.what);
          const request = requestOf('/r', flags.value, {}, file.value, settings.value);
          const wanted = checks.map(({ name, command, directory, kind, timeout }) => ({
            name,
            command,
            directory,
            kind,
            timeoutMs: timeout === 600_000 ? null : timeout,
            source: 'skein.yaml checks',
          }));
          expect(request).toMatchObject({
            ok: true,
            value: {
              checks: checks.length === 0 ? null : wanted,
              setup: line,
              wallTimeMs: minutes * 60_000,
              attemptsMax: attempts,
              agents: [],
              agentsDefined: [],
              agentsMax: null,
              checksMax: null,
              costMax: null,
              sandbox: true,
              sandboxRequired: false,
            },
          });
          expect(settings.value.failOnOpen).toBe(false);
        },
      ),
    );
    expect(skeinYaml(prepared([], null, 10, 3)).split('\n')[0]).toBe(`# yaml-language-server: $schema=${SCHEMA_PATH}`);
    expect(SCHEMA_PATH).toMatch(/^\.\/node_modules\/skein\/schema\/skein-yaml\.v1\.json$/);
  });

  test('its examples are right once they are no comments any more', () => {
    const text = skeinYaml(prepared([], null, 10, 3)).replaceAll(/^(\s*)# (?=agents:|policies:|setup:|checks:| )/gm, '$1');
    const file = parseSkeinFile(text);
    if (!file.ok) throw new Error(`${file.problem.details.join('; ')}\n${text}`);
    expect(Object.keys(file.value)).toEqual(['checks', 'setup', 'agents', 'limits', 'policies']);
    expect(file.value).toMatchObject({
      policies: { 'fail-on': 'open', sandbox: 'full' },
      agents: { careful: { preset: 'claude' } },
    });
  });

  test('what would change is told line by line, comments aside', () => {
    expect(changedLines('# mine\nlimits:\n  minutes: 5\n', '# ours\nlimits:\n  minutes: 10\n')).toEqual([
      '+   minutes: 10',
      '-   minutes: 5',
    ]);
  });
});
