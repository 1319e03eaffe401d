/** `skein compare`: two runs of the same tasks, or the agents of one run; changes nothing. */
import { compareAgents, compareRuns, compareText } from '../compare.ts';
import type { Parsed } from '../flags.ts';
import { readRun } from '../reading.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const summaries = [];
  for (const word of flags.words.length === 0 ? [undefined] : flags.words) {
    const run = await chosenRun(here.value.fleet, word);
    if (!run.ok) return fail(surface, json, run.problem);
    const read = await readRun(here.value.fleet, run.value, surface);
    if (!read.ok) return fail(surface, json, read.problem);
    summaries.push(read.value.summary);
  }
  const [a, b] = summaries;
  const comparison = b === undefined ? compareAgents(a!) : compareRuns(a!, b);
  emit(surface, json, comparison, (style) => compareText(comparison, style));
  return 0;
}
