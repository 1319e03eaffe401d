/**
 * Starting a program: what every caller in this runtime states, and what it gets back.
 * `direct` starts it as a child of this process; runs go through the warden instead, which outlives a hung host (warden/).
 */
import { spawn } from 'node:child_process';

/** What the program may reach. `none` = as the user; the other two need Linux namespaces. */
export interface Sandbox {
  readonly mode: 'full' | 'network only' | 'none';
  /** Absolute directories that stay writable under `full`. */
  readonly writable: readonly string[];
  /** Absolute directories that must be seen though they lie in /tmp, which `full` replaces; all others are seen anyway. */
  readonly readable?: readonly string[];
  /** The program's home: under `full` it may write there where the kernel has layers, and all of it is gone when the program ends. */
  readonly home?: string;
  readonly network: boolean;
}

export interface ExecOptions {
  readonly cwd: string;
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Bytes of stdout and of stderr kept in the result: the first half and the last half when there is more. */
  readonly keepBytes: number;
  /** Bytes of output after which it is killed as `output-limit`. */
  readonly outputBytesMax: number;
  readonly sandbox?: Sandbox;
  readonly signal?: AbortSignal;
  readonly stdin?: string;
  /** What `skein status` calls it: the task or check it serves. */
  readonly label?: string;
  /** Our own git: it leaves nobody behind and opens no `/dev/stderr`, so that neither is provided for. */
  readonly plumbing?: boolean;
  /** Sees every chunk as it comes, for streams that are read while they run. */
  readonly onStdout?: (chunk: Buffer) => void;
}

export interface ExecResult {
  readonly ended: 'exit' | 'signal' | 'timed-out' | 'output-limit' | 'cancelled' | 'not-started';
  readonly exitCode: number | null;
  readonly signalName: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** True when more was written than `keepBytes`. */
  readonly truncated: boolean;
  readonly durationMs: number;
  /** For `not-started`: why, in words (`claude: not found on PATH`). */
  readonly error: string;
  /** True when the program is not to blame for its end (the warden was killed, a halt): it may be run again. */
  readonly retryable?: boolean;
}

export type Exec = (argv: readonly string[], options: ExecOptions) => Promise<ExecResult>;

/** Keeps the first and the last half of a stream within a bound. */
export class Kept {
  readonly #max: number;
  readonly #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(chunk: Buffer): void {
    this.total += chunk.length;
    const room = Math.max(0, Math.ceil(this.#max / 2) - this.#headBytes);
    if (room > 0) {
      this.#head.push(chunk.subarray(0, room));
      this.#headBytes += Math.min(room, chunk.length);
    }
    if (chunk.length <= room) return;
    this.#tail.push(chunk.subarray(room));
    this.#tailBytes += chunk.length - room;
    if (this.#tailBytes > this.#max) this.#trim();
  }

  #trim(): void {
    const all = Buffer.concat(this.#tail);
    const kept = Buffer.from(all.subarray(Math.max(0, all.length - Math.floor(this.#max / 2)))); // a copy: lets go of the rest
    this.#tail = [kept];
    this.#tailBytes = kept.length;
  }

  get truncated(): boolean {
    return this.total > this.#max;
  }

  take(): Buffer {
    if (this.truncated) this.#trim();
    return Buffer.concat([...this.#head, ...this.#tail]);
  }
}

/** Starts the program as a direct child in its own process group. Ignores `sandbox`: for git plumbing and tests. */
export const direct: Exec = (argv, options) =>
  new Promise((resolve) => {
    const started = performance.now();
    const stdout = new Kept(options.keepBytes);
    const stderr = new Kept(options.keepBytes);
    let ended: ExecResult['ended'] | null = null;
    const child = spawn(argv[0]!, argv.slice(1), {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: [options.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const kill = (why: ExecResult['ended']): void => {
      ended ??= why;
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // the group is already gone
      }
    };
    const timer = setTimeout(() => kill('timed-out'), options.timeoutMs);
    const onAbort = (): void => kill('cancelled');
    options.signal?.addEventListener('abort', onAbort, { once: true });
    if (options.signal?.aborted === true) kill('cancelled');
    const take =
      (kept: Kept, sink?: (chunk: Buffer) => void) =>
      (chunk: Buffer): void => {
        kept.add(chunk);
        sink?.(chunk);
        if (stdout.total + stderr.total > options.outputBytesMax) kill('output-limit');
      };
    child.stdout!.on('data', take(stdout, options.onStdout));
    child.stderr!.on('data', take(stderr));
    child.stdin?.on('error', () => kill('exit')); // it closed its input early: what it printed still counts
    if (options.stdin !== undefined) child.stdin?.end(options.stdin);
    const finish = (exitCode: number | null, signalName: string | null, error: string): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      resolve({
        ended: error !== '' ? 'not-started' : (ended ?? (signalName === null ? 'exit' : 'signal')),
        exitCode,
        signalName,
        stdout: stdout.take(),
        stderr: stderr.take(),
        truncated: stdout.truncated || stderr.truncated,
        durationMs: Math.round(performance.now() - started),
        error,
      });
    };
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish(null, null, error.code === 'ENOENT' ? `${argv[0]}: not found on PATH` : error.message),
    );
    child.once('close', (code, signal) => finish(code, signal, ''));
  });
