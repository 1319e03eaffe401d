/** The message of a landed commit: the task in words, then trailers by which recovery, people and tools find it again. */
import type { work } from '../contracts/index.ts';

const SUBJECT_MAX = 72; // what git's own tools show without cutting
const BODY_MAX = 4000;

export function commitMessage(run: string, task: work.TaskSpec, fence: number, agent: string, checks: readonly string[]): string {
  const title = oneLine(task.title);
  const subject = title.length <= SUBJECT_MAX ? title : `${title.slice(0, SUBJECT_MAX - 3).trimEnd()}...`;
  const body = task.text.trim() === task.title.trim() ? '' : plain(task.text.trim().slice(0, BODY_MAX));
  // Of the tree that the branch moved to: its own, or the last one of the batch that it landed with.
  const verdict = checks.length === 0 ? 'no checks' : `green (${checks.map(oneLine).join(', ')}) when it landed`;
  const trailers = [
    `Skein-Run: ${run}`,
    `Skein-Task: ${oneLine(task.id)} ${fence}`,
    `Skein-Agent: ${oneLine(agent)}`,
    `Skein-Verdict: ${verdict}`,
  ];
  return [subject, body, trailers.join('\n')].filter((part) => part !== '').join('\n\n') + '\n';
}

function oneLine(text: string): string {
  return printable(text, false).replace(/ +/g, ' ').trim();
}

/** Keeps a task's own words from looking like our trailers. */
function plain(text: string): string {
  return printable(text.replaceAll('\r\n', '\n'), true).replace(/^(skein-)/gim, ' $1');
}

/** Control characters become blanks; a line feed may stay. */
function printable(text: string, lines: boolean): string {
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0)!;
    out += (code < 32 && !(lines && code === 10)) || code === 127 ? ' ' : char;
  }
  return out;
}
