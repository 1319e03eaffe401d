/**
 * A run while it goes on: `frame` says what is worth seeing now, the painter keeps it in place at the bottom of a terminal.
 * Healthy lines are dim and few; a refusal or a conflict is the line that is seen.
 */
import type { RunNews, RunView } from '../../assembly/index.ts';
import type { work } from '../../contracts/index.ts';
import { type Cell, clean, clip, clock, duration, money, plural, type Style, symbol, table } from './terminal.ts';
import { titleBeside } from './titles.ts';

export const ROWS_MAX = 12; // below the fold nobody looks; the rest is counted

export function frame(view: RunView, now: number, style: Style, rowsMax: number = ROWS_MAX): string[] {
  const { run, tasks, probes } = view;
  const active = tasks.filter((task) => ['preparing', 'working', 'taking', 'vetting', 'queued', 'landing'].includes(task.state));
  const rows = active.map((task) => activeRow(task, now, style));
  const shown = rows.slice(0, Math.max(1, rowsMax));
  const lines = [headLine(view, now, style, run.phase === 'draining' ? 'finishing work in hand' : run.phase)];
  if (run.phase === 'baseline') {
    const names = run.spec.checks.map((check) => check.name).join(', ');
    const text = `  ${symbol(style, 'working')} baseline, twice, in fresh clones: ${clean(names) || 'no checks'}`;
    lines.push(style.paint('dim', clip(style, text, style.width)));
  }
  for (const probe of probes.filter((each) => each.state === 'running')) {
    const since = clock(now - (probe.startedAt ?? now));
    const text = `  ${symbol(style, 'working')} looking for ${clean(probe.spec.says)}  ${since}`;
    lines.push(style.paint('dim', clip(style, text, style.width)));
  }
  lines.push(...table(style, shown, [2, 1, 4]));
  const more = rows.length - shown.length;
  const waiting = tasks.filter((task) => task.state === 'waiting' || task.state === 'ready').length;
  const counts = [more > 0 ? `${more} more at work` : '', waiting > 0 ? `${waiting} waiting` : ''].filter((text) => text !== '');
  if (counts.length > 0) lines.push(style.paint('dim', `  ${symbol(style, 'waiting')} ${counts.join(', ')}`));
  return lines;
}

/** Where the run stands, in one line. */
export function headLine(view: RunView, now: number, style: Style, label: string): string {
  const { run, tasks } = view;
  const time = `${clock((run.endedAt ?? now) - run.startedAt)} of ${clock(run.deadline - run.startedAt)}`;
  const spent = run.unknownCosts > 0 ? `cost unknown (${money(run.spent)} known)` : money(run.spent);
  const cost = run.spec.limits.costMax === null ? spent : `${spent} of ${money(run.spec.limits.costMax)}`;
  const open = tasks.filter((task) => task.state === 'open').length;
  const parts = [`run ${run.spec.run}`, label];
  if (tasks.length > 0) parts.push(`${run.landed}/${tasks.length} landed`);
  if (open > 0) parts.push(`${open} open`);
  parts.push(time);
  if (tasks.length > 0) parts.push(cost);
  const text = clip(style, parts.join(style.width < 70 ? ' ' : '  '), style.width);
  const name = `run ${run.spec.run}`.length;
  return style.paint('strong', text.slice(0, name)) + text.slice(name);
}

function activeRow(task: work.TaskRecord, now: number, style: Style): Cell[] {
  const attempt = task.attempts.at(-1);
  const queued = task.state === 'queued' || task.state === 'landing';
  // A row that wraps would break the picture: what a narrow terminal has no room for is left out.
  const wide = style.width >= 80;
  const again = wide && task.failures > 0 ? `attempt ${task.failures + 1}` : '';
  const conflict = task.conflicts > 0 && attempt?.outcome === 'running';
  return [
    conflict
      ? { text: symbol(style, 'conflict'), tone: 'conflict' }
      : { text: symbol(style, queued ? 'queued' : 'working'), tone: 'dim' },
    { text: clean(task.spec.id) },
    { text: titleBeside(task.spec.id, task.spec.title), tone: 'dim' },
    { text: style.width < 60 ? '' : task.state === 'queued' ? 'checking' : task.state, tone: 'dim' },
    { text: wide ? clean(attempt?.agent ?? '') : '', tone: 'dim' },
    { text: again, tone: again === '' ? 'dim' : 'plain' },
    { text: attempt === undefined ? '' : clock(now - attempt.startedAt), tone: 'dim' },
  ];
}

