/** `skein land`: checks the run's work again on today's HEAD and moves the checked-out branch; the only verb that does. */
import type { Parsed } from '../flags.ts';
import { verdictRow } from '../report.ts';
import { verdictOf } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { plural, table } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  const run = await chosenRun(fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const landed = await fleet.land(run.value, flags.words.slice(1));
  if (!landed.ok) return fail(surface, json, landed.problem);
  const { branch, how, from, to, tasks, verdicts } = landed.value;
  const document = { schema: 'skein.land.v1', run: run.value, branch, how, from, to, tasks, verdicts: verdicts.map(verdictOf) };
  emit(surface, json, document, (style) => {
    const name = branch.replace('refs/heads/', '');
    const move =
      how === 'already there'
        ? `holds this work already, at ${to.slice(0, 9)}`
        : `${from.slice(0, 9)}..${to.slice(0, 9)} (${how})`;
    return [
      `${style.paint('strong', name)}  ${move}  ${style.paint('dim', plural(tasks.length, 'task'))}`,
      ...table(
        style,
        verdicts.map((verdict) => verdictRow(verdictOf(verdict), '', style)),
        [2],
      ),
      ...(how === 'already there' ? [] : ['', `git reset --keep ${from.slice(0, 12)}   undoes this`]),
    ];
  });
  return 0;
}
