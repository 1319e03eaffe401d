/** The changes that landed, side by side with what they replaced, and the attempts that were refused with what gave them away. Pure. */
import type { RunView } from '../../../assembly/index.ts';
import { duration, plural } from '../terminal.ts';
import { titleBeside } from '../titles.ts';
import { type Attempt, DIFF_LINES_MAX, linesOf, type ReportData, type Task, type Verdict, wasRefused, winnerOf } from './data.ts';
import { type FileDiff, readDiff, type Row, type Side } from './diff.ts';
import { type Markup, markup, short } from './markup.ts';
import { inChange, inOutput, type TellTale } from './tell-tale.ts';

const CHANGES_MAX = 250; // articles; the table of all tasks has the rest
const REFUSALS_MAX = 150;
const DIFF_BYTES_MAX = 1_000_000; // of all diffs together, as markup: what keeps the page under 3 MB
const OPEN_LINES_MAX = 40; // a diff of this length is read at a glance
const OPEN_MAX = 4; // open ones; the rest is one key away
const LINE_CHARS_MAX = 2000;
const VIOLATIONS_SHOWN = 4;
const CLOSED_SHOWN = 12;
const EXCERPT_LINES = 8;
const EXCERPT_CHARS = 1500;

export interface Room {
  /** Bytes of diffs that still fit. */
  left: number;
  open: number;
  /** Diffs that were named instead of shown. */
  named: number;
}

export const fullRoom = (): Room => ({ left: DIFF_BYTES_MAX, open: OPEN_MAX, named: 0 });

export function changes(data: ReportData, room: Room): Markup {
  const landed = data.summary.tasks.filter((task) => task.state === 'landed');
  if (landed.length === 0) return markup`<p class="none">Nothing landed, so there is nothing to read here.</p>`;
  const shown = landed.slice(0, CHANGES_MAX);
  const more = landed.length - shown.length;
  return markup`${shown.map((task) => change(task, data, room))}${more > 0 && markup`<p class="none">${plural(more, 'more change')} landed: they are in the table of all tasks, each with the commit that <code>git show</code> prints.</p>`}`;
}

function change(task: Task, data: ReportData, room: Room): Markup {
  const winner = winnerOf(task);
  const files = winner?.files ?? [];
  const added = files.reduce((sum, file) => sum + file.added, 0);
  const removed = files.reduce((sum, file) => sum + file.removed, 0);
  const tries = task.attempts.length > 1 ? `, ${plural(task.attempts.length, 'attempt')}` : '';
  const closed = recordOf(data.view, task.id, winner)?.vet?.closed ?? [];
  const rivals = task.attempts.filter((attempt) => attempt.outcome === 'outscored').map((attempt) => attempt.agent);
  return markup`<article id="${anchor(data, task)}" data-kind="change" tabindex="-1">
    <div class="ahead">${title(task)}<span class="mono dim">${(task.commit ?? '').slice(0, 9)}</span></div>
    <p class="meta">
      by <b>${short(winner?.agent ?? 'nobody', 80)}</b>${tries}, ${plural(winner?.filesTotal ?? 0, 'file')}, +${added}
      −${removed}${winner?.durationMs != null && `, ${duration(winner.durationMs)}`}${rivals.length > 0 && `, did more than ${short([...new Set(rivals)].join(', '), 120)}`}
    </p>
    ${verdicts(task.verdicts)}${
      closed.length > 0 &&
      markup`<details>
        <summary>closes ${plural(closed.length, 'item')}</summary>
        <p class="meta mono">
          ${closed.slice(0, CLOSED_SHOWN).map((item) => markup`${short(item, 300)}<br />`)}${closed.length > CLOSED_SHOWN && `and ${closed.length - CLOSED_SHOWN} more`}
        </p>
      </details>`
    }${diffOf(task.commit, winner, data, room)}
  </article>`;
}

