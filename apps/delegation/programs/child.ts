/**
 * A command as a child in a process group of its own: ended with everything that it started when its time is over, when its
 * output says that there is nothing more to learn, or when this program is ended itself. Output is kept within bounds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';

export interface RunChild {
  /** A shell line, or a program with its arguments. */
  readonly command: string | readonly string[];
  readonly cwd: string;
  /** Top of the checkout: its node_modules/.bin comes first on PATH. */
  readonly top: string;
  readonly timeoutMs: number;
  readonly env?: Readonly<Record<string, string>>;
  /** True = enough is known: it is ended. Sees whole chunks of stdout. */
  readonly enough?: (chunk: string) => boolean;
}

export interface ChildEnd {
  readonly ended: 'exit' | 'timed-out' | 'enough' | 'not-started' | 'signal';
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** What JSON reports of a linter over some thousand files come to. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024;

const alive = new Set<ChildProcess>();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
  process.once(signal, () => {
    for (const child of alive) killGroup(child);
    process.exit(130);
  });
process.once('exit', () => {
  for (const child of alive) killGroup(child);
});

export function runChild(options: RunChild): Promise<ChildEnd> {
  const argv = typeof options.command === 'string' ? ['/bin/sh', '-c', options.command] : options.command;
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: options.cwd,
      env: environment(options),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    alive.add(child);
    const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[], bytes: 0 };
    let ended: ChildEnd['ended'] | null = null;
    const end = (why: ChildEnd['ended']): void => {
      ended ??= why;
      killGroup(child);
    };
    const timer = setTimeout(() => end('timed-out'), Math.max(1, options.timeoutMs));
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        kept.bytes += chunk.length;
        if (kept.bytes <= KEPT_BYTES_MAX) kept[name].push(chunk);
        if (name === 'stdout' && options.enough?.(chunk.toString('utf8')) === true) end('enough');
      });
    const done = (code: number | null, why: ChildEnd['ended']): void => {
      clearTimeout(timer);
      // What it left running in its group would disturb the next run.
      killGroup(child);
      alive.delete(child);
      const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(kept[name]).toString('utf8');
      resolve({ ended: ended ?? why, code, stdout: text('stdout'), stderr: text('stderr'), ms: performance.now() - began });
    };
    child.once('error', () => done(null, 'not-started'));
    // A grandchild may hold the pipes open: a moment after the exit its words are no longer waited for.
    child.once('exit', (code) => {
      const late = setTimeout(() => {
        child.stdout.destroy();
        child.stderr.destroy();
      }, 300);
      child.once('close', () => {
        clearTimeout(late);
        done(code, code === null ? 'signal' : 'exit');
      });
    });
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // nobody is left
  }
}

/** The program's own surroundings, without what tells a test runner that it runs inside another one. */
function environment({ cwd, top, env }: RunChild): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env))
    if (
      value !== undefined &&
      !/^(?:NODE_TEST_CONTEXT|NODE_V8_COVERAGE|VITEST.*|JEST_WORKER_ID|SKEIN_PROBE_FILE|SKEIN_JUDGE_FILE|FORCE_COLOR)$/.test(name)
    )
      passed[name] = value;
  const bins: string[] = [];
  for (let at = cwd; at.startsWith(top); at = dirname(at)) {
    bins.push(join(at, 'node_modules', '.bin'));
    if (at === top || at === dirname(at)) break;
  }
  return { ...passed, PATH: [...bins, passed.PATH ?? '/usr/bin:/bin'].join(delimiter), NO_COLOR: '1', ...env };
}
