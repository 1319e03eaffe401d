/** `skein runs`: the runs of this repository; one of them again; its open tasks; removing what is no longer needed. */
import type { Fleet, RunRow } from '../../../assembly/index.ts';
import { type Parsed, usage } from '../flags.ts';
import { hint } from '../nearest.ts';
import { readRun } from '../reading.ts';
import { openTasks, report } from '../report.ts';
import { iso } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { bytes, type Cell, plural, type Style, table } from '../terminal.ts';

const ACTIONS = ['list', 'show', 'open', 'drop', 'prune'];
const KEEP_RUNS = 20;
const KEEP_DAYS = 7;

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const action = flags.words[0] ?? 'list';
  if (!ACTIONS.includes(action)) {
    const wrong = usage(`skein runs cannot "${action}"${hint(action, ACTIONS)}`, `skein runs [${ACTIONS.join('|')}]`);
    return fail(surface, json, wrong.problem);
  }
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const { fleet } = here.value;
  if (action === 'list') return list(fleet, json, surface);
  if (action === 'prune') return prune(fleet, flags, json, surface);
  if (action === 'drop' && flags.words[1] === undefined)
    return fail(surface, json, usage('skein runs drop needs the run to remove', 'skein runs drop 12').problem);
  const run = await chosenRun(fleet, flags.words[1]);
  if (!run.ok) return fail(surface, json, run.problem);
  if (action === 'drop') {
    const dropped = await fleet.drop(run.value, { force: flags.on('force') });
    if (!dropped.ok) return fail(surface, json, dropped.problem);
    const document = { schema: 'skein.removed.v1', removed: [run.value], dryRun: false };
    emit(surface, json, document, () => [`run ${run.value} removed, ${bytes(dropped.value.freedBytes)} freed`]);
    return 0;
  }
  const read = await readRun(fleet, run.value, surface);
  if (!read.ok) return fail(surface, json, read.problem);
  const { summary } = read.value;
  if (action === 'show') emit(surface, json, summary, (style) => report(summary, style));
  else {
    const tasks = summary.tasks.filter((task) => !['landed', 'blocked'].includes(task.state));
    emit(surface, json, { schema: 'skein.open-tasks.v1', run: run.value, report: summary.report, tasks }, (style) =>
      openTasks(summary, style),
    );
  }
  return 0;
}

async function list(fleet: Fleet, json: boolean, surface: Surface): Promise<ExitCode> {
  const rows = await fleet.list();
  const runs = rows.map((row) => ({ ...row, startedAt: iso(row.startedAt) }));
  emit(surface, json, { schema: 'skein.runs.v1', runs }, (style) =>
    rows.length === 0 ? ['no runs yet: skein run'] : listText(rows, style),
  );
  return 0;
}

export function listText(rows: readonly RunRow[], style: Style): string[] {
  const lines = table(
    style,
    rows.map((row): Cell[] => [
      { text: row.run, tone: 'strong' },
      { text: row.phase, tone: row.phase === 'interrupted' || row.phase === 'unreadable' ? 'alarm' : 'dim' },
      { text: row.reason === row.phase ? '' : row.reason, tone: 'dim' },
      { text: row.tasks === 0 ? 'no tasks' : `${row.landed} of ${plural(row.tasks, 'task')} landed` },
      { text: iso(row.startedAt).slice(0, 16).replace('T', ' '), tone: 'dim' },
      { text: row.branch.replace('refs/heads/', ''), tone: 'dim' },
    ]),
    [2],
    0,
  );
  const interrupted = rows.filter((row) => row.phase === 'interrupted').map((row) => `skein resume ${row.run}`);
  return interrupted.length === 0 ? lines : [...lines, '', ...interrupted];
}

async function prune(fleet: Fleet, flags: Parsed, json: boolean, surface: Surface): Promise<ExitCode> {
  const whole = (name: string, fallback: number): number => {
    const text = flags.text(name);
    return text === null ? fallback : /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  };
  const keep = whole('keep', KEEP_RUNS);
  const days = whole('days', KEEP_DAYS);
  if (Number.isNaN(keep) || Number.isNaN(days))
    return fail(
      surface,
      json,
      usage('--keep and --days take whole numbers', `skein runs prune --keep ${KEEP_RUNS} --days ${KEEP_DAYS}`).problem,
    );
  const dryRun = flags.on('dry-run');
  const removed = await fleet.prune({ keep, days, dryRun });
  const word = dryRun ? 'would be removed' : 'removed';
  const text =
    removed.length === 0
      ? `nothing to prune: the last ${keep} runs and those of ${plural(days, 'day')} are kept`
      : `${plural(removed.length, 'run')} ${word}: ${removed.join(', ')}`;
  emit(surface, json, { schema: 'skein.removed.v1', removed, dryRun }, () => [text]);
  return 0;
}
