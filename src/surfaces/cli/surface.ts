/**
 * What a verb may touch: two streams, the clock, signals, the environment. And the discipline of output: exactly one JSON
 * document on stdout when it is no terminal or with --json, else text; everything on the way goes to stderr.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fleet, GoalPack, OpenFleet, Outcome, Problem } from '../../assembly/index.ts';
import type { SkeinFile } from './config.ts';
import type { ProblemDocument, RunSummary } from './schema.ts';
import { clean, type Style, styleFor } from './terminal.ts';

export interface Terminal {
  write(text: string): void;
  readonly isTTY: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Bits of colour: 1, 4, 8 or 24. */
  readonly colors: number;
}

export interface Surface {
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly platform: string;
  readonly versions: RunSummary['versions'];
  readonly openFleet: OpenFleet;
  /** What `--goal` may name. */
  readonly packs: () => Promise<readonly GoalPack[]>;
  now(): number;
  every(ms: number, tick: () => void): () => void;
  onSignal(listener: (signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') => void): () => void;
}

export type ExitCode = 0 | 1 | 2 | 3 | 4;

const EXIT: Record<Problem['kind'], ExitCode> = { refused: 1, usage: 2, policy: 3, missing: 4 };

export function wantsJson(surface: Surface, flag: boolean): boolean {
  return flag || !surface.stdout.isTTY;
}

export function styleOf(surface: Surface, stream: Terminal): Style {
  return styleFor(stream, surface.env, surface.platform);
}

/** The result of a verb. With JSON on stdout a person at stderr still gets the text. */
export function emit(surface: Surface, json: boolean, document: unknown, lines: (style: Style) => readonly string[]): void {
  if (json) surface.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  const stream = json ? surface.stderr : surface.stdout;
  // Both on one screen would be the same thing twice.
  if (!json || (stream.isTTY && !surface.stdout.isTTY)) stream.write(`${lines(styleOf(surface, stream)).join('\n')}\n`);
}

/** `more` goes into the document only. */
export function fail(surface: Surface, json: boolean, problem: Problem, more: Pick<ProblemDocument, 'rehearsal'> = {}): ExitCode {
  const exit = EXIT[problem.kind];
  const document: ProblemDocument = {
    schema: 'skein.problem.v1',
    exit,
    kind: problem.kind,
    what: problem.what,
    details: [...problem.details],
    next: problem.next,
    ...more,
  };
  if (json) surface.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  if (!json || (surface.stderr.isTTY && !surface.stdout.isTTY)) {
    const style = styleOf(surface, surface.stderr);
    const lines = [
      `${style.paint('alarm', 'skein:')} ${clean(problem.what)}`,
      ...problem.details.map((line) => `  ${clean(line)}`),
    ];
    if (problem.next !== '') lines.push(`${style.paint('dim', 'next:')}  ${clean(problem.next)}`);
    surface.stderr.write(`${lines.join('\n')}\n`);
  }
  return exit;
}

/** The repository around here and its skein.yaml. */
export async function openHere(surface: Surface): Promise<Outcome<{ fleet: Fleet; file: SkeinFile }>> {
  const opened = await surface.openFleet(surface.cwd);
  if (!opened.ok) return opened;
  const fleet = opened.value;
  let text: string;
  try {
    text = await readFile(join(fleet.repository, 'skein.yaml'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { ok: true, value: { fleet, file: {} } };
    const what = `skein.yaml cannot be read: ${(error as Error).message}`;
    return { ok: false, problem: { kind: 'missing', what, details: [], next: 'make it readable or move it away' } };
  }
  const { parseSkeinFile } = await import('./config.ts');
  const parsed = parseSkeinFile(text);
  return parsed.ok ? { ok: true, value: { fleet, file: parsed.value } } : parsed;
}

/** `12`, `run/12` and `skein/12` are the same run. */
export function runNumber(word: string): Outcome<string> {
  const number = /^(?:run\/|skein\/|refs\/heads\/skein\/)?([1-9][0-9]{0,8})$/.exec(word)?.[1];
  if (number !== undefined) return { ok: true, value: number };
  return {
    ok: false,
    problem: { kind: 'usage', what: `"${word}" is no run: a run is a number such as 12`, details: [], next: 'skein runs' },
  };
}

/** The run that was named, else the newest. */
export async function chosenRun(fleet: Fleet, word: string | undefined): Promise<Outcome<string>> {
  if (word !== undefined) return runNumber(word);
  const newest = (await fleet.list())[0];
  if (newest !== undefined) return { ok: true, value: newest.run };
  return { ok: false, problem: { kind: 'missing', what: 'this repository has no run yet', details: [], next: 'skein run' } };
}
