import fc from 'fast-check';
import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { type Id, type Priority, seededRandom } from '../../kernel/index.ts';
import type { Bus } from '../../ports/index.ts';
import { defineContract, type Envelope, makeEnvelope } from '../../protocol/index.ts';
import { type NetworkFaults, SimNetwork } from './network.ts';
import { Timeline } from './timeline.ts';

const Note = defineContract('test.event.note.v1', Type.Object({ n: Type.Integer() }), { durability: 'ephemeral' });
const QUIET: NetworkFaults = { drop: 0, duplicate: 0, reorder: 0, damage: 0, messageDelayMax: 20 };

function note(n: number, priority: Priority = 1): Envelope {
  const id = n.toString(16).padStart(32, '0') as Id;
  return makeEnvelope(Note, { n }, { id, source: 'host:t/a', time: n, subject: 'note', audience: 'b', priority });
}

function world(seed: string, faults: Partial<NetworkFaults> = {}) {
  const timeline = new Timeline();
  const lost: string[] = [];
  const network = new SimNetwork({
    timeline,
    random: seededRandom(seed),
    faults: () => ({ ...QUIET, ...faults }),
    onLost: (why) => lost.push(why),
  });
  const heard: number[] = [];
  const [a, b]: [Bus, Bus] = [network.port('a'), network.port('b')];
  let takes = true;
  b.attach('b', (envelope) => {
    if (takes) heard.push((envelope.data as { n: number }).n);
    return takes;
  });
  const run = (): void => {
    while (timeline.step(Number.MAX_SAFE_INTEGER));
  };
  const send = (count: number): void => {
    for (let n = 1; n <= count; n++) a.send(note(n));
  };
  return { timeline, network, a, b, heard, lost, run, send, takes: (value: boolean) => (takes = value) };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1);

describe('the simulated network', () => {
  it('delivers everything once and in order where nothing goes wrong', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(50), (seed, count) => {
        const { send, run, heard } = world(seed);
        send(count);
        run();
        expect(heard).toEqual(upTo(count));
      }),
    );
  });

  it('loses, repeats and reorders as often as it is told, and says what it lost', () => {
    const dropped = world('d', { drop: 0.5 });
    dropped.send(400);
    dropped.run();
    expect(dropped.heard.length + dropped.lost.filter((why) => why === 'dropped').length).toBe(400);
    expect(dropped.lost.length).toBeGreaterThan(100);
    const doubled = world('2', { duplicate: 1 });
    doubled.send(50);
    doubled.run();
    expect(doubled.heard.toSorted((x, y) => x - y)).toEqual(upTo(50).flatMap((n) => [n, n]));
    const mixed = world('r', { reorder: 0.5 });
    mixed.send(50);
    mixed.run();
    expect(mixed.heard).not.toEqual(upTo(50));
    expect(mixed.heard.toSorted((x, y) => x - y)).toEqual(upTo(50));
  });

  it('never delivers what was damaged on the way', () => {
    const { send, run, heard, lost } = world('x', { damage: 1 });
    send(200);
    run();
    expect([heard, lost.length]).toEqual([[], 200]);
  });

  it('cuts one way only, as often as it was cut, and heals', () => {
    const { network, a, run, heard, send } = world('c');
    network.cut('b', 'a');
    network.cut('a', 'b');
    network.cut('a', 'b');
    network.mend('a', 'b');
    send(3);
    run();
    expect(heard).toEqual([]);
    network.mend('a', 'b');
    a.send(note(9));
    run();
    expect(heard).toEqual([9]);
    network.heal();
    expect(() => network.mend('b', 'a')).toThrow('is not cut');
  });

  it('holds back what a clogged link carries and loses none of it', () => {
    const { network, timeline, run, heard, send } = world('k');
    network.clog('a', 'b', 5000);
    send(3);
    while (timeline.step(4999));
    expect(heard).toEqual([]);
    run();
    expect(heard).toEqual([1, 2, 3]);
  });

  it('offers again what a receiver had no room for, and loses what arrives where nobody listens', () => {
    const { b, run, heard, lost, send, takes } = world('f');
    takes(false);
    send(3);
    run();
    takes(true);
    b.resume('b');
    run();
    expect(heard).toEqual([1, 2, 3]);
    b.detach('b');
    send(2);
    run();
    expect(lost).toEqual(['closed', 'closed']);
  });

  it('hands out what it carries frozen', () => {
    const { a, b, run } = world('z');
    const seen: Envelope[] = [];
    b.attach('b', (envelope) => {
      seen.push(envelope);
      return true;
    });
    a.send(note(1));
    run();
    expect(Object.isFrozen(seen[0]) && Object.isFrozen(seen[0]!.data)).toBe(true);
  });
});
