/** The register that several real processes share: their histories judged together, one of them killed in the middle. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RegisterError } from '../../src/ports/index.ts';
import { SqliteRegister } from '../../src/runtime/embedded/index.ts';
import { checkLinearizability, explainViolation } from '../../src/structures/index.ts';
import { type RegisterInput, registerModel, type RegisterOperation, type RegisterOutput } from './register-model.ts';

const CLIENT = fileURLToPath(new URL('./register-client.ts', import.meta.url));
const CALLS = 150;

let directory = '';
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'skein-register-'))));
afterEach(() => rmSync(directory, { recursive: true }));

interface Line {
  readonly call?: number;
  readonly returned?: number;
  readonly at: string;
  readonly input?: RegisterInput;
  readonly output?: RegisterOutput;
}

/** Runs one client to its end, or until it has written so many lines and is killed. */
function run(client: string, killAfterLines = Number.POSITIVE_INFINITY): Promise<readonly Line[]> {
  const argv = [CLIENT, join(directory, 'register.db'), client, 'processes', String(CALLS)];
  const child: ChildProcess = spawn(process.execPath, ['--conditions=skein-source', ...argv], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (text.split('\n').length > killAfterLines) child.kill('SIGKILL');
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => {
      const whole = text.slice(0, text.lastIndexOf('\n') + 1); // a kill may cut the last line
      resolve(
        whole
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Line),
      );
    });
  });
}

function operations(client: string, lines: readonly Line[], start: bigint): RegisterOperation[] {
  const time = (line: Line): number => Number(BigInt(line.at) - start);
  return lines
    .filter(({ call }) => call !== undefined)
    .map((called) => {
      const end = lines.find(({ returned }) => returned === called.call);
      const returned = end === undefined ? null : { at: time(end), output: end.output ?? null };
      return { client, input: called.input!, calledAt: time(called), returned };
    });
}

describe('a register shared by processes', () => {
  it('is linearizable also when one of them is killed', async ({ annotate }) => {
    await annotate('starts three real processes');
    const start = process.hrtime.bigint();
    const all = await Promise.all([run('a'), run('b'), run('c', 80)]);
    const history = ['a', 'b', 'c'].flatMap((client, i) => operations(client, all[i]!, start));
    const answered = history.filter(({ returned }) => returned !== null);
    expect(answered.length).toBeGreaterThanOrEqual(2 * CALLS);
    const kinds = new Set(
      answered.map(({ returned }) => (returned!.output !== null && 'ok' in returned!.output ? returned!.output.ok : 'read')),
    );
    expect(kinds).toEqual(new Set([true, false, 'read']));
    const result = checkLinearizability(registerModel, history);
    expect(result.verdict, result.verdict === 'violation' ? explainViolation(result.violation) : '').toBe('ok');
  });

  it('refuses a file of another program', () => {
    const path = join(directory, 'other.db');
    writeFileSync(path, 'not a database at all, and long enough to be read as the head of one. '.repeat(20));
    expect(() => new SqliteRegister({ path, realm: 'r' })).toThrow(RegisterError);
  });

  it('keeps realms apart', async () => {
    const [r, s] = ['r', 's'].map((realm) => new SqliteRegister({ path: join(directory, 'register.db'), realm }));
    await new Promise((resolve) => r!.swap('k', 0, 'of r', resolve));
    const entry = await new Promise((resolve) => s!.read('k', (_, found) => resolve(found)));
    r!.close();
    s!.close();
    expect(entry).toBeNull();
  });

  it('answers what it could not do any more when it is closed', async () => {
    const register = new SqliteRegister({ path: join(directory, 'register.db'), realm: 'r' });
    const codes: (string | undefined)[] = [];
    register.swap('k', 0, 'v', (error) => codes.push(error?.code));
    register.close();
    register.read('k', (error) => codes.push(error?.code));
    await new Promise((resolve) => setImmediate(resolve));
    expect(codes).toEqual(['unavailable', 'unavailable']);
  });
});
