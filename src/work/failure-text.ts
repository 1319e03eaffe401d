/**
 * The text that an agent is given when it has to try again: which rules its change broke, what became of its edits, and the
 * exact output of the checks that refused it. Bounded; of long output it keeps the first failures and the last lines,
 * because the first failure is usually the cause and the last lines the summary. Only the agent's own failures are in it.
 */
import { fromUtf8, utf8 } from '../kernel/index.ts';
import type { work } from '../contracts/index.ts';

export interface FailureInput {
  readonly violations: readonly work.Violation[];
  /** Verdicts on the refused tree. */
  readonly verdicts?: readonly work.CheckVerdict[];
  /** Full output by check; where it is missing the verdict's tail is used. */
  readonly outputs?: Readonly<Record<string, string>>;
  /** Files on which the change and what landed meanwhile disagree. */
  readonly conflicts?: readonly string[];
  /** The edits of the refused attempt: still in the workspace, or taken back. Left out where that is not decided yet. */
  readonly edits?: { readonly kept: boolean; readonly files: readonly string[] };
}

/** Bytes of UTF-8: what a record holds and what an argument of a command may carry without trouble. */
export const FAILURE_MAX = 16_384;
const VIOLATIONS_SHOWN = 40;
const FILES_SHOWN = 20;
const CHECKS_SHOWN = 4; // with their output; a change that breaks more is told by the first ones
const LEAD_LINES = 3; // before the first failure, for context

const advice: Readonly<Record<work.Violation['rule'], string>> = {
  'green-turned-red': 'Make the check green again; do not change the check.',
  'test-failed': 'Repair the code so that the test passes; do not change what the test demands.',
  'test-disappeared': 'Put the missing tests back under their old names.',
  'test-skipped': 'Let the skipped tests run again.',
  'finding-added': 'Repair the code that the new findings name.',
  'outside-claim': 'Undo the edits of files that this task may not change.',
  'lock-file': 'Undo the change of the lock file; dependencies stay as they are.',
  'ci-file': 'Undo the change of CI files.',
  'suppression-added': 'Remove the new suppression and repair what it hides.',
  'skip-added': 'Remove the new skip or narrowing and let every test run.',
  'conflict-markers': 'Resolve the conflict and remove the markers.',
  'empty-change': 'Change the files that the task asks for; saying that it is done changes nothing.',
  'too-large': 'Make the change smaller, without binary or generated files.',
  'task-check-failed': 'Make the check of this task pass.',
  'not-mended': 'Repair what the red check names; the change must make that check better.',
  'refused-by-judge': 'Take back the edits that the judge names.',
  'affected-test-failed': 'Repair the code so that the tests that import it pass.',
  'check-could-not-run': 'Undo what keeps the check from running.',
  'unsafe-path':
    'Undo what makes these paths unsafe: links out of the tree, repositories inside it, names other systems cannot hold.',
  'repository-touched': 'Work in the given directory only; leave branches, settings, hooks and stash of the repository alone.',
};

/** At most 16 KiB. Never throws. */
export function failureText(input: FailureInput): string {
  const { violations, verdicts = [], outputs = {}, conflicts = [], edits } = input;
  const parts: string[] = [];
  if (conflicts.length > 0) {
    parts.push(`Other work landed meanwhile and this change does not fit on it any more. In conflict: ${listed(conflicts)}.`);
  }
  if (violations.length > 0) {
    const shown = violations.slice(0, VIOLATIONS_SHOWN).map((violation) => `- ${violation.rule}: ${oneLine(violation.detail)}`);
    if (violations.length > shown.length) shown.push(`- and ${violations.length - shown.length} more`);
    parts.push(`The change was refused:\n${shown.join('\n')}`);
    const rules = [...new Set(violations.map((violation) => violation.rule))];
    parts.push(`What to do:\n${rules.map((rule) => `- ${advice[rule]}`).join('\n')}`);
  }
  if (parts.length === 0) parts.push('The change did not land.');
  if (edits !== undefined) parts.push(editsText(edits));
  let text = cut(parts.join('\n\n'), FAILURE_MAX - 512, 'start');

  const named = verdicts
    .filter((verdict) => verdict.status !== 'green' && isNamed(verdict.check, violations))
    .slice(0, CHECKS_SHOWN);
  named.forEach((verdict, i) => {
    // What an earlier check leaves unused goes to the later ones.
    const room = Math.floor((FAILURE_MAX - sizeOf(text)) / (named.length - i));
    const output = Object.hasOwn(outputs, verdict.check) ? outputs[verdict.check]! : verdict.tail;
    const how = verdict.status === 'red' ? `exit code ${verdict.exitCode ?? 'none'}` : verdict.status;
    const head = `\n\nOutput of \`${cut(oneLine(verdict.check), 200, 'start')}\` (${how}):\n`;
    const clean = plain(output);
    const fence = '`'.repeat(longestTicks(clean) + 1);
    const space = room - sizeOf(head) - 2 * fence.length - 2;
    if (space >= 200 && clean !== '') text += `${head}${fence}\n${excerpt(clean, space)}\n${fence}`;
  });
  return cut(text, FAILURE_MAX, 'start');
}

