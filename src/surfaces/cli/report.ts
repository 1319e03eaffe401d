/** The summary of a run as lines for people: what landed, what was refused and what gave it away, what is open. Pure. */
import type { RunSummary } from './schema.ts';
import { beside, type Cell, clean, clip, duration, money, plural, type Style, symbol, table, wrap } from './terminal.ts';
import { titleBeside } from './titles.ts';

type Task = RunSummary['tasks'][number];
type Attempt = Task['attempts'][number];
type Verdict = Task['verdicts'][number];

const WITHOUT_RULE: Record<Attempt['outcome'], string> = {
  running: 'still at work',
  candidate: 'waits for its rivals',
  landed: 'landed',
  outscored: 'a rival did more',
  nothing: 'had nothing to propose',
  refused: 'no rule was named',
  conflict: 'met another change on the branch',
  interrupted: 'cut short; counts against nobody',
  'agent-failed': 'its program failed and left no change',
};
const VIOLATIONS_SHOWN = 3; // per attempt; the rest is in the JSON
const FINDINGS_SHOWN = 5; // of one kind; the page and the JSON have all
const NOTES_SHOWN = 3;
const DETAIL_LINES = 3; // a failing assertion can be pages long

export function report(summary: RunSummary, style: Style): string[] {
  const { tasks } = summary;
  const lines = [headline(summary, style)];
  if (tasks.length === 0) lines.push(...whatIsHere(summary, style));
  else {
    const tried = tasks.filter((task) => !isOffer(task));
    if (tried.length > 0) lines.push(...landedPart(tried, style));
    lines.push(...refusedPart(tasks, style), ...openPart(summary, style), ...offeredPart(summary, style));
    lines.push(...findingsPart(summary, style));
    if (summary.swarm !== null) lines.push('', ...wrap(style, summary.swarm.why, 0));
    lines.push('', ...checksLine(summary, style));
  }
  lines.push(...footer(summary, style));
  if (summary.phase === 'interrupted' || summary.phase === 'stopped') lines.push('', `skein resume ${summary.run}`);
  if (summary.landed > 0) lines.push('', ...nextLines(summary));
  return lines;
}

/** Copyable as they are. */
export function nextLines(summary: RunSummary): string[] {
  return [`git diff HEAD...skein/${summary.run}`, `skein land ${summary.run}`, `skein pr ${summary.run}`];
}

function headline(summary: RunSummary, style: Style): string {
  const ended = summary.phase === 'finished' || summary.phase === 'stopped';
  const why = summary.phase === 'stopped' ? ` (${summary.reason})` : '';
  const words = ended ? `${summary.phase}${why} after` : `${summary.phase}, started`;
  const time = `${words} ${duration(summary.durationMs)}${ended ? '' : ' ago'}`;
  const tone = summary.exit.code === 0 ? 'dim' : summary.phase === 'finished' || !ended ? 'plain' : 'alarm';
  return `${style.paint('strong', `run ${summary.run}`)}  ${style.paint(tone, time)}`;
}

function title(style: Style, text: string, count: string): string {
  return `${style.paint('strong', text)}  ${style.paint('dim', count)}`;
}

function landedPart(tasks: readonly Task[], style: Style): string[] {
  const landed = tasks.filter((task) => task.state === 'landed');
  if (landed.length === 0) return ['', title(style, 'landed', `nothing of ${plural(tasks.length, 'task')}`)];
  const rows = landed.map((task): Cell[] => {
    const winner = task.attempts.findLast((attempt) => attempt.outcome === 'landed');
    const files = winner?.files ?? [];
    const closes = (winner?.vet?.closed.length ?? 0) + (winner?.vet?.more ?? 0);
    const added = files.reduce((sum, file) => sum + file.added, 0);
    const removed = files.reduce((sum, file) => sum + file.removed, 0);
    return [
      { text: symbol(style, 'landed'), tone: 'dim' },
      { text: clean(task.id) },
      { text: titleBeside(task.id, task.title) },
      { text: clean(winner?.agent ?? ''), tone: 'dim' },
      { text: plural(winner?.filesTotal ?? 0, 'file'), tone: 'dim' },
      { text: `+${added} -${removed}`, tone: 'dim' },
      { text: closes === 0 ? '' : `closes ${closes}`, tone: 'dim' },
      { text: (task.commit ?? '').slice(0, 9), tone: 'dim' },
    ];
  });
  return ['', title(style, 'landed', `${landed.length} of ${plural(tasks.length, 'task')}`), ...table(style, rows, [2, 1])];
}

