/** The simulated runtime against what the ports promise: an equal of the real one, on virtual time. */
import { seededRandom } from '../../src/kernel/index.ts';
import type { Outcome } from '../../src/ports/index.ts';
import { type ConsumerNotice, type Envelope, KeyRing, type Refusal, SeedSigner } from '../../src/protocol/index.ts';
import {
  type ActivityStep,
  SimActivities,
  type SimActivity,
  SimBus,
  SimClock,
  simCrypto,
  SimDisk,
  simKeys,
  SimJournal,
  SimHalt,
  SimHaltRegister,
  SimStore,
  Timeline,
} from '../../src/runtime/simulation/index.ts';
import { activitiesConformance } from './activities.ts';
import { busConformance } from './bus.ts';
import { clockConformance } from './clock.ts';
import { keysConformance } from './keys.ts';
import { journalConformance } from './journal.ts';
import { haltConformance } from './halt.ts';
import { storeConformance } from './store.ts';

const STEPS_MAX = 100_000; // what has not come by then never comes

/** Everybody who waits for a settled promise has heard of it. */
function told(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Steps virtual time until the promise settles. */
function waiting(timeline: Timeline) {
  return async <T>(promise: Promise<T>): Promise<T> => {
    const state = { settled: false };
    const mark = (): void => void (state.settled = true);
    promise.then(mark, mark);
    await told();
    for (let step = 0; !state.settled && step < STEPS_MAX && timeline.step(Number.MAX_SAFE_INTEGER); step++) await told();
    if (!state.settled) throw new Error('it never came');
    return promise;
  };
}

async function pass(timeline: Timeline, ms: number): Promise<void> {
  const until = timeline.now + ms;
  while (timeline.step(until)) await told();
  timeline.idleUntil(until);
}

for (const survives of ['process-kill', 'os-crash', 'node-loss'] as const) {
  storeConformance(`the simulated store that survives ${survives}`, () => {
    const timeline = new Timeline();
    const disk = new SimDisk();
    const random = seededRandom('conformance');
    let breaks = false;
    return {
      store: () =>
        new SimStore({
          timeline,
          disk,
          random,
          survives,
          realm: 'test',
          host: '0123456789ab',
          commitDelayMax: () => 20,
          commitFailed: () => {
            const share = breaks ? 1 : 0;
            breaks = false;
            return share;
          },
        }),
      crash: (store) => (store as SimStore).crash(),
      worst: (store) => (store as SimStore).crash(survives),
      breakNextCommit: () => void (breaks = true),
      wait: waiting(timeline),
      dispose: () => {},
    };
  });
}

journalConformance('the simulated journal', () => {
  const timeline = new Timeline();
  const disk = new SimDisk();
  const journal = new SimJournal(disk);
  const stores = new Map<unknown, SimStore>();
  return {
    store() {
      const random = seededRandom('journal');
      const store = new SimStore({ timeline, disk, random, realm: 'test', host: '0123456789ab', commitDelayMax: () => 20 });
      const journaled = journal.before(store);
      stores.set(journaled, store);
      return journaled;
    },
    crash: (store) => stores.get(store)!.crash(),
    lives: () => journal.lives(),
    wait: waiting(timeline),
    dispose: () => {},
  };
});

clockConformance('the simulated clock', () => {
  const timeline = new Timeline();
  const clock = new SimClock({ timeline, random: seededRandom('conformance'), offset: 12_345, wakeDelayMax: () => 3 });
  return { clock, wait: waiting(timeline), pass: (ms) => pass(timeline, ms) };
});

for (const [name, messageDelayMax, duplicate] of [
  ['the simulated bus', 1, 0],
  ['the simulated bus with delays', 30, 0],
  ['the simulated bus with delays and duplicates', 30, 0.3],
] as const) {
  busConformance(name, (queueMax) => {
    const timeline = new Timeline();
    const undelivered: { envelope: Envelope; refusal: Refusal }[] = [];
    const notices: ConsumerNotice[] = [];
    const bus = new SimBus({
      timeline,
      random: seededRandom('conformance'),
      messageDelayMax: () => messageDelayMax,
      duplicate: () => duplicate,
      onUndelivered: (envelope, refusal) => void undelivered.push({ envelope, refusal }),
      onConsumer: (notice) => void notices.push(notice),
      ...(queueMax === undefined ? {} : { queueMax }),
    });
    const run = async (ms: number): Promise<void> => {
      const until = timeline.now + ms;
      while (timeline.step(until));
      timeline.idleUntil(until);
    };
    return { bus, idle: () => run(1000), now: () => timeline.now, pass: run, undelivered, notices };
  });
}

keysConformance('a simulated seed', () => {
  const authority = new SeedSigner(new Uint8Array(32).fill(1), simCrypto);
  const ring = new KeyRing([{ name: 'operator:test/root', publicKey: authority.publicKey }], simCrypto);
  const random = seededRandom('conformance');
  const open = (host: string) => simKeys({ random, host: `host:test/${host}`, ring, crypto: simCrypto });
  return {
    crypto: simCrypto,
    ring,
    authority,
    open: () => open('aaaaaaaaaaaa'),
    openOther: () => open('bbbbbbbbbbbb'),
    dispose: () => {},
  };
});

const TABLE: readonly (readonly [string, (payload: unknown) => Outcome | null])[] = [
  ['echo', (payload) => ({ status: 'done', value: payload })],
  ['hang', () => null],
  ['break', () => ({ status: 'failed', retryable: false, detail: 'broken' })],
  ['stumble', () => ({ status: 'failed', retryable: true, detail: 'try again' })],
];

activitiesConformance('simulated activities', () => {
  const timeline = new Timeline();
  const table = new Map<string, SimActivity>(
    TABLE.map(([name, answer]) => [
      name,
      {
        orphan: false,
        *run(payload: unknown): Generator<ActivityStep, Outcome, void> {
          yield { at: 'begun', wait: 1 };
          for (;;) {
            const outcome = answer(payload);
            if (outcome !== null) return outcome;
            yield { at: 'hanging', wait: 60_000 };
          }
        },
      },
    ]),
  );
  const activities = new SimActivities({ timeline, random: seededRandom('conformance'), table, resultDelayMax: () => 20 });
  return { activities, now: () => timeline.now, wait: waiting(timeline), idle: () => pass(timeline, 10_000) };
});

haltConformance('the simulated register', () => {
  const timeline = new Timeline();
  const register = new SimHaltRegister({ timeline, random: seededRandom('conformance'), delayMax: () => 40 });
  const monotonic = (): number => timeline.now + 77;
  return {
    halt: () => register.port(monotonic),
    monotonic,
    wait: waiting(timeline),
    idle: () => pass(timeline, 1000),
    cut: (halt) => (halt as SimHalt).cut(),
    pass: (ms) => pass(timeline, ms),
  };
});
