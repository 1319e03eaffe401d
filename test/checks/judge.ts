/** A landing rule small enough to read here: a test that passed passes, a green check stays green, what is to be mended becomes green. */
import type { work } from '../../src/contracts/index.ts';

export function judge(
  baseline: readonly work.CheckVerdict[],
  candidate: readonly work.CheckVerdict[],
  _unstable: readonly string[],
  mends: readonly string[],
): work.Violation[] {
  return candidate.flatMap((verdict, index): work.Violation[] => {
    const before = baseline[index]!;
    if (mends.includes(verdict.check) && verdict.status !== 'green') return [{ rule: 'not-mended', detail: verdict.check }];
    const lost = Object.entries(before.tests ?? {}).filter(
      ([name, state]) => state === 'pass' && verdict.tests?.[name] !== 'pass',
    );
    if (lost.length > 0) return lost.map(([name]) => ({ rule: 'test-failed', detail: `${verdict.check}: ${name}` }));
    return before.status === 'green' && verdict.status !== 'green' ? [{ rule: 'green-turned-red', detail: verdict.check }] : [];
  });
}
