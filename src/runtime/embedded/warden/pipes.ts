/**
 * Real pipes for a child's output. Node gives children sockets, and on Linux a socket cannot be opened again: `echo no >/dev/stderr`,
 * common in scripts, would fail under the warden alone. So two named pipes are made, opened at both ends and unlinked.
 * Elsewhere `/dev/stderr` is a duplicate of the descriptor and Node's own do.
 */
import { execFile } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';

export interface OutputPipe {
  readonly reader: Socket;
  /** For the child; closed here as soon as it has it. */
  readonly writer: number;
}

function open(path: string): OutputPipe {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK); // first: a writer waits for a reader
  return { writer: openSync(path, constants.O_WRONLY), reader: new Socket({ fd, readable: true, writable: false }) };
}

type Paths = readonly [string, string];

const STOCK = 8; // pairs made by one `mkfifo`: a process for each would cost as much as starting the program
const stock: Paths[] = [];
let making: Promise<void> | null = null;

/** Standard output and standard error, made in a directory of ours; null where sockets are as good or pipes are not to be had. */
export async function outputPipes(directory: string): Promise<readonly [OutputPipe, OutputPipe] | null> {
  if (process.platform !== 'linux') return null;
  if (stock.length === 0) await (making ?? restock(directory));
  const paths = stock.pop();
  if (paths === undefined) return null;
  if (stock.length === 0) restock(directory).catch(() => undefined); // while this one runs; told to who comes next
  try {
    return [open(paths[0]), open(paths[1])];
  } finally {
    for (const path of paths) rmSync(path, { force: true });
  }
}

function restock(parent: string): Promise<void> {
  making ??= make(parent).finally(() => (making = null));
  return making;
}

async function make(parent: string): Promise<void> {
  const directory = mkdtempSync(join(parent, 'p-'));
  const pairs = Array.from({ length: STOCK }, (_, i): Paths => [join(directory, `${i}-1`), join(directory, `${i}-2`)]);
  const made = await new Promise<boolean>((resolve) => {
    execFile('mkfifo', ['-m', '600', ...pairs.flat()], (error) => resolve(error === null));
  });
  if (made) stock.push(...pairs);
  else rmSync(directory, { recursive: true, force: true });
}

export function closeWriters(pipes: readonly OutputPipe[] | null): void {
  for (const pipe of pipes ?? []) closeSync(pipe.writer);
}
