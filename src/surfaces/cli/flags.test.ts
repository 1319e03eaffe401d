import { describe, expect, test } from 'vitest';
import { parseFlags, RUN } from './flags.ts';
import { nearest } from './nearest.ts';

const problem = (...args: string[]): string => {
  const parsed = parseFlags('run', args, RUN, 1);
  return parsed.ok ? 'accepted' : `${parsed.problem.kind}: ${parsed.problem.what}`;
};

describe('flags', () => {
  test('are read in every usual form', () => {
    const parsed = parseFlags(
      'run',
      ['tasks.md', '-m', 'a', '--message=b', '-a', 'claude', '--no-sandbox', '--max-cost', '2'],
      RUN,
      1,
    );
    if (!parsed.ok) throw new Error(parsed.problem.what);
    expect(parsed.value.words).toEqual(['tasks.md']);
    expect(parsed.value.all('message')).toEqual(['a', 'b']);
    expect([parsed.value.on('no-sandbox'), parsed.value.on('json'), parsed.value.text('max-cost')]).toEqual([true, false, '2']);
  });

  test.each([
    [['--max-minuets', '3'], 'usage: skein run has no flag --max-minuets; did you mean --max-minutes?'],
    [['--agnet', 'claude'], 'usage: skein run has no flag --agnet; did you mean --agent?'],
    [['--frobnicate'], 'usage: skein run has no flag --frobnicate'],
    [['--__proto__'], 'usage: skein run has no flag --__proto__'],
    [['--agent'], 'usage: --agent needs a value: --agent SPEC'],
    [['--agent', '--json'], 'usage: --agent needs a value before --json'],
    [['--json=yes'], 'usage: --json takes no value, but has "yes"'],
    [['--max-cost', '1', '--max-cost', '2'], 'usage: --max-cost is given twice'],
    [['a.md', 'b.md'], 'usage: skein run does not know what to do with "b.md"'],
  ])('%j is refused: %s', (args, expected) => {
    expect(problem(...args)).toBe(expected);
  });

  test('the nearest word is offered only when it is near', () => {
    expect(nearest('stauts', ['status', 'resume'])).toBe('status');
    expect(nearest('pla', ['plan', 'pr'])).toBe('plan');
    expect(nearest('destroy', ['status', 'resume', 'run'])).toBeNull();
  });
});
