/**
 * When who worked on what: a lane for each agent and each of its attempts at once, the landings below, and how many were at work.
 * Times are shares of the width, so the picture follows the window; hours in which nobody worked are folded. Pure.
 */
import type { RunView } from '../../../assembly/index.ts';
import { clock, duration, plural } from '../terminal.ts';
import { type Markup, markup, short } from './markup.ts';

type Outcome = RunView['tasks'][number]['attempts'][number]['outcome'];

interface Bar {
  readonly task: string;
  readonly number: number;
  readonly agent: string;
  readonly outcome: Outcome;
  readonly start: number;
  /** When its program ended. */
  readonly worked: number;
  /** When its fate was decided. */
  readonly end: number;
  lane: number;
}

interface Place {
  readonly x: (time: number) => string;
  readonly wide: (from: number, to: number) => string;
  readonly y: number;
}

export interface Timeline {
  readonly picture: Markup;
  /** Task ids, first to last, along the longest chain of needs that ended last. */
  readonly critical: readonly string[];
  readonly sentence: string;
}

const LANES_MAX = 40; // taller than this it is no picture; what is left out is counted under it
const BARS_MAX = 2500;
const NAMED_MAX = 400; // bars with their task's name on them; more are too narrow for one
const NAME_SHARE_MIN = 4; // percent of the width; in less only the beginning of a name would stand
const LANE = 34;
const THIN = 24;
const TOP = 24;
const BUSY_STEPS = 120;
const FOLD_MS = 120_000; // a pause of this length that is also a fifth of all is somebody's night, not work
const FOLDED = 0.04; // of the width
const LAST_TICK = 0.96; // beyond it the figure would be cut off

const WORDS: Record<Outcome, string> = {
  running: 'still running',
  candidate: 'waits for its rivals',
  landed: 'landed',
  outscored: 'a rival did more',
  nothing: 'had nothing to propose',
  refused: 'refused',
  conflict: 'met another change',
  interrupted: 'cut short',
  'agent-failed': 'its program failed',
};
const LOOKS: Record<Outcome, string> = {
  running: 'running',
  candidate: 'beaten',
  landed: 'landed',
  outscored: 'beaten',
  nothing: 'interrupted',
  refused: 'refused',
  conflict: 'conflict',
  interrupted: 'interrupted',
  'agent-failed': 'refused',
};