/** A verdict or a finding at the moment in which it is known. */
export function newsLines(news: RunNews, style: Style): string[] {
  if (news.kind === 'finding') return [clip(style, `  ${symbol(style, 'between')} ${clean(news.finding.title)}`, style.width)];
  const { verdict } = news;
  const good = verdict.status === 'green';
  const time = duration(verdict.durationMs);
  const counts = [
    verdict.passed > 0 ? `${verdict.passed} passed` : '',
    verdict.failed > 0 ? `${verdict.failed} failed` : '',
    verdict.findings > 0 ? plural(verdict.findings, 'finding') : '',
  ].filter((text) => text !== '');
  const said = good ? ['green', ...counts, time].join(', ') : [verdict.status, ...counts].join(', ');
  const cause = verdict.cause === '' ? '' : `: ${clean(verdict.cause)}`;
  const line = clip(style, `${symbol(style, good ? 'landed' : 'refused')} ${clean(verdict.check)}  ${said}${cause}`, style.width);
  return [style.paint(good ? 'dim' : verdict.status === 'unavailable' ? 'plain' : 'alarm', line)];
}

/** Lines that stay: said once, above the moving part. */
export function newsBetween(before: RunView | null, after: RunView, style: Style): string[] {
  const news: string[] = [];
  if ((before?.run.baseline ?? null) === null && after.run.baseline !== null) {
    for (const verdict of after.run.baseline.verdicts) {
      if (verdict.status === 'green' || !verdict.cached) continue; // what was just found out was said when its check ended
      const cause = verdict.cause === '' ? '' : `: ${clean(verdict.cause)}`;
      news.push(
        clip(style, `${symbol(style, 'unavailable')} baseline ${verdict.status}: ${clean(verdict.check)}${cause}`, style.width),
      );
    }
    for (const name of after.run.baseline.unstable)
      news.push(
        style.paint('conflict', clip(style, `${symbol(style, 'conflict')} two baselines disagree: ${clean(name)}`, style.width)),
      );
  }
  const earlier = new Map((before?.tasks ?? []).map((task) => [task.spec.id, task]));
  for (const task of after.tasks) {
    const old = earlier.get(task.spec.id);
    if (old === task) continue;
    const name = `${clean(task.spec.id)} ${titleBeside(task.spec.id, task.spec.title)}`.trim();
    const over = new Set(
      (old?.attempts ?? []).filter((attempt) => attempt.outcome !== 'running').map((attempt) => attempt.fence),
    );
    for (const attempt of task.attempts) {
      if (over.has(attempt.fence)) continue;
      const first = attempt.violations[0];
      const because = first === undefined ? '' : `: ${first.rule}: ${clean(first.detail)}`;
      if (attempt.outcome === 'refused')
        news.push(
          style.paint('alarm', clip(style, `${symbol(style, 'refused')} ${clean(task.spec.id)} refused${because}`, style.width)),
        );
      if (attempt.outcome === 'agent-failed')
        news.push(
          style.paint(
            'alarm',
            clip(
              style,
              `${symbol(style, 'refused')} ${clean(task.spec.id)}: ${clean(attempt.agent)} failed: ${clean(attempt.failure)}`,
              style.width,
            ),
          ),
        );
      if (attempt.outcome === 'conflict')
        news.push(
          style.paint(
            'conflict',
            clip(
              style,
              `${symbol(style, 'conflict')} ${clean(task.spec.id)} met another change; it goes on from the new tip`,
              style.width,
            ),
          ),
        );
    }
    if (task.state === 'landed' && old?.state !== 'landed')
      news.push(style.paint('dim', clip(style, `${symbol(style, 'landed')} ${name} landed`, style.width)));
    if (task.state === 'open' && old?.state !== 'open')
      news.push(
        style.paint(
          'alarm',
          clip(style, `${symbol(style, 'open')} ${name} is open after ${plural(task.attempts.length, 'attempt')}`, style.width),
        ),
      );
  }
  return news;
}

/** Rewrites its own lines only, and leaves none behind; a terminal that is scrolled or resized loses at most one frame. */
export class Painter {
  readonly #write: (text: string) => void;
  #painted = 0;
  #last = '';

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  paint(news: readonly string[], lines: readonly string[]): void {
    const text = lines.join('\n');
    if (news.length === 0 && text === this.#last) return;
    this.#write(`${this.#erase()}${[...news, ...lines].map((line) => `${line}\n`).join('')}`);
    this.#painted = lines.length;
    this.#last = text;
  }

  clear(): void {
    this.#write(this.#erase());
    this.#painted = 0;
    this.#last = '';
  }

  #erase(): string {
    return this.#painted === 0 ? '' : `\u001b[${this.#painted}A\u001b[0J`;
  }
}
