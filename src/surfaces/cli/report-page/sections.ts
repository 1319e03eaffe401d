/** The parts of the page that are lists and tables: findings, what is left, credit, checks, cost, ledger, and what is not shown. Pure. */
import type { RunEvidence } from '../../../assembly/index.ts';
import type { work } from '../../../contracts/index.ts';
import { type Credit, creditOf } from '../credit.ts';
import { costText } from '../report.ts';
import { clock, duration, money, plural } from '../terminal.ts';
import { titleBeside } from '../titles.ts';
import { anchor, command, said } from './changes.ts';
import { type ReportData, type Task, wasRefused, winnerOf } from './data.ts';
import { type Markup, markup, short } from './markup.ts';

const TASKS_MAX = 2000; // rows of the table of all tasks; beyond it the JSON is the better table
const LEFT_MAX = 200;
const FINDINGS_MAX = 40; // of a kind
const NOTES_MAX = 40;
const NOTES_OPEN = 3;
const LEDGER_TEXT = 180;

const KINDS: Readonly<Record<string, string>> = {
  fixable: 'What its own linter can fix',
  'type-error': 'What the compiler says',
  flaky: 'Tests that do not always give the same answer',
  slow: 'What takes long',
  unwatched: 'Lines that no test would notice',
  'untrue-annotation': 'Annotations that are not true',
};

export function findings(data: ReportData): Markup | null {
  const { probes } = data.view;
  const all = probes.flatMap((probe) => probe.result?.findings ?? []);
  const unstable = data.summary.baseline?.unstable ?? [];
  const more = probes.reduce((sum, probe) => sum + (probe.result?.more ?? 0), 0);
  const kinds = [...new Set(all.map((finding) => finding.kind))];
  if (probes.length === 0 && unstable.length === 0) return null;
  return markup`<section id="findings">
    <h2>
      Findings
      <small
        >${all.length + more === 0 ? 'nothing beyond what the checks say' : `${plural(all.length + more, 'thing')} true of this repository, each with the command that shows it`}</small
      >
    </h2>
    ${kinds.map((kind) =>
      ofKind(
        kind,
        all.filter((finding) => finding.kind === kind),
      ),
    )}${more > 0 && markup`<p>${plural(more, 'more finding')} not listed by the probes.</p>`}${
      unstable.length > 0 &&
      markup`<article>
        <h3>Two runs of the same tree disagree</h3>
        <ul class="limits">
          ${unstable.slice(0, FINDINGS_MAX).map((name) => markup`<li>${short(name, 300)}</li>`)}
        </ul>
      </article>`
    }${probes.length > 0 && looked(probes)}
  </section>`;
}

/** Findings that the same command shows stand together above it. */
function ofKind(kind: string, list: readonly work.Finding[]): Markup {
  const shown = list.slice(0, FINDINGS_MAX);
  const commands = [...new Set(shown.map((finding) => finding.show))];
  return markup`<article>
    <h3>${KINDS[kind] ?? kind} <span class="dim">${list.length}</span></h3>
    ${commands.map(
      (show) =>
        markup`<ul class="limits">
            ${shown
              .filter((finding) => finding.show === show)
              .map(
                (finding) =>
                  markup`<li>
                    ${short(finding.title, 300)}${
                      finding.detail !== '' &&
                      markup`<details>
                        <summary>more</summary>
                        <pre class="diag plain">${short(finding.detail, 2000)}</pre>
                      </details>`
                    }
                  </li>`,
              )}
          </ul>
          ${show !== '' && command(short(show, 2000))}`,
    )}${list.length > shown.length && markup`<p class="meta">and ${list.length - shown.length} more of this kind</p>`}
  </article>`;
}

function looked(probes: readonly work.ProbeRecord[]): Markup {
  const outcome = ({ state, detail, result, tasks, startedAt, endedAt }: work.ProbeRecord): string => {
    if (state !== 'done') return detail === '' ? state.replace('-', ' ') : `${state.replace('-', ' ')}: ${detail}`;
    const found = (result?.findings.length ?? 0) + (result?.more ?? 0);
    const time = startedAt === null || endedAt === null ? '' : `, ${duration(endedAt - startedAt)}`;
    const gave = [found > 0 ? plural(found, 'finding') : '', tasks.length > 0 ? plural(tasks.length, 'task') : ''].filter(
      (text) => text !== '',
    );
    return `${gave.join(', ') || 'found nothing'}${time}`;
  };
  const notes = probes.flatMap((probe) => probe.result?.notes ?? []);
  return markup`<dl class="kv">
      ${probes.map(
        (probe) =>
          markup`<div>
            <dt>${short(probe.spec.name, 60)}</dt>
            <dd>${short(probe.spec.says, 200)} <span class="dim">${short(outcome(probe), 300)}</span></dd>
          </div>`,
      )}${probes
        .flatMap((probe) => probe.result?.measures ?? [])
        .map(
          (measure) =>
            markup`<div>
              <dt>${short(measure.name.replaceAll('-', ' '), 60)}</dt>
              <dd>${short(measure.text, 300)}</dd>
            </div>`,
        )}
    </dl>
    ${noted(notes)}`;
}

