/** What may come in, go out and be done: approvals, decisions, halts and leases, and that a second try passes the same gates. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { host as own } from '../../src/contracts/index.ts';
import { HaltRecords } from '../../src/host/index.ts';
import { type Json, seededRandom } from '../../src/kernel/index.ts';
import { type Action, approvalText, type Decision, type Gate, type HaltState } from '../../src/ports/index.ts';
import type { Envelope } from '../../src/protocol/index.ts';
import { SimHalt, SimHaltRegister } from '../../src/runtime/simulation/index.ts';
import { address, Go, Order, Risky, type SmallHost, SmallWorld, Work } from './world.ts';

const A = 'aaaaaaaaaaaa';
const B = 'bbbbbbbbbbbb';

/** Says what it is told to say, and remembers what it was asked. */
class Told implements Gate {
  policy = 'p1';
  readonly asked: Action[] = [];
  /** `allow`, `deny`, `throw`, or what to leave of the input. */
  verdict: (action: Action) => Json = () => 'allow';

  decide(action: Action): Decision {
    this.asked.push(action);
    const verdict = this.verdict(action);
    if (verdict === 'throw') throw new Error('the policy engine is down');
    const base = { id: `d${this.asked.length}`, policy: this.policy, reason: 'told' };
    if (verdict === 'allow' || verdict === 'deny') return { ...base, verdict };
    return { ...base, verdict: 'trim', input: verdict };
  }
}

const approved = (policy = 'p1'): { approvals: string[] } => ({ approvals: [approvalText({ id: 'd0', policy })] });
const order = { to: B, account: 'order/1', n: 1 };
const retry = (world: SmallWorld, host: SmallHost, key: string): ReturnType<SmallHost['tell']> => {
  const envelope = world.say(host, Go, order);
  return host.tell({ ...envelope, type: own.RetryDead.type, dataschema: own.RetryDead.hash, data: { key } });
};

describe('a message under a gated contract', () => {
  it('comes in only with an approval that names a decision under the policy in force, and with the gate’s own yes', () => {
    const world = new SmallWorld();
    const gate = new Told();
    const b = world.host(B, { gate });
    world.pass(10);
    const said = (over: Partial<Envelope>): unknown => {
      const told = b.tell(world.say(b, Risky, order, over));
      world.pass(20);
      return told.refusal === null ? 'taken' : told.refusal?.reason;
    };
    expect(said({})).toBe('denied');
    expect(said({ approvals: ['d0', '@p1', 'd0@'] })).toBe('denied');
    expect(said(approved('p0'))).toBe('denied');
    expect(gate.asked).toEqual([]);
    expect(said(approved())).toBe('taken');
    gate.verdict = () => 'deny';
    expect(said(approved())).toBe('denied');
    gate.verdict = () => 'throw';
    expect(said(approved())).toBe('denied');
    expect(b.handled).toHaveLength(1);
    expect(b.entries.filter(({ kind }) => kind === 'decision').map(({ body }) => body['verdict'])).toEqual([
      'allow',
      'deny',
      'deny',
    ]);
  });

  it('stays outside a host without a gate, and inside one as well', () => {
    const world = new SmallWorld();
    const [a, b] = [world.host(A), world.host(B)];
    world.pass(10);
    const told = b.tell(world.say(b, Risky, order, approved()));
    a.tell(world.say(a, Go, { ...order, account: 'risky/1' }));
    world.pass(5000);
    expect(told.refusal).toMatchObject({ reason: 'denied' });
    expect(a.letters()).toMatchObject([{ kind: 'out', type: Risky.type, reason: 'denied' }]);
    expect([b.handled, world.sent.filter(({ type }) => type === Risky.type)]).toEqual([[], []]);
  });

  it('goes out with the approval of its host’s gate, and is done with what the gates left of it', () => {
    const world = new SmallWorld();
    const [ours, theirs] = [new Told(), new Told()];
    const [a, b] = [world.host(A, { gate: ours }), world.host(B, { gate: theirs })];
    ours.verdict = (action) => (action.kind === 'message' ? { ...order, account: 'risky/1', n: 5 } : 'allow');
    world.pass(10);
    a.tell(world.say(a, Go, { ...order, account: 'risky/1', n: 9 }));
    world.pass(5000);
    expect(theirs.asked).toMatchObject([{ name: Risky.type, principal: `${address(A)}/desk`, approvals: ['d1@p1'] }]);
    expect(b.handled).toHaveLength(1);
    expect(theirs.asked[0]!.input).toMatchObject({ n: 5 });
    theirs.verdict = () => ({ nothing: 'of it' });
    a.tell(world.say(a, Go, { ...order, account: 'risky/1', n: 9 }));
    world.pass(5000);
    expect(b.handled).toHaveLength(1);
    expect(a.letters()).toMatchObject([{ reason: 'denied', kind: 'out' }]);
  });

  it('cannot be had by asking for an effect: the adapter asks for each, and does what was left of it', () => {
    const world = new SmallWorld();
    const gate = new Told();
    const a = world.host(A, { gate });
    world.pass(10);
    const outcomes = ['deny', 'throw', 'allow', { n: 0 }].map((verdict, n) => {
      gate.verdict = () => verdict;
      a.tell(world.say(a, Work, { ...order, n }));
      world.pass(200);
      return a.outcomes.at(-1);
    });
    expect(outcomes).toEqual(['job0 refused', 'job1 refused', 'job2 done', 'job3 done']);
    expect(a.started.map(({ request }) => request.payload)).toEqual([{ n: 2 }, { n: 0 }]);
    expect(gate.asked.every(({ kind, principal }) => kind === 'effect' && principal === `${address(A)}/desk`)).toBe(true);
  });
});

