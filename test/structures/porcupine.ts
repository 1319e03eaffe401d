/** The recorded histories of Porcupine's repository: Jepsen runs against etcd, and a key-value service under 1 to 50 clients. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KvInput, Operation, RegisterInput, RegisterOutput } from '../../src/structures/index.ts';

const directory = join(process.env.SKEIN_VECTORS ?? '', 'porcupine');
export const present = (process.env.SKEIN_VECTORS ?? '') !== '' && existsSync(directory);

/** Of etcd_000 to etcd_102, as its own test says; every other one is not linearizable. 95 holds no operation and has no verdict. */
export const LINEARIZABLE: ReadonlySet<number> = new Set([
  2, 5, 7, 18, 25, 31, 38, 45, 48, 49, 51, 53, 56, 67, 75, 76, 80, 87, 92, 98, 100, 101, 102,
]);

export const etcdRuns = (): readonly number[] =>
  present
    ? readdirSync(join(directory, 'jepsen'))
        .map((name) => Number(/\d+/.exec(name)![0]))
        .filter((run) => run !== 95)
    : [];
export const kvFiles = (): readonly string[] => (present ? readdirSync(join(directory, 'kv')) : []);

type Line = { readonly client: string; readonly type: string; readonly f: string; readonly value: string };

export function etcdHistory(run: number): Operation<RegisterInput, RegisterOutput>[] {
  const text = readFileSync(join(directory, `jepsen/etcd_${String(run).padStart(3, '0')}.log`), 'utf8');
  const lines = [...text.matchAll(/jepsen\.util - (\d+)\t:(\w+)\t:(\w+)\t(.*)$/gm)];
  return pair(
    lines.map(([, client, type, f, value]) => ({ client: client!, type: type!, f: f!, value: value! })),
    ({ f, value }) => {
      const [first, second] = [...value.matchAll(/\d+/g)].map(Number);
      if (f === 'read') return { do: 'read' };
      return f === 'write' ? { do: 'write', value: first! } : { do: 'cas', from: first!, to: second! };
    },
    ({ type, f, value }) =>
      f === 'cas' ? { done: type === 'ok' } : f === 'read' ? { value: value === 'nil' ? null : Number(value) } : {},
  );
}

export function kvHistory(file: string): Operation<KvInput, string>[] {
  const text = readFileSync(join(directory, 'kv', file), 'utf8');
  const lines = [...text.matchAll(/:process (\d+), :type :(\w+), :f :(\w+), :key "(.*)", :value (?:nil|"(.*)")\}/g)];
  const keys = lines.map((line) => line[4]!);
  let at = -1;
  return pair(
    lines.map(([, client, type, f, , value = '']) => ({ client: client!, type: type!, f: f!, value })),
    ({ f, value }) => ({ do: f as 'get' | 'put' | 'append', key: keys[at]!, value }),
    ({ value }) => value,
    (position) => (at = position),
  );
}

/** Invocations and completions of one client, one after another; `info` and a missing end mean that nobody knows. */
function pair<Input, Output>(
  lines: readonly Line[],
  inputOf: (line: Line) => Input,
  outputOf: (line: Line) => Output,
  see: (position: number) => void = () => undefined,
): Operation<Input, Output>[] {
  const history: Operation<Input, Output>[] = [];
  const open = new Map<string, number>();
  lines.forEach((line, at) => {
    see(at);
    const { client, type } = line;
    if (type === 'invoke') {
      open.set(client, history.push({ client, input: inputOf(line), calledAt: at, returned: null }) - 1);
      return;
    }
    const called = open.get(client);
    if (called === undefined) return;
    open.delete(client);
    if (type !== 'info') history[called] = { ...history[called]!, returned: { at, output: outputOf(line) } };
  });
  return history;
}
