/** `skein thaw`: ends the freezes of a run or of this repository. Halts stay. */
import type { Parsed } from '../flags.ts';
import { targetOf } from '../halting.ts';
import { emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const target = targetOf(flags.words[0]);
  if (!target.ok) return fail(surface, json, target.problem);
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const thawed = await here.value.fleet.thaw(target.value);
  if (!thawed.ok) return fail(surface, json, thawed.problem);
  emit(surface, json, { schema: 'skein.thaw.v1', thawed: thawed.value }, () =>
    thawed.value.map(({ id, scope }) => `${id} is over: ${scope === 'global' ? 'runs' : scope} may go on`),
  );
  return 0;
}
