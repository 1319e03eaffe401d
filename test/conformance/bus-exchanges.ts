/** What hosts do with each other over any Bus: ask, gather, pass on, stream. The machines are pure; a bus carries their messages. */
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import type { Id } from '../../src/kernel/index.ts';
import {
  type Chunk,
  defineContract,
  type Envelope,
  Gather,
  type Grant,
  makeEnvelope,
  passOn,
  replyTo,
  Requests,
  setOut,
  type Staged,
  stagedSchema,
  StreamReader,
  StreamWriter,
} from '../../src/protocol/index.ts';
import { type BusBench, type MakeBus, message, once } from './bus-bench.ts';

const Ask = defineContract('test.intent.ask.v1', Type.Object({ n: Type.Integer() }), { durability: 'ephemeral' });
const Answer = defineContract('test.event.answer.v1', Type.Object({ n: Type.Integer() }), { durability: 'ephemeral' });
const Refine = defineContract('test.intent.refine.v1', stagedSchema(Type.Array(Type.String())), { durability: 'ephemeral' });

let serial = 0;
const nextId = (): Id => (serial += 1).toString(16).padStart(32, 'e') as Id;

function ask(bench: BusBench, source: string, audience: string, n: number): Envelope<{ n: number }> {
  return makeEnvelope(Ask, { n }, { id: nextId(), source, time: bench.now(), subject: 'sum', audience });
}

/** Answers questions with their double; `late`: only when it is told to. */
function answerer({ bus, now }: BusBench, address: string, late?: (answer: () => void) => void): void {
  bus.attach(
    address,
    once((request) => {
      const { n } = request.data as { n: number };
      const answer = (): void => bus.send(replyTo(request, Answer, { n: 2 * n }, { id: nextId(), source: address, time: now() }));
      if (late === undefined) answer();
      else late(answer);
      return true;
    }),
  );
}