describe('a dead letter that is handed in again', () => {
  it('passes the gate that a first delivery passes: while it says no, the letter stays and its history grows', () => {
    const world = new SmallWorld();
    const gate = new Told();
    const verified: boolean[] = [];
    const b = world.host(B, {
      gate,
      verify: (_envelope, again) => {
        verified.push(again);
        return null;
      },
    });
    world.pass(10);
    b.react = (envelope) => {
      if (envelope.type === Risky.type) throw new Error('cannot yet');
    };
    const poison = world.say(b, Risky, order, { ...approved(), ttl: 1000 });
    for (let n = 0; n < 3; n++) {
      b.tell(poison);
      world.pass(20);
    }
    const [letter] = b.letters();
    expect(letter).toMatchObject({ key: `in/${poison.id}`, reason: 'corrupt', triesTotal: 1 });
    expect(JSON.parse(letter!.bytes!)).toEqual(poison);
    b.react = null;
    world.pass(60_000); // long after its ttl: that a person asks makes it young, nothing else of it changes
    gate.verdict = () => 'deny';
    retry(world, b, letter!.key);
    world.pass(20);
    expect(b.letters()).toMatchObject([
      { reason: 'denied', triesTotal: 2, history: [{ reason: 'corrupt' }, { reason: 'denied' }] },
    ]);
    expect(gate.asked.at(-1)).toMatchObject({ retried: true, name: Risky.type, principal: 'agent:test/a' });
    gate.policy = 'p2'; // its approval was given under another policy
    gate.verdict = () => 'allow';
    retry(world, b, letter!.key);
    world.pass(20);
    expect([b.handled, b.letters()[0]!.triesTotal]).toEqual([[], 3]);
    gate.policy = 'p1';
    b.crash(1);
    world.pass(20);
    expect(JSON.parse(b.letters()[0]!.bytes!)).toEqual(poison);
    retry(world, b, letter!.key);
    world.pass(20);
    expect([b.handled, b.letters()]).toEqual([[poison.id], []]);
    expect(verified).toContain(true);
    b.tell({ ...poison, time: world.now });
    world.pass(20);
    expect(b.handled).toEqual([poison.id]);
    expect(retry(world, b, letter!.key).refusal ?? 'later').toBe('later');
  });

  it('is refused by every gate that would refuse it the first time, whatever gate that is', () => {
    const gates = ['verify', 'gate', 'halt', 'contract', 'none'] as const;
    const property = fc.property(fc.constantFrom(...gates), fc.boolean(), (closed, out) => {
      const world = new SmallWorld();
      const gate = new Told();
      const register = new SimHaltRegister({
        timeline: timelineOf(world),
        random: seededRandom('h'),
      });
      let bad = false;
      const b = world.host(B, {
        gate,
        makeHalt: () => register.port(() => world.now),
        verify: () => (bad ? { reason: 'bad-signature', detail: 'the key was revoked' } : null),
      });
      world.pass(20);
      let fails = true;
      b.react = (envelope) => {
        if (envelope.type === Risky.type && fails) throw new Error('cannot yet');
      };
      let key: string;
      if (out) {
        gate.verdict = (action) => (action.kind === 'message' ? 'deny' : 'allow');
        b.tell(world.say(b, Go, { to: A, account: 'risky/1', n: 1 }));
      } else {
        const poison = world.say(b, Risky, order, approved());
        for (let n = 0; n < 2; n++) {
          b.tell(poison);
          world.pass(50);
        }
      }
      world.pass(100);
      key = b.letters()[0]!.key;
      fails = false;
      gate.verdict = () => (closed === 'gate' ? 'deny' : 'allow');
      bad = closed === 'verify' && !out;
      if (closed === 'halt')
        register.append({ scope: 'global', epoch: 1, state: 'HALTED', by: 'x', reason: '', at: 1 }, () => {});
      if (closed === 'contract') gate.verdict = () => ({ nothing: 'of it' });
      world.pass(50);
      bad = false;
      const command = world.say(b, Go, order);
      b.host!.deliver({ ...command, type: own.RetryDead.type, dataschema: own.RetryDead.hash, data: { key } });
      bad = closed === 'verify' && !out;
      world.pass(50);
      const opens = closed === 'none' || (closed === 'verify' && out);
      const went = out ? world.sent.some(({ type }) => type === Risky.type) : b.handled.length > 0;
      expect([closed, out, went, b.letters().length]).toEqual([closed, out, opens, opens ? 0 : 1]);
    });
    fc.assert(property, { numRuns: 30, seed: 3 });
  });

  it('of a peer goes out again under its own id, and may be dropped; the ledger says who decided', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.tell(world.say(a, Go, order));
    a.tell(world.say(a, Go, { ...order, account: 'order/2', n: 2 }));
    world.pass(200_000);
    const [first, second] = a.letters();
    const b = world.host(B);
    retry(world, a, first!.key);
    const drop = { type: own.DropDead.type, dataschema: own.DropDead.hash, data: { key: second!.key } };
    a.tell({ ...world.say(a, Go, order), ...drop });
    world.pass(5000);
    expect(b.handled).toEqual([first!.key.slice('out/'.length)]);
    expect([a.letters(), a.table('peer-outbox')]).toEqual([[], 0]);
    const decided = a.entries
      .filter(({ kind }) => kind === 'decision')
      .map(({ body }) => `${body['done'] as string} ${body['by'] as string}`);
    expect(decided).toEqual(['retried agent:test/a', 'dropped agent:test/a']);
  });

  it('is a timer, fired once more', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.alarmFails = true;
    a.react = (_envelope, out, { now }) => {
      out.put('alarm', '1', now + 50);
      out.timer('1', now + 50);
    };
    a.tell(world.say(a, Order, order));
    world.pass(1000);
    expect(a.letters()).toMatchObject([{ key: 'timer/desk/1', kind: 'timer', reason: 'corrupt', bytes: null }]);
    retry(world, a, 'timer/desk/1');
    world.pass(1000);
    expect(a.letters()).toMatchObject([{ key: 'timer/desk/1' }]);
    a.alarmFails = false;
    retry(world, a, 'timer/desk/1');
    world.pass(1000);
    expect([a.alarms, a.letters(), a.failed]).toEqual([1, [], []]);
  });
});

