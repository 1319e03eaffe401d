/** Real repositories for real runs, in directories of their own, and a fleet opened on them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { type Fleet, openFleet, type RunRequest, type RunView } from '../../src/assembly/index.ts';

const CLEARING_MS_MAX = 60_000; // whole installations, on a disk that others use as well
const made: string[] = [];
afterAll(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true });
}, CLEARING_MS_MAX);

export function temporary(name: string): string {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), `skein-test-${name}-`)));
  made.push(directory);
  return directory;
}

let cache: string | null = null;
/** For a file whose runs are made side by side: where the cache is, is said by one variable for the whole process. */
export function oneCache(): void {
  cache = temporary('cache');
}

export function git(cwd: string, ...args: string[]): string {
  return execFileSync('git', args, {
    cwd,
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH ?? '',
      HOME: '/nonexistent',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'T',
      GIT_AUTHOR_EMAIL: 't@t',
      GIT_COMMITTER_NAME: 'T',
      GIT_COMMITTER_EMAIL: 't@t',
    },
  }).trim();
}

/** With a cache of its own, so that no verdict comes from another test; they are kept by repository in any case. */
export function repository(name: string, files: Readonly<Record<string, string>>, directory = 'repo'): string {
  const top = join(temporary(name), directory);
  mkdirSync(top);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    writeFileSync(join(top, path), text);
  }
  git(top, 'init', '-q', '-b', 'main');
  git(top, 'add', '-A');
  git(top, 'commit', '-q', '--allow-empty', '-m', 'first');
  process.env.SKEIN_CACHE = cache ?? join(dirname(top), 'cache');
  return top;
}

/** A small package whose tests notice what its functions do. */
export const CALCULATOR: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({ name: 'calculator', type: 'module', scripts: { test: 'node --test' } }),
  'sum.js': 'export const sum = (a, b) => a + b; // teh sum\n',
  'product.js': 'export const product = (a, b) => a * b;\n',
  'test/sum.test.js':
    "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { sum } from '../sum.js';\ntest('adds', () => assert.equal(sum(2, 3), 5));\n",
  'test/product.test.js':
    "import { test } from 'node:test';\nimport assert from 'node:assert';\nimport { product } from '../product.js';\ntest('multiplies', () => assert.equal(product(2, 3), 6));\ntest('knows zero', () => assert.equal(product(2, 0), 0));\n",
};

export function request(cwd: string, over: Partial<RunRequest> = {}): RunRequest {
  return {
    cwd,
    tasksFile: null,
    messages: [],
    agents: [],
    agentsDefined: [],
    checks: null,
    setup: null,
    agentsMax: 2,
    checksMax: null,
    attemptsMax: null,
    wallTimeMs: 60_000,
    costMax: null,
    passEnv: [],
    sandbox: true,
    goals: [],
    mutants: false,
    packs: [],
    ...over,
  };
}

export function shell(name: string, command: string): RunRequest['agents'][number] {
  return { name, spec: `sh:${command}`, args: [], passEnv: [], timeoutMs: 20_000, attemptPrice: 0 };
}

export async function fleetOf(top: string): Promise<Fleet> {
  const opened = await openFleet(top);
  if (!opened.ok) throw new Error(opened.problem.what);
  return opened.value;
}

/** From request to the last committed state. */
export async function runToEnd(top: string, wish: RunRequest): Promise<{ fleet: Fleet; view: RunView }> {
  const fleet = await fleetOf(top);
  const prepared = await fleet.prepare(wish);
  if (!prepared.ok) throw new Error(`${prepared.problem.what} ${prepared.problem.details.join('; ')}`);
  const started = await fleet.start(prepared.value);
  if (!started.ok) throw new Error(started.problem.what);
  return { fleet, view: await started.value.ended };
}
