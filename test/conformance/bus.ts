/** What every Bus promises between the hosts of one realm. */
import { describe, expect, it } from 'vitest';
import type { Id, Priority } from '../../src/kernel/index.ts';
import type { Bus } from '../../src/ports/index.ts';
import type { Envelope } from '../../src/protocol/index.ts';

export interface BusBench {
  readonly bus: Bus;
  /** Lets time pass until nothing moves any more. */
  readonly idle: () => Promise<void>;
}

export function busConformance(name: string, makeBus: () => BusBench): void {
  describe(`${name} as a bus`, () => {
    it('delivers after send has returned, to the audience and nobody else', async () => {
      const { bus, idle } = makeBus();
      const got: string[] = [];
      bus.attach('host:r/a', (envelope) => got.push(`a${envelope.sequence}`) > 0);
      bus.attach('sk.r.t.work.event.done.v1.0', (envelope) => got.push(`topic${envelope.sequence}`) > 0);
      bus.send(message('host:r/a', 1));
      bus.send(message('sk.r.t.work.event.done.v1.0', 2));
      expect(got).toEqual([]);
      await idle();
      expect(got.toSorted()).toEqual(['a1', 'topic2']);
    });

    it('keeps the order of one sender, receiver and priority, also with two senders and over a refusal', async () => {
      const { bus, idle } = makeBus();
      const got: Envelope[] = [];
      let calls = 0;
      bus.attach('host:r/a', (envelope) => {
        calls += 1;
        if (calls % 7 === 0) return false;
        got.push(envelope);
        return true;
      });
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
      bus.attach('host:r/a', (envelope) => got.push(envelope.sequence) > 0);
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
      bus.attach('host:r/a', (envelope) => {
        offers += 1;
        if (room === 0) return false;
        room -= 1;
        return got.push(envelope.sequence) > 0;
      });
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
      for (let n = 0; n < 1024; n++) bus.send(message('host:r/a', n));
      expect(bus.pressured('host:r/a')).toBe(false);
      bus.send(message('host:r/a', 1024));
      expect(bus.pressured('host:r/a')).toBe(true);
      expect(bus.pressured('host:r/b')).toBe(false);
      let got = 0;
      bus.attach('host:r/a', () => (got += 1) > 0);
      await idle();
      expect(bus.pressured('host:r/a')).toBe(false);
      expect(got).toBe(1025);
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
      bus.attach('host:r/a', (envelope) => got.push(envelope.sequence) > 0);
      await idle();
      expect(got).toEqual([1, 2]);
    });
  });
}

export function message(audience: string, sequence: number, more: Partial<Envelope> = {}): Envelope {
  const id = sequence.toString(16).padStart(32, '0') as Id;
  return {
    id,
    source: 'host:r/sender',
    type: 'work.event.done.v1',
    time: 0,
    subject: 'task',
    dataschema: '',
    data: null,
    correlation: id,
    causation: null,
    idempotencyKey: id,
    ttl: 1000,
    priority: 2,
    audience,
    routing: 'direct',
    keyId: '',
    session: 's',
    sequence,
    haltEpoch: 0,
    approvals: [],
    traceparent: '',
    coordination: null,
    dependsOn: 0,
    ...more,
  };
}
