/**
 * `npm run bench [name...]`: runs bench/<name>.bench.ts, each in a process of its own so that one does not warm or load the
 * other, prints a table and writes bench/results/<name>.json with the machine, the commit and the date. Exit 1 when a target is
 * missed or a bench fails. A bench file exports a default function that returns its rows.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkRows, type Row, table } from './bench/row.ts';

interface Result {
  readonly name: string;
  readonly date: string;
  readonly commit: string;
  readonly machine: {
    readonly cores: number;
    readonly cpu: string;
    readonly memoryGib: number;
    readonly platform: string;
    readonly node: string;
  };
  /** Load average over a minute, when it began and when it ended: above the cores, wall times are the machine's. */
  readonly load: { readonly before: number; readonly after: number };
  /** Of the whole bench process, its warm-up and baselines included. */
  readonly cpuSeconds: number;
  readonly rows: readonly Row[];
}

const SUFFIX = '.bench.ts';
const directory = join(process.cwd(), 'bench');

/** The child's side: runs one bench and hands its rows back on fd 3, because stdout belongs to the bench. */
async function runOne(name: string): Promise<void> {
  const module = (await import(pathToFileURL(join(directory, name + SUFFIX)).href)) as {
    default: () => unknown;
  };
  const rows = checkRows(name, await module.default());
  const { user, system } = process.cpuUsage();
  writeFileSync(3, JSON.stringify({ rows, cpuSeconds: (user + system) / 1e6 }));
}

function inOwnProcess(name: string): Promise<{ rows: readonly Row[]; cpuSeconds: number } | null> {
  return new Promise((resolve) => {
    const argv = ['--conditions=skein-source', fileURLToPath(import.meta.url), '--one', name];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdio[3]!.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.once('close', (code) => resolve(code === 0 ? JSON.parse(Buffer.concat(chunks).toString('utf8')) : null));
  });
}

/** The commit that was measured; `+` when the tree holds changes beside it. */
function commit(): string {
  try {
    const git = (...argv: string[]): string =>
      execFileSync('git', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return (
      git('rev-parse', '--short=12', 'HEAD') +
      (git('status', '--porcelain', '--untracked-files=no', '--', ':!bench/results') === '' ? '' : '+')
    );
  } catch {
    return 'unknown';
  }
}

async function runAll(wanted: readonly string[]): Promise<void> {
  const names = readdirSync(directory)
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .toSorted();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`no bench named ${unknown.join(', ')}: there are ${names.join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const measured = commit();
  mkdirSync(join(directory, 'results'), { recursive: true });
  for (const name of wanted.length > 0 ? wanted : names) {
    const before = loadavg()[0]!;
    const done = await inOwnProcess(name);
    if (done === null) {
      console.log(`${name}: failed`);
      process.exitCode = 1;
      continue;
    }
    const result: Result = {
      name,
      date: new Date().toISOString(),
      commit: measured,
      machine: {
        cores: cpus().length,
        cpu: cpus()[0]?.model.trim() ?? 'unknown',
        memoryGib: Math.round(totalmem() / 2 ** 30),
        platform: `${process.platform}-${process.arch}`,
        node: process.version,
      },
      load: { before, after: loadavg()[0]! },
      cpuSeconds: Math.round(done.cpuSeconds * 1000) / 1000,
      rows: done.rows,
    };
    writeFileSync(join(directory, 'results', `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
    console.log(
      `\n${name} (${result.machine.cores} cores, ${result.machine.cpu}, node ${result.machine.node}, commit ${measured}, ${result.cpuSeconds} CPU-seconds)\n${table(done.rows)}`,
    );
    if (done.rows.some((row) => !row.met)) process.exitCode = 1;
  }
}

const [first, second] = process.argv.slice(2);
await (first === '--one' && second !== undefined ? runOne(second) : runAll(process.argv.slice(2)));
