/**
 * One check on one checkout: it starts the command without network, within bounds, and reads a verdict from its exit and its
 * output. Whether that verdict lets a change land is decided elsewhere.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { work } from '../../../contracts/index.ts';
import type { Blobs } from '../blobs.ts';
import type { Exec, ExecResult, Sandbox } from '../exec.ts';
import { childEnv, freePort, languageEnv } from '../environment/index.ts';
import { read, type Reading } from './parse/index.ts';

export interface Checkout {
  /** The clone; checks run inside it and may write there. */
  readonly directory: string;
  /** The user's tree, for what is installed in it. */
  readonly source: string;
  /** TMPDIR and caches of this checkout. */
  readonly temp: string;
}

export interface RunCheck {
  readonly exec: Exec;
  readonly blobs: Blobs;
  readonly sandbox: Sandbox['mode'];
  /** The user's environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly passEnv: readonly string[];
  readonly signal: AbortSignal;
  /** False for checks; a user's `setup` line may fetch what it names. */
  readonly network?: boolean;
}

/** Read for verdicts: names of some 100,000 tests. When a check prints more, its counts decide. */
const READ_BYTES_MAX = 8 * 1024 * 1024;
/** A check that prints more is broken, or breaks the disk. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const TAIL_BYTES = 4096;
const CAUSE_MAX = 500;
/** A program that cannot start says so at once. */
const CAUSE_TEXT_MAX = 64 * 1024;

export async function runCheck(spec: work.CheckSpec, checkout: Checkout, options: RunCheck): Promise<work.CheckVerdict> {
  const result = await start(spec.command, spec.directory, checkout, options, spec.timeout);
  const { stdout, stderr } = result;
  const reading = await read({ stdout, stderr, directories: [checkout.directory, checkout.temp], kind: spec.kind });
  const output = reading.text.trim() === '' ? null : await options.blobs.put(reading.text);
  return { ...(await verdictOf(spec, result, reading, checkout)), output };
}

/** A shell line in the checkout: a check, or the user's `setup`. */
export async function start(
  command: string,
  directory: string,
  checkout: Checkout,
  options: RunCheck,
  timeoutMs: number,
): Promise<ExecResult> {
  const language = await languageEnv(checkout.directory, checkout.source, directory, checkout.temp);
  const env = childEnv({
    from: options.env,
    temp: checkout.temp,
    port: await freePort(),
    passEnv: options.passEnv,
    bins: language.bins,
    extra: language.extra,
  });
  return options.exec(['/bin/sh', '-c', command], {
    cwd: join(checkout.directory, directory),
    env,
    timeoutMs,
    keepBytes: READ_BYTES_MAX,
    outputBytesMax: OUTPUT_BYTES_MAX,
    sandbox: {
      mode: options.sandbox,
      writable: [checkout.directory, checkout.temp],
      network: options.network ?? false,
      home: env.HOME!, // older tools keep state there: nyc, coverage, browsers
    },
    signal: options.signal,
  });
}

/** Reads a verdict out of an ended process. Exported for tests with recorded output. */
export async function verdictOf(
  spec: Pick<work.CheckSpec, 'name' | 'kind' | 'command' | 'timeout' | 'directory'>,
  result: Pick<ExecResult, 'ended' | 'exitCode' | 'signalName' | 'durationMs' | 'error' | 'truncated'>,
  reading: Reading,
  checkout: Pick<Checkout, 'directory'>,
): Promise<work.CheckVerdict> {
  const { text } = reading;
  const verdict = {
    check: spec.name,
    exitCode: result.exitCode,
    // Where the middle of the output is missing, so are names: only the summary at the end can be trusted.
    tests: result.truncated ? null : reading.tests,
    counts: reading.counts,
    findings: result.truncated ? [] : reading.findings,
    durationMs: result.durationMs,
    cached: false,
    tail: tail(text),
    output: null,
  };
  const as = (status: work.CheckVerdict['status'], cause: string): work.CheckVerdict => ({
    ...verdict,
    status,
    cause: cause.slice(0, CAUSE_MAX),
  });
  if (result.ended === 'not-started') return as('unavailable', `it could not be started: ${result.error}`);
  if (result.ended === 'timed-out') {
    const watches = /watching for file changes|waiting for file changes|press (?:h|q|w) to|watch usage/i.test(text);
    const limit = `it did not end within ${Math.round(spec.timeout / 1000)} s`;
    return as(
      'timed-out',
      `${limit}${watches ? ' because it watches for changes' : ''}: name a command that ends under checks: in skein.yaml, or give it a longer timeout`,
    );
  }
  if (result.ended === 'output-limit')
    return { ...as('red', `it printed more than ${OUTPUT_BYTES_MAX / 1024 / 1024} MiB`), exitCode: null };
  // Nobody but the kernel or a person kills a check: what it said until then is no verdict, and none is remembered.
  if (result.signalName === 'SIGKILL' || result.exitCode === 128 + 9)
    return {
      ...as('unavailable', 'it was killed, most often because memory ran out: run with fewer agents (--max-agents)'),
      exitCode: null,
    };
  if (result.ended === 'signal' || result.ended === 'cancelled')
    return { ...as('red', `it was ended by ${result.signalName ?? 'a signal'}`), exitCode: null };
  if (result.exitCode === 0) return as('green', '');
  const missing = await cannotRun(
    spec,
    result.exitCode,
    text.slice(0, CAUSE_TEXT_MAX),
    verdict.tests !== null,
    checkout.directory,
  );
  if (missing !== null) return as('unavailable', missing);
  const kept = /\b(?:EROFS: read-only file system,? ?|Read-only file system\b)[^\n]{0,300}/.exec(text.slice(0, CAUSE_TEXT_MAX));
  if (kept !== null && !kept[0].includes(checkout.directory))
    return as(
      'red',
      `it writes outside its clone, which the sandbox keeps read-only (--no-sandbox allows it): ${kept[0].trim()}`,
    );
  return as('red', failures(verdict.tests) || firstError(text) || `exit code ${result.exitCode}`);
}

