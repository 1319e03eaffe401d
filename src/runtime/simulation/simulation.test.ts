import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.ts';
import type { ActivityRequest, Commit, Outcome } from '../../ports/index.ts';
import { type ActivityStep, SimActivities, type SimActivity } from './activities.ts';
import { withoutAmbient } from './ambient.ts';
import { simulate, type Simulation, type SimulationOptions, type SimulationResult } from './simulation.ts';
import { SimDisk, SimStore } from './store.ts';
import { Timeline } from './timeline.ts';

const FOREVER = Number.MAX_SAFE_INTEGER;

function runAll(timeline: Timeline): void {
  while (timeline.step(FOREVER));
}

describe('virtual time', () => {
  it('runs events by time, and first in first out at one time, whatever they schedule', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(20), fc.nat(3)), { maxLength: 60 }), (plan) => {
        const timeline = new Timeline();
        const ran: [number, number][] = [];
        let order = 0;
        const add = (at: number, children: number): void => {
          const mine = (order += 1);
          timeline.at(at, () => {
            ran.push([timeline.now, mine]);
            for (let child = 0; child < children; child++) add(timeline.now + child, 0);
          });
        };
        for (const [at, children] of plan) add(at, children);
        runAll(timeline);
        expect(ran).toHaveLength(order);
        expect(ran).toEqual(ran.toSorted(([a, x], [b, y]) => a - b || x - y));
      }),
    );
  });

  it('forgets what was called off and refuses the past', () => {
    const timeline = new Timeline();
    const ran: string[] = [];
    timeline.at(5, () => ran.push('kept'));
    timeline.at(5, () => ran.push('called off')).cancel();
    expect(timeline.pending).toBe(1);
    runAll(timeline);
    expect(ran).toEqual(['kept']);
    expect(() => timeline.at(4, () => {})).toThrow('cannot happen at 4 ms');
  });
});

describe('the fence around a run', () => {
  it('turns every ambient source into an error and puts it back, also when the run throws', () => {
    const uses: readonly (() => unknown)[] = [
      () => Date.now(),
      () => Math.random(),
      () => clearTimeout(setTimeout(() => {}, 1)),
      () => performance.now(),
      () => crypto.randomUUID(),
    ];
    for (const use of uses) {
      expect(() => withoutAmbient(use)).toThrow('inside a simulated run');
      expect(use).not.toThrow();
    }
  });
});

function put(sequence: number): Commit {
  return { sequence, writes: [{ room: 'r', table: 't', key: String(sequence), version: 1, value: '1' }], entries: [] };
}

describe('the simulated store', () => {
  it('keeps what it acknowledged, and of the rest a prefix, at any instant it is killed', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(60), fc.nat(40), (seed, commits, killAfter) => {
        const timeline = new Timeline();
        const random = seededRandom(seed);
        const store = new SimStore({ timeline, random, realm: 'r', host: '0123456789ab', commitDelayMax: () => 10 });
        store.open(() => {});
        timeline.step(FOREVER);
        let acknowledged = 0;
        for (let sequence = 1; sequence <= commits; sequence++) store.commit(put(sequence), () => (acknowledged += 1));
        for (let step = 0; step < killAfter; step++) timeline.step(FOREVER);
        const atDeath = acknowledged;
        store.crash();
        runAll(timeline);
        expect(acknowledged).toBe(atDeath);
        const kept = store
          .records()
          .map(({ key }) => Number(key))
          .toSorted((a, b) => a - b);
        expect(kept.length).toBeGreaterThanOrEqual(atDeath);
        expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => i + 1));
      }),
    );
  });

  it('may lose its acknowledged tail to what is worse than it survives, and nothing to what is not', () => {
    const kept = (survives: 'process-kill' | 'os-crash', seed: string): number => {
      const timeline = new Timeline();
      const store = new SimStore({ timeline, random: seededRandom(seed), realm: 'r', host: '0123456789ab', survives });
      store.open(() => {});
      runAll(timeline);
      for (let sequence = 1; sequence <= 20; sequence++) store.commit(put(sequence), () => {});
      runAll(timeline);
      store.crash('os-crash');
      return store.records().length;
    };
    const seeds = Array.from({ length: 20 }, (_, i) => `seed ${i}`);
    expect(new Set(seeds.map((seed) => kept('os-crash', seed)))).toEqual(new Set([20]));
    expect(Math.min(...seeds.map((seed) => kept('process-kill', seed)))).toBeLessThan(20);
  });
});

