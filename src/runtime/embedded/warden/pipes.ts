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

type Pair = readonly [OutputPipe, OutputPipe];
let next: Promise<Pair | null> | null = null;

/** Standard output and standard error, made in a directory of ours; null where sockets are as good or pipes are not to be had. */
export function outputPipes(directory: string): Promise<Pair | null> {
  const made = next ?? make(directory);
  next = make(directory); // for the next program, while this one runs: a start is 4 ms shorter
  next.catch(() => undefined); // told to who asks
  return made;
}

async function make(parent: string): Promise<Pair | null> {
  if (process.platform !== 'linux') return null;
  const directory = mkdtempSync(join(parent, 'p-'));
  const paths = [join(directory, '1'), join(directory, '2')] as const;
  try {
    const made = await new Promise<boolean>((resolve) => {
      execFile('mkfifo', ['-m', '600', ...paths], (error) => resolve(error === null));
    });
    if (!made) return null;
    return [open(paths[0]), open(paths[1])];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function closeWriters(pipes: readonly OutputPipe[] | null): void {
  for (const pipe of pipes ?? []) closeSync(pipe.writer);
}