function timelineOf(world: SmallWorld): { readonly now: number; after(ms: number, run: () => void): never } {
  return {
    get now() {
      return world.now;
    },
    after: (ms: number, run: () => void) => world.after(ms, run) as never,
  };
}

interface Known {
  readonly at: number;
  readonly scope: string;
  readonly state: HaltState;
  readonly epoch: number;
  readonly ends: number;
}

describe('a halt', () => {
  it('lets no effect start on a host after it was durable there, whatever is halted, resumed and cut off', () => {
    let started = 0;
    let refused = 0;
    const states: readonly HaltState[] = ['RUNNING', 'REDUCING', 'HALTED', 'HALTED', 'KILLED'];
    const run = (seed: number): void => {
      const world = new SmallWorld(`halt ${seed}`);
      const { random } = world;
      const register = new SimHaltRegister({ timeline: timelineOf(world), random: random.stream('halt'), delayMax: () => 300 });
      const durableAt: Known[] = [];
      const heard: typeof durableAt = [];
      let port: SimHalt | null = null;
      const a = world.host(A, {
        makeHalt: () => {
          const mine = register.port(() => world.now);
          mine.onRecord((record) => mine === port && heard.push({ ...record, ends: record.ends ?? 0, at: world.now }));
          port = mine;
          return mine;
        },
      });
      world.pass(2000);
      let epoch = 0;
      let cutAt: number | null = null;
      for (let n = 0; n < 120; n++) {
        const account = `a${random.below(2)}`;
        if (random.chance(0.15)) {
          const state = states[random.below(seed % 4 === 0 ? 5 : 4)]!;
          const scope = ['global', `host/${A}`, 'room/desk', 'agent/a0'][random.below(4)]!;
          const halts = durableAt.filter((one) => one.scope === scope && one.state !== 'RUNNING');
          const ends = halts[random.below(halts.length + 1)]?.epoch ?? 0;
          const record = { scope, epoch: (epoch += 1), state, ends, by: 'x', reason: 'drill', at: world.now };
          register.append(record, () => durableAt.push({ ...record, at: world.now }));
        }
        if (random.chance(0.03)) {
          if (cutAt === null) port!.cut();
          else port!.heal();
          cutAt = cutAt === null ? world.now : null;
        }
        if (random.chance(0.02)) {
          heard.length = 0;
          a.crash(200);
        }
        const before = a.started.length;
        if (a.host !== null) a.host.deliver(world.say(a, Work, { to: A, account, n }));
        world.pass(random.below(400));
        for (const start of a.started.slice(before)) {
          const scopes = ['global', `host/${A}`, 'room/desk', ...(start.request.scopes ?? [])];
          const stopped = (since: readonly Known[], by: number): boolean =>
            scopes.some((scope) => {
              const known = since.filter((record) => record.scope === scope && record.at < by);
              const ended = new Set(known.filter(({ state }) => state === 'RUNNING').map(({ ends }) => ends));
              return known.some((one) => one.state === 'KILLED' || (one.state !== 'RUNNING' && !ended.has(one.epoch)));
            });
          expect(stopped(heard, start.at), `${start.key} started after its host had heard of a halt, seed ${seed}`).toBe(false);
          // Cut off, it may go on for one lease; else the lease tells it that it missed something at the next renewal.
          const resumedSince = durableAt.some(({ at, state }) => state === 'RUNNING' && at > start.at - 3000);
          if (!resumedSince)
            expect(stopped(durableAt, start.at - 2500), `${start.key} started long after a halt, seed ${seed}`).toBe(false);
        }
      }
      started += a.started.length;
      refused += a.outcomes.filter((one) => one.endsWith('refused')).length;
      expect(a.failed.every(({ message }) => message.includes('cannot be reached'))).toBe(true);
    };
    for (let seed = 0; seed < 40; seed++) run(seed);
    expect(started).toBeGreaterThan(200);
    expect(refused).toBeGreaterThan(500);
  });

  it('is in force until the record was read: a host whose record cannot be read does not open', () => {
    const world = new SmallWorld();
    const register = new SimHaltRegister({ timeline: timelineOf(world), random: world.random });
    const a = world.host(A, {
      makeHalt: () => {
        const port = register.port(() => world.now);
        port.cut();
        return port;
      },
    });
    world.pass(10);
    expect(a.failed.map(({ message }) => message)).toEqual(['the holder of the halt record cannot be reached']);
    expect(a.host!.deliver(world.say(a, Work, order))).toMatchObject({ refusal: { reason: 'unavailable' } });
  });

  it('ends what is in flight, refuses risky messages, leaves the others, and lets reducing effects pass while REDUCING', () => {
    const world = new SmallWorld();
    const register = new SimHaltRegister({ timeline: timelineOf(world), random: world.random });
    const gate = new Told();
    const a = world.host(A, { gate, makeHalt: () => register.port(() => world.now) });
    world.pass(10);
    const halt = (epoch: number, state: HaltState, ends?: number): void => {
      const record = { scope: 'global', epoch, state, by: 'agent:test/operator', reason: 'drill', at: 1 };
      register.append(ends === undefined ? record : { ...record, ends }, () => {});
    };
    a.react = (envelope, out) => {
      const { n } = envelope.data as { n: number };
      if (envelope.type !== Order.type) return;
      const activity = { name: 'exit', kind: 'once', payload: {}, fence: 1, attempt: 1, deadline: null } as const;
      out.perform(`exit${n}`, n % 2 === 0 ? { ...activity, reduces: true } : activity);
    };
    a.tell(world.say(a, Work, { ...order, n: 1 }));
    world.pass(10);
    halt(1, 'HALTED');
    world.pass(10);
    expect([a.started.length, a.cancelled]).toEqual([1, ['job1']]);
    const risky = a.tell(world.say(a, Risky, order, approved()));
    const open = a.tell(world.say(a, Order, { ...order, n: 2 }));
    world.pass(100);
    expect([risky.refusal, open.refusal]).toMatchObject([{ reason: 'halted' }, null]);
    expect(a.outcomes).toContain('exit2 refused');
    halt(2, 'REDUCING');
    halt(3, 'RUNNING', 1);
    world.pass(600);
    for (const n of [4, 5]) a.tell(world.say(a, Order, { ...order, n }));
    world.pass(100);
    expect(a.outcomes.slice(-2).toSorted()).toEqual(['exit4 done', 'exit5 refused']);
    halt(4, 'RUNNING', 2);
    world.pass(600);
    a.tell(world.say(a, Order, { ...order, n: 7 }));
    world.pass(100);
    expect(a.outcomes.at(-1)).toBe('exit7 done');
    expect(a.entries.filter(({ kind }) => kind === 'halt').map(({ body }) => body['state'])).toEqual([
      'HALTED',
      'REDUCING',
      'RUNNING',
      'RUNNING',
    ]);
  });

  it('merges to the same state in any order and any number of times, and KILLED stays', () => {
    const record = fc
      .record({
        scope: fc.constantFrom('global', 'room/desk'),
        epoch: fc.integer({ min: 1, max: 4 }),
        state: fc.constantFrom<HaltState>('RUNNING', 'REDUCING', 'HALTED', 'KILLED'),
        by: fc.constantFrom('x', 'y'),
        reason: fc.constant(''),
        at: fc.integer({ min: 1, max: 2 }),
        ends: fc.integer({ min: 1, max: 4 }),
      })
      .map(({ ends, ...one }) => (one.state === 'RUNNING' ? { ...one, ends } : one));
    const merged = (records: readonly Parameters<HaltRecords['merge']>[0][]): HaltRecords => {
      const all = new HaltRecords();
      for (const one of records) all.merge(one);
      all.complete();
      return all;
    };
    fc.assert(
      fc.property(fc.array(record, { maxLength: 12 }), fc.infiniteStream(fc.nat(1000)), (records, draws) => {
        const shuffled = records
          .flatMap((one, n) => (n % 3 === 0 ? [one, one] : [one]))
          .map((one) => ({ one, at: draws.next().value as number }))
          .toSorted((x, y) => x.at - y.at)
          .map(({ one }) => one);
        const [first, second] = [merged(records), merged(shuffled)];
        for (const scope of ['global', 'room/desk']) {
          expect(second.state([scope])).toEqual(first.state([scope]));
          const killed = records.some((one) => one.scope === scope && one.state === 'KILLED');
          expect(first.state([scope]).state === 'KILLED').toBe(killed);
        }
      }),
    );
  });
});
