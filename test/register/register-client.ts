/**
 * A process that reads and swaps in a register as fast as it is answered, and writes each call and each return as a line, with
 * the machine's monotonic time, so that histories of several processes can be put together. Arguments: path, client, seed, calls.
 */
import { writeSync } from 'node:fs';
import { seededRandom } from '../../src/kernel/index.ts';
import { SqliteRegister } from '../../src/runtime/embedded/register.ts';
import type { RegisterInput, RegisterOutput } from './register-model.ts';

const [path, client, seed, calls] = process.argv.slice(2) as [string, string, string, string];
const KEYS = ['lead', 'halt/all', 'lease/7'];
const register = new SqliteRegister({ path, realm: 'r' });
const random = seededRandom(seed).stream(client);
const seen = new Map<string, number>();

function say(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`); // before the operation goes on, so that a kill leaves what was called
}

function next(left: number): void {
  if (left === 0) return register.close();
  const key = KEYS[random.below(KEYS.length)]!;
  const input: RegisterInput = random.chance(0.3)
    ? { kind: 'read', key }
    : { kind: 'swap', key, expected: seen.get(key) ?? 0, value: random.chance(0.1) ? null : `${client}.${left}` };
  say({ call: left, at: String(process.hrtime.bigint()), input });
  const done = (error: Error | null, output: RegisterOutput): void => {
    if (error !== null) throw error;
    say({ returned: left, at: String(process.hrtime.bigint()), output });
    if (output === null) seen.set(key, 0);
    else if (!('ok' in output)) seen.set(key, output.revision);
    else if (!output.ok) seen.set(key, output.current?.revision ?? 0);
    else seen.set(key, input.kind === 'swap' && input.value === null ? 0 : output.revision);
    next(left - 1);
  };
  if (input.kind === 'read') register.read(key, done);
  else register.swap(key, input.expected, input.value, done);
}

next(Number(calls));
