/** A plan as lines: order, times, critical path, limits and every command that would run. Pure. */
import type { Prepared } from '../../assembly/index.ts';
import type { Settings } from './config.ts';
import { attemptsMost } from './summary.ts';
import { type Cell, clean, clock, duration, money, plural, type Style, symbol, table, wrap } from './terminal.ts';
import { titleBeside } from './titles.ts';

export function planText(prepared: Prepared, settings: Settings, style: Style): string[] {
  const { spec, plan } = prepared;
  const lines: string[] = [];
  const head = (text: string, rest = ''): void => {
    if (lines.length > 0) lines.push('');
    lines.push(`${style.paint('strong', text)}${rest === '' ? '' : `  ${style.paint('dim', rest)}`}`);
  };
  head('plan', `on ${spec.base.slice(0, 9)}; nothing was started`);
  if (plan.tasks.length === 0) {
    const looks = spec.probes.map((probe) => clean(probe.says));
    const words =
      looks.length === 0 ? 'make the baseline and say what is red' : `make the baseline, then look for ${looks.join('; ')}`;
    lines.push(...wrap(style, `no tasks: a run would ${words}`, 2));
  }
  const rows = plan.tasks
    .toSorted((a, b) => a.order - b.order)
    .map((task) => [
      { text: String(task.order + 1), tone: 'dim' as const },
      { text: clean(task.id), tone: task.critical ? ('strong' as const) : ('plain' as const) },
      { text: titleBeside(task.id, task.title) },
      { text: task.agent ?? 'any', tone: 'dim' as const },
      { text: `${clock(task.start)}-${clock(task.finish)}`, tone: 'dim' as const },
      { text: task.needs.length === 0 ? '' : `after ${task.needs.map(clean).join(', ')}`, tone: 'dim' as const },
    ]);
  lines.push(...table(style, rows, [2]));
  if (plan.tasks.length > 0) {
    const arrow = style.unicode ? ' → ' : ' -> ';
    lines.push(...wrap(style, `critical path: ${plan.criticalPath.map(clean).join(arrow)}`, 2));
    const faster = plan.makespanMs < plan.sequentialMs ? ` (${duration(plan.sequentialMs)} one after the other)` : '';
    lines.push(
      ...wrap(
        style,
        `expected: ${duration(plan.makespanMs)} with ${plural(plan.agentsAtOnce, 'agent')} at once${faster}; an estimate, not a promise`,
        2,
      ),
    );
    lines.push(...wrap(style, plan.swarm.why, 2));
  }

  head('limits');
  const { limits } = spec;
  lines.push(
    ...table(
      style,
      [
        limit('time', duration(limits.wallTime), settings.wallTimeMs.from),
        limit('agents at once', String(limits.agentsMax), settings.agentsMax.from),
        limit('attempts a task', String(limits.attemptsMax), settings.attemptsMax.from),
        limit(
          'money',
          limits.costMax === null ? 'unknown: no cap (--max-cost USD sets one)' : money(limits.costMax),
          settings.costMax.from,
        ),
        limit(
          'sandbox',
          spec.sandbox,
          spec.sandbox === 'none' ? 'changes outside the clones are detected, not prevented' : 'default',
        ),
      ],
      [1, 2],
    ),
  );

  head('commands', prepared.commands.length === 0 ? 'none' : 'all that would run');
  // Never clipped: a command that is shown in part has not been shown.
  const width = Math.max(0, ...prepared.commands.map((command) => command.what.length));
  for (const command of prepared.commands) {
    const name = clean(command.name) === clean(command.command) ? '' : style.paint('dim', `${clean(command.name)}: `);
    lines.push(
      `  ${style.paint('dim', command.what.padEnd(width))}  ${name}${clean(command.command)}  ${style.paint('dim', clean(command.source))}`.trimEnd(),
    );
  }
  lines.push(...foundLines(prepared, style, head));
  for (const note of prepared.notes) lines.push('', ...wrap(style, `note: ${clean(note)}`, 0));
  return lines;
}

function foundLines(prepared: Prepared, style: Style, head: (text: string, rest: string) => void): string[] {
  if (prepared.agentsFound.length === 0) return [];
  head('on PATH', 'only named here; started when you ask for them, because they cost money');
  return prepared.agentsFound.flatMap((agent) => [`  --agent ${agent.name}`, style.paint('dim', `      ${agent.command}`)]);
}

/** Said before the first call that costs money. */
export function preamble(prepared: Prepared, style: Style): string[] {
  const { limits, tasks, agents } = prepared.spec;
  if (tasks.length === 0) return [];
  const cap = limits.costMax === null ? 'money cap unknown (none was given)' : `at most ${money(limits.costMax)}`;
  const dot = ` ${symbol(style, 'between')} `;
  const text = [
    plural(tasks.length, 'task'),
    `${plural(prepared.plan.agentsAtOnce, 'agent')} at once (${agents.map((agent) => agent.name).join(', ')})`,
    `at most ${plural(attemptsMost(prepared), 'attempt')}`,
    `at most ${duration(limits.wallTime)}`,
    cap,
    `sandbox ${prepared.spec.sandbox}`,
  ].join(dot);
  return [...wrap(style, text, 0), ...prepared.notes.flatMap((note) => wrap(style, `note: ${clean(note)}`, 0))];
}

function limit(name: string, value: string, from: string): Cell[] {
  return [{ text: name }, { text: value }, { text: from === 'default' ? '' : from, tone: 'dim' }];
}