/** Why the check itself, rather than what it looks at, is at fault; null when it ran. */
async function cannotRun(
  spec: Pick<work.CheckSpec, 'kind' | 'directory'>,
  exitCode: number | null,
  text: string,
  named: boolean,
  clone: string,
): Promise<string | null> {
  if (named) return null;
  const notFound =
    /(?:^|\n)(?:\/bin\/)?(?:sh|bash|dash|env): (?:line )?(?:\d+: )?(?:exec: )?['‘"]?([^\s:'’"]+)['’"]?: (?:command not found|not found|No such file or directory)/.exec(
      text,
    );
  if (exitCode === 127) return `${notFound?.[1] ?? 'its command'}: not found; install it or the dependencies that bring it`;
  const denied = /(?:^|\n)(?:\/bin\/)?(?:sh|bash|dash): (?:line )?(?:\d+: )?(\S+): (?:Permission denied|cannot execute)/.exec(
    text,
  );
  if (exitCode === 126 || denied !== null) return `${denied?.[1] ?? 'its command'}: permission denied`;
  const python = /(?:^|\n)\S*python[\d.]*: No module named (\S+)/.exec(text);
  if (python !== null) return `Python has no module ${python[1]}: install it in the virtual environment`;
  const script =
    /npm (?:ERR!|error) Missing script: "?([^"\n]+)"?/.exec(text) ?? /ERR_PNPM_NO_SCRIPT\S*\s+Missing script: (\S+)/.exec(text);
  if (script !== null) return `package.json has no script ${script[1]}`;
  // The file that node was told to run, not one that it needs later.
  const entry = /Error: Cannot find module '([^']+)'[\s\S]{0,4000}?requireStack: \[\]/.exec(text);
  if (entry !== null) return `${entry[1]} does not exist`;
  const target = /(?:^|\n)make: \*\*\* No rule to make target ['‘`"]([^'’`"]+)/.exec(text);
  if (target !== null && !target[1]!.includes('.')) return `the Makefile has no target ${target[1]}`;
  if (spec.kind === 'tests') {
    const needed = /Cannot find (?:package|module) '((?:@[\w.-]+\/)?[\w][\w.-]*)(?:\/[^']*)?'/.exec(text)?.[1];
    if (needed !== undefined && !(await installed(clone, spec.directory, needed)))
      return `the package ${needed} is not installed`;
  }
  return null;
}

async function installed(clone: string, directory: string, name: string): Promise<boolean> {
  for (let at = directory; ; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
    if ((await readdir(join(clone, at, 'node_modules', name)).catch(() => null)) !== null) return true;
    if (at === '') return false;
  }
}

const FAILURES_NAMED = 2;

/** The names of the first tests that fail, without the suites around them; '' where nothing passes: then the error says more. */
function failures(tests: work.CheckVerdict['tests']): string {
  if (!Object.values(tests ?? {}).includes('pass')) return '';
  const failed = Object.entries(tests ?? {}).flatMap(([name, state]) => (state === 'fail' ? [name] : []));
  const own = failed.filter((name) => !failed.some((other) => other.startsWith(`${name} > `)));
  const named = own.slice(0, FAILURES_NAMED).map((name) => name.slice(0, 150));
  return own.length === 0
    ? ''
    : `fails: ${named.join('; ')}${own.length > named.length ? `; and ${own.length - named.length} more` : ''}`;
}

/** The first line that says what went wrong, for one-line reports. */
function firstError(text: string): string {
  const line = text.split('\n').find(
    (each) =>
      // A test that passes may be called "returns an Error".
      (!/^\s*(?:✔|✓|√|ok )/.test(each) &&
        /(?:^|\s|\()(?:\w*Error|error|FAIL(?:ED)?|not ok|✖|✕|×|panicked)\b/.test(each.slice(0, 1000))) ||
      /^\s*(?:✖|✕|×) /.test(each),
  );
  return (line ?? '').trim().slice(0, 300);
}

function tail(text: string): string {
  const bytes = Buffer.from(text.trimEnd(), 'utf8');
  // A cut inside a character leaves a replacement mark at the front: drop it.
  return bytes.length <= TAIL_BYTES
    ? bytes.toString('utf8')
    : bytes
        .subarray(bytes.length - TAIL_BYTES)
        .toString('utf8')
        .replace(/^\uFFFD+/, '');
}
