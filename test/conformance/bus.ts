/** What every Bus promises between the hosts of one realm. What is built on a bus is in bus-exchanges.ts. */
import { describe, expect, it } from 'vitest';
import type { Priority } from '../../src/kernel/index.ts';
import type { Bus } from '../../src/ports/index.ts';
import type { ConsumerNotice, Envelope } from '../../src/protocol/index.ts';
import { type BusBench, type MakeBus, message, once } from './bus-bench.ts';
import { exchangesConformance } from './bus-exchanges.ts';

const TOPIC = 'sk.r.t.work.event.done.v1';

export function busConformance(name: string, makeBus: MakeBus): void {
  describe(`${name} as a bus`, () => {
    it('delivers after send has returned, to the audience and nobody else', async () => {
      const { bus, idle } = makeBus();
      const got: string[] = [];
      bus.attach(
        'host:r/a',
        once((envelope) => got.push(`a${envelope.sequence}`) > 0),
      );
      bus.attach(
        `${TOPIC}.0`,
        once((envelope) => got.push(`topic${envelope.sequence}`) > 0),
      );
      bus.send(message('host:r/a', 1));
      bus.send(message(`${TOPIC}.0`, 2));
      expect(got).toEqual([]);
      await idle();
      expect(got.toSorted()).toEqual(['a1', 'topic2']);
    });

    it('keeps the order of one sender, receiver and priority, also with two senders and over a refusal', async () => {
      const { bus, idle } = makeBus();
      const got: Envelope[] = [];
      let calls = 0;
      bus.attach(
        'host:r/a',
        once((envelope) => {
          calls += 1;
          return calls % 7 !== 0 && got.push(envelope) > 0;
        }),
      );
      for (let n = 0; n < 400; n++) {
        bus.send(message('host:r/a', n, { source: `host:r/${n % 2}`, priority: (n % 4) as Priority }));
      }
      for (let turn = 0; turn < 100 && got.length < 400; turn++) {
        await idle();
        bus.resume('host:r/a');
      }
      expect(got).toHaveLength(400);
      for (const source of ['host:r/0', 'host:r/1']) {
        for (const priority of [0, 1, 2, 3]) {
          const order = got.filter((one) => one.source === source && one.priority === priority).map((one) => one.sequence);
          expect(order).toEqual(order.toSorted((a, b) => a - b));
        }
      }
    });

    it('lets urgent messages pass bulk that waits', async () => {
      const { bus, idle } = makeBus();
      for (let n = 0; n < 100; n++) bus.send(message('host:r/a', n, { priority: 3 }));
      bus.send(message('host:r/a', 1000, { priority: 0 }));
      await idle();
      const got: number[] = [];
      bus.attach(
        'host:r/a',
        once((envelope) => got.push(envelope.sequence) > 0),
      );
      await idle();
      expect(got[0]).toBe(1000);
      expect(got).toHaveLength(101);
    });

    it('does not call a receiver that is at work, whatever it sends meanwhile', async () => {
      const { bus, idle } = makeBus();
      let depth = 0;
      let deepest = 0;
      let left = 50;
      const receive = (): boolean => {
        depth += 1;
        deepest = Math.max(deepest, depth);
        if (left-- > 0) {
          bus.send(message('host:r/a', left));
          bus.send(message('host:r/b', left));
        }
        depth -= 1;
        return true;
      };
      bus.attach('host:r/a', receive);
      bus.attach('host:r/b', receive);
      bus.send(message('host:r/a', 1));
      await idle();
      expect(left).toBeLessThan(0);
      expect(deepest).toBe(1);
    });

    it('offers a refused message again after resume, not before', async () => {
      const { bus, idle } = makeBus();
      let room = 0;
      const got: number[] = [];
      let offers = 0;
      bus.attach(
        'host:r/a',
        once((envelope) => {
          offers += 1;
          if (room === 0) return false;
          room -= 1;
          return got.push(envelope.sequence) > 0;
        }),
      );
      for (let n = 1; n <= 5; n++) bus.send(message('host:r/a', n));
      await idle();
      expect(offers).toBe(1);
      room = 2;
      await idle();
      expect(got).toEqual([]);
      bus.resume('host:r/a');
      await idle();
      expect(got).toEqual([1, 2]);
      room = 10;
      bus.resume('host:r/a');
      await idle();
      expect(got).toEqual([1, 2, 3, 4, 5]);
    });

    it('says that an audience is pressured above 1,024 waiting messages, and no longer when they are taken', async () => {
      const { bus, idle } = makeBus();
      for (let n = 0; n < 512; n++) bus.send(message('host:r/a', n));
      expect(bus.pressured('host:r/a')).toBe(false);
      for (let n = 512; n < 1025; n++) bus.send(message('host:r/a', n));
      expect(bus.pressured('host:r/a')).toBe(true);
      expect(bus.pressured('host:r/b')).toBe(false);
      const got: number[] = [];
      bus.attach(
        'host:r/a',
        once((envelope) => got.push(envelope.sequence) > 0),
      );
      await idle();
      expect(bus.pressured('host:r/a')).toBe(false);
      expect(got).toHaveLength(1025);
    });

    it('keeps messages for a receiver that is detached, until it is attached again', async () => {
      const { bus, idle } = makeBus();
      const got: number[] = [];
      bus.attach('host:r/a', () => false);
      bus.send(message('host:r/a', 1));
      await idle();
      bus.detach('host:r/a');
      bus.send(message('host:r/a', 2));
      await idle();
      bus.attach(
        'host:r/a',
        once((envelope) => got.push(envelope.sequence) > 0),
      );
      await idle();
      expect(got).toEqual([1, 2]);
    });

    it('still offers urgent messages while bulk is refused, and does not turn in vain', async () => {
      const { bus, idle } = makeBus();
      const got: number[] = [];
      let refusals = 0;
      bus.attach(
        'host:r/a',
        once(({ sequence, priority }) => {
          if (priority !== 3) return got.push(sequence) > 0;
          refusals += 1;
          return false;
        }),
      );
      bus.send(message('host:r/a', 1, { priority: 3 }));
      await idle();
      bus.send(message('host:r/a', 2, { priority: 3 }));
      bus.send(message('host:r/a', 3, { priority: 0 }));
      await idle();
      bus.send(message('host:r/a', 4, { priority: 2 }));
      await idle();
      expect(got).toEqual([3, 4]);
      expect(refusals).toBe(1);
    });

    it('hears control and replies around a cycle of hosts that have filled each other with bulk', async () => {
      const { bus, idle, now, undelivered } = makeBus(256);
      const hosts = ['host:r/0', 'host:r/1', 'host:r/2'];
      const replied: string[] = [];
      const bulk = hosts.map(() => 0);
      let room = false;
      let serial = 10_000;
      hosts.forEach((host, i) => {
        bus.attach(
          host,
          once((envelope) => {
            if (envelope.priority === 3) {
              if (room) bulk[i]! += 1;
              return room;
            }
            if (envelope.subject === 'ask') {
              const reply = { source: host, time: now(), priority: 0, subject: 'reply' } as const;
              bus.send(message(envelope.source, (serial += 1), reply));
            } else {
              replied.push(host);
            }
            return true;
          }),
        );
      });
      const sent = 400;
      for (let n = 0; n < sent; n++) {
        hosts.forEach((source, i) => bus.send(message(hosts[(i + 1) % 3]!, n * 3 + i, { source, time: now(), priority: 3 })));
      }
      await idle();
      expect(new Set(undelivered.map(({ envelope }) => envelope.audience))).toEqual(new Set(hosts));
      expect(new Set(undelivered.map(({ refusal }) => refusal.reason))).toEqual(new Set(['overloaded']));
      hosts.forEach((source, i) => {
        const ask = { source, time: now(), priority: 0, subject: 'ask' } as const;
        bus.send(message(hosts[(i + 1) % 3]!, (serial += 1), ask));
      });
      await idle();
      expect(replied.toSorted()).toEqual(hosts);
      room = true;
      for (const host of hosts) bus.resume(host);
      await idle();
      const lost = new Set(undelivered.map(({ envelope }) => envelope.id));
      expect(bulk.reduce((sum, each) => sum + each, 0)).toBeGreaterThanOrEqual(3 * sent - lost.size);
    });

    it('does not deliver what expired while it waited, and tells the sender', async () => {
      const { bus, idle, now, pass, undelivered } = makeBus();
      bus.send(message('host:r/a', 1, { time: now(), ttl: 1000 }));
      bus.send(message('host:r/a', 2, { time: now(), ttl: 60_000 }));
      await idle();
      await pass(4000); // ttl and the skew that hosts grant each other
      const got: number[] = [];
      bus.attach(
        'host:r/a',
        once(({ sequence }) => got.push(sequence) > 0),
      );
      await idle();
      expect(got).toEqual([2]);
      expect(reasons(undelivered)).toEqual(['1 expired']);
      expect(undelivered[0]!.refusal.detail).toMatch(/^work\.event\.done\.v1 to host:r\/a expired \d+ ms ago \(ttl 1000\)/);
    });

    it('tells the sender of an expiry also when nobody ever attaches, or everything is refused', async () => {
      const { bus, idle, now, pass, undelivered } = makeBus();
      bus.attach('host:r/full', () => false);
      for (const audience of ['host:r/nobody', 'host:r/full', 'sk.r.q.i']) {
        bus.send(message(audience, audience.length, { time: now(), ttl: 1000 }));
        bus.send(message(audience, audience.length + 100, { time: now(), ttl: 600_000 }));
      }
      await idle();
      expect(undelivered).toEqual([]);
      await pass(10_000);
      expect(reasons(undelivered)).toEqual(['11 expired', '13 expired', '8 expired']);
    });

    it('delivers a message in the last millisecond of its life', async () => {
      const { bus, idle, now, undelivered } = makeBus();
      const got: number[] = [];
      bus.attach(
        'host:r/a',
        once(({ sequence }) => got.push(sequence) > 0),
      );
      bus.send(message('host:r/a', 1, { time: now() - 1000, ttl: 1000 }));
      await idle();
      expect(got).toEqual([1]);
      expect(undelivered).toEqual([]);
    });

    it('hands a message back with a reason when the queue is full, and still takes control messages', async () => {
      const { bus, idle, undelivered } = makeBus(256);
      for (let n = 0; n < 300; n++) bus.send(message('host:r/a', n));
      await idle();
      expect(undelivered.length).toBeGreaterThan(0);
      expect(undelivered[0]!.refusal).toMatchObject({ reason: 'overloaded', detail: expect.stringContaining('send again') });
      const before = undelivered.length;
      bus.send(message('host:r/a', 1000, { priority: 0 }));
      await idle();
      expect(undelivered).toHaveLength(before);
    });

    it('gives a message to a group to every member at the time of sending, each once, and to no other', async () => {
      const { bus, idle } = makeBus();
      const got = new Map<string, number[]>();
      for (const host of ['a', 'b', 'c']) attachTo(bus, `host:r/${host}`, got);
      for (const host of ['a', 'b']) bus.join(`host:r/${host}`, 'sk.r.g.east');
      bus.join('host:r/a', 'sk.r.g.east');
      bus.send(message('sk.r.g.east', 1, { routing: 'broadcast' }));
      bus.join('host:r/c', 'sk.r.g.east');
      await idle();
      bus.leave('host:r/a', 'sk.r.g.east');
      bus.send(message('sk.r.g.east', 2, { routing: 'broadcast' }));
      bus.send(message('sk.r.g.west', 3, { routing: 'broadcast' }));
      await idle();
      expect(Object.fromEntries(got)).toEqual({ 'host:r/a': [1], 'host:r/b': [1, 2], 'host:r/c': [2] });
    });

    it('keeps a member from holding up its group, and its copy until it has room', async () => {
      const { bus, idle } = makeBus();
      const got = new Map<string, number[]>();
      let room = false;
      attachTo(bus, 'host:r/quick', got);
      attachTo(bus, 'host:r/slow', got, () => room);
      for (const host of ['quick', 'slow']) bus.join(`host:r/${host}`, 'sk.r.g.all');
      for (let n = 1; n <= 3; n++) bus.send(message('sk.r.g.all', n));
      await idle();
      expect(Object.fromEntries(got)).toEqual({ 'host:r/quick': [1, 2, 3] });
      room = true;
      bus.resume('host:r/slow');
      await idle();
      expect(got.get('host:r/slow')).toEqual([1, 2, 3]);
    });

    it('brings a topic to those who joined it or the bucket, in order for each ordering key', async () => {
      const { bus, idle } = makeBus();
      const all: Envelope[] = [];
      const one: Envelope[] = [];
      bus.attach(
        'host:r/all',
        once((envelope) => all.push(envelope) > 0),
      );
      bus.attach(
        'host:r/one',
        once((envelope) => one.push(envelope) > 0),
      );
      bus.join('host:r/all', TOPIC);
      bus.join('host:r/one', `${TOPIC}.3`);
      bus.join('host:r/one', `${TOPIC}.4`);
      for (let n = 0; n < 200; n++) {
        const more = { source: `host:r/s${n % 2}`, subject: `key${n % 10}` };
        bus.send(message(`${TOPIC}.${n % 10}`, n, more));
      }
      await idle();
      expect(all).toHaveLength(200);
      expect(new Set(one.map(({ audience }) => audience))).toEqual(new Set([`${TOPIC}.3`, `${TOPIC}.4`]));
      expect(one).toHaveLength(40);
      for (let key = 0; key < 10; key++) {
        const order = all.filter(({ subject }) => subject === `key${key}`).map(({ sequence }) => sequence);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
    });

    it('gives a message to a pool to one member that has room, in turns', async () => {
      const { bus, idle } = makeBus();
      const got = new Map<string, number[]>();
      for (const host of ['a', 'b', 'c']) {
        attachTo(bus, `host:r/${host}`, got, () => host !== 'c');
        bus.join(`host:r/${host}`, 'sk.r.q.parse');
      }
      for (let n = 0; n < 100; n++) bus.send(message('sk.r.q.parse', n));
      await idle();
      const shares = ['a', 'b'].map((host) => new Set(got.get(`host:r/${host}`)).size);
      expect(Math.min(...shares)).toBeGreaterThan(30);
      expect(new Set([...got.values()].flat()).size).toBe(100);
      expect(got.has('host:r/c')).toBe(false);
    });

    it('keeps what a member of a pool refused, and gives it to one that has room or comes later', async () => {
      const { bus, idle } = makeBus();
      const got = new Map<string, number[]>();
      for (let n = 0; n < 20; n++) bus.send(message('sk.r.q.parse', n));
      attachTo(bus, 'host:r/a', got, () => (got.get('host:r/a')?.length ?? 0) < 5);
      bus.join('host:r/a', 'sk.r.q.parse');
      await idle();
      expect(got.get('host:r/a')).toEqual([0, 1, 2, 3, 4]);
      bus.leave('host:r/a', 'sk.r.q.parse');
      bus.resume('host:r/a');
      attachTo(bus, 'host:r/b', got);
      bus.join('host:r/b', 'sk.r.q.parse');
      await idle();
      expect(got.get('host:r/a')).toHaveLength(5);
      expect(got.get('host:r/b')!.filter((n) => n > 4)).toEqual(Array.from({ length: 15 }, (_, n) => n + 5));
    });

    it('takes the room of a member for its own messages and those of its pools alike', async () => {
      const { bus, idle } = makeBus();
      const got = new Map<string, number[]>();
      let room = false;
      attachTo(bus, 'host:r/a', got, () => room);
      bus.join('host:r/a', 'sk.r.q.parse');
      bus.send(message('host:r/a', 1));
      bus.send(message('sk.r.q.parse', 2));
      await idle();
      expect(got.size).toBe(0);
      room = true;
      bus.resume('host:r/a');
      await idle();
      expect(new Set(got.get('host:r/a'))).toEqual(new Set([1, 2]));
    });

    it('warns of a slow member, demotes it to pull, and lets it catch up', async () => {
      const { bus, idle, notices } = makeBus(2000);
      const got: number[] = [];
      const pulls: boolean[] = [];
      let room = false;
      const receive = once(({ sequence }) => room && got.push(sequence) > 0);
      bus.attach('host:r/slow', (envelope, pull) => {
        const taken = receive(envelope);
        if (taken) pulls.push(pull);
        return taken;
      });
      bus.join('host:r/slow', 'sk.r.g.all');
      for (let n = 0; n < 1000; n++) bus.send(message('sk.r.g.all', n));
      await idle();
      expect(states(notices)).toEqual(['warned host:r/slow']);
      let sent = 1000;
      for (; states(notices).length < 2; sent++) {
        bus.send(message('sk.r.g.all', sent));
        await idle();
      }
      expect(states(notices)).toEqual(['warned host:r/slow', 'demoted host:r/slow']);
      expect(notices[1]!.waiting).toBe(1600);
      room = true;
      await idle();
      expect(got).toEqual([]);
      bus.resume('host:r/slow');
      await idle();
      expect(pulls).toHaveLength(256); // one batch, copies included
      bus.send(message('host:r/slow', 5000, { priority: 0 }));
      await idle();
      expect(got.at(-1)).toBe(5000);
      for (let batch = 0; batch < 20; batch++) {
        bus.resume('host:r/slow');
        await idle();
      }
      expect(states(notices).at(-1)).toBe('recovered host:r/slow');
      expect(got.filter((n) => n < 5000)).toEqual(Array.from({ length: sent }, (_, n) => n));
      expect(pulls.at(-1)).toBe(false);
      bus.send(message('sk.r.g.all', 6000));
      await idle();
      expect(got.at(-1)).toBe(6000);
    });

    it('cuts a member whose queue is full from its groups, with a reason, and nobody else', async () => {
      const { bus, idle, notices, undelivered } = makeBus(200);
      const got = new Map<string, number[]>();
      let room = false;
      attachTo(bus, 'host:r/quick', got);
      attachTo(bus, 'host:r/slow', got, () => room);
      for (const host of ['quick', 'slow']) bus.join(`host:r/${host}`, 'sk.r.g.all');
      for (let n = 0; n < 300; n++) {
        bus.send(message('sk.r.g.all', n));
        await idle();
      }
      expect(states(notices)).toEqual(['warned', 'demoted', 'cut'].map((state) => `${state} host:r/slow`));
      expect(notices[2]!.detail).toMatch(/its queue is full: it left sk\.r\.g\.all; join again/);
      expect(new Set(reasons(undelivered)).size).toBe(1);
      expect(undelivered[0]!.refusal).toMatchObject({ reason: 'overloaded' });
      expect(got.get('host:r/quick')).toEqual(Array.from({ length: 300 }, (_, n) => n));
      room = true;
      for (let batch = 0; batch < 3; batch++) {
        bus.resume('host:r/slow');
        await idle();
      }
      const kept = got.get('host:r/slow')!;
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => n));
      expect(undelivered[0]!.envelope.sequence).toBe(kept.length);
      bus.join('host:r/slow', 'sk.r.g.all');
      bus.send(message('sk.r.g.all', 1000));
      await idle();
      expect(got.get('host:r/slow')!.at(-1)).toBe(1000);
    });
  });

  exchangesConformance(name, makeBus);
}

function attachTo(bus: Bus, address: string, got: Map<string, number[]>, room: () => boolean = () => true): void {
  const receive = once(({ sequence }) => {
    if (!room()) return false;
    got.set(address, [...(got.get(address) ?? []), sequence]);
    return true;
  });
  bus.attach(address, receive);
}

function reasons(undelivered: BusBench['undelivered']): string[] {
  return [...new Set(undelivered.map(({ envelope, refusal }) => `${envelope.sequence} ${refusal.reason}`))].toSorted();
}

function states(notices: readonly ConsumerNotice[]): string[] {
  return notices.map(({ state, address }) => `${state} ${address}`);
}
