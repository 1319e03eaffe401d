/** `skein explain`: every step on the way from what was observed to what came of it, for a task or a message. */
import { type Parsed, usage } from '../flags.ts';
import { iso } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { clean, clock } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const subject = flags.words[0];
  if (subject === undefined)
    return fail(surface, json, usage('skein explain needs a task or the id of a message', 'skein explain 3').problem);
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.text('run') ?? undefined);
  if (!run.ok) return fail(surface, json, run.problem);
  const explained = await here.value.fleet.explain(run.value, subject);
  if (!explained.ok) return fail(surface, json, explained.problem);
  const { lines, left } = explained.value;
  const start = lines[0]!.at;
  const steps = lines.map((line) => ({ ...line, at: iso(line.at) }));
  emit(surface, json, { schema: 'skein.explanation.v1', run: run.value, subject, steps, left }, (style) => [
    `${style.paint('strong', clean(subject))}  in run ${run.value}, from ${iso(start)}`,
    ...lines.map((line) => {
      const place = line.entry === null ? 'journal' : `entry ${line.entry}`;
      const lead = `${clock(line.at - start).padStart(8)}  ${place.padEnd(10)}  ${line.kind.padEnd(16)}`;
      return `  ${style.paint('dim', lead)}  ${clean(line.who)}: ${clean(line.what)}`;
    }),
    ...(left > 0 ? [style.paint('dim', `  and ${left} more`)] : []),
  ]);
  return 0;
}
