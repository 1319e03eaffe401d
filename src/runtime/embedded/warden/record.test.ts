import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startOf } from './process-table.ts';
import { cleanUp, openRecord } from './record.ts';

let home: string;
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'skein-record-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

const entry = { execution: 'unknown-1', label: 'a task', command: 'sleep 60' };

it('ends a group that was never ended, after a torn last line too, and forgets it', async () => {
  const file = join(home, 'new', 'processes.jsonl');
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const ended = new Promise((resolve) => void child.once('exit', (_, signal) => resolve(signal)));
  const record = openRecord(file);
  record.add({ ...entry, pid: child.pid!, start: (await startOf(child.pid!))! });
  record.close();
  appendFileSync(file, '{"execution":"unknown-2","pi');
  expect(await cleanUp(file)).toEqual({ groups: 1, escaped: 0 });
  expect(await ended).toBe('SIGKILL');
  expect(readFileSync(file, 'utf8')).toBe('');
});

it('never touches a pid that is someone else by now, nor an execution that was over', async () => {
  const file = join(home, 'processes.jsonl');
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
  const record = openRecord(file);
  record.add({ ...entry, pid: child.pid!, start: 'some other time' });
  record.add({ ...entry, execution: 'unknown-2', pid: child.pid!, start: (await startOf(child.pid!))! });
  record.end('unknown-2');
  record.close();
  expect(await cleanUp(file)).toEqual({ groups: 0, escaped: 0 });
  expect(child.exitCode ?? child.signalCode).toBe(null);
  expect(await startOf(child.pid!)).not.toBe(null);
  const ended = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
});

it('has nothing to do where there is no file', async () => {
  expect(await cleanUp(join(home, 'none'))).toEqual({ groups: 0, escaped: 0 });
});
