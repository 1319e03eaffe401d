/** What every Activities promises, whatever runs behind the names. */
import { describe, expect, it } from 'vitest';
import type { Millis } from '../../src/kernel/index.ts';
import type { Activities, ActivityRequest, Outcome } from '../../src/ports/index.ts';

/** Behind these names: `echo` returns its payload, `hang` runs until it is told to stop, `break` fails for good, `stumble` retryably. */
export interface ActivitiesBench {
  readonly activities: Activities;
  readonly now: () => Millis;
  /** Lets time pass until the promise settles. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
  /** Lets time pass until nothing but `hang` runs. */
  readonly idle: () => Promise<void>;
}

export function activitiesConformance(name: string, makeActivities: () => ActivitiesBench): void {
  describe(`${name} as activities`, () => {
    it('reports what a function returned, after start has returned', async () => {
      const { activities, wait } = makeActivities();
      let inside = true;
      const outcome = new Promise<Outcome>((resolve) =>
        activities.start(request('echo', { payload: { n: 7 } }), (one) => {
          expect(inside).toBe(false);
          resolve(one);
        }),
      );
      inside = false;
      expect(await wait(outcome)).toEqual({ status: 'done', value: { n: 7 } });
    });

    it('tells failures that may be retried from those that may not', async () => {
      const { activities, wait } = makeActivities();
      expect(await wait(run(activities, request('stumble')))).toMatchObject({ status: 'failed', retryable: true });
      expect(await wait(run(activities, request('break')))).toMatchObject({ status: 'failed', retryable: false });
    });

    it('fails a name that nobody knows, with the name in the words', async () => {
      const { activities, wait } = makeActivities();
      const outcome = await wait(run(activities, request('no-such-activity')));
      expect(outcome).toMatchObject({
        status: 'failed',
        retryable: false,
        detail: expect.stringContaining('no-such-activity') as unknown,
      });
    });

    it('ends an activity at its deadline as timed-out, not earlier', async () => {
      const { activities, now, wait } = makeActivities();
      const deadline = now() + 20;
      expect(await wait(run(activities, request('hang', { deadline })))).toMatchObject({ status: 'timed-out' });
      expect(now()).toBeGreaterThanOrEqual(deadline);
    });

    it('reports cancelled for what was cancelled, also at once after start', async () => {
      const { activities, idle, wait } = makeActivities();
      const early = run(activities, request('hang', { key: 'early' }));
      activities.cancel('work', 'early', 1);
      expect(await wait(early)).toMatchObject({ status: 'cancelled' });
      const late = run(activities, request('hang', { key: 'late' }));
      await idle();
      activities.cancel('work', 'late', 1);
      expect(await wait(late)).toMatchObject({ status: 'cancelled' });
    });

    it('cancels only under the fence it was started with', async () => {
      const { activities, idle, wait } = makeActivities();
      let ended = 0;
      const outcome = run(activities, request('hang', { fence: 2 })).then((one) => {
        ended += 1;
        return one;
      });
      activities.cancel('work', 'key', 1);
      activities.cancel('other', 'key', 2);
      await idle();
      expect(ended).toBe(0);
      activities.cancel('work', 'key', 2);
      expect(await wait(outcome)).toMatchObject({ status: 'cancelled' });
    });

    it('reports exactly one outcome for each start, whatever is done to it', async () => {
      const { activities, idle, now } = makeActivities();
      const outcomes = new Map<string, number>();
      const names = ['echo', 'hang', 'break', 'stumble', 'nobody'];
      for (let n = 0; n < 200; n++) {
        const key = `key${n}`;
        const deadline = n % 3 === 0 ? now() - 1 : n % 3 === 1 ? now() + 5 : null;
        activities.start(request(names[n % names.length]!, { key, deadline }), () =>
          outcomes.set(key, (outcomes.get(key) ?? 0) + 1),
        );
        if (n % 2 === 0) activities.cancel('work', key, 1);
      }
      for (let n = 0; n < 200; n++) activities.cancel('work', `key${n}`, 1);
      await idle();
      for (let n = 0; n < 200; n++) activities.cancel('work', `key${n}`, 1);
      await idle();
      expect([...outcomes.values()]).toEqual(Array.from({ length: 200 }, () => 1));
    });
  });
}

export function run(activities: Activities, one: ActivityRequest): Promise<Outcome> {
  return new Promise((resolve) => activities.start(one, resolve));
}

export function request(name: string, more: Partial<ActivityRequest> = {}): ActivityRequest {
  return {
    name,
    kind: 'idempotent',
    payload: null,
    fence: 1,
    attempt: 1,
    deadline: null,
    room: 'work',
    key: 'key',
    idempotencyKey: 'r/h/work/key/1',
    causation: null,
    ...more,
  };
}
