/**
 * Where things are kept. In the user's repository only `.skein/` (it ignores itself); everything bulky and everything an agent
 * can write to is under the user's cache directory, never inside their tree.
 */
import { createHash } from 'node:crypto';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Places {
  /** `<repository>/.skein` */
  readonly home: string;
  runDirectory(run: string): string;
  /** One SQLite file per host; a run is one host. */
  store(run: string): string;
  blobs(run: string): string;
  /** JSON with the control socket's path, pid and start time of the live host. */
  hostFile(run: string): string;
  /** Halts and resumes of this repository, signed: hosts, wardens and commands share it. */
  readonly haltRecord: string;
  /** The operator's key, for its owner alone. */
  readonly operatorSeed: string;
  /** Private clones of attempts: `<cache>/skein/<repository>/<run>/`. */
  workspaces(run: string): string;
  /** Verdicts by tree hash, shared by all runs of this repository. */
  verdicts: string;
  /** Prepared dependencies and base clones, shared by all runs of this repository. */
  prepared: string;
}

export function cacheHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.SKEIN_CACHE !== undefined && env.SKEIN_CACHE !== '') return env.SKEIN_CACHE;
  if (env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== '') return join(env.XDG_CACHE_HOME, 'skein');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'skein');
  return join(homedir(), '.cache', 'skein');
}

export function placesOf(repository: string, env: Readonly<Record<string, string | undefined>> = process.env): Places {
  const home = join(repository, '.skein');
  const name = createHash('sha256').update(repository).digest('hex').slice(0, 16);
  const cache = join(cacheHome(env), name);
  return {
    home,
    runDirectory: (run) => join(home, 'runs', run),
    store: (run) => join(home, 'runs', run, 'store.db'),
    blobs: (run) => join(home, 'runs', run, 'blobs'),
    hostFile: (run) => join(home, 'run', `${run}.json`),
    haltRecord: join(home, 'halt.db'),
    operatorSeed: join(home, 'operator.seed'),
    workspaces: (run) => join(cache, 'runs', run),
    verdicts: join(cache, 'verdicts'),
    prepared: join(cache, 'prepared'),
  };
}

/** Directory for control sockets: 0700 and short, because a socket path ends at 107 bytes. */
export function socketHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  return env.XDG_RUNTIME_DIR !== undefined && env.XDG_RUNTIME_DIR !== ''
    ? join(env.XDG_RUNTIME_DIR, 'skein')
    : join(tmpdir(), `skein-${process.getuid?.() ?? 0}`);
}
