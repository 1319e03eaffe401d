/** What a run came to, in words that a person understands in ten seconds. Pure. */
import type { RunView } from '../../../assembly/index.ts';
import { costText, tipVerdicts } from '../report.ts';
import type { RunSummary } from '../schema.ts';
import { duration, money, plural } from '../terminal.ts';
import { type Attempt, wasRefused } from './data.ts';

export interface Words {
  /** Everything in one line. */
  readonly headline: string;
  /** Sentences under it. */
  readonly lede: readonly string[];
  readonly state: { readonly text: string; readonly tone: 'ready' | 'transit' | 'open' };
}

const NAMES_SHOWN = 3;

export function wordsFor(summary: RunSummary, view: RunView): Words {
  return { headline: headline(summary, view), lede: lede(summary, view).map(unbroken), state: stateOf(summary) };
}

function headline(summary: RunSummary, view: RunView): string {
  const { tasks, landed } = summary;
  const left = tasks.length - landed;
  if (summary.reason === 'baseline-failed') return 'The checks could not be run on the commit as it is';
  if (tasks.length === 0) return withoutTasks(summary, view);
  const early = summary.phase === 'interrupted' ? 'Interrupted: ' : summary.phase === 'stopped' ? 'Stopped early: ' : '';
  const text =
    left === 0
      ? tasks.length === 1
        ? 'the task landed'
        : `all ${tasks.length} tasks landed`
      : landed === 0
        ? `nothing landed, ${plural(left, 'task')} left`
        : `${landed} of ${plural(tasks.length, 'task')} landed, ${left} left`;
  return early === '' ? capital(text) : `${early}${text}`;
}

function withoutTasks(summary: RunSummary, view: RunView): string {
  const verdicts = summary.baseline?.verdicts ?? [];
  const bad = verdicts.filter((verdict) => verdict.status !== 'green').length;
  const found = findingsOf(view);
  const known = found === 0 ? '' : `, ${found === 1 ? 'one thing is' : `${found} things are`} worth knowing`;
  if (verdicts.length === 0) return `No check was found, so nothing can be said about this commit${known}`;
  if (bad > 0) return `${bad} of ${plural(verdicts.length, 'check')} ${bad === 1 ? 'is' : 'are'} not green${known}`;
  return `Nothing needs doing: ${verdicts.length === 1 ? 'the check is' : verdicts.length === 2 ? 'both checks are' : `all ${verdicts.length} checks are`} green${known}`;
}

export function findingsOf(view: RunView): number {
  return view.probes.reduce(
    (sum, probe) => sum + (probe.result === null ? 0 : probe.result.findings.length + probe.result.more),
    0,
  );
}

function lede(summary: RunSummary, view: RunView): string[] {
  const attempts = summary.tasks.flatMap((task) => task.attempts);
  const sentences: string[] = [];
  const refused = attempts.filter(wasRefused);
  if (refused.length > 0) {
    const none = nothingOf(attempts);
    const who = none.length === 0 ? '' : `, among them everything that ${listed(none)} tried`;
    sentences.push(`${refused.length === 1 ? 'One attempt was' : `${refused.length} attempts were`} refused${who}.`);
  }
  const open = summary.tasks.filter((task) => task.state === 'open' || task.state === 'failed').length;
  if (open > 0) sentences.push(`${capital(plural(open, 'task'))} ${open === 1 ? 'needs' : 'need'} a person.`);
  if (summary.landed > 0) sentences.push(verifiedBy(summary));
  else if (summary.tasks.length === 0) {
    const verdicts = summary.baseline?.verdicts ?? [];
    const passed = verdicts.reduce((sum, verdict) => sum + verdict.passed, 0);
    const looked = view.probes.filter((probe) => probe.state === 'done').map((probe) => probe.spec.says);
    if (passed > 0) sentences.push(`${capital(plural(passed, 'test'))} passed.`);
    if (looked.length > 0) sentences.push(`Looked for: ${looked.join('; ')}.`);
    sentences.push('No agent was started, and no file was changed.');
  }
  const cost =
    summary.tasks.length === 0
      ? ''
      : summary.cost.total === 'unknown'
        ? `; what it cost is not known in full (${costText(summary.cost)})`
        : summary.cost.total === 0
          ? ' and cost nothing'
          : ` and cost ${money(summary.cost.total)}`;
  sentences.push(
    `It took ${duration(summary.durationMs)}${summary.sittings > 1 ? ` in ${summary.sittings} sittings` : ''}${cost}.`,
  );
  return sentences;
}

function verifiedBy(summary: RunSummary): string {
  const green = (tipVerdicts(summary) ?? []).filter((verdict) => verdict.status === 'green');
  if (green.length === 0) return 'No check guarded what landed: read it before you use it.';
  const tests = green.reduce((sum, verdict) => sum + verdict.passed, 0);
  const counted = tests === 0 ? '' : ` (${plural(tests, 'test')})`;
  return `What landed passes ${listed(green.map((verdict) => verdict.check))}${counted}, run on exactly that commit.`;
}

/** Agents all of whose attempts were refused. */
function nothingOf(attempts: readonly Attempt[]): string[] {
  const names = [...new Set(attempts.map((attempt) => attempt.agent))];
  const refused = names.filter((name) => attempts.every((attempt) => attempt.agent !== name || wasRefused(attempt)));
  return refused.length === names.length ? [] : refused;
}

function stateOf(summary: RunSummary): Words['state'] {
  const { phase, reason, exit } = summary;
  if (phase === 'interrupted') return { text: 'interrupted', tone: 'transit' };
  if (phase === 'stopped') return { text: `stopped: ${reason}`, tone: reason === 'baseline-failed' ? 'open' : 'transit' };
  if (phase !== 'finished') return { text: phase, tone: 'transit' };
  return exit.code === 0 ? { text: 'finished', tone: 'ready' } : { text: 'finished, work is left', tone: 'transit' };
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_SHOWN);
  if (names.length > shown.length) return `${shown.join(', ')} and ${names.length - shown.length} more`;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** A figure and its unit stay on one line. */
function unbroken(text: string): string {
  return text.replaceAll(/(\d) (ms|s|min|h|tests?|attempts?|tasks?)\b/g, '$1\u00a0$2');
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