function refusedPart(tasks: readonly Task[], style: Style): string[] {
  const refused = tasks.flatMap((task) =>
    task.attempts
      .filter((attempt) => ['refused', 'agent-failed'].includes(attempt.outcome))
      .map((attempt) => ({ task, attempt })),
  );
  if (refused.length === 0) return [];
  const lines = ['', title(style, 'refused', plural(refused.length, 'attempt'))];
  for (const { task, attempt } of refused) {
    const number = task.attempts.indexOf(attempt) + 1;
    const later = task.state === 'landed' ? style.paint('dim', ' (landed later)') : '';
    const who = `${clean(task.id)}  attempt ${number} by ${clean(attempt.agent)}`;
    lines.push(`  ${style.paint('alarm', symbol(style, 'refused'))} ${who}${later}`);
    lines.push(...reasons(attempt, style));
  }
  return lines;
}

function reasons(attempt: Attempt, style: Style): string[] {
  if (attempt.violations.length === 0) {
    const how = WITHOUT_RULE[attempt.outcome];
    if (attempt.failure === '') return [`      ${style.paint('dim', how)}`];
    return beside(style, `      ${style.paint('alarm', 'failed')}  `, 14, clean(attempt.failure.split('\n')[0]!), DETAIL_LINES);
  }
  const first = attempt.violations.slice(0, VIOLATIONS_SHOWN);
  const shown = first.flatMap(({ rule, detail }) =>
    beside(style, `      ${style.paint('alarm', rule)}  `, 8 + rule.length, clean(detail), DETAIL_LINES),
  );
  const more = attempt.violations.length - first.length;
  return more > 0 ? [...shown, `      ${style.paint('dim', `and ${more} more`)}`] : shown;
}

/** What was found and nobody was there to try: an offer, listed with its finding. */
export function isOffer(task: Pick<Task, 'given' | 'goal' | 'attempts' | 'state'>): boolean {
  return !task.given && task.goal !== null && task.goal !== 'red' && task.attempts.length === 0 && task.state === 'open';
}

function offeredPart({ tasks, agentsFound }: RunSummary, style: Style): string[] {
  const offers = tasks.filter(isOffer);
  if (offers.length === 0) return [];
  const agent = agentsFound[0]?.name ?? "'./your-agent.sh {task}'";
  const first = clean(offers[0]!.title).replaceAll("'", `'\\''`);
  return [
    '',
    title(style, 'offered', `${plural(offers.length, 'task')} that any agent may be given, for example`),
    `  skein run -m '${first}' --agent ${agent}`,
  ];
}

function openPart(summary: RunSummary, style: Style): string[] {
  const left = summary.tasks.filter((task) => task.state !== 'landed' && !isOffer(task));
  if (left.length === 0) return [];
  const someOpen = left.some((task) => task.state === 'open' && task.goal === null);
  const rows = left.map((task): Cell[] => [
    task.state === 'blocked'
      ? { text: symbol(style, 'blocked'), tone: 'dim' }
      : task.state === 'open' || task.state === 'failed'
        ? { text: symbol(style, 'open'), tone: 'alarm' }
        : { text: symbol(style, 'waiting'), tone: 'dim' },
    { text: clean(task.id) },
    { text: titleBeside(task.id, task.title) },
    { text: forWhom(task, summary), tone: task.state === 'open' ? 'plain' : 'dim' },
  ]);
  return [
    '',
    title(style, 'open', `${plural(left.length, 'task')}${someOpen ? ', for a senior agent or a person' : ''}`),
    ...table(style, rows, [2, 1]),
  ];
}

function forWhom(task: Task, summary: RunSummary): string {
  const state = new Map(summary.tasks.map((other) => [other.id, other.state]));
  switch (task.state) {
    case 'open':
      if (task.goal !== null && task.detail !== '') return clean(task.detail);
      return `after ${plural(task.attempts.length, 'attempt')}`;
    case 'blocked':
      return `waits for ${task.needs.filter((need) => state.get(need) !== 'landed').join(', ')}`;
    case 'failed':
      return clean(task.detail);
    default:
      return summary.phase === 'stopped' || summary.phase === 'interrupted' ? 'goes on with skein resume' : task.state;
  }
}

