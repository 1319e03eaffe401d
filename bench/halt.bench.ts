/**
 * Claims: 30,000 agents of one process are halted by another one and acknowledged by name within 250 ms, no effect of theirs
 * starts after the acknowledgement, and the programs of a host whose loop hangs are gone within a second.
 * Baseline in the same run: the order made durable, which is what any halt must wait for.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HaltRegister, machineMs, openOperator } from '../src/runtime/embedded/index.ts';
import { median, quantile } from '../tools/bench/figures.ts';
import type { Row } from '../tools/bench/row.ts';

const AGENTS = 30_000;
const HALTS = 40;
const HANGS = 3;
const ACKNOWLEDGED_MS_MAX = 250;
const HUNG_MS_MAX = 1000;
const PATIENCE_MS = 10_000;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

async function until(holds: () => boolean): Promise<void> {
  const began = performance.now();
  while (!holds()) {
    if (performance.now() - began > PATIENCE_MS) throw new Error('nobody acknowledged');
    // oxlint-disable-next-line no-await-in-loop -- one look after another
    await pause(2);
  }
}

function told(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null): void => reject(new Error(`it ended with ${code}`));
    child.once('exit', gone);
    child.stdout!.once('data', (chunk: Buffer) => {
      child.off('exit', gone);
      resolve(chunk.toString().split('\n')[0]!);
    });
  });
}

export default async function haltBench(): Promise<Row[]> {
  const home = mkdtempSync(join(tmpdir(), 'skein-bench-halt-'));
  const children: ChildProcess[] = [];
  const path = join(home, 'halt.db');
  const operator = openOperator(join(home, 'operator.seed'));
  const register = new HaltRegister({ path, authority: operator.alone });
  const write = (names: number | null): number => {
    const common = { scope: 'global', by: operator.name, reason: 'bench', at: Date.now() };
    const appended = register.append(
      names === null
        ? { ...common, kind: 'halt', level: 'HALTED', names, share: 0 }
        : { ...common, kind: 'resume', level: null, names, share: 10 },
      (order) => operator.sign(order),
    );
    if (!appended.ok) throw new Error(appended.refusal.detail);
    return appended.order.epoch;
  };
  const start = (file: string, args: readonly string[]): ChildProcess => {
    const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url)), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  };
  try {
    const agents = start('./halt/agents.ts', [path, join(home, 'lease'), String(AGENTS)]);
    await told(agents);
    const effectsOf = async (): Promise<{ last: number; effects: number }> => {
      agents.stdin!.write('say\n');
      return JSON.parse(await told(agents)) as { last: number; effects: number };
    };
    const [durable, acknowledged]: [number[], number[]] = [[], []];
    let late = 0;
    let before = 0;
    for (let n = 0; n < HALTS; n++) {
      // oxlint-disable no-await-in-loop -- one halt after another
      await pause(50 + ((n * 37) % 50)); // at no fixed phase of the looks
      const { effects } = await effectsOf();
      if (effects <= before) throw new Error('the agents did nothing before the halt');
      const began = performance.now();
      const epoch = write(null);
      durable.push(performance.now() - began);
      await until(() => register.acknowledged(epoch).length === 1);
      acknowledged.push(performance.now() - began);
      const at = machineMs();
      if (register.acknowledged(epoch)[0]!.stopped.length !== AGENTS) throw new Error('not everybody acknowledged by name');
      await pause(20);
      const after = await effectsOf();
      if (after.last > at) late += 1;
      before = after.effects;
      write(epoch);
      await until(() => register.read().inForce(['global']).length === 0);
      // oxlint-enable no-await-in-loop
    }
    agents.stdin!.write('end\n');

    const hung: number[] = [];
    for (let n = 0; n < HANGS; n++) {
      const cwd = join(home, `hung-${n}`);
      mkdirSync(cwd);
      const slept = `9${process.pid}${n}`;
      const argv = ['sh', '-c', `echo here; sleep ${slept}`];
      const lease = join(cwd, 'lease');
      const request = { record: join(cwd, 'p.jsonl'), sockets: join(home, 's'), halt: path, lease, cwd, argv, report: false };
      const host = start('../test/halt/host.ts', [JSON.stringify(request)]);
      // oxlint-disable-next-line no-await-in-loop -- one host after another
      await told(host);
      const began = performance.now();
      const epoch = write(null);
      const live = (): boolean => {
        const lines = execFileSync('ps', ['-axww', '-o', 'stat=,args='], { encoding: 'utf8' }).split('\n');
        return lines.some((line) => line.endsWith(`sleep ${slept}`) && !line.startsWith('Z'));
      };
      // oxlint-disable-next-line no-await-in-loop -- as above
      await until(() => !live());
      hung.push(performance.now() - began);
      write(epoch);
      host.kill('SIGKILL');
    }
    const figures = { p50: median(acknowledged), p99: quantile(acknowledged, 0.99), baseline: median(durable) };
    return [
      {
        claim: `${AGENTS} agents halted by another process and acknowledged by name; baseline the order made durable`,
        target: `p99 <= ${ACKNOWLEDGED_MS_MAX} ms`,
        ours: figures.p99,
        unit: 'ms',
        ...figures,
        ratio: figures.baseline / figures.p50,
        met: figures.p99 <= ACKNOWLEDGED_MS_MAX,
      },
      {
        claim: `halts of ${HALTS} with an effect after the acknowledgement`,
        target: '0',
        ours: late,
        unit: 'halts',
        p50: late,
        p99: late,
        met: late === 0,
      },
      {
        claim: 'the programs of a host whose loop hangs are gone',
        target: `<= ${HUNG_MS_MAX} ms`,
        ours: Math.max(...hung),
        unit: 'ms',
        p50: median(hung),
        p99: quantile(hung, 0.99),
        met: Math.max(...hung) <= HUNG_MS_MAX,
      },
    ];
  } finally {
    for (const child of children) child.kill('SIGKILL');
    register.close();
    await pause(300); // wardens of the killed hosts end what is left and go
    rmSync(home, { recursive: true, force: true });
  }
}
