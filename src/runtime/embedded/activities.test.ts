import { describe, expect, it } from 'vitest';
import type { Activities, ActivityRequest, Outcome } from '../../ports/index.ts';
import { type ActivitiesOptions, type ActivityTable, embeddedActivities } from './activities.ts';
import { fileBlobs } from './blobs.ts';
import { direct, type Exec } from './exec.ts';
import type { ActivityFunction } from './activity.ts';

const make = (table: ActivityTable, more: Partial<ActivitiesOptions> = {}): Activities =>
  embeddedActivities({ table, exec: direct, blobs: fileBlobs('/nonexistent'), ...more });

function request(name: string, key = 'key', more: Partial<ActivityRequest> = {}): ActivityRequest {
  return {
    name,
    kind: 'idempotent',
    payload: null,
    fence: 1,
    attempt: 1,
    deadline: null,
    room: 'work',
    key,
    idempotencyKey: `k/${key}`,
    causation: null,
    ...more,
  };
}

const run = (activities: Activities, one: ActivityRequest): Promise<Outcome> =>
  new Promise((resolve) => activities.start(one, resolve));

describe('an outcome', () => {
  it('fails in words when it is over 1 MiB of JSON', async () => {
    const activities = make({ much: async () => 'x'.repeat(1024 * 1024), enough: async () => 'x'.repeat(1024 * 1024 - 2) });
    expect(await run(activities, request('enough'))).toMatchObject({ status: 'done' });
    expect(await run(activities, request('much'))).toEqual({
      status: 'failed',
      retryable: false,
      detail: 'much returned 1048578 bytes of JSON, over 1048576: it has to put bulk into blobs',
    });
  });

  it('fails in words when a record cannot hold it', async () => {
    const activities = make({ float: async () => ({ ms: 0.5 }), map: async () => () => 1 });
    expect(await run(activities, request('float'))).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining('0.5') as unknown,
    });
    expect(await run(activities, request('map'))).toMatchObject({
      status: 'failed',
      detail: expect.stringContaining('function') as unknown,
    });
  });

  it("is cancelled when a program was cut off by nobody's fault, and failed to be tried again when it never ran", async () => {
    const ended = (how: 'cancelled' | 'not-started'): Exec => {
      const none = { exitCode: null, signalName: null, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), truncated: false };
      return async () => ({ ...none, ended: how, durationMs: 1, error: 'the warden was killed', retryable: true });
    };
    const check: ActivityFunction<null, string> = async (_, io) =>
      (await io.exec(['npm', 'test'], { cwd: '/', env: {}, timeoutMs: 1, keepBytes: 1, outputBytesMax: 1 })).ended;
    const after = (how: 'cancelled' | 'not-started'): Promise<Outcome> =>
      run(make({ check }, { exec: ended(how) }), request('check'));
    expect(await after('cancelled')).toEqual({ status: 'cancelled', detail: 'npm: the warden was killed' });
    expect(await after('not-started')).toEqual({ status: 'failed', retryable: true, detail: 'npm: the warden was killed' });
  });

  it('is null for a function that returns nothing, and failed for one that throws before its first await', async () => {
    const activities = make({
      nothing: async () => {},
      early: () => {
        throw new TypeError('wrong payload');
      },
    });
    expect(await run(activities, request('nothing'))).toEqual({ status: 'done', value: null });
    expect(await run(activities, request('early'))).toEqual({ status: 'failed', retryable: false, detail: 'wrong payload' });
  });
});

describe('a function that is told to stop', () => {
  it('keeps its outcome back until it has stopped', async () => {
    const order: string[] = [];
    let stopped: (() => void) | undefined;
    const activities = make({
      tidy: (_payload, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => order.push('aborted'));
          stopped = () => {
            order.push('stopped');
            resolve('too late');
          };
        }),
    });
    const outcome = run(activities, request('tidy')).then((one) => order.push(one.status));
    await turns(3);
    activities.cancel('work', 'key', 1);
    await turns(3);
    stopped!();
    await outcome;
    expect(order).toEqual(['aborted', 'stopped', 'cancelled']);
  });

  it('was told so once: a cancel after the deadline changes nothing', async () => {
    const activities: Activities = make({
      tidy: (_payload, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            activities.cancel('work', 'key', 1);
            setImmediate(resolve);
          });
        }),
    });
    expect(await run(activities, request('tidy', 'key', { deadline: Date.now() + 5 }))).toMatchObject({ status: 'timed-out' });
  });

  it('is given up after the grace, with the same outcome, and its slot is free again', async () => {
    const activities = make({ deaf: () => new Promise(() => {}), quick: async () => 1 }, { atOnce: { deaf: 1 }, graceMs: 5 });
    const first = run(activities, request('deaf', 'one'));
    const second = run(activities, request('deaf', 'two'));
    await turns(3);
    activities.cancel('work', 'one', 1);
    expect(await first).toMatchObject({ status: 'cancelled' });
    activities.cancel('work', 'two', 1);
    expect(await second).toMatchObject({ status: 'cancelled' });
  });
});

describe('many of one name', () => {
  it('run as many at once as their bound says, in the order they were started', async () => {
    let running = 0;
    let most = 0;
    const started: unknown[] = [];
    const activities = make(
      {
        slow: async (payload) => {
          started.push(payload);
          running += 1;
          most = Math.max(most, running);
          await turns(2);
          running -= 1;
        },
      },
      { atOnce: { slow: 3 } },
    );
    const keys = Array.from({ length: 20 }, (_, i) => i);
    const outcomes = await Promise.all(keys.map((n) => run(activities, request('slow', `key${n}`, { payload: n }))));
    expect(outcomes.every(({ status }) => status === 'done')).toBe(true);
    expect(most).toBe(3);
    expect(started).toEqual(keys);
  });

  it('never start when they are cancelled or time out while they wait', async () => {
    let started = 0;
    let release: (() => void) | undefined;
    const activities = make(
      {
        slow: () => {
          started += 1;
          return new Promise<void>((resolve) => (release = resolve));
        },
      },
      { atOnce: { slow: 1 } },
    );
    const first = run(activities, request('slow', 'one'));
    const second = run(activities, request('slow', 'two'));
    const third = run(activities, request('slow', 'three', { deadline: 1 }));
    activities.cancel('work', 'two', 1);
    expect(await second).toMatchObject({ status: 'cancelled' });
    expect(await third).toMatchObject({ status: 'timed-out' });
    release!();
    expect(await first).toMatchObject({ status: 'done' });
    expect(started).toBe(1);
  });

  it('are refused as overloaded when 4,096 wait already', async () => {
    const activities = make({ slow: () => new Promise(() => {}) }, { atOnce: { slow: 1 } });
    for (let n = 0; n <= 4096; n++) activities.start(request('slow', `key${n}`), () => {});
    expect(await run(activities, request('slow', 'one more'))).toMatchObject({
      status: 'refused',
      refusal: { reason: 'overloaded' },
    });
  });
});

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
