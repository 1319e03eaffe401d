/**
 * The report of a run as one page: no network, no other file, everything there without JavaScript. It is written for the person
 * who has to decide whether to take the work: ten seconds for the first sentence, minutes for the changes, the rest to look up.
 * Its policy allows exactly the style and the script below, by their hashes. Pure: the same data give the same bytes.
 */
import { createHash } from 'node:crypto';
import { tipVerdicts } from '../report.ts';
import { duration, money, plural } from '../terminal.ts';
import { comfort } from './browser.ts';
import { anchor, changes, command, fullRoom, refusals } from './changes.ts';
import { type ReportData, wasRefused } from './data.ts';
import { graph, type GraphNode } from './graph.ts';
import { type Markup, markup, short } from './markup.ts';
import { agents, checks, everyTask, findings, ledger, left, notShown, power } from './sections.ts';
import { STYLE } from './style.ts';
import { type Timeline, timeline } from './timeline.ts';
import { wordsFor } from './words.ts';

const CHIPS_MAX = 300;
const REFUSED_OPEN = 3; // diffs of refused attempts that are open from the start

const SCRIPT = `(${comfort.toString()})();`;
const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
const POLICY = `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'`;

export function reportPage(data: ReportData): string {
  const { summary, view, evidence } = data;
  const words = wordsFor(summary, view);
  const end = view.run.endedAt ?? Date.parse(summary.startedAt) + summary.durationMs;
  const times = timeline(view, end);
  const room = fullRoom();
  const landed = changes(data, room);
  room.open = REFUSED_OPEN;
  const gone = refusals(data, room);
  const found = findings(data);
  const open = left(data);
  const who = agents(data);
  const refused = summary.tasks.flatMap((task) => task.attempts).filter(wasRefused).length;
  const worked = summary.tasks.length > 0;
  const sections: readonly (readonly [id: string, name: string, there: boolean])[] = [
    ['changes', 'Changes', worked],
    ['refused', 'Refused', worked],
    ['left', 'Left', open !== null],
    ['findings', 'Findings', found !== null],
    ['checks', 'Checks', true],
    ['credit', 'Agents', who !== null],
    ['ledger', 'Ledger', true],
  ];
  const run = `run ${summary.run}`;
  const repository = summary.repository.split('/').at(-1) ?? '';
  const body = markup`<a class="skip" href="#top">Skip to the report</a>
    <header class="top">
      <div class="brand">
        <svg width="26" height="20" viewBox="0 0 26 20" aria-hidden="true" fill="currentColor">
          <circle cx="4" cy="3.5" r="1.8" />
          <circle cx="12" cy="6.5" r="1.8" />
          <circle cx="22" cy="10" r="2.4" />
          <circle cx="12" cy="13.5" r="1.8" />
          <circle cx="4" cy="16.5" r="1.8" />
          <circle cx="6" cy="10" r="1.8" /></svg
        >skein
      </div>
      <nav aria-label="Parts of this report">
        ${sections.map(([id, name, there]) => there && markup`<a href="#${id}">${name}</a>`)}
      </nav>
      <div class="tools">
        <button type="button" class="needs-js" data-do="keys"><kbd>?</kbd>Keys</button
        ><button type="button" class="needs-js" data-do="theme"><kbd>t</kbd>Theme</button>
      </div>
    </header>
    <main id="top" tabindex="-1">
      <span class="pill ${words.state.tone}"><i></i>${words.state.text}</span>
      <h1>${words.headline}.</h1>
      <p class="lede">${words.lede.join(' ')}</p>
      <p class="whose">
        ${run} in ${short(repository, 100)}, ${summary.startedAt.slice(0, 16).replace('T', ' ')} UTC, from
        ${summary.base.commit.slice(0, 9)}${summary.landed > 0 && markup` to <span class="mono">${summary.branch.replace('refs/heads/', '')}</span> at ${summary.tip.commit.slice(0, 9)}`}
      </p>
      ${summary.landed > 0 && markup`<div class="commands">${command(`git diff HEAD...${summary.branch.replace('refs/heads/', '')}`)}${command(`skein land ${summary.run}`)}</div>`}
      ${facts(data, refused)} ${worked && pictures(data, times)}
      ${
        worked &&
        markup`<section id="changes">
          <h2>
            Changes
            <small
              >${summary.landed === 0 ? 'none landed' : `${plural(summary.landed, 'change')} landed, each with what the checks said of exactly that commit`}</small
            >
          </h2>
          ${landed}
        </section>`
      }
      ${
        worked &&
        markup`<section id="refused">
          <h2>Refused <small>${refused === 0 ? 'nothing' : `${plural(refused, 'attempt')}, with what gave it away`}</small></h2>
          ${gone}
        </section>`
      }
      ${open}${found}${checks(data)}${who}${ledger(evidence.ledger, summary.run, view.run.startedAt)}${notShown(data, room.named)}${footer(data)}
    </main>
    <dialog id="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl>
        <div>
          <dt><kbd>j</kbd> <kbd>k</kbd></dt>
          <dd>next, previous change</dd>
        </div>
        <div>
          <dt><kbd>n</kbd> <kbd>p</kbd></dt>
          <dd>next, previous refusal</dd>
        </div>
        <div>
          <dt><kbd>t</kbd></dt>
          <dd>light or dark</dd>
        </div>
        <div>
          <dt><kbd>?</kbd></dt>
          <dd>this list</dd>
        </div>
      </dl>
      <div class="tools">
        <button type="button" data-do="close">Close<kbd>Esc</kbd></button>
      </div>
    </dialog>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer"><title>${String(markup`${words.headline} · Skein ${run}`)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body>${String(body)}<script>${SCRIPT}</script></body></html>
`;
}

