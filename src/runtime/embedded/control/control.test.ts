import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identityOf, ownIdentity } from '../process-identity.ts';
import { callControl, callHost, clearDeadHost, type ControlServer, readHostFile, serveControl, serveHost } from './index.ts';

let directory = '';
let servers: ControlServer[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sk-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  rmSync(directory, { recursive: true });
});

const sockets = (): string => join(directory, 's');
const hostFile = (): string => join(directory, 'run', '1.json');

async function served<T extends ControlServer>(server: Promise<T>): Promise<T> {
  servers.push(await server);
  return server;
}

describe('a control socket', () => {
  it('answers each request of many clients, in their order', async () => {
    const server = await served(serveControl(join(sockets(), 'a'), ({ verb, n }) => ({ ok: true, verb, n })));
    const calls = Array.from({ length: 40 }, (_, n) => callControl(server.path, { verb: 'ping', n }, 5000));
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 40 }, (_, n) => ({ ok: true, verb: 'ping', n })));
    const lines = await talk(server.path, '{"verb":"a"}\n{"verb":"b"}\n{"ver', 'b":"c"}\n');
    expect(lines).toEqual(['{"ok":true,"verb":"a"}', '{"ok":true,"verb":"b"}', '{"ok":true,"verb":"c"}']);
  });

  it('can be reached by its user alone', async () => {
    const server = await served(serveControl(join(sockets(), 'a'), () => ({ ok: true })));
    expect(statSync(sockets()).mode & 0o777).toBe(0o700);
    expect(statSync(server.path).mode & 0o777).toBe(0o600);
  });

  it('answers what is no request, and a handler that throws, in words', async () => {
    const server = await served(
      serveControl(join(sockets(), 'a'), () => {
        throw new Error('no such run');
      }),
    );
    const lines = await talk(server.path, 'hello\n{"a":1}\nnull\n{"verb":"drain"}\n');
    expect(lines.map((line) => (JSON.parse(line) as { ok: boolean }).ok)).toEqual([false, false, false, false]);
    expect(lines[3]).toContain('no such run');
  });

  it('ends a client whose request is over 64 KiB, after telling it', async () => {
    const server = await served(serveControl(join(sockets(), 'a'), () => ({ ok: true })));
    const lines = await talk(server.path, 'x'.repeat(200 * 1024));
    expect(lines).toEqual(['{"ok":false,"detail":"a request is at most 65536 bytes"}']);
    expect(await callControl(server.path, { verb: 'ping' }, 5000)).toEqual({ ok: true });
  });

  it('takes over a socket whose owner is dead, never one that is served', async () => {
    const path = join(sockets(), 'a');
    mkdirSync(sockets(), { mode: 0o700 });
    const code = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const owner = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'ignore'] });
    await once(owner.stdout, 'data');
    await expect(serveControl(path, () => ({ ok: true }))).rejects.toThrow(/already serves/);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    expect(existsSync(path)).toBe(true);
    await served(serveControl(path, () => ({ ok: true })));
    expect(await callControl(path, { verb: 'ping' }, 5000)).toEqual({ ok: true });
  });

  it('refuses a path that is too long or in use by a file, and says so', async () => {
    await expect(serveControl(join(sockets(), 'x'.repeat(120)), () => ({ ok: true }))).rejects.toThrow(/longer than 103 bytes/);
    writeFileSync(join(directory, 'file'), '');
    await expect(serveControl(join(directory, 'file'), () => ({ ok: true }))).rejects.toThrow(/in the way/);
  });

  it('is gone after close, also with a client connected', async () => {
    const server = await serveControl(join(sockets(), 'a'), () => ({ ok: true }));
    const client = connect(server.path);
    await once(client, 'connect');
    await server.close();
    expect(existsSync(server.path)).toBe(false);
    client.destroy();
  });
});

describe('calling a host', () => {
  it('reaches the live one through its file, and leaves nothing behind when it closes', async () => {
    const server = await serveHost(hostFile(), ({ verb }) => ({ ok: true, verb }), sockets());
    expect(readHostFile(hostFile())).toEqual({ socket: server.path, process: ownIdentity() });
    expect(await callHost(hostFile(), { verb: 'status' }, 5000)).toEqual({
      kind: 'answer',
      answer: { ok: true, verb: 'status' },
    });
    expect(clearDeadHost(hostFile())).toBe(false);
    await server.close();
    expect(existsSync(hostFile())).toBe(false);
    expect(existsSync(server.path)).toBe(false);
  });

  it('says that there is none, or that its file is not one', async () => {
    expect(await callHost(hostFile(), { verb: 'status' }, 5000)).toMatchObject({ kind: 'no-host', pid: null });
    mkdirSync(join(directory, 'run'));
    writeFileSync(hostFile(), '{"socket":');
    expect(await callHost(hostFile(), { verb: 'status' }, 5000)).toMatchObject({ kind: 'no-host' });
  });

  it('says that it was killed, and clears what it left', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    const identity = identityOf(child.pid!)!;
    mkdirSync(join(directory, 'run'));
    writeFileSync(hostFile(), JSON.stringify({ socket: join(sockets(), 'a'), process: identity }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await callHost(hostFile(), { verb: 'status' }, 5000)).toMatchObject({
      kind: 'dead-host',
      pid: identity.pid,
      detail: expect.stringContaining('was killed') as unknown,
    });
    expect(clearDeadHost(hostFile())).toBe(true);
    expect(existsSync(hostFile())).toBe(false);
  });

  it('says that it hangs when it does not answer in time', async () => {
    await served(serveHost(hostFile(), () => new Promise(() => {}), sockets()));
    const reply = await callHost(hostFile(), { verb: 'status' }, 30);
    expect(reply).toMatchObject({ kind: 'no-answer', detail: expect.stringContaining('did not answer within 30 ms') as unknown });
  });

  it('says that it ended while it was asked', async () => {
    const server = await serveHost(hostFile(), () => new Promise(() => {}), sockets());
    const reply = callHost(hostFile(), { verb: 'status' }, 5000);
    await new Promise((resolve) => setImmediate(resolve));
    await server.close();
    expect(await reply).toMatchObject({ kind: 'no-answer' });
  });
});

/** Sends the parts one after the other and ends its side; answers the lines it got. */
async function talk(path: string, ...parts: readonly string[]): Promise<string[]> {
  const socket: Socket = connect(path);
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString()));
  socket.on('error', () => {}); // the server may end while we still send
  await once(socket, 'connect');
  for (const part of parts) await new Promise((resolve) => socket.write(part, resolve));
  socket.end();
  await once(socket, 'close');
  return got.split('\n').filter((line) => line !== '');
}
