/** The embedded runtime against what the ports promise. */
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, vi } from 'vitest';
import type { Store } from '../../src/ports/index.ts';
import { type ConsumerNotice, type Envelope, KeyRing, type Refusal, SeedSigner } from '../../src/protocol/index.ts';
import {
  ActivityError,
  callAt,
  direct,
  embeddedActivities,
  embeddedClock,
  fileBlobs,
  haltFile,
  inProcessBus,
  openCrypto,
  openKeys,
  readJournal,
  SqliteStore,
} from '../../src/runtime/embedded/index.ts';
import { activitiesConformance } from './activities.ts';
import { busConformance } from './bus.ts';
import { clockConformance } from './clock.ts';
import { keysConformance } from './keys.ts';
import { journalConformance } from './journal.ts';
import { gateConformance } from './gate.ts';
import { haltConformance } from './halt.ts';
import { storeConformance } from './store.ts';
import { ruleGate } from '../../src/host/index.ts';

const wait = <T>(promise: Promise<T>): Promise<T> => promise;

storeConformance('SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-store-'));
  const path = join(directory, 'store.db');
  const stores: SqliteStore[] = [];
  return {
    store() {
      const store = new SqliteStore({ path, realm: 'test', host: '0123456789ab' });
      stores.push(store);
      return store;
    },
    crash: (store: Store) => (store as SqliteStore).abandon(),
    worst: null, // the power goes: test/chaos/power-cut.test.ts
    breakNextCommit() {
      // The owner's row is gone from under the host: its next transaction must not go through, and the one after neither.
      const other = new DatabaseSync(path);
      other.exec("UPDATE host SET instance = 'somebody else'");
      other.close();
    },
    wait,
    async dispose() {
      for (const store of stores) await store.abandon();
      rmSync(directory, { recursive: true });
    },
  };
});

journalConformance('SQLite', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-journal-'));
  const path = join(directory, 'store.db');
  const stores: SqliteStore[] = [];
  return {
    store() {
      const store = new SqliteStore({ path, realm: 'test', host: '0123456789ab', journal: 'contracts' });
      stores.push(store);
      return store;
    },
    crash: (store) => (store as SqliteStore).abandon(),
    lives: () => readJournal(path),
    wait,
    async dispose() {
      for (const store of stores) await store.abandon();
      rmSync(directory, { recursive: true });
    },
  };
});

clockConformance('the embedded clock', () => {
  const clock = embeddedClock();
  const now = (): number => clock.now();
  return { clock, wait, pass: (ms) => new Promise((resolve) => void callAt(now, now() + ms, resolve)) };
});

describe('with timers that the test moves', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  busConformance('the bus in one process', (queueMax) => {
    let now = 0;
    const undelivered: { envelope: Envelope; refusal: Refusal }[] = [];
    const notices: ConsumerNotice[] = [];
    const bus = inProcessBus({
      now: () => now,
      onUndelivered: (envelope, refusal) => void undelivered.push({ envelope, refusal }),
      onConsumer: (notice) => void notices.push(notice),
      ...(queueMax === undefined ? {} : { queueMax }),
    });
    const pass = async (ms: number): Promise<void> => {
      for (const until = now + ms; now < until; await turns(10)) {
        const step = Math.min(1000, until - now);
        now += step;
        vi.advanceTimersByTime(step);
      }
    };
    return { bus, idle: () => turns(60), now: () => now, pass, undelivered, notices };
  });
});

activitiesConformance('activity functions', () => {
  const clock = embeddedClock();
  const activities = embeddedActivities({
    exec: direct,
    blobs: fileBlobs('/nonexistent'),
    table: {
      echo: async (payload) => payload,
      hang: (_payload, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('told to stop')))),
      break: async () => {
        throw new Error('broken');
      },
      stumble: async () => {
        throw new ActivityError('try again', { retryable: true });
      },
    },
  });
  return { activities, now: () => clock.now(), wait, idle: () => turns(20) };
});

const { crypto } = await openCrypto();
keysConformance('a seed in a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-keys-'));
  const authority = new SeedSigner(new Uint8Array(32).fill(1), crypto);
  const ring = new KeyRing([{ name: 'operator:test/root', publicKey: authority.publicKey }], crypto);
  const open = (host: string) => openKeys({ directory: join(directory, host), host: `host:test/${host}`, ring, crypto });
  return {
    crypto,
    ring,
    authority,
    open: () => open('aaaaaaaaaaaa'),
    openOther: () => open('bbbbbbbbbbbb'),
    dispose: () => rmSync(directory, { recursive: true }),
  };
});

gateConformance('rules that grant', () => ({
  gate: ruleGate([
    { kind: 'effect', name: 'work.agent', principal: 'host:r/h/*', verdict: 'deny', reason: 'drill' },
    { kind: 'effect', name: 'work.*', principal: 'host:r/h/*', verdict: 'allow', reason: 'own-work' },
  ]),
  allowed: {
    kind: 'effect',
    id: 'r/h/work/key/1',
    name: 'work.check',
    principal: 'host:r/h/work',
    resource: 'key',
    input: { run: '1' },
    approvals: [],
    at: 1,
    retried: false,
  },
}));

haltConformance('a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'skein-halt-'));
  const path = join(directory, 'halt.jsonl');
  const opened: { close(): void }[] = [];
  let late = 0;
  const monotonic = (): number => performance.now() + late;
  return {
    halt() {
      const halt = haltFile({ path, clock: { monotonic } });
      opened.push(halt);
      return halt;
    },
    monotonic,
    wait,
    idle: () => turns(5),
    // What is shorter than it was is not the record: it cannot be trusted, so it cannot be read.
    cut: (halt) => {
      halt.append({ scope: 'agent/other', epoch: 1, state: 'HALTED', by: 'x', reason: '', at: 1 }, () => {});
      truncateSync(path, 1);
    },
    pass: async (ms) => void (late += ms),
    dispose() {
      for (const halt of opened) halt.close();
      rmSync(directory, { recursive: true });
    },
  };
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
