/** `skein resume`: a new sitting of a run that stopped or whose process died; limits that are not given stay as they were. */
import { settingsOf } from '../config.ts';
import type { Parsed } from '../flags.ts';
import { superviseRun, watchOn } from '../supervise.ts';
import { chosenRun, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  // The file's limits were the first sitting's: only what is said now changes them.
  const settings = settingsOf(flags, surface.env, {});
  if (!settings.ok) return fail(surface, json, settings.problem);
  const run = await chosenRun(fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const { agentsMax, attemptsMax, wallTimeMs, costMax, failOnOpen } = settings.value;
  const live = await fleet.resume(run.value, {
    agentsMax: agentsMax.value,
    attemptsMax: attemptsMax.value,
    wallTimeMs: wallTimeMs.value,
    costMax: costMax.value,
  });
  if (!live.ok) return fail(surface, json, live.problem);
  return superviseRun(live.value, watchOn(surface), surface, { fleet, json, failOnOpen, agentsFound: [], notes: [] });
}
