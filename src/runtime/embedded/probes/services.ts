/**
 * The long-living programs of one run: a warm compiler. Started when first asked for, under the run's sandbox, gone with the run.
 * A service is a convenience: who cannot reach it does the work alone, so nothing here ever fails a run.
 */
import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import type { Exec } from '../exec.ts';
import { childEnv } from '../environment/index.ts';

const READY_MS = 10_000; // a compiler loads its library in one or two seconds on a busy machine
const STARTS_MAX = 5; // a program that keeps dying is not worth more
const LIFE_MS = 24 * 60 * 60_000;

export interface ServicesOptions {
  readonly run: string;
  readonly repository: string;
  readonly specs: readonly work.ServiceSpec[];
  readonly sandbox: work.RunSpec['sandbox'];
  readonly exec: Exec;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Services {
  /** Variables with the sockets' paths: `SKEIN_SERVICE_TYPES`. Waits until the services listen, or are known not to. */
  variables(): Promise<Readonly<Record<string, string>>>;
  /** Where the sockets are; null where there are no services. A sandbox must let its programs see it. */
  readonly directory: string | null;
  close(): Promise<void>;
}

export function services(options: ServicesOptions): Services {
  const { specs } = options;
  // Short, because a socket's path ends at 107 bytes; the same for every sitting of a run, so that a crash leaves one at most.
  const name = createHash('sha256').update(`${options.repository}\0${options.run}`).digest('hex').slice(0, 12);
  const directory = specs.length === 0 ? null : join(tmpdir(), `skein-s-${name}`);
  const stop = new AbortController();
  const ended: Promise<unknown>[] = [];
  const alive = new Map<string, Promise<boolean>>();
  const starts = new Map<string, number>();

  const begin = async (spec: work.ServiceSpec, home: string): Promise<boolean> => {
    const temp = join(home, spec.name);
    await mkdir(temp, { recursive: true, mode: 0o700 });
    const socket = join(home, `${spec.name}.sock`);
    await rm(socket, { force: true });
    let answer: (listens: boolean) => void = () => {};
    const listening = new Promise<boolean>((resolve) => (answer = resolve));
    const timer = setTimeout(answer, READY_MS, false);
    const running = options.exec(spec.argv, {
      cwd: temp,
      env: { ...childEnv({ from: options.env, temp, port: 0 }), [variableOf(spec)]: socket },
      timeoutMs: LIFE_MS,
      keepBytes: 4096,
      outputBytesMax: 64 * 1024 * 1024,
      sandbox: { mode: options.sandbox, writable: [home], network: false },
      signal: stop.signal,
      label: `service ${spec.name}`,
      onStdout: () => answer(true), // its first word is that it listens
    });
    const over = (): void => {
      alive.delete(spec.name);
      answer(false);
    };
    ended.push(running.then(over, over));
    const listens = await listening;
    clearTimeout(timer);
    return listens;
  };

  return {
    directory,
    async variables() {
      if (directory === null) return {};
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const home = await realpath(directory);
      const found: Record<string, string> = {};
      for (const spec of specs) {
        if (!alive.has(spec.name) && (starts.get(spec.name) ?? 0) < STARTS_MAX && !stop.signal.aborted) {
          starts.set(spec.name, (starts.get(spec.name) ?? 0) + 1);
          alive.set(spec.name, begin(spec, home));
        }
        if (await (alive.get(spec.name) ?? false)) found[variableOf(spec)] = join(home, `${spec.name}.sock`);
      }
      return found;
    },
    async close() {
      stop.abort();
      await Promise.all(ended);
      if (directory !== null) await rm(directory, { recursive: true, force: true });
    },
  };
}

function variableOf(spec: work.ServiceSpec): string {
  return `SKEIN_SERVICE_${spec.name.toUpperCase()}`;
}
