/** `skein drill`: a rehearsed halt of programs of its own, each step with its time. Exit 1 when one was late or wrong. */
import type { Parsed } from '../flags.ts';
import { emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { type Cell, table } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const drilled = await here.value.fleet.drill();
  if (!drilled.ok) return fail(surface, json, drilled.problem);
  const { sound, steps, evidence } = drilled.value;
  emit(surface, json, { schema: 'skein.drill.v1', ...drilled.value }, (style) => [
    ...table(
      style,
      steps.map(({ step, ms, msMax, ok }): Cell[] => [
        { text: ok ? 'ok' : 'NOT', tone: ok ? 'dim' : 'alarm' },
        { text: step },
        { text: `${ms} ms${msMax === null ? '' : ` of ${msMax}`}`, tone: 'dim' },
      ]),
      [1],
    ),
    sound ? 'a halt halts' : 'a halt does not do here what it should',
    `evidence: ${evidence}`,
  ]);
  return sound ? 0 : 1;
}
