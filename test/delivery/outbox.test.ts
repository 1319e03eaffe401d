/** Between two hosts: what is said once is done once or is a dead letter, whatever the network and the disks do. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { host as own } from '../../src/contracts/index.ts';
import type { Envelope } from '../../src/protocol/index.ts';
import { PEER_BYTES_MAX, PEER_PENDING_MAX } from '../../src/host/index.ts';
import { address, Go, Loose, Order, type SmallHost, SmallWorld } from './world.ts';

const A = 'aaaaaaaaaaaa';
const B = 'bbbbbbbbbbbb';
const DAY = 24 * 60 * 60 * 1000;
const sentTo = (world: SmallWorld, host: string, type: string): Envelope[] =>
  world.sent.filter((envelope) => envelope.audience === address(host) && envelope.type === type);

describe('a durable message to another host', () => {
  it('is handled once or is a dead letter, in order per key, under loss, doubles, delays and crashes of both', () => {
    let handledInAll = 0;
    const run = (seed: number, lost: number, doubled: number, crash: number): void => {
      const world = new SmallWorld(`delivery ${seed}`);
      const [a, b] = [world.host(A), world.host(B)];
      world.pass(10);
      world.loss = { lost, doubled, delayMax: 400, crash };
      // A caller offers again until it hears that it is durable, as callers must.
      for (let n = 0; n < 30; n++) {
        const account = n % 3 === 2 ? `loose/${n}` : `order/${n % 3}`;
        const go = world.say(a, Go, { to: B, account, n });
        const offer = (): void => {
          if (a.records.has(`desk/seen/${go.id}`)) return;
          a.host?.deliver(go);
          world.after(700, offer);
        };
        world.after(n * 20, offer);
      }
      world.pass(60_000);
      world.loss = { lost: 0, doubled: 0, delayMax: 1, crash: 0 };
      world.pass(400_000);
      expect([a.failed, b.failed]).toEqual([[], []]);
      expect([a.table('peer-outbox'), a.table('peer-tries')]).toEqual([0, 0]);
      expect(new Set(b.handled).size, `handled twice, seed ${seed}`).toBe(b.handled.length);
      const dead = new Set(a.letters().map(({ bytes }) => (JSON.parse(bytes!) as Envelope<{ n: number }>).data.n));
      const seen = b.handled
        .map((id) => sentTo(world, B, Order.type).find((one) => one.id === id))
        .filter((one) => one !== undefined);
      for (const key of ['order/0', 'order/1']) {
        // Ids of one host sort in the order in which it said them.
        const order = seen.filter(({ data }) => (data as { account: string }).account === key).map(({ id }) => id);
        expect(order).toEqual(order.toSorted());
      }
      const arrived = new Set(world.sent.filter(({ id }) => b.handled.includes(id)).map(({ data }) => (data as { n: number }).n));
      for (let n = 0; n < 30; n++) expect(arrived.has(n) || dead.has(n), `message ${n} is nowhere, seed ${seed}`).toBe(true);
      handledInAll += arrived.size;
    };
    const share = fc.constantFrom(0, 0.1, 0.4, 0.8);
    fc.assert(fc.property(fc.nat(10_000), share, share, fc.constantFrom(0, 0.02, 0.1), run), { numRuns: 40, seed: 7 });
    expect(handledInAll).toBeGreaterThan(600);
  });

  it('is sent again five times at growing distances, then it is a dead letter with its bytes and history', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    const times: number[] = [];
    for (let ms = 0; ms < 120_000; ms += 5) {
      const before = world.sent.length;
      world.pass(5);
      if (world.sent.length > before) times.push(world.now);
    }
    expect(times).toHaveLength(6);
    times.slice(1).forEach((time, n) => {
      expect(time - times[n]!).toBeGreaterThanOrEqual(990);
      expect(time - times[n]!).toBeLessThanOrEqual(1000 + 1000 * 2 ** n + 10);
    });
    const [letter] = a.letters();
    expect(letter).toMatchObject({ kind: 'out', room: 'desk', type: Order.type, reason: 'timed-out', audience: address(B) });
    expect(JSON.parse(letter!.bytes!)).toEqual(sentTo(world, B, Order.type)[0]);
    expect(a.table('peer-outbox')).toBe(0);
  });

  it('keeps its count of tries over a restart, and a restart is no try', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    for (let life = 0; life < 5; life++) {
      world.pass(6000);
      a.crash(1);
    }
    world.pass(200_000);
    expect(a.letters()).toHaveLength(1);
    expect(sentTo(world, B, Order.type)).toHaveLength(1 + 5 + 5); // the first, one of each new life, five redeliveries
  });

  it('is a dead letter when its time is over before anybody answered', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    a.react = (envelope, out) => {
      const { account, n } = envelope.data as { account: string; n: number };
      if (envelope.type === Go.type)
        out.send({ contract: Order, data: { to: B, account, n }, audience: address(B), subject: 'short', ttl: 3000 });
    };
    world.pass(10);
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    world.pass(20_000);
    expect(a.letters().find(({ bytes }) => bytes!.includes('"short"'))).toMatchObject({ reason: 'timed-out' });
  });

  it('is a dead letter at once when its receiver refuses it for good, and stays when it may not yet', () => {
    const world = new SmallWorld();
    const [a, b] = [world.host(A), world.host(B, { verify: () => null })];
    world.pass(10);
    b.react = (envelope) => {
      if (envelope.type === Order.type) throw new Error('cannot');
    };
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    world.pass(30_000);
    expect(a.letters()[0]).toMatchObject({ kind: 'out', reason: 'corrupt' });
    expect(b.letters()[0]).toMatchObject({ kind: 'in', reason: 'corrupt', source: `${address(A)}/desk` });
    expect(JSON.parse(b.letters()[0]!.bytes!)).toEqual(sentTo(world, B, Order.type)[0]);
  });

  it('is not ended by the acknowledgement of a host that it was not for', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    world.pass(20);
    const [sent] = sentTo(world, B, Order.type);
    const acks = [{ id: sent!.id, refusal: null, result: null }];
    const ack = (from: string): Envelope => ({
      ...world.say(a, Go, { to: B, account: '', n: 0 }),
      source: from,
      type: own.Ack.type,
      dataschema: own.Ack.hash,
      ttl: 1000,
      data: { acks },
    });
    a.host!.deliver(ack(address('cccccccccccc')));
    world.pass(20);
    expect(a.table('peer-outbox')).toBe(1);
    a.host!.deliver(ack(`${address(B)}/desk`));
    world.pass(20);
    expect(a.table('peer-outbox')).toBe(0);
  });

  it('is not acknowledged where its signature is not good: who says so is nobody', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.host(B, { verify: () => ({ reason: 'bad-signature', detail: 'no' }) });
    world.pass(10);
    a.tell(world.say(a, Go, { to: B, account: 'order/1', n: 1 }));
    world.pass(2000);
    expect(sentTo(world, A, own.Ack.type)).toEqual([]);
    expect(a.table('peer-outbox')).toBe(1);
  });
});

describe('a peer that takes nothing', () => {
  it('stops the bulk of the room that fills it at 1,024 messages, not its control lane, until it takes some', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    const go = (n: number, priority: 0 | 1): void =>
      void a.tell(world.say(a, Go, { to: B, account: `loose/${n}`, n }, { priority }));
    for (let n = 0; n < 1100; n++) go(n, 1);
    world.pass(900);
    expect(a.handled).toHaveLength(PEER_PENDING_MAX);
    expect(a.table('peer-outbox')).toBe(PEER_PENDING_MAX);
    go(2000, 0);
    world.pass(20);
    expect(a.handled).toHaveLength(PEER_PENDING_MAX + 1);
    let answer: unknown = null;
    a.host!.query('host', { kind: 'outbox' } satisfies own.HostQuestion, (one) => (answer = one));
    expect(answer).toMatchObject({ peers: [{ audience: address(B), pending: PEER_PENDING_MAX + 1 }] });
    const b = world.host(B);
    world.pass(30_000);
    expect(a.handled).toHaveLength(1101);
    expect([b.handled.length, a.table('peer-outbox')]).toEqual([1101, 0]);
  });

  it('stops it at 4 MiB as well', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    const big = 'x'.repeat(100_000);
    for (let n = 0; n < 60; n++) a.tell(world.say(a, Go, { to: B, account: `loose/${big}`, n }));
    world.pass(500);
    const sizes = sentTo(world, B, Loose.type).map((envelope) => JSON.stringify(envelope).length);
    const full = sizes.findIndex((_, n) => sizes.slice(0, n + 1).reduce((sum, size) => sum + size, 0) >= PEER_BYTES_MAX);
    expect(full).toBeGreaterThan(10);
    expect(a.handled).toHaveLength(full + 1);
  });
});

describe('idempotency keys', () => {
  const pay = (world: SmallWorld, a: SmallHost, n: number): ReturnType<SmallHost['tell']> => {
    const told = a.tell(world.say(a, Order, { to: B, account: 'x', n }, { idempotencyKey: `invoice-${n}`, ttl: 1000 }));
    world.pass(20);
    return told;
  };

  it('give whoever says it again the result of the first time, also after a crash', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    expect(pay(world, a, 7)).toEqual({ refusal: null, result: { took: 7 } });
    expect(pay(world, a, 7)).toMatchObject({ refusal: { reason: 'duplicate' }, result: { took: 7 } });
    a.crash(1);
    world.pass(20);
    expect(pay(world, a, 7)).toMatchObject({ refusal: { reason: 'duplicate' }, result: { took: 7 } });
    expect(a.handled).toHaveLength(1);
  });

  it('push back when there is no place for more, and go with their records after a day', () => {
    const world = new SmallWorld();
    const a = world.host(A, { idempotencyKeysMax: 16 });
    world.pass(10);
    const taken = Array.from({ length: 20 }, (_, n) => pay(world, a, n).refusal?.reason ?? 'taken');
    expect(taken).toEqual([...Array.from({ length: 12 }, () => 'taken'), ...Array.from({ length: 8 }, () => 'overloaded')]);
    a.crash(1);
    world.pass(DAY - 10_000);
    expect(pay(world, a, 3).refusal).toMatchObject({ reason: 'duplicate' });
    expect(pay(world, a, 30).refusal).toMatchObject({ reason: 'overloaded' });
    world.pass(20_000);
    pay(world, a, 31);
    expect(pay(world, a, 32).refusal).toBe(null);
    expect(a.table('dedupe')).toBeLessThanOrEqual(2);
  });

  it('are no longer than a result may be: a room that answers more fails there', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    a.react = (_envelope, out) => out.answer('x'.repeat(own.RESULT_CHARS_MAX - 1));
    const told = a.tell(world.say(a, Order, { to: B, account: 'x', n: 1 }));
    world.pass(20);
    expect(told.refusal).toMatchObject({ reason: 'unavailable' });
  });
});

describe('admission', () => {
  it('takes what another version of the contract adds away, and refuses what then does not keep ours', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    let seen: unknown = null;
    a.react = ({ data }) => void (seen = data);
    world.pass(10);
    const data = { to: B, account: 'x', n: 1 };
    const newer = { dataschema: 'ab'.repeat(32), data: { ...data, currency: 'EUR' } };
    const say = (over: Partial<Envelope>): unknown => {
      const told = a.tell(world.say(a, Order, data, over));
      world.pass(20);
      return told.refusal === null ? 'taken' : told.refusal?.reason;
    };
    expect([say(newer), seen]).toEqual(['taken', data]);
    expect(say({ data: newer.data })).toBe('invalid');
    expect(say({ ...newer, data: { to: B, account: 'x' } })).toBe('invalid');
    expect(say({ ...newer, dataschema: 'ab' })).toBe('invalid');
  });

  it('refuses what is for another host, and what lives longer than its contract allows', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    const say = (over: Partial<Envelope>): unknown =>
      a.tell(world.say(a, Order, { to: B, account: 'x', n: 1 }, over)).refusal?.reason;
    expect(say({ audience: address(B) })).toBe('not-for-me');
    expect(say({ audience: `${address(A)}b` })).toBe('not-for-me');
    expect(say({ ttl: Order.ttlMax + 1 })).toBe('invalid');
    expect(say({ ttl: 0 })).toBe('invalid');
    expect(say({ audience: `${address(A)}/desk`, ttl: Order.ttlMax })).toBe(undefined);
  });

  it('lets a message that waited until its time was over go no further', () => {
    const world = new SmallWorld();
    const a = world.host(A);
    world.pass(10);
    const told = a.tell(world.say(a, Order, { to: B, account: 'x', n: 1 }, { ttl: 1 }));
    world.now += 3000;
    world.pass(10);
    expect([told.refusal?.reason, a.handled]).toEqual(['expired', []]);
  });
});