function whatIsHere(summary: RunSummary, style: Style): string[] {
  const lines: string[] = [];
  const verdicts = summary.baseline?.verdicts ?? [];
  const sources = new Map(summary.checks.map((check) => [check.name, check.source]));
  lines.push(
    '',
    title(style, 'checks', verdicts.length === 0 ? 'none found' : `on ${summary.base.commit.slice(0, 9)}, as committed`),
  );
  const rows = table(
    style,
    verdicts.map((verdict) => verdictRow(verdict, sources.get(verdict.check) ?? '', style)),
    [4, 2],
  );
  for (const [i, { status, cause }] of verdicts.entries()) {
    lines.push(rows[i]!);
    if (status !== 'green' && cause !== '') lines.push(...wrap(style, clean(cause), 6));
  }
  if (verdicts.length === 0) lines.push(...wrap(style, 'Name them in skein.yaml under checks:, or give --check "npm test".', 2));
  for (const name of summary.baseline?.unstable ?? [])
    lines.push(`  ${style.paint('conflict', symbol(style, 'conflict'))} two runs of the same tree disagree: ${clean(name)}`);
  if (summary.baseline?.serial === true) lines.push(...wrap(style, 'Tests run one at a time, because two at once disagreed.', 2));
  const said = summary.baseline?.notes ?? [];
  for (const note of said.slice(0, NOTES_SHOWN)) lines.push(...wrap(style, clean(note), 2));
  if (said.length > NOTES_SHOWN) lines.push(style.paint('dim', `  and ${said.length - NOTES_SHOWN} more notes: --json`));

  lines.push(...findingsPart(summary, style));
  const red = verdicts.filter((verdict) => verdict.status === 'red' || verdict.status === 'timed-out');
  lines.push('', title(style, 'agents', summary.agentsFound.length === 0 ? 'none on PATH' : 'on PATH; none was started'));
  const job = red.length === 0 ? `-m 'what to do'` : `-m 'make "${clean(red[0]!.check).replaceAll(/['"]/g, '')}" green'`;
  for (const agent of summary.agentsFound) {
    lines.push(`  ${agent.name}`);
    lines.push(`      skein run ${job} --agent ${agent.name}`);
    lines.push(style.paint('dim', `      starts: ${agent.command}`));
  }
  if (summary.agentsFound.length === 0) lines.push(`      skein run ${job} --agent './your-agent.sh {task}'`);
  return lines;
}

/** What probes found, the first of each kind, each with the command that shows it; and what they measured. */
function findingsPart({ run, probes }: RunSummary, style: Style): string[] {
  const lines: string[] = [];
  const findings = probes.flatMap((probe) => probe.findings);
  const beyond = probes.reduce((sum, probe) => sum + probe.more, 0);
  if (findings.length > 0) {
    lines.push('', title(style, 'found', plural(findings.length + beyond, 'finding')));
    for (const kind of new Set(findings.map((finding) => finding.kind))) {
      const some = findings.filter((finding) => finding.kind === kind);
      for (const finding of some.slice(0, FINDINGS_SHOWN)) {
        lines.push(...beside(style, `  ${clean(kind)}  `, 4 + kind.length, clean(finding.title), DETAIL_LINES));
        lines.push(style.paint('dim', `      ${clean(finding.show)}`)); // never clipped: it is there to be copied
      }
      const more = some.length - FINDINGS_SHOWN;
      if (more > 0) lines.push(style.paint('dim', `  and ${more} more of ${kind}: skein runs show ${run} --json`));
    }
  }
  const measures = probes.flatMap((probe) => probe.measures).filter((measure) => measure.name !== 'detection-power');
  if (measures.length > 0) {
    lines.push('', title(style, 'measured', ''));
    for (const measure of measures) lines.push(...wrap(style, clean(measure.text), 2));
  }
  for (const probe of probes) {
    const why = probe.detail === '' ? '' : `: ${clean(probe.detail)}`;
    if (probe.state === 'passed-over' || probe.state === 'failed')
      lines.push(
        ...wrap(
          style,
          `${clean(probe.says)}: ${probe.state === 'failed' ? 'could not be looked for' : 'not looked for'}${why}`,
          2,
        ),
      );
    for (const note of probe.notes) lines.push(...wrap(style, clean(note), 2));
  }
  return lines;
}