function facts(data: ReportData, refused: number): Markup {
  const { summary } = data;
  const attempts = summary.tasks.flatMap((task) => task.attempts);
  const measure = power(data);
  const clean = summary.tasks.filter((task) => task.state === 'landed' && !task.attempts.some(wasRefused)).length;
  const fact = (name: string, value: string, unit = ''): Markup =>
    markup`<div>
      <dt>${name}</dt>
      <dd>${value}${unit !== '' && markup` <small>${unit}</small>`}</dd>
    </div>`;
  const tests = (tipVerdicts(summary) ?? summary.baseline?.verdicts ?? []).reduce((sum, verdict) => sum + verdict.passed, 0);
  const { total, cap } = summary.cost;
  return markup`<dl class="facts">
    ${fact('Took', duration(summary.durationMs), summary.sittings > 1 ? `in ${summary.sittings} sittings` : '')}${attempts.length > 0 && markup`${fact('Landed', String(summary.landed), `of ${summary.tasks.length}`)}${fact('Refused', String(refused), `of ${plural(attempts.length, 'attempt')}`)}${fact('Never refused', String(clean), `of ${summary.landed} landed`)}`}${fact(summary.landed > 0 ? 'Verified by' : 'Passing', tests === 0 ? 'no counted test' : String(tests), tests === 0 ? '' : 'tests')}${fact('Detection power', measure === null ? 'not measured' : `${Math.round(measure.value)}`, measure?.unit ?? '')}${attempts.length > 0 && fact('Spent', total === 'unknown' ? 'unknown' : money(total), cap === null ? '' : `of ${money(cap)}`)}
  </dl>`;
}

function pictures(data: ReportData, times: Timeline | null): Markup {
  const { summary } = data;
  const stateOf = (state: string): GraphNode['state'] => {
    if (state === 'landed') return 'landed';
    if (state === 'open' || state === 'failed') return 'left';
    return ['preparing', 'working', 'taking', 'vetting', 'queued', 'landing'].includes(state) && summary.phase !== 'stopped'
      ? 'running'
      : 'waiting';
  };
  const nodes = summary.tasks.map(({ id, title, needs, state }) => ({ id, title, needs, state: stateOf(state) }));
  const critical = times?.critical ?? [];
  const drawn = graph(nodes, critical);
  const chips = nodes.slice(0, CHIPS_MAX);
  const outcomes = new Set(data.view.tasks.flatMap((task) => task.attempts.map((attempt) => attempt.outcome)));
  const key = (look: string, text: string): Markup => markup`<li><i class="tk ${look}"></i>${text}</li>`;
  return markup`<section id="timeline">
    <h2>What happened <small>${times === null ? 'nobody has begun' : times.sentence}</small></h2>
    <ul class="legend">
      ${key('landed', 'landed')}${outcomes.has('landed') && key('check', 'waiting for the checks')}${(outcomes.has('refused') || outcomes.has('agent-failed')) && key('refused', 'refused')}${outcomes.has('outscored') && key('beaten', 'a rival did more')}${outcomes.has('conflict') && key('conflict', 'met another change')}${nodes.some((node) => node.state === 'running') && key('running', 'running')}${nodes.some((node) => node.state === 'waiting') && key('waiting', 'waiting or blocked')}${(outcomes.has('nothing') || outcomes.has('interrupted')) && key('waiting', 'nothing to propose, or cut short')}${nodes.some((node) => node.state === 'left') && key('left', 'left open')}${critical.length > 0 && key('crit', critical.length > 1 ? 'critical path' : 'ended last')}
    </ul>
    ${
      drawn === null
        ? markup`<figure class="graph">
            <ul class="chips">
              ${chips.map((node) => markup`<li><a class="chip ${node.state}" href="#${anchor(data, node)}" title="${short(node.title, 200)}">${short(node.id, 40)}</a></li>`)}
            </ul>
            ${nodes.length > chips.length && markup`<p class="dim">and ${nodes.length - chips.length} more</p>`}
          </figure>`
        : markup`<figure class="graph scroll" tabindex="0" role="region" aria-label="Tasks and what they need">${drawn}</figure>`
    }
    ${times?.picture ?? null}${everyTask(data)}
  </section>`;
}

function footer({ summary }: ReportData): Markup {
  const { versions, seed, sandbox, limits, exit, notes } = summary;
  return markup`<footer>
    ${notes.slice(0, 20).map((note) => markup`<p>Note: ${short(note, 500)}</p>`)}
    <p>
      Exit ${exit.code}: ${short(exit.why, 500)}. Sandbox: ${sandbox}. Limits: ${plural(limits.agentsMax, 'agent')} at once,
      ${plural(limits.attemptsMax, 'attempt')} a task, ${duration(limits.wallTimeMs)} a sitting.
    </p>
    <p>
      Skein ${versions.skein}, Node ${versions.node}, ${versions.platform}. Plan <span class="mono">${seed.slice(0, 16)}</span>.
    </p>
  </footer>`;
}
