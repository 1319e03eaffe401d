/**
 * Reading output without holding up the host: short output is read at once, long output on a thread of its own, because eight
 * megabytes of test names take half a second. The thread is started on first need, kept, and never keeps the process alive.
 */
import { Worker } from 'node:worker_threads';
import type { work } from '../../../../contracts/index.ts';
import { compileCache } from '../../compile-cache.ts';
import { readFindings } from './findings.ts';
import { readTests, type TestReport } from './tests.ts';
import { plain, relative } from './text.ts';

export interface Output {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Private directories whose paths are taken out. */
  readonly directories: readonly string[];
  readonly kind: work.CheckSpec['kind'];
}

export interface Reading extends TestReport {
  readonly findings: readonly string[];
  /** The text without colours and private paths; its middle left out above 256 KiB. */
  readonly text: string;
}

/** Some 4 ms of reading. */
const AT_ONCE_BYTES = 64 * 1024;
const KEPT_CHARS = 256 * 1024;

function decode(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

export function readNow(output: Output): Reading {
  const text = relative(plain(`${decode(output.stdout)}\n${decode(output.stderr)}`), output.directories);
  return {
    ...(output.kind === 'tests' ? readTests(text) : { tests: null, counts: null }),
    findings: output.kind === 'tests' ? [] : readFindings(text),
    text: middleOut(text, KEPT_CHARS),
  };
}

function middleOut(text: string, max: number): string {
  if (text.length <= max) return text;
  const half = max >> 1;
  return `${text.slice(0, half)}\n… ${text.length - 2 * half} characters left out …\n${text.slice(-half)}`;
}

interface Waiting {
  readonly output: Output;
  readonly resolve: (reading: Reading) => void;
}

let thread: Worker | null = null;
const waiting = new Map<number, Waiting>();
let last = 0;

export function read(output: Output): Promise<Reading> {
  if (output.stdout.byteLength + output.stderr.byteLength <= AT_ONCE_BYTES) return Promise.resolve(readNow(output));
  return new Promise((resolve) => {
    last += 1;
    waiting.set(last, { output, resolve });
    thread ??= start();
    thread.ref(); // an answer is owed
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    thread.postMessage({ id: last, output });
  });
}

function start(): Worker {
  const own = import.meta.url;
  const worker = new Worker(new URL(`./reading-thread${own.slice(own.lastIndexOf('.'))}`, own), {
    env: { ...process.env, ...compileCache() },
  });
  worker.on('message', ({ id, reading }: { id: number; reading: Reading }) => {
    waiting.get(id)?.resolve(reading);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
  });
  // Out of memory, or no threads here: what is owed is read on this thread after all.
  worker.on('error', () => undefined);
  worker.on('exit', () => {
    if (thread === worker) thread = null;
    for (const [id, one] of waiting) {
      waiting.delete(id);
      one.resolve(readNow(one.output));
    }
  });
  worker.unref();
  return worker;
}
