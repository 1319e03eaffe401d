/** Bounds and rules of what is built on a bus, beyond what its suite shows. */
import { describe, expect, it } from 'vitest';
import { Type } from 'typebox';
import type { Id } from '../kernel/index.ts';
import { defineContract } from './contract.ts';
import { type Envelope, makeEnvelope } from './envelope.ts';
import { Exchange } from './exchange.ts';
import { Gather } from './gather.ts';
import { passOn, setOut, stagedSchema, STAGES_MAX } from './itinerary.ts';
import { Requests } from './requests.ts';
import { Routes } from './routes.ts';
import { bucketOf, controlSubject, parseSubject, subjectOf, topicSubject } from './subject.ts';

const Said = defineContract('test.event.said.v1', Type.Object({ key: Type.String() }), { orderingKey: 'key' });

const id = (n: number): Id => n.toString(16).padStart(32, '0') as Id;

function said(n: number, more: Partial<Envelope> = {}): Envelope {
  const spoken = { id: id(n), source: 'host:r/b', time: 0, subject: '', audience: 'host:r/a' };
  return makeEnvelope(Said, { key: 'k' }, { ...spoken, ...(more as object) });
}

describe('subjects', () => {
  it('are read as they are written', () => {
    for (const kind of ['host', 'group', 'pool'] as const) {
      expect(parseSubject(subjectOf('r', kind, 'n'))).toEqual({ kind, realm: 'r', name: 'n', bucket: null });
    }
    expect(parseSubject(controlSubject('r'))).toEqual({ kind: 'control', realm: 'r', name: '', bucket: null });
    const topic = topicSubject('r', Said, { id: id(1), data: { key: 'k' } });
    const free = { ...Said, orderingKey: null };
    expect(topicSubject('r', free, { id: id(1), data: {} })).toBe(`sk.r.t.${Said.type}.${bucketOf(id(1))}`);
    expect(parseSubject(topic)).toEqual({ kind: 'topic', realm: 'r', name: Said.type, bucket: bucketOf('k') });
    expect(parseSubject(topic.slice(0, topic.lastIndexOf('.')))).toMatchObject({ kind: 'topic', bucket: null });
    for (const text of ['host:r/a', 'sk.r.t.a.event.b.v1.64', 'sk.r.g.', 'sk.r.g.a.b', 'sk..g.a', 'sk.r.t.a.event.b.v1.07']) {
      expect(parseSubject(text)).toBeNull();
    }
    expect(() => subjectOf('r', 'group', 'a.b')).toThrow(/cannot be part of a subject/);
  });

  it('have a bucket for each key that never changes, spread over all 64', () => {
    expect(['', 'a', 'ada', 'größe'].map(bucketOf)).toEqual([5, 45, 55, 27]);
    const counts = Array.from({ length: 64 }, () => 0);
    for (let n = 0; n < 6400; n++) counts[bucketOf(`agent:r/${n}`)]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(Math.max(...counts)).toBeLessThan(170);
  });
});

describe('requests', () => {
  it('are at most 1,024, answered by whom they were asked, and refused inside another correlation', () => {
    const requests = new Requests<number>();
    for (let n = 0; n < 1024; n++) expect(requests.ask(said(n), 1000 + n, 'host:r/a', n)).toBe(true);
    expect(requests.ask(said(5000), 1000, null, 0)).toBe(false);
    const reply = (source: string): Envelope => said(9000, { source, correlation: id(3) });
    expect(requests.answer(reply('host:r/somebody'))).toEqual({ ok: false, reason: 'denied' });
    expect(requests.answer(reply('host:r/a'))).toMatchObject({ ok: true, awaited: { context: 3 } });
    expect(requests.answer(reply('host:r/a'))).toEqual({ ok: false, reason: 'not-found' });
    expect(requests.expire(1000)).toEqual([]);
    expect(requests.expire(1010).map(({ context }) => context)).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9]);
    expect(requests.next).toBe(1010);
    expect(() => requests.ask(said(1, { correlation: id(2) }), 0, null, 0)).toThrow(/begin one of its own/);
  });
});

describe('a gathering', () => {
  const gather = (enough: number): Gather<unknown> =>
    new Gather({ correlation: id(1), invited: ['a', 'b', 'c'], enough, deadline: 100 });
  const reply = (source: string): Envelope => said(2, { source, correlation: id(1) });

  it('counts a reply in the last instant and none after it, each member once', () => {
    const asked = gather(2);
    expect(asked.answer(reply('a'), 100)).toBe('counted');
    expect(asked.answer(reply('a'), 100)).toBe('again');
    expect(asked.result(100)).toBeNull();
    expect(asked.answer(reply('b'), 101)).toBe('late');
    expect(asked.result(101)).toMatchObject({ verdict: 'short', missing: ['c'], late: ['b'] });
  });

  it('ends early when all have replied or its owner has enough', () => {
    const all = gather(1);
    for (const member of ['a', 'b', 'c']) all.answer(reply(member), 1);
    expect(all.result(1)).toMatchObject({ verdict: 'complete', missing: [] });
    const some = gather(1);
    some.answer(reply('b'), 1);
    some.close();
    expect(some.answer(reply('c'), 1)).toBe('late');
    expect(some.result(1)).toMatchObject({ verdict: 'enough', missing: ['a'], late: ['c'] });
    expect(() => gather(4)).toThrow(/cannot be enough/);
  });
});

