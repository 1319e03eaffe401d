import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CALCULATOR, fleetOf, git, repository, request, runToEnd, shell } from './repositories.ts';

describe('a run on a real repository', () => {
  it('lands what the checks accept as one commit per task and leaves the working tree alone', async ({ annotate }) => {
    await annotate('a whole run with a test runner');
    const top = repository('lands', CALCULATOR);
    writeFileSync(join(top, 'sum.js'), '// somebody is editing this\n');
    const { fleet, view } = await runToEnd(
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

    // Its evidence, and a page about it, read from outside afterwards.
    const commit = view.tasks[0]!.commit!;
    const { diffs, ledger } = await fleet.evidence('1', [commit, 'f'.repeat(40)]);
    expect([...diffs.keys()]).toEqual([commit]);
    expect(diffs.get(commit)).toMatch(/^\n?diff --git a\/sum\.js b\/sum\.js\n[^]*\n\+.*the sum/);
    const verified = await fleet.verify('1');
    expect(ledger).toMatchObject(verified.ok ? verified.value : {});
    expect(ledger!.rows.at(-1)!.index).toBeLessThan(ledger!.entries);
    expect(ledger!.rows.map((row) => row.body)).toContainEqual(expect.objectContaining({ landed: commit }));
    expect(Object.values(ledger!.kinds).reduce((sum, each) => sum + each, 0)).toBe(ledger!.entries);
    expect(await fleet.reportOf('1')).toBeNull();
    const kept = await fleet.keepReport('1', 'a page');
    expect(kept).toEqual({ ok: true, value: join(top, '.skein', 'runs', '1', 'report.html') });
    expect(await fleet.reportOf('1')).toBe(join(top, '.skein', 'runs', '1', 'report.html'));
    expect(readdirSync(join(top, '.skein', 'runs', '1')).filter((name) => name.startsWith('report'))).toEqual(['report.html']);
    expect((await fleet.keepReport('77', 'a page')).ok).toBe(false);
    expect(await fleet.evidence('77', [commit])).toMatchObject({ ledger: null });
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
