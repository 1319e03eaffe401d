import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CALCULATOR, fleetOf, git, repository, request, runToEnd, shell } from './repositories.ts';

describe('a run on a real repository', () => {
  it('lands what the checks accept as one commit per task and leaves the working tree alone', async ({ annotate }) => {
    await annotate('a whole run with a test runner');
    const top = repository('lands', CALCULATOR);
    writeFileSync(join(top, 'sum.js'), '// somebody is editing this\n');
    const { view } = await runToEnd(
      top,
      request(top, { messages: ['Correct the typo in sum.js'], agents: [shell('fixer', 'sed -i s/teh/the/ sum.js')] }),
    );
    expect(view.run).toMatchObject({ phase: 'finished', reason: 'done', landed: 1 });
    expect(git(top, 'log', '--format=%s', 'skein/1')).toBe('Correct the typo in sum.js\nfirst');
    expect(git(top, 'show', 'skein/1:sum.js')).toContain('the sum');
    expect(git(top, 'log', '-1', '--format=%(trailers:only)', 'skein/1')).toMatch(
      /Skein-Run: 1\nSkein-Task: .* 1\nSkein-Agent: fixer\nSkein-Verdict: green \(npm test/,
    );
    expect(readFileSync(join(top, 'sum.js'), 'utf8')).toBe('// somebody is editing this\n');
    expect(git(top, 'status', '--porcelain')).toBe('M sum.js');
    expect(git(top, 'rev-parse', 'main')).toBe(git(top, 'rev-parse', 'HEAD'));
  });

  it('reports what people did in their own tree meanwhile, and lands all the same', async ({ annotate }) => {
    await annotate('a whole run with a test runner');
    const top = repository('meanwhile', CALCULATOR);
    const fleet = await fleetOf(top);
    const prepared = await fleet.prepare(
      request(top, {
        messages: ['Correct the typo in sum.js'],
        agents: [shell('fixer', 'sed s/teh/the/ sum.js > x && mv x sum.js')],
      }),
    );
    if (!prepared.ok) throw new Error(prepared.problem.what);
    const started = await fleet.start(prepared.value);
    if (!started.ok) throw new Error(started.problem.what);
    git(top, 'commit', '-q', '--allow-empty', '-m', 'their own work');
    const view = await started.value.ended;
    expect(view.run.landed).toBe(1);
    expect((await started.value.meanwhile()).join('\n')).toContain('commits on refs/heads/main');
    expect(git(top, 'log', '-1', '--format=%s', 'main')).toBe('their own work');
  });
});
