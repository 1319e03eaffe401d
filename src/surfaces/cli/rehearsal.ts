/**
 * A run that nobody would do is rehearsed: how long, how many attempts, how much to expect, with every assumption beside it. The words
 * say "would" throughout, because nothing was done.
 */
import type { Problem, Rehearsal } from '../../assembly/index.ts';
import type { Parsed } from './flags.ts';
import { prepareFrom, type Ready } from './request.ts';
import type { RehearsalDocument } from './schema.ts';
import { type ExitCode, fail, styleOf, type Surface } from './surface.ts';
import { duration, money, plural, type Style, symbol, wrap } from './terminal.ts';

const RUNS_LOOKED_AT = 5; // of the newest: one of them has measured the checks, or none will have

/** Null where there is somebody to do the tasks, no task, or too many of them. */
export async function rehearsalOf({ fleet, prepared, file }: Ready): Promise<RehearsalDocument | null> {
  const { agents, tasks } = prepared.spec;
  if (tasks.length === 0 || agents.some((agent) => agent.only === null)) return null;
  const { rehearse, REHEARSAL_MODEL } = await import('../../assembly/index.ts'); // only here: who has an agent does not load it
  const prices = Object.values(file.agents ?? {}).flatMap(({ price }) =>
    typeof price === 'number' ? [Math.round(price * 1e6)] : [],
  );
  const attemptPrice = prices.length === 0 ? null : { low: Math.min(...prices), high: Math.max(...prices) };
  const played = rehearse(prepared, await measuredBefore(fleet), { ...REHEARSAL_MODEL, attemptPrice });
  return played.ok ? documentOf(played.rehearsal) : null;
}

/** How long each check took at the start of the newest run that measured them. */
async function measuredBefore(fleet: Ready['fleet']): Promise<Record<string, number>> {
  for (const { run } of (await fleet.list()).slice(0, RUNS_LOOKED_AT)) {
    // oxlint-disable-next-line no-await-in-loop -- the newest that has them ends it
    const found = await fleet.read(run);
    const verdicts = found.ok ? (found.value.view.run.baseline?.verdicts ?? []) : [];
    if (verdicts.length > 0) return Object.fromEntries(verdicts.map(({ check, durationMs }) => [check, durationMs]));
  }
  return {};
}

function documentOf({ model, cost, ...rest }: Rehearsal): RehearsalDocument {
  const { makespanMs, attempts, wouldLand, wouldLandInTime, gate, byAgents } = rest;
  return {
    ...rest,
    gate: { ...gate },
    makespanMs: { ...makespanMs },
    attempts: { ...attempts },
    wouldLand: { ...wouldLand },
    wouldLandInTime: { ...wouldLandInTime },
    byAgents: byAgents.map((each) => ({ ...each })),
    model: { ...model, attemptPrice: model.attemptPrice === null ? 'unknown' : { ...model.attemptPrice } },
    cost: cost === null ? 'unknown' : { ...cost },
  };
}

/** The rehearsal, then why nothing was started and what to type. */
export async function failRehearsed(ready: Ready, problem: Problem, surface: Surface, json: boolean): Promise<ExitCode> {
  const rehearsal = await rehearsalOf(ready);
  if (rehearsal === null) return fail(surface, json, problem);
  if (!json) surface.stdout.write(`${rehearsalLines(rehearsal, styleOf(surface, surface.stdout)).join('\n')}\n\n`);
  return fail(surface, json, problem, { rehearsal });
}

/** A run that could not be prepared. Where it is only its agents that are missing, what they would do is rehearsed. */
export async function failAlone(flags: Parsed, problem: Problem, surface: Surface, json: boolean): Promise<ExitCode> {
  const ready = problem.kind === 'missing' ? await prepareFrom(flags, surface, true) : null;
  return ready?.ok === true ? failRehearsed(ready.value, problem, surface, json) : fail(surface, json, problem);
}

export function rehearsalLines(rehearsal: RehearsalDocument, style: Style): string[] {
  const { model, gate, tasks, makespanMs, attempts, wouldLand, wouldLandInTime, cost, byAgents } = rehearsal;
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const dot = ` ${symbol(style, 'between')} `;
  const rows: readonly (readonly [string, string])[] = [
    [
      'time',
      `half of ${plural(rehearsal.runs, 'virtual run')} would end within ${duration(makespanMs.p50)}, nine of ten within ${duration(makespanMs.p90)}`,
    ],
    ['attempts', `${attempts.p50} in the middle, up to ${attempts.p90}`],
    [
      'would land',
      `${wouldLand.p50} of ${plural(tasks, 'task')} (nine of ten runs: at least ${wouldLand.p10}); ${wouldLandInTime.p50} of them within the time box`,
    ],
    [
      'cost',
      cost === 'unknown'
        ? 'unknown: no agent in skein.yaml declares the price of an attempt'
        : `${money(cost.low)} to ${money(cost.high)}`,
    ],
    [
      'agents',
      `${byAgents.map((each) => `${each.agents}: ${duration(each.makespanMs)}`).join(dot)}; more than ${rehearsal.agentsThatPay} would hardly pay`,
    ],
    [
      'assumed',
      `an attempt takes ${duration(model.attemptMs)} where its task says nothing else, nine of ten at most ${model.spread} times that; ` +
        `${percent(model.refusedShare)} are refused by the checks, ${percent(model.failedShare)} end without a change; ` +
        `the checks of one landing take ${duration(gate.ms)} (${gate.measured} of ${gate.checks} measured, the others ${duration(model.checkMs)}); ` +
        `no conflicts; seed ${model.seed}`,
    ],
  ];
  const title = `${style.paint('strong', 'rehearsal')}  ${style.paint('dim', `${plural(tasks, 'task')}, ${plural(rehearsal.agentsAtOnce, 'agent')} at once; nothing was started or done`)}`;
  const width = Math.max(...rows.map(([name]) => name.length)) + 4;
  return [
    title,
    ...rows.flatMap(([name, text]) =>
      wrap(style, text, width).map((line, i) => (i === 0 ? `  ${name.padEnd(width - 2)}${line.trimStart()}` : line)),
    ),
  ];
}
