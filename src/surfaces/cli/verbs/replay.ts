/** `skein replay`: a run's inputs again, through the rooms of this build. Starts nothing and changes nothing. */
import type { Parsed } from '../flags.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { clean, plural } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const replayed = await here.value.fleet.replay(run.value);
  if (!replayed.ok) return fail(surface, json, replayed.problem);
  const { same, lives, commits, inputs, entries, divergence } = replayed.value;
  const document = { schema: 'skein.replay.v1', run: run.value, same, sittings: lives, commits, inputs, entries, divergence };
  emit(surface, json, document, (style) =>
    divergence === null
      ? [
          `${style.paint('strong', `run ${run.value}`)}  same: ${plural(inputs, 'input')} in ${plural(lives, 'sitting')} led to the same records, activities and ${plural(entries, 'ledger entry', 'ledger entries')}`,
        ]
      : [
          `${style.paint('alarm', `run ${run.value}`)}  first divergence at entry ${divergence.entry}, commit ${divergence.commit}: ${clean(divergence.what)}`,
          `  expected  ${clean(divergence.expected)}`,
          `  actual    ${clean(divergence.actual)}`,
        ],
  );
  return same ? 0 : 1;
}
