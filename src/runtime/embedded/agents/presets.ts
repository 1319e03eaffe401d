/**
 * Which agents are known by name, and how a choice on the command line becomes an AgentSpec. The rows are data (presets.json);
 * nothing here starts a program, and a row never carries a credential, only the names of variables that may hold one.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import { argvOf, chooseModel, type ModelWish, NO_WISH } from './model/choice.ts';
import rows from './presets.json' with { type: 'json' };

export interface Preset {
  readonly name: string;
  /** `{prompt}` is the whole message; `{scratch}` a directory outside the tree that lives as long as the attempt. */
  readonly command: readonly string[];
  /** Put before the argument that holds the message when a session goes on. */
  readonly resume: readonly string[];
  /** What it prints when the session is gone; it then starts afresh, because nothing was spent. */
  readonly resumeLost: string;
  /** Flags that cap its own spending; `{usd}` is what is left. */
  readonly budget: readonly string[];
  readonly usage: work.AgentSpec['usage'];
  readonly env: readonly string[];
  /** Its own state under the user's home (login, sessions): stays writable in a full sandbox. */
  readonly state: readonly string[];
  /** Beginnings of names that it leaves at the top of the tree and that are no part of the work. */
  readonly litter: readonly string[];
  readonly network: boolean;
  readonly install: string;
  readonly credentials: string;
}

export const PRESETS: readonly Preset[] = rows as readonly Preset[];

export function presetOf(name: string): Preset | undefined {
  return PRESETS.find((row) => row.name === name);
}

export interface AgentWish {
  /** How the run calls it; several wishes may stand for the same program. */
  readonly name: string;
  /** `claude`, `claude --model haiku`, `model:openai/gpt-5`, `recorded:dir`, `sh:./fix.sh {task}` or simply `./fix.sh {task}`. */
  readonly spec: string;
  readonly args: readonly string[];
  readonly passEnv: readonly string[];
  readonly timeoutMs: number | null;
  readonly attemptPrice: number | null;
  /** For `model:`. */
  readonly model?: ModelWish;
}

export type AgentAnswer =
  | { readonly ok: true; readonly agent: work.AgentSpec }
  | { readonly ok: false; readonly kind: 'unknown' | 'missing'; readonly what: string; readonly next: string };

const TIMEOUT_MS = 30 * 60_000; // one attempt; published agent runs on single tasks end well within it

/** Turns a wish into a spec. Looks at the file system only to see that the program, the packages or the recordings exist. */
export function resolveAgent(
  wish: AgentWish,
  from: { cwd: string; path: string; env?: Readonly<Record<string, string | undefined>> },
): AgentAnswer {
  const shared = {
    name: wish.name,
    timeout: wish.timeoutMs ?? TIMEOUT_MS,
    attemptPrice: wish.attemptPrice,
    resume: [] as string[],
    usage: 'none' as const,
    passEnv: [...wish.passEnv],
    network: false,
    only: null,
  };
  // `claude --model haiku` is the preset with more flags; with a placeholder it is the user's own command line.
  const [program = '', ...flags] = wish.spec.trim().split(/\s+/);
  const preset = wish.spec.includes('{') ? undefined : presetOf(program);
  if (preset !== undefined) {
    if (findOnPath(preset.command[0]!, from.path) === null) {
      const what = `agent ${wish.name}: ${preset.command[0]} is not on PATH`;
      return { ok: false, kind: 'missing', what, next: `install it: ${preset.install}; then ${preset.credentials}` };
    }
    const argv = insertBeforeMessage(preset.command, [...flags, ...wish.args]);
    const passEnv = [...new Set([...preset.env, ...wish.passEnv])];
    const { resume, usage, network } = preset;
    return { ok: true, agent: { ...shared, kind: 'preset', argv, resume: [...resume], usage, passEnv, network } };
  }
  if (wish.spec.startsWith('model:')) {
    const answer = chooseModel(wish.name, wish.spec, wish.model ?? NO_WISH, { cwd: from.cwd, env: from.env ?? {} });
    if (!answer.ok) return answer;
    const passEnv = [...new Set([answer.model.keyFrom, ...wish.passEnv])].filter((name) => name !== '');
    return {
      ok: true,
      agent: { ...shared, kind: 'model', argv: argvOf(answer.model), usage: 'skein-jsonl', passEnv, network: true },
    };
  }
  if (wish.spec.startsWith('recorded:')) {
    const directory = resolve(from.cwd, wish.spec.slice('recorded:'.length));
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
      const what = `agent ${wish.name}: there is no directory ${directory}`;
      return { ok: false, kind: 'missing', what, next: 'put one <task-id>.patch per task there, as `git diff` prints them' };
    }
    return { ok: true, agent: { ...shared, kind: 'recorded', argv: ['recorded', directory], attemptPrice: 0 } };
  }
  const line = wish.spec.startsWith('sh:') ? wish.spec.slice('sh:'.length) : wish.spec;
  if (!wish.spec.startsWith('sh:') && /^[A-Za-z][\w-]*$/.test(line)) {
    const names = PRESETS.map((row) => row.name).join(', ');
    const what = `agent "${line}" is not known: it is no preset (${names}) and no name under agents: in skein.yaml`;
    return { ok: false, kind: 'unknown', what, next: `for a program of that name write --agent 'sh:${line}'` };
  }
  if (line.trim() === '') {
    return { ok: false, kind: 'unknown', what: `agent ${wish.name} has no command`, next: "write --agent 'sh:./fix.sh {task}'" };
  }
  const command = wish.args.length === 0 ? line : `${line} ${wish.args.map(quoted).join(' ')}`;
  return { ok: true, agent: { ...shared, kind: 'shell', argv: ['sh', '-c', command], network: true } };
}

/** The agents whose program is on PATH, in the order of the rows, with the line that would start one. Starts nothing. */
export function agentsOnPath(path: string): readonly { name: string; command: string }[] {
  return PRESETS.filter((row) => findOnPath(row.command[0]!, path) !== null).map((row) => ({
    name: row.name,
    command: row.command.map(quoted).join(' '),
  }));
}

export function findOnPath(program: string, path: string): string | null {
  for (const directory of path.split(delimiter)) {
    if (directory === '') continue;
    const file = join(directory, program);
    try {
      accessSync(file, constants.X_OK);
      if (statSync(file).isFile()) return file;
    } catch {
      // not here
    }
  }
  return null;
}

/** Options go before the message, because a message is the last argument of every preset and may be a positional one. */
export function insertBeforeMessage(argv: readonly string[], extra: readonly string[]): string[] {
  const at = argv.findIndex((argument) => argument.includes('{prompt}') || argument.includes('{task}'));
  return at < 0 ? [...argv, ...extra] : [...argv.slice(0, at), ...extra, ...argv.slice(at)];
}

/** For showing a command: what a shell would need to see it as this one argument. */
export function quoted(argument: string): string {
  return /^[\w@%+=:,./{}-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'\\''`)}'`;
}
