import { expect, it } from 'vitest';
import type { Id, Priority } from '../../kernel/index.ts';
import type { Envelope, Refusal } from '../../protocol/index.ts';
import { inProcessBus } from './bus.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function message(sequence: number, priority: Priority = 2): Envelope {
  // The bus reads the audience and the priority; the rest is the host's.
  return { id: String(sequence) as Id, audience: 'a', type: 'work.event.done.v1', priority, sequence } as Envelope;
}

it('hands a message back with a reason when its audience has 64 Ki waiting, and still takes control messages', () => {
  const refused: [number, Refusal][] = [];
  const bus = inProcessBus({ onOverflow: ({ sequence }, refusal) => refused.push([sequence, refusal]) });
  for (let n = 0; n < 64 * 1024 - 1024; n++) bus.send(message(n));
  expect(refused).toEqual([]);
  bus.send(message(70_000));
  expect(refused).toEqual([[70_000, { reason: 'overloaded', detail: expect.stringContaining('send again') as unknown }]]);
  bus.send(message(70_001, 0));
  expect(refused).toHaveLength(1);
});

it('still offers urgent messages while bulk is refused', async () => {
  const bus = inProcessBus({ onOverflow: () => expect.unreachable() });
  const got: number[] = [];
  bus.attach('a', ({ sequence, priority }) => priority !== 3 && got.push(sequence) > 0);
  bus.send(message(1, 3));
  await turn();
  bus.send(message(2, 3));
  bus.send(message(3, 0));
  bus.send(message(4, 2));
  await turn();
  await turn();
  expect(got).toEqual([3, 4]);
});

it('refuses a second receiver for an address', () => {
  const bus = inProcessBus({ onOverflow: () => expect.unreachable() });
  bus.attach('a', () => true);
  expect(() => bus.attach('a', () => true)).toThrow(/already has a receiver/);
});

it('takes at most 256 messages to one audience in a turn, so that timers and I/O get theirs', async () => {
  const bus = inProcessBus({ onOverflow: () => expect.unreachable() });
  let got = 0;
  bus.attach('a', () => (got += 1) > 0);
  for (let n = 0; n < 1000; n++) bus.send(message(n));
  await turn();
  expect(got).toBe(256);
  for (let n = 0; n < 4; n++) await turn();
  expect(got).toBe(1000);
});
