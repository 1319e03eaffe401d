/**
 * Pure functions on a thread of their own, so that judging a large change never holds up a host's loop. Whoever assembles a runtime
 * owns the thread's entry, a file that calls `servePure` with a table from name to function; here is only the way to it and back.
 * A thread that dies fails what was asked of it as retryable, and the next question starts another.
 */
import { parentPort, Worker } from 'node:worker_threads';
import { ActivityError } from './activity.ts';
import { compileCache } from './compile-cache.ts';

export type PureTable = Readonly<Record<string, (payload: never) => unknown>>;

interface Question {
  readonly id: number;
  readonly name: string;
  readonly payload: unknown;
}

type Answer =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly detail: string };

const NO_WARNINGS = ['--disable-warning=ExperimentalWarning']; // its entry may load node:sqlite, which Node 22 calls experimental
const QUESTIONS_MAX = 1024; // waiting at once; a run asks one or two for each attempt

/** Serves the table in a worker thread until the thread is ended. */
export function servePure(table: PureTable): void {
  const port = parentPort!;
  port.on('message', ({ id, name, payload }: Question) => {
    let answer: Answer;
    try {
      const pure = Object.hasOwn(table, name) ? (table[name] as (payload: unknown) => unknown) : null;
      answer =
        pure === null
          ? { id, ok: false, detail: `no pure function is called "${name}"` }
          : { id, ok: true, value: pure(payload) };
    } catch (error) {
      answer = { id, ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
    port.postMessage(answer);
  });
}

export class PureThread {
  readonly #entry: URL;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #worker: Worker | null = null;
  #next = 0;

  /** The thread starts with the first question, or with `start`. */
  constructor(entry: URL) {
    this.#entry = entry;
  }

  /** `payload` and the value must be structured-cloneable. Rejects with `ActivityError`: not retryable when the function threw. */
  run(name: string, payload: unknown): Promise<unknown> {
    if (this.#waiting.size >= QUESTIONS_MAX) {
      return Promise.reject(
        new ActivityError(`${QUESTIONS_MAX} computations are waiting already: ask again later`, { retryable: true }),
      );
    }
    const id = (this.#next += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#thread().postMessage({ id, name, payload } satisfies Question);
    });
  }

  /** Loads the thread while there is something else to wait for: the first question would wait some 100 ms for it. */
  start(): void {
    this.#thread();
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#failAll('the computation was cut off: its host is closing');
    await worker?.terminate();
  }

  #thread(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(this.#entry, { execArgv: NO_WARNINGS, env: { ...process.env, ...compileCache() } });
    worker.unref(); // an idle thread keeps no finished program alive
    worker.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.ok) waiting?.resolve(answer.value);
      else waiting?.reject(new ActivityError(answer.detail, { retryable: false }));
    });
    const died = (why: string): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#failAll(`the thread for computations ended: ${why}`);
    };
    worker.once('error', (error: Error) => died(error.message));
    worker.once('exit', (code) => died(`exit code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #failAll(detail: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.reject(new ActivityError(detail, { retryable: true }));
  }
}
