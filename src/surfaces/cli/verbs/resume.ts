/** `skein resume`: ends a halt by its id; or a new sitting of a run that stopped or whose process died; limits that are not given stay as they were. */
import type { Fleet } from '../../../assembly/index.ts';
import { settingsOf } from '../config.ts';
import { type Parsed, usage } from '../flags.ts';
import { rowText } from '../halting.ts';
import { superviseRun, watchOn } from '../supervise.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  const word = flags.words[0];
  if (word?.startsWith('halt/') === true) return resumeHalt(fleet, word, flags.text('reason') ?? '', json, surface);
  if (flags.text('reason') !== null) {
    const wrong = usage('a reason is kept with the end of a halt, not with a run', 'skein resume halt/N --reason TEXT');
    return fail(surface, json, wrong.problem);
  }
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

async function resumeHalt(fleet: Fleet, id: string, reason: string, json: boolean, surface: Surface): Promise<ExitCode> {
  const resumed = await fleet.resumeHalt(id, reason);
  if (!resumed.ok) return fail(surface, json, resumed.problem);
  const { scope, share, still } = resumed.value;
  emit(surface, json, { schema: 'skein.resume-halt.v1', ...resumed.value }, (style) => [
    `${id} is over: ${share} % of ${scope === 'global' ? 'every run' : scope} may go first${share < 100 ? ', then 50 %, then all' : ''}`,
    ...(still.length === 0 ? [] : ['still in force:', ...still.map((row) => `  ${rowText(row, style)}`)]),
    `${style.paint('dim', 'next:')}  skein resume ${scope === 'global' ? '' : scope.slice('run/'.length)}`.trimEnd(),
  ]);
  return 0;
}
