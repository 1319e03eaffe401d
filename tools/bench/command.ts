/** The published form of `skein`, as benches start it: the compiled program in a process of its own, timed from outside. */
import { execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const top = fileURLToPath(new URL('../../', import.meta.url));
const SAMPLE_MS = 50;

/** Compiles what changed and answers the program's path: what people start is JavaScript, not types stripped on the way. */
export function compiled(): string {
  execFileSync(process.execPath, [join(top, 'node_modules/typescript/bin/tsc'), '-b', 'src/surfaces/cli'], {
    cwd: top,
    stdio: 'inherit',
  });
  return join(top, 'dist/surfaces/cli/bin.js');
}

export interface Ran {
  readonly wallMs: number;
  /** When the first byte came, on either stream. */
  readonly firstMs: number;
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of everything that ran below it, itself included. */
  readonly cpuSeconds: number;
  /** Of the process and of the Node it started itself (the warden), without what those started; null where /proc is not. */
  readonly ownCpuSeconds: number | null;
}

/** Starts a program and waits for its end. Its CPU time is what a shell around it is told by the kernel. */
export function run(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv, onPid?: (pid: number) => void): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn('/bin/sh', ['-c', '"$@"; code=$?; times >&3; exit $code', 'sh', ...argv], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    const text = ['', '', ''];
    let firstMs = 0;
    for (const [index, stream] of [child.stdout!, child.stderr!, child.stdio[3]!].entries()) {
      stream.on('data', (chunk: Buffer) => {
        if (firstMs === 0 && index < 2) firstMs = performance.now() - began;
        text[index] += chunk.toString();
      });
    }
    onPid?.(child.pid!);
    const seen = new Map<number, number>();
    const timer = setInterval(() => sample(child.pid!, seen), SAMPLE_MS);
    child.once('error', reject);
    child.once('close', (exitCode) => {
      clearInterval(timer);
      const own = [...seen.values()].reduce((sum, each) => sum + each, 0);
      resolve({
        wallMs: performance.now() - began,
        firstMs,
        exitCode,
        stdout: text[0]!,
        stderr: text[1]!,
        cpuSeconds: [...text[2]!.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + Number(m) * 60 + Number(s), 0),
        ownCpuSeconds: seen.size === 0 ? null : own,
      });
    });
  });
}

/** CPU seconds so far of the shell's child and of that child's Node children. */
function sample(shell: number, seen: Map<number, number>): void {
  const children = new Map<number, number[]>();
  const own = new Map<number, number>();
  const nodes = new Set<number>();
  let names: string[];
  try {
    names = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return; // not on this system
  }
  for (const name of names) {
    try {
      const text = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
      const parent = Number(fields[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
      own.set(Number(name), (Number(fields[11]) + Number(fields[12])) / 100); // ticks of 10 ms on every Linux
      if (/\((?:node|MainThread|skein)/.test(text)) nodes.add(Number(name));
    } catch {
      // gone meanwhile
    }
  }
  for (const host of children.get(shell) ?? []) {
    for (const pid of [host, ...(children.get(host) ?? []).filter((each) => nodes.has(each))]) seen.set(pid, own.get(pid) ?? 0);
  }
}