/** `now`: where what has no end yet is drawn to. Null where nobody worked. */
export function timeline(view: RunView, now: number): Timeline | null {
  const bars = barsOf(view, now);
  if (bars.length === 0) return null;
  const names = lanesOf(bars);
  const critical = criticalOf(view, bars);
  const shown = bars.filter((bar) => bar.lane < LANES_MAX).slice(0, BARS_MAX);
  const lanes = Math.min(names.length, LANES_MAX);
  const begin = Math.min(view.run.startedAt, ...bars.slice(0, 1).map((bar) => bar.start));
  const end = bars.reduce((last, bar) => Math.max(last, bar.end), view.run.endedAt ?? begin);
  const looks = view.probes.flatMap(({ spec, startedAt, endedAt }) =>
    startedAt === null ? [] : [{ name: spec.name, start: startedAt, end: Math.min(end, endedAt ?? now) }],
  );
  const spans = [...bars, ...looks].toSorted((a, b) => a.start - b.start);
  const scale = scaleOf(begin, Math.max(end, begin + 1), spans);
  const below = TOP + lanes * LANE;
  const bottom = below + (looks.length > 0 ? THIN : 0);
  const height = bottom + 24 + 34;
  const x = (time: number): string => `${(scale.at(time) * 100).toFixed(2)}%`;
  const wide = (from: number, to: number): string => `${Math.max(0.15, (scale.at(to) - scale.at(from)) * 100).toFixed(2)}%`;
  const y = (bar: Bar): number => TOP + bar.lane * LANE + 4;

  const landed = bars.filter((bar) => bar.outcome === 'landed');
  const busy = Array.from({ length: BUSY_STEPS }, (_, i) => {
    const time = scale.back((i + 0.5) / BUSY_STEPS);
    return bars.reduce((count, bar) => count + (bar.start <= time && time < bar.worked ? 1 : 0), 0);
  });
  const most = Math.max(1, ...busy);
  const chain = critical.flatMap((id) => {
    const own = shown.filter((each) => each.task === id);
    return own.toSorted((a, b) => a.end - b.end).slice(-1);
  });
  const sentence = `${plural(bars.length, 'attempt')} by ${plural(new Set(bars.map((bar) => bar.agent)).size, 'agent')} in ${duration(end - begin)}, at most ${most} at once; ${plural(landed.length, 'change')} landed`;
  const ticks = scale.ticks(view.run.startedAt);

  const picture = markup`<figure class="gantt">
      <ul class="names" aria-hidden="true">
        ${names.slice(0, lanes).map((name) => markup`<li title="${short(name, 100)}">${short(name, 40)}</li>`)}
        ${looks.length > 0 && markup`<li class="thin">looked</li>`}
        <li class="thin">landed</li>
        <li class="thin">at work</li>
      </ul>
      <div class="scroll" tabindex="0" role="region" aria-label="Timeline">
        <svg role="img" aria-label="${sentence}" height="${height}">
          <defs>
            <pattern id="hatch" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
              <rect class="hatch" width="1.8" height="4" />
            </pattern>
          </defs>
          ${ticks.map(
            ({ time, text }, i) =>
              markup`<line class="grid" x1="${x(time)}" x2="${x(time)}" y1="${TOP - 6}" y2="${bottom + 58}" /><text
                  class="axis"
                  x="${x(time)}"
                  dx="${i === 0 ? 0 : 4}"
                  y="11"
                  >${text}</text
                >`,
          )}${scale.folds.map(({ from, to }) => markup`<rect class="bar interrupted" x="${x(from)}" y="${TOP - 4}" width="${wide(from, to)}" height="${bottom - TOP + 4}" /><text x="${x(from)}" dx="4" y="${bottom - 8}">idle ${duration(to - from)}</text>`)}${shown.map((bar) => barOf(bar, shown, { x, wide, y: y(bar) }))}${chain.map(
            (bar, i) => {
              const next = chain[i + 1];
              const under = y(bar) + 25;
              return markup`<line
                  class="path"
                  x1="${x(bar.start)}"
                  x2="${x(bar.end)}"
                  y1="${under}"
                  y2="${under}"
                />${next !== undefined && markup`<line class="path" x1="${x(bar.end)}" x2="${x(next.start)}" y1="${under}" y2="${y(next) + 25}" />`}`;
            },
          )}
 ${looks.map(({ name, start, end: until }) => markup`<rect class="bar beaten" x="${x(start)}" y="${below + 7}" width="${wide(start, until)}" height="10"><title>looked for work: ${short(name, 80)}, ${duration(until - start)}</title></rect>`)}
          <line class="trunk" x1="0" x2="${x(end)}" y1="${bottom + 12}" y2="${bottom + 12}" />
          ${landed.slice(0, BARS_MAX).map((bar) => markup`<circle class="dot" cx="${x(bar.end)}" cy="${bottom + 12}" r="3.5"><title>${short(bar.task, 80)} landed at ${clock(bar.end - begin)}</title></circle>`)}${busy.map(
            (count, i) => {
              const tall = Math.round((count / most) * 24);
              return (
                count > 0 &&
                markup`<rect
                  class="bar busy"
                  x="${((i / BUSY_STEPS) * 100).toFixed(2)}%"
                  y="${height - 6 - tall}"
                  width="${(100 / BUSY_STEPS + 0.05).toFixed(2)}%"
                  height="${tall}"
                />`
              );
            },
          )}
        </svg>
      </div>
    </figure>
    ${names.length > lanes && markup`<p class="dim">${plural(names.length - lanes, 'more lane')} not drawn; every attempt is in the table below.</p>`}`;
  return { picture, critical, sentence };
}

function barOf(bar: Bar, all: readonly Bar[], place: Place): Markup {
  const look = LOOKS[bar.outcome];
  const next = all.find((other) => other.lane === bar.lane && other.start > bar.start);
  // While its change waits for the checks the agent may be at work again: then the rest of the wait is a thin strip.
  const clear = Math.max(bar.worked, Math.min(bar.end, next?.start ?? bar.end));
  const gated = bar.outcome === 'landed' || bar.outcome === 'outscored' || bar.outcome === 'candidate';
  const body = gated ? bar.worked : clear;
  const { x, wide, y } = place;
  const words = `${short(bar.task, 80)}, attempt ${bar.number} by ${short(bar.agent, 60)}: ${WORDS[bar.outcome]}, ${duration(bar.end - bar.start)}`;
  const rect = (kind: string, from: number, to: number, top: number, tall: number): Markup =>
    markup`<rect class="bar ${kind}" x="${x(from)}" y="${top}" width="${wide(from, to)}" height="${tall}"/>`;
  // The name goes where it fits: on the work, else on the wait for the checks.
  const fits = (from: number, to: number): boolean =>
    all.length <= NAMED_MAX && Number.parseFloat(wide(from, to)) > NAME_SHARE_MIN;
  const name = (kind: string, from: number, to: number): Markup =>
    markup`<svg x="${x(from)}" y="${y}" width="${wide(from, to)}" height="22"><text class="barname ${kind}" x="5" y="15">${short(bar.task, 40)}</text></svg>`;
  const label =
    look === 'refused'
      ? null
      : fits(bar.start, body)
        ? name(look, bar.start, body)
        : gated && fits(bar.worked, clear)
          ? name(`check ${look}`, bar.worked, clear)
          : null;
  return markup`<g><title>${words}</title>${rect(look, bar.start, body, y, 22)}${gated && clear > bar.worked && rect(`check ${look}`, bar.worked, clear, y, 22)}${bar.end > clear && rect(`check ${look}`, clear, bar.end, y + 19, 3)}${label}</g>`;
}

