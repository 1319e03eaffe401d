import { Type } from 'typebox';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Id, Json } from '../kernel/index.ts';
import { defineContract, type Envelope, makeEnvelope, type Refusal } from '../protocol/index.ts';
import {
  type ActivityRequest,
  type Commit,
  type Context,
  type Effects,
  type Outcome,
  type RecordWrite,
  type Room,
  type RoomInput,
  type StoredRecord,
  StoreError,
  type StoredWrite,
} from '../ports/index.ts';
import { Host } from './host.ts';

const Order = defineContract('test.intent.order.v1', Type.Object({ what: Type.String() }));

type React = (input: RoomInput, out: Effects, count: number, context: Context) => unknown;

/** A room that writes down what it hears, in a record and in a list that survives reloads. */
class Diary implements Room {
  readonly name = 'diary';
  readonly recordVersion = 1;
  readonly contracts = [Order];
  count = 0;
  readonly #heard: string[];
  readonly #react: React;

  constructor(heard: string[], react: React) {
    this.#heard = heard;
    this.#react = react;
  }

  load(records: Iterable<StoredRecord>): void {
    for (const record of records) if (record.table === 'count') this.count = record.value as number;
  }

  handle(input: RoomInput, context: Context, out: Effects): void {
    this.#heard.push(
      input.kind === 'activity'
        ? `${input.key} ${input.outcome.status}`
        : input.kind === 'timer'
          ? input.key
          : (input.envelope.data as { what: string }).what,
    );
    this.count += 1;
    out.put('count', 'all', this.count);
    this.#react(input, out, this.count, context);
  }

  query(): number {
    return this.count;
  }
}

/** The world of one host, every step of it moved by hand. */
class Bench {
  readonly heard: string[] = [];
  readonly left: string[] = [];
  readonly started: { request: ActivityRequest; done: (outcome: Outcome) => void }[] = [];
  readonly cancelled: string[] = [];
  readonly failed: Error[] = [];
  readonly entries: string[] = [];
  records = new Map<string, StoredWrite>();
  pending: { commit: Commit; done: (error: StoreError | null, sequence: number) => void }[] = [];
  turns: (() => void)[] = [];
  now = 1_000_000;
  wakeAt: number | null = null;
  incarnation = 0;
  react: React = () => {};
  permit: (request: ActivityRequest) => Refusal | null = () => null;
  host = this.makeHost();
  #serial = 0;

  makeHost(): Host {
    return new Host({
      realm: 'test',
      host: '0000000000aa',
      rooms: [() => new Diary(this.heard, (...given) => this.react(...given))],
      seed: 'seed',
      store: {
        survives: 'process-kill',
        open: (done) => {
          this.pending = []; // a crash: what was not acknowledged may be gone, and here it is
          this.incarnation += 1;
          const key = (record: RecordWrite): string => `${record.room}/${record.table}/${record.key}`;
          done(null, {
            incarnation: this.incarnation,
            records: [...this.records.values()].toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
          });
        },
        commit: (commit, done) => this.pending.push({ commit, done }),
        close: (done) => done(),
      },
      clock: { now: () => this.now, monotonic: () => this.now, wakeAt: (at) => (this.wakeAt = at), onWake: () => {} },
      bus: {
        send: (envelope) => this.left.push(`sent ${envelope.subject}`),
        pressured: () => false,
        attach: () => {},
        detach: () => {},
        resume: () => {},
      },
      activities: {
        start: (request, done) => this.started.push({ request, done }),
        cancel: (_room, key) => this.cancelled.push(key),
      },
      telemetry: { measure: () => {} },
      permit: (request) => this.permit(request),
      schedule: (turn) => this.turns.push(turn),
      onCommitted: (writes, loaded) =>
        this.left.push(
          ...writes.filter((write) => write.room === 'diary').map((write) => `${loaded ? 'loaded' : 'committed'} ${write.value}`),
        ),
      onFailed: (error) => this.failed.push(error),
    });
  }

  turn(): void {
    for (const turn of this.turns.splice(0)) turn();
  }

