import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { identityOf, isAlive, ownIdentity } from './process-identity.ts';

it('knows this process, and the same one again', () => {
  expect(ownIdentity().pid).toBe(process.pid);
  expect(isAlive(ownIdentity())).toBe(true);
});

it('takes another start time for another process: the pid was reused', () => {
  expect(isAlive({ ...ownIdentity(), started: 'long ago' })).toBe(false);
});

it('finds no process for what is not a pid', () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 30]) expect(identityOf(pid)).toBe(null);
});

it('sees a killed process as dead', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const identity = identityOf(child.pid!)!;
  expect(isAlive(identity)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(isAlive(identity)).toBe(false);
});
