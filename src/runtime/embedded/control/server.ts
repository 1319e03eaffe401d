/**
 * A control socket: newline-delimited JSON over a unix socket that only its user can reach, one answer for each request, in
 * order. It belongs to whoever serves it (the host, the warden); what the verbs mean is the handler's business.
 */
import { chmodSync, existsSync, lstatSync, mkdirSync, statSync, unlinkSync } from 'node:fs';
import { createServer, connect, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';

export const REQUEST_BYTES_MAX: number = 64 * 1024;
const CLIENTS_MAX = 64; // a person, an editor and a dashboard each poll with one
const SILENCE_MS_MAX = 60_000;
const PATH_BYTES_MAX = 103; // macOS; Linux allows 107

export interface ControlRequest {
  readonly verb: string;
  readonly [field: string]: unknown;
}

export type ControlAnswer =
  | { readonly ok: true; readonly [field: string]: unknown }
  | { readonly ok: false; readonly detail: string };

export type ControlHandler = (request: ControlRequest) => ControlAnswer | Promise<ControlAnswer>;

export interface ControlServer {
  readonly path: string;
  /** Ends every connection and removes the socket. */
  close(): Promise<void>;
}

/** Rejects when a living process serves this path; a socket whose owner is dead is replaced. */
export async function serveControl(path: string, handler: ControlHandler): Promise<ControlServer> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new Error(
      `the control socket ${path} is longer than ${PATH_BYTES_MAX} bytes: set XDG_RUNTIME_DIR or TMPDIR to a shorter path`,
    );
  }
  privateDirectory(dirname(path));
  await removeStale(path);
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    serveClient(socket, handler);
  });
  server.maxConnections = CLIENTS_MAX;
  await listen(server, path);
  chmodSync(path, 0o600);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve()); // Node removes the socket file
        for (const socket of clients) socket.destroy();
      }),
  };
}

/** Creates it for this user alone, and refuses one that another user could have put there. */
function privateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = statSync(path);
  const user = process.getuid?.() ?? found.uid;
  if (!lstatSync(path).isDirectory() || found.uid !== user) {
    throw new Error(`${path} is not a directory of this user: remove it, or set XDG_RUNTIME_DIR to a directory of yours`);
  }
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

async function removeStale(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const before = lstatSync(path);
  if (!before.isSocket()) throw new Error(`${path} is in the way of the control socket: move it away`);
  if (await answers(path)) throw new Error(`a living process already serves ${path}: stop it first`);
  // Two starters may find the same dead socket: only the one that was looked at is removed.
  if (existsSync(path) && lstatSync(path).ino === before.ino) unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // A full backlog (EAGAIN) is a busy owner, not a dead one.
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Requests of one client are answered one after the other; it is not read while one is being answered. */
function serveClient(socket: Socket, handler: ControlHandler): void {
  let received: Buffer = Buffer.alloc(0);
  let busy = false;
  socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy());
  socket.on('end', () => socket.end()); // comes after the last answer, because the socket is paused while one is made
  socket.on('error', () => socket.destroy()); // the client went away: nobody is left to tell
  const work = async (): Promise<void> => {
    for (let end = received.indexOf(10); end >= 0 && !socket.destroyed; end = received.indexOf(10)) {
      const line = received.toString('utf8', 0, end);
      received = received.subarray(end + 1);
      if (end > REQUEST_BYTES_MAX) return tooLong(socket);
      const answer = await answerTo(line, handler);
      if (!socket.write(`${JSON.stringify(answer)}\n`)) await drained(socket); // a client that does not read is not answered further
    }
    if (received.length > REQUEST_BYTES_MAX) tooLong(socket);
  };
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (busy) return;
    busy = true;
    socket.pause();
    void work().then(() => {
      busy = false;
      return socket.resume();
    });
  });
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      socket.off('drain', end).off('close', end);
      resolve();
    };
    if (socket.destroyed) resolve();
    else socket.once('drain', end).once('close', end);
  });
}

function tooLong(socket: Socket): void {
  const answer: ControlAnswer = { ok: false, detail: `a request is at most ${REQUEST_BYTES_MAX} bytes` };
  socket.end(`${JSON.stringify(answer)}\n`);
  socket.removeAllListeners('data').resume(); // what it still sends is dropped, so that it gets to read why
  setTimeout(() => socket.destroy(), 1000).unref();
}

async function answerTo(line: string, handler: ControlHandler): Promise<ControlAnswer> {
  try {
    const request: unknown = JSON.parse(line);
    if (typeof request !== 'object' || request === null || typeof (request as ControlRequest).verb !== 'string') {
      return { ok: false, detail: 'a request is one line of JSON with a "verb"' };
    }
    return await handler(request as ControlRequest);
  } catch (error) {
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}
