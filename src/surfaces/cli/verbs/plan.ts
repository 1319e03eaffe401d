/** `skein plan`: what `skein run` with the same flags would do, with every command; runs nothing. */
import type { Parsed } from '../flags.ts';
import { planText } from '../plan-text.ts';
import { rehearsalLines, rehearsalOf } from '../rehearsal.ts';
import { prepareFrom } from '../request.ts';
import { planDocument } from '../summary.ts';
import { emit, type ExitCode, fail, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const ready = await prepareFrom(flags, surface);
  if (!ready.ok) return fail(surface, json, ready.problem);
  const { fleet, prepared, settings } = ready.value;
  const rehearsal = await rehearsalOf(ready.value);
  const document = {
    ...planDocument(prepared, fleet.repository, surface.versions),
    ...(rehearsal === null ? {} : { rehearsal }),
  };
  emit(surface, json, document, (style) => [
    ...planText(prepared, settings, style),
    ...(rehearsal === null ? [] : ['', ...rehearsalLines(rehearsal, style)]),
  ]);
  return 0;
}