describe('a way through stages', () => {
  const Walk = defineContract('test.intent.walk.v1', stagedSchema(Type.Integer()), { durability: 'ephemeral' });
  const spoken = { id: id(1), source: 'host:r/a', time: 0, subject: '', ttl: 100 };

  it('goes home after its last stage and nowhere from there, within the life time of its first message', () => {
    const first = setOut(Walk, { stages: ['host:r/b'], home: 'host:r/a' }, 1, spoken);
    expect(first).toMatchObject({ audience: 'host:r/b', correlation: id(1), routing: 'pipeline' });
    const home = passOn(first, Walk, 2, { id: id(2), source: 'host:r/b', time: 60 });
    expect(home).toMatchObject({ ok: true, envelope: { audience: 'host:r/a', ttl: 40, correlation: id(1), causation: id(1) } });
    expect(home.ok && Walk.check(home.envelope.data)).toBe(true);
    const beyond = home.ok && passOn(home.envelope, Walk, 3, { id: id(3), source: 'host:r/a', time: 61 });
    expect(beyond).toMatchObject({ ok: false, refusal: { reason: 'invalid' } });
    const late = passOn(first, Walk, 2, { id: id(2), source: 'host:r/b', time: 100 });
    expect(late).toMatchObject({ ok: false, refusal: { reason: 'expired' } });
    const stages = Array.from({ length: STAGES_MAX + 1 }, () => 'host:r/b');
    expect(() => setOut(Walk, { stages, home: 'host:r/a' }, 1, spoken)).toThrow(/pipeline of 65 stages/);
  });
});

describe('routes', () => {
  it('keep the newest epoch, forget what was unused for longest, and are tried once more', () => {
    const routes = new Routes(2);
    routes.learn('a', { host: 'east', epoch: 5 });
    routes.learn('a', { host: 'west', epoch: 4 });
    expect(routes.to('a')).toEqual({ host: 'east', epoch: 5 });
    routes.learn('b', { host: 'east', epoch: 1 });
    routes.to('a');
    routes.learn('c', { host: 'east', epoch: 1 });
    expect([routes.size, routes.to('b')]).toEqual([2, null]);
    expect(routes.moved('a', 4, 1)).toBe('again'); // a newer one is known by now
    expect(routes.moved('a', 5, 1)).toBe('ask');
    expect(routes.to('a')).toBeNull();
    expect(routes.moved('a', 5, 2)).toBe('give-up');
  });
});

describe('an exchange', () => {
  const make = (): Exchange => new Exchange({ onReady: () => {}, onUndelivered: () => expect.unreachable() });

  it('goes on after a receiver threw, with the same message and with the others', () => {
    const exchange = make();
    const got: number[] = [];
    let breaks = true;
    exchange.attach('host:r/a', () => {
      if (breaks) throw new Error('broken');
      return got.push(1) > 0;
    });
    exchange.attach('host:r/b', () => got.push(2) > 0);
    exchange.send(said(1));
    exchange.send(said(2, { audience: 'host:r/b' }));
    expect(() => exchange.deliver(0)).toThrow('broken');
    breaks = false;
    exchange.deliver(0);
    expect(new Set(got)).toEqual(new Set([1, 2]));
    expect(exchange.waiting).toBe(0);
  });

  it('hands over what the receiver took, also when it sent something more urgent to itself meanwhile', () => {
    const exchange = make();
    const got: string[] = [];
    exchange.attach('host:r/a', ({ id: each }) => {
      if (got.push(each) === 1) exchange.send(said(2, { priority: 0 }));
      return true;
    });
    exchange.send(said(1, { priority: 3 }));
    exchange.deliver(0);
    exchange.deliver(0);
    expect(got).toEqual([id(1), id(2)]);
    expect(exchange.waiting).toBe(0);
  });

  it('does not deliver what expired before anybody came to look, from an address or a pool', () => {
    const expired: string[] = [];
    const exchange = new Exchange({
      onReady: () => {},
      onUndelivered: ({ audience }, { reason }) => expired.push(audience + reason),
    });
    for (const audience of ['host:r/a', 'sk.r.q.p']) exchange.send(said(1, { audience, ttl: 1000 }));
    exchange.attach('host:r/a', () => expect.unreachable());
    exchange.join('host:r/a', 'sk.r.q.p');
    exchange.deliver(3001);
    expect(expired).toEqual(['host:r/aexpired', 'sk.r.q.pexpired']);
    expect(exchange.waiting).toBe(0);
  });

  it('gives a member one copy, however often and by whichever way it joined', () => {
    const exchange = make();
    const got: string[] = [];
    exchange.attach('host:r/a', ({ audience }) => got.push(audience) > 0);
    const topic = `sk.r.t.${Said.type}`;
    for (const to of ['sk.r.g.g', 'sk.r.g.g', topic, `${topic}.3`]) exchange.join('host:r/a', to);
    for (const audience of ['sk.r.g.g', `${topic}.3`]) exchange.send(said(1, { audience }));
    exchange.deliver(0);
    expect(got).toEqual(['sk.r.g.g', `${topic}.3`]);
  });

  it('does not keep addresses that nobody uses', () => {
    const exchange = make();
    for (let n = 0; n < 140_000; n++) exchange.send(said(1, { audience: `sk.r.g.group${n}` }));
    expect(exchange.unheard).toBe(140_000);
    exchange.attach('host:r/a', () => true); // 131,072 addresses would be too many
  });

  it('refuses members of what has none, and members that are groups', () => {
    const exchange = make();
    expect(() => exchange.join('host:r/a', 'sk.r.h.b')).toThrow(/has no members/);
    expect(() => exchange.join('sk.r.g.a', 'sk.r.g.b')).toThrow(/no address of its own/);
  });
});
