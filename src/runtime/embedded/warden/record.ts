/**
 * The file that says which groups a warden has started, so that its successor can end them: one line when a group exists and before
 * its command runs, one when it is over. Written, not synced: it must outlive processes, and after a power cut there are none.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { killMarked, signalGroup, startOf } from './process-table.ts';
import type { Cleaned } from './wire.ts';

export interface Recorded {
  readonly execution: string;
  readonly pid: number;
  readonly start: string;
  readonly label: string;
  readonly command: string;
}

export interface Record {
  add(recorded: Recorded): void;
  end(execution: string): void;
  close(): void;
}

const GONE_MS_MAX = 2_000; // a killed group is gone in milliseconds unless it sits in the kernel; then waiting longer does not help

export function openRecord(file: string): Record {
  mkdirSync(dirname(file), { recursive: true });
  const fd = openSync(file, 'a', 0o600);
  const write = (line: object): void => void writeSync(fd, `${JSON.stringify(line)}\n`);
  return {
    add: (recorded) => write(recorded),
    end: (execution) => write({ ended: execution }),
    close: () => closeSync(fd),
  };
}

function read(file: string): { live: Recorded[]; executions: Set<string> } {
  const live = new Map<string, Recorded>();
  const executions = new Set<string>();
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // the first warden of this run
  }
  for (const line of text.split('\n')) {
    try {
      const entry = JSON.parse(line) as Recorded & { ended?: string };
      if (entry.ended !== undefined) live.delete(entry.ended);
      else {
        live.set(entry.execution, entry);
        executions.add(entry.execution);
      }
    } catch {
      // the last line of a writer that was killed: its child was never released
    }
  }
  return { live: [...live.values()], executions };
}

/** Ends what the file's last writer left alive and empties the file. The writer must be dead. */
export async function cleanUp(file: string): Promise<Cleaned> {
  const { live, executions } = read(file);
  if (executions.size === 0) return { groups: 0, escaped: 0 };
  const found: Recorded[] = [];
  for (const recorded of live) {
    // oxlint-disable-next-line no-await-in-loop -- as few as agents at once
    if ((await startOf(recorded.pid)) !== recorded.start) continue; // over, or the pid is someone else's by now
    signalGroup(recorded.pid, 'SIGKILL');
    found.push(recorded);
  }
  for (const recorded of found) {
    const until = performance.now() + GONE_MS_MAX;
    // oxlint-disable-next-line no-await-in-loop -- waits for the kernel
    while ((await startOf(recorded.pid)) === recorded.start && performance.now() < until) {
      // oxlint-disable-next-line no-await-in-loop -- as above
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  }
  const escaped = await killMarked(executions);
  const fd = openSync(file, 'r+');
  ftruncateSync(fd);
  closeSync(fd);
  return { groups: found.length, escaped };
}
