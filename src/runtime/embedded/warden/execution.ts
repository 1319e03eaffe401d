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
import type { Duplex, Readable } from 'node:stream';
import { Kept } from '../exec.ts';
import { killMarked, MARKER, signalGroup, startOf } from './process-table.ts';
import { closeWriters, outputPipes } from './pipes.ts';
import type { Record } from './record.ts';
import { sandboxed } from './sandbox.ts';
import { CREDIT_BYTES, type Ending, type StartRequest } from './wire.ts';

export interface Surroundings {
  readonly run: string;
  readonly execution: string;
  readonly record: Record;
  /** A directory for what is unlinked as soon as it is open. */
  readonly pipes: string;
  readonly graceMs: number;
  /** Tells the host that the program is about to run; resolves when the kernel has the message, whatever becomes of this process. */
  readonly started: () => Promise<void>;
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
export const HELD: string = 'IFS= read -r go <&3 || exit 125; exec 3<&-; exec "$@"';
const HELD_IN_SANDBOX = 'IFS= read -r go <&3 || exit 125; exec "$@"'; // which closes fd 3 itself
const NICE = 10;
const SET_UPS_MAX = 3; // a mount that comes or goes during a set-up fails it; three in a row are something else
const COMMAND_CHARACTERS_MAX = 500; // of a line in the record that people may read; nothing is decided by it
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

type Command = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string };

/** The file that the first word names, or why it cannot start, in words. */
function commandOf(request: StartRequest): Command {
  const [command] = request.argv;
  if (command === undefined || command === '') return { ok: false, why: 'no command given' };
  try {
    if (!statSync(request.cwd).isDirectory()) return { ok: false, why: `${request.cwd}: not a directory to start ${command} in` };
  } catch {
    return { ok: false, why: `${request.cwd}: no such directory to start ${command} in` };
  }
  if (command.includes('/')) {
    const path = resolvePath(request.cwd, command);
    return isExecutable(path) ? { ok: true, path } : { ok: false, why: `${command}: not found, or not executable` };
  }
  const directories = (request.env.PATH ?? '/usr/local/bin:/usr/bin:/bin').split(':');
  const path = directories.map((directory) => join(resolvePath(request.cwd, directory), command)).find(isExecutable);
  return path === undefined ? { ok: false, why: `${command}: not found on PATH` } : { ok: true, path };
}

export function begin(request: StartRequest, around: Surroundings): Execution {
  const began = performance.now();
  let stdout = new Kept(request.keepBytes);
  let stderr = new Kept(request.keepBytes);
  let tries = 0;
  let child: ChildProcess | null = null;
  let output: readonly Readable[] = [];
  let start = '';
  let why: Ending['ended'] | null = null;
  let error = '';
  let retryable = false;
  let credit = CREDIT_BYTES;
  let ran = !inNamespace(request); // a sandbox says so itself
  let over = false;
  const timers = new Set<NodeJS.Timeout>();
  const after = (ms: number, run: () => void): void => void timers.add(setTimeout(run, ms));

  const finish = (exitCode: number | null, signalName: string | null): void => {
    if (over) return;
    for (const timer of timers) clearTimeout(timer);
    const [out, err] = [stdout.take(), stderr.take()];
    if (why === null && !ran) {
      if (tries < SET_UPS_MAX) return again();
      why = 'not-started';
      retryable = true;
      error = `${request.argv[0]}: its sandbox could not be set up: ${err.toString('utf8', 0, COMMAND_CHARACTERS_MAX).trim()}`;
    }
    over = true;
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
      out,
      err,
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
      if (credit > 0) output[0]?.resume();
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
      if (credit <= 0 && child?.exitCode === null && child.signalCode === null) output[0]!.pause();
    };

  const launch = async (): Promise<void> => {
    tries += 1;
    const command = commandOf(request);
    if (!command.ok) return notStarted(command.why);
    const wrapped = await sandboxed([command.path, ...request.argv.slice(1)], request.cwd, request.sandbox);
    if (!wrapped.ok) return notStarted(wrapped.why);
    if (why !== null) return finish(null, null); // stopped before there was a process
    const pipes = request.plumbing === true ? null : await outputPipes(around.pipes);
    output = pipes?.map((pipe) => pipe.reader) ?? [];
    try {
      child = spawn('/bin/sh', ['-c', ran ? HELD : HELD_IN_SANDBOX, 'skein-held', ...wrapped.argv], {
        cwd: request.cwd,
        env: { ...request.env, SKEIN_RUN: around.run, [MARKER]: around.execution },
        detached: true, // a session of its own: no terminal, and one number to kill it by
        stdio: [
          request.stdin === undefined ? 'ignore' : 'pipe',
          pipes?.[0].writer ?? 'pipe',
          pipes?.[1].writer ?? 'pipe',
          'pipe',
        ],
      });
    } finally {
      closeWriters(pipes);
    }
    const gate = child.stdio[3] as Duplex;
    output = [...(pipes === null ? [child.stdout!, child.stderr!] : output), gate];
    gate.on('data', () => (ran = true));
    output[0]!.on('data', take(stdout, request.live));
    output[1]!.on('data', take(stderr, false));
    const drained = Promise.all(
      output.map((stream) => new Promise<void>((resolve) => void stream.once('close', () => resolve()))),
    );
    for (const stream of [...output, child.stdin]) stream?.on('error', () => undefined); // its exit says more
    const leader = child;
    leader.once('error', (cause) => notStarted(`${request.argv[0]}: ${cause.message}`));
    leader.once('exit', (exitCode, signalName) => void afterwards(drained).then(() => finish(exitCode, signalName)));
    const { pid } = leader;
    if (pid === undefined) return;
    try {
      setPriority(pid, NICE);
    } catch {
      // gone already
    }
    start = (await startOf(pid)) ?? '';
    if (start === '') {
      // Never released without a record. It is gone, or `ps` has no answer.
      self.kill('not-started', `${request.argv[0]}: ended before it was recorded`, true);
      return;
    }
    const words = request.argv.join(' ').slice(0, COMMAND_CHARACTERS_MAX);
    around.record.add({ execution: around.execution, pid, start, label: request.label, command: words });
    if (why !== null) return void group('SIGKILL'); // stopped while it was held
    await around.started(); // what the host calls not started has not run
    if (why !== null) return void group('SIGKILL');
    after(request.timeoutMs, () => self.stop('timed-out'));
    gate.end('\n');
    if (request.stdin !== undefined) leader.stdin!.end(request.stdin);
  };

  /** The leader is gone: so is everyone it left behind. Inside a pid namespace the kernel sees to it. */
  const afterwards = async (drained: Promise<unknown>): Promise<void> => {
    group('SIGKILL');
    output[0]!.resume();
    after(DRAIN_MS_MAX, () => output.forEach((stream) => stream.destroy()));
    if (!inNamespace(request) && request.plumbing !== true) await killMarked(new Set([around.execution]));
    await drained;
  };

  const attempt = (): void =>
    void launch().catch((cause: unknown) => {
      group('SIGKILL');
      for (const stream of output) stream.destroy();
      notStarted(`${request.argv[0]}: ${cause instanceof Error ? cause.message : String(cause)}`);
    });
  /** The program has not run: the machine's mounts changed under the set-up. */
  const again = (): void => {
    around.record.end(around.execution);
    start = '';
    stdout = new Kept(request.keepBytes);
    stderr = new Kept(request.keepBytes);
    attempt();
  };
  attempt();
  return self;
}
