import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSkeinFile, requestOf, type Settings, settingsOf, type SkeinFile } from './config.ts';
import { type Parsed, parseFlags, RUN } from './flags.ts';

function refused(text: string): readonly string[] {
  const parsed = parseSkeinFile(text);
  if (parsed.ok) throw new Error(`accepted: ${text}`);
  expect(parsed.problem.kind).toBe('missing');
  return parsed.problem.details;
}

function flagsOf(...args: string[]): Parsed {
  const parsed = parseFlags('run', args, RUN, 1);
  if (!parsed.ok) throw new Error(parsed.problem.what);
  return parsed.value;
}

function settings(args: string[], env: Record<string, string>, file: SkeinFile): Settings {
  const result = settingsOf(flagsOf(...args), env, file);
  if (!result.ok) throw new Error(result.problem.what);
  return result.value;
}

describe('skein.yaml', () => {
  test('checks, setup, agents and limits are read; an empty file is fine', () => {
    const text = `
checks:
  - npm test
  - { name: lint, command: npm run lint, kind: findings, minutes: 2 }
setup: npm ci
agents:
  fast: { preset: claude, args: [--model, haiku], price: 0.25 }
limits: { minutes: 20, cost: 5 }
`;
    expect(parseSkeinFile(text)).toMatchObject({ ok: true, value: { setup: 'npm ci', limits: { minutes: 20, cost: 5 } } });
    expect(parseSkeinFile('# nothing yet\n')).toEqual({ ok: true, value: {} });
  });

  test('an unknown key is refused with its line and the nearest known one', () => {
    expect(refused('checks: [npm test]\nlimit: { minutes: 3 }\n')).toEqual([
      'skein.yaml:2: unknown key "limit"; did you mean limits? (known: checks, setup, agents, limits, policies)',
    ]);
    expect(refused('limits:\n  minuets: 3\n')[0]).toMatch(/^skein\.yaml:2: unknown key "minuets"; did you mean minutes\?/);
    expect(refused('agents:\n  a: { preset: claude, arg: [x] }\n')[0]).toContain('did you mean args?');
  });

  test('bounds hold and the line is named', () => {
    expect(refused('limits:\n  agents: 0\n')[0]).toMatch(/^skein\.yaml:2: limits\.agents /);
    expect(refused('limits:\n  minutes: soon\n')[0]).toMatch(/^skein\.yaml:2: limits\.minutes /);
    expect(refused('agents:\n  1st: { preset: claude }\n')[0]).toMatch(/^skein\.yaml:2: "1st" is no name for an agent/);
    expect(refused('agents:\n  x: {}\n')[0]).toBe('skein.yaml:2: agent x needs exactly one of preset:, command: and model:');
  });

  test('broken YAML, a list and a billion laughs are refused with words', () => {
    expect(refused('checks: [npm test')[0]).toMatch(/^skein\.yaml:\d+: /);
    expect(refused('- npm test\n')[0]).toContain('a map of checks, setup, agents, limits and policies');
    const laughs = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
      .split('')
      .map((name, i) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[i]}`).join(',')}]`)
      .join('\n')}`;
    expect(refused(laughs).length).toBeGreaterThan(0);
  });

  test('no text makes it throw', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseSkeinFile(text)));
  });
});

describe('what is in force', () => {
  const file: SkeinFile = { limits: { minutes: 20, agents: 3, cost: 5 } };

  test('a flag beats the environment, which beats the file, which beats the default', () => {
    const env = { SKEIN_MAX_MINUTES: '15', SKEIN_MAX_AGENTS: '7' };
    const got = settings(['--max-minutes', '1.5'], env, file);
    expect(got.wallTimeMs).toEqual({ value: 90_000, from: 'flag' });
    expect(got.agentsMax).toEqual({ value: 7, from: 'environment' });
    expect(got.costMax).toEqual({ value: 5_000_000, from: 'skein.yaml' });
    expect(got.attemptsMax).toEqual({ value: null, from: 'default' });
  });

  test('a value out of bounds is a usage error that says what is meant', () => {
    for (const [flag, text] of [
      ['--max-agents', '0'],
      ['--max-agents', '2.5'],
      ['--max-minutes', 'ten'],
      ['--max-cost', '1e9'],
    ]) {
      const result = settingsOf(flagsOf(flag!, text!), {}, {});
      expect(result).toMatchObject({
        ok: false,
        problem: { kind: 'usage', what: expect.stringContaining(`${flag} is "${text}"`) },
      });
    }
    expect(settingsOf(flagsOf(), { SKEIN_MAX_COST: 'much' }, {})).toMatchObject({
      ok: false,
      problem: { what: expect.stringContaining('SKEIN_MAX_COST') },
    });
  });

  test('the file defines agents, but only the command line starts one', () => {
    const agents: SkeinFile = {
      agents: { fast: { preset: 'claude', args: ['--model', 'haiku'], price: 0.25 }, mine: { command: './fix.sh {task}' } },
    };
    const ask = (...args: string[]): unknown => {
      const flags = flagsOf(...args);
      return requestOf('/r', flags, {}, agents, settings(args, {}, agents));
    };
    expect(ask()).toMatchObject({ value: { agents: [], agentsDefined: ['fast', 'mine'] } });
    expect(ask('-a', 'fast', '-a', 'mine')).toMatchObject({
      value: {
        agents: [
          { name: 'fast', spec: 'claude', args: ['--model', 'haiku'], attemptPrice: 250_000 },
          { name: 'mine', spec: 'sh:./fix.sh {task}', attemptPrice: null },
        ],
      },
    });
  });

  test('agents get names that differ, also when one program is asked for twice', () => {
    const flags = flagsOf('-a', 'claude', '-a', 'claude', '-a', './bin/fix.sh {task}', '-a', 'recorded:tapes');
    const request = requestOf('/r', flags, {}, {}, settings([], {}, {}));
    expect(request.ok && request.value.agents.map((agent) => agent.name)).toEqual(['claude', 'claude-2', 'fix.sh', 'recorded']);
  });

  test('--check replaces the checks of the file; --pass-env takes names only', () => {
    const flags = flagsOf('--check', 'make test', '--pass-env', 'TOKEN');
    const request = requestOf('/r', flags, { SKEIN_PASS_ENV: 'TOKEN,OTHER' }, { checks: ['npm test'] }, settings([], {}, {}));
    expect(request).toMatchObject({
      value: { checks: [{ command: 'make test', source: '--check' }], passEnv: ['TOKEN', 'OTHER'] },
    });
    expect(requestOf('/r', flagsOf('--pass-env', 'A=b'), {}, {}, settings([], {}, {}))).toMatchObject({
      ok: false,
      problem: { kind: 'usage' },
    });
  });
});
