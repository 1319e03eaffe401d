/**
 * The host's end of the warden: starts it, speaks to it, starts it again when it was killed.
 * What was in flight then ends as `cancelled` or `not-started` with `retryable`, and only after the new warden has ended the old groups:
 * a second try never meets the first one in the same directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileCache } from '../compile-cache.ts';
import type { Exec, ExecOptions, ExecResult } from '../exec.ts';
import { socketHome } from '../places.ts';
import { cleanUp } from './record.ts';
import type { HaltWatchSettings } from '../halt/watch.ts';
import type { WardenSettings } from './main.ts';
import {
  type Cleaned,
  CREDIT_BYTES,
  FRAME,
  FRAME_BYTES_MAX,
  frameReader,
  jsonFrame,
  type ToHost,
  type ToWarden,
  type WardenStatus,
} from './wire.ts';

export interface WardenOptions {
  /** The run's number: what its children carry as `SKEIN_RUN`. */
  readonly run: string;
  /** Where started groups are recorded: `<workspaces of the run>/processes.jsonl`. Only one host at a time may name it. */
  readonly record: string;
  /** Directory of the control socket; `socketHome()` unless told. */
  readonly sockets?: string;
  /** Between SIGTERM and SIGKILL; 2,000 unless told. */
  readonly graceMs?: number;
  /** The warden was killed and has a successor, which killed what was left. */
  readonly onRestart?: (cleaned: Cleaned) => void;
  /** Someone halted, through the halt record or the control socket. */
  readonly onHalt?: (why: string) => void;
  /** What it watches and renews; without it only the control socket and the host halt. */
  readonly halt?: HaltWatchSettings;
}

export interface WardenClient {
  readonly exec: Exec;
  /** Of the warden that lives now. */
  readonly pid: number;
  /** Path of the control socket: one line `{"verb":"halt"}` or `{"verb":"status"}` in, one JSON line out. */
  readonly socket: string;
  /** What the first warden found of an earlier host and killed. */
  readonly cleaned: Cleaned;
  readonly halted: boolean;
  status(): Promise<WardenStatus>;
  /** Kills everything now and starts nothing more; answers how many executions it ended. */
  halt(): Promise<number>;
  /** Kills what still runs and waits for the warden to be gone. */
  close(): Promise<void>;
}

interface Pending {
  readonly options: ExecOptions;
  readonly stdout: Buffer[];
  readonly stderr: Buffer[];
  readonly began: number;
  started: boolean;
  /** Live bytes taken and not yet acknowledged. */
  owed: number;
  resolve(result: ExecResult): void;
}

interface Live {
  readonly child: ChildProcess;
  readonly channel: Socket;
  readonly cleaned: Cleaned;
}

const GRACE_MS = 2_000;
const SOCKET_PATH_BYTES_MAX = 103; // macOS ends at 104 with its zero, Linux at 108
const STARTS_MAX = 3; // the first start may be killed like any other; one that fails for a reason fails each time
const RESTARTS_MAX = 5; // within the window; a warden that dies at once each time must not become a loop
const RESTARTS_WINDOW_MS = 60_000;
const PATIENCE_MS = 30_000; // past an execution's own time-out and grace: a warden that is silent then is stopped or stuck
const LAUNCH_MS_MAX = 15_000; // a start takes 0.1 s; this is a machine in trouble
const INHERITED: ReadonlySet<string> = new Set('PATH HOME TMPDIR XDG_RUNTIME_DIR XDG_CACHE_HOME SKEIN_CACHE'.split(' ')); // no NODE_OPTIONS
const LAST_WORDS_BYTES_MAX = 4_096;

// The entry has this file's own extension: `.ts` in source, `.js` published.
const entry: string = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './main.ts' : './main.js', import.meta.url));

