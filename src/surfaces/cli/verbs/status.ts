/** `skein status`: tasks, processes, memory, disk and cost by lease, from any terminal; changes nothing. */
import type { Parsed } from '../flags.ts';
import { frame } from '../progress.ts';
import { readRun, type Read } from '../reading.ts';
import { costText } from '../report.ts';
import { iso } from '../summary.ts';
import { chosenRun, emit, type ExitCode, fail, openHere, type Surface, wantsJson } from '../surface.ts';
import { bytes, type Cell, clean, clock, duration, money, type Style, symbol, table } from '../terminal.ts';

const STATUS_ROWS = 100; // asked for: all of it, unless it is thousands

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
  const lines = frame(view, at, style, STATUS_ROWS, summary.phase === 'interrupted' ? 'interrupted' : undefined);
  const title = (text: string, rest: string): string => `${style.paint('strong', text)}  ${style.paint('dim', rest)}`;
  if (reading.state === 'stored') {
    const over = summary.phase === 'finished' || summary.phase === 'stopped';
    const text = over ? `ended; as of ${iso(at)}` : `interrupted: its process is gone; as of ${iso(at)}`;
    lines.push(over ? style.paint('dim', `  ${text}`) : style.paint('alarm', `  ${symbol(style, 'open')} ${text}`));
    if (summary.phase !== 'finished') lines.push('', `skein resume ${summary.run}`);
  }
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
