import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readNow } from './parse/index.ts';
import { fileBlobs } from '../blobs.ts';
import type { ExecOptions } from '../exec.ts';
import { runCheck, verdictOf } from './run.ts';

let clone = '';
beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'skein-run-'));
  await mkdir(join(clone, 'node_modules/there'), { recursive: true });
});
afterAll(() => rm(clone, { recursive: true, force: true }));

const spec = { name: 'npm test', command: 'x', directory: '', kind: 'tests' as const, timeout: 5_000 };
const printed = (text: string) => readNow({ stdout: Buffer.from(text), stderr: Buffer.alloc(0), directories: [], kind: 'tests' });
const exited = { ended: 'exit' as const, exitCode: 1, signalName: null, durationMs: 1, error: '', truncated: false };

describe('what an ended check means', () => {
  it.each<[string, Partial<typeof exited> | Record<string, unknown>, string, string, RegExp]>([
    ['exit 0', { exitCode: 0 }, 'fine', 'green', /^$/],
    ['an ordinary failure', {}, 'AssertionError: 1 == 2', 'red', /AssertionError/],
    ['a failure without words', { exitCode: 7 }, '', 'red', /exit code 7/],
    [
      'a program that writes where the sandbox lets nobody write',
      {},
      "Error: EROFS: read-only file system, mkdir '/home/ada/.tool'",
      'red',
      /^it writes outside its clone, .*--no-sandbox.*'\/home\/ada\/\.tool'/,
    ],
    [
      'a shell that finds no program (dash)',
      { exitCode: 127 },
      '/bin/sh: 1: eslint: not found',
      'unavailable',
      /^eslint: not found; install/,
    ],
    [
      'a shell that finds no program (bash)',
      { exitCode: 127 },
      'sh: line 1: ruff: command not found',
      'unavailable',
      /^ruff: not found/,
    ],
    [
      'a missing interpreter',
      { exitCode: 127 },
      "env: 'python2': No such file or directory",
      'unavailable',
      /^python2: not found/,
    ],
    [
      'a program that may not be run',
      { exitCode: 126 },
      '/bin/sh: 1: ./verify: Permission denied',
      'unavailable',
      /\.\/verify: permission denied/,
    ],
    ['a missing Python module', {}, '/usr/bin/python3: No module named pytest', 'unavailable', /no module pytest/],
    ['a missing script', {}, 'npm error Missing script: "unit"', 'unavailable', /no script unit/],
    [
      'a missing entry file',
      {},
      "Error: Cannot find module 'test.js'\n    at x\n  code: 'MODULE_NOT_FOUND',\n  requireStack: []",
      'unavailable',
      /test\.js does not exist/,
    ],
    [
      'a missing make target',
      { exitCode: 2 },
      "make: *** No rule to make target 'test'.  Stop.",
      'unavailable',
      /no target test/,
    ],
    [
      'a package that is not installed',
      {},
      "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'chai' imported from a.js",
      'unavailable',
      /chai is not installed/,
    ],
    ['a package that is installed and broken', {}, "Error: Cannot find module 'there/lib/x'", 'red', /Cannot find module/],
    [
      'a file of the repository that is gone',
      {},
      "Error: Cannot find module './gone.js'\nRequire stack:\n- a.test.js",
      'red',
      /gone/,
    ],
    [
      'a program that could not start',
      { ended: 'not-started', exitCode: null, error: '/bin/sh: not found on PATH' },
      '',
      'unavailable',
      /could not be started/,
    ],
    ['a hanging program', { ended: 'timed-out', exitCode: null }, 'x', 'timed-out', /did not end within 5 s: name a command/],
    ['endless output', { ended: 'output-limit', exitCode: null }, 'x', 'red', /more than 64 MiB/],
    ['a killed program', { ended: 'signal', exitCode: null, signalName: 'SIGKILL' }, 'x', 'unavailable', /memory ran out/],
    ['a program killed inside a sandbox', { exitCode: 137 }, 'x', 'unavailable', /memory ran out/],
    ['a program that crashed', { ended: 'signal', exitCode: null, signalName: 'SIGSEGV' }, 'x', 'red', /ended by SIGSEGV/],
  ])('%s', async (_what, ended, text, status, cause) => {
    const verdict = await verdictOf(spec, { ...exited, ...ended }, printed(text), { directory: clone });
    expect(verdict.status).toBe(status);
    expect(verdict.cause).toMatch(cause);
  });

  it('is red, not unavailable, once a test was named', async () => {
    const text =
      "✖ loads (1ms)\nℹ tests 1\nℹ pass 0\nℹ fail 1\nError [ERR_MODULE_NOT_FOUND]: Cannot find package 'chai' imported from a.js";
    expect(await verdictOf(spec, exited, printed(text), { directory: clone })).toMatchObject({
      status: 'red',
      tests: { loads: 'fail' },
    });
  });

  it('names the tests that fail beside others that pass, and not the suites around them', async () => {
    const text =
      '✔ a (1ms)\n▶ s\n  ✖ b (1ms)\n  ✖ c (1ms)\n✖ s (3ms)\n✖ d (1ms)\n# an error at level fatal\nℹ tests 4\nℹ pass 1\nℹ fail 3\n';
    const verdict = await verdictOf(spec, exited, printed(text), { directory: clone });
    expect(verdict).toMatchObject({ status: 'red', cause: 'fails: d; s > b; and 1 more' });
  });

  it('trusts no names where the middle of the output is missing, only the counts at its end', async () => {
    const text = '✔ a (1ms)\nℹ tests 1\nℹ pass 1\nℹ fail 0\n';
    expect(await verdictOf(spec, { ...exited, exitCode: 0, truncated: true }, printed(text), { directory: clone })).toMatchObject(
      {
        status: 'green',
        tests: null,
        counts: { passed: 1, failed: 0, skipped: 0 },
      },
    );
  });

  it('keeps the last 4 KiB for people, cut at a character', async () => {
    const verdict = await verdictOf(spec, exited, printed(`x${'ü'.repeat(5_000)}`), { directory: clone });
    expect(Buffer.byteLength(verdict.tail)).toBeLessThanOrEqual(4096);
    expect(verdict.tail).toMatch(/^ü+$/);
  });
});

it('a check may write to the home that it is told of, to its clone and to its own directory, and has no network', async () => {
  const asked: ExecOptions[] = [];
  const checkout = { directory: clone, source: clone, temp: join(clone, 'temp') };
  await runCheck({ ...spec, source: 'test' }, checkout, {
    exec: (_, options) => {
      asked.push(options);
      const none = Buffer.alloc(0);
      return Promise.resolve({ ...exited, exitCode: 0, stdout: none, stderr: none });
    },
    blobs: fileBlobs(join(clone, 'blobs')),
    sandbox: 'full',
    env: { HOME: '/home/ada', PATH: '/usr/bin' },
    passEnv: [],
    signal: new AbortController().signal,
  });
  expect(asked[0]!.env.HOME).toBe('/home/ada');
  expect(asked[0]!.sandbox).toEqual({ mode: 'full', writable: [clone, checkout.temp], network: false, home: '/home/ada' });
});