/** How much the checks notice, beside every word that says they agreed. */
export function detectionPower(summary: Pick<RunSummary, 'probes'>): string {
  const measure = summary.probes.flatMap((probe) => probe.measures).find((each) => each.name === 'detection-power');
  return measure === undefined ? 'not measured' : measure.text;
}

export function verdictRow(verdict: Verdict, source: string, style: Style): Cell[] {
  const counts = [
    verdict.passed > 0 ? `${verdict.passed} passed` : '',
    verdict.failed > 0 ? `${verdict.failed} failed` : '',
    verdict.skipped > 0 ? `${verdict.skipped} skipped` : '',
    verdict.findings > 0 ? plural(verdict.findings, 'finding') : '',
  ].filter((text) => text !== '');
  const good = verdict.status === 'green';
  const unavailable = verdict.status === 'unavailable';
  const said = good ? counts.join(', ') || 'green' : unavailable ? verdict.status : counts.join(', ') || verdict.status;
  return [
    good
      ? { text: symbol(style, 'landed'), tone: 'dim' }
      : { text: symbol(style, unavailable ? 'unavailable' : 'refused'), tone: unavailable ? 'plain' : 'alarm' },
    { text: clean(verdict.check) },
    { text: said, tone: good ? 'dim' : 'plain' },
    { text: unavailable ? '' : verdict.cached ? 'cached' : duration(verdict.durationMs), tone: 'dim' },
    { text: clean(source), tone: 'dim' },
  ];
}

function names(verdicts: readonly Verdict[]): string {
  return verdicts.map((verdict) => clean(verdict.check)).join(', ');
}

/** What the checks said of exactly the commit that the branch is at, or of the last that is known; null when nothing landed. */
export function tipVerdicts(summary: RunSummary): readonly Verdict[] | null {
  const landed = summary.tasks.filter((task) => task.state === 'landed' && task.verdicts.length > 0);
  return (landed.find((task) => task.commit === summary.tip.commit) ?? landed.at(-1))?.verdicts ?? null;
}

/** The checks as they stand on what landed last, else on the base. */
function checksLine(summary: RunSummary, style: Style): string[] {
  const verdicts = tipVerdicts(summary) ?? summary.baseline?.verdicts ?? [];
  if (verdicts.length === 0) return [`${style.paint('strong', 'checks')}  ${style.paint('dim', 'none ran')}`];
  const bad = verdicts.filter((verdict) => verdict.status !== 'green');
  const green = verdicts.filter((verdict) => verdict.status === 'green');
  const lines =
    green.length === 0
      ? []
      : [
          `${style.paint('strong', 'checks')}  ${style.paint('dim', clip(style, `${tipVerdicts(summary) === null ? 'green at baseline' : 'verified'}: ${names(green)}`, style.width - 8))}`,
        ];
  if (green.length > 0) lines.push(...wrap(style, `detection power: ${detectionPower(summary)}`, 8));
  for (const status of ['red', 'timed-out', 'unavailable'] as const) {
    const some = bad.filter((verdict) => verdict.status === status);
    if (some.length > 0)
      lines.push(`        ${style.paint(status === 'unavailable' ? 'plain' : 'alarm', status)}: ${names(some)}`);
  }
  return lines;
}

export function costText(cost: RunSummary['cost']): string {
  const cap = cost.cap === null ? '' : ` of ${money(cost.cap)}`;
  if (cost.total !== 'unknown') return `${money(cost.total)}${cap}`;
  return `unknown${cap}: ${plural(cost.unknownAttempts, 'attempt')} reported none (known: ${money(cost.spent)})`;
}

function footer(summary: RunSummary, style: Style): string[] {
  const label = (text: string): string => style.paint('strong', text.padEnd(8));
  const lines = summary.tasks.length === 0 ? [''] : [`${label('cost')}${costText(summary.cost)}`];
  const sandbox = summary.sandbox === 'full' ? style.paint('dim', 'full') : summary.sandbox;
  lines.push(`${label('sandbox')}${sandbox}`);
  for (const note of summary.notes)
    lines.push(...wrap({ ...style }, clean(note), 8).map((line, i) => (i === 0 ? label('note') + line.trimStart() : line)));
  if (summary.report !== null) lines.push(`${label('report')}${clean(summary.report)}`);
  lines.push(
    `${label('exit')}${summary.exit.code === 0 ? style.paint('dim', `0  ${summary.exit.why}`) : `${summary.exit.code}  ${summary.exit.why}`}`,
  );
  return lines;
}

