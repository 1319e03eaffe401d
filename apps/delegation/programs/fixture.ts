/** Small repositories for tests of probes: files in a temporary directory, and a program asked about them. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { work } from 'skein';

export interface Fixture {
  readonly top: string;
  read(path: string): string;
  write(files: Readonly<Record<string, string>>): void;
  /** Asks a probe. */
  probe(argv: readonly string[], question: Partial<work.ProbeQuestion>): Promise<Heard>;
  /** Asks a judge. */
  judge(argv: readonly string[], question: Omit<work.JudgeQuestion, 'workspace' | 'base' | 'shared'>): Promise<work.JudgeAnswer>;
  /** Starts an agent on a task. */
  agent(argv: readonly string[], task: Pick<work.TaskSpec, 'input'>): Promise<string>;
  remove(): void;
}

export interface Heard {
  readonly findings: readonly work.Finding[];
  readonly tasks: readonly Omit<work.TaskSpec, 'given' | 'goal'>[];
  readonly measures: readonly work.Measure[];
  readonly notes: readonly string[];
  readonly stderr: string;
}

/** Our own installed packages, linked like a checkout's. */
const INSTALLED = dirname(dirname(createRequire(import.meta.url).resolve('eslint/package.json')));

export function fixture(files: Readonly<Record<string, string>>): Fixture {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'skein-probe-')));
  const top = join(home, 'tree');
  const write = (more: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(top, path)), { recursive: true });
      writeFileSync(join(top, path), text);
    }
  };
  write({ '.gitignore': 'node_modules/\n', ...files });
  mkdirSync(join(top, 'node_modules'), { recursive: true });
  for (const name of readdirSync(INSTALLED))
    if (name === '.bin' || !name.startsWith('.')) symlinkSync(join(INSTALLED, name), join(top, 'node_modules', name));
  const start = async (
    argv: readonly string[],
    variable: string,
    value: unknown,
  ): Promise<{ stdout: string; stderr: string }> => {
    const file = join(home, 'question.json');
    writeFileSync(file, JSON.stringify(value));
    const child = spawn(argv[0]!, argv.slice(1), { cwd: top, env: { ...process.env, TMPDIR: home, [variable]: file } });
    const out = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => (out[name] += chunk.toString('utf8')));
    await new Promise((resolve) => child.once('close', resolve));
    return out;
  };
  return {
    top,
    write,
    read: (path) => readFileSync(join(top, path), 'utf8'),
    async probe(argv, question) {
      const { stdout, stderr } = await start(argv, 'SKEIN_PROBE_FILE', {
        goal: 'health',
        argument: null,
        workspace: top,
        files: Object.keys(files),
        checks: [],
        baseline: (question.checks ?? []).map(greenOf),
        shared: home,
        deadline: Date.now() + 60_000,
        sandbox: 'none',
        ...question,
      });
      const lines = stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]));
      const all = <T>(name: string): T[] => lines.flatMap((line) => (name in line ? [line[name] as T] : []));
      return { findings: all('finding'), tasks: all('task'), measures: all('measure'), notes: all('note'), stderr };
    },
    async judge(argv, question) {
      const { stdout } = await start(argv, 'SKEIN_JUDGE_FILE', { ...question, workspace: top, base: top, shared: home });
      return JSON.parse(stdout) as work.JudgeAnswer;
    },
    agent: async (argv, task) => (await start(argv, 'SKEIN_TASK_FILE', { ...task, shared: home })).stderr,
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

export function check(command: string, kind: work.CheckSpec['kind']): work.CheckSpec {
  return { name: command, command, directory: '', kind, timeout: 60_000, source: 'test' };
}

function greenOf({ name }: work.CheckSpec): work.CheckVerdict {
  return {
    check: name,
    status: 'green',
    cause: '',
    exitCode: 0,
    tests: null,
    counts: null,
    findings: [],
    durationMs: 500,
    cached: false,
    tail: '',
    output: null,
  };
}
