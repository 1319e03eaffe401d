import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';

let child: ChildProcess | null = null;
afterEach(() => void child?.kill('SIGKILL'));

interface Started {
  /** Settles when stderr holds this text. */
  said(text: string): Promise<void>;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
}

function skein(...args: string[]): Started {
  const started = spawn(process.execPath, [new URL('child.ts', import.meta.url).pathname, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  let out = '';
  let err = '';
  const waiting: { text: string; resolve: () => void }[] = [];
  started.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  started.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
    for (const { text: wanted, resolve } of waiting) if (err.includes(wanted)) resolve();
  });
  return {
    said: (text) => new Promise((resolve) => (err.includes(text) ? resolve() : waiting.push({ text, resolve }))),
    ended: new Promise((resolve) => started.once('close', (code) => resolve({ code, out, err }))),
  };
}

describe('signals to a real process', () => {
  test('Ctrl-C drains, a second one stops; the document on stdout is whole and the run can be resumed', async () => {
    const run = skein('run', '-m', 'fix it');
    await run.said('"state":"working"');
    child!.kill('SIGINT');
    await run.said('"phase":"draining"');
    child!.kill('SIGINT');
    const { code, out, err } = await run.ended;
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ schema: 'skein.run-summary.v1', phase: 'stopped', reason: 'killed' });
    for (const line of err.trimEnd().split('\n')) expect(JSON.parse(line)).toMatchObject({ schema: 'skein.run-event.v1' });
  });

  test.each(['SIGTERM', 'SIGHUP'] as const)('%s ends it at once with its summary', async (signal) => {
    const run = skein('run', '-m', 'fix it');
    await run.said('"state":"working"');
    child!.kill(signal);
    const { code, out } = await run.ended;
    expect([code, (JSON.parse(out) as { reason: string }).reason]).toEqual([1, 'killed']);
  });

  test('a reader that goes away ends the output, not the run', async () => {
    const run = skein('run', '-m', 'fix it');
    await run.said('"state":"working"');
    child!.stdout!.destroy();
    child!.kill('SIGTERM');
    expect((await run.ended).code).toBe(1);
  });
});

test('what every call loads is small: no schema, no YAML, no runtime before a verb asks for them', () => {
  const seen = new Set<string>();
  const packages = new Set<string>();
  const visit = (url: URL): void => {
    if (seen.has(url.href)) return;
    seen.add(url.href);
    const source = readFileSync(url, 'utf8').replaceAll(/^(?:import|export) type [^;]*;/gm, '');
    for (const [, from] of source.matchAll(/^(?:import|export)[^;]*? from '([^']+)'/gm)) {
      if (from!.startsWith('.')) visit(new URL(from!, url));
      else packages.add(from!);
    }
  };
  visit(new URL('../../src/surfaces/cli/process.ts', import.meta.url));
  expect([...packages].filter((name) => !name.startsWith('node:'))).toEqual([]);
  expect(seen.size).toBeLessThanOrEqual(8);
});
