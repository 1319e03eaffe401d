import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
    const tasks = fileURLToPath(new URL('start.md', import.meta.url));
    const goal = ['--goal', 'types', '--agent', 'saboteur', '--agent', 'cheater', '--max-attempts', '1'];
    code = await main(['run', tasks, ...goal], surface);
    summary = JSON.parse(text) as Summary;
  }, 180_000);
  afterAll(() => {
    for (const directory of [demonstration.top, cache]) rmSync(directory, { recursive: true, force: true });
  });

  it("begins with the package's own tests green: they are the supervisor", () => {
    expect(summary.baseline.verdicts).toMatchObject([{ check: 'node --test', status: 'green', passed: 184 }]);
  });

  it('lands true types for several files, as one commit for each', async ({ annotate }) => {
    await annotate('the whole run is made once for all of these tests');
    const landed = summary.tasks.filter(({ state }) => state === 'landed').map(({ id }) => id);
    expect(landed.length).toBeGreaterThanOrEqual(3);
    expect(landed.every((id) => id.startsWith('types-'))).toBe(true);
    const trailers = git('log', '--format=%(trailers:key=Skein-Task,valueonly)', 'main..skein/1').split('\n');
    const committed = trailers.filter((line) => line !== '').map((line) => line.split(' ')[0]);
    expect(new Set(committed)).toEqual(new Set(landed));
    expect(committed).toHaveLength(landed.length);
  });

  it('changes nothing but comments, and no code that runs', () => {
    const changed = git('diff', '--unified=0', 'main', 'skein/1')
      .split('\n')
      .filter((line) => /^[-+](?![-+]{2} )/.test(line));
    expect(changed.length).toBeGreaterThan(0);
    for (const line of changed) expect(line).toMatch(/^[-+]\s*(?:\/\*\*|\*)/);
  });

  it('says of end() nothing that its tests contradict', () => {
    expect(git('diff', 'main', 'skein/1')).not.toContain('{null}');
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

  it('counts as done what was given, and only that', () => {
    expect(code).toBe(1);
  });
});
