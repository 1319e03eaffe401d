/** `skein halt`, `reduce`, `freeze` and `thaw`: one order each, and what every live run said to it. */
import type { HaltReport, HaltRow, HaltTarget, Outcome } from '../../assembly/index.ts';
import { type Parsed, usage } from './flags.ts';
import { iso } from './summary.ts';
import { emit, type ExitCode, fail, openHere, runNumber, type Surface, wantsJson } from './surface.ts';
import { clean, plural, type Style } from './terminal.ts';

export type Level = HaltReport['level'];

/** A run, or all of it when nothing is named: a stop that asks which one is too slow. */
export function targetOf(word: string | undefined): Outcome<HaltTarget> {
  if (word === undefined || word === 'all') return { ok: true, value: 'all' };
  const run = runNumber(word);
  return run.ok
    ? { ok: true, value: { run: run.value } }
    : usage(`"${word}" is neither a run nor all`, 'skein halt [run/N | all]');
}

/** Exit 0: everybody acknowledged, or nobody was there to. 1: somebody is listed by name. */
export async function order(level: Level, flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const target = targetOf(flags.words[0]);
  if (!target.ok) return fail(surface, json, target.problem);
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const ordered = await here.value.fleet.halt(target.value, level, flags.text('reason') ?? '');
  if (!ordered.ok) return fail(surface, json, ordered.problem);
  const report = ordered.value;
  const sound = report.runs.every(({ acknowledged, left }) => acknowledged && left.length === 0);
  emit(surface, json, { schema: 'skein.halt.v1', ...report, everybody: sound }, (style) => reportText(report, style));
  return sound ? 0 : 1;
}

export async function list(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const rows = await here.value.fleet.halts();
  if (!rows.ok) return fail(surface, json, rows.problem);
  const halts = rows.value.map((row) => ({ ...row, at: iso(row.at) }));
  emit(surface, json, { schema: 'skein.halts.v1', halts }, (style) =>
    halts.length === 0 ? ['nothing is halted'] : rows.value.map((row) => rowText(row, style)),
  );
  return 0;
}

export function rowText({ id, scope, level, by, reason, at }: HaltRow, style: Style): string {
  const words = reason === '' ? '' : `: ${clean(reason)}`;
  return `${style.paint('strong', id)}  ${style.paint('alarm', level)} ${scope} since ${iso(at)} by ${clean(by)}${words}`;
}

function reportText(report: HaltReport, style: Style): string[] {
  const { id, scope, level, runs, acknowledgedMs, durableMs, fenced, resumeNeeds, by } = report;
  const lines = [`${style.paint('strong', id)}  ${style.paint('alarm', level)} ${scope}  durable after ${durableMs} ms`];
  if (runs.length === 0) lines.push('no host runs here: the record stops the next start');
  else if (acknowledgedMs !== null)
    lines.push(`all of ${plural(runs.length, 'live run')} acknowledged after ${acknowledgedMs} ms`);
  for (const { run, acknowledged, stopped, left, detail } of runs) {
    const words = acknowledged ? `acknowledged, ${detail}` : style.paint('alarm', detail);
    lines.push(`  run ${run}  ${words}${stopped.length === 0 ? '' : `, stopped ${stopped.map(clean).join(', ')}`}`);
    for (const name of left) lines.push(`    ${style.paint('alarm', 'did not stop')}  ${clean(name)}`);
  }
  if (fenced > 0) lines.push(`${plural(fenced, 'process group')} of silent runs ended from here`);
  const ends = level === 'FROZEN' ? `skein thaw ${scope === 'global' ? 'all' : scope}` : `skein resume ${id}`;
  const who = resumeNeeds === 1 ? `1 of 1 role: ${by}` : `${resumeNeeds} roles`;
  lines.push(level === 'KILLED' ? 'killed is for ever' : `${style.paint('dim', 'ends with:')}  ${ends}  (takes ${who})`);
  return lines;
}
