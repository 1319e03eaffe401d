/** Runs of one test check, and what can be read from them: who passed, how long each test took. */
import { join } from 'node:path';
import { narrow, plain, readTests, runnerOf } from 'skein/checks';
import { type ChildEnd, runChild } from '../programs/child.ts';
import { moduleNear } from '../programs/entry.ts';
import type { Check } from '../programs/probe.ts';
import { readEvents } from '../programs/test-events.ts';

export interface Timed {
  readonly name: string;
  /** '' = unknown. */
  readonly file: string;
  readonly line: number;
  readonly ms: number;
  readonly state: 'pass' | 'fail' | 'skip';
  /** It holds other tests. */
  readonly parent: boolean;
  readonly whole: boolean;
  readonly nesting: number;
}

export interface TestRun {
  /** How it was started: '' = as the repository does. */
  readonly how: string;
  readonly ended: ChildEnd['ended'];
  readonly code: number | null;
  readonly ms: number;
  /** By a name that is the same in every run; null = the runner names none. */
  readonly states: ReadonlyMap<string, 'pass' | 'fail' | 'skip'> | null;
  readonly timed: readonly Timed[];
}

/** One file after the other. */
const SERIAL: Readonly<Record<string, readonly string[]>> = {
  node: ['--test-concurrency=1'],
  borp: ['--concurrency=1'],
  tap: ['--jobs=1'],
  vitest: ['--no-file-parallelism'],
  jest: ['--runInBand'],
  ava: ['--concurrency=1'],
};
/** In another order. */
const SHUFFLED: Readonly<Record<string, readonly string[]>> = {
  node: ['--test-randomize'],
  vitest: ['--sequence.shuffle'],
  jest: ['--randomize'],
};

export function serialOptions(check: Check): readonly string[] | null {
  const options = SERIAL[runnerOf(check) ?? ''] ?? null;
  // What the repository sets itself is its own decision.
  return options === null || options.some((option) => check.command.includes(option.split('=')[0]!)) ? null : options;
}

export async function shuffledOptions(top: string, check: Check): Promise<readonly string[] | null> {
  const options = SHUFFLED[runnerOf(check) ?? ''] ?? null;
  if (options === null || check.command.includes(options[0]!)) return null;
  if (runnerOf(check) !== 'node') return options;
  // Only the newer ones can.
  const { code } = await runChild({ command: ['node', ...options, '--version'], cwd: top, top, timeoutMs: 10_000 });
  return code === 0 ? options : null;
}

export function reporterOptions(check: Check): readonly string[] {
  return runnerOf(check) === 'node' && !check.command.includes('--test-reporter')
    ? [`--test-reporter=${moduleNear(import.meta.url, '../programs/test-events')}`]
    : [];
}

export async function runTests(top: string, check: Check, options: readonly string[], timeoutMs: number): Promise<TestRun> {
  const command = narrow(check, null, { options: [...reporterOptions(check), ...options] });
  const ended = await runChild({ command: command ?? check.command, cwd: join(top, check.directory), top, timeoutMs });
  const all = readEvents(ended.stdout);
  // A file that failed is news only when no test in it did: it could not be loaded.
  const events = all.filter(
    (one) => !one.whole || !all.some((other) => !other.whole && other.file === one.file && other.state === 'fail'),
  );
  const relative = (file: string): string => (file.startsWith(`${top}/`) ? file.slice(top.length + 1) : file);
  const timed =
    events.length > 0 ? fromEvents(events.map((event) => ({ ...event, file: relative(event.file) }))) : fromText(ended.stdout);
  const states =
    events.length > 0
      ? worst(timed.map(({ file, line, name, state }) => [`${file}:${line} ${name}`, state]))
      : statesOf(plain(`${ended.stdout}\n${ended.stderr}`).replaceAll(`${top}/`, ''));
  return { how: options.join(' '), ended: ended.ended, code: ended.code, ms: ended.ms, states, timed };
}

function statesOf(text: string): TestRun['states'] {
  const { tests } = readTests(text);
  return tests === null ? null : new Map(Object.entries(tests));
}

/** A loop gives several tests one name and one line: they count as one, as bad as its worst. */
function worst(rows: readonly (readonly [string, Timed['state']])[]): ReadonlyMap<string, Timed['state']> {
  const order = { fail: 2, pass: 1, skip: 0 };
  const states = new Map<string, Timed['state']>();
  for (const [name, state] of rows)
    if (order[state] > order[states.get(name) ?? 'skip'] || !states.has(name)) states.set(name, state);
  return states;
}

function fromEvents(events: ReturnType<typeof readEvents>): Timed[] {
  // Tests inside another one end before it, right in front of it in its file.
  const last = new Map<string, number>();
  return events.map((event) => {
    const parent = event.whole || (last.get(event.file) ?? 0) > event.nesting;
    last.set(event.file, event.nesting);
    return { ...event, parent };
  });
}

/** `✔ name (12ms)`, `✓ file > name 12ms`, `ok 1 - name # time=12ms`. */
function fromText(text: string): Timed[] {
  const found: Timed[] = [];
  for (const line of plain(text).split('\n')) {
    const match = /^\s*(?:[✔✓]|ok \d+ -)\s+(.*?)\s+(?:# time=|\()?(\d+(?:\.\d+)?)\s?(ms|s)\)?(?:\s*\{)?$/.exec(line);
    if (match === null) continue;
    const name = match[1]!;
    const file = / > /.test(name) && /\.[cm]?[jt]sx?$/.test(name.split(' > ')[0]!) ? name.split(' > ')[0]! : '';
    found.push({
      name,
      file,
      line: 0,
      ms: Number(match[2]) * (match[3] === 's' ? 1000 : 1),
      state: 'pass',
      parent: false,
      whole: false,
      nesting: 0,
    });
  }
  return found;
}
