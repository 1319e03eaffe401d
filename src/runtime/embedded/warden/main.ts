/**
 * The warden's process: starts programs for one host and ends them all when that host goes, asks, or hangs.
 * It holds no state worth keeping: the record of groups is enough for its successor. It never outlives its host by more than the kill.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { setPriority } from 'node:os';
import { dirname } from 'node:path';
import { type HaltWatch, type HaltWatchSettings, watchHalts } from '../halt/watch.ts';
import { begin, type Execution } from './execution.ts';
import { killMarked, memoryOf } from './process-table.ts';
import { cleanUp, openRecord } from './record.ts';
import { bytesFrames, FRAME, frameReader, jsonFrame, type ToHost, type ToWarden, type WardenStatus } from './wire.ts';

export interface WardenSettings {
  readonly run: string;
  readonly record: string;
  readonly socket: string;
  readonly graceMs: number;
  readonly halted: boolean;
  /** The halt record of the repository; without one only the control socket and the host halt. */
  readonly halt?: HaltWatchSettings;
}

const NICE = 5; // behind the host, whose loop must turn while programs print; before those programs, whom it must be able to stop
const REQUEST_BYTES_MAX = 4_096; // of one line on the control socket: two verbs exist
const settings = JSON.parse(process.argv[2]!) as WardenSettings;
const token = randomBytes(6).toString('hex'); // execution ids are unique across hosts, runs and restarts: a marker names one of them
const host = new Socket({ fd: 3 });
const executions = new Map<number, Execution>();
let halted = settings.halted;
let haltedBy = 'halted: resume the run to start it again';
let watch: HaltWatch | null = null;
let closing = false;
/** Of the socket that this warden made. */
let inode: number | null = null;
setPriority(NICE);

const tell = (message: ToHost): void => void (host.writable && host.write(jsonFrame(message)));

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

function killAll(error: string): number {
  const killed = executions.size;
  for (const execution of executions.values()) execution.kill('cancelled', error, true);
  return killed;
}

function halt(why: string = haltedBy): number {
  halted = true;
  haltedBy = why;
  const killed = killAll(why);
  tell({ verb: 'halted', killed, why });
  return killed;
}

/** By the record: the names are of whole groups, so that one whose leader died and left somebody behind is not called stopped. */
function haltByRecord(why: string): string[] {
  const names = [...executions.values()].map(nameOf);
  halt(why);
  return names;
}

function nameOf({ request, execution }: Execution): string {
  return `${request.label} (${execution})`;
}

/** The host is gone or wants none of this any more. */
function leave(): void {
  if (closing) return;
  closing = true;
  const marks = new Set([...executions.values()].map((execution) => execution.execution));
  killAll('the host is gone');
  if (inode !== null && inodeOf(settings.socket) === inode) rmSync(settings.socket, { force: true }); // else it is a successor's
  rmSync(pipes, { recursive: true, force: true });
  const ended = marks.size > 0 ? killMarked(marks) : Promise.resolve();
  void Promise.allSettled([ended, watch?.close()]).then(() => process.exit(0));
}

async function status(): Promise<WardenStatus> {
  const all = [...executions.values()].filter((execution) => execution.start !== '');
  const memory = await memoryOf(all.map((execution) => execution.pid));
  return {
    pid: process.pid,
    run: settings.run,
    halted,
    processes: all.map((execution) => ({
      pid: execution.pid,
      start: execution.start,
      execution: execution.execution,
      label: execution.request.label,
      command: execution.request.argv.join(' '),
      runningMs: execution.runningMs,
      rssBytes: memory.get(execution.pid) ?? 0,
    })),
  };
}

const pipes = `${settings.record}.pipes`;
rmSync(pipes, { recursive: true, force: true }); // of a warden that was killed
mkdirSync(pipes, { recursive: true, mode: 0o700 });

const record = await (async () => {
  const cleaned = await cleanUp(settings.record);
  const opened = openRecord(settings.record);
  return Object.assign(opened, { cleaned });
})();

function onRequest(message: ToWarden): void {
  switch (message.verb) {
    case 'start': {
      const { id } = message;
      if (halted) {
        tell({
          verb: 'ended',
          id,
          ending: {
            ended: 'not-started',
            exitCode: null,
            signalName: null,
            truncated: false,
            durationMs: 0,
            error: haltedBy,
            retryable: true,
          },
        });
        return;
      }
      executions.set(
        id,
        begin(message, {
          run: settings.run,
          execution: `${token}-${id}`,
          record,
          pipes,
          graceMs: settings.graceMs,
          started: () =>
            new Promise(
              (resolve, reject) =>
                void host.write(jsonFrame({ verb: 'started', id }), (error) => (error ? reject(error) : resolve())),
            ),
          live: (chunk) => {
            for (const part of bytesFrames(FRAME.live, id, chunk)) host.write(part);
          },
          ended: (ending, stdout, stderr) => {
            executions.delete(id);
            if (!host.writable) return;
            for (const part of bytesFrames(FRAME.stdout, id, stdout)) host.write(part);
            for (const part of bytesFrames(FRAME.stderr, id, stderr)) host.write(part);
            tell({ verb: 'ended', id, ending });
          },
        }),
      );
      return;
    }
    case 'cancel':
      return executions.get(message.id)?.stop('cancelled');
    case 'credit':
      return executions.get(message.id)?.credit(message.bytes);
    case 'status':
      void status().then((value) => tell({ verb: 'answer', request: message.request, value }));
      return;
    case 'halt':
      return tell({ verb: 'answer', request: message.request, value: halt() });
    case 'close':
      return leave();
  }
}

host.on(
  'data',
  frameReader({
    json: (message) => onRequest(message as ToWarden),
    bytes: () => undefined,
  }),
);
host.on('error', leave);
host.on('close', leave);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, leave);

/** For people and other processes: one JSON line in, one out. It answers while the host's loop hangs. */
const control = createServer((socket) => {
  let text = '';
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    text += chunk.toString();
    if (text.length > REQUEST_BYTES_MAX) socket.destroy();
    else if (text.includes('\n'))
      void answer(text.slice(0, text.indexOf('\n'))).then((value) => socket.end(`${JSON.stringify(value)}\n`));
  });
});

async function answer(line: string): Promise<unknown> {
  let verb: unknown;
  try {
    verb = (JSON.parse(line) as { verb?: unknown }).verb;
  } catch {
    return { ok: false, reason: 'not one line of JSON with a "verb"' };
  }
  if (verb === 'halt') return { ok: true, killed: halt() };
  if (verb === 'status') return { ok: true, ...(await status()) };
  return { ok: false, reason: `no verb ${JSON.stringify(verb)} here: "halt" and "status" are` };
}

mkdirSync(dirname(settings.socket), { recursive: true, mode: 0o700 });
rmSync(settings.socket, { force: true });
control.listen(settings.socket, () => {
  chmodSync(settings.socket, 0o600);
  inode = inodeOf(settings.socket);
  tell({ verb: 'ready', cleaned: record.cleaned });
  if (settings.halt === undefined) return;
  watch = watchHalts(settings.halt, {
    halt: haltByRecord,
    left: (names) => {
      const live = new Set([...executions.values()].map(nameOf));
      return names.filter((name) => live.has(name));
    },
  });
});