function barsOf(view: RunView, now: number): Bar[] {
  return view.tasks
    .flatMap((task) =>
      task.attempts.map((attempt, i) => {
        const end = Math.max(attempt.startedAt, attempt.endedAt ?? now);
        const worked = Math.min(end, attempt.durationMs === null ? end : attempt.startedAt + attempt.durationMs);
        const { agent, outcome, startedAt: start } = attempt;
        return { task: task.spec.id, number: i + 1, agent, outcome, start, worked, end, lane: 0 };
      }),
    )
    .toSorted((a, b) => a.start - b.start || a.end - b.end);
}

/** The first free lane of its agent; lanes stand in the order in which agents began. */
function lanesOf(bars: readonly Bar[]): string[] {
  const agents = new Map<string, { free: number; bars: Bar[] }[]>();
  for (const bar of bars) {
    const lanes = agents.get(bar.agent) ?? [];
    if (lanes.length === 0) agents.set(bar.agent, lanes);
    let lane = lanes.find((each) => each.free <= bar.start);
    if (lane === undefined) lanes.push((lane = { free: 0, bars: [] }));
    lane.free = bar.worked;
    lane.bars.push(bar);
  }
  const names: string[] = [];
  for (const [agent, lanes] of agents)
    for (const [i, lane] of lanes.entries()) {
      for (const bar of lane.bars) bar.lane = names.length;
      names.push(i === 0 ? agent : `${agent} \u00b7${i + 1}`);
    }
  return names;
}

/** From the landed task that ended last, back along the need that ended last. */
function criticalOf(view: RunView, bars: readonly Bar[]): string[] {
  const ended = new Map<string, number>();
  for (const bar of bars) ended.set(bar.task, Math.max(ended.get(bar.task) ?? 0, bar.end));
  const needs = new Map(view.tasks.map((task) => [task.spec.id, task.spec.needs]));
  const latest = (ids: Iterable<string>): string | undefined => {
    let best: string | undefined;
    for (const id of ids) if (ended.has(id) && (best === undefined || ended.get(id)! > ended.get(best)!)) best = id;
    return best;
  };
  const path: string[] = [];
  for (let at = latest(ended.keys()); at !== undefined && !path.includes(at); at = latest(needs.get(at) ?? [])) path.push(at);
  return path.toReversed();
}

interface Scale {
  /** 0 .. 1 across the picture. */
  at(time: number): number;
  back(share: number): number;
  ticks(zero: number): { readonly time: number; readonly text: string }[];
  readonly folds: readonly { readonly from: number; readonly to: number }[];
}

/** `spans`: whatever was going on, by start. */
function scaleOf(begin: number, end: number, spans: readonly { readonly start: number; readonly end: number }[]): Scale {
  const folds: { from: number; to: number }[] = [];
  let busyUntil = begin;
  for (const span of spans) {
    const gap = span.start - busyUntil;
    if (gap > FOLD_MS && gap > (end - begin) / 5) folds.push({ from: busyUntil, to: span.start });
    busyUntil = Math.max(busyUntil, span.end);
  }
  const idle = folds.reduce((sum, fold) => sum + fold.to - fold.from, 0);
  const shareOfWork = 0.985 - folds.length * FOLDED; // the last dot is not cut off
  const work = end - begin - idle;
  const at = (time: number): number => {
    let share = 0;
    let before = 0;
    for (const fold of folds) {
      if (time <= fold.from) break;
      const inside = Math.min(time, fold.to) - fold.from;
      before += inside;
      share += (inside / (fold.to - fold.from)) * FOLDED;
    }
    return Math.min(1, Math.max(0, share + ((time - begin - before) / work) * shareOfWork));
  };
  const back = (share: number): number => {
    let [low, high] = [begin, end];
    for (let i = 0; i < 40; i++) {
      const middle = (low + high) / 2;
      if (at(middle) < share) low = middle;
      else high = middle;
    }
    return share > at(end) ? end + 1 : (low + high) / 2;
  };
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400].map((seconds) => seconds * 1000);
  const step = steps.find((each) => work / each <= 7) ?? Math.ceil(work / 7);
  const ticks = (zero: number): { time: number; text: string }[] => {
    const list: { time: number; text: string }[] = [];
    for (let time = zero; time <= end && list.length < 60; time += step) {
      const fold = folds.find((each) => time > each.from && time < each.to);
      if (fold !== undefined) time += Math.floor((fold.to - time) / step) * step;
      else if (at(time) < LAST_TICK) list.push({ time, text: clock(time - zero) });
    }
    return list;
  };
  return { at, back, ticks, folds };
}
