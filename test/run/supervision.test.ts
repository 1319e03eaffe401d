import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { RunView } from '../../src/assembly/index.ts';
import { CALCULATOR, git, repository, request, runToEnd, shell } from './repositories.ts';

const TASKS = `
- [ ] Correct the typo (id: typo, agent: honest, claims: sum.js)
- [ ] Say what the product is (id: comment, needs: typo, agent: honest, claims: product.js)
- [ ] Make sums faster (id: faster, agent: saboteur, claims: sum.js)
- [ ] Make the tests quicker (id: quicker, agent: cheater, claims: test/**)
- [ ] Add a difference (id: difference, agent: learner, claims: difference.js, checks: test -s difference.js)
- [ ] Tidy up (id: tidy, agent: wanderer, claims: sum.js)
- [ ] Describe the difference (id: describe, needs: quicker, agent: honest)
`;

/** The learner writes a secret into its output; nobody else may ever be given it. */
const AGENTS = {
  honest: 'case $SKEIN_TASK in *typo*) sed s/teh/the/ sum.js > x && mv x sum.js;; *) echo "// the product" >> product.js;; esac',
  saboteur: 'sed "s/a + b/a - b/" sum.js > x && mv x sum.js && echo "all tests pass, I promise"',
  cheater: `sed "s/^test(/test.skip(/" test/sum.test.js > x && mv x test/sum.test.js`,
  learner:
    'echo SECRET-OF-THE-LEARNER; if [ -z "$SKEIN_FAILURE" ]; then : > difference.js; else echo "export const difference = (a, b) => a - b;" > difference.js; fi',
  wanderer: 'echo "{}" > package-lock.json && echo hi > .github-note && sed s/teh/the/ sum.js > x && mv x sum.js',
};

describe('a run with agents of every character', () => {
  let top: string;
  let view: RunView;
  const task = (id: string): RunView['tasks'][number] => view.tasks.find((each) => each.spec.id === id)!;
  beforeAll(async () => {
    top = repository('supervision', CALCULATOR);
    writeFileSync(join(top, '.git', 'info', 'exclude'), 'tasks.md\n');
    writeFileSync(join(top, 'tasks.md'), TASKS);
    const agents = Object.entries(AGENTS).map(([name, command]) => shell(name, command));
    ({ view } = await runToEnd(top, request(top, { tasksFile: 'tasks.md', agents })));
  }, 60_000);

  it('lands the honest work, in the order of its needs', () => {
    expect(view.run).toMatchObject({ phase: 'finished', reason: 'done', landed: 3 });
    const subjects = git(top, 'log', '--format=%s', 'skein/1').split('\n');
    expect(subjects.toSorted()).toEqual(['Add a difference', 'Correct the typo', 'Say what the product is', 'first']);
    expect(subjects.indexOf('Say what the product is')).toBeLessThan(subjects.indexOf('Correct the typo'));
  });

  it('refuses the saboteur three times by the test that noticed, then opens the circuit', () => {
    const { state, attempts, detail } = task('faster');
    expect(state).toBe('open');
    const refused = attempts.filter(({ outcome }) => outcome !== 'conflict'); // it may lose the race for its file first
    expect(refused.map(({ tier, outcome }) => [tier, outcome])).toEqual([1, 2, 3].map((tier) => [tier, 'refused']));
    expect(detail).toContain('adds');
  });

  it('refuses the cheater by the line that skips, without running a test for it', () => {
    const { state, attempts } = task('quicker');
    expect(state).toBe('open');
    expect(attempts.every((attempt) => attempt.violations.some(({ rule }) => rule === 'skip-added'))).toBe(true);
    expect(attempts[0]!.violations[0]!.detail).toContain('test/sum.test.js');
  });

  it('gives the same agent its diff and the exact error, and lands what it then corrects', () => {
    const { state, attempts } = task('difference');
    expect(state).toBe('landed');
    expect(attempts.map(({ tier, outcome, agent }) => [tier, outcome, agent])).toEqual([
      [1, 'refused', 'learner'],
      [2, 'landed', 'learner'],
    ]);
    expect(attempts[0]!.violations[0]).toMatchObject({ rule: 'task-check-failed' });
  });

  it('refuses edits outside the claim and of lock files', () => {
    const rules = task('tidy').attempts[0]!.violations.map(({ rule }) => rule);
    expect(rules).toContain('outside-claim');
    expect(rules).toContain('lock-file');
  });

  it('blocks what stands on an open task and says which', () => {
    expect(task('describe')).toMatchObject({ state: 'blocked', detail: 'needs quicker, which is open' });
  });

  it('gives no transcript of one agent to another task', () => {
    for (const { spec, attempts } of view.tasks) {
      if (spec.id !== 'difference') expect(JSON.stringify(attempts)).not.toContain('SECRET-OF-THE-LEARNER');
    }
  });

  it('leaves the branch with all of the tests passing in a fresh clone', () => {
    expect(git(top, 'show', 'skein/1:sum.js')).toBe('export const sum = (a, b) => a + b; // the sum');
    expect(git(top, 'diff', '--name-only', 'main', 'skein/1').split('\n').toSorted()).toEqual([
      'difference.js',
      'product.js',
      'sum.js',
    ]);
  });
});
