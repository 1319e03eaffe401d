/**
 * A vitest reporter for the end of a run: tests that were slow and why, tests that were skipped and whether that is agreed
 * (test/allowed-skips.txt), areas over their share of time, and as the very last line how many passed, failed and were skipped.
 * With CI set, a skipped test that is not on the list fails the run.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { TestCase, TestModule } from 'vitest/node';
import { allowedSkips, reasonFor } from './allowed-skips.ts';

const SLOW_MS = 2_000;
const BUDGET_MS: Readonly<Record<string, number>> = { src: 60_000, apps: 40_000, 'test/packed': 40_000 };
const AREA_BUDGET_MS = 20_000; // of the whole, which two workers share: together they keep `npm test` within 4 minutes on two cores

export default class ClosingLine {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 };
    for (const test of tests) counts[test.result().state] += 1;
    // A file that does not even load has no test to fail, and an error outside every test belongs to none.
    counts.failed += modules.filter((module) => module.errors().length > 0).length + unhandled.length;

    const lines = [...slow(tests), ...overBudget(modules)];
    const allowed = allowedSkips(readFileSync(new URL('../test/allowed-skips.txt', import.meta.url), 'utf8'));
    for (const test of tests.filter((each) => each.result().state === 'skipped')) {
      const reason = reasonFor(test.fullName, allowed);
      if (reason === null && (process.env.CI ?? '') !== '') process.exitCode = 1;
      lines.push(
        `skipped: ${test.fullName} (${reason ?? 'not in test/allowed-skips.txt: make it run, or add it with a reason'})`,
      );
    }
    process.stdout.write(
      `\n${lines.map((line) => `${line}\n`).join('')}${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`,
    );
  }
}

function slow(tests: readonly TestCase[]): string[] {
  return tests.flatMap((test) => {
    const ms = test.diagnostic()?.duration ?? 0;
    const why = test.annotations().map((annotation) => annotation.message);
    return ms > SLOW_MS
      ? [
          `slow: ${seconds(ms)} ${relative(process.cwd(), test.module.moduleId)} > ${test.fullName} (${why.join('; ') || 'it does not say why: annotate it'})`,
        ]
      : [];
  });
}

function overBudget(modules: readonly TestModule[]): string[] {
  const spent = new Map<string, number>();
  for (const module of modules) {
    const [top, folder] = relative(process.cwd(), module.moduleId).split(/[\\/]/);
    const area = top === 'test' ? `test/${folder}` : (top ?? '');
    spent.set(area, (spent.get(area) ?? 0) + module.diagnostic().duration / module.project.config.maxWorkers);
  }
  return [...spent].flatMap(([area, ms]) => {
    const budget = BUDGET_MS[area] ?? AREA_BUDGET_MS;
    if (ms <= budget || area === 'test/chaos') return [];
    return [`over budget: ${area} took ${seconds(ms)} of ${seconds(budget)}`];
  });
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
