/** A directory, a host to kill and a look at what still runs, for the tests of the warden. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecOptions, Sandbox } from '../../src/runtime/embedded/index.ts';
import type { HostRequest } from './host.ts';

export interface World {
  readonly home: string;
  readonly record: string;
  readonly sockets: string;
  readonly options: ExecOptions;
  readonly sandbox: Sandbox;
  remove(): void;
}

let named = 0;
/** A number of seconds to sleep that no other process on the machine sleeps. */
export function mark(): string {
  named += 1;
  return `9${String(process.pid).padStart(7, '0')}${String(named).padStart(3, '0')}`;
}

export function world(name = 'plain'): World {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'skein-warden-')));
  const cwd = join(home, name);
  mkdirSync(cwd);
  return {
    home,
    record: join(home, 'runs', '1', 'processes.jsonl'),
    sockets: join(home, 's'),
    options: { cwd, env: { PATH: process.env.PATH! }, timeoutMs: 20_000, keepBytes: 65_536, outputBytesMax: 1_000_000 },
    sandbox: { mode: 'full', writable: [cwd], network: false },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** Processes whose command line holds the mark, but for the host that was told of it. */
export function alive(marked: string): number[] {
  const lines = execFileSync('ps', ['-axww', '-o', 'pid=,stat=,args='], { encoding: 'utf8' }).split('\n');
  const ours = lines.filter((line) => line.includes(`sleep ${marked}`) && !line.includes('host.ts') && !/^\s*\d+\s+Z/.test(line));
  return ours.map((line) => Number.parseInt(line, 10));
}

/** Waits for what is observed, never for time alone. */
export async function until(what: string, holds: () => boolean, msMax = 5_000): Promise<number> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > msMax) throw new Error(`after ${msMax} ms still not: ${what}`);
    // oxlint-disable-next-line no-await-in-loop -- one look after another
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
  return performance.now() - began;
}

export interface Host {
  readonly process: ChildProcess;
  readonly warden: number;
  readonly socket: string;
}

export function startHost(place: World, argv: readonly string[], sandbox?: Sandbox, hang = false): Promise<Host> {
  const request: HostRequest = {
    record: place.record,
    sockets: place.sockets,
    argv,
    cwd: place.options.cwd,
    hang,
    ...(sandbox === undefined ? {} : { sandbox }),
  };
  const entry = fileURLToPath(new URL('./host.ts', import.meta.url));
  const child = spawn(process.execPath, [entry, JSON.stringify(request)], { stdio: ['ignore', 'pipe', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => {
      resolve({ process: child, ...(JSON.parse(chunk.toString().split('\n')[0]!) as { warden: number; socket: string }) });
    });
    child.once('exit', (code) => reject(new Error(`the host ended with ${code} before its program spoke`)));
  });
}

/** One line in, one line out, on a control socket. */
export function say(socket: string, line: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    let text = '';
    const connection = connect(socket, () => void connection.write(`${line}\n`));
    connection.on('data', (chunk) => (text += chunk.toString()));
    connection.once('end', () => resolve(JSON.parse(text) as Record<string, unknown>));
    connection.once('error', reject);
  });
}
