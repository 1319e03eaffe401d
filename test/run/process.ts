/** `skein` as the process a person starts: its lines as they come, its real signals, its end, and what else it left running. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import type { RunSummary } from '../../src/surfaces/cli/schema.ts';

const BIN = fileURLToPath(new URL('../../src/surfaces/cli/bin.ts', import.meta.url));
const started = new Set<ChildProcess>();
afterAll(() => {
  for (const child of started) child.kill('SIGKILL'); // what a failed test left behind
});

export interface Event {
  readonly type: string;
  readonly task?: string;
  readonly state?: string;
  readonly phase?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
  /** Of stdout; throws where it is not one document. */
  readonly document: RunSummary & { readonly what: string; readonly next: string };
}

export interface Skein {
  readonly pid: number;
  /** Settles with the first event of its stderr that fits, also one that came before, or with null when it ends without. */
  event(fits: (event: Event, index: number) => boolean): Promise<Event | null>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** What a person has at their prompt, with a cache beside the repository and without anything of the test runner's. */
export function environment(top: string): Record<string, string> {
  return { PATH: process.env.PATH ?? '', HOME: dirname(top), SKEIN_CACHE: join(dirname(top), 'cache'), LC_ALL: 'C.UTF-8' };
}

export function skein(top: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Skein {
  const child = spawn(process.execPath, ['--conditions=skein-source', BIN, ...args], {
    cwd: top,
    env: { ...environment(top), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  const events: Event[] = [];
  let waiting: { fits: (event: Event, index: number) => boolean; resolve: (event: Event | null) => void }[] = [];
  let out = '';
  let err = '';
  let read = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    for (let end = err.indexOf('\n', read); end >= 0; end = err.indexOf('\n', read)) {
      const line = err.slice(read, end);
      read = end + 1;
      if (!line.startsWith('{')) continue;
      const event = JSON.parse(line) as Event;
      events.push(event);
      waiting = waiting.filter(({ fits, resolve }) => {
        const fit = fits(event, events.length - 1);
        if (fit) resolve(event);
        return !fit;
      });
    }
  });
  return {
    pid: child.pid!,
    event: (fits) =>
      new Promise((resolve) => {
        const found = events.find(fits);
        if (found !== undefined) return resolve(found);
        if (!started.has(child)) return resolve(null);
        waiting.push({ fits, resolve });
      }),
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve) => {
      child.once('close', (code, signal) => {
        started.delete(child);
        for (const { resolve: none } of waiting.splice(0)) none(null);
        resolve({
          code,
          signal,
          out,
          err,
          get document() {
            return JSON.parse(out) as Ended['document'];
          },
        });
      });
    }),
  };
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly args: string;
}

function processes(): Process[] {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, stat, args] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined || stat!.startsWith('Z') ? [] : [{ pid: Number(pid), parent: Number(parent), args: args! }];
  });
}

/** The warden of a host, or null while there is none. */
export function wardenOf(host: number): number | null {
  return processes().find(({ parent, args }) => parent === host && /warden\/main\.[jt]s/.test(args))?.pid ?? null;
}

/**
 * What agents, checks and wardens of runs in this repository still live, hosts too: all of them carry the cache's path in their environment.
 * Without /proc only what names the path in its arguments is found.
 */
export function leftOver(top: string): number[] {
  const mark = environment(top).SKEIN_CACHE!;
  if (!existsSync('/proc/self/environ')) return processes().flatMap(({ pid, args }) => (args.includes(mark) ? [pid] : []));
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const zombie = stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
      return !zombie && readFileSync(`/proc/${name}/environ`, 'utf8').includes(mark) ? [Number(name)] : [];
    } catch {
      return []; // gone while we looked, or another user's
    }
  });
}

/** Waits for what is observed, never for time alone. */
export async function until(what: string, holds: () => boolean, msMax: number): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > msMax) throw new Error(`after ${msMax} ms still not: ${what}`);
    // oxlint-disable-next-line no-await-in-loop -- one look after another
    await new Promise((resolve) => void setTimeout(resolve, 25));
  }
}

export function killHard(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already
  }
}
