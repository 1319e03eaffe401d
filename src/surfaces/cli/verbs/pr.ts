/** `skein pr`: title and body of a pull request from the run's own records; opens it through `gh` where that is installed. */
import type { Parsed } from '../flags.ts';
import { readRun } from '../reading.ts';
import { pullRequestText } from '../report.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  const run = await chosenRun(fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const read = await readRun(fleet, run.value, surface);
  if (!read.ok) return fail(surface, json, read.problem);
  const { summary } = read.value;
  if (summary.landed === 0) {
    const what = `run ${run.value} landed nothing, so there is nothing to propose`;
    return fail(surface, json, { kind: 'refused', what, details: [], next: `skein runs open ${run.value}` });
  }
  const text = pullRequestText(summary);
  const published = flags.on('print')
    ? { ok: true as const, value: { published: false as const, why: '--print', commands: [] } }
    : await fleet.publish(run.value, text);
  if (!published.ok) return fail(surface, json, published.problem);
  const result = published.value;
  const document = { schema: 'skein.pull-request.v1', run: run.value, ...text, ...result };
  emit(surface, json, document, (style) =>
    result.published
      ? [result.url]
      : [
          style.paint('strong', text.title),
          '',
          text.body.trimEnd(),
          ...(flags.on('print') ? [] : ['', style.paint('dim', `not opened: ${result.why}`), ...result.commands]),
        ],
  );
  return 0;
}
