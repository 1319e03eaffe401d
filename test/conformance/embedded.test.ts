/** The embedded runtime against what the ports promise. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, vi } from 'vitest';
import type { HaltRecord, Store } from '../../src/ports/index.ts';
import {
  type ConsumerNotice,
  type Envelope,
  type HaltOrder,
  KeyRing,
  type Refusal,
  SeedSigner,
} from '../../src/protocol/index.ts';
import {
  ActivityError,
  callAt,
  direct,
  embeddedActivities,
  embeddedClock,
  fileBlobs,
  haltPort,
  HaltRegister,
  inProcessBus,
  leaseWriter,
  machineMs,
  openCrypto,
  openKeys,
  openOperator,
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
  const path = join(directory, 'halt.db');
  const operator = openOperator(join(directory, 'operator.seed'));
  const opened: HaltRegister[] = [];
  const monotonic = (): number => performance.now() + late;
  const lease = leaseWriter(join(directory, 'lease'));
  let late = 0;
  let cut = false;
  const issue = (): void => {
    if (!cut) lease.issue(opened[0]?.read().epoch ?? 0);
  };
  return {
    halt() {
      const register = new HaltRegister({ path, authority: operator.alone });
      opened.push(register);
      issue();
      const append = ({ scope, state, ends, by, reason, at }: HaltRecord): HaltOrder => {
        const halts = { kind: 'halt', level: state === 'RUNNING' ? null : state, names: null, share: 0 } as const;
        const ended = { kind: 'resume', level: null, names: ends ?? null, share: 10 } as const;
        const draft = { scope, by, reason, at, ...(state === 'RUNNING' ? ended : halts) };
        const appended = register.append(draft, (order) => operator.sign(order));
        issue();
        if (!appended.ok) throw new Error(appended.refusal.detail);
        return appended.order;
      };
      return haltPort({
        register,
        clock: { monotonic },
        lease: () => join(directory, 'lease'),
        append,
        machine: () => machineMs() + late,
      });
    },
    monotonic,
    wait,
    idle: () => new Promise((resolve) => void setTimeout(resolve, 3)), // a look counts for a millisecond
    cut: () => (cut = true),
    pass: async (ms) => void (late += ms),
    dispose() {
      for (const register of opened) register.close();
      lease.close();
      rmSync(directory, { recursive: true });
    },
  };
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
