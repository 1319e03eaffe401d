/** Register, Directory and Query of both runtimes against what the ports promise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, vi } from 'vitest';
import { seededRandom } from '../../src/kernel/index.ts';
import { SqliteQuery, SqliteRegister } from '../../src/runtime/embedded/index.ts';
import { SimQuery, SimRegister, Timeline } from '../../src/runtime/simulation/index.ts';
import { queryConformance } from './query.ts';
import { registerConformance } from './register.ts';

const LOOK_MS = 50; // how often the embedded register looks for changes of other processes

describe('with timers that the test moves', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  registerConformance('SQLite', () => {
    const directory = mkdtempSync(join(tmpdir(), 'skein-register-'));
    const clients: SqliteRegister[] = [];
    return {
      client() {
        const client = new SqliteRegister({ path: join(directory, 'register.db'), realm: 'r' });
        clients.push(client);
        return client;
      },
      wait: (promise) => promise,
      async settle() {
        for (let look = 0; look < 3; look++) {
          vi.advanceTimersByTime(LOOK_MS);
          for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
        }
      },
      dispose() {
        for (const client of clients) client.close();
        rmSync(directory, { recursive: true });
      },
    };
  });
});

function stepping(timeline: Timeline) {
  return async <T>(promise: Promise<T>): Promise<T> => {
    let settled = false;
    const mark = (): void => void (settled = true);
    promise.then(mark, mark);
    for (let step = 0; step < 10_000; step++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (settled || !timeline.step(Number.MAX_SAFE_INTEGER)) break;
    }
    return promise;
  };
}

registerConformance('the simulation', () => {
  const timeline = new Timeline();
  const register = new SimRegister({ timeline, random: seededRandom('register'), delayMax: () => 20 });
  const settle = async (): Promise<void> => {
    const until = timeline.now + 1000;
    while (timeline.step(until));
    timeline.idleUntil(until);
  };
  return { client: () => register.client(), wait: stepping(timeline), settle, dispose: () => {} };
});

queryConformance('SQLite', () => {
  const query = new SqliteQuery();
  return { query, wait: (promise) => promise, dispose: () => query.close() };
});

queryConformance('the simulation', () => {
  const timeline = new Timeline();
  return { query: new SimQuery(timeline), wait: stepping(timeline), dispose: () => {} };
});
