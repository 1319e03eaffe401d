/** `skein verify`: recomputes a run's ledger from its file alone and says where it was changed. */
import type { Parsed } from '../flags.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { plural } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const verified = await here.value.fleet.verify(run.value);
  if (!verified.ok) return fail(surface, json, verified.problem);
  const { sound, entries, erased, root, findings } = verified.value;
  emit(surface, json, { schema: 'skein.verify.v1', run: run.value, sound, entries, erased, root, findings }, (style) => [
    sound
      ? `${style.paint('strong', `run ${run.value}`)}  ${plural(entries, 'ledger entry', 'ledger entries')}, none changed, dropped or reordered`
      : style.paint('alarm', `run ${run.value}: the ledger was changed`),
    ...findings.map((finding) => `  ${style.paint('alarm', `entry ${finding.index}`)}  ${finding.problem}: ${finding.detail}`),
    `root  ${style.paint('dim', root)}`,
    ...(erased > 0 ? [`${plural(erased, 'body', 'bodies')} erased; their hashes are kept`] : []),
    style.paint('dim', 'It proves that nothing was changed since it was written, not that its writer told the truth.'),
  ]);
  return sound ? 0 : 1;
}