function diffOf(
  commit: string | null,
  attempt: Attempt | null,
  data: ReportData,
  room: Room,
  name = 'the change, line by line',
): Markup | null {
  if (commit === null || attempt === null) return null;
  const instead = (why: string): Markup => {
    room.named += 1;
    return markup`<p class="meta">${why}:</p>
      ${command(`git show ${commit.slice(0, 12)}`)}`;
  };
  if (linesOf(attempt) > DIFF_LINES_MAX) return instead(`The change has ${linesOf(attempt)} lines, too many for a page`);
  const text = data.evidence.diffs.get(commit);
  if (text === undefined) return instead('Its text could not be read for this page');
  const files = readDiff(text);
  const drawn = markup`${files.map(fileOf)}`;
  const size = Buffer.byteLength(String(drawn));
  if (size > room.left) return instead('It does not fit on this page any more');
  room.left -= size;
  const lines = files.reduce((sum, file) => sum + file.added + file.removed, 0);
  const open = room.open > 0 && lines <= OPEN_LINES_MAX;
  if (open) room.open -= 1;
  return markup`<details${open && markup` open`}><summary>${name}</summary>${drawn}</details>`;
}

function fileOf(file: FileDiff): Markup {
  const what = file.status === 'modified' ? '' : file.status === 'moved' ? `moved from ${file.from}` : file.status;
  return markup`<div class="file"><h4><span>${short(file.path, 300)}</span><small>${what !== '' && `${short(what, 200)} `}+${file.added} −${file.removed}</small></h4>${file.hunks.map(
    ({ head, rows }, i) =>
      markup`${(i > 0 || head !== '') && markup`<div class="gap">⋯ ${short(head, 160)}</div>`}${rows.map(rowOf)}`,
  )}${file.status === 'binary' && markup`<div class="gap">binary, not shown</div>`}</div>\n`;
}

/** Lines keep their blanks, so nothing stands between the tags. */
function rowOf({ before, after, same }: Row): Markup {
  if (same && before !== null && after !== null)
    return markup`<div class="r"><span aria-hidden="true" data-n="${before.number}">${textOf(before)}</span><span data-n="${after.number}">${textOf(after)}</span></div>`;
  const old = before === null ? markup`<i></i>` : markup`<del data-n="${before.number}">${textOf(before)}</del>`;
  const now = after === null ? markup`<i></i>` : markup`<ins data-n="${after.number}">${textOf(after)}</ins>`;
  return markup`<div class="r">${old}${now}</div>`;
}

function textOf(side: Side): Markup {
  return markup`${side.parts.map((part) => (part.differs ? markup`<b>${short(part.text, LINE_CHARS_MAX)}</b>` : short(part.text, LINE_CHARS_MAX)))}`;
}

interface Refusal {
  readonly task: Task;
  /** Of one task, refused for the same reasons, first to last. */
  readonly attempts: readonly Attempt[];
}

export function refusals(data: ReportData, room: Room): Markup {
  const all = data.summary.tasks.flatMap((task) => {
    const alike = new Map<string, Attempt[]>();
    for (const attempt of task.attempts.filter(wasRefused)) {
      const reasons = JSON.stringify([attempt.outcome, attempt.violations, attempt.failure]);
      alike.set(reasons, [...(alike.get(reasons) ?? []), attempt]);
    }
    return [...alike.values()].map((attempts): Refusal => ({ task, attempts }));
  });
  if (all.length === 0) return markup`<p class="none">No attempt was refused.</p>`;
  const shown = all.slice(0, REFUSALS_MAX);
  const more = all.length - shown.length;
  return markup`${shown.map((each) => refusal(each, data, room))}${more > 0 && markup`<p class="none">${plural(more, 'more refusal')}: <code>skein runs show ${data.summary.run} --json</code> has every one.</p>`}`;
}

