/**
 * The environment of agents and checks: a short list of names that programs need to work, the user's PATH and Node, places of
 * its own for everything that is written, and nothing that opens a door. What is not on the list does not pass; a secret passes
 * only by name (`passEnv`).
 */
import { createServer } from 'node:net';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, isAbsolute, join, sep } from 'node:path';

export interface ChildEnv {
  /** The user's environment. */
  readonly from: Readonly<Record<string, string | undefined>>;
  /** An existing directory of this execution alone: TMPDIR, caches, HOME-like state. */
  readonly temp: string;
  /** A port that was free when it was asked for. */
  readonly port: number;
  /** Names the user gave back with `--pass-env`. */
  readonly passEnv?: readonly string[];
  /** Put before PATH: `node_modules/.bin` of the clone, a virtual environment. */
  readonly bins?: readonly string[];
  /** Added last: what a language needs (VIRTUAL_ENV, PYTHONPATH, CARGO_TARGET_DIR). */
  readonly extra?: Readonly<Record<string, string>>;
}

const ALLOWED = new Set([
  'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LANGUAGE', 'TZ', 'COLUMNS',
  // where installed language tools are found; none of them holds a credential
  'NVM_DIR', 'NVM_BIN', 'VOLTA_HOME', 'FNM_DIR', 'FNM_MULTISHELL_PATH', 'ASDF_DIR', 'ASDF_DATA_DIR', 'MISE_DATA_DIR', 'PNPM_HOME', 'BUN_INSTALL',
  'PYENV_ROOT', 'PYENV_VERSION', 'RBENV_ROOT', 'RUSTUP_HOME', 'RUSTUP_TOOLCHAIN', 'CARGO_HOME', 'GOROOT', 'GOPATH', 'GOMODCACHE', 'JAVA_HOME',
  // certificates and libraries of systems that keep them elsewhere
  'SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'LD_LIBRARY_PATH', 'DYLD_FALLBACK_LIBRARY_PATH', 'NIX_PATH', 'NIX_SSL_CERT_FILE', 'LOCALE_ARCHIVE',
]); // prettier-ignore

/** Names that never pass by a pattern, whatever list they are on: only `passEnv` names them. */
const SECRET =
  /(?:^|_)(?:TOKEN|SECRET|SECRETS|KEY|KEYS|APIKEY|PASS|PASSWD|PASSWORD|PASSPHRASE|CREDENTIAL|CREDENTIALS|AUTH|COOKIE|SESSION|PRIVATE|DSN|PAT|JWT|CERT_KEY)(?:$|_)|^(?:AWS|AZURE|GCP|GOOGLE|GH|GITHUB|GITLAB|NPM|ANTHROPIC|OPENAI|GEMINI|MISTRAL|HF|SSH|GPG|GNUPG|VAULT|DOCKER|KUBE|PG|MYSQL|REDIS|DATABASE|MONGO)(?:$|_)|TOKEN$|SECRET$|PASSWORD$|APIKEY$/i;

export function isSecretName(name: string): boolean {
  return SECRET.test(name);
}

/** Loads code into every Node process: never passed, not even by name of a wrapper. */
const NEVER =
  /^(?:npm_|NODE_OPTIONS$|NODE_PATH$|NODE_TEST_CONTEXT$|NODE_CHANNEL_|VITEST|JEST_WORKER_ID$|INIT_CWD$|GIT_|LD_PRELOAD$|DYLD_INSERT_LIBRARIES$|BASH_ENV$|ENV$|PYTHONSTARTUP$)/i;

export function childEnv(options: ChildEnv): Record<string, string> {
  const { from, temp } = options;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || NEVER.test(name)) continue;
    if ((ALLOWED.has(name) || name.startsWith('LC_')) && !isSecretName(name)) env[name] = value;
  }
  for (const name of options.passEnv ?? []) {
    const value = from[name];
    if (value !== undefined && !NEVER.test(name)) env[name] = value;
  }
  env.HOME ??= homedir();
  env.LANG ??= 'C.UTF-8';
  const cache = join(temp, 'cache');
  Object.assign(env, {
    PATH: [...(options.bins ?? []), userPath(from)].join(delimiter),
    CI: '1',
    TERM: 'dumb',
    PORT: String(options.port),
    TMPDIR: temp,
    TMP: temp,
    TEMP: temp,
    XDG_CACHE_HOME: cache,
    XDG_STATE_HOME: join(temp, 'state'),
    npm_config_cache: join(cache, 'npm'),
    npm_config_update_notifier: 'false',
    PYTHONDONTWRITEBYTECODE: '1', // the user's installed packages are read where they are
    GOCACHE: join(cache, 'go-build'),
    GIT_TERMINAL_PROMPT: '0',
    ...installedBelowCache(from),
    ...options.extra,
  });
  return env;
}

/** Tools that a user's own cache directory holds: moving the cache must not lose them. */
function installedBelowCache(from: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const cache = from.XDG_CACHE_HOME ?? join(from.HOME ?? homedir(), '.cache');
  const places: Record<string, string> = {};
  for (const [name, directory] of [
    ['COREPACK_HOME', join('node', 'corepack')],
    ['PLAYWRIGHT_BROWSERS_PATH', 'ms-playwright'],
    ['CYPRESS_CACHE_FOLDER', 'Cypress'],
    ['PUPPETEER_CACHE_DIR', 'puppeteer'],
  ] as const)
    if (existsSync(join(cache, directory))) places[name] = join(cache, directory);
  return places;
}

/**
 * The PATH that the user's own shell has: without the `node_modules/.bin` directories that `npx` and `npm run` put in front
 * (they would show the user's copy of a workspace package instead of the clone's), without relative entries.
 */
export function userPath(from: Readonly<Record<string, string | undefined>>, node: string = process.execPath): string {
  const kept = (from.PATH ?? '/usr/local/bin:/usr/bin:/bin')
    .split(delimiter)
    .filter((entry) => isAbsolute(entry) && !isPackageBin(entry));
  const unique = [...new Set(kept)];
  if (!unique.some((entry) => existsSync(join(entry, 'node')))) unique.push(dirname(node)); // a machine whose only Node came with us
  return unique.join(delimiter);
}

function isPackageBin(entry: string): boolean {
  return (
    (basename(entry) === '.bin' && basename(dirname(entry)) === 'node_modules') ||
    (entry.includes(`${sep}node_modules${sep}`) && entry.endsWith('node-gyp-bin'))
  );
}

/** A port that nobody listens on now. Another process may take it before the child does: a port is a wish, not a lease. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
