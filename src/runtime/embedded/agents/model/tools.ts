/**
 * What a model may do: list, read, search, edit, write and remove files of one directory, and run the checks that its task names.
 * No path leads out of the directory or into `.git`, through symbolic links neither, and no command is the model's own. Every answer
 * is bounded text; what went wrong is an answer too, so that the model can mend it.
 */
import { execFile } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { type Static, type TObject, Type } from 'typebox';
import { Check, Errors } from 'typebox/value';

export interface ToolAnswer {
  readonly ok: boolean;
  readonly text: string;
}

export interface Tool {
  readonly says: string;
  readonly input: TObject;
  run(input: unknown): ToolAnswer | Promise<ToolAnswer>;
}

export interface Workshop {
  /** The clone. */
  readonly root: string;
  /** Shell lines of the task; none are offered when they could write elsewhere. */
  readonly checks: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

const ANSWER_CHARS_MAX = 24_000; // some 6,000 tokens: a few of them fit into every model
const LINES_MAX = 400;
const LINE_CHARS_MAX = 500;
const ENTRIES_MAX = 500;
const MATCHES_MAX = 100;
const SEARCHED_MAX = 20_000; // files
const FILE_BYTES_MAX = 1024 * 1024; // larger ones are data, not source
const CHECK_MS_MAX = 10 * 60_000;
const PASSED_OVER = new Set(['.git', 'node_modules']);

const closed = { additionalProperties: false } as const;
const Path = Type.String({ minLength: 1, maxLength: 1024, description: 'relative to the top of the repository' });
const Line = Type.Integer({ minimum: 1, maximum: 10_000_000 });
const Text = Type.String({ maxLength: FILE_BYTES_MAX });

export function toolsOf(workshop: Workshop): Readonly<Record<string, Tool>> {
  const root = realpathSync(workshop.root);
  const at = (path: string): string => inside(root, path);
  const tools: Record<string, Tool> = {
    list: tool(
      'The files below a directory, without node_modules and .git.',
      Type.Object({ path: Type.Optional(Path) }, closed),
      ({ path = '.' }) => {
        const found: string[] = [];
        const more = walk(at(path), (file) => found.push(relative(root, file)) < ENTRIES_MAX);
        return good(`${found.join('\n')}${more ? `\n[the first ${ENTRIES_MAX}: name a directory]` : ''}` || 'nothing is there');
      },
    ),
    read: tool(
      `A text file with line numbers, at most ${LINES_MAX} lines at once.`,
      Type.Object({ path: Path, from: Type.Optional(Line), to: Type.Optional(Line) }, closed),
      ({ path, from = 1, to = from + LINES_MAX - 1 }) => {
        const lines = textAt(at(path)).split('\n');
        const last = Math.min(lines.length, to, from + LINES_MAX - 1);
        if (from > lines.length) return bad(`${path} has ${lines.length} lines`);
        const shown = lines.slice(from - 1, last).map((line, i) => `${from + i}\t${line.slice(0, LINE_CHARS_MAX)}`);
        return good(`${shown.join('\n')}\n[lines ${from} to ${last} of ${lines.length}]`);
      },
    ),
    search: tool(
      'Lines that contain this text exactly, as path:line: text.',
      Type.Object({ text: Type.String({ minLength: 1, maxLength: 500 }), path: Type.Optional(Path) }, closed),
      ({ text, path = '.' }) => {
        const found: string[] = [];
        let files = 0;
        const look = (file: string): boolean => {
          const content = (files += 1) > SEARCHED_MAX ? null : readable(file);
          for (const [i, line] of (content ?? '').split('\n').entries())
            if (line.includes(text) && found.length < MATCHES_MAX)
              found.push(`${relative(root, file)}:${i + 1}: ${line.trim().slice(0, LINE_CHARS_MAX)}`);
          return found.length < MATCHES_MAX && files <= SEARCHED_MAX;
        };
        const start = at(path);
        const more = statSync(start).isDirectory() ? walk(start, look) : void look(start);
        return good(
          `${found.join('\n')}${more === true ? '\n[there may be more: name a directory]' : ''}` || 'no line contains it',
        );
      },
    ),
    edit: tool(
      'Replaces a text in a file by another. The old text has to occur exactly once, with its white space; with all: true, everywhere.',
      Type.Object(
        {
          path: Path,
          old: Type.String({ minLength: 1, maxLength: FILE_BYTES_MAX }),
          new: Text,
          all: Type.Optional(Type.Boolean()),
        },
        closed,
      ),
      ({ path, old, new: replacement, all = false }) => {
        const file = at(path);
        const parts = textAt(file).split(old);
        if (parts.length === 1) return bad(`the old text is not in ${path}: read it again and copy it exactly`);
        if (parts.length > 2 && !all)
          return bad(`the old text is ${parts.length - 1} times in ${path}: give more lines around it`);
        writeFileSync(file, parts.join(replacement));
        return good(`replaced ${parts.length - 1} in ${path}`);
      },
    ),
    write: tool('Makes a file, or replaces a whole one.', Type.Object({ path: Path, text: Text }, closed), ({ path, text }) => {
      const file = at(path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
      return good(`wrote ${path}`);
    }),
    remove: tool('Removes a file.', Type.Object({ path: Path }, closed), ({ path }) => {
      rmSync(at(path));
      return good(`removed ${path}`);
    }),
  };
  if (workshop.checks.length > 0)
    tools.check = tool('Runs the commands that must pass for this task; takes nothing.', Type.Object({}, closed), async () => {
      for (const line of workshop.checks) {
        // oxlint-disable-next-line no-await-in-loop -- one after another, and not after one that failed
        const answer = await shell(line, root, workshop);
        if (!answer.ok) return answer;
      }
      return good('all of them pass');
    });
  return tools;
}

function tool<T extends TObject>(says: string, input: T, run: (input: Static<T>) => ToolAnswer | Promise<ToolAnswer>): Tool {
  return {
    says,
    input,
    run: async (value) => {
      if (!Check(input, value)) {
        const [first] = Errors(input, value);
        return bad(`these arguments do not fit: ${first?.instancePath ?? ''} ${first?.message ?? ''}`.replaceAll(/\s+/g, ' '));
      }
      try {
        const { ok, text } = await run(value);
        return { ok, text: cut(text) };
      } catch (error) {
        return bad(wordsOf(error as NodeJS.ErrnoException));
      }
    },
  };
}

const good = (text: string): ToolAnswer => ({ ok: true, text });
const bad = (text: string): ToolAnswer => ({ ok: false, text: cut(text) });

function cut(text: string): string {
  if (text.length <= ANSWER_CHARS_MAX) return text;
  const half = ANSWER_CHARS_MAX / 2;
  return `${text.slice(0, half)}\n[${text.length - ANSWER_CHARS_MAX} characters left out]\n${text.slice(-half)}`;
}

class Refused extends Error {}

function wordsOf(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EISDIR' || error.code === 'ERR_FS_EISDIR') return 'that is a directory, not a file';
  return error instanceof Refused ? error.message : `it failed: ${error.code ?? error.message}`;
}

/** The real place of a path, which need not be there yet. */
function inside(root: string, path: string): string {
  const wanted = resolve(root, path);
  let known = wanted;
  const rest: string[] = [];
  let real: string | null = null;
  while (real === null) {
    try {
      real = realpathSync(known);
    } catch {
      // A link to what is not there would be followed by whoever writes.
      if (lstatSync(known, { throwIfNoEntry: false })?.isSymbolicLink() === true)
        throw new Refused(`${path} is a link to nowhere`);
      rest.unshift(basename(known));
      known = dirname(known);
    }
  }
  const place = join(real, ...rest);
  const steps = relative(root, place).split(sep);
  if (steps[0] === '..' || (place !== root && !place.startsWith(root + sep)))
    throw new Refused(`${path} is outside the repository`);
  if (steps.includes('.git')) throw new Refused(`${path} belongs to git`);
  return place;
}

/** Calls `visit` for every file in order until it says false; true when it did. Follows no links. */
function walk(directory: string, visit: (file: string) => boolean): boolean {
  for (const entry of readdirSync(directory, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (PASSED_OVER.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory() ? walk(path, visit) : entry.isFile() && !visit(path)) return true;
  }
  return false;
}

function textAt(file: string): string {
  const found = statSync(file);
  if (!found.isFile()) throw new Refused('it is no file');
  const { size } = found;
  if (size > FILE_BYTES_MAX) throw new Refused(`it has ${size} bytes, over ${FILE_BYTES_MAX}`);
  const bytes = readFileSync(file);
  if (bytes.includes(0)) throw new Refused('it is no text');
  return bytes.toString('utf8');
}

function readable(file: string): string | null {
  try {
    return textAt(file);
  } catch {
    return null;
  }
}

function shell(line: string, cwd: string, { env, signal }: Workshop): Promise<ToolAnswer> {
  return new Promise((settle) => {
    const options = {
      cwd,
      env: { ...env },
      signal,
      timeout: CHECK_MS_MAX,
      maxBuffer: 64 * 1024 * 1024,
      killSignal: 'SIGKILL' as const,
    };
    execFile('sh', ['-c', line], options, (error, stdout, stderr) => {
      const said = `${stdout}\n${stderr}`.trim();
      settle(error === null ? good(said) : bad(`${line} failed (${error.code ?? error.signal ?? error.message}):\n${said}`));
    });
  });
}
