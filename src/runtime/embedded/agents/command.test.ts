import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { work } from '../../../contracts/index.ts';
import { commandOf, failureText, fill, promptText, shellLine, variables, type CommandValues } from './command.ts';

const values = (over: Partial<CommandValues>): CommandValues => ({
  task: '',
  files: '',
  failure: '',
  workspace: '/w',
  session: '',
  prompt: '',
  scratch: '/s',
  usd: '',
  ...over,
});
const task = {
  id: 'T1',
  title: 'fix',
  text: '',
  needs: [],
  claims: [],
  checks: [],
  agent: null,
  estimate: 0,
  given: true,
  ...work.WITHOUT_GOAL,
};

describe('a value never becomes shell text', () => {
  test('a placeholder is an expansion that is quoted in every quoting context', () => {
    expect(shellLine('./fix.sh {task}')).toBe('./fix.sh "${SKEIN_TASK}"');
    expect(shellLine(`./fix.sh '{task}'`)).toBe(`./fix.sh ''"\${SKEIN_TASK}"''`);
    expect(shellLine('./fix.sh "fix: {task}"')).toBe('./fix.sh "fix: ${SKEIN_TASK}"');
    expect(shellLine(`echo it\\'s {files} $HOME {other}`)).toBe(`echo it\\'s "\${SKEIN_FILES}" $HOME {other}`);
  });

  test('whatever a task says arrives as one argument, byte for byte, and nothing of it runs', () => {
    const spice = fc.constantFrom(
      '$(touch /tmp/pwned)',
      '`id`',
      "'",
      '"',
      '\\',
      '; exit 7',
      '\n',
      '*',
      '{failure}',
      '$HOME',
      '\0',
      '-rf',
      '${SKEIN_TASK}',
      '😈',
    );
    const hostile = fc
      .array(fc.oneof(spice, fc.string({ maxLength: 12 })), { minLength: 1, maxLength: 6 })
      .map((parts) => parts.join(''));
    const lines = ['printf %s {task}', `printf %s '{task}'`, 'printf %s "{task}"'];
    // Many texts are tried in each shell process: starting one costs milliseconds.
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 20, maxLength: 20 }), (texts) => {
        for (const line of lines) {
          const script = texts.map((_, i) => `SKEIN_TASK=$T${i}; ${shellLine(line)}; printf '\\036'`).join('\n');
          const env = Object.fromEntries(texts.map((text, i) => [`T${i}`, variables(values({ task: text })).SKEIN_TASK!]));
          const seen = execFileSync('sh', ['-c', script], { env, encoding: 'utf8' });
          expect(seen).toBe(texts.map((text) => `${Buffer.from(text.replaceAll('\0', '')).toString('utf8')}\x1e`).join(''));
        }
      }),
      { numRuns: 15 },
    );
  });

  test('a value that looks like a placeholder is not filled again', () => {
    expect(fill('--message={task}', values({ task: '{failure}', failure: 'secret' }))).toBe('--message={failure}');
  });

  test('only the line after sh -c is shell text; its further arguments are values', () => {
    expect(commandOf(['sh', '-c', 'run "$1"', 'sh', '{task}'], values({ task: 'a b' }))).toEqual([
      'sh',
      '-c',
      'run "$1"',
      'sh',
      'a b',
    ]);
  });
});

describe('the message for a model', () => {
  test('holds the task, its claims, its own failures and the rule, and starts with a word', () => {
    const prompt = promptText({ ...task, title: '--help me', claims: ['src/**'] }, failureText(['test parse: expected 1']));
    expect(prompt).toMatch(/^Task T1: --help me/);
    expect(prompt).toContain('Change only files that match one of these:\nsrc/**');
    expect(prompt).toContain('Attempt 1:\ntest parse: expected 1');
    expect(prompt).toContain('Do not commit');
  });

  test('fits into one argument, however much a task and its failures say', () => {
    const wide = {
      ...task,
      text: '漢'.repeat(32_768),
      claims: Array(256).fill('x'.repeat(1024)),
      checks: Array(32).fill('y'.repeat(4096)),
    };
    expect(Buffer.byteLength(promptText(wide, failureText(['f'.repeat(100_000)])))).toBeLessThan(128 * 1024);
  });

  test('keeps the newest failure when they do not fit into one argument', () => {
    const text = failureText(['old'.repeat(20_000), 'new'.repeat(12_000)]);
    expect(Buffer.byteLength(text)).toBeLessThan(64 * 1024);
    expect(text).toContain(`Attempt 2:\n${'new'.repeat(12_000)}`);
  });
});