function refusal({ task, attempts }: Refusal, data: ReportData, room: Room): Markup {
  const attempt = attempts.at(-1)!;
  const files = filesOf(attempt.change, data);
  const failure = recordOf(data.view, task.id, attempt)?.failure ?? attempt.failure;
  const whose = attempts.map((each) => markup`attempt ${task.attempts.indexOf(each) + 1} by <b>${short(each.agent, 80)}</b>`);
  const later = task.state === 'landed' ? markup`<a href="#${anchor(data, task)}">landed later</a>` : `the task is ${task.state}`;
  const first = attempt.violations.slice(0, VIOLATIONS_SHOWN);
  const seen = new Set<string>();
  const reasons = first.map(({ rule, detail }) => {
    const found = inChange(detail, files);
    const fresh = found !== null && !seen.has(found.at);
    if (found !== null) seen.add(found.at);
    return markup`<p class="meta"><span class="rule">${rule}</span> <b>${short(detail, 400)}</b></p>${fresh && evidence(found)}`;
  });
  const details = attempt.violations.map((violation) => violation.detail);
  const printed = seen.size > 0 ? null : inOutput(details, failure);
  const excerpt = short(failure.trim().split('\n').slice(0, EXCERPT_LINES).join('\n'), EXCERPT_CHARS);
  const none = attempt.outcome === 'agent-failed' ? 'Its program failed and left no change.' : 'No rule was named.';
  const more = attempt.violations.length - first.length;
  return markup`<article data-kind="refusal" tabindex="-1">
<div class="ahead">${title(task)}<span class="open">refused</span></div>
<p class="meta">${whose.map((each, i) => markup`${i > 0 && ', '}${each}`)}; ${later}</p>
${first.length > 0 ? reasons : markup`<p class="meta">${none}</p>${excerpt !== '' && markup`<pre class="diag">${excerpt}</pre>`}`}${more > 0 && markup`<p class="meta">and ${more} more</p>`}${printed !== null && evidence(printed)}
${seen.size === 0 && first.length > 0 ? diffOf(attempt.change, attempt, data, room, 'what it wanted to change') : attempt.change !== null && markup`<details><summary>what it wanted to change</summary>${command(`git show ${attempt.change.slice(0, 12)}`)}</details>`}</article>`;
}

function filesOf(commit: string | null, data: ReportData): readonly FileDiff[] {
  const text = commit === null ? undefined : data.evidence.diffs.get(commit);
  return text === undefined ? [] : readDiff(text);
}

function evidence({ at, lines, printed }: TellTale): Markup {
  return markup`<pre class="diag"><span class="at">${short(at, 300)}</span>${lines.map(({ text, hit, mark }) => markup`${!printed && `${mark} `}${hit ? markup`<b>${text}</b>` : text}${'\n'}`)}</pre>`;
}

export function verdicts(list: readonly Verdict[]): Markup | null {
  if (list.length === 0) return null;
  return markup`<ul class="verdicts">
    ${list.map((verdict) => {
      const bad = verdict.status === 'red' || verdict.status === 'timed-out';
      const kind = verdict.status === 'green' ? '' : bad ? 'bad' : 'unsure';
      return markup`<li class="${kind}">${short(verdict.check, 80)} <span class="dim">${said(verdict)}</span></li>`;
    })}
  </ul>`;
}

export function said(verdict: Verdict): string {
  const counts = [
    verdict.passed > 0 ? `${verdict.passed} passed` : '',
    verdict.failed > 0 ? `${verdict.failed} failed` : '',
    verdict.skipped > 0 ? `${verdict.skipped} skipped` : '',
    verdict.findings > 0 ? plural(verdict.findings, 'finding') : '',
  ].filter((text) => text !== '');
  const time = verdict.status === 'unavailable' ? [] : [verdict.cached ? 'known already' : duration(verdict.durationMs)];
  return [...(counts.length > 0 ? counts : [verdict.status]), ...time].join(', ');
}

export function command(text: string): Markup {
  return markup`<div class="command">
    <code>${text}</code><button type="button" class="copy needs-js" data-do="copy">Copy</button>
  </div>`;
}

/** Ids of tasks are anybody's words; places on the page are numbers. */
export function anchor(data: ReportData, task: Pick<Task, 'id'>): string {
  return `c${data.summary.tasks.findIndex((each) => each.id === task.id) + 1}`;
}

function title(task: Task): Markup {
  const beside = titleBeside(task.id, task.title);
  return beside === ''
    ? markup`<h3>${short(task.title, 300)}</h3>`
    : markup`<h3><code>${short(task.id, 60)}</code>${short(beside, 300)}</h3>`;
}

function recordOf(
  view: RunView,
  task: string,
  attempt: Attempt | null,
): RunView['tasks'][number]['attempts'][number] | undefined {
  if (attempt === null) return undefined;
  return view.tasks.find((each) => each.spec.id === task)?.attempts.find((each) => each.fence === attempt.fence);
}
