/**
 * From a template to the command that runs. A value is one argument or one environment variable, never shell text, so that
 * nothing a task, a check or a file name says can be run. Pure.
 */
import type { work } from '../../../contracts/index.ts';

export interface CommandValues {
  /** Title and text. */
  readonly task: string;
  /** The claims, one per line. */
  readonly files: string;
  /** What was wrong with the earlier attempts of this task. */
  readonly failure: string;
  readonly workspace: string;
  readonly session: string;
  /** The whole message for a model: task, claims, failures and what is expected. */
  readonly prompt: string;
  readonly scratch: string;
  readonly usd: string;
}

// One argument may hold 128 KiB on Linux; these and the words around them stay under it together.
const TASK_BYTES_MAX = 48 * 1024;
const FAILURE_BYTES_MAX = 48 * 1024;
const FILES_BYTES_MAX = 16 * 1024;
const CHECKS_BYTES_MAX = 8 * 1024;
const PLACEHOLDER = /\{(task|files|failure|workspace|session|prompt|scratch|usd)\}/g;

export function taskText(task: work.TaskSpec): string {
  const text = task.text.trim();
  return clip(text === '' || text === task.title ? task.title : `${task.title}\n\n${text}`, TASK_BYTES_MAX);
}

export function filesText(task: work.TaskSpec): string {
  return clip(task.claims.join('\n'), FILES_BYTES_MAX);
}

/** Keeps the newest failures when they do not all fit. */
export function failureText(failures: readonly string[]): string {
  const kept: string[] = [];
  let left = FAILURE_BYTES_MAX;
  for (let i = failures.length - 1; i >= 0 && left > 0; i--) {
    const text = clip(failures[i]!.trim(), left);
    left -= Buffer.byteLength(text);
    kept.unshift(`Attempt ${i + 1}:\n${text}`);
  }
  return kept.join('\n\n');
}

/** Begins with a word, never with a dash: a message may be a positional argument. */
export function promptText(task: work.TaskSpec, failure: string): string {
  const parts = [`Task ${task.id}: ${taskText(task)}`];
  if (task.claims.length > 0) parts.push(`Change only files that match one of these:\n${filesText(task)}`);
  if (task.checks.length > 0)
    parts.push(`These commands must pass afterwards:\n${clip(task.checks.join('\n'), CHECKS_BYTES_MAX)}`);
  if (failure !== '') parts.push(`Earlier attempts at this task were refused. What was wrong:\n\n${failure}`);
  parts.push(
    'Work in the current directory and leave the change in the files. Do not commit, push or change git settings: the change is ' +
      'taken from the files and judged by the checks of this repository. Do not skip tests or silence findings; that is refused.',
  );
  return parts.join('\n\n');
}

/** Replaces placeholders in one pass, so that a value that looks like a placeholder stays what it is. */
export function fill(argument: string, values: CommandValues): string {
  return argument.replace(PLACEHOLDER, (_, name: keyof CommandValues) => withoutNul(values[name]));
}

/** The same values for a shell line, which reads them as variables. */
export function variables(values: CommandValues): Record<string, string> {
  return {
    SKEIN_TASK: withoutNul(values.task),
    SKEIN_FILES: withoutNul(values.files),
    SKEIN_FAILURE: withoutNul(values.failure),
    SKEIN_WORKSPACE: values.workspace,
    SKEIN_SESSION: withoutNul(values.session),
    SKEIN_PROMPT: withoutNul(values.prompt),
    SKEIN_SCRATCH: values.scratch,
    SKEIN_USD: values.usd,
  };
}

/**
 * `./fix.sh {task}` -> `./fix.sh "$SKEIN_TASK"`: the placeholder becomes an expansion that is quoted whatever stands around it.
 * The value is not in the text that the shell parses, so a mistake here could split it into words but never run it.
 */
export function shellLine(line: string): string {
  let out = '';
  let quote: '' | "'" | '"' = '';
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    PLACEHOLDER.lastIndex = i;
    const found = char === '{' && line[i - 1] !== '$' ? PLACEHOLDER.exec(line) : null;
    if (found !== null && found.index === i) {
      const variable = `\${SKEIN_${found[1]!.toUpperCase()}}`;
      out += quote === '' ? `"${variable}"` : quote === '"' ? variable : `'"${variable}"'`;
      i += found[0].length - 1;
      continue;
    }
    if (char === '\\' && quote !== "'") {
      out += line.slice(i, i + 2);
      i += 1;
      continue;
    }
    if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = '';
    out += char;
  }
  return out;
}

export function commandOf(argv: readonly string[], values: CommandValues): string[] {
  if (argv[0] === 'sh' && argv[1] === '-c' && argv[2] !== undefined)
    return ['sh', '-c', shellLine(argv[2]), ...argv.slice(3).map((argument) => fill(argument, values))];
  return argv.map((argument) => fill(argument, values));
}

function withoutNul(value: string): string {
  return value.replaceAll('\0', '');
}

function clip(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  return `${Buffer.from(text).subarray(0, bytes).toString('utf8')}\n[cut]`;
}
