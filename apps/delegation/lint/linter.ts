/**
 * A repository's linter as a program that can be asked: what it finds in which file, and to repair what it can. Always the
 * repository's own installation and settings. It reads reports; what is worth doing with them is decided elsewhere.
 */
import { access, constants } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative } from 'node:path';
import { type ChildEnd, runChild } from '../programs/child.ts';
import type { LintCommand, ToolName } from './command.ts';

/** How often each rule speaks, by file. Paths are relative to the top of the checkout. */
export type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface Report {
  readonly ok: true;
  readonly counts: Counts;
  /** Line of the first finding of each rule in each file: `path rule`. */
  readonly lines: ReadonlyMap<string, number>;
  /** Rules with a repair, as far as the tool says so beforehand; null = it does not say. */
  readonly fixable: ReadonlySet<string> | null;
  readonly ms: number;
}
export type Asked = Report | { readonly ok: false; readonly why: string };

interface Said {
  readonly path: string;
  readonly rule: string;
  readonly line: number;
  readonly fixable?: boolean;
}

interface Tool {
  readonly report: readonly string[];
  readonly fix: readonly string[];
  /** Null = this is no report. */
  read(ended: ChildEnd): readonly Said[] | null;
  /** False where the report says which findings can be repaired. */
  readonly silentAboutFixes: boolean;
  readonly npm: boolean;
}

const ESLINT: Tool = {
  report: ['--format', 'json'],
  fix: ['--fix'],
  silentAboutFixes: false,
  npm: true,
  read: ({ stdout }) =>
    (
      json(stdout) as
        | {
            filePath: string;
            messages: { ruleId: string | null; line?: number; fix?: unknown; fatal?: boolean; message: string }[];
          }[]
        | null
    )?.flatMap((file) =>
      file.messages
        .filter((one) => !one.message.startsWith('File ignored '))
        .map((one) => ({
          path: file.filePath,
          rule: one.ruleId ?? (one.fatal === true ? 'parse error' : 'unused directive'),
          line: one.line ?? 1,
          fixable: one.fix !== undefined,
        })),
    ) ?? null,
};

const STANDARD: Tool = {
  report: ['--verbose'],
  fix: ['--fix'],
  silentAboutFixes: true,
  npm: true,
  read: ({ stdout, code }) => {
    const said = stdout.split('\n').flatMap((line) => {
      const match = /^\s*(\S.*?):(\d+):\d+: .*?\(([^\s()]+)\)(?: \(warning\))?\s*$/.exec(line);
      return match === null ? [] : [{ path: match[1]!, rule: match[3]!, line: Number(match[2]) }];
    });
    return code === 0 || said.length > 0 ? said : null;
  },
};

const unformatted =
  (rule: string, pattern: RegExp): Tool['read'] =>
  ({ stdout, stderr, code }) => {
    const said = `${stdout}\n${stderr}`.split('\n').flatMap((line) => {
      const match = pattern.exec(line);
      return match === null ? [] : [{ path: match[1]!.trim(), rule, line: 1 }];
    });
    return code === 0 || (code === 1 && said.length > 0) ? said : null;
  };

const TOOLS: Readonly<Record<ToolName, Tool>> = {
  eslint: ESLINT,
  oxlint: {
    report: ['--format=json'],
    fix: ['--fix'],
    silentAboutFixes: true,
    npm: true,
    read: ({ stdout }) =>
      (
        json(stdout) as {
          diagnostics: { code?: string; message: string; filename: string; labels?: { span?: { line?: number } }[] }[];
        } | null
      )?.diagnostics.map((one) => ({
        path: one.filename,
        rule: one.code ?? 'parse error',
        line: one.labels?.[0]?.span?.line ?? 1,
      })) ?? null,
  },
  biome: {
    report: ['--reporter=json', '--max-diagnostics=none'],
    fix: ['--write', '--max-diagnostics=none'],
    silentAboutFixes: true,
    npm: true,
    read: ({ stdout }) =>
      (
        json(stdout.slice(Math.max(0, stdout.indexOf('{')))) as {
          diagnostics: { category: string; location: { path?: string | { file?: string }; start?: { line?: number } } }[];
        } | null
      )?.diagnostics.flatMap((one) => {
        const path = typeof one.location.path === 'string' ? one.location.path : one.location.path?.file;
        return path === undefined ? [] : [{ path, rule: one.category, line: one.location.start?.line || 1 }];
      }) ?? null,
  },
  prettier: {
    report: ['--list-different'],
    fix: ['--write', '--log-level', 'warn'],
    silentAboutFixes: true,
    npm: true,
    read: unformatted('format', /^(\S.*\.\w+)$/),
  },
  standard: STANDARD,
  semistandard: STANDARD,
  'ts-standard': STANDARD,
  ruff: {
    report: ['--output-format', 'json', '--no-cache'],
    fix: ['--fix', '--no-cache'],
    silentAboutFixes: false,
    npm: false,
    read: ({ stdout }) =>
      (
        json(stdout) as
          | { code: string | null; filename: string; location: { row: number }; fix: { applicability?: string } | null }[]
          | null
      )?.map((one) => ({
        path: one.filename,
        rule: one.code ?? 'parse error',
        line: one.location.row,
        fixable: one.fix?.applicability === 'safe',
      })) ?? null,
  },
  'ruff format': {
    report: ['--check', '--no-cache'],
    fix: ['--no-cache'],
    silentAboutFixes: true,
    npm: false,
    read: unformatted('format', /^Would reformat: (.+)$/),
  },
  black: {
    report: ['--check'],
    fix: ['--quiet'],
    silentAboutFixes: true,
    npm: false,
    read: unformatted('format', /^would reformat (.+)$/),
  },
};

