/** `skein fork`: a new run from the state of another at one of its ledger entries. The other one is only read. */
import { type Parsed, usage } from '../flags.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { plural } from '../terminal.ts';

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const at = flags.text('at');
  if (at === null || !/^\d{1,15}$/.test(at))
    return fail(surface, json, usage('skein fork needs the ledger entry to fork at', 'skein fork 12 --at 40').problem);
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const forked = await here.value.fleet.fork(run.value, Number(at));
  if (!forked.ok) return fail(surface, json, forked.problem);
  const { value } = forked;
  emit(surface, json, { schema: 'skein.fork.v1', ...value }, (style) => [
    `${style.paint('strong', `run ${value.run}`)}  run ${value.from} as it was at entry ${value.entry}: ${plural(value.records, 'record')}, branch ${value.branch}`,
    `${style.paint('dim', 'next:')}  skein resume ${value.run}`,
  ]);
  return 0;
}
