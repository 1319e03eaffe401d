import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main, processSurface, type Terminal } from 'skein/cli';
import { type Demonstration, makeDemonstration } from './repository.ts';

interface Summary {
  readonly landed: number;
  readonly baseline: {
    readonly verdicts: readonly { readonly check: string; readonly status: string; readonly passed: number }[];
  };
  readonly tasks: readonly {
    readonly id: string;
    readonly state: string;
    readonly attempts: readonly {
      readonly outcome: string;
      readonly violations: readonly { readonly rule: string; readonly detail: string }[];
    }[];
  }[];
}

describe('the demonstration on the source of light-my-request', () => {
  let demonstration: Demonstration;
  let code: number;
  let summary: Summary;
  const cache = mkdtempSync(join(tmpdir(), 'skein-demonstration-cache-'));
  const task = (id: string): Summary['tasks'][number] => summary.tasks.find((each) => each.id === id)!;
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: demonstration.top, encoding: 'utf8' }).trim();

  beforeAll(async () => {
    process.env.SKEIN_CACHE = cache;
    demonstration = makeDemonstration();
    let text = '';
    const stdout: Terminal = { write: (chunk) => void (text += chunk), isTTY: false, columns: 80, rows: 24, colors: 1 };
    const surface = { ...processSurface(), cwd: demonstration.top, stdout, stderr: { ...stdout, write: () => {} } };
    code = await main(['run', demonstration.tasks, ...demonstration.agents, '--max-attempts', '2'], surface);
    summary = JSON.parse(text) as Summary;
  }, 120_000);
  afterAll(() => {
    for (const directory of [demonstration.top, cache]) rmSync(directory, { recursive: true, force: true });
  });

  it("begins with the package's own tests green: they are the supervisor", () => {
    expect(summary.baseline.verdicts).toMatchObject([{ check: 'node --test', status: 'green', passed: 184 }]);
  });

  it('lands what the honest agent did, as one commit for each task', async ({ annotate }) => {
    await annotate('the whole run is made once for all of these tests');
    expect(summary.landed).toBe(4);
    const subjects = git('log', '--format=%(trailers:key=Skein-Task,valueonly)', 'main..skein/1')
      .split('\n')
      .filter((line) => line !== '');
    expect(new Set(subjects.map((trailer) => trailer.split(' ')[0]))).toEqual(new Set(['directive', 'escape', 'spread', 'typo']));
    expect(subjects).toHaveLength(4);
  });

  it('lands nothing of a saboteur, whatever it says: the tests noticed', () => {
    expect(task('headers').state).toBe('open');
    const rules = task('headers').attempts.flatMap((attempt) => attempt.violations.map(({ rule }) => rule));
    expect(rules).toContain('test-failed');
  });

  it('lands nothing of a cheater: the skipped test is named with its line', () => {
    expect(task('streams').state).toBe('open');
    expect(task('streams').attempts[0]!.violations[0]).toMatchObject({
      rule: 'skip-added',
      detail: expect.stringContaining('test/stream.test.js:'),
    });
  });

  it('lets an agent correct itself with the exact error', () => {
    expect(
      task('escape')
        .attempts.map((attempt) => attempt.outcome)
        .filter((outcome) => outcome !== 'conflict'),
    ).toEqual(['refused', 'landed']);
  });

  it('changes in the result only the lines that were asked for', () => {
    expect(git('diff', '--numstat', 'main', 'skein/1').split('\n')).toEqual([
      '1\t1\tlib/form-data.js',
      '1\t1\tlib/parse-url.js',
      '1\t3\tlib/request.js',
    ]);
    expect(code).toBe(1);
  });
});