/** The same for each warden of one record: a successor takes the place of a socket that a killed one left. */
function socketPath(directory: string, record: string): string {
  const path = join(directory, `w-${createHash('sha256').update(record).digest('hex').slice(0, 12)}.sock`);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX) {
    throw new Error(
      `${directory}: too long for a control socket (${SOCKET_PATH_BYTES_MAX} bytes): set XDG_RUNTIME_DIR to a shorter directory`,
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(directory);
  if (uid !== (process.getuid?.() ?? uid))
    throw new Error(`${directory}: belongs to another user: set XDG_RUNTIME_DIR to a directory of your own`);
  if ((mode & 0o077) !== 0) chmodSync(directory, 0o700);
  return path;
}

/** Starts the warden and waits until it has ended what an earlier host of this run left behind. */
export async function connectWarden(options: WardenOptions): Promise<WardenClient> {
  const socket = socketPath(options.sockets ?? socketHome(), options.record);
  const pending = new Map<number, Pending>();
  const answers = new Map<number, (value: unknown) => void>();
  const restarts: number[] = [];
  let next = 0;
  let halted = false;
  let closing = false;
  let broken = '';
  let live: Live | null = null;
  let ready: Promise<void>;

  const say = (message: ToWarden): void => void (live?.channel.writable === true && live.channel.write(jsonFrame(message)));

  const failure = (ended: 'cancelled' | 'not-started', error: string, one?: Pending): ExecResult => ({
    ended,
    exitCode: null,
    signalName: null,
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
    truncated: false,
    durationMs: one === undefined ? 0 : Math.round(performance.now() - one.began),
    error,
    retryable: true,
  });

  const onMessage = (message: ToHost): void => {
    switch (message.verb) {
      case 'started': {
        const one = pending.get(message.id);
        if (one !== undefined) one.started = true;
        return;
      }
      case 'ended': {
        const one = pending.get(message.id);
        pending.delete(message.id);
        one?.resolve({ ...message.ending, stdout: Buffer.concat(one.stdout), stderr: Buffer.concat(one.stderr) });
        return;
      }
      case 'halted':
        halted = true;
        options.onHalt?.(message.why);
        return;
      case 'answer':
        answers.get(message.request)?.(message.value);
        answers.delete(message.request);
        return;
      case 'ready':
        return; // taken by launch
    }
  };

  const onBytes = (kind: number, id: number, bytes: Buffer): void => {
    const one = pending.get(id);
    if (kind === FRAME.live) {
      one?.options.onStdout?.(bytes);
      // Small chunks are acknowledged together: a message for each would cost the loop more than the chunk.
      if (one === undefined || (one.owed += bytes.length) < CREDIT_BYTES / 4) return;
      say({ verb: 'credit', id, bytes: one.owed });
      one.owed = 0;
    } else if (kind === FRAME.stdout) one?.stdout.push(bytes);
    else one?.stderr.push(bytes);
  };

  const launch = (): Promise<Live> =>
    new Promise((resolve, reject) => {
      const settings: WardenSettings = {
        run: options.run,
        record: options.record,
        socket,
        graceMs: options.graceMs ?? GRACE_MS,
        halted,
        ...(options.halt === undefined ? {} : { halt: options.halt }),
      };
      const child = spawn(process.execPath, [entry, JSON.stringify(settings)], {
        cwd: '/',
        detached: true, // Ctrl-C in the terminal is the host's to answer
        stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
        env: { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => INHERITED.has(name))), ...compileCache() },
      });
      const channel = child.stdio[3] as Socket;
      let words = '';
      let started: Live | null = null;
      child.stderr!.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-LAST_WORDS_BYTES_MAX)));
      const timer = setTimeout(() => child.kill('SIGKILL'), LAUNCH_MS_MAX);
      channel.on('error', () => undefined); // its end follows
      channel.on(
        'data',
        frameReader({
          json: (message) => {
            const said = message as ToHost;
            if (said.verb !== 'ready') return onMessage(said);
            clearTimeout(timer);
            started = { child, channel, cleaned: said.cleaned };
            resolve(started);
          },
          bytes: onBytes,
        }),
      );
      let gone = false;
      const over = (): void => {
        clearTimeout(timer);
        if (gone) return;
        gone = true;
        reject(
          new Error(
            `the warden did not start: ${words.trim() || (child.signalCode === null ? 'no reason given' : `it was ended by ${child.signalCode}`)}`,
          ),
        );
        if (started !== null && live === started) lost(words);
      };
      child.once('error', (cause) => {
        words ||= cause.message;
        over();
      });
      child.once('close', over); // after all that it said was read
    });

  /** The warden died under us. */
  const lost = (words: string): void => {
    live = null;
    for (const done of answers.values()) done(null);
    answers.clear();
    if (closing) return;
    const orphans = [...pending.values()];
    pending.clear();
    ready = relaunch(words).finally(() => {
      for (const one of orphans) {
        one.resolve(
          failure(one.started ? 'cancelled' : 'not-started', 'the warden was killed and its programs with it: run it again', one),
        );
      }
    });
  };

  const relaunch = async (words: string): Promise<void> => {
    for (;;) {
      const now = performance.now();
      while (restarts.length > 0 && now - restarts[0]! > RESTARTS_WINDOW_MS) restarts.shift();
      if (restarts.length >= RESTARTS_MAX) break;
      restarts.push(now);
      try {
        // oxlint-disable-next-line no-await-in-loop -- one warden at a time
        live = await launch();
        options.onRestart?.(live.cleaned);
        return;
      } catch (cause) {
        words = (cause as Error).message;
      }
    }
    broken = `the warden died ${RESTARTS_MAX} times within a minute (${words.trim() || 'killed'}): find out who kills it, then resume the run`;
    await cleanUp(options.record).catch(() => undefined); // no warden left to do it
  };

  for (let start = 1; live === null; start++) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one warden at a time
      live = await launch();
    } catch (cause) {
      if (start >= STARTS_MAX) throw cause;
    }
  }
  ready = Promise.resolve();
  const { cleaned } = live;

  const exec: Exec = async (argv, given) => {
    const began = performance.now();
    await ready;
    if (closing || broken !== '') return failure('not-started', closing ? 'the warden is closed' : broken);
    if (given.signal?.aborted === true) return { ...failure('cancelled', ''), retryable: false };
    const { signal, onStdout, label = argv[0] ?? '', ...rest } = given;
    next += 1;
    const id = next;
    const frame = jsonFrame({ verb: 'start', id, argv, label, live: onStdout !== undefined, ...rest });
    if (frame.length > FRAME_BYTES_MAX) {
      return {
        ...failure('not-started', `${label}: arguments, environment and input exceed ${FRAME_BYTES_MAX} bytes`),
        retryable: false,
      };
    }
    const cancel = (): void => say({ verb: 'cancel', id });
    signal?.addEventListener('abort', cancel, { once: true });
    const patience = given.timeoutMs + (options.graceMs ?? GRACE_MS) + PATIENCE_MS;
    const silent = setTimeout(() => live?.child.kill('SIGKILL'), patience); // its successor ends what it had started
    const result = await new Promise<ExecResult>((resolve) => {
      pending.set(id, { options: given, stdout: [], stderr: [], began, started: false, owed: 0, resolve });
      live?.channel.write(frame);
    });
    clearTimeout(silent);
    signal?.removeEventListener('abort', cancel);
    return result;
  };

  const ask = async <T>(verb: 'status' | 'halt', none: T): Promise<T> => {
    await ready;
    if (live === null) return none;
    next += 1;
    const request = next;
    return new Promise<T>((resolve) => {
      answers.set(request, (value) => resolve((value as T | null) ?? none));
      say({ verb, request });
    });
  };

  return {
    exec,
    socket,
    cleaned,
    get pid() {
      return live?.child.pid ?? 0;
    },
    get halted() {
      return halted;
    },
    status: () => ask<WardenStatus>('status', { pid: 0, run: options.run, halted, processes: [] }),
    halt: () => {
      halted = true;
      return ask('halt', 0);
    },
    async close() {
      await ready;
      closing = true;
      if (live === null) return;
      const { child } = live;
      const gone = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
      if (child.exitCode === null && child.signalCode === null) {
        say({ verb: 'close' });
        await gone;
      }
      for (const one of pending.values())
        one.resolve(failure(one.started ? 'cancelled' : 'not-started', 'the warden was closed', one));
      pending.clear();
    },
  };
}
