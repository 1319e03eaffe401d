/**
 * The warm compiler as a service: newline-delimited JSON on the Unix socket named by SKEIN_SERVICE_TYPES, one question at a
 * time in the order of their arrival. It answers or says why not; it never writes a file. Its first line of output says that
 * it listens.
 */
import { createServer, type Socket } from 'node:net';
import { answer, type Question } from './answers.ts';

/** A question names files and holds none of their text; the longest list of a large package stays far below. */
const REQUEST_BYTES_MAX = 4 * 1024 * 1024;
const CONNECTIONS_MAX = 64;

const path = process.env['SKEIN_SERVICE_TYPES'];
if (path === undefined) {
  console.error('service: SKEIN_SERVICE_TYPES names no socket');
  process.exit(2);
}

function serve(socket: Socket): void {
  let held = '';
  socket.setEncoding('utf8');
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: string) => {
    held += chunk;
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      const line = held.slice(0, end);
      held = held.slice(end + 1);
      socket.write(`${JSON.stringify(reply(line))}\n`);
    }
    if (held.length > REQUEST_BYTES_MAX) socket.destroy();
  });
}

function reply(line: string): { readonly ok: unknown } | { readonly error: string } {
  try {
    return { ok: answer(JSON.parse(line) as Question) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

const server = createServer(serve);
server.maxConnections = CONNECTIONS_MAX;
server.listen(path, () => console.log(`types: listening on ${path}`));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