/** Few notes are read, many are looked up. */
function noted(notes: readonly string[]): Markup | null {
  if (notes.length === 0) return null;
  const shown = notes.slice(0, NOTES_MAX);
  const more = notes.length - shown.length;
  const list = markup`<ul class="limits">${shown.map((note) => markup`<li>${short(note, 500)}</li>`)}${more > 0 && markup`<li>and ${more} more</li>`}</ul>`;
  return notes.length <= NOTES_OPEN ? list : markup`<details><summary>${plural(notes.length, 'note')}</summary>${list}</details>`;
}

/** The share of sampled faults that the checks notice, or null where nobody measured it. */
export function power(data: ReportData): work.Measure | null {
  return (
    data.view.probes.flatMap((probe) => probe.result?.measures ?? []).find((each) => each.name === 'detection-power') ?? null
  );
}

export function left(data: ReportData): Markup | null {
  const { summary } = data;
  const tasks = summary.tasks.filter((task) => task.state !== 'landed');
  if (tasks.length === 0) return null;
  const states = new Map(summary.tasks.map((task) => [task.id, task.state]));
  const why = (task: Task): string => {
    if (task.state === 'open') return `open after ${plural(task.attempts.length, 'attempt')}: for a senior agent or a person`;
    if (task.state === 'blocked') return `waits for ${task.needs.filter((need) => states.get(need) !== 'landed').join(', ')}`;
    if (task.state === 'failed') return task.detail;
    return summary.phase === 'finished' ? task.state : 'goes on with skein resume';
  };
  const resume = tasks.some((task) => !['open', 'blocked', 'failed'].includes(task.state));
  return markup`<section id="left">
    <h2>Left <small>${plural(tasks.length, 'task')}</small></h2>
    <div class="scroll" tabindex="0" role="region" aria-label="Tasks that are left">
      <table>
        <thead>
          <tr>
            <th>task</th>
            <th>what</th>
            <th>why it is left</th>
          </tr>
        </thead>
        <tbody>
          ${tasks.slice(0, LEFT_MAX).map(
            (task) =>
              markup`<tr id="${anchor(data, task)}">
                <td class="mono">${short(task.id, 60)}</td>
                <td>${short(titleBeside(task.id, task.title) || task.title, 200)}</td>
                <td>${short(why(task), 300)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${tasks.length > LEFT_MAX && markup`<p>and ${tasks.length - LEFT_MAX} more, in the table of all tasks.</p>`}${command(resume ? `skein resume ${summary.run}` : `skein runs open ${summary.run}`)}
  </section>`;
}

/** What each agent did, cost and is owed. */
export function agents(data: ReportData): Markup | null {
  const { summary } = data;
  const attempts = summary.tasks.flatMap((task) => task.attempts);
  if (attempts.length === 0) return null;
  const credit: Credit = creditOf(data.view);
  const shares = new Map(credit.shares.map(({ agent, share }) => [agent, share]));
  const names = [...new Set(attempts.map((attempt) => attempt.agent))];
  const landed = (name: string): number =>
    attempts.filter((attempt) => attempt.agent === name && attempt.outcome === 'landed').length;
  names.sort((a, b) => (shares.get(b) ?? 0) - (shares.get(a) ?? 0) || landed(b) - landed(a) || (a < b ? -1 : 1));
  const most = Math.max(1, credit.items);
  const rows = names.map((name) => {
    const own = attempts.filter((attempt) => attempt.agent === name);
    const refused = own.filter(wasRefused).length;
    const known = own.flatMap((attempt) => (attempt.cost === 'unknown' ? [] : [attempt.cost]));
    const sum = known.reduce((total, each) => total + each, 0);
    const cost = known.length === own.length ? money(sum) : known.length === 0 ? 'unknown' : `${money(sum)} and unknown`;
    const time = own.reduce((total, attempt) => total + (attempt.durationMs ?? 0), 0);
    const share = shares.get(name) ?? 0;
    return markup`<tr>
      <td>${short(name, 80)}</td>
      <td class="n">${own.length}</td>
      <td class="n">${landed(name)}</td>
      <td class="n">${refused > 0 ? markup`<span class="open">${refused}</span>` : '0'}</td>
      <td class="n">${duration(time)}</td>
      <td class="n">${cost}</td>
      ${
        credit.items > 0 &&
        markup`<td class="n">${figure(share)}</td>
          <td>
            <svg class="share" aria-hidden="true">
              <rect class="all" width="100%" height="8" rx="2" />
              <rect width="${((share / most) * 100).toFixed(1)}%" height="8" rx="2" />
            </svg>
          </td>`
      }
    </tr>`;
  });
  const note =
    credit.items === 0
      ? markup`<p>Credit for closed items is not counted here: no task of this run had a judge that names them.</p>`
      : markup`<p>
          Credit: ${plural(credit.items, 'item')} (diagnostics, findings, tests) closed on the branch, each shared evenly by the
          agents whose sound candidates close it. The shares sum to
          ${credit.items}.${credit.unlisted > 0 && ` ${plural(credit.unlisted, 'more item')} closed that no candidate listed by name.`}
        </p>`;
  return markup`<section id="credit">
    <h2>Agents and credit <small>${costText(summary.cost)}${summary.cost.total !== 'unknown' && ' in all'}</small></h2>
    ${note}
    <div class="scroll" tabindex="0" role="region" aria-label="Agents">
      <table>
        <thead>
          <tr>
            <th>agent</th>
            <th class="n">attempts</th>
            <th class="n">landed</th>
            <th class="n">refused</th>
            <th class="n">time</th>
            <th class="n">cost</th>
            ${
              credit.items > 0 &&
              markup`<th class="n">credit</th>
                <th><span class="hide">share of all credit</span></th>`
            }
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>
  </section>`;
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toFixed(2)));
}

export function checks(data: ReportData): Markup {
  const { baseline, base } = data.summary;
  const measure = power(data);
  const list = baseline?.verdicts ?? [];
  const causes = list.filter((verdict) => verdict.status !== 'green' && verdict.cause !== '');
  const sources = new Map(data.summary.checks.map(({ name, source }) => [name, source]));
  return markup`<section id="checks">
    <h2>Checks <small>${list.length === 0 ? 'none ran' : `on ${base.commit.slice(0, 9)}, as committed`}</small></h2>
    ${
      list.length > 0 &&
      markup`<div class="scroll" tabindex="0" role="region" aria-label="Checks">
        <table>
          <thead>
            <tr>
              <th>check</th>
              <th>verdict</th>
              <th>what it said</th>
              <th>found in</th>
            </tr>
          </thead>
          <tbody>
            ${list.map(
              (verdict) =>
                markup`<tr>
                  <td>${short(verdict.check, 120)}</td>
                  <td class="w">${verdict.status === 'green' ? 'green' : markup`<span class="open">${verdict.status}</span>`}</td>
                  <td>${said(verdict)}</td>
                  <td class="dim">${short(sources.get(verdict.check) ?? '', 200)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`
    }${list.length === 0 && markup`<p class="none">No check was found. Name them in skein.yaml under <code>checks:</code>, or give <code>--check "npm test"</code>.</p>`}${causes.map((verdict) => markup`<pre class="diag"><span class="at">${short(verdict.check, 120)}</span>${short(verdict.cause, 2000)}</pre>`)}${noted(baseline?.notes ?? [])}
    <p>
      <b>Verified</b> means: these checks passed, on exactly the tree that landed. Detection power:
      ${measure === null ? markup`<b>not measured</b>` : markup`<b>${figure(measure.value)} ${measure.unit}</b> <span class="dim">(${short(measure.text, 300)})</span>`}.
      What no check notices lands.
    </p>
  </section>`;
}

export function ledger(evidence: RunEvidence['ledger'], run: string, zero: number): Markup {
  if (evidence === null)
    return markup`<section id="ledger">
      <h2>Ledger</h2>
      <p class="none">The ledger could not be read for this page.</p>
      ${command(`skein verify ${run}`)}
    </section>`;
  const { sound, entries, root, kinds, rows, erased } = evidence;
  const counts = Object.entries(kinds)
    .toSorted(([, a], [, b]) => b - a)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
  return markup`<section id="ledger">
    <h2>
      Ledger
      <small
        >${plural(entries, 'entry', 'entries')},
        ${sound ? 'none changed, dropped or reordered when this page was made' : markup`<span class="open">changed since it was written</span>`}</small
      >
    </h2>
    <p>
      Every decision of the run, as leaves of one Merkle log, signed by its host. This recomputes all of them from the file
      alone and prints the same root:
    </p>
    ${command(`skein verify ${run}`)}
    <dl class="kv">
      <div>
        <dt>root of ${entries} entries</dt>
        <dd class="mono">${root}</dd>
      </div>
      <div>
        <dt>entries</dt>
        <dd>${counts}${erased > 0 && `; ${plural(erased, 'body', 'bodies')} erased`}</dd>
      </div>
    </dl>
    <details>
      <summary>the last ${rows.length} that are neither the start nor the outcome of an activity</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Ledger entries">
        <table>
          <thead>
            <tr>
              <th class="n">entry</th>
              <th class="n">time</th>
              <th>kind</th>
              <th>what it says</th>
              <th>leaf</th>
            </tr>
          </thead>
          <tbody>
            ${rows.map(
              (row) =>
                markup`<tr>
                  <td class="n">${row.index}</td>
                  <td class="n">${clock(row.at - zero)}</td>
                  <td class="w">${row.kind}</td>
                  <td class="mono">${row.body === null ? 'erased' : short(JSON.stringify(row.body), LEDGER_TEXT)}</td>
                  <td class="mono dim">${row.leaf.slice(0, 16)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
  </section>`;
}

export function everyTask(data: ReportData): Markup | null {
  const { tasks } = data.summary;
  if (tasks.length === 0) return null;
  return markup`<details>
    <summary>every task as a table</summary>
    <div class="scroll" tabindex="0" role="region" aria-label="All tasks">
      <table>
        <thead>
          <tr>
            <th>task</th>
            <th>what</th>
            <th>state</th>
            <th>agent</th>
            <th class="n">attempts</th>
            <th class="n">time</th>
            <th>commit</th>
          </tr>
        </thead>
        <tbody>
          ${tasks.slice(0, TASKS_MAX).map((task) => {
            const time = task.attempts.reduce((total, attempt) => total + (attempt.durationMs ?? 0), 0);
            return markup`<tr>
              <td class="mono">${short(task.id, 60)}</td>
              <td>${short(titleBeside(task.id, task.title), 100)}</td>
              <td>${task.state}</td>
              <td>${short(winnerOf(task)?.agent ?? '', 60)}</td>
              <td class="n">${task.attempts.length}</td>
              <td class="n">${duration(time)}</td>
              <td class="mono">${(task.commit ?? '').slice(0, 9)}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
    ${tasks.length > TASKS_MAX && markup`<p>and ${tasks.length - TASKS_MAX} more: <code>skein runs show ${data.summary.run} --json</code></p>`}
  </details>`;
}

/** What a reader might take this page for and must not. */
export function notShown(data: ReportData, named: number): Markup {
  const { summary } = data;
  const items = [
    power(data) === null
      ? 'Green means that these checks passed. How much they notice was not measured in this run.'
      : 'Green means that these checks passed. How much they notice was measured on a sample of small faults, not on all that can go wrong.',
    'The ledger shows that nothing was changed since it was written, not that its writer told the truth: whoever holds the key of its host can sign another history, and only a checkpoint kept elsewhere would show it.',
    'This page is a copy made when the run ended. The branch may have moved since, and your own branch is not on it.',
    'What agents and checks printed is not here; it is kept with the run, until the run is dropped.',
  ];
  if (named > 0)
    items.push(`${plural(named, 'diff')} too long for this page or gone: each is named with the command that prints it.`);
  if (summary.cost.total === 'unknown')
    items.push(`${plural(summary.cost.unknownAttempts, 'attempt')} did not say what it cost: the sum is what is known.`);
  if (summary.sandbox !== 'full' && summary.tasks.length > 0)
    items.push(
      summary.sandbox === 'none'
        ? 'Agents and checks ran without a sandbox: what they did outside the repository is not known.'
        : 'The sandbox held back the network only: what agents did to other files is not known.',
    );
  return markup`<section id="limits">
    <h2>What this report does not show</h2>
    <ul class="limits">
      ${items.map((item) => markup`<li>${item}</li>`)}
    </ul>
  </section>`;
}