/** Whether the agent finds its earlier edits in the workspace. */
export function editsText(edits: { readonly kept: boolean; readonly files: readonly string[] }): string {
  if (edits.files.length === 0) return 'The workspace holds no earlier edit.';
  return edits.kept
    ? `Your edits were kept, the workspace holds them: ${listed(edits.files)}.`
    : `Your edits were taken back, these files are as they were before: ${listed(edits.files)}.`;
}

function listed(files: readonly string[]): string {
  const shown = files.slice(0, FILES_SHOWN).map((file) => oneLine(file));
  return shown.join(', ') + (files.length > shown.length ? ` and ${files.length - shown.length} more` : '');
}

/** `judge` and the checks of a task put the name of the check in front. */
function isNamed(check: string, violations: readonly work.Violation[]): boolean {
  return violations.some((violation) => violation.detail.startsWith(check));
}

// Narrow on purpose: `0 failed` and `no errors` stand in the summary of a good run.
const failing =
  /^\s{0,40}(not ok\b|FAIL(ED|URE)?\b|---\s?FAIL|[✗✖✕×]\s|●\s|E\s{2,}\S|\d{1,4}\)\s|Traceback\b|panicked at|thread '.{0,80}' panicked|error(\[|:|\s+TS)|[A-Za-z]{0,40}(Error|Exception)\b)|\b(AssertionError|error TS\d|: error\b)/;

/** The first failures and the last lines, with a line between them that says how much is missing. */
function excerpt(text: string, max: number): string {
  if (sizeOf(text) <= max) return text;
  const lines = text.split('\n');
  const first = lines.findIndex((line) => failing.test(line.slice(0, 400)));
  const room = max - 60; // the line about what is missing, twice
  const last = cut(text, Math.floor(room / 2), 'end');
  const start = first < 0 ? 0 : Math.max(0, first - LEAD_LINES);
  const offset = lines.slice(0, start).reduce((sum, line) => sum + line.length + 1, 0);
  const headEnd = text.length - last.length;
  if (offset >= headEnd) return `[${offset} characters left out]\n${cut(text, room, 'end')}`;
  const head = cut(text.slice(offset, headEnd), room - sizeOf(last), 'start');
  const missing = headEnd - offset - head.length;
  return `${offset > 0 ? '[...]\n' : ''}${head}${missing > 0 ? `\n[${missing} characters left out]\n` : ''}${last}`;
}

// oxlint-disable-next-line no-control-regex -- escape sequences of terminals begin with a control character
const escapes = /\u001b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\][^\u0007\u001b]{0,256}(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
// oxlint-disable-next-line no-control-regex -- these are what is taken out
const controls = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

function plain(text: string): string {
  return text
    .replace(escapes, '')
    .replace(/\r\n?/g, '\n')
    .replace(controls, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

function oneLine(text: string): string {
  return plain(text).replace(/\s+/g, ' ');
}

function longestTicks(text: string): number {
  let longest = 2;
  for (const run of text.match(/`{3,}/g) ?? []) longest = Math.max(longest, Math.min(run.length, 100));
  return longest;
}

function sizeOf(text: string): number {
  return utf8(text).length;
}

/** The first or last `max` bytes, at the border of a character. */
function cut(text: string, max: number, keep: 'start' | 'end'): string {
  const limit = Math.max(0, max);
  const near = keep === 'start' ? text.slice(0, limit) : text.slice(Math.max(0, text.length - limit));
  const bytes = utf8(near);
  if (bytes.length <= limit) return fromUtf8(bytes); // halves of characters became U+FFFD
  let from = keep === 'start' ? 0 : bytes.length - limit;
  let end = keep === 'start' ? limit : bytes.length;
  while (from < end && (bytes[from]! & 0xc0) === 0x80) from++;
  while (end > from && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
  return fromUtf8(bytes.subarray(from, end));
}