  /** Makes everything issued so far durable. */
  flush(): void {
    for (const { commit, done } of this.pending.splice(0)) {
      for (const write of commit.writes) {
        const key = `${write.room}/${write.table}/${write.key}`;
        if (write.value === null) this.records.delete(key);
        else this.records.set(key, write as StoredWrite);
      }
      for (const entry of commit.entries) this.entries.push(`${entry.kind} ${new TextDecoder().decode(entry.body)}`);
      done(null, commit.sequence);
    }
  }

  settle(): void {
    for (let step = 0; step < 20; step++) {
      this.turn();
      this.flush();
    }
  }

  order(what: string, over: Record<string, unknown> = {}): Envelope {
    const id = (this.#serial += 1).toString(16).padStart(32, '0') as Id;
    const audience = 'host:test/0000000000aa';
    return makeEnvelope(
      Order,
      { what },
      { id, source: 'agent:test/a', time: this.now, subject: what, audience, ttl: 1000, ...over },
    );
  }
}

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
  bench.host.open((error) => expect(error).toBe(null));
  bench.settle();
});

const start = (out: Effects, kind: 'once' | 'idempotent', fence = 1): void =>
  out.perform('job', { name: 'work', kind, payload: {}, fence, attempt: 1, deadline: null });

describe('a host', () => {
  it('acknowledges every message, also when their sender listens with one function', () => {
    const told: (Refusal | null)[] = [];
    const listen = (refusal: Refusal | null): void => void told.push(refusal);
    for (const what of ['one', 'two', 'three']) bench.host.deliver(bench.order(what), listen);
    bench.settle();
    expect(told).toEqual([null, null, null]);
  });

  it('lets nothing leave before the commit it depends on is durable', () => {
    bench.react = (_input, out) => {
      out.send({ contract: defineContract('test.event.done.v1', Type.Object({})), data: {}, audience: 'other', subject: 'done' });
      start(out, 'once');
    };
    let acknowledged = false;
    let answer: unknown = null;
    bench.host.deliver(bench.order('one'), () => (acknowledged = true));
    bench.turn();
    bench.host.query('diary', null, (count) => (answer = count));
    expect(bench.heard).toEqual(['one']);
    expect([bench.left, bench.started.length, acknowledged, answer]).toEqual([[], 0, false, null]);
    bench.flush();
    expect([bench.left, bench.started.length, acknowledged, answer]).toEqual([['committed 1', 'sent done'], 1, true, 1]);
  });

  it('does not fire a timer that an earlier input of the same turn has disarmed', () => {
    bench.react = (input, out) => {
      out.timer('late', input.kind === 'message' ? bench.now + 10 : null);
      if (input.kind === 'message') start(out, 'once');
    };
    bench.host.deliver(bench.order('one'));
    bench.settle();
    bench.now += 20;
    bench.started[0]!.done({ status: 'done', value: null });
    bench.settle();
    expect(bench.heard).toEqual(['one', 'job done']);
  });

  it('refuses what it cannot take, each with its reason', () => {
    const reason = (envelope: Envelope): string => {
      const delivered = bench.host.deliver(envelope);
      return delivered.ok ? 'taken' : delivered.refusal.reason;
    };
    expect(reason(bench.order('a', { type: 'test.intent.other.v1' }))).toBe('unknown-contract');
    expect(reason(bench.order('a', { data: { what: 1 } }))).toBe('invalid');
    expect(reason(bench.order('a', { dataschema: 'x' }))).toBe('invalid');
    expect(reason(bench.order('a', { time: bench.now - 3001 }))).toBe('expired');
    expect(reason(bench.order('a', { time: bench.now - 3000 }))).toBe('taken');
    expect(reason(bench.order('a', { time: bench.now + 2001 }))).toBe('invalid');
  });

  it('does the same deed once, also after a restart', () => {
    bench.host.deliver(bench.order('pay', { idempotencyKey: 'invoice-7' }));
    bench.host.deliver(bench.order('pay', { idempotencyKey: 'invoice-7' }));
    bench.settle();
    bench.host = bench.makeHost();
    bench.host.open(() => {});
    bench.settle();
    expect(bench.host.deliver(bench.order('pay', { idempotencyKey: 'invoice-7' }))).toMatchObject({
      refusal: { reason: 'duplicate' },
    });
    expect(bench.heard).toEqual(['pay']);
  });

  it('calls a message a duplicate only when the first one is durable: a sender forgets it then', () => {
    const heard: (Refusal | null)[] = [];
    const pay = bench.order('pay', { idempotencyKey: 'invoice-7' });
    bench.host.deliver(pay);
    bench.turn();
    expect(bench.host.deliver(pay, (refusal) => heard.push(refusal))).toEqual({ ok: true });
    bench.turn();
    expect(heard).toEqual([]);
    bench.flush();
    expect(heard).toEqual([null]);
    expect(bench.host.deliver(pay)).toMatchObject({ refusal: { reason: 'duplicate' } });
    expect(bench.heard).toEqual(['pay']);
  });

  it('does not run again after a crash what was cancelled before it', () => {
    bench.react = (input, out) => {
      if (input.kind !== 'message') return;
      if ((input.envelope.data as { what: string }).what === 'stop') out.cancel('again');
      else out.perform('again', { name: 'work', kind: 'idempotent', payload: {}, fence: 1, attempt: 1, deadline: null });
    };
    bench.host.deliver(bench.order('go'));
    bench.settle();
    bench.host.deliver(bench.order('stop'));
    bench.settle();
    bench.host = bench.makeHost();
    bench.host.open(() => {});
    bench.settle();
    expect(bench.started).toHaveLength(1);
    expect(bench.heard).toEqual(['go', 'stop', 'again cancelled']);
  });

  it('re-runs an idempotent activity after a crash and tells the room that a once activity is unknown', () => {
    bench.react = (input, out) => {
      if (input.kind !== 'message' || (input.envelope.data as { what: string }).what !== 'go') return;
      start(out, 'once');
      out.perform('again', { name: 'work', kind: 'idempotent', payload: {}, fence: 1, attempt: 1, deadline: null });
    };
    bench.host.deliver(bench.order('go'));
    bench.settle();
    expect(bench.started.map(({ request }) => `${request.key} ${request.attempt}`)).toEqual(['job 1', 'again 1']);
    const late = bench.started[0]!;
    bench.host.deliver(bench.order('lost'));
    bench.turn();
    bench.pending.splice(0)[0]!.done(new StoreError('failed', 'the disk is gone'), 0);
    bench.settle();
    expect(bench.started.slice(2).map(({ request }) => `${request.key} ${request.attempt}`)).toEqual(['again 2']);
    expect(bench.started[2]!.request.idempotencyKey).toBe(bench.started[1]!.request.idempotencyKey);
    late.done({ status: 'done', value: null });
    bench.settle();
    expect(bench.heard).toEqual(['go', 'lost', 'job unknown']);
  });

  it('drops the outcome of a replaced activity and keeps that of its successor', () => {
    bench.react = (input, out, count) => input.kind === 'message' && start(out, 'once', count);
    bench.host.deliver(bench.order('first'));
    bench.settle();
    bench.host.deliver(bench.order('second'));
    bench.settle();
    expect(bench.cancelled).toEqual(['job']);
    bench.started[1]!.done({ status: 'done', value: null });
    bench.started[0]!.done({ status: 'cancelled', detail: '' });
    bench.settle();
    expect(bench.heard).toEqual(['first', 'second', 'job done']);
  });

  it('asks for a permit at the one exit, and the refusal is the outcome', () => {
    bench.permit = () => ({ reason: 'halted', detail: 'halt 3' });
    bench.react = (input, out) => input.kind === 'message' && start(out, 'once');
    bench.host.deliver(bench.order('go'));
    bench.settle();
    expect(bench.started).toEqual([]);
    expect(bench.heard).toEqual(['go', 'job refused']);
  });

  it('starts over from its records when a commit fails, and says so to who waits', () => {
    let refusal: Refusal | null = null;
    bench.host.deliver(bench.order('lost'), (why) => (refusal = why));
    bench.turn();
    bench.pending.splice(0)[0]!.done(new StoreError('failed', 'the disk is gone'), 0);
    bench.settle();
    expect(refusal).toMatchObject({ reason: 'unavailable' });
    expect(bench.incarnation).toBe(2);
    let count: unknown = null;
    bench.host.query('diary', null, (answer) => (count = answer));
    expect(count).toBe(0);
  });

  it('gives up an input that makes its room fail twice, keeps it as evidence, and goes on', () => {
    bench.react = (input) => {
      if (input.kind === 'message' && (input.envelope.data as { what: string }).what === 'poison') throw new Error('cannot');
    };
    const poison = bench.order('poison');
    for (const expected of ['unavailable', 'unavailable', 'corrupt']) {
      let refusal: Refusal | null = null;
      const delivered = bench.host.deliver(poison, (why) => (refusal = why));
      bench.settle();
      expect(delivered.ok ? refusal : delivered.refusal).toMatchObject({ reason: expected });
    }
    bench.host.deliver(bench.order('good'));
    bench.settle();
    expect(bench.heard.at(-1)).toBe('good');
    expect([...bench.records.keys()].some((key) => key.startsWith('host/dead/in/'))).toBe(true);
    expect(bench.failed).toEqual([]);
  });

  it('gives up an input whose effects can never be committed, and goes on', () => {
    bench.react = (input, out) => {
      if (input.kind !== 'message' || (input.envelope.data as { what: string }).what !== 'poison') return;
      out.perform('job', { name: 'work', kind: 'once', payload: { share: 0.5 }, fence: 1, attempt: 1, deadline: null });
    };
    const poison = bench.order('poison');
    for (const expected of ['unavailable', 'unavailable', 'corrupt']) {
      let refusal: Refusal | null = null;
      const delivered = bench.host.deliver(poison, (why) => (refusal = why));
      bench.settle();
      expect(delivered.ok ? refusal : delivered.refusal).toMatchObject({ reason: expected });
    }
    bench.host.deliver(bench.order('good'));
    bench.settle();
    expect(bench.heard.at(-1)).toBe('good');
    expect(bench.started).toEqual([]);
  });

  it('turns an outcome that makes its room fail twice into a refusal as corrupt', () => {
    bench.react = (input, out) => {
      if (input.kind === 'message') start(out, 'idempotent');
      if (input.kind === 'activity' && input.outcome.status === 'done') throw new Error('cannot');
    };
    bench.host.deliver(bench.order('go'));
    bench.settle();
    bench.started[0]!.done({ status: 'done', value: null });
    bench.settle();
    bench.started[1]!.done({ status: 'done', value: null });
    bench.settle();
    expect(bench.heard.at(-1)).toBe('job refused');
    expect(bench.failed).toEqual([]);
  });

  it('delivers a durable message to its own room exactly once, whatever commit a crash cuts off', () => {
    bench.react = (input, out, count) => {
      if (count === 1) out.send({ contract: Order, data: { what: 'inner' }, audience: 'self', subject: 'inner' });
    };
    bench.host.deliver(bench.order('outer'));
    bench.turn();
    bench.flush(); // the send is durable, its handling is not
    bench.host = bench.makeHost();
    bench.turns = [];
    bench.host.open(() => {});
    bench.settle();
    expect(bench.heard.filter((what) => what === 'inner')).toEqual(['inner']);
    expect([...bench.records.keys()].filter((key) => key.startsWith('host/outbox'))).toEqual([]);
  });

  it('states in the ledger every activity that is not pure: the intent before, the outcome after', () => {
    bench.react = (input, out) => input.kind === 'message' && start(out, 'once');
    bench.host.deliver(bench.order('go'));
    bench.settle();
    bench.started[0]!.done({ status: 'done', value: null } satisfies { status: 'done'; value: Json });
    bench.settle();
    expect(bench.entries.map((entry) => entry.split(' ')[0])).toEqual(['host.started', 'activity.intent', 'activity.outcome']);
  });
});
