/**
 * One program under the warden: started held, recorded, released, watched, ended with its whole group.
 * The command itself runs only after its pid is on file: the child waits for one byte on fd 3 and leaves when that pipe breaks.
 *
 *   spawn ──▶ pid, start ──▶ line in the record ──▶ byte on fd 3 ──▶ exec of the command ──▶ group gone ──▶ line in the record
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join, resolve as resolvePath } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Kept } from '../exec.ts';
import { killMarked, MARKER, signalGroup, startOf } from './process-table.ts';
import type { Record } from './record.ts';
import { sandboxed } from './sandbox.ts';
import { CREDIT_BYTES, type Ending, type StartRequest } from './wire.ts';

export interface Surroundings {
  readonly run: string;
  readonly execution: string;
  readonly record: Record;
  readonly graceMs: number;
  readonly started: () => void;
  readonly live: (chunk: Buffer) => void;
  readonly ended: (ending: Ending, stdout: Buffer, stderr: Buffer) => void;
}

export interface Execution {
  readonly request: StartRequest;
  readonly execution: string;
  readonly pid: number;
  readonly start: string;
  readonly runningMs: number;
  credit(bytes: number): void;
  /** SIGTERM, and SIGKILL after the grace. */
  stop(why: Ending['ended']): void;
  /** SIGKILL now. `again`: the program is not to blame, the caller may run it again. */
  kill(why: Ending['ended'], error?: string, again?: boolean): void;
}

// `read` takes one byte (a line end) from the warden and fails when the pipe breaks first.
const HELD = 'IFS= read -r go <&3 || exit 125; exec 3<&-; exec "$@"';
const NICE = 10;
// After the group is dead only what was in the pipe is still to come, unless someone who escaped holds its other end.
const DRAIN_MS_MAX = 1_000;

const inNamespace = (request: StartRequest): boolean => request.sandbox !== undefined && request.sandbox.mode !== 'none';

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Why this request cannot start, in words; empty when it can. */
function obstacle(request: StartRequest): string {
  const [command] = request.argv;
  if (command === undefined || command === '') return 'no command given';
  try {
    if (!statSync(request.cwd).isDirectory()) return `${request.cwd}: not a directory to start ${command} in`;
  } catch {
    return `${request.cwd}: no such directory to start ${command} in`;
  }
  if (command.includes('/')) {
    return isExecutable(resolvePath(request.cwd, command)) ? '' : `${command}: not found, or not executable`;
  }
  const path = (request.env.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':');
  return path.some((directory) => isExecutable(join(resolvePath(request.cwd, directory), command)))
    ? ''
    : `${command}: not found on PATH`;
}

export function begin(request: StartRequest, around: Surroundings): Execution {
  const began = performance.now();
  const stdout = new Kept(request.keepBytes);
  const stderr = new Kept(request.keepBytes);
  let child: ChildProcess | null = null;
  let start = '';
  let why: Ending['ended'] | null = null;
  let error = '';
  let retryable = false;
  let credit = CREDIT_BYTES;
  let over = false;
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, run: () => void): void => void timers.add(setTimeout(run, ms));

  const finish = (exitCode: number | null, signalName: string | null): void => {
    if (over) return;
    over = true;
    for (const timer of timers) clearTimeout(timer);
    if (start !== '') around.record.end(around.execution);
    around.ended(
      {
        ended: why ?? (signalName === null ? 'exit' : 'signal'),
        exitCode,
        signalName,
        truncated: stdout.truncated || stderr.truncated,
        durationMs: Math.round(performance.now() - began),
        error,
        ...(retryable ? { retryable } : {}),
      },
      stdout.take(),
      stderr.take(),
    );
  };
  const notStarted = (words: string): void => {
    why = 'not-started';
    error = words;
    finish(null, null);
  };
  const group = (signal: 'SIGTERM' | 'SIGKILL'): boolean => child?.pid !== undefined && signalGroup(child.pid, signal);

  const self: Execution = {
    request,
    execution: around.execution,
    get pid() {
      return child?.pid ?? 0;
    },
    get start() {
      return start;
    },
    get runningMs() {
      return Math.round(performance.now() - began);
    },
    credit(bytes) {
      credit += bytes;
      if (credit > 0) child?.stdout?.resume();
    },
    stop(reason) {
      why ??= reason;
      if (group('SIGTERM')) after(around.graceMs, () => group('SIGKILL'));
    },
    kill(reason, words = '', again = false) {
      if (why === null) error = words;
      why ??= reason;
      retryable ||= again;
      group('SIGKILL');
    },
  };

  const take =
    (kept: Kept, live: boolean) =>
    (chunk: Buffer): void => {
      kept.add(chunk);
      if (stdout.total + stderr.total > request.outputBytesMax && why === null) self.kill('output-limit');
      if (!live) return;
      around.live(chunk);
      credit -= chunk.length;
      if (credit <= 0 && child?.exitCode === null && child.signalCode === null) child.stdout!.pause();
    };

  const launch = async (): Promise<void> => {
    const blocked = obstacle(request);
    if (blocked !== '') return notStarted(blocked);
    const wrapped = await sandboxed(request);
    if (!wrapped.ok) return notStarted(wrapped.why);
    if (why !== null) return finish(null, null); // stopped before there was a process
    try {
      child = spawn('/bin/sh', ['-c', HELD, 'skein-held', ...wrapped.argv], {
        cwd: request.cwd,
        env: { ...request.env, SKEIN_RUN: around.run, [MARKER]: around.execution },
        detached: true, // a session of its own: no terminal, and one number to kill it by
        stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', 'pipe'],
      });
    } catch (cause) {
      return notStarted(`${request.argv[0]}: ${(cause as Error).message}`);
    }
    const { pid } = child;
    const gate = child.stdio[3] as Writable;
    child.once('error', (cause) => notStarted(`${request.argv[0]}: ${cause.message}`));
    child.once('exit', () => void over_(child!));
    child.once('close', finish);
    if (pid === undefined) return;
    gate.on('error', () => undefined); // the child died before it was released: its exit says so
    child.stdin?.on('error', () => undefined); // it does not want all of its input
    child.stdout!.on('data', take(stdout, request.live));
    child.stderr!.on('data', take(stderr, false));
    try {
      setPriority(pid, NICE);
    } catch {
      // gone already
    }
    start = (await startOf(pid)) ?? '';
    if (start !== '') {
      around.record.add({
        execution: around.execution,
        pid,
        start,
        label: request.label,
        command: request.argv.join(' ').slice(0, 500),
      });
    }
    if (why !== null) return void group('SIGKILL'); // stopped while it was held
    after(request.timeoutMs, () => self.stop('timed-out'));
    around.started();
    gate.end('\n');
    if (request.stdin !== undefined) child.stdin!.end(request.stdin);
  };

  /** The leader is gone: so is everyone it left behind. Inside a pid namespace the kernel has seen to it. */
  const over_ = async (leader: ChildProcess): Promise<void> => {
    group('SIGKILL');
    leader.stdout!.resume();
    after(DRAIN_MS_MAX, () => {
      for (const stream of leader.stdio) (stream as Readable | null)?.destroy();
      finish(leader.exitCode, leader.signalCode);
    });
    if (!inNamespace(request)) await killMarked(new Set([around.execution]));
  };

  void launch().catch((cause: unknown) => {
    group('SIGKILL');
    notStarted(`${request.argv[0]}: ${cause instanceof Error ? cause.message : String(cause)}`);
  });
  return self;
}