/** Words on a command line are bounded by the system: some 2,000 paths. */
const PATHS_MAX = 500;

export class Linter {
  readonly command: LintCommand;
  /** Relative to the top, '' = top. */
  readonly directory: string;
  readonly #top: string;
  readonly #tool: Tool;

  constructor(top: string, directory: string, command: LintCommand) {
    this.#top = top;
    this.directory = directory;
    this.command = command;
    this.#tool = TOOLS[command.tool];
  }

  /** The program as people start it from the linter's directory. */
  get spelled(): string {
    return `${this.#tool.npm ? 'npx ' : ''}${this.command.tool}`;
  }

  async installed(): Promise<boolean> {
    return (await this.#bin()) !== null;
  }

  /** What it finds, in these files or where the repository's command looks. */
  async ask(files: readonly string[] | null, timeoutMs: number): Promise<Asked> {
    const counts = new Map<string, Map<string, number>>();
    const lines = new Map<string, number>();
    const fixable = new Set<string>();
    let ms = 0;
    for (const part of chunks(files)) {
      const ended = await this.#run(this.#tool.report, part, timeoutMs);
      if (typeof ended === 'string') return { ok: false, why: ended };
      ms += ended.ms;
      if (ended.ended !== 'exit')
        return {
          ok: false,
          why: ended.ended === 'timed-out' ? 'it took longer than the time that was left' : `it was ended (${ended.ended})`,
        };
      const said = this.#tool.read(ended);
      if (said === null) return { ok: false, why: firstLine(ended) };
      for (const { path, rule, line, fixable: can } of said) {
        const own = this.#own(path);
        if (own === null) continue;
        const rules = counts.get(own) ?? new Map<string, number>();
        counts.set(own, rules.set(rule, (rules.get(rule) ?? 0) + 1));
        const key = `${own} ${rule}`;
        if (!lines.has(key)) lines.set(key, line);
        if (can === true) fixable.add(rule);
      }
    }
    return { ok: true, counts, lines, fixable: this.#tool.silentAboutFixes ? null : fixable, ms };
  }

  /** Repairs what it can in these files by its own safe repairs, without the rules that are named. Null = done, else why not. */
  async fix(files: readonly string[], without: readonly string[], timeoutMs: number): Promise<string | null> {
    // Without its rule, a comment that disables it would look unused: `--fix-type` leaves such comments alone.
    const off =
      without.length === 0
        ? []
        : [
            ...without.flatMap((rule) => ['--rule', JSON.stringify({ [rule]: 'off' })]),
            '--fix-type',
            'problem,suggestion,layout',
          ];
    for (const part of chunks(files)) {
      const ended = await this.#run([...this.#tool.fix, ...off], part, timeoutMs);
      if (typeof ended === 'string') return ended;
      if (ended.ended !== 'exit') return `it was ended (${ended.ended})`;
      if ((ended.code ?? 0) > 1) return firstLine(ended);
    }
    return null;
  }

  async #run(extra: readonly string[], files: readonly string[] | null, timeoutMs: number): Promise<ChildEnd | string> {
    const bin = await this.#bin();
    if (bin === null) return `${this.command.tool} is not installed`;
    const below = this.directory === '' ? 0 : this.directory.length + 1;
    const paths = files === null ? this.command.paths : files.map((file) => `./${file.slice(below)}`);
    return runChild({
      command: [bin, ...this.command.options, ...extra, ...paths],
      cwd: join(this.#top, this.directory),
      top: this.#top,
      timeoutMs,
      env: this.command.env,
    });
  }

  async #bin(): Promise<string | null> {
    const name = this.command.tool.split(' ')[0]!;
    const places: string[] = [];
    for (let at = join(this.#top, this.directory); ; at = dirname(at)) {
      places.push(join(at, 'node_modules', '.bin', name), join(at, '.venv', 'bin', name), join(at, 'venv', 'bin', name));
      if (at === this.#top || at === dirname(at)) break;
    }
    // A linter that the repository does not bring itself is nobody's but the machine's; Python tools live there.
    if (!this.#tool.npm) places.push(...(process.env.PATH ?? '').split(':').map((directory) => join(directory, name)));
    for (const place of places)
      if (
        await access(place, constants.X_OK).then(
          () => true,
          () => false,
        )
      )
        return place;
    return null;
  }

  #own(path: string): string | null {
    const from = isAbsolute(path) ? path : join(this.#top, this.directory, path);
    const own = relative(this.#top, from);
    return own.startsWith('..') ? null : own;
  }
}

function chunks(files: readonly string[] | null): (readonly string[] | null)[] {
  if (files === null) return [null];
  return Array.from({ length: Math.ceil(files.length / PATHS_MAX) }, (_, n) => files.slice(n * PATHS_MAX, (n + 1) * PATHS_MAX));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function firstLine({ stderr, stdout, code }: ChildEnd): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((one) => one.trim());
  return (
    lines.find((one) => /error|cannot|could not|failed/i.test(one)) ??
    lines.find((one) => one !== '') ??
    `exit code ${code}`
  ).slice(0, 300);
}
