import { expect, it } from 'vitest';
import type { Id, Priority } from '../../kernel/index.ts';
import type { Envelope } from '../../protocol/index.ts';
import { inProcessBus } from './bus.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function message(sequence: number, priority: Priority = 2): Envelope {
  // The bus reads the audience, the priority and the life time; the rest is the host's.
  return {
    id: String(sequence) as Id,
    audience: 'a',
    type: 'work.event.done.v1',
    priority,
    sequence,
    time: 0,
    ttl: 1000,
  } as Envelope;
}

it('refuses a second receiver for an address', () => {
  const bus = inProcessBus({ now: () => 0, onUndelivered: () => expect.unreachable() });
  bus.attach('a', () => true);
  expect(() => bus.attach('a', () => true)).toThrow(/already has a receiver/);
});

it('takes at most 256 messages to one audience in a turn, so that timers and I/O get theirs', async () => {
  const bus = inProcessBus({ now: () => 0, onUndelivered: () => expect.unreachable() });
  let got = 0;
  bus.attach('a', () => (got += 1) > 0);
  for (let n = 0; n < 1000; n++) bus.send(message(n));
  await turn();
  expect(got).toBe(256);
  for (let n = 0; n < 4; n++) await turn();
  expect(got).toBe(1000);
});
