/**
 * The very line that gave a refused attempt away: in its own change where the refusal names one, else in what the checks printed.
 * Nothing is guessed: where no line can be found the refusal's own words stand alone. Pure.
 */
import type { FileDiff } from './diff.ts';

export interface TellTale {
  /** `lib/parse.js:12`, or where the line was printed. */
  readonly at: string;
  /** True when it is output, not a part of the change. */
  readonly printed: boolean;
  /** The line itself between its neighbours; `hit` marks it. */
  readonly lines: readonly { readonly text: string; readonly hit: boolean; readonly mark: '+' | '-' | ' ' }[];
}

const AROUND = 2; // lines before and after: enough to see where one is
const OUTPUT_LINES = 12; // a failed assertion with what was expected
const LINE_MAX = 300;
const NAME_MIN = 4; // a shorter name of a test is in every second line
const PASSED = /^\s*(?:#|ok\b|\u2713|\u2714)/u;
const FAILED = /\b(?:AssertionError|Error:|error TS\d+|not ok|FAIL)|\u2717|\u2716/u;

/** Where the refusal quotes the change itself: the line it means. */
export function inChange(detail: string, files: readonly FileDiff[]): TellTale | null {
  const file = files
    .filter(({ path, from }) => named(detail, path) || (from !== null && named(detail, from)))
    .toSorted((a, b) => b.path.length - a.path.length)[0];
  if (file === undefined) return null;
  const at = detail.indexOf(file.path) + file.path.length;
  const rest = detail.slice(at).replace(/^:(?:\d+(?::\d+)?)?/, '');
  const number = Number(/^:(\d+)/.exec(detail.slice(at))?.[1] ?? Number.NaN);
  const wanted = rest
    .replace(/^[\s:]+/, '')
    .replace(/(?:\.\.\.|\u2026)$/, '')
    .trim();
  for (const { rows } of file.hunks) {
    const lines: Line[] = rows.flatMap(({ before, after, same }): Line[] => {
      const text = (side: NonNullable<typeof before>): string => side.parts.map((part) => part.text).join('');
      if (same) return after === null ? [] : [{ number: after.number, text: text(after), mark: ' ' }];
      return [
        ...(before === null ? [] : [{ number: before.number, text: text(before), mark: '-' as const }]),
        ...(after === null ? [] : [{ number: after.number, text: text(after), mark: '+' as const }]),
      ];
    });
    const said = ({ text, number: here }: Line): boolean => here === number || (wanted.length > 2 && close(text, wanted));
    const added = lines.findIndex((line) => line.mark === '+' && said(line)); // a number is one of the new file
    const hit = added >= 0 ? added : lines.findIndex((line) => line.mark === '-' && said(line));
    if (hit < 0) continue;
    const first = Math.max(0, hit - AROUND);
    return {
      at: `${file.path}:${lines[hit]!.number}`,
      printed: false,
      lines: lines.slice(first, hit + AROUND + 1).map((line, i) => ({
        text: line.text.slice(0, LINE_MAX),
        hit: first + i === hit,
        mark: line.mark,
      })),
    };
  }
  return null;
}

interface Line {
  readonly number: number;
  readonly text: string;
  readonly mark: '+' | '-' | ' ';
}

function named(detail: string, path: string): boolean {
  const at = detail.indexOf(path);
  return at >= 0 && !/[\w./-]/.test(detail[at - 1] ?? ' ') && !/[\w/-]/.test(detail[at + path.length] ?? ' ');
}

function close(text: string, wanted: string): boolean {
  const line = text.trim();
  return line !== '' && (line.includes(wanted) || (wanted.length > 8 && wanted.includes(line) && line.length > 8));
}

/** Where checks failed: what one of them printed about the first test that is named, else its first failure. */
export function inOutput(details: readonly string[], failure: string): TellTale | null {
  for (const { check, lines } of outputsOf(failure)) {
    const tests = details.map((detail) =>
      detail
        .replace(/ \(new\)$/, '')
        .split(': ')
        .at(-1)!
        .split(' > ')
        .at(-1)!
        .trim(),
    );
    const of = (name: string): number =>
      name.length < NAME_MIN ? -1 : lines.findIndex((line) => line.includes(name) && !PASSED.test(line));
    const spoken = tests.map(of).find((at) => at >= 0);
    const hit = spoken ?? lines.findIndex((line) => FAILED.test(line));
    if (hit < 0) continue;
    return {
      at: `what ${check} printed`,
      printed: true,
      lines: lines
        .slice(hit, hit + OUTPUT_LINES)
        .map((text, i) => ({ text: text.slice(0, LINE_MAX), hit: i === 0, mark: ' ' as const })),
    };
  }
  return null;
}

/** What checks printed, out of the text that the agent was given. */
function outputsOf(failure: string): { readonly check: string; readonly lines: readonly string[] }[] {
  const outputs = failure.matchAll(/^Output of `(.+)` \([^\n]*\):\n(`{3,})\n([\s\S]*?)\n\2$/gm);
  return [...outputs].map(([, check, , text]) => ({ check: check!, lines: text!.split('\n').map((line) => line.trimEnd()) }));
}