describe('a damaged disk', () => {
  it('serves nothing but what was written: a torn commit counts for nothing, a changed bit keeps it shut until it is restored', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 20 }), (seed, commits) => {
        const timeline = new Timeline();
        const disk = new SimDisk();
        const store = new SimStore({
          timeline,
          disk,
          random: seededRandom(seed),
          realm: 'r',
          host: '0123456789ab',
          commitDelayMax: () => 10,
          torn: () => 1,
          flip: () => 1,
        });
        const opened = (): readonly { key: string; value: string }[] | string => {
          let got: readonly { key: string; value: string }[] | string = 'nothing';
          store.open((error, found) => (got = error === null ? found!.records : error.code));
          runAll(timeline);
          return got;
        };
        opened();
        let acknowledged = 0;
        for (let sequence = 1; sequence <= commits; sequence++) store.commit(put(sequence), () => (acknowledged += 1));
        for (let step = 0; step < commits / 2; step++) timeline.step(FOREVER);
        store.crash();
        const first = opened();
        if (disk.flipped === null) expect(first).not.toBe('corrupt');
        else expect(first).toBe('corrupt');
        store.restore();
        const found = opened() as readonly { key: string; value: string }[];
        expect(found.length).toBeGreaterThanOrEqual(acknowledged);
        expect(found.every(({ value }) => value === '1')).toBe(true);
        expect(new Set(found.map(({ key }) => Number(key)))).toEqual(new Set(found.map((_, n) => n + 1)));
      }),
      { numRuns: 200 },
    );
  });
});

describe('an activity whose host dies', () => {
  const POINTS = ['one', 'two', 'three', 'four'];

  function begin(
    orphan: boolean,
    orphanStep: number,
  ): { timeline: Timeline; activities: SimActivities; did: string[]; told: Outcome[] } {
    const timeline = new Timeline();
    const did: string[] = [];
    const told: Outcome[] = [];
    const activity: SimActivity = {
      orphan,
      *run(): Generator<ActivityStep, Outcome, void> {
        try {
          for (const at of POINTS) {
            did.push(at);
            yield { at, wait: 10 };
          }
          return { status: 'done', value: null };
        } finally {
          did.push('over');
        }
      },
    };
    const activities = new SimActivities({
      timeline,
      random: seededRandom('orphans'),
      table: new Map([['work', activity]]),
      orphanStep: () => orphanStep,
    });
    const request: ActivityRequest = {
      name: 'work',
      kind: 'idempotent',
      payload: null,
      fence: 1,
      attempt: 1,
      deadline: null,
      room: 'r',
      key: 'k',
      idempotencyKey: 'k/1',
      causation: null,
    };
    activities.start(request, (outcome) => told.push(outcome));
    timeline.step(FOREVER);
    timeline.step(FOREVER);
    expect(did).toEqual(['one', 'two']);
    activities.crash();
    return { timeline, activities, did, told };
  }

  it('ends at once where the warden kills it', () => {
    const { timeline, did, told } = begin(false, 1);
    runAll(timeline);
    expect(did).toEqual(['one', 'two', 'over']);
    expect(told).toEqual([]);
  });

  it('goes on to its end where nobody stops it, and nobody hears of that', () => {
    const { timeline, did, told } = begin(true, 1);
    runAll(timeline);
    expect(did).toEqual([...POINTS, 'over']);
    expect(told).toEqual([]);
  });

  it('does nothing any more once the next life has reaped it', () => {
    const { timeline, activities, did } = begin(true, 1);
    activities.reap();
    runAll(timeline);
    expect(did).toEqual(['one', 'two', 'over']);
  });
});

describe('a run', () => {
  function toy(options: SimulationOptions, surprise: () => number = () => 0): SimulationResult {
    return simulate(options, (simulation: Simulation) => {
      const random = simulation.random.stream('toy');
      let left = 50;
      const next = (): void => {
        simulation.dies(`step ${left} ${surprise()}`);
        if ((left -= 1) > 0) simulation.timeline.after(random.below(100), next);
      };
      next();
      return { calm: () => {}, settled: () => left === 0, end: () => {} };
    });
  }

  it('has one hash per seed', () => {
    expect(toy({ seed: 'a' }).hash).toBe(toy({ seed: 'a' }).hash);
    const hashes = new Set(Array.from({ length: 100 }, (_, i) => toy({ seed: String(i) }).hash));
    expect(hashes.size).toBe(100);
  });

  it('has another hash when anything in it is not decided by the seed', () => {
    let calls = 0;
    expect(toy({ seed: 'a' }, () => (calls += 1)).hash).not.toBe(toy({ seed: 'a' }, () => (calls += 1)).hash);
  });

  it('dies at exactly the step it is told to', () => {
    expect(toy({ seed: 'a', crashAtStep: 7 })).toMatchObject({ crashes: 1, steps: 50 });
    expect(toy({ seed: 'a', crashAtStep: 51 })).toMatchObject({ crashes: 0, steps: 50 });
  });

  it('says that it did not settle', () => {
    const { violations } = simulate({ seed: 'a', storm: 10, quiet: 10 }, () => ({
      calm: () => {},
      settled: () => false,
      end: () => {},
    }));
    expect(violations.map(({ checker }) => checker)).toEqual(['liveness']);
  });
});
