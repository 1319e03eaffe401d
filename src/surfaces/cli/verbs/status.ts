/** `skein status`: tasks, processes, memory, disk and cost by lease, from any terminal; changes nothing. */
import type { work } from '../../../contracts/index.ts';
import type { Parsed } from '../flags.ts';
import { headLine } from '../progress.ts';
import { readRun, type Read } from '../reading.ts';
import { costText } from '../report.ts';
import { iso } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { bytes, type Cell, clean, clock, duration, money, type Style, symbol, table } from '../terminal.ts';
import { titleBeside } from '../titles.ts';

const MARKS = {
  waiting: 'waiting',
  ready: 'waiting',
  preparing: 'working',
  working: 'working',
  taking: 'working',
  vetting: 'working',
  queued: 'queued',
  landing: 'queued',
  landed: 'landed',
  open: 'open',
  failed: 'open',
  blocked: 'blocked',
} as const satisfies Record<work.TaskState, string>;

const TASKS_SHOWN = 200; // all of it was asked for, unless it is thousands; the JSON has every one

export async function verb(flags: Parsed, surface: Surface): Promise<ExitCode> {
  const json = wantsJson(surface, flags.on('json'));
  const here = await openHere(surface);
  if (!here.ok) return fail(surface, json, here.problem);
  const run = await chosenRun(here.value.fleet, flags.words[0]);
  if (!run.ok) return fail(surface, json, run.problem);
  const read = await readRun(here.value.fleet, run.value, surface);
  if (!read.ok) return fail(surface, json, read.problem);
  const { reading, summary } = read.value;
  const processes = reading.processes.map(({ task, pid, command, startedAt, memoryBytes }) => ({
    task,
    pid,
    command,
    startedAt: iso(startedAt),
    memoryBytes: memoryBytes ?? 'unknown',
  }));
  const { usedBytes, freeBytes } = reading.disk;
  const disk = { usedBytes: usedBytes ?? 'unknown', freeBytes: freeBytes ?? 'unknown' };
  const document = { schema: 'skein.status.v1', state: reading.state, asOf: iso(reading.asOf), processes, disk, summary };
  emit(surface, json, document, (style) => statusText(read.value, surface.now(), style));
  return 0;
}

export function statusText({ reading, summary }: Read, now: number, style: Style): string[] {
  const { view } = reading;
  const at = reading.state === 'live' ? now : reading.asOf;
  const lines = [headLine(view, at, style, summary.phase)];
  const title = (text: string, rest: string): string => `${style.paint('strong', text)}  ${style.paint('dim', rest)}`;
  if (reading.state === 'stored') {
    const over = summary.phase === 'finished' || summary.phase === 'stopped';
    const text = over ? `ended; as of ${iso(at)}` : `interrupted: its process is gone; as of ${iso(at)}`;
    lines.push(over ? style.paint('dim', `  ${text}`) : style.paint('alarm', `  ${symbol(style, 'open')} ${text}`));
    if (summary.phase !== 'finished') lines.push('', `skein resume ${summary.run}`);
  }
  const tasks = view.tasks
    .slice(0, TASKS_SHOWN)
    .map((task): Cell[] => [
      { text: symbol(style, MARKS[task.state]), tone: MARKS[task.state] === 'open' ? 'alarm' : 'dim' },
      { text: clean(task.spec.id) },
      { text: titleBeside(task.spec.id, task.spec.title), tone: 'dim' },
      { text: task.state, tone: task.state === 'open' || task.state === 'failed' ? 'plain' : 'dim' },
      { text: clean(task.detail), tone: 'dim' },
    ]);
  lines.push('', title('tasks', `${summary.landed} of ${view.tasks.length} landed`), ...table(style, tasks, [4, 2, 1]));
  if (view.tasks.length > TASKS_SHOWN) lines.push(style.paint('dim', `  and ${view.tasks.length - TASKS_SHOWN} more: --json`));
  lines.push('', title('processes', reading.processes.length === 0 ? 'none' : String(reading.processes.length)));
  const rows = reading.processes.map((process): Cell[] => [
    { text: clean(process.task) },
    { text: `pid ${process.pid}`, tone: 'dim' },
    { text: clean(process.command) },
    { text: bytes(process.memoryBytes), tone: 'dim' },
    { text: clock(now - process.startedAt), tone: 'dim' },
  ]);
  lines.push(...table(style, rows, [2]));
  const leases = view.tasks.flatMap((task) =>
    task.attempts.map((attempt): Cell[] => [
      { text: `${clean(task.spec.id)}#${attempt.fence}` },
      { text: clean(attempt.agent), tone: 'dim' },
      { text: attempt.outcome, tone: ['refused', 'agent-failed'].includes(attempt.outcome) ? 'alarm' : 'dim' },
      { text: attempt.cost === null ? 'unknown' : money(attempt.cost) },
      { text: duration(attempt.durationMs ?? Math.max(0, at - attempt.startedAt)), tone: 'dim' },
    ]),
  );
  lines.push('', title('cost', costText(summary.cost)), ...table(style, leases, [0]));
  lines.push('', title('disk', `private clones ${bytes(reading.disk.usedBytes)}, free ${bytes(reading.disk.freeBytes)}`));
  return lines;
}
