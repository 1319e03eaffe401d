import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { direct } from '../exec.ts';
import { services, type Services } from './services.ts';

let home: string;
let running: Services | null = null;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'skein-services-'));
});

afterEach(async () => {
  await running?.close();
  running = null;
  await rm(home, { recursive: true, force: true });
});

/** A program that answers each connection with the number of its process. */
const ANSWERS = `
import { createServer } from 'node:net';
import { appendFileSync } from 'node:fs';
appendFileSync(process.argv[2], 'started\\n');
createServer((socket) => socket.end(String(process.pid))).listen(process.env.SKEIN_SERVICE_ECHO, () => console.log('listening'));
`;

async function open(text: string): Promise<Services> {
  const program = join(home, 'service.mjs');
  await writeFile(program, text);
  const specs = [{ name: 'echo', argv: [process.execPath, program, join(home, 'starts')] }];
  running = services({ run: '1', repository: home, specs, sandbox: 'none', exec: direct, env: process.env });
  return running;
}

function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    connect(path)
      .on('data', (chunk) => (said += chunk.toString()))
      .on('end', () => resolve(said))
      .on('error', reject);
  });
}

it('a service starts with the first question for it, once, and is gone with the run', async () => {
  const all = await open(ANSWERS);
  const [first, second] = await Promise.all([all.variables(), all.variables()]);
  expect(second).toEqual(first);
  const socket = first.SKEIN_SERVICE_ECHO!;
  const pid = Number(await ask(socket));
  expect(Number(await ask(socket))).toBe(pid);
  expect(readFileSync(join(home, 'starts'), 'utf8')).toBe('started\n');
  await all.close();
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(socket)).toBe(false);
});

it('a service that dies is started again, but not for ever; who asks then does without it', async () => {
  const all = await open("import { appendFileSync } from 'node:fs'; appendFileSync(process.argv[2], 'started\\n');");
  for (let i = 0; i < 8; i++) expect(await all.variables()).toEqual({});
  expect(readFileSync(join(home, 'starts'), 'utf8').split('\n')).toHaveLength(6); // five starts
});