export function exchangesConformance(name: string, makeBus: MakeBus): void {
  describe(`${name}, and what is built on it`, () => {
    it('brings each answer to the request that it belongs to', async () => {
      const bench = makeBus();
      const requests = new Requests<number>();
      const answers: [number, number][] = [];
      for (const host of ['host:r/b', 'host:r/c']) answerer(bench, host);
      bench.bus.join('host:r/c', 'sk.r.q.sums');
      bench.bus.attach('host:r/a', (reply) => {
        const answered = requests.answer(reply);
        if (answered.ok) answers.push([answered.awaited.context, (reply.data as { n: number }).n]);
        return true;
      });
      for (let n = 0; n < 90; n++) {
        const audience = ['host:r/b', 'host:r/c', 'sk.r.q.sums'][n % 3]!;
        const request = ask(bench, 'host:r/a', audience, n);
        expect(requests.ask(request, bench.now() + 5000, audience.startsWith('host:') ? audience : null, n)).toBe(true);
        bench.bus.send(request);
      }
      await bench.idle();
      expect(answers.toSorted(([a], [b]) => a - b)).toEqual(Array.from({ length: 90 }, (_, n) => [n, 2 * n]));
      expect(requests.next).toBeNull();
    });

    it('ends a request that nobody answers in time, and does not take the late answer for another', async () => {
      const bench = makeBus();
      const requests = new Requests<string>();
      const held: (() => void)[] = [];
      const answered: boolean[] = [];
      answerer(bench, 'host:r/b', (answer) => held.push(answer));
      bench.bus.attach('host:r/a', (reply) => answered.push(requests.answer(reply).ok) > 0);
      const request = ask(bench, 'host:r/a', 'host:r/b', 1);
      requests.ask(request, bench.now() + 3000, 'host:r/b', 'first');
      bench.bus.send(request);
      await bench.idle();
      expect(requests.expire(bench.now())).toEqual([]);
      await bench.pass(5000);
      expect(requests.next).toBeLessThan(bench.now());
      expect(requests.expire(bench.now()).map(({ context }) => context)).toEqual(['first']);
      held.forEach((answer) => answer());
      await bench.idle();
      expect(new Set(answered)).toEqual(new Set([false]));
    });

    it('gathers replies of the invited, and names who is missing and who was late', async () => {
      const bench = makeBus();
      const { bus, now } = bench;
      const held: (() => void)[] = [];
      const invited = Array.from({ length: 20 }, (_, n) => `host:r/m${n}`);
      invited.forEach((member, n) => {
        if (n >= 18) return; // nobody there
        answerer(bench, member, n >= 16 ? (answer) => void held.push(answer) : undefined);
        bus.join(member, 'sk.r.g.fleet');
      });
      answerer(bench, 'host:r/guest');
      bus.join('host:r/guest', 'sk.r.g.fleet');
      const question = { ...ask(bench, 'host:r/a', 'sk.r.g.fleet', 4), routing: 'scatter-gather' } as const;
      const gather = new Gather<{ n: number }>({
        correlation: question.correlation,
        invited,
        enough: 16,
        deadline: now() + 4000,
      });
      const heard: string[] = [];
      bus.attach('host:r/a', (reply) => heard.push(gather.answer(reply as Envelope<{ n: number }>, now())) > 0);
      bus.send(question);
      await bench.idle();
      expect(gather.result(now())).toBeNull();
      await bench.pass(6000);
      held.forEach((answer) => answer());
      await bench.idle();
      const result = gather.result(now())!;
      expect(result.verdict).toBe('enough');
      expect([...result.replies.keys()].toSorted()).toEqual(invited.slice(0, 16).toSorted());
      expect([...result.replies.values()].every(({ data }) => data.n === 8)).toBe(true);
      expect(result.late.toSorted()).toEqual(['host:r/m16', 'host:r/m17']);
      expect(result.missing).toEqual(['host:r/m18', 'host:r/m19']);
      expect(heard).toContain('stranger');
    });

    it('passes a message through its stages in order, one member of a pool each, and home', async () => {
      const bench = makeBus();
      const { bus, now } = bench;
      const stages = ['host:r/parse', 'sk.r.q.enrich', 'host:r/parse', 'host:r/rank'];
      for (const host of ['parse', 'rank', 'e1', 'e2']) {
        const source = `host:r/${host}`;
        bus.attach(
          source,
          once((envelope) => {
            const staged = envelope as Envelope<Staged<string[]>>;
            const passed = passOn(staged, Refine, [...staged.data.value, host], { id: nextId(), source, time: now() });
            if (passed.ok) bus.send(passed.envelope);
            return passed.ok;
          }),
        );
      }
      for (const host of ['e1', 'e2']) bus.join(`host:r/${host}`, 'sk.r.q.enrich');
      const requests = new Requests<number>();
      const results: [number, string[]][] = [];
      bus.attach('host:r/a', (envelope) => {
        const answered = requests.answer(envelope);
        const { value } = (envelope as Envelope<Staged<string[]>>).data;
        if (answered.ok) results.push([answered.awaited.context, value]);
        return true;
      });
      for (let n = 0; n < 30; n++) {
        const spoken = { id: nextId(), source: 'host:r/a', time: now(), subject: 'doc', ttl: 60_000 };
        const first = setOut(Refine, { stages, home: 'host:r/a' }, [] as string[], spoken);
        requests.ask(first, now() + 60_000, null, n);
        bus.send(first);
      }
      await bench.idle();
      expect(results.map(([n]) => n).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 30 }, (_, n) => n));
      for (const [, visited] of results) {
        expect(visited.map((host) => host.replace(/\d/, ''))).toEqual(['parse', 'e', 'parse', 'rank']);
      }
    });

    it('streams no byte beyond what the reader granted, and goes on from an offset after the reader was lost', async () => {
      const bench = makeBus();
      const { bus } = bench;
      const source = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) & 0xff);
      const writer = new StreamWriter('blob', source.length, true, 4096);
      let limit = 0;
      let beyond = 0;
      let sequence = 0;
      bus.attach('host:r/writer', ({ data }) => {
        const grant = data as Grant;
        limit = Math.max(limit, grant.upTo);
        writer.grant(grant);
        for (let range = writer.next(); range !== null; range = writer.next()) {
          const { round, offset, length, last } = range;
          beyond = Math.max(beyond, offset + length - limit);
          const chunk: Chunk = { stream: 'blob', round, offset, last, bytes: source.subarray(offset, offset + length) };
          bus.send(message('host:r/reader', (sequence += 1), { source: 'host:r/writer', data: chunk, priority: 3 }));
        }
        return true;
      });
      const got: Uint8Array[] = [];
      let reader = new StreamReader('blob', 20_000);
      let crashed = false;
      const granted = (grant: Grant): void =>
        bus.send(message('host:r/writer', (sequence += 1), { source: 'host:r/reader', data: grant, priority: 1 }));
      bus.attach('host:r/reader', ({ data }) => {
        const read = reader.read(data as Chunk);
        if (!read.ok) {
          expect(read.reason).not.toBe('invalid');
          return true;
        }
        got.push(read.bytes);
        if (!crashed && reader.received > 100_000) {
          crashed = true; // what was granted and is under way now is lost on it
          reader = new StreamReader('blob', 20_000, reader.received, reader.grant.round + 1);
          granted(reader.grant);
          return true;
        }
        const grant = reader.consumed(read.bytes.length);
        if (grant !== null) granted(grant);
        return true;
      });
      granted(reader.grant);
      for (let turn = 0; turn < 20 && !reader.done; turn++) await bench.idle();
      expect(reader.done).toBe(true);
      expect(Buffer.compare(Buffer.concat(got), source)).toBe(0);
      expect(beyond).toBe(0);
    });
  });
}
