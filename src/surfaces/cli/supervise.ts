/**
 * Stays with a run until it ends: live on a terminal, one JSON line per event otherwise; Ctrl-C once lets work in hand finish,
 * twice stops at once; SIGTERM and a hang-up stop at once and leave a run that can be resumed.
 */
import type { Fleet, LiveRun, Prepared, RunView } from '../../assembly/index.ts';
import { eventsBetween, eventWriter, newsEvent, planEvent } from './events.ts';
import { preamble } from './plan-text.ts';
import { frame, newsBetween, newsLines, Painter, ROWS_MAX } from './progress.ts';
import { report } from './report.ts';
import { keepReport } from './report-page/write.ts';
import { summarise, swarmIn } from './summary.ts';
import { emit, type ExitCode, fail, styleOf, type Surface } from './surface.ts';

export interface Watch {
  /** Said before anything that costs money is started. */
  plan(prepared: Prepared): void;
  follow(live: LiveRun): Promise<RunView>;
}

const FINDINGS_SHOWN = 3; // of one kind while it goes on; the report has all
const AWAKE_MS = 60_000;
const CLOCK_MS = 250; // the seconds on screen; changes of the run come on their own

export function watchOn(surface: Surface): Watch {
  return surface.stderr.isTTY ? terminalWatch(surface) : eventWatch(surface);
}

function eventWatch(surface: Surface): Watch {
  const write = eventWriter(
    (line) => surface.stderr.write(line),
    () => surface.now(),
  );
  return {
    plan: (prepared) => {
      if (prepared.spec.tasks.length > 0) write(null, planEvent(prepared));
      for (const text of prepared.notes) write(null, { type: 'note', text });
    },
    follow: (live) => {
      let before: RunView | null = null;
      const show = (view: RunView): void => {
        for (const event of eventsBetween(before, view)) write(live.run, event);
        before = view;
      };
      const forget = live.onNews((news) => write(live.run, newsEvent(news)));
      return until(live, surface, show, (text) => write(live.run, { type: 'note', text })).finally(forget);
    },
  };
}

function terminalWatch(surface: Surface): Watch {
  const style = styleOf(surface, surface.stderr);
  return {
    plan: (prepared) => {
      for (const line of preamble(prepared, style)) surface.stderr.write(`${line}\n`);
    },
    follow: async (live) => {
      const painter = new Painter((text) => surface.stderr.write(text));
      let before: RunView | null = null;
      // The width is asked for each time: people resize.
      const show = (view: RunView, said: readonly string[] = []): void => {
        const now = styleOf(surface, surface.stderr);
        const rows = Math.min(ROWS_MAX, surface.stderr.rows - 4);
        // Under 40 columns every line would wrap: then only what stays is said.
        const lines = surface.stderr.columns < 40 ? [] : frame(view, surface.now(), now, rows);
        painter.paint([...newsBetween(before, view, now), ...said], lines);
        before = view;
      };
      const stop = surface.every(CLOCK_MS, () => show(live.view()));
      const said = new Map<string, number>();
      const forget = live.onNews((news) => {
        const kind = news.kind === 'finding' ? `${news.probe}/${news.finding.kind}` : '';
        const count = (said.get(kind) ?? 0) + 1;
        said.set(kind, count);
        if (kind === '' || count <= FINDINGS_SHOWN) show(live.view(), newsLines(news, styleOf(surface, surface.stderr)));
      });
      try {
        return await until(live, surface, show, (text) => show(live.view(), [text]));
      } finally {
        stop();
        forget();
        painter.clear();
      }
    },
  };
}

async function until(
  live: LiveRun,
  surface: Surface,
  show: (view: RunView) => void,
  say: (text: string) => void,
): Promise<RunView> {
  let interrupts = 0;
  const forget = surface.onSignal((signal) => {
    if (signal !== 'SIGINT') {
      say(`${signal}: stopping; skein resume ${live.run} goes on`);
      live.kill();
      return;
    }
    interrupts += 1;
    if (interrupts === 1) {
      say('work in hand finishes and lands, nothing new starts; Ctrl-C again stops at once');
      live.drain();
    } else {
      say(`stopping at once; skein resume ${live.run} goes on`);
      live.kill();
    }
  });
  const unsubscribe = live.onChange(show);
  const awake = surface.every(AWAKE_MS, () => {}); // whoever follows a run stays, whatever the run itself keeps open
  try {
    show(live.view());
    const last = await live.ended;
    show(last);
    return last;
  } finally {
    awake();
    unsubscribe();
    forget();
  }
}

/** Follows a run to its end and says what came of it. */
export async function superviseRun(
  live: LiveRun,
  watch: Watch,
  surface: Surface,
  options: { fleet: Fleet; json: boolean; failOnOpen: boolean; agentsFound: Prepared['agentsFound']; notes: readonly string[] },
): Promise<ExitCode> {
  let view: RunView;
  try {
    view = await watch.follow(live);
  } catch (error) {
    const what = `run ${live.run} lost its host: ${(error as Error).message}`;
    const next = `what had landed stays landed; skein resume ${live.run}`;
    return fail(surface, options.json, { kind: 'refused', what, details: [], next });
  }
  const { failOnOpen, agentsFound } = options;
  const meanwhile = (await live.meanwhile()).map((change) => `while it ran, in your own tree: ${change}`);
  const halted = view.run.phase === 'stopped' ? await haltOf(options.fleet, live.run) : [];
  const notes = [...options.notes, ...halted, ...unguarded(view), ...meanwhile];
  const swarm = await swarmIn(view);
  const context = { versions: surface.versions, now: surface.now(), failOnOpen, agentsFound, notes, swarm, interrupted: false };
  const closed = summarise(view, context);
  const ended = halted.length === 0 ? closed : { ...closed, exit: { code: 3, why: halted[0]! } };
  const kept = await keepReport(options.fleet, ended, view);
  const summary = { ...ended, report: kept.path, notes: kept.note === null ? notes : [...notes, kept.note] };
  emit(surface, options.json, summary, (style) => report(summary, style));
  return halted.length > 0 ? 3 : (summary.exit.code as ExitCode);
}

/** Why the run may not go on before somebody says so: a halt or a freeze of it or of everything. */
async function haltOf(fleet: Fleet, run: string): Promise<string[]> {
  const halts = await fleet.halts();
  const own = halts.ok ? halts.value.filter(({ scope }) => scope === 'global' || scope === `run/${run}`) : [];
  return own.map(({ id, level, by, reason }) => `${id}: ${level} by ${by}${reason === '' ? '' : `: ${reason}`}`);
}

/** A run whose checks were all red or absent at the start lands what nobody looked at; its owner has to hear that first. */
function unguarded({ run }: RunView): string[] {
  if (run.baseline === null || run.landed === 0 || run.baseline.verdicts.some((verdict) => verdict.status === 'green')) return [];
  const why = run.baseline.verdicts.length === 0 ? 'no check was found' : 'no check was green at the start';
  return [`${why}: hardly anything guarded what landed; read it before you use it`];
}