/** The open tasks of a run with all that is known, for whoever takes them over. */
export function openTasks(summary: RunSummary, style: Style): string[] {
  const open = summary.tasks.filter((task) => !['landed', 'blocked'].includes(task.state));
  const page = summary.report === null ? [] : [`${style.paint('strong', 'report'.padEnd(8))}${clean(summary.report)}`];
  if (open.length === 0) return [`run ${summary.run} has no open task`, ...page];
  const lines: string[] = [...page, ...(page.length > 0 ? [''] : [])];
  for (const task of open) {
    lines.push(`${style.paint('alarm', symbol(style, 'open'))} ${style.paint('strong', clean(task.id))}  ${clean(task.title)}`);
    for (const attempt of task.attempts) {
      const number = task.attempts.indexOf(attempt) + 1;
      lines.push(
        style.paint('dim', `  attempt ${number} by ${clean(attempt.agent)}: ${attempt.outcome}`),
        ...reasons(attempt, style),
      );
    }
    const last = task.attempts.findLast((attempt) => attempt.change !== null);
    if (last?.change != null) {
      const change = last.change.slice(0, 12);
      lines.push(
        '  its last change, to look at or to start from:',
        `      git show ${change}`,
        `      git cherry-pick -n ${change}`,
      );
    }
    lines.push('');
  }
  return lines.slice(0, -1);
}

/** Title and body of a pull request: what changed, what the checks said, what was refused, what it cost. */
export function pullRequestText(summary: RunSummary): { title: string; body: string } {
  const landed = summary.tasks.filter((task) => task.state === 'landed');
  const heading =
    landed.length === 1
      ? clean(landed[0]!.title)
      : `${landed.length} tasks: ${landed.map((task) => clean(task.title)).join('; ')}`;
  const body = ['## What changed', '', '| task | agent | files | lines | commit |', '|---|---|---|---|---|'];
  for (const task of landed) {
    const winner = task.attempts.findLast((attempt) => attempt.outcome === 'landed');
    const files = winner?.files ?? [];
    const added = files.reduce((sum, file) => sum + file.added, 0);
    const removed = files.reduce((sum, file) => sum + file.removed, 0);
    body.push(
      `| ${cell([task.id, titleBeside(task.id, task.title)].filter((text) => text !== '').join(': '))} | ${cell(winner?.agent ?? '')} | ${winner?.filesTotal ?? 0} | +${added} -${removed} | ${(task.commit ?? '').slice(0, 9)} |`,
    );
  }
  const verdicts = tipVerdicts(summary) ?? [];
  body.push('', '## Checks', '');
  for (const verdict of verdicts)
    body.push(`- ${cell(verdict.check)}: ${verdict.status}${verdict.passed > 0 ? `, ${verdict.passed} passed` : ''}`);
  if (verdicts.length === 0) body.push('- none ran');
  const refused = summary.tasks.flatMap((task) =>
    task.attempts.flatMap((attempt) =>
      attempt.violations.slice(0, VIOLATIONS_SHOWN).map((violation, i) => {
        const more = attempt.violations.length - VIOLATIONS_SHOWN;
        return { task, attempt, violation, more: i === VIOLATIONS_SHOWN - 1 && more > 0 ? ` (and ${more} more)` : '' };
      }),
    ),
  );
  if (refused.length > 0) body.push('', '## Refused on the way', '');
  for (const { task, attempt, violation, more } of refused.slice(0, 50))
    body.push(`- ${cell(task.id)} by ${cell(attempt.agent)}: ${violation.rule}: ${cell(violation.detail).slice(0, 300)}${more}`);
  const open = summary.tasks.filter((task) => task.state !== 'landed');
  if (open.length > 0) body.push('', `Left open: ${open.map((task) => cell(task.id)).join(', ')}`);
  body.push('', `Cost: ${costText(summary.cost)}. Sandbox: ${summary.sandbox}. Green means that these checks passed, no more.`);
  return { title: heading.length > 100 ? `${heading.slice(0, 97)}...` : heading, body: `${body.join('\n')}\n` };
}

/** Text inside a Markdown table or list. */
function cell(text: string): string {
  return clean(text).replaceAll('|', '\\|');
}
