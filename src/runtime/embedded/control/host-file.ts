/**
 * Where a live host is to be found: a small file that names its control socket and its process, and the client that calls it.
 * The file is written whole or not at all; one that a killed host left behind is recognised by the pid and its start time.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { socketHome } from '../places.ts';
import { isAlive, ownIdentity, type ProcessIdentity } from '../process-identity.ts';
import { type ControlAnswer, type ControlHandler, type ControlRequest, type ControlServer, serveControl } from './server.ts';

const ANSWER_BYTES_MAX = 16 * 1024 * 1024; // the status of the largest plan with its tasks

export interface HostEntry {
  readonly socket: string;
  readonly process: ProcessIdentity;
}

/** Serves the host's control socket and records it in `hostFile`; both are gone after `close`. */
export async function serveHost(
  hostFile: string,
  handler: ControlHandler,
  directory: string = socketHome(),
): Promise<ControlServer> {
  const server = await serveControl(join(directory, `${randomBytes(6).toString('hex')}.sock`), handler);
  const entry: HostEntry = { socket: server.path, process: ownIdentity() };
  mkdirSync(dirname(hostFile), { recursive: true });
  const beside = `${hostFile}.${process.pid}`;
  writeFileSync(beside, `${JSON.stringify(entry)}\n`, { flush: true, mode: 0o600 });
  renameSync(beside, hostFile);
  const left = (): void => {
    if (readHostFile(hostFile)?.socket === server.path) rmSync(hostFile, { force: true });
  };
  return {
    path: server.path,
    async close() {
      left();
      await server.close();
    },
  };
}

/** Null when there is no such file or it is not one of ours. */
export function readHostFile(hostFile: string): HostEntry | null {
  try {
    const entry = JSON.parse(readFileSync(hostFile, 'utf8')) as HostEntry;
    return typeof entry.socket === 'string' && typeof entry.process.pid === 'number' && typeof entry.process.started === 'string'
      ? entry
      : null;
  } catch {
    return null;
  }
}

/** Removes what a killed host left: its file and its socket. Answers false when the host lives. */
export function clearDeadHost(hostFile: string): boolean {
  const entry = readHostFile(hostFile);
  if (entry !== null && isAlive(entry.process)) return false;
  if (entry !== null) rmSync(entry.socket, { force: true });
  rmSync(hostFile, { force: true });
  return true;
}

export type HostReply =
  | { readonly kind: 'answer'; readonly answer: ControlAnswer }
  /** `no-host`: nobody runs it; `dead-host`: it was killed; `no-answer`: it lives and hangs, or ended while it was asked. */
  | { readonly kind: 'no-host' | 'dead-host' | 'no-answer'; readonly pid: number | null; readonly detail: string };

/** Never rejects; takes at most `timeoutMs`. */
export async function callHost(hostFile: string, request: ControlRequest, timeoutMs: number): Promise<HostReply> {
  const entry = readHostFile(hostFile);
  if (entry === null) return { kind: 'no-host', pid: null, detail: `no host is running here (${hostFile} is not there)` };
  const { pid } = entry.process;
  if (!isAlive(entry.process)) {
    return { kind: 'dead-host', pid, detail: `the host (process ${pid}) was killed before it ended: what it committed is kept` };
  }
  const answer = await callControl(entry.socket, request, timeoutMs);
  return typeof answer === 'string'
    ? { kind: 'no-answer', pid, detail: `the host (process ${pid}) ${answer}` }
    : { kind: 'answer', answer };
}

/** One request to any control socket: its answer, or why there is none, as the end of a sentence. */
export function callControl(path: string, request: ControlRequest, timeoutMs: number): Promise<ControlAnswer | string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const end = (answer: ControlAnswer | string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(`lives but did not answer within ${timeoutMs} ms: kill it and resume its run`), timeoutMs);
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (chunk.includes(10)) end(parseAnswer(Buffer.concat(chunks).toString('utf8')));
      else if (bytes > ANSWER_BYTES_MAX) end(`answered with more than ${ANSWER_BYTES_MAX} bytes`);
    });
    socket.once('error', (error) => end(`cannot be reached on ${path}: ${error.message}`));
    socket.once('close', () => end('ended before it answered'));
  });
}

function parseAnswer(line: string): ControlAnswer | string {
  try {
    return JSON.parse(line.slice(0, line.indexOf('\n'))) as ControlAnswer;
  } catch {
    return 'answered with something that is not JSON';
  }
}
