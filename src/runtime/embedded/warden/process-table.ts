/**
 * The machine's processes as the warden needs them: identity (pid and start), groups, memory, and the marker that finds a child which
 * left its group. Reads /proc where there is one and asks `ps` elsewhere. It never kills a pid whose identity it did not check.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** In the environment of everything the warden starts; a process that clears its environment is not found by it. */
export const MARKER = 'SKEIN_EXEC';

const proc: boolean = existsSync('/proc/self/stat');
// Start times count from boot: without the boot, a pid and its start could come again after one.
const boot: string = proc ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8) : '';
const PAGE_BYTES = 4096; // of every Linux where Node is published, but for some arm64 kernels: there memory reads too low
const PASSES_MAX = 20; // a process that forks while it is being listed is met again in the next pass

function ps(...columns: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile('ps', columns, { maxBuffer: 64 * 1024 * 1024, env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' } }, (_, stdout) =>
      resolve(stdout),
    );
  });
}

/** Fields of /proc/<pid>/stat from the third (state) on; the second may hold spaces and brackets. */
function stat(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** When the process started, in words that only that process has; null when it is gone (a zombie is gone). */
export async function startOf(pid: number): Promise<string | null> {
  if (proc) {
    const fields = stat(pid);
    return fields === null || fields[0] === 'Z' ? null : `${fields[19]}@${boot}`;
  }
  const text = (await ps('-o', 'lstart=', '-p', String(pid))).trim();
  return text === '' ? null : text;
}

/** False when nothing of the group is left. */
export function signalGroup(pid: number, signal: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'; // macOS says so of a group of zombies
  }
}

async function marked(executions: ReadonlySet<string>): Promise<number[]> {
  if (!proc) {
    const found: number[] = [];
    for (const line of (await ps('-Eww', '-axo', 'pid=,command=')).split('\n')) {
      const pid = Number.parseInt(line, 10);
      const execution = new RegExp(` ${MARKER}=(\\S+)`).exec(line)?.[1];
      if (pid > 0 && execution !== undefined && executions.has(execution)) found.push(pid);
    }
    return found;
  }
  const key = Buffer.from(`${MARKER}=`);
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`);
      for (let at = environment.indexOf(key); at >= 0; at = environment.indexOf(key, at + 1)) {
        if (at > 0 && environment[at - 1] !== 0) continue;
        const end = environment.indexOf(0, at);
        return executions.has(environment.toString('utf8', at + key.length, end < 0 ? undefined : end)) ? [pid] : [];
      }
    } catch {
      // gone meanwhile, or another user's
    }
    return [];
  });
}

/** Kills every process that carries one of these executions' markers; answers how many there were. */
export async function killMarked(executions: ReadonlySet<string>): Promise<number> {
  const killed = new Set<number>();
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    // oxlint-disable-next-line no-await-in-loop -- each pass looks for what the one before it missed
    const found = (await marked(executions)).filter((pid) => pid !== process.pid);
    if (found.length === 0) break;
    for (const pid of found) {
      killed.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
  }
  return killed.size;
}

/** Resident bytes of each of these processes with everything under it or in its group. */
export async function memoryOf(pids: readonly number[]): Promise<Map<number, number>> {
  const rows: { pid: number; parent: number; group: number; bytes: number }[] = [];
  if (proc) {
    for (const name of readdirSync('/proc')) {
      const fields = /^\d+$/.test(name) ? stat(Number(name)) : null;
      if (fields === null) continue;
      rows.push({
        pid: Number(name),
        parent: Number(fields[1]),
        group: Number(fields[2]),
        bytes: Number(fields[21]) * PAGE_BYTES,
      });
    }
  } else {
    for (const line of (await ps('-axo', 'pid=,ppid=,pgid=,rss=')).split('\n')) {
      const [pid, parent, group, kilobytes] = line.trim().split(/\s+/).map(Number);
      if (kilobytes !== undefined) rows.push({ pid: pid!, parent: parent!, group: group!, bytes: kilobytes * 1024 });
    }
  }
  const parents = new Map(rows.map((row) => [row.pid, row.parent]));
  const wanted = new Set(pids);
  const sums = new Map<number, number>(pids.map((pid) => [pid, 0]));
  for (const row of rows) {
    let owner: number | undefined = wanted.has(row.group) ? row.group : row.pid;
    while (owner !== undefined && owner > 1 && !wanted.has(owner)) owner = parents.get(owner);
    if (owner !== undefined && wanted.has(owner)) sums.set(owner, sums.get(owner)! + row.bytes);
  }
  return sums;
}
